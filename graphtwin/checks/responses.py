"""Faults that sizes of responses show: tiers in other units, zeros in their place, channels that stand still, units that come and go."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.tiers import REFERENCE, compared, drawn_ratios, spread_of
from graphtwin.execute import rng_for

SAME_KIND, OTHER_KIND = 1.7, 4.0  # largest ratio of scales that stimuli of the same kind, and of another kind, are let pass with
CHANCE = 1e-6  # probability, over all units, below which silence is no chance
# Events of one sample of the microscope stand in several frames of the film: samples a second that are taken for independent.
INDEPENDENT_HZ = 7.0
SHARED_GAIN = 0.3  # share of the units that are counted as independent of each other when all are silent at once
EVEN_SPREAD = 0.4  # ratio of the units' spread of scales between tiers below which one of both was divided unit by unit
FEW_DRAWS = 20  # draws of trials whose median spread of scales is compared with a tier's
MANY_FRAMES = 20  # active frames of the units that fire least, from which a unit without any is another thing than a rare one


def units_of_tiers(of: Digest) -> list[Finding]:
    """Tiers whose responses are on another scale than those of the training tier, or standardised unit by unit."""
    found = []
    for tier, here, there, same_kind in compared(of):
        one, other = scales(of, there), scales(of, here)
        fires = (one > 0) & (other > 0)
        if fires.sum() < 10:
            continue
        ratio, chance = drawn_ratios(partial(log2_scale, of, fires), here, there)
        lowest = [np.nanmin(of.lowest[trials][:, fires], axis=0) for trials in (there, here)]
        below = [float((low < -1e-3 * one[fires]).mean()) for low in lowest]
        spreads = [spread_of(np.log2(scale[fires])) for scale in (one, other)]
        shifted = min(below) < 0.05 and max(below) > 0.5
        # Units that were divided by their own SD in one tier alone have SDs of 1 there, and spread by chance in as few other trials.
        by_chance = drawn_spread(of, fires, here, there)
        even = fires.sum() >= 30 and all(
            min(spread, spreads[1]) < EVEN_SPREAD * max(spread, spreads[1]) for spread in (spreads[0], by_chance)
        )
        limit = np.log2(SAME_KIND if same_kind else OTHER_KIND)
        scaled = abs(ratio) > limit and abs(ratio) > 2 * chance and not _is_averaged(of, here, there, fires)
        if not (shifted or even or scaled):
            continue
        why = f"median SD {2**ratio:.3g} times that of {REFERENCE}"
        why += f"; below 0 in {below[1]:.0%} of the units, in {REFERENCE} in {below[0]:.0%}" if shifted else ""
        why += f"; SDs of units spread by a factor of {2 ** spreads[1]:.2f}, in {REFERENCE} of {2 ** spreads[0]:.2f}" if even else ""
        found.append(
            Finding(
                "units of tiers differ",
                "fault",
                f"responses of tier {tier} are in another unit than those of {REFERENCE}: {why}",
                f"tier {tier}, {len(here)} trials, {int(fires.sum())} units",
                f"trials of {REFERENCE} drawn as many times as many differ by a factor of {2**chance:.2f} at most",
                "a model fitted on one is scored on the other: correlations may stand, likelihoods, FEVE and early stopping do not",
                "export both tiers in one unit, or divide both by the same numbers",
            )
        )
    return found


def drawn_spread(of: Digest, units: Bool[np.ndarray, " units"], here: Int[np.ndarray, " here"], there: Int[np.ndarray, " there"]) -> float:
    """Spread of the log2 of the scales of some units over draws of as many trials of the reference as a tier has; the median."""
    rng, size = rng_for(0, "spread of scales", len(here), len(there)), min(len(here), max(2, len(there) // 2))
    draws = [scales(of, rng.choice(there, size, replace=False))[units] for _ in range(FEW_DRAWS)]
    return float(np.median([spread_of(np.log2(scale[scale > 0])) for scale in draws]))


def log2_scale(of: Digest, units: Bool[np.ndarray, " units"], trials: Int[np.ndarray, " trials"]) -> float:
    """Median of the log2 of the standard deviations of some units over some trials."""
    return float(np.median(np.log2(scales(of, trials)[units] + 1e-30)))


def scales(of: Digest, trials: Int[np.ndarray, " trials"]) -> Float[np.ndarray, " units"]:
    """Standard deviation of each unit's responses over some trials."""
    return np.asarray(np.sqrt((of.deviation[trials] ** 2).mean(0) + of.mean[trials].var(0)), dtype=np.float64)


