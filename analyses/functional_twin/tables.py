"""The tables of the study, from sums and fits that are saved: generalisation, transfer, cores, families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from fits import Fit, Study
from jaxtyping import Float

from graphtwin.sources.formats import Recording
from graphtwin.statistics import percentile_interval
from graphtwin.twin.scores import StimulusSums, all_scores, draws, median_of, score_kinds

MOVIES = "dead_leaves"
LEAST_CEILING = 0.3  # least cc_max: units that answer a kind of stimulus less reliably are left out of that kind's medians
FAMILIES = ("poisson", "gaussian", "negative_binomial", "zero_inflated_gamma")


def generalisation(study: Study, fits: dict[str, Fit], recording: Recording) -> pd.DataFrame:
    """Every score of each twin on every kind of stimulus: a row a twin, kind and score."""
    tables = []
    for name, fit in fits.items():
        sums, stimuli = study.sums(fit, recording, everything=True)
        tables.append(score_kinds(sums, stimuli, frozenset([MOVIES]), LEAST_CEILING).assign(twin=name))
    return pd.concat(tables, ignore_index=True)


def compared(study: Study, fits: dict[Any, Fit], recording: Recording, key: str) -> pd.DataFrame:
    """Each fit on movies and gratings, and what it cost: a row a fit, kind and score."""
    tables = []
    for name, fit in fits.items():
        sums, stimuli = study.sums(fit, recording)
        cost = {"core_seconds": fit.core_seconds, "steps": fit.steps, "frames_per_core_second": fit.frames_per_core_second}
        cost["core_parameters"] = fit.core_parameters
        tables.append(score_kinds(sums, stimuli, frozenset([MOVIES]), LEAST_CEILING).assign(**{key: name}, **cost))
    return pd.concat(tables, ignore_index=True)


def differences(
    study: Study, pairs: dict[Any, tuple[Fit, Fit]], recording: Recording, key: str, scores: Sequence[str] = ("cc_norm",)
) -> pd.DataFrame:
    """Median over units of the first fit's score less the second's, on the same units and the same resamples of stimuli."""
    rows = []
    for name, (one, other) in pairs.items():
        (sums, stimuli), (others, _) = study.sums(one, recording), study.sums(other, recording)
        for kind in dict.fromkeys(stimuli["kind"]):
            chosen = (stimuli["kind"] == kind).to_numpy(bool)
            rows += [{key: name, "kind": kind, "score": score, **difference(sums.of(chosen), others.of(chosen), score)} for score in scores]
    return pd.DataFrame(rows)


def difference(one: StimulusSums, other: StimulusSums, score: str) -> dict[str, float]:
    """The median paired difference with both intervals, and the share of units that the first predicts better."""
    every = np.ones(len(one.n))
    found = all_scores(one, every)
    kept = ~(found["cc_max"] < LEAST_CEILING)
    apart = _apart(one, other, every, score)
    kept &= np.isfinite(apart)
    again = [np.nanmedian(_apart(one, other, weight, score)[kept]) for weight in draws(len(one.n), 0)] if len(one.n) > 1 else [np.nan]
    low, high = percentile_interval(np.array(again), len(one.n) - 1.0)
    better = float((apart[kept] > 0).mean())
    return {"n_units": int(kept.sum()), **median_of(apart[kept]), "stimuli_low": low, "stimuli_high": high, "share_better": better}


def _apart(one: StimulusSums, other: StimulusSums, weight: Float[np.ndarray, " stimuli"], score: str) -> Float[np.ndarray, " units"]:
    return np.asarray(all_scores(one, weight)[score] - all_scores(other, weight)[score])
