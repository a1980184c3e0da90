"""Faults of behaviour and eye: channels that stand still, two units, another trial's traces, a mirrored eye."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Float

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, Severity, some
from graphtwin.checks.tiers import REFERENCE, compared, drawn_ratios, spread_of
from graphtwin.execute import rng_for

FASTEST_CM_S = 200.0  # no mouse runs faster; a wheel in another unit does
OTHER_UNIT = {"pupil_size": 1.6, "running": 8.0}  # ratio of sizes of two tiers above which they are in two units
STOPPED = 0.05  # share of frames at exactly the largest or smallest value above which a channel stops there
FAR_OFF = 8.0  # deviations of a trial's median eye position from that of all
ENDS_S = 0.15  # seconds at the ends of trials that are compared with the next trial's
CARRIES_ON = 0.3  # correlation of a channel with itself 2 s later, within trials, from which it must carry on to the next trial
LATER_S = 2.0
UNRELATED = 0.05  # p above which the end of a trial and the beginning of the next are called unrelated
FEWEST_TRIALS = 20
PERMUTATIONS = 999
FAR_BETTER = 1.5  # ratio of fits from which behaviour belongs to another trial
MIRRORED = 0.35  # variance of the middle of both ends, of the half of the pairs that jump most, as a share of that of both ends


def _channels(of: Digest) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Each channel of behaviour and of the eye by name, a trace a trial."""
    for at, name in enumerate(of.recording.behaviour):
        yield name, [one.behaviour[:, at] for one in of.seen]
    for at, name in enumerate(("horizontal eye position", "vertical eye position")):
        yield name, [one.eye[:, at] for one in of.seen]


def still_channels(of: Digest) -> list[Finding]:
    """Channels that never change, that stop at a ceiling, or that run faster than an animal does."""
    found: list[Finding] = []
    constant: dict[float, list[str]] = {}
    for name, traces in _channels(of):
        values = np.concatenate(traces)
        values = values[np.isfinite(values)]
        if not len(values):
            found.append(_channel("constant channel", "note", f"{name} was never measured", of.name, "certain: all values are NaN"))
            continue
        if values.min() == values.max():
            constant[float(values[0])] = [*constant.get(float(values[0]), []), name]
            continue
        still = np.array(
            [at for at, trace in enumerate(traces) if len(trace) > 1 and np.isfinite(trace).any() and np.nanmin(trace) == np.nanmax(trace)],
            dtype=np.int64,
        )
        if name != "running" and len(still) and len(still) < len(traces):
            found.append(
                _channel(
                    "constant channel",
                    "fault",
                    f"{name} stands still in {len(still)} of {len(traces)} trials",
                    f"trials {some(of.numbers(still))}",
                    "certain: one value in all frames of the trial",
                )
            )
        at_top, at_bottom = (values == values.max()).mean(), (values == values.min()).mean()
        stopped = max(at_top, 0.0 if name == "running" else at_bottom)
        if stopped > STOPPED and len(np.unique(values)) > 50 and not len(still):
            found.append(
                _channel(
                    "saturated channel",
                    "fault",
                    f"{name} is at its {'largest' if at_top >= stopped else 'smallest'} value in {stopped:.0%} of the frames",
                    of.name,
                    f"exactly {values.max() if at_top >= stopped else values.min():g}, one of {len(np.unique(values))} values",
                )
            )
        fast = np.quantile(np.abs(values), 0.99)
        if name == "running" and fast > FASTEST_CM_S:
            found.append(
                _channel(
                    "units of behaviour",
                    "fault",
                    f"running reaches {fast:.4g} cm/s",
                    of.name,
                    f"in 1 % of the frames; no mouse runs faster than {FASTEST_CM_S:g} cm/s",
                )
            )
    for value, names in constant.items():
        # Zeros alone are how a release says that nothing was measured.
        severity: Severity = "note" if value == 0 else "warning"
        found.append(
            _channel(
                "constant channel",
                severity,
                f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {value:g} in all frames",
                of.name,
                "certain",
            )
        )
    return found


def _channel(check: str, severity: Severity, what: str, where: str, sure: str) -> Finding:
    return Finding(
        check,
        severity,
        what,
        where,
        sure,
        "what the animal did is lost to the model, and what it explains is taken for the stimulus's",
        "export the channel again, or leave it out of the model",
    )