def _is_averaged(of: Digest, here: np.ndarray, there: np.ndarray, fires: np.ndarray) -> bool:
    """Whether the mean stands while the SD has shrunk or grown: averages, which are another finding."""
    means = [of.mean[trials][:, fires].mean(0) for trials in (there, here)]
    positive = (means[0] > 0) & (means[1] > 0)
    return bool(positive.sum() >= 10 and abs(np.median(np.log2(means[1][positive] / means[0][positive]))) < np.log2(1.35))


def missing_responses(of: Digest) -> list[Finding]:
    """Trials without responses in a tier that has them: they would be left out, or zeros be taken for silence."""
    found = []
    for tier, rows in of.recording.trials.groupby("tier"):
        without = rows[~rows["has_responses"].astype(bool)]
        if 0 < len(without) < len(rows):
            found.append(
                Finding(
                    "trials without responses",
                    "fault",
                    f"{len(without)} of {len(rows)} trials of tier {tier} have no responses, or zeros alone, and the others have them",
                    f"tier {tier}, trials {some(without['trial'].tolist())}",
                    f"certain: every value is 0 or missing; {len(rows) - len(without)} trials of the tier are not so",
                    "the trials are left out of fits and scores, so that a tier is smaller than it says",
                    "find their responses, or move the trials to a tier of their own",
                )
            )
    if len(of.answered) == 0:
        found.append(
            Finding(
                "trials without responses",
                "fault",
                "no trial has responses: they are missing, NaN, or 0 throughout",
                f"all {len(of.seen)} trials",
                "certain",
                "nothing can be fitted",
                "give the recording with its responses",
            )
        )
    return found


def empty_frames(of: Digest) -> list[Finding]:
    """Stretches in which every unit is exactly 0, or has exactly the value of before, though others show that some would fire."""
    if of.pictures or len(of.answered) == 0:
        return []
    independent = min(1.0, INDEPENDENT_HZ / of.recording.frame_rate_hz)
    contrast = {int(at): of.seen[at].small.std((1, 2)) for at in of.answered}
    usual_contrast = np.median(np.concatenate(list(contrast.values())))
    # In front of a screen that is nearly blank nothing may fire: such stretches say nothing.
    runs = {at: longest_run(of.seen[at].empty_frames & (contrast[at] > usual_contrast / 2)) for at in contrast}
    kind = of.trials["kind"].to_numpy()
    chance = {}  # log10 probability that no unit fires in the longest stretch of a trial
    for at, run in runs.items():
        alike = of.answered[kind[of.answered] == kind[at]]
        n = len(of.seen[at].small)
        own = (of.zeros[at] * n - run) / max(n - run, 1)
        silent = np.clip(np.maximum(np.median(of.zeros[alike], axis=0), own), 0.02, 1 - 1e-3)
        chance[at] = run * SHARED_GAIN * independent * float(np.log10(silent).sum())
    empty = [at for at, run in runs.items() if run > 3 and chance[at] < np.log10(CHANCE)]
    held = {int(at): longest_run(of.seen[at].held_frames) for at in of.answered}
    usual = float(np.median(list(held.values())))
    stuck = [at for at, run in held.items() if run > 4 * usual + 4 and run > 0.2 * of.recording.frame_rate_hz]
    found = []
    for trials, lengths, words in ((empty, runs, "0"), (stuck, held, "what it was in the frame before")):
        if not trials:
            continue
        longest = max(lengths[at] for at in trials)
        found.append(
            Finding(
                "frames without responses",
                "fault",
                f"in {len(trials)} of {len(of.answered)} trials every unit is "
                f"exactly {words} for a stretch, the longest of {longest} frames",
                f"trials {some(of.numbers(np.array(trials)))}",
                f"in the others the median of the longest such stretch is {np.median([lengths[int(a)] for a in of.answered]):g} frames"
                + (f"; the chance of it is 10^{min(chance[at] for at in empty):.0f}" if trials is empty else ""),
                "a model learns that nothing answers there, and scores fall",
                "cut these frames off, or leave the trials out",
            )
        )
    return found


