"""Faults that show when responses are held against what the videos predict: other delays, shifted or swapped trials, turned pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.checks.encoding import Encoded, Encoder, encode, find_lag
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.repeats import repeated
from graphtwin.checks.tiers import spread_of
from graphtwin.execute import rng_for

FEWEST_VIDEOS, FEWEST_UNITS = 12, 20  # different stimuli and units from which a fit says anything
ENOUGH_VIDEOS, ENOUGH_UNITS = 16, 50  # the same, from which a fit that says nothing says something
# Seconds from picture to response that cortex, indicator and microscope take together: 0.05 of light in V1, 0.5 where fluorescence is slow.
SHORTEST_S, LONGEST_S = 0.03, 0.5
SHIFTS_S = 1.5  # seconds by which a trial's responses are moved to look for a better fit
DRAWS = 6  # other stimuli that each trial is held against, from which chance is known
SURE = 5.5  # deviations of chance: over 100 trials and 50 shifts it is passed once in 10,000 recordings
ALONE = 4.0  # deviations more that a part of a single trial needs
FITS, FAILS = 4.0, 2.0  # deviations from which a trial fits its video, and below which it does not
NOTHING = 0.02  # p above which responses are called unrelated to all videos
BLOCK = 40  # single pictures that are judged together
PERMUTATIONS = 999


@dataclass(frozen=True)
class Aligned:
    """Trials held against predictions.

    Attributes:
        of: The recording.
        encoded: Predictions of the quick model and what came.
        expected: What to expect of each trial: the prediction, and the mean of other repeats where there are any; standardised.
        step_s: Seconds from one moment to the next; NaN for pictures.
    """

    of: Digest
    encoded: Encoded
    expected: list[Float[np.ndarray, "moments units"]]
    step_s: float

    @cached_property
    def shifts(self) -> Int[np.ndarray, " shifts"]:
        """Moments by which responses are moved."""
        shortest = min(len(one) for one in self.expected)
        most = min(round(SHIFTS_S / self.step_s), shortest // 3) if np.isfinite(self.step_s) else 0
        return np.arange(-most, most + 1)

    @cached_property
    def stimulus(self) -> np.ndarray:
        """Name of the stimulus of each trial."""
        return self.of.trials["stimulus"].to_numpy()[self.encoded.trials]

    @cached_property
    def kind(self) -> np.ndarray:
        """Kind of stimulus of each trial."""
        return self.of.trials["kind"].to_numpy()[self.encoded.trials]

    @cached_property
    def curves(self) -> Float[np.ndarray, "trials shifts"]:
        """Correlation of each trial with what is expected, at each shift."""
        return np.stack([curve(e, a, self.shifts) for e, a in zip(self.expected, self.encoded.answered, strict=True)])

    @cached_property
    def chance(self) -> tuple[float, float, float]:
        """Mean and SD of the correlation with what other stimuli predict, and the SDs that 5 % of trials reach at some shift."""
        rng = rng_for(0, "trials against other stimuli", len(self.expected))
        found = []
        for at, answer in enumerate(self.encoded.answered):
            others = np.flatnonzero(self.stimulus != self.stimulus[at])
            for other in rng.permutation(others)[:DRAWS].tolist():
                n = min(len(answer), len(self.expected[other]))
                found.append(curve(self.expected[other][:n], answer[:n], self.shifts))
        drawn = np.array(found)
        middle = drawn[:, len(self.shifts) // 2]
        # Some trials may hold responses of others: what is told by all but a few is chance.
        mean, deviation = float(np.median(middle)), max(spread_of(middle), 1e-9)
        return mean, deviation, float(np.quantile(np.abs((drawn - mean) / deviation).max(1), 0.95))

    @cached_property
    def z(self) -> Float[np.ndarray, "trials shifts"]:
        """`curves` in deviations of chance."""
        mean, deviation, _ = self.chance
        return np.asarray((self.curves - mean) / max(deviation, 1e-9))

    @cached_property
    def usual(self) -> list[tuple[float, float]]:
        """Median and spread of `z_now` of trials like each: repeats of its stimulus, or others of its kind that are shown as often."""
        found = []
        repeats = np.array([(self.stimulus == one).sum() for one in self.stimulus])
        for at in range(len(self.expected)):
            alike = (
                (self.stimulus == self.stimulus[at])
                if repeats[at] >= 4
                else (self.kind == self.kind[at]) & ((repeats >= 3) == (repeats[at] >= 3))
            )
            found.append((float(np.median(self.z_now[alike])), spread_of(self.z_now[alike]) if alike.sum() >= 5 else np.inf))
        return found

    @property
    def z_now(self) -> Float[np.ndarray, " trials"]:
        """Deviations of chance without any shift."""
        return self.z[:, len(self.shifts) // 2]


def curve(expected: np.ndarray, answered: np.ndarray, shifts: np.ndarray) -> Float[np.ndarray, " shifts"]:
    """Correlation over units and moments of what is expected with what came `shift` moments later."""
    known = np.isfinite(answered).all(1)
    answered = np.where(known[:, None], answered, 0.0)
    n = len(expected)
    if len(shifts) == 1:
        size = np.linalg.norm(expected[known]) * np.linalg.norm(answered)
        return np.array([float((expected * answered).sum() / max(size, 1e-9))])
    products = expected @ answered.T
    one, other = (expected**2).sum(1), (answered**2).sum(1)
    found = []
    for shift in shifts.tolist():
        rows = slice(max(0, -shift), n - max(0, shift))
        cols = slice(max(0, shift), n - max(0, -shift))
        size = np.sqrt((one[rows] * known[cols]).sum() * other[cols].sum())
        found.append(np.trace(products, offset=shift) / max(float(size), 1e-9))
    return np.array(found)


def align(of: Digest) -> tuple[Encoder, Aligned] | None:
    """Hold every trial against predictions from others; None where there is too little to do so."""
    stimuli = of.trials["stimulus"].to_numpy()[of.answered]
    if len(np.unique(stimuli)) < FEWEST_VIDEOS or len(of.chosen) < FEWEST_UNITS:
        return None
    encoder = Encoder(of)
    if len(encoder.trials) < FEWEST_VIDEOS:
        return None
    lags, told = find_lag(encoder)
    lag = int(lags[told.sum(0).argmax()]) if len(told) else 0
    encoded = encode(encoder, lag, lags, told)
    step_s = encoder.step / of.recording.frame_rate_hz
    return encoder, Aligned(of, encoded, _expected(of, encoded), step_s)


def _expected(of: Digest, encoded: Encoded) -> list[np.ndarray]:
    """Prediction and mean of the other repeats, each of size 1 a number."""
    stimulus = of.trials["stimulus"].to_numpy()[encoded.trials]
    length = np.array([len(one) for one in encoded.answered])
    found = []
    for at, predicted in enumerate(encoded.predicted):
        one = (predicted - predicted.mean(0)) if len(predicted) > 1 else predicted
        one = one / max(float(one.std()), 1e-9)
        others = np.flatnonzero((stimulus == stimulus[at]) & (length == length[at]))
        others = others[others != at]
        if len(others) >= 2:
            mean = np.nan_to_num(np.mean([encoded.answered[other] for other in others], axis=0))
            one = one + mean / max(float(mean.std()), 1e-9)
        found.append(one)
    return found


def misaligned(of: Digest) -> list[Finding]:
    """Everything that a comparison of responses with predictions shows."""
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
        if _fit_of_all(other)[0] < 1 / PERMUTATIONS and _fit_of_all(other)[1] > 3 * abs(agreement):
            return [
                Finding(
                    "trials are shifted",
                    "fault",
                    f"responses fit the video of the trial {abs(offset)} {'before' if offset > 0 else 'after'} theirs",
                    f"all {len(encoded.trials)} trials",
                    f"mean correlation {_fit_of_all(other)[1]:.3f} there, {agreement:.3f} with their own",
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


def odd_trials(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Trials that fit their video only when moved, from some moment on, when the picture is turned, or that fit another trial's."""
    healthy = aligned.usual
    limit = max(SURE, aligned.chance[2] + 2.0)
    far = np.abs(aligned.shifts) * aligned.step_s >= 0.12
    shifted: list[tuple] = []
    cut: list[tuple] = []
    swapped: list[tuple] = []
    turned: list[tuple] = []
    lost: list[tuple] = []
    for at in range(len(aligned.expected)):
        now, best = aligned.z_now[at], int(np.where(far, aligned.z[at], -np.inf).argmax())
        if aligned.z[at, best] > limit and aligned.z[at, best] - now > 4 and now < aligned.z[at, best] / 2:
            shifted.append((at, aligned.shifts[best] * aligned.step_s, aligned.z[at, best]))
            continue
        breaks = _break(aligned, at, limit)
        if breaks is not None:
            cut.append((at, *breaks))
        elif now < FAILS and (other := _better(aligned, at, limit)) is not None:
            swapped.append((at, other, now))
        elif now < FAILS and healthy[at][0] > FITS + 1 and healthy[at][0] - now > 5 * max(healthy[at][1], 1.0):
            turn = _turned(encoder, aligned, at, limit)
            (turned if turn is not None else lost).append((at, turn, now))
    # A part of a trial has few moments, and some stimuli resemble themselves later: one trial alone must be surer.
    cut = cut if len(cut) > 1 else [one for one in cut if one[3] > limit + ALONE]
    return [*_moved_findings(aligned, shifted, cut), *_other_findings(aligned, swapped, turned, lost)]


