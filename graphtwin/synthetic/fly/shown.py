"""What the network is shown and does: films and pulses to fit on, edges to test on, and edges without one type after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.shapes import Bool, Float
from graphtwin.synthetic.fly.edges import ANGLES, KNOWN, all_edges
from graphtwin.synthetic.fly.eyes import GREY, RECEPTORS, TOGETHER, Eye
from graphtwin.synthetic.fly.settings import FlyConfig
from graphtwin.synthetic.function import FRAME_RATE_HZ, film

OUTPUTS = tuple(KNOWN)  # the eight subtypes of T4 and T5: each sends to one layer of the lobula plate
PULSES = ((0.1, 0.3, 1.0), (0.6, 0.8, 0.5))  # begin and end of the pulses of a trial, as shares of it, and their current over the largest


@dataclass(frozen=True)
class Shown:
    """Stimuli and what followed.

    Attributes:
        names: Name of each stimulus.
        light: Intensity that each photoreceptor sees, constant in a step.
        current: What is put into every neuron beside light.
        activity: Potential of every neuron at the end of each step.
        output: What each layer of the lobula plate is sent: mean of max(V, 0) over the cells of each subtype.
    """

    names: tuple[str, ...]
    light: Float[np.ndarray, "trials steps receptors"]
    current: Float[np.ndarray, "trials steps neurons"]
    activity: Float[np.ndarray, "trials steps neurons"]
    output: Float[np.ndarray, "trials steps outputs"]


def pooled(of: Eye, activity: Float[np.ndarray, "trials steps neurons"]) -> Float[np.ndarray, "trials steps outputs"]:
    """Mean of max(V, 0) over the cells of each of `OUTPUTS`."""
    members = (of.types == np.array(OUTPUTS, dtype=object)[:, None]).astype(np.float32)
    share = members / np.maximum(members.sum(axis=1, keepdims=True), 1)
    return np.maximum(activity, 0) @ share.T


def trials_shown(of: Eye, config: FlyConfig, recorded: Sequence[str]) -> Shown:
    """Films of moving dead leaves; films that one type of photoreceptors sees, in the dark for all others; and pulses of current in grey.

    Args:
        of: The network.
        config: How much of each.
        recorded: Types that are recorded: those but photoreceptors, T4 and T5 get pulses, all cells of one type in a trial.
    """
    frames = int(np.ceil(config.film_s * FRAME_RATE_HZ))
    here = [name for name in RECEPTORS if name in of.lattice.types]
    n_films = config.films + config.alone * len(here)
    films = np.stack([film("dead_leaves", config.seed, "fly", at, n_frames=frames) for at in range(n_films)])
    light, names = of.light(films, config.dt_s), [f"film_{at:03d}" for at in range(config.films)]
    for at in range(config.films, n_films):
        kind = here[(at - config.films) % len(here)]
        light[at, :, of.types[of.receptor] != kind] = 0
        names.append(f"{kind}_alone_{at:03d}")
    pulsed = [name for name in recorded if config.pulses and name not in (*RECEPTORS, *OUTPUTS)]
    light = np.concatenate([light, np.full((len(pulsed), *light.shape[1:]), GREY, np.float32)])
    current = np.zeros((*light.shape[:2], len(of.bias)), np.float32)
    for at, kind in enumerate(pulsed, start=n_films):
        for begin, end, share in PULSES:
            steps = slice(round(begin * light.shape[1]), round(end * light.shape[1]))
            current[at, steps, of.types == kind] = config.pulses * share
    return _shown(of, light, current, (*names, *(f"pulses_{kind}" for kind in pulsed)), config.dt_s)


def edges_shown(of: Eye, config: FlyConfig) -> Shown:
    """Brighter and darker edges that move in twelve directions, which no trial of the source has."""
    names = tuple(f"{polarity}_{angle:03d}" for polarity in ("brighter", "darker") for angle in ANGLES)
    light = of.light(all_edges(), config.dt_s)
    return _shown(of, light, np.zeros((*light.shape[:2], len(of.bias)), np.float32), names, config.dt_s)


def lesions_shown(
    of: Eye, edges: Shown, config: FlyConfig
) -> tuple[tuple[str, ...], Bool[np.ndarray, "lesions neurons"], Float[np.ndarray, "lesions trials steps outputs"]]:
    """Outputs during the same edges where all cells of a type are silenced from the first step on: of every type but T4 and T5.

    Returns:
        Names of the types, which neurons are silenced, and outputs.
    """
    names = tuple(name for name in of.lattice.types if name not in OUTPUTS)
    removed = of.types == np.array(names, dtype=object)[:, None]
    return (
        names,
        removed,
        np.stack([pooled(of, _followed(of.without(gone), of, edges.light, edges.current, config.dt_s)) for gone in removed]),
    )


def _shown(of: Eye, light: np.ndarray, current: np.ndarray, names: tuple[str, ...], dt_s: float) -> Shown:
    """What a network does."""
    activity = _followed(of, of, light, current, dt_s)
    return Shown(names, light, current, activity, pooled(of, activity))


def _followed(lesioned: Eye, whole: Eye, light: np.ndarray, current: np.ndarray, dt_s: float) -> np.ndarray:
    """Potentials of all neurons, from the rest of the whole network on."""
    start, everyone = whole.at_rest(), np.arange(len(whole.bias))
    parts = [slice(at, at + TOGETHER) for at in range(0, len(light), TOGETHER)]
    activity = np.concatenate([lesioned.follow(light[part], dt_s, everyone, start, current[part]) for part in parts])
    if not np.isfinite(activity).all():
        gone = int((~np.isfinite(activity).all(axis=(0, 1))).sum())
        raise FloatingPointError(f"The potentials of {gone} of {activity.shape[2]} neurons ran away. Take another network.")
    return activity
