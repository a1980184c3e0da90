"""How many showings of a stimulus each trial of a recording is the mean of: declared by the recording, or found where responses are counts.

A mean of n showings has an n-th of the noise of a single trial. Weighed by n it says what the single trials would; taken for a single
trial it spoils every score that asks how noisy one is.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from graphtwin.sources.formats import Recording

MOST_SHOWINGS = 64  # means of more showings are not found
PILOT = 8  # trials of a tier that tell whether the others are looked at
SURE = 0.9  # share of values, and of a tier's trials, that must be fractions of one whole number each
FEWEST_FRACTIONS = 20  # fractions in all tiers together without which nothing is found
MOST_VALUES = 4096  # values of a trial that are looked at
ROUNDING = 1e-3  # distance from a whole number that rounding makes
EXACT = 2.0**20  # numbers beyond are too coarse in 32 bits to be told from whole ones
log = logging.getLogger("graphtwin")


def with_showings(recording: Recording) -> Recording:
    """The recording with the number of showings behind every trial, `n_repeats`, in its trials: 1 where a trial is single.

    Numbers that the recording declares are taken as they are. Otherwise means of counts are found: a tier holds means where 9 in 10 of its
    trials have responses that times some whole number n up to 64 are whole, and not whole themselves; the least such n is the number of
    showings. A trial that is 0 throughout tells no n, and has the median of its tier. The log tells what each tier holds, unless all are
    single trials.
    """
    declared = "n_repeats" in recording.trials
    counts = _declared(recording) if declared else np.ones(len(recording.trials))
    tiers, answered = recording.trials["tier"].astype(str).to_numpy(), recording.trials["has_responses"].to_numpy(bool)
    of_tier = {tier: np.flatnonzero(answered & (tiers == tier)) for tier in dict.fromkeys(tiers[answered])}
    found = {} if declared else {tier: _found(recording, rows) for tier, rows in of_tier.items()}
    silent = dict.fromkeys(of_tier, 0)
    if sum(fractions for _, fractions, _ in found.values()) >= FEWEST_FRACTIONS:
        for tier, (showings, _, without) in found.items():
            counts[of_tier[tier]], silent[tier] = showings, without
    if any((counts[rows] > 1).any() for rows in of_tier.values()):
        said = ", ".join(f"tier {tier} holds {_said(counts[rows], silent[tier])}" for tier, rows in of_tier.items())
        log.info("%s: %s (%s).", recording.name, said, "declared by n_repeats" if declared else "found: fractions of whole numbers")
    return replace(recording, trials=recording.trials.assign(n_repeats=counts))


def _declared(recording: Recording) -> Float[np.ndarray, " trials"]:
    """The numbers that a recording declares; an error where they are no numbers of showings."""
    counts = recording.trials["n_repeats"].to_numpy(np.float64)
    wrong = ~(np.isfinite(counts) & (counts >= 1))
    if wrong.any():
        raise ValueError(
            f"{recording.name}: n_repeats is below 1 or no number in {int(wrong.sum())} of {len(counts)} trials (first "
            f"{recording.trials['trial'].iloc[int(wrong.argmax())]}: {counts[wrong][0]:g}). It counts the showings that a trial is the "
            "mean of: 1 for a single trial."
        )
    return counts


def _found(recording: Recording, rows: Int[np.ndarray, " trials"]) -> tuple[Float[np.ndarray, " trials"], int, int]:
    """Showings behind each trial of a tier, the fractions that tell, and how many trials are 0 throughout: these have the median.

    1 throughout and none of both where the tier holds no means of counts.
    """
    single = np.ones(len(rows)), 0, 0
    pilot = rows[np.unique(np.linspace(0, len(rows) - 1, min(PILOT, len(rows))).astype(np.int64))]
    if not any(showings_in(recording.open_trial(int(row)).responses)[0] > 1 for row in pilot):
        return single
    told = np.array([showings_in(recording.open_trial(int(row)).responses) for row in rows])
    if (told[:, 0] > 0).mean() < SURE:
        return single
    showings, silent = np.maximum(told[:, 0], 1).astype(np.float64), told[:, 2] == 0
    showings[silent] = np.median(showings[~silent])
    return showings, int(told[:, 1].sum()), int(silent.sum())


def showings_in(responses: np.ndarray | None) -> tuple[int, int, int]:
    """The least n for which n times the responses are whole numbers, 0 where there is none; how many are fractions; how many are not 0."""
    values = np.ravel(np.zeros(0) if responses is None else responses)
    values = np.asarray(values[:: max(1, len(values) // MOST_VALUES)], dtype=np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    values = values[np.abs(values) < EXACT / MOST_SHOWINGS]
    fractions = int((np.abs(values - np.rint(values)) > ROUNDING).sum())
    for n in range(1, MOST_SHOWINGS + 1):
        whole = (np.abs(n * values - np.rint(n * values)) <= ROUNDING) & (np.rint(n * values) != 0)
        if whole.mean() >= SURE if len(values) else True:
            return n, fractions, len(values)
    return 0, fractions, len(values)


def _said(counts: Float[np.ndarray, " trials"], silent: int) -> str:
    """What a tier holds, in words; `silent` of its trials are 0 throughout."""
    means = counts > 1
    if not means.any():
        return f"{len(counts)} single trials"
    single = f" and {int((~means).sum())} single trials" if not means.all() else ""
    taken = f"; of the {silent} that are 0 throughout nobody can tell, and they count as the others do" if silent else ""
    return f"{int(means.sum())} means of about {np.median(counts[means]):g} showings{single}{taken}"