def _moved_findings(aligned: Aligned, shifted: list, cut: list) -> list[Finding]:
    found = []
    if shifted:
        at = np.array([one[0] for one in shifted])
        by = np.array([one[1] for one in shifted])
        found.append(
            Finding(
                "shifted frames",
                "fault",
                f"responses of {len(shifted)} of {len(aligned.expected)} trials are moved "
                f"against their video by {some(sorted(set(np.round(by, 2).tolist())))} s",
                f"trials {some(_numbers(aligned, at))}",
                f"they fit {min(one[2] for one in shifted):.1f} or more deviations of chance better than other videos "
                f"when moved back; the others fit unmoved ({np.median(aligned.z_now):.1f})",
                "a model learns a wrong delay, and scores of these trials are those of chance",
                "cut the trials anew from the recording's own clock",
            )
        )
    if cut:
        at = np.array([one[0] for one in cut])
        found.append(
            Finding(
                "dropped frames",
                "fault",
                f"in {len(cut)} of {len(aligned.expected)} trials responses and video "
                f"part on the way, by {some(sorted({round(one[2], 2) for one in cut}))} s",
                f"trials {some([f'{n} from second {one[1]:.1f}' for n, one in zip(_numbers(aligned, at), cut, strict=True)])}",
                f"from there on they fit {min(one[3] for one in cut):.1f} or more "
                f"deviations better than chance when moved, and not as they are",
                "the rest of such a trial is noise to a model",
                "find the frames that were dropped, or cut the trials off there",
            )
        )
    return found


