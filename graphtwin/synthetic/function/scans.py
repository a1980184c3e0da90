"""Scans of a simulated animal: which neurons are units of which scan, and what narrow scans of single depths say about direction.

The main scan (session 1, scan 1) holds neurons of all depths. Sessions 2, 3, ... are narrow scans whose depths overlap, so that some nuclei
are several units; what was measured then differs by gain and noise of the scan, which is the scan confound.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import schema
from graphtwin.execute import rng_for, threads
from graphtwin.synthetic.function.preferences import Tuning
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, N_DIRECTIONS, grating_film
from graphtwin.synthetic.function.visual_responder import responder, visual_rates

DIRECTIONS_DEG = np.arange(N_DIRECTIONS) * 360.0 / N_DIRECTIONS  # directions of drift: 0 right, 90 up
GRATING_FRAMES, ONSET_FRAMES = 60, 10  # each direction is shown for 2 s; the answer to its onset is left out
GRATING_CPD, GRATING_HZ = 0.045, 2.6  # cycles a degree and a second: the medians of what neurons prefer (`preferences.PARAMETERS`)
PLANES, NARROW_PLANES = 8, 4  # imaging planes of the main scan and of a narrow one
EXCITATORY, INHIBITORY = 0.9, 0.35  # share of neurons of each class that are units of the main scan: most recorded cells are excitatory
# Depth that a narrow scan spans, and the share of it that the next one has too: some nuclei are several units.
THICKNESS_UM, OVERLAP = 120.0, 0.3
SEEN = 0.7  # share of neurons in the depth of a narrow scan that are its units, over that share in the main scan
SHIFT_UM = 2.0  # SD of a unit's measured position about its nucleus
COLUMNS = [
    "session",
    "scan_idx",
    "unit_id",
    "nucleus_id",
    "field",
    "x_um",
    "depth_um",
    "z_um",
    "brain_area",
    "layer",
    "kind",
    "coregistered",
]


class ScanConfig(BaseModel):
    """How an animal is scanned: narrow scans of directions, what of them is coregistered, and how scans differ."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    depth_scans: int = Field(4, ge=0, description="Narrow scans of direction tuning, from top to bottom of the cortex.")
    coregistered: float = Field(0.8, gt=0, le=1, description="Share of units that are matched with a nucleus of the EM volume.")
    repeats: int = Field(10, ge=1, description="How often each direction is shown in a narrow scan.")
    scan_gain: float = Field(
        0.3, ge=0, description="Standard deviation of a scan's log gain, direction by direction and altogether: 0 makes scans alike."
    )
    scan_noise: float = Field(
        0.15, ge=0, description="What a scan's state adds to every unit's answer to a direction: standard deviation, in mean answers."
    )


def scan_units(neurons: pd.DataFrame, config: ScanConfig, seed: int, animal: int) -> pd.DataFrame:
    """The units of all scans of an animal.

    Args:
        neurons: Neurons of the animal: nucleus_id, brain_area, layer, cell_class, x_um, depth_um, z_um.
        config: How the animal is scanned.
        seed: Seed of the run.
        animal: Number of the animal.

    Returns:
        A table with columns session, scan_idx, unit_id (1, 2, ... in each scan), nucleus_id (the truth), field (imaging plane, 1 the
        highest), x_um, depth_um, z_um (as measured), brain_area, layer, kind ("video", or "directions" for narrow scans), coregistered.
    """
    schema.require_columns(neurons, ["nucleus_id", "brain_area", "layer", "cell_class", *schema.POSITION], "neurons to scan")
    depth = neurons["depth_um"].to_numpy(np.float64)
    rng = rng_for(seed, "units", animal, 1)
    share = np.where(neurons["cell_class"] == "excitatory", EXCITATORY, INHIBITORY)
    scans = [_scan(neurons, rng.random(len(neurons)) < share, 1, "video", PLANES, config, rng)]
    step = THICKNESS_UM * (1 - OVERLAP)
    span = step * max(config.depth_scans - 1, 0) + THICKNESS_UM
    top = max(0.0, (depth.min() + depth.max() - span) / 2) if len(depth) else 0.0
    for number in range(config.depth_scans):
        rng = rng_for(seed, "units", animal, number + 2)
        within = (depth >= top + number * step) & (depth < top + number * step + THICKNESS_UM)
        chosen = within & (rng.random(len(neurons)) < SEEN * share)
        scans.append(_scan(neurons, chosen, number + 2, "directions", NARROW_PLANES, config, rng))
    return pd.concat(scans, ignore_index=True)