def units_of_behaviour(of: Digest) -> list[Finding]:
    """Channels whose size in one tier is a multiple of that in the training tier."""
    found = []
    for name, traces in _channels(of):
        if name not in OTHER_UNIT or len(traces) < 8:
            continue
        quantile = 0.5 if name != "running" else 0.9
        size = np.array([np.nanquantile(np.abs(trace), quantile) if np.isfinite(trace).any() else np.nan for trace in traces])
        for tier, here, there, _ in compared(of):
            if not np.isfinite(size[here]).any() or not np.nanmax(size[there]) > 0 or not np.nanmax(size[here]) > 0:
                continue
            ratio, chance = drawn_ratios(partial(_log_size, size), here, there)
            if abs(ratio) > np.log(OTHER_UNIT[name]) and abs(ratio) > 2 * chance:
                found.append(
                    _channel(
                        "units of behaviour",
                        "fault",
                        f"{name} is {np.exp(ratio):.3g} times as large in tier {tier} as in {REFERENCE}",
                        f"tier {tier}, {len(here)} trials",
                        f"draws of as many trials differ by a factor of {np.exp(chance):.2f} at most",
                    )
                )
    return found


def _log_size(size: np.ndarray, trials: np.ndarray) -> float:
    return float(np.log(max(float(np.nanmean(size[trials])), 1e-12)))


def eyes_elsewhere(of: Digest) -> list[Finding]:
    """Trials in which the eye is far from where it is in all others: a mirrored or a shifted camera, or another unit."""
    eyes = {at: one.eye[np.isfinite(one.eye).all(1)] for at, one in enumerate(of.seen)}
    eyes = {at: seen for at, seen in eyes.items() if len(seen)}
    if len(eyes) < 8:
        return []
    middles = np.stack([np.median(seen, axis=0) for seen in eyes.values()])
    middle = np.median(middles, axis=0)
    within = np.median([np.median(np.abs(seen - at), axis=0) for seen, at in zip(eyes.values(), middles, strict=True)], axis=0)
    spread = 1.4826 * (within + np.median(np.abs(middles - middle), axis=0)) + 1e-6 * np.abs(middle) + 1e-9
    far = np.abs(middles - middle) / spread
    off = np.array(list(eyes))[(far > FAR_OFF).any(1)]
    if not len(off):
        return []
    axes = [name for name, some_far in zip(("horizontal", "vertical"), (far > FAR_OFF).any(0), strict=True) if some_far]
    return [
        Finding(
            "mirrored or shifted eye",
            "fault",
            f"the {' and '.join(axes)} eye position of {len(off)} of {len(eyes)} trials is far from that of the others",
            f"trials {some(of.numbers(off))}",
            f"up to {far.max():.0f} deviations of medians; the limit is {FAR_OFF:g}",
            "the shift of what the eye sees is learned wrongly, and standardised by the distance of both",
            "turn or shift these traces back, or set them to NaN",
        )
    ]


