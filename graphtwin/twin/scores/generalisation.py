"""How well a twin does on each kind of stimulus, those it never saw among them: medians over units, with two intervals.

Units are one source of chance, stimuli the other: the few clips of a kind, each with its repeats, decide what noise allows and what is
asked. Resampling one says nothing of the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, percentile_interval, resample_units
from graphtwin.twin.data import Clips
from graphtwin.twin.scores.unit_scores import SCORES, StimulusSums, all_scores

REPLICATES = 400  # resamples of units behind an interval, and half as many of stimuli, which cost more


def stimuli_of(clips: Clips) -> pd.DataFrame:
    """One row a stimulus in the order of `clips.repeats()`: stimulus, kind, tier, n_repeats (showings, those that a mean is of counted)."""
    trials = clips.recording.trials
    counts = trials["n_repeats"].to_numpy()
    shown = [(name, *trials.loc[trials.index[rows[0]], ["kind", "tier"]], counts[rows].sum()) for name, rows in clips.repeats().items()]
    return pd.DataFrame(shown, columns=["stimulus", "kind", "tier", "n_repeats"])


def score_kinds(
    sums: StimulusSums, stimuli: pd.DataFrame, trained: frozenset[str] = frozenset(), least_ceiling: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """One row a kind of stimulus and score, see `medians`: kind, trained_on, n_stimuli, n_repeats, score, ...

    Args:
        sums: Sums of the stimuli, a row each.
        stimuli: Table of the stimuli, as `stimuli_of` makes it, in the order of the sums.
        trained: Kinds that the twin was trained on, with other clips.
        least_ceiling: Units whose cc_max on that kind is below it are left out of its medians.
        seed: Seed of the intervals.
    """
    tables = []
    for kind, group in stimuli.groupby("kind", sort=False):
        chosen = (stimuli["kind"] == kind).to_numpy(bool)
        table = pd.DataFrame(medians(sums.of(chosen), least_ceiling, seed))
        shown = {"kind": kind, "trained_on": kind in trained, "n_stimuli": len(group), "n_repeats": group["n_repeats"].median()}
        for place, (name, value) in enumerate(shown.items()):
            table.insert(place, name, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def medians(sums: StimulusSums, least_ceiling: float = 0.0, seed: int = 0) -> Iterator[dict[str, object]]:
    """The median of every score over units that have it, with 95 % intervals over resampled units and over resampled stimuli.

    Yields:
        score, n_units, median, units_low, units_high, stimuli_low, stimuli_high (NaN below two stimuli).
    """
    found = all_scores(sums, np.ones(len(sums.n)))
    kept = ~(found["cc_max"] < least_ceiling)  # an unknown ceiling leaves nobody out
    again = [all_scores(sums, weight) for weight in draws(len(sums.n), seed)] if len(sums.n) > 1 else []
    for name in SCORES:
        here = kept & np.isfinite(found[name])
        samples = np.array([_median_of_known(sample[name][here]) for sample in again])
        yield {
            "score": name,
            "n_units": int(here.sum()),
            **median_of(found[name][here], seed),
            **dict(zip(("stimuli_low", "stimuli_high"), percentile_interval(samples, len(sums.n) - 1.0), strict=True)),
        }


def median_of(values: Float[np.ndarray, " units"], seed: int = 0) -> dict[str, float]:
    """Median and the ends of its 95 % interval over resampled units; NaN without any."""
    if not len(values):
        return dict.fromkeys(("median", "units_low", "units_high"), float("nan"))
    median = resample_units(np.median, values, rng_for(seed, "resampled units"), REPLICATES)
    low, high = median.interval()
    return {"median": median.estimate, "units_low": low, "units_high": high}


def draws(n_stimuli: int, seed: int) -> Float[np.ndarray, "replicates stimuli"]:
    """How often each stimulus counts in each resample."""
    return draw_counts(rng_for(seed, "resampled stimuli"), n_stimuli, REPLICATES // 2)


def _median_of_known(values: np.ndarray) -> float:
    """Median of the values that are no NaN; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