def longest_run(flags: Bool[np.ndarray, " frames"]) -> int:
    """Length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def still_units(of: Digest) -> list[Finding]:
    """Units that never change, and units that stop at a ceiling."""
    found: list[Finding] = []
    if len(of.answered) < 3:
        return found
    low, high = of.lowest[of.answered].min(0), of.highest[of.answered].max(0)
    frames = np.array([len(of.seen[at].small) for at in of.answered])
    active = ((1 - of.zeros[of.answered]) * frames[:, None]).sum(0)
    constant = low == high
    rare = np.quantile(active[~constant], 0.01) if (~constant).any() else 0
    constant &= (high != 0) | (rare >= MANY_FRAMES)
    if constant.any():
        found.append(
            Finding(
                "constant channel",
                "fault" if (high[constant] != 0).any() else "warning",
                f"{int(constant.sum())} of {len(constant)} units never change (values {some(sorted(set(high[constant].tolist())), 3)})",
                f"units {some(of.units(np.flatnonzero(constant)))}",
                f"certain over {frames.sum()} frames; of the others 99 % have {rare:.0f} or more frames with a response",
                "their scores are undefined, and means over units are lower by their share",
                "leave the units out",
            )
        )
    marks = np.array([of.seen[at].mark for at in of.answered])
    _, first = np.unique(marks, return_index=True)  # copies of a trial would share its largest value
    highest = of.highest[of.answered][first]
    whole = (highest == np.rint(highest)).all(0)
    at_top = (highest == high).mean(0)
    saturated = ~constant & ~whole & (high > 0) & ((highest == high).sum(0) >= 4) & (at_top > 0.02)
    if saturated.any():
        found.append(
            Finding(
                "saturated channel",
                "fault",
                f"{int(saturated.sum())} of {len(saturated)} units reach one and the same largest value",
                f"units {some(of.units(np.flatnonzero(saturated)))}",
                f"exactly the largest value in {at_top[saturated].min():.0%} of "
                f"the trials or more, up to {at_top[saturated].max():.0%}; the "
                f"other units in {np.median(at_top[~saturated]) if (~saturated).any() else 0:.1%}",
                "strong responses are cut off: tuning is flattened and scores have a ceiling",
                "export without clipping, or leave the units out",
            )
        )
    return found


def units_that_come_and_go(of: Digest) -> list[Finding]:
    """Units that are silent in a long row of trials, or in one tier, though they fire in the others."""
    answered = of.answered
    if len(answered) < 8:
        return []
    silent = (of.deviation[answered] == 0) if not of.pictures else (of.zeros[answered] == 1)
    n, n_units = silent.shape
    rows = _longest_silence(silent)
    outside = (silent.sum(0) - rows + 1) / (n - rows + 2)
    chance = rows * np.log10(np.clip(outside, 1e-12, 1 - 1e-9)) + np.log10(n * n_units)
    gone = (chance < np.log10(CHANCE)) & (rows >= 3) & (rows < n)
    where = [f"units {some(of.units(np.flatnonzero(gone)))}, silent in up to {int(rows[gone].max())} trials in a row"] if gone.any() else []
    place = {int(at): i for i, at in enumerate(answered)}
    for tier, here, there, same_kind in compared(of):
        if not same_kind or len(here) < 3:
            continue
        mine, others = (silent[[place[int(at)] for at in trials]] for trials in (here, there))
        share = (others.sum(0) + 1) / (len(others) + 2)
        gone_here = mine.all(0) & (len(mine) * np.log10(share) + np.log10(n_units) < np.log10(CHANCE)) & ~gone
        if gone_here.any():
            where.append(f"units {some(of.units(np.flatnonzero(gone_here)))}, silent in all {len(mine)} trials of tier {tier}")
            gone = gone | gone_here
    if not gone.any():
        return []
    return [
        Finding(
            "units come and go",
            "fault",
            f"{int(gone.sum())} of {n_units} units are silent in a row of trials and fire in the others",
            "; ".join(where),
            f"the chance of such a row, from the trials outside it and over all units and places, is below {CHANCE:g}",
            "the units seem unreliable, and a model learns silence that is none",
            "leave the units out, or the trials in which they were not seen",
        )
    ]


def _longest_silence(silent: Bool[np.ndarray, "trials units"]) -> Int[np.ndarray, " units"]:
    """Length of each unit's longest run of silent trials."""
    longest = np.zeros(silent.shape[1], dtype=np.int64)
    now = np.zeros(silent.shape[1], dtype=np.int64)
    for one in silent:
        now = np.where(one, now + 1, 0)
        longest = np.maximum(longest, now)
    return longest