def traces_of_other_trials(of: Digest) -> list[Finding]:
    """Traces that do not go on where the trial before ended, although they change slowly; and traces whose sign changes between trials."""
    numbers = of.trials["trial"].to_numpy()
    follows = np.flatnonzero(np.diff(numbers) == 1)
    if len(follows) < FEWEST_TRIALS:
        return []
    rate = 1.0 if of.pictures else of.recording.frame_rate_hz
    carried: dict[str, tuple[float, float, float]] = {}
    mirrored = []
    for name, traces in _channels(of):
        told = None if "change" in name else _ends(traces, follows, rate, of.pictures)  # a derivative has no memory
        if told is None:
            continue
        ends, begins, within = told
        if len(ends) < FEWEST_TRIALS:
            continue
        correlation, p = _related(ends, begins)
        carried[name] = (correlation, p, within)
        reflected = _reflected(ends, begins)
        if "eye" in name and reflected < MIRRORED:
            mirrored.append((name, correlation, reflected))
    found = []
    for name, correlation, reflected in mirrored:
        found.append(
            Finding(
                "mirrored or shifted eye",
                "fault",
                f"{name} changes its sign between trials",
                f"{len(follows)} pairs of successive trials",
                f"where it jumps, the end of a trial and the beginning of the next have one and the same middle: its variance is "
                f"{reflected:.2f} of that of both (0.7 by chance, more without fault); correlation {correlation:.2f}",
                "the shift of what the eye sees is learned wrongly",
                "turn the traces of the mirrored trials back",
            )
        )
    told_of_mirror = {name for name, *_ in mirrored}
    goes_on = [name for name, (_, p, _) in carried.items() if p <= 1 / PERMUTATIONS]
    broken = [name for name, (_, p, within) in carried.items() if p > UNRELATED and within > CARRIES_ON and name not in told_of_mirror]
    broken = [name for name in broken if name != "running" or "pupil_size" not in goes_on]  # bouts of running end within a gap
    coupled, other = _coupling(of) if broken or not of.pictures else (None, None)
    if other is not None:
        found.append(
            _elsewhere(
                of,
                "behaviour",
                f"behaviour fits the responses of the trial {other[0]:+d} from its own",
                f"agreement {other[1]:.3f} there and {other[2]:.3f} in its own trial",
            )
        )
        return found
    eyes = [name for name in broken if "eye" in name]
    body = [name for name in broken if "eye" not in name]
    words = "; ".join(f"{name}: {carried[name][0]:.2f}, p = {carried[name][1]:.2g}" for name in broken)
    if (body and (coupled is None or coupled > UNRELATED)) or (body and goes_on and (coupled is None or coupled > 0.001)):
        found.append(
            _elsewhere(
                of,
                " and ".join(body),
                f"{' and '.join(body)} do not go on where the trial before ended",
                words + (f"; fit to responses p = {coupled:.2g}" if coupled is not None else ""),
            )
        )
    if eyes and goes_on:
        found.append(
            _elsewhere(
                of,
                " and ".join(eyes),
                f"{' and '.join(eyes)} do not go on where the trial before ended",
                f"{words}; {' and '.join(goes_on)} do",
            )
        )
    return found


def _elsewhere(of: Digest, channel: str, what: str, sure: str) -> Finding:
    return Finding(
        "behaviour of another trial",
        "fault",
        what,
        f"{channel}, {len(of.seen)} trials",
        sure,
        "what the animal did explains nothing, and what it explains elsewhere is taken for noise",
        "put traces and trials together again, by their times",
    )


