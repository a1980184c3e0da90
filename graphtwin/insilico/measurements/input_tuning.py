"""Units of a circuit whose senses have no places: which inputs they answer, how strongly, and how that grows with strength.

An input takes the place that directions and places on a screen have elsewhere: each is given alone, up and down, and what raises a unit's
answer most is what the unit prefers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.insilico.measurements.noise_maps import NoiseMaps
from graphtwin.insilico.measurements.series_answers import answer_series, screen_of
from graphtwin.insilico.measurements.size_and_contrast import PatchConfig, describe_contrasts
from graphtwin.insilico.responders import Responder, State, inputs_of
from graphtwin.insilico.stimuli import Pulse


def single_pulses(responder: Responder, duration_s: float) -> list[Pulse]:
    """Each input of a responder alone, up and then down.

    Args:
        responder: Responder whose pixels are inputs without places.
        duration_s: Seconds of each.
    """
    return [Pulse(inputs=(name,), contrast=sign, duration_s=duration_s) for name in inputs_of(responder) for sign in (1.0, -1.0)]


def measure_input_contrasts(
    responder: Responder, config: PatchConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """How each unit's answer grows with the strength of the input that it prefers, one row a unit; NaN for a unit that none drives.

    Args:
        responder: Responder whose pixels are inputs.
        config: Strengths as contrasts, seconds; what is said of discs has no meaning here. None takes the defaults.
        state: State in which they are given.
        progress: Show a progress bar.

    Returns:
        preferred_input (its name, +NAME where input raises the answer, -NAME where its lack does), preferred_answer (what it adds at full
        contrast), c50 ... contrast_100 as of `measure_contrasts`.
    """
    config = config or PatchConfig()
    screen, pulses = screen_of(responder, config.contrast_sd), single_pulses(responder, config.duration_s)
    first = answer_series(responder, pulses, screen, config.onset_s, state, progress)
    added = first.mean - first.rest
    best = added.argmax(0)
    kinds, kind_of = np.unique(best, return_inverse=True)
    preferred = [pulses[at] for at in kinds.tolist()]
    shown = [one.model_copy(update={"contrast": one.contrast * contrast}) for one in preferred for contrast in config.contrasts]
    series = answer_series(responder, shown, screen, config.onset_s, state, progress)
    of_kinds = series.mean.reshape(len(kinds), len(config.contrasts), -1)
    answers = of_kinds[kind_of, :, np.arange(len(best))]
    driven = added.max(0) > 1e-6 * np.abs(first.mean).max(0)
    names = [f"{'+' if pulse.contrast > 0 else '-'}{pulse.inputs[0]}" for pulse in pulses]
    named = [names[at] if known else None for at, known in zip(best, driven, strict=True)]
    told = pd.DataFrame({"preferred_input": named, "preferred_answer": np.where(driven, added.max(0), np.nan)})
    answers[~driven] = np.nan
    return told.join(describe_contrasts(responder.name, answers, series.rest, config.contrasts))


def describe_inputs(maps: NoiseMaps, name: str = "responder") -> pd.DataFrame:
    """The inputs that each unit answers, one row a unit, from maps of noise in all inputs at once.

    Args:
        maps: Maps of a responder whose pixels are inputs.
        name: Name of the responder, for errors.

    Returns:
        strongest_input (name of the input of the largest gain, whatever its sign), input_gain (its gain, summed over lags, in the units of
        the answers per standard deviation of the noise), input_lag_s (lag at which the unit sees most of it), input_share (its share of
        the sum of squares of the unit's gains: 1 where a unit sees one input alone), gain_NAME (of every input).

    Examples:
        >>> told = graphtwin.insilico.describe_inputs(graphtwin.insilico.measure_noise_maps(wired))
        >>> told.columns.tolist()
        ['strongest_input', 'input_gain', 'input_lag_s', 'input_share', 'gain_a', 'gain_b', 'gain_c']
    """
    if not maps.inputs:
        raise ValueError(f"{name}: these maps are of places on a screen. Describe them with fit_fields.")
    by_lag = maps.linear.reshape(len(maps.linear), len(maps.lag_s), -1)
    gains = by_lag.sum(1)
    best = np.abs(gains).argmax(1)
    rows = np.arange(len(gains))
    power = gains**2
    known = np.abs(gains).max(1) > 0
    told = pd.DataFrame(
        {
            "strongest_input": [maps.inputs[at] if is_known else None for at, is_known in zip(best, known, strict=True)],
            "input_gain": np.where(known, gains[rows, best], np.nan),
            "input_lag_s": np.where(known, maps.lag_s[np.abs(by_lag[rows, :, best]).argmax(1)], np.nan),
            "input_share": np.divide(power.max(1), power.sum(1), out=np.full(len(gains), np.nan), where=known),
        }
    )
    return told.join(pd.DataFrame(gains, columns=[f"gain_{named}" for named in maps.inputs]))
