"""Trials that fit their video only when moved, from some moment on, when the picture is turned, or that fit another trial's."""

from __future__ import annotations

import numpy as np

from graphtwin.checks.aligned import Aligned, curve
from graphtwin.checks.encoding import Encoder, ridge
from graphtwin.checks.finding import Finding, some

SURE = 5.5  # deviations of chance: over 100 trials and 50 shifts it is passed once in 10,000 recordings
ALONE = 4.0  # deviations more that a part of a single trial needs
FITS, FAILS = 4.0, 2.0  # deviations from which a trial fits its video, and below which it does not
# Ways in which frames (frames, height, width) may have been stored otherwise than they were shown.
TURNS = {
    "mirrored left to right": lambda small: small[:, :, ::-1],
    "upside down": lambda small: small[:, ::-1],
    "turned by 180 degrees": lambda small: small[:, ::-1, ::-1],
    "played backwards": lambda small: small[::-1],
    "with inverted grey levels": lambda small: 2 * small.mean() - small,
    "with its axes swapped": lambda small: _swapped(small),
}


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
                f"trials {some(aligned.numbers(at))}",
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
                f"trials {some([f'{n} from second {one[1]:.1f}' for n, one in zip(aligned.numbers(at), cut, strict=True)])}",
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
        fitting = aligned.numbers(np.array([one[1] for one in swapped]))
        found.append(
            Finding(
                "responses of another trial",
                "fault",
                f"responses of {len(swapped)} trials fit the video of another trial and not their own",
                f"trials {some([f'{n} (fits {other})' for n, other in zip(aligned.numbers(at), fitting, strict=True)])}",
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
                f"trials {some(aligned.numbers(at))}",
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
                f"trials {some(aligned.numbers(at))}",
                f"they fit their video by less than {FAILS:g} deviations of chance; {rest}",
                "these trials are noise to a model, and lower every score",
                "check units, pictures and responses of these trials, or leave them out",
            )
        )
    return found


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
    x, y = [], []
    for row in rows:
        answer = aligned.encoded.answered[row]
        known = np.isfinite(answer).all(1)
        x.append(encoder.standard(encoder.features[encoder.video[row]][: len(answer)][known]))
        y.append(answer[known])
    stacked = np.concatenate(x)
    return ridge(stacked.T @ stacked, stacked.T @ np.concatenate(y))
