"""What the network is shown and does: films to fit on, edges to test on, and edges without one type after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.shapes import Bool, Float
from graphtwin.synthetic.fly.edges import ANGLES, KNOWN, all_edges
from graphtwin.synthetic.fly.eyes import TOGETHER, Eye
from graphtwin.synthetic.fly.settings import FlyConfig
from graphtwin.synthetic.function import FRAME_RATE_HZ, film

OUTPUTS = tuple(KNOWN)  # the eight subtypes of T4 and T5: each sends to one layer of the lobula plate


@dataclass(frozen=True)
class Shown:
    """Stimuli and what followed.

    Attributes:
        names: Name of each stimulus.
        light: Intensity that each photoreceptor sees, constant in a step.
        activity: Potential of every neuron at the end of each step.
        output: What each layer of the lobula plate is sent: mean of max(V, 0) over the cells of each subtype.
    """

    names: tuple[str, ...]
    light: Float[np.ndarray, "trials steps receptors"]
    activity: Float[np.ndarray, "trials steps neurons"]
    output: Float[np.ndarray, "trials steps outputs"]


def pooled(of: Eye, activity: Float[np.ndarray, "trials steps neurons"]) -> Float[np.ndarray, "trials steps outputs"]:
    """Mean of max(V, 0) over the cells of each of `OUTPUTS`."""
    members = (of.types == np.array(OUTPUTS, dtype=object)[:, None]).astype(np.float32)
    share = members / np.maximum(members.sum(axis=1, keepdims=True), 1)
    return np.maximum(activity, 0) @ share.T


def films_shown(of: Eye, config: FlyConfig) -> Shown:
    """Films of moving dead leaves."""
    frames = int(np.ceil(config.film_s * FRAME_RATE_HZ))
    films = np.stack([film("dead_leaves", config.seed, "fly", at, n_frames=frames) for at in range(config.films)])
    return _shown(of, films, tuple(f"film_{at:03d}" for at in range(config.films)), config.dt_s)


def edges_shown(of: Eye, config: FlyConfig) -> Shown:
    """Brighter and darker edges that move in twelve directions, which no trial of the source has."""
    names = tuple(f"{polarity}_{angle:03d}" for polarity in ("brighter", "darker") for angle in ANGLES)
    return _shown(of, all_edges(), names, config.dt_s)


def lesions_shown(
    of: Eye, edges: Shown, config: FlyConfig
) -> tuple[tuple[str, ...], Bool[np.ndarray, "lesions neurons"], Float[np.ndarray, "lesions trials steps outputs"]]:
    """Outputs during the same edges where all cells of a type are silenced from the first step on: of every type but T4 and T5.

    Returns:
        Names of the types, which neurons are silenced, and outputs.
    """
    names = tuple(name for name in of.lattice.types if name not in OUTPUTS)
    removed = of.types == np.array(names, dtype=object)[:, None]
    return names, removed, np.stack([pooled(of, _followed(of.without(gone), of, edges.light, config.dt_s)) for gone in removed])


def _shown(of: Eye, films: np.ndarray, names: tuple[str, ...], dt_s: float) -> Shown:
    """What a network does during films."""
    light = of.light(films, dt_s)
    activity = _followed(of, of, light, dt_s)
    return Shown(names, light, activity, pooled(of, activity))


def _followed(lesioned: Eye, whole: Eye, light: np.ndarray, dt_s: float) -> np.ndarray:
    """Potentials of all neurons, from the rest of the whole network on."""
    start, everyone = whole.at_rest(), np.arange(len(whole.bias))
    parts = [lesioned.follow(light[at : at + TOGETHER], dt_s, everyone, start) for at in range(0, len(light), TOGETHER)]
    activity = np.concatenate(parts)
    if not np.isfinite(activity).all():
        gone = int((~np.isfinite(activity).all(axis=(0, 1))).sum())
        raise FloatingPointError(f"The potentials of {gone} of {activity.shape[2]} neurons ran away. Take another network.")
    return activity
