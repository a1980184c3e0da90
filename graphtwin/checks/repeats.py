"""Faults that repeats show: copies in place of repeats, averages among single trials, and answers no more alike than to other stimuli."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.responses import log2_scale, scales
from graphtwin.checks.tiers import REFERENCE, compared, drawn_ratios, spread_of
from graphtwin.execute import rng_for

# Correlation of two trials, unit by unit and frame by frame, that no repeats of neurons reach: they differ by their noise.
COPY = 0.93
FEWEST_VALUES = 10  # values that are not 0, from which equal trials are no coincidence
QUIETER = 0.7  # ratio of variances about equal means below which a trial is an average: of two trials it is about one half
SAME_MEAN = 1.25  # ratio of means of two tiers up to which they are said to be the same
PERMUTATIONS = 999
MOST_REPEATS = 400  # trials of repeated stimuli that are compared with each other
FEWEST_PAIRS = 30  # pairs of repeats from which reliability is told from chance
CHANCE = 0.01  # p above which repeats are called no more alike than other trials: 99 of 100 recordings without any stimulus are found


def copied_trials(of: Digest) -> list[Finding]:
    """Trials whose responses are those of another trial, exactly or but for a little noise."""
    by_mark: dict[str, list[int]] = defaultdict(list)
    for at in of.answered.tolist():
        responses = of.seen[at].responses
        if responses is not None and (responses != 0).sum() >= FEWEST_VALUES:
            by_mark[of.seen[at].mark].append(at)
    same = [group for group in by_mark.values() if len(group) > 1]
    found = []
    if same:
        together = sorted(at for group in same for at in group)
        found.append(
            _copies(
                of,
                together,
                f"{len(together)} trials have exactly the responses of another ({len(same)} different ones)",
                "certain: equal to the last bit",
            )
        )
    usual, near = [], []
    exact = {at for group in same for at in group}
    for group in repeated(of):
        alike = pair_correlations(of, group)
        usual.append(np.median(alike[np.triu_indices(len(group), 1)]))
        near += [int(group[i]) for i in np.flatnonzero((alike - 2 * np.eye(len(group)) > COPY).any(1)) if int(group[i]) not in exact]
    if near and not of.pictures:
        found.append(
            _copies(
                of,
                sorted(near),
                f"{len(near)} repeats have the responses of another repeat but for a little",
                f"correlation over units and frames above {COPY}; the median over stimuli is {np.median(usual):.2f}",
            )
        )
    return found


def _copies(of: Digest, trials: list[int], what: str, sure: str) -> Finding:
    return Finding(
        "repeats are copies",
        "fault",
        what,
        f"trials {some(of.numbers(np.array(trials)))} of tiers {some(sorted(set(of.trials['tier'].iloc[trials])))}",
        sure,
        "reliability, noise ceilings and noise correlations are of one trial counted several times; a copy in training and test is leakage",
        "export the single trials, or keep one of each",
    )


def repeated(of: Digest) -> list[Int[np.ndarray, " repeats"]]:
    """Trials with responses of each stimulus that was shown at least twice, of one length each."""
    stimulus = of.trials["stimulus"].to_numpy()
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at in of.answered.tolist():
        groups[stimulus[at], len(of.seen[at].small)].append(at)
    return [np.array(group) for group in groups.values() if len(group) > 1]


def pair_correlations(of: Digest, trials: Int[np.ndarray, " trials"]) -> Float[np.ndarray, "trials trials"]:
    """Correlations between trials of one length over units and frames, each unit standardised."""
    flat = np.stack([of.standardised[int(at)].ravel() for at in trials])
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    return np.asarray(flat @ flat.T, dtype=np.float64)


def averaged_trials(of: Digest) -> list[Finding]:
    """Means over trials among single trials: whole numbers here and fractions there, or less noise about the same mean."""
    if len(of.answered) < 8 or "n_repeats" in of.trials:  # then the recording says which are means
        return []
    found = [finding for finding in (_fractions(of), _quiet_trials(of)) if finding is not None]
    return found or _quiet_tiers(of)


def _average(of: Digest, trials: np.ndarray, what: str, sure: str) -> Finding:
    tiers = of.trials["tier"].iloc[trials].value_counts().to_dict()
    return Finding(
        "averages among single trials",
        "fault",
        what,
        f"trials {some(of.numbers(trials))}; by tier {', '.join(f'{tier} {n}' for tier, n in tiers.items())}",
        sure,
        "likelihoods, noise ceilings and reliability take them for single "
        "trials: an average has less noise than the model of responses says",
        "export single trials everywhere, or say how many showings each trial is the mean of in meta/trials/n_repeats.npy",
    )


def _fractions(of: Digest) -> Finding | None:
    """Trials with fractions where most of the others have whole numbers, counts, or the other way round."""
    whole = {}
    for at in of.answered.tolist():
        responses = of.seen[at].responses
        if responses is not None and (responses != 0).sum() >= FEWEST_VALUES:
            whole[at] = bool((responses == np.rint(responses)).all())
    fractions = np.array([at for at, is_whole in whole.items() if not is_whole], dtype=np.int64)
    if not 0 < len(fractions) < len(whole):
        return None
    return _average(
        of,
        fractions,
        f"responses of {len(fractions)} trials are fractions and those of {len(whole) - len(fractions)} whole numbers",
        "certain: whole numbers are counts of single trials, fractions are not",
    )


def _quiet_trials(of: Digest) -> Finding | None:
    """Videos whose responses vary less about the same mean than those of other trials of their kind."""
    if of.pictures:
        return None
    kind = of.trials["kind"].to_numpy()
    quiet: list[int] = []
    ratios: list[float] = []
    for one in np.unique(kind[of.answered]):
        trials = of.answered[kind[of.answered] == one]
        if len(trials) < 8:
            continue
        variance, mean = of.deviation[trials] ** 2, of.mean[trials]
        fires = (variance.mean(0) > 0) & (np.abs(mean).mean(0) > 0)
        usual, size = np.median(variance[:, fires], axis=0) + 1e-30, np.median(np.abs(mean[:, fires]), axis=0) + 1e-30
        index = np.array([np.log(_middle(v / usual)) for v in variance[:, fires]])
        level = np.array([np.log(_middle(np.abs(m) / size)) for m in mean[:, fires]])
        noise = index - level  # a variance that falls with its mean is a quiet moment, and no average
        spread = max(spread_of(noise), 0.02)
        # Deconvolved activity is mostly 0; an average over n trials is 0 only where all of them are.
        zeros = of.zeros[trials][:, fires].mean(1)
        filled = zeros < 0.8 * np.median(zeros) if np.median(zeros) > 0.1 else np.ones(len(trials), dtype=bool)
        off = (noise - np.median(noise) < np.log(QUIETER)) & ((noise - np.median(noise)) / spread < -4) & filled & (np.abs(level) < 1.0)
        quiet += trials[off].tolist()
        ratios += np.exp(noise - np.median(noise))[off].tolist()
    if not quiet:
        return None
    return _average(
        of,
        np.array(sorted(quiet)),
        f"{len(quiet)} of {len(of.answered)} trials vary less about the same mean than others of their kind",
        f"variance over mean {np.median(ratios):.2f} times the usual, 4 or more deviations below it",
    )


def _middle(values: Float[np.ndarray, " values"]) -> float:
    """Mean of the middle half of some values, never 0."""
    low, high = np.quantile(values, [0.25, 0.75])
    within = values[(values >= low) & (values <= high)]
    return float(max((within if len(within) else values).mean(), 1e-6))  # of two values none lies between their quartiles


def _quiet_tiers(of: Digest) -> list[Finding]:
    """Tiers whose responses vary less about the same mean than those of the training tier, or more: one of both is averaged."""
    found = []
    for tier, here, there, same_kind in compared(of):
        if not same_kind or len(here) < 8:
            continue
        fires = (scales(of, there) > 0) & (scales(of, here) > 0) & (of.mean[there].mean(0) > 0) & (of.mean[here].mean(0) > 0)
        if fires.sum() < 10:
            continue
        noise, chance = (np.log(2) * ratio for ratio in drawn_ratios(partial(log2_scale, of, fires), here, there))
        level = float(np.median(np.log(of.mean[here].mean(0)[fires] / of.mean[there].mean(0)[fires])))
        # A gain that changes takes SD and mean along; an average keeps the mean and loses noise.
        if abs(noise - level) > -np.log(np.sqrt(QUIETER)) and abs(noise) > 2 * chance and abs(level) < np.log(SAME_MEAN):
            which = here if noise < 0 else there
            found.append(
                _average(
                    of,
                    which,
                    f"tier {tier} varies {np.exp(noise):.2f} times as much as {REFERENCE} about a mean {np.exp(level):.2f} times as high",
                    f"SD over {int(fires.sum())} units; draws of as many trials differ by a factor of {np.exp(chance):.2f} at most",
                )
            )
    return found


def unreliable_repeats(of: Digest) -> list[Finding]:
    """Answers to the same stimulus that are no more alike than answers to different ones."""
    kind = of.trials["kind"].to_numpy()
    groups = sorted(repeated(of), key=lambda group: -len(group))
    lengths = [len(of.seen[int(group[0])].small) for group in groups]
    alike = [group for group, length in zip(groups, lengths, strict=True) if length == max(set(lengths), key=lengths.count)]
    trials = np.concatenate(alike)[:MOST_REPEATS] if alike else np.zeros(0, dtype=np.int64)
    of_stimulus = np.concatenate([np.full(len(group), at) for at, group in enumerate(alike)])[:MOST_REPEATS] if alike else trials
    kinds = kind[trials]
    same_kind = kinds[:, None] == kinds
    pairs = (of_stimulus[:, None] == of_stimulus) & ~np.eye(len(trials), dtype=bool)
    if pairs.sum() // 2 < FEWEST_PAIRS or not (same_kind & ~pairs & ~np.eye(len(trials), dtype=bool)).any() or len(of.chosen) < 3:
        return []
    correlations = pair_correlations(of, trials)
    rng = rng_for(0, "stimuli of repeats dealt anew", len(trials))
    observed, reached = float(correlations[pairs].mean()), 0
    dealt_means = []
    for _ in range(PERMUTATIONS):
        dealt = np.arange(len(trials))
        for one in np.unique(kinds):
            places = np.flatnonzero(kinds == one)
            dealt[places] = rng.permutation(places)
        mean = float(correlations[np.ix_(dealt, dealt)][pairs].mean())
        dealt_means.append(mean)
        reached += mean >= observed
    p = (1 + reached) / (1 + PERMUTATIONS)
    if p <= CHANCE:
        return []
    return [
        Finding(
            "responses that no stimulus predicts",
            "fault",
            f"repeats of {len(np.unique(of_stimulus))} stimuli are no more alike than trials of other stimuli of their kind",
            f"{len(trials)} trials of repeated stimuli, {len(of.chosen)} units",
            f"mean correlation of repeats {observed:.4f}, dealt anew {np.mean(dealt_means):.4f}, p = {p:.3g} ({PERMUTATIONS} permutations)",
            "there is nothing for a model of the stimulus to learn, and scores are those of noise",
            "check that responses belong to these trials, and how trials were cut",
        )
    ]
