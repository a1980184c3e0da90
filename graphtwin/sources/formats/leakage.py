"""Stimuli of a recording that are shown in training and in a tier that is kept from it."""

from __future__ import annotations

import logging
import warnings

import pandas as pd

log = logging.getLogger("graphtwin")


def require_no_leakage(trials: pd.DataFrame, name: str, is_error: bool) -> None:
    """Raise, or warn, when a clip is in training and in another tier: a model would be scored on what it was trained on.

    Args:
        trials: Trials as `Recording` has them.
        name: Name of the recording.
        is_error: Whether to raise.
    """
    tiers = trials[trials["tier"] != "none"].groupby("stimulus")["tier"].unique()
    shared = tiers[tiers.map(lambda found: "train" in found and len(found) > 1)]
    if len(shared) == 0:
        return
    others = sorted({str(tier) for found in shared for tier in found} - {"train"})
    words = (
        f"{name}: {len(shared)} of {len(tiers)} clips are shown in training and also in {others}: "
        "scores there would be of clips trained on. Leave these trials out of one of both: give them tier none in meta/trials/tiers.npy."
    )
    if is_error:
        raise ValueError(words)
    warnings.warn(words, stacklevel=3)


def tell_shown_elsewhere(trials: pd.DataFrame, name: str) -> None:
    """Warn of pictures that are shown in training and, under another name, in another tier.

    Args:
        trials: Trials as `Recording` has them, whose `stimulus` tells what was shown and not how the recording calls it.
        name: Name of the recording.
    """
    trained = trials["stimulus"].isin(trials.loc[trials["tier"] == "train", "stimulus"])
    for tier, of in trials[~trials["tier"].isin(["train", "none"])].groupby("tier"):
        shown = of["stimulus"].nunique()
        both = of.loc[trained[of.index], "stimulus"].nunique()
        if both:
            log.warning(
                "%s: %d of %d pictures of tier %s are shown in training, pixel by pixel, under other names in frame_image_id: scores there "
                "are in part of pictures trained on. Leave their trials out of one of both: give them tier none in meta/trials/tiers.npy.",
                name, both, shown, tier,
            )  # fmt: skip
