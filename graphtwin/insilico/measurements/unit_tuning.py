"""The tuning of a responder's units in one table: directions, sizes, contrasts, latencies, adaptation, and what a state changes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from graphtwin.insilico.measurements.adaptation import measure_adaptation
from graphtwin.insilico.measurements.adapted_tuning import measure_adapted_tuning
from graphtwin.insilico.measurements.direction_fits import fit_directions, selectivity_tests
from graphtwin.insilico.measurements.field_fits import fit_fields
from graphtwin.insilico.measurements.gratings import GratingConfig, describe_gratings, grating_responses, seen_as_they_are
from graphtwin.insilico.measurements.input_tuning import measure_input_contrasts
from graphtwin.insilico.measurements.latencies import measure_latencies
from graphtwin.insilico.measurements.noise_maps import measure_noise_maps
from graphtwin.insilico.measurements.size_and_contrast import measure_contrasts, measure_sizes
from graphtwin.insilico.measurements.state_dependence import StateConfig, measure_state_dependence
from graphtwin.insilico.measurements.still_gratings import measure_orientations
from graphtwin.insilico.responders import Responder, State, inputs_of, require_pictures_seen, state_channels

WHAT = ("direction", "size", "contrast", "latency", "adaptation", "adapter")
OF_SPACE = ("direction", "size", "adapter")  # what inputs without places have not
OF_TIME = ("latency", "adaptation", "adapter")  # what single pictures have not
log = logging.getLogger("graphtwin")


def tune_units(
    responder: Responder,
    what: Sequence[str] = ("direction",),
    state: State | None = None,
    gratings: GratingConfig | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Tuning of all units, one row a unit in the order of the answers; each unit's size and contrast at its field and its best grating.

    Args:
        responder: Responder whose units answer.
        what: What is measured. Size and contrast need direction and the fields that noise maps, which are then in the table as well. Of a
            responder whose inputs have no places contrast, latency and adaptation are measured, of the input that each unit prefers.
        state: State whose gain, shift and change of preference from rest are measured as well; None measures none.
        gratings: Settings of the full-field gratings, see `seen_as_they_are`; None takes the defaults.
        progress: Show progress bars.

    Returns:
        Columns of `measure_directions` (of single pictures `measure_orientations`), `fit_fields`, `measure_sizes`, `measure_contrasts` (of
        inputs without places `measure_input_contrasts`), `measure_latencies`, `measure_adaptation` (with a state what it adds to its
        indices), `measure_adapted_tuning` and `compare_states`, those that were asked for.

    Examples:
        >>> graphtwin.insilico.tune_units(responder)["orientation_deg"].shape
        (3,)
    """
    gratings = seen_as_they_are(gratings or GratingConfig(), [responder])
    unknown = sorted(set(what) - set(WHAT))
    if unknown:
        raise ValueError(f"what: {unknown[0]!r} is not measured. Give some of {', '.join(WHAT)}.")
    state_channels(responder, state, 1)  # a channel that is not there is told before anything is shown
    moves = bool(np.isfinite(responder.frame_rate_hz))
    lacking = [name for name in OF_TIME if name in what and not moves]
    if lacking:
        raise ValueError(f"{responder.name}: single pictures have no {lacking[0]}. Leave {lacking[0]} out, or give a responder to videos.")
    for name in OF_SPACE:
        if name in what:
            require_pictures_seen(responder, f"tuning to {name}" if name != "adapter" else "orientation that an adapter could shift")
    parts = [measure_input_contrasts(responder, progress=progress)] if "contrast" in what and inputs_of(responder) else []
    patches = {"size", "contrast"} & set(what) if not inputs_of(responder) else set()
    if patches or "direction" in what:
        parts.append((measure_directions if moves else measure_orientations)(responder, gratings, progress=progress))
        _tell_untuned(responder, parts[-1])
    if patches:
        parts.append(fit_fields(measure_noise_maps(responder, progress=progress), responder.name))
        preferred = pd.concat(parts, axis=1)
        sizes = measure_sizes(responder, preferred, progress=progress)
        preferred = preferred.join(sizes["preferred_size_deg"])
        parts += [sizes] * ("size" in what)
        parts += [measure_contrasts(responder, preferred, progress=progress)] if "contrast" in what else []
    if "latency" in what:
        parts.append(measure_latencies(responder))
    if "adaptation" in what:
        parts.append(_adaptation(responder, state, progress))
    if "adapter" in what:
        parts.append(measure_adapted_tuning(responder, progress=progress))
    if state:
        shown = StateConfig(directions=max(8, gratings.directions), cycles_per_degree=gratings.cycles_per_degree)
        parts.append(measure_state_dependence(responder, None, state, shown, progress))
    return pd.concat(parts, axis=1)


def _adaptation(responder: Responder, state: State | None, progress: bool) -> pd.DataFrame:
    """Adaptation at rest; beside each index what a state adds to it."""
    resting = measure_adaptation(responder, progress=progress)
    if not state:
        return resting
    indices = ["adaptation_index", "repetition_index"]
    changed = measure_adaptation(responder, state=state, progress=progress)[indices] - resting[indices]
    return pd.concat([resting, changed.add_suffix("_change")], axis=1)


def _tell_untuned(responder: Responder, table: pd.DataFrame) -> None:
    untuned = int(table["orientation_deg"].isna().sum())
    if untuned:
        log.warning(
            "%s: nothing is told of %d of %d units: they give the same answer to all gratings.", responder.name, untuned, len(table)
        )


def measure_directions(responder: Responder, config: GratingConfig | None = None, progress: bool = False) -> pd.DataFrame:
    """Direction and orientation tuning to drifting gratings with von Mises fits and tests of selectivity, one row a unit.

    Repeats of the tests are the spatial and temporal frequencies: a unit is selective where these agree on what it prefers.

    Args:
        responder: Responder to videos.
        config: Settings of the gratings; None takes the defaults.
        progress: Show a progress bar.

    Returns:
        gosi, gdsi, osi, dsi, direction_deg ... orientation_r2 (see `fit_directions`), orientation_p ... direction_q (see
        `selectivity_tests`), spatial_frequency_cpd, temporal_frequency_hz, f1_f0, direction_000_0 ... (see `measure_tuning`).
    """
    config = config or GratingConfig()
    answers = grating_responses(responder, config, progress)
    degrees = np.arange(config.directions) * 360.0 / config.directions
    by_unit = answers.mean.reshape(len(answers.mean), config.directions, -1).transpose(0, 2, 1)
    told = describe_gratings(answers, config).drop(columns=["preferred_orientation", "preferred_direction"])
    indices = ["gosi", "gdsi", "osi", "dsi"]
    return pd.concat(
        [told[indices], fit_directions(by_unit, degrees), selectivity_tests(by_unit, degrees), told.drop(columns=indices)], axis=1
    )
