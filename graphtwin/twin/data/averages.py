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
    showings. The log tells what each tier holds, unless all are single trials.
    """
    declared = "n_repeats" in recording.trials
    counts = _declared(recording) if declared else np.ones(len(recording.trials))
    tiers, answered = recording.trials["tier"].astype(str).to_numpy(), recording.trials["has_responses"].to_numpy(bool)
    of_tier = {tier: np.flatnonzero(answered & (tiers == tier)) for tier in dict.fromkeys(tiers[answered])}
    found = {} if declared else {tier: _found(recording, rows) for tier, rows in of_tier.items()}
    if sum(fractions for _, fractions in found.values()) >= FEWEST_FRACTIONS:
        for tier, (showings, _) in found.items():
            counts[of_tier[tier]] = showings
    if any((counts[rows] > 1).any() for rows in of_tier.values()):
        said = ", ".join(f"tier {tier} holds {_said(counts[rows])}" for tier, rows in of_tier.items())
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


def _found(recording: Recording, rows: Int[np.ndarray, " trials"]) -> tuple[Float[np.ndarray, " trials"], int]:
    """Showings behind each trial of a tier, and the fractions that tell; 1 throughout and none where the tier holds no means of counts."""
    single = np.ones(len(rows)), 0
    pilot = rows[np.unique(np.linspace(0, len(rows) - 1, min(PILOT, len(rows))).astype(np.int64))]
    if not any(showings_in(recording.open_trial(int(row)).responses)[0] > 1 for row in pilot):
        return single
    told = np.array([showings_in(recording.open_trial(int(row)).responses) for row in rows])
    return (np.maximum(told[:, 0], 1).astype(np.float64), int(told[:, 1].sum())) if (told[:, 0] > 0).mean() >= SURE else single


def showings_in(responses: np.ndarray | None) -> tuple[int, int]:
    """The least n for which n times the responses are whole numbers, 0 where there is none, and how many of them are fractions."""
    values = np.ravel(np.zeros(0) if responses is None else responses)
    values = np.asarray(values[:: max(1, len(values) // MOST_VALUES)], dtype=np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    values = values[np.abs(values) < EXACT / MOST_SHOWINGS]
    fractions = int((np.abs(values - np.rint(values)) > ROUNDING).sum())
    for n in range(1, MOST_SHOWINGS + 1):
        whole = (np.abs(n * values - np.rint(n * values)) <= ROUNDING) & (np.rint(n * values) != 0)
        if whole.mean() >= SURE if len(values) else True:
            return n, fractions
    return 0, fractions


def _said(counts: Float[np.ndarray, " trials"]) -> str:
    """What a tier holds, in words."""
    means = counts > 1
    if not means.any():
        return f"{len(counts)} single trials"
    single = f" and {int((~means).sum())} single trials" if not means.all() else ""
    return f"{int(means.sum())} means of about {np.median(counts[means]):g} showings{single}"