def _ends(traces: list[np.ndarray], follows: np.ndarray, rate: float, pictures: bool) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Ends of trials and beginnings of those that follow, standardised, and how well the channel carries on within trials."""
    whole = np.concatenate(traces)
    whole = whole[np.isfinite(whole)]
    if len(whole) < 10 or whole.std() == 0:
        return None
    middle, spread = float(np.median(whole)), max(spread_of(whole), 1e-3 * float(whole.std()), 1e-12)
    few = 1 if pictures else max(1, round(ENDS_S * rate))
    scaled = [np.clip((trace - middle) / spread, -6, 6) for trace in traces]
    ends = np.array([_mean(scaled[at][-few:]) for at in follows])
    begins = np.array([_mean(scaled[at + 1][:few]) for at in follows])
    known = np.isfinite(ends) & np.isfinite(begins)
    ends, begins = ends[known], begins[known]
    if len(ends) < 3 or ends.std() == 0 or begins.std() == 0:
        return None
    if pictures:
        return ends, begins, 1.0
    later = round(LATER_S * rate)
    pairs = [(trace[:-later:few], trace[later::few]) for trace in scaled if len(trace) > later + few]
    if not pairs:
        return ends, begins, 0.0
    one, other = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    both = np.isfinite(one) & np.isfinite(other)
    within = float(np.corrcoef(one[both], other[both])[0, 1]) if both.sum() > 10 and one[both].std() > 0 and other[both].std() > 0 else 0.0
    return ends, begins, within


def _reflected(ends: np.ndarray, begins: np.ndarray) -> float:
    """Variance of the sum of both ends, of the half of the pairs that jump most, over the sum of their variances; 0 if mirrored exactly."""
    jump = np.abs(begins - ends)
    most = jump > np.median(jump)
    if most.sum() < FEWEST_TRIALS // 2:
        return 1.0
    return float((ends + begins)[most].var() / max(float(ends[most].var() + begins[most].var()), 1e-12))


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _related(one: Float[np.ndarray, " pairs"], other: Float[np.ndarray, " pairs"]) -> tuple[float, float]:
    """Correlation, and the probability that the second dealt anew correlates as well."""
    first, second = one - one.mean(), other - other.mean()
    size = max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-12)
    observed = float(first @ second) / size
    rng = rng_for(0, "ends of trials dealt anew", len(one))
    reached = sum(float(first @ rng.permutation(second)) / size >= observed for _ in range(PERMUTATIONS))
    return observed, (1 + reached) / (1 + PERMUTATIONS)


OFFSETS = (-3, -2, -1, 1, 2, 3)


def _coupling(of: Digest) -> tuple[float | None, tuple[int, float, float] | None]:
    """Probability that behaviour of other trials fits the responses as well, and a trial from which it fits far better, if there is one."""
    trials = of.answered
    channels = [at for at, _ in enumerate(of.recording.behaviour) if np.ptp(np.concatenate([one.behaviour[:, at] for one in of.seen])) > 0]
    if len(trials) < FEWEST_TRIALS or not channels:
        return None, None
    rate = 1.0 if of.pictures else of.recording.frame_rate_hz
    width = 1 if of.pictures else max(1, round(1.0 * rate))
    states, answers = [], []
    for at in trials.tolist():
        seen = of.seen[at]
        behaviour = np.nan_to_num(seen.behaviour[:, channels])
        n = min(len(behaviour), len(of.standardised[at])) // width * width
        if n == 0:
            return None, None
        states.append(behaviour[:n].reshape(-1, width, len(channels)).mean(1))
        answers.append(of.standardised[at][:n].reshape(n // width, width, -1).mean(1))
    length = min(len(one) for one in states)
    x, y = np.stack([one[:length] for one in states]), np.stack([one[:length] for one in answers])
    y = y - _stimulus_means(of, trials, y)
    x = (x - x.mean((0, 1))) / np.maximum(x.std((0, 1)), 1e-9)
    folds = np.arange(len(trials)) * 4 // len(trials)
    rng = rng_for(0, "behaviour of other trials", len(trials))
    order = np.arange(len(trials))
    dealt = [order, *(np.roll(order, offset) for offset in OFFSETS), *(rng.permutation(len(order)) for _ in range(199))]
    agreements = _agreements(x, y, folds, dealt)
    observed, offsets, drawn = agreements[0], agreements[1 : 1 + len(OFFSETS)], agreements[1 + len(OFFSETS) :]
    p = (1 + sum(one >= observed for one in drawn)) / 200
    nearest = int(np.argmax(offsets))
    limit = float(np.max(drawn) + 2 * np.std(drawn))
    # Slow changes are shared by neighbouring trials: another trial is named only where it fits far better than the own.
    if offsets[nearest] > max(limit, FAR_BETTER * observed):
        return p, (OFFSETS[nearest], offsets[nearest], observed)
    return p, None


def _stimulus_means(of: Digest, trials: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean answers to each stimulus that was repeated, 0 for others."""
    stimulus = of.trials["stimulus"].to_numpy()[trials]
    means = np.zeros_like(y)
    for one in np.unique(stimulus):
        rows = stimulus == one
        if rows.sum() >= 4:
            means[rows] = y[rows].mean(0)
    return means


def _agreements(x: np.ndarray, y: np.ndarray, folds: np.ndarray, dealt: list[np.ndarray]) -> list[float]:
    """Mean correlation, over channels, of behaviour with what is decoded from responses of other trials.

    Args:
        x: Behaviour, trials x moments x channels.
        y: Responses, trials x moments x units.
        folds: Fold of each trial.
        dealt: Orders of the trials in which behaviour is held against responses.
    """
    from scipy.linalg import cho_factor, cho_solve

    flat_y = y.reshape(-1, y.shape[2])
    every = np.concatenate([x[order].reshape(-1, x.shape[2]) for order in dealt], axis=1)
    of_fold = np.repeat(folds, x.shape[1])
    decoded = np.zeros_like(every)
    for fold in np.unique(folds):
        fitted = of_fold != fold
        products = flat_y[fitted].T @ flat_y[fitted]
        products += 0.5 * np.trace(products) / len(products) * np.eye(len(products)) + 1e-9 * np.eye(len(products))
        decoded[~fitted] = flat_y[~fitted] @ cho_solve(cho_factor(products), flat_y[fitted].T @ every[fitted])
    decoded, every = decoded - decoded.mean(0), every - every.mean(0)
    sizes = np.linalg.norm(decoded, axis=0) * np.linalg.norm(every, axis=0)
    correlations = (decoded * every).sum(0) / np.maximum(sizes, 1e-12)
    return [float(one) for one in correlations.reshape(len(dealt), -1).mean(1)]
