"""Faults of whole recordings that show when responses are held against what the videos predict: no relation, another delay."""

from __future__ import annotations

import numpy as np

from graphtwin.checks.aligned import Aligned, align
from graphtwin.checks.digest import Digest
from graphtwin.checks.encoding import Encoded, Encoder, encode
from graphtwin.checks.fields import fields_at_an_edge, unseen_fields
from graphtwin.checks.finding import Finding
from graphtwin.checks.gaze import as_the_eye_saw
from graphtwin.checks.odd_trials import odd_trials
from graphtwin.checks.picture_blocks import picture_blocks
from graphtwin.execute import rng_for

ENOUGH_VIDEOS, ENOUGH_UNITS = 16, 50  # different stimuli and units from which a fit that says nothing says something
# Seconds from picture to response that cortex, indicator and microscope take together: 0.05 of light in V1, 0.5 where fluorescence is slow.
SHORTEST_S, LONGEST_S = 0.03, 0.5
NOTHING = 0.02  # p above which responses are called unrelated to all videos
PERMUTATIONS = 999


def misaligned(of: Digest) -> list[Finding]:
    """Everything that a comparison of responses with predictions shows."""
    of = as_the_eye_saw(of)
    both = align(of)
    if both is None:
        return []
    encoder, aligned = both
    nothing = unpredicted(encoder, aligned)
    if nothing:
        return nothing
    if of.pictures:
        return picture_blocks(encoder, aligned)
    return strange_delay(aligned) + odd_trials(encoder, aligned) + fields_at_an_edge(encoder, aligned) + unseen_fields(aligned)


def unpredicted(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Responses that fit no video better than any other; or that fit the video of some trials before."""
    p, agreement = _fit_of_all(aligned)
    # A small scan may be fitted too weakly to say that it is not fitted at all.
    if p <= NOTHING or len(np.unique(aligned.stimulus)) < ENOUGH_VIDEOS or len(aligned.of.chosen) < ENOUGH_UNITS:
        return []
    encoded = aligned.encoded
    for offset in (1, -1, 2, -2):
        moved = encode(encoder, encoded.lag, encoded.lags, encoded.told, offset)
        other = Aligned(aligned.of, moved, _plain(moved), aligned.step_s)
        p_there, there = _fit_of_all(other)
        if p_there < 1 / PERMUTATIONS and there > 3 * abs(agreement):
            return [
                Finding(
                    "trials are shifted",
                    "fault",
                    f"responses fit the video of the trial {abs(offset)} {'before' if offset > 0 else 'after'} theirs",
                    f"all {len(encoded.trials)} trials",
                    f"mean correlation {there:.3f} there, {agreement:.3f} with their own",
                    "a model learns other videos than were shown",
                    "move the responses to the trials they belong to",
                )
            ]
    return [
        Finding(
            "responses that no stimulus predicts",
            "fault",
            "a quick model of contrast and motion predicts responses to held-out stimuli no better than to others",
            f"{len(encoded.trials)} trials of {len(np.unique(aligned.stimulus))} stimuli, {len(aligned.of.chosen)} units",
            f"mean correlation {agreement:.4f}; p = {p:.3g} that stimuli dealt anew reach it ({PERMUTATIONS} permutations)",
            "a model of the stimulus learns noise: videos and responses do not belong together, or pictures are scrambled",
            "check that videos belong to these trials and how their axes are read",
        )
    ]


def _plain(encoded: Encoded) -> list[np.ndarray]:
    return [(one - one.mean(0)) / max(float(one.std()), 1e-9) if len(one) > 1 else one for one in encoded.predicted]


def _fit_of_all(aligned: Aligned) -> tuple[float, float]:
    """Probability that the prediction of one stimulus, dealt to another, does as well, and the mean correlation."""
    expected = _plain(aligned.encoded)
    length = min(len(one) for one in expected)
    stimuli, place = np.unique(aligned.stimulus, return_inverse=True)
    if len(stimuli) > 600:
        keep = rng_for(0, "stimuli judged").permutation(len(stimuli))[:600]
        rows = np.flatnonzero(np.isin(place, keep))
    else:
        rows = np.arange(len(place))
    _, place = np.unique(place[rows], return_inverse=True)
    first = np.array([rows[np.argmax(place == one)] for one in range(place.max() + 1)])
    told = np.stack([expected[at][:length].ravel() for at in first])
    came = np.stack(
        [
            np.mean([np.nan_to_num(aligned.encoded.answered[at][:length]) for at in rows[place == one]], axis=0).ravel()
            for one in range(len(first))
        ]
    )
    told, came = (one - one.mean(0) if length == 1 else one for one in (told, came))
    told, came = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9) for one in (told, came))
    correlations = told @ came.T
    observed = float(np.diag(correlations).mean())
    rng, at = rng_for(0, "stimuli dealt anew", len(first)), np.arange(len(first))
    reached = sum(float(correlations[at, rng.permutation(len(at))].mean()) >= observed for _ in range(PERMUTATIONS))
    return (1 + reached) / (1 + PERMUTATIONS), observed


def strange_delay(aligned: Aligned) -> list[Finding]:
    """Responses that come before their pictures, or later than cortex and indicator take."""
    told, lags = aligned.encoded.told, aligned.encoded.lags
    if len(told) < 6:
        return []
    rng = rng_for(0, "videos drawn for the delay", len(told))
    drawn = [lags[told[rng.integers(0, len(told), len(told))].sum(0).argmax()] * aligned.step_s for _ in range(400)]
    best, (low, high) = lags[told.sum(0).argmax()] * aligned.step_s, np.quantile(drawn, [0.005, 0.995])
    if SHORTEST_S - aligned.step_s / 2 <= high and low <= LONGEST_S + aligned.step_s / 2:
        return []
    return [
        Finding(
            "strange delay",
            "fault",
            f"responses follow the picture by {best:.2f} s",
            f"all {len(aligned.encoded.trials)} trials",
            f"99 % of draws of videos give {low:.2f} to {high:.2f} s; cortex and indicator take {SHORTEST_S:g} to {LONGEST_S:g} s",
            "a causal model cannot predict what comes before its picture, and a late answer lies beyond what its core remembers",
            f"move the responses by {0.2 - best:+.2f} s or so, or find which clock was used",
        )
    ]