def _other_findings(aligned: Aligned, swapped: list, turned: list, lost: list) -> list[Finding]:
    found = []
    odd = [one[0] for one in (*swapped, *turned, *lost)]
    rest = f"others like them fit by {np.median([aligned.usual[at][0] for at in odd]):.1f} deviations" if odd else ""
    if swapped:
        at = np.array([one[0] for one in swapped])
        fitting = _numbers(aligned, np.array([one[1] for one in swapped]))
        found.append(
            Finding(
                "responses of another trial",
                "fault",
                f"responses of {len(swapped)} trials fit the video of another trial and not their own",
                f"trials {some([f'{n} (fits {other})' for n, other in zip(_numbers(aligned, at), fitting, strict=True)])}",
                f"by {SURE:g} deviations of chance or more, with their own video by less than {FAILS:g}; {rest}",
                "a model learns other videos than were shown",
                "put responses and videos of these trials together again",
            )
        )
    if turned:
        at = np.array([one[0] for one in turned])
        found.append(
            Finding(
                "turned pictures",
                "fault",
                f"responses of {len(turned)} trials fit their video {some(sorted({one[1] for one in turned}))} and not as it is",
                f"trials {some(_numbers(aligned, at))}",
                f"by {SURE:g} deviations of chance or more; {rest}",
                "fields are looked for at the wrong place of these pictures",
                "turn the pictures of these trials back",
            )
        )
    if len(lost) >= max(1, 0.01 * len(aligned.expected)):
        at = np.array([one[0] for one in lost])
        found.append(
            Finding(
                "trials that fit no stimulus",
                "fault",
                f"responses of {len(lost)} of {len(aligned.expected)} trials fit neither their video nor that of another trial",
                f"trials {some(_numbers(aligned, at))}",
                f"they fit their video by less than {FAILS:g} deviations of chance; {rest}",
                "these trials are noise to a model, and lower every score",
                "check units, pictures and responses of these trials, or leave them out",
            )
        )
    return found


