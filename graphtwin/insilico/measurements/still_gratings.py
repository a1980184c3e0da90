"""Static gratings shown to responders of single pictures, and the orientation tuning that their answers tell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.insilico.measurements.direction_fits import fit_directions, selectivity_tests
from graphtwin.insilico.measurements.gratings import GratingConfig
from graphtwin.insilico.measurements.series_answers import answer_series, screen_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.insilico.stimuli import StaticGrating, series
from graphtwin.tuning import describe_tuning

PHASES_DEG = (0.0, 90.0, 180.0, 270.0)  # phases at which every grating is shown


def measure_orientations(
    responder: Responder, config: GratingConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """Orientation tuning of all units to static gratings, one row a unit; NaN for a unit whose answers do not vary.

    Orientations are compared by the mean answer over spatial frequencies and phases, and a unit is selective where these agree.

    Args:
        responder: Responder whose units answer, of single pictures or of videos.
        config: Settings of the gratings, half as many orientations as directions; temporal frequencies are for drifting ones.
        state: State in which they are seen.
        progress: Show a progress bar.

    Returns:
        gosi, osi (see `describe_tuning`), orientation_deg, orientation_index, orientation_width_deg, orientation_r2 (see `fit_directions`),
        orientation_p, orientation_q (see `selectivity_tests`), spatial_frequency_cpd (geometric mean of those shown, weighted by the
        answers), orientation_000_0 ... (mean answers).
    """
    config = config or GratingConfig()
    degrees = np.arange(config.directions // 2) * 360.0 / config.directions
    cycles = config.cycles_per_degree
    stimuli = series(StaticGrating(), orientation_deg=degrees.tolist(), cycles_per_degree=list(cycles), phase_deg=list(PHASES_DEG))
    onset_s = config.onset_s if screen_of(responder).shows_movies else 0.0
    answers = answer_series(responder, stimuli, screen_of(responder, config.contrast_sd), onset_s, state, progress).driven
    by_unit = answers.T.reshape(-1, len(degrees), len(cycles) * len(PHASES_DEG)).transpose(0, 2, 1)  # units, repeats, orientations
    around = np.r_[degrees, degrees + 180]
    both = np.tile(by_unit, 2)  # an orientation stands for both of its directions
    fitted, tested = fit_directions(both, around), selectivity_tests(both, around)
    mean = by_unit.mean(1)
    of_cycles = by_unit.reshape(len(by_unit), len(cycles), -1).mean(2)
    total = of_cycles.sum(1, keepdims=True)
    share = np.divide(of_cycles, total, out=np.full(of_cycles.shape, np.nan), where=total > 0)
    flat = pd.Series(fitted["orientation_deg"].isna())
    tuned = describe_tuning(np.where(flat.to_numpy()[:, None], np.nan, np.tile(mean, 2)), around)[["gosi", "osi"]].mask(flat, axis=0)
    names = [f"orientation_{angle:05.1f}".replace(".", "_") for angle in degrees]
    return pd.concat(
        [
            tuned,
            fitted[[column for column in fitted if column.startswith("orientation")]],
            tested[["orientation_p", "orientation_q"]],
            pd.DataFrame({"spatial_frequency_cpd": np.exp(share @ np.log(cycles))}),
            pd.DataFrame(mean, columns=names),
        ],
        axis=1,
    )
