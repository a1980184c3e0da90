"""Receptive fields that lie beside the video: they pile up at its edge, or nothing in it predicts units that answer reliably."""

from __future__ import annotations

import numpy as np

from graphtwin.checks.aligned import Aligned, unit_correlations
from graphtwin.checks.encoding import Encoder
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.repeats import repeated

RELIABLE = 0.15  # correlation of the means of two halves of the repeats, from which a unit is said to see the stimulus
UNSEEN = 0.2  # share of such units that nothing predicts, above which their fields are taken to lie beside the video
EDGE = 0.35  # share of fields at one edge above which they are taken to lie beside it


def fields_at_an_edge(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Fields that pile up at an edge of the video: they lie beside it."""
    places = aligned.encoded.places
    correlation = unit_correlations(aligned)
    seen = correlation > np.median(correlation)
    peaks = places[seen].reshape(int(seen.sum()), -1).argmax(1)
    row, column = np.divmod(peaks, places.shape[2])
    shares = {
        "left": (column == 0).mean(),
        "right": (column == places.shape[2] - 1).mean(),
        "top": (row == 0).mean(),
        "bottom": (row == places.shape[1] - 1).mean(),
    }
    side, share = max(shares.items(), key=lambda item: item[1])
    even = 1 / places.shape[2 if side in ("left", "right") else 1]
    if share < EDGE or seen.sum() < 20:
        return []
    return [
        Finding(
            "fields beside the monitor",
            "fault",
            f"{share:.0%} of the fields lie at the {side} edge of the video",
            f"{int(seen.sum())} units that are predicted best",
            f"an even spread has {even:.0%} there; {EDGE:.0%} is the limit",
            "fields beside the video are placed at its edge, and what these units see is not in the video",
            "check the monitor and how its picture was cut out, or leave these units out",
        )
    ]


def unseen_fields(aligned: Aligned) -> list[Finding]:
    """Units that answer to repeats alike, so that they see the stimulus, and that nothing in the video predicts."""
    of = aligned.of
    groups = [group for group in repeated(of) if len(group) >= 4]
    if len(groups) < 3:
        return []
    reliability = np.zeros(len(of.chosen))
    for group in groups:
        answers = np.stack([of.standardised[int(at)] for at in group])
        answers = answers - answers.mean(1, keepdims=True)
        one, other = answers[::2].mean(0), answers[1::2].mean(0)
        reliability += (one * other).mean(0) / np.sqrt((one**2).mean(0) * (other**2).mean(0) + 1e-12) / len(groups)
    sees = reliability > max(float(np.median(reliability)), RELIABLE)
    if sees.sum() < 20:
        return []
    predicted = unit_correlations(aligned)[sees] / np.sqrt(reliability[sees])
    by_chance = unit_correlations(aligned, other_stimuli=True)[sees] / np.sqrt(reliability[sees])
    limit = 0.25 * float(np.quantile(predicted, 0.75))
    unseen = predicted < limit
    if unseen.mean() < UNSEEN or limit < 2 * by_chance.std():  # where even the best are hardly predicted nothing can be said
        return []
    return [
        Finding(
            "fields beside the monitor",
            "fault",
            f"{int(unseen.sum())} of {len(unseen)} units answer reliably to the stimulus, and nothing in the video predicts them",
            f"units {some(of.units(of.chosen[np.flatnonzero(sees)[unseen]]))}",
            f"{unseen.mean():.0%} of the most reliable half are predicted less than "
            f"a quarter as well as the best; up to 8 % are in recordings without fault",
            "their fields lie beside the video, and are placed at chance",
            "check the monitor and how its picture was cut out, or leave these units out",
        )
    ]