def direction_responses(units: pd.DataFrame, tuning: Tuning, config: ScanConfig, seed: int, animal: int) -> pd.DataFrame:
    """Mean deconvolved activity of units to 16 directions of drift, as each scan measured it.

    y = amplitude g_s exp(u_sd) (r_d + n_sd mean of r) with Poisson events over the repeats: g_s and u_sd are the scan's gain, altogether
    and of each direction; n_sd its state while a direction was shown, which moves all of its units alike.

    Args:
        units: Units of any scans, as `scan_units` draws them.
        tuning: Tuning of the animal's neurons.
        config: How the animal is scanned.
        seed: Seed of the run.
        animal: Number of the animal.

    Returns:
        A table with columns session, scan_idx, unit_id, direction_000_0, direction_022_5, ..., direction_337_5.
    """
    nuclei = np.unique(units["nucleus_id"])
    table = tuning.table.set_index("nucleus_id").loc[nuclei].reset_index()
    rates = grating_rates(table)
    tables = []
    for (session, scan), rows in units.groupby(["session", "scan_idx"]):
        rng = rng_for(seed, "direction responses", animal, f"{session}-{scan}")
        place = np.searchsorted(nuclei, rows["nucleus_id"])
        gain = np.exp(config.scan_gain * (rng.standard_normal() + 0.5 * rng.standard_normal(N_DIRECTIONS)))
        state = config.scan_noise * np.abs(rng.standard_normal(N_DIRECTIONS))
        mean = gain * (rates[place] + state * rates[place].mean(1, keepdims=True))
        seconds = config.repeats * (GRATING_FRAMES - ONSET_FRAMES) / FRAME_RATE_HZ
        seen = 1 - table["missed"].to_numpy()[place, None]
        measured = rng.poisson(mean * seen * seconds) / seconds * table["amplitude"].to_numpy()[place, None] / FRAME_RATE_HZ
        named = pd.DataFrame(measured, columns=direction_columns(), index=rows.index)
        tables.append(rows[schema.UNIT_KEY].join(named))
    return (
        pd.concat(tables).sort_index().reset_index(drop=True) if tables else pd.DataFrame(columns=[*schema.UNIT_KEY, *direction_columns()])
    )


def grating_rates(table: pd.DataFrame) -> Float[np.ndarray, "neurons directions"]:
    """Noise-free events a second to each direction of a drifting grating.

    Args:
        table: Rows of `Tuning.table`.
    """
    shown = [grating_film(direction, GRATING_CPD, GRATING_HZ, GRATING_FRAMES) for direction in DIRECTIONS_DEG]
    with threads(1):  # sums of several threads differ in their last digit
        of = responder(table)
        return np.stack([visual_rates(of, frames)[:, ONSET_FRAMES:].mean(1) for frames in shown], axis=1)


def direction_columns() -> list[str]:
    """Names of the columns of directions, direction_000_0 to direction_337_5."""
    return [f"direction_{direction:05.1f}".replace(".", "_") for direction in DIRECTIONS_DEG]


def _scan(
    neurons: pd.DataFrame, chosen: np.ndarray, session: int, kind: str, n_planes: int, config: ScanConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """One scan's units, numbered from plane to plane as segmentation finds them."""
    found = neurons[chosen]
    depth = found["depth_um"].to_numpy(np.float64)
    plane = (
        np.searchsorted(np.quantile(depth, np.arange(1, n_planes) / n_planes), depth, side="right") + 1 if len(depth) else depth.astype(int)
    )
    order = np.lexsort((rng.random(len(found)), plane))
    found, plane = found.iloc[order], plane[order]
    measured = found[schema.POSITION].to_numpy(np.float64) + SHIFT_UM * rng.standard_normal((len(found), 3))
    units = found[["nucleus_id", "brain_area", "layer"]].reset_index(drop=True)
    units = units.assign(session=session, scan_idx=1, unit_id=np.arange(1, len(units) + 1), field=plane.astype(np.int64), kind=kind)
    units[schema.POSITION] = measured
    units["coregistered"] = rng.random(len(units)) < config.coregistered
    return units[COLUMNS]