def _numbers(aligned: Aligned, at: np.ndarray) -> list[int]:
    return aligned.of.numbers(aligned.encoded.trials[at])


def _break(aligned: Aligned, at: int, limit: float) -> tuple[float, float, float] | None:
    """Second from which a trial fits when moved and not as it is, seconds and deviations of chance of it; None if there is none."""
    expected, answered = aligned.expected[at], np.nan_to_num(aligned.encoded.answered[at])
    n = len(expected)
    products = expected @ answered.T
    sizes = max(float(np.linalg.norm(expected) * np.linalg.norm(answered)), 1e-9)
    deviation = aligned.chance[1]
    best: tuple[float, float, float] | None = None
    own = np.concatenate([[0.0], np.cumsum(np.diag(products))]) / sizes
    for shift in aligned.shifts.tolist():
        if abs(shift) * aligned.step_s < 0.12:
            continue
        late = np.zeros(n + 1)
        rows = np.arange(max(0, -shift), n - max(0, shift))
        late[rows + 1] = products[rows, rows + shift]
        late = np.cumsum(late) / sizes
        for from_ in range(n // 5, n * 3 // 4, max(1, n // 12)):
            until = n - max(0, shift)
            share = np.sqrt(max(until - from_, 1) / n)
            moved, unmoved = (late[n] - late[from_]) / share / deviation, (own[until] - own[from_]) / share / deviation
            before = own[from_] / np.sqrt(from_ / n) / deviation
            if moved > limit and unmoved < min(2.5, moved / 3) and before > 2.0 and (best is None or moved > best[2]):
                best = (from_ * aligned.step_s, shift * aligned.step_s, float(moved))
    return best


def _better(aligned: Aligned, at: int, limit: float) -> int | None:
    """The trial whose stimulus a trial's responses fit, if they fit one surely."""
    mean, deviation, _ = aligned.chance
    answer = aligned.encoded.answered[at]
    zero = np.zeros(1, dtype=np.int64)
    best, found = limit, None
    for other in np.flatnonzero(aligned.stimulus != aligned.stimulus[at]).tolist():
        n = min(len(answer), len(aligned.expected[other]))
        z = (curve(aligned.expected[other][:n], answer[:n], zero)[0] - mean) / deviation
        if z > best:
            best, found = z, other
    return found


TURNS = {
    "mirrored left to right": lambda small: small[:, :, ::-1],
    "upside down": lambda small: small[:, ::-1],
    "turned by 180 degrees": lambda small: small[:, ::-1, ::-1],
    "played backwards": lambda small: small[::-1],
    "with inverted grey levels": lambda small: 2 * small.mean() - small,
    "with its axes swapped": lambda small: _swapped(small),
}


def _swapped(small: np.ndarray) -> np.ndarray:
    """Frames whose values were stored with rows and columns exchanged, put back into the shape they have."""
    return (
        small.transpose(0, 2, 1)
        if small.shape[1] == small.shape[2]
        else small.reshape(len(small), small.shape[2], small.shape[1]).transpose(0, 2, 1)
    )


def _turned(encoder: Encoder, aligned: Aligned, at: int, limit: float) -> str | None:
    """How a trial's video has to be turned so that its responses fit; None if no turn does."""
    mean, deviation, _ = aligned.chance
    answer, small = aligned.encoded.answered[at], aligned.of.seen[int(aligned.encoded.trials[at])].small
    healthy = [row for row in np.argsort(-aligned.z_now).tolist() if row != at][:60]
    weights = _weights(encoder, aligned, healthy)
    for words, turn in TURNS.items():
        predicted = encoder.standard(encoder.of_small(np.ascontiguousarray(turn(small)))) @ weights
        predicted = predicted[: len(answer)] - predicted[: len(answer)].mean(0)
        if (curve(predicted, answer, np.zeros(1, dtype=np.int64))[0] - mean) / deviation > min(limit, SURE):
            return words
    return None


def _weights(encoder: Encoder, aligned: Aligned, rows: list[int]) -> np.ndarray:
    """Weights of a fit to some trials."""
    from graphtwin.checks.encoding import ridge

    x, y = [], []
    for row in rows:
        answer = aligned.encoded.answered[row]
        known = np.isfinite(answer).all(1)
        x.append(encoder.standard(encoder.features[encoder.video[row]][: len(answer)][known]))
        y.append(answer[known])
    stacked = np.concatenate(x)
    return ridge(stacked.T @ stacked, stacked.T @ np.concatenate(y))


def picture_blocks(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Stretches and tiers of single pictures whose responses do not fit them, though the others' do."""
    fits = aligned.z_now * aligned.chance[1] + aligned.chance[0]
    spread, whole = float(fits.std()), float(np.median([b.mean() for b in np.array_split(fits, max(1, len(fits) // BLOCK))]))
    tier = aligned.of.trials["tier"].to_numpy()[aligned.encoded.trials]
    groups = {f"tier {one}": np.flatnonzero(tier == one) for one in np.unique(tier)}
    order = np.arange(len(fits))
    groups |= {
        f"trials {_numbers(aligned, part[:1])[0]} to {_numbers(aligned, part[-1:])[0]}": part
        for part in np.array_split(order, max(1, len(fits) // BLOCK))
    }
    bad = {}
    for words, rows in groups.items():
        if len(rows) < BLOCK // 2:
            continue
        deviations = (fits[rows].mean() - whole) / (spread / np.sqrt(len(rows)))
        if deviations < -5.0 and fits[rows].mean() < 0.35 * whole:
            bad[words] = (float(fits[rows].mean()), float(deviations))
    if not bad:
        return []
    return [
        Finding(
            "trials that fit no stimulus",
            "fault",
            f"responses of {len(bad)} stretches of trials do not fit their pictures",
            some(list(bad)),
            f"mean correlation with what is expected {min(v[0] for v in bad.values()):.3f}, in the others {whole:.3f}: "
            f"{min(v[1] for v in bad.values()):.1f} deviations",
            "these trials are noise to a model, and lower every score",
            "check units, pictures and responses of these trials, or leave them out",
        )
    ]


def fields_at_an_edge(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Fields that pile up at an edge of the video: they lie beside it."""
    places = aligned.encoded.places
    correlation = _unit_correlations(aligned)
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
    predicted = _unit_correlations(aligned)[sees] / np.sqrt(reliability[sees])
    by_chance = _unit_correlations(aligned, other_stimuli=True)[sees] / np.sqrt(reliability[sees])
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


RELIABLE = 0.15  # correlation of the means of two halves of the repeats, from which a unit is said to see the stimulus
UNSEEN = 0.2  # share of such units that nothing predicts, above which their fields are taken to lie beside the video
EDGE = 0.35  # share of fields at one edge above which they are taken to lie beside it


def _unit_correlations(aligned: Aligned, other_stimuli: bool = False) -> Float[np.ndarray, " units"]:
    """Correlation of each unit with its prediction, or with the prediction for a trial of another stimulus."""
    predicted, answered = list(aligned.encoded.predicted), aligned.encoded.answered
    if other_stimuli:
        order = np.argsort(aligned.stimulus, kind="stable")  # half of the trials on lies another stimulus
        place = np.empty_like(order)
        place[order] = np.roll(order, len(order) // 2)
        predicted = [predicted[other] for other in place]
    lengths = [min(len(one), len(other)) for one, other in zip(predicted, answered, strict=True)]
    told = np.concatenate([one[:n] for one, n in zip(predicted, lengths, strict=True)])
    came = np.nan_to_num(np.concatenate([one[:n] for one, n in zip(answered, lengths, strict=True)]))
    sizes = np.linalg.norm(told, axis=0) * np.linalg.norm(came, axis=0)
    return np.asarray((told * came).sum(0) / np.maximum(sizes, 1e-9), dtype=np.float64)
