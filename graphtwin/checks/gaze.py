"""Faults of declared gaze: off the screen, mirrored, exchanged axes, in another unit, at another clock; told by what responses say.

Each way in which gaze may have been meant gives another film on the retina. A quick linear model of contrast, fitted to some trials and
held against others, says which film the units answered to; nothing is said where the one that the files mean does as well as any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.checks.encoding import features, ridge
from graphtwin.checks.finding import Finding, some
from graphtwin.coordinates import Monitor
from graphtwin.execute import rng_for

BESIDE_DEG = 5.0  # degrees beyond an edge of the screen from which gaze is off it: an eye tracker errs by less
SELDOM, MOSTLY = 0.02, 0.5  # shares of samples off the screen above which that is told, and above which the unit is doubted
FEWEST_TRIALS, MOST_TRIALS = 8, 48  # trials with responses below which nothing is said, and that are held against responses
MOST_PICTURES = 3000  # the same of single pictures
EVERY_S = 4 / 30  # seconds between moments that are compared
DELAYS_S = (1 / 30, 0.1, 1 / 6, 7 / 30)  # from picture to response, of which each film takes its best
SHIFTS_S = (0.1, 0.2, 0.3, 0.4, 0.5)  # seconds, either way, by which the trace is moved to look for another clock
FAR_S = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # the same where gaze that is near tells nothing; the eye stays about .3 s where it is
BESIDE_S = 0.1  # seconds beside the best of these that are looked at last
STATIC = 5  # channels of the quick model that ask for one frame alone
FOLDS = 4
SURE = 4.0  # standard errors over trials by which another film must be better
BETTER = 1.05  # and times by which: the same trials are held against both films, so that errors are small
SMALL_DEG = 1.5  # SD of gaze below which degrees may be radians
BEHIND = 0.1  # share of its length that a ray runs ahead at least; others miss the screen

Turned = Callable[[Float[np.ndarray, "frames 2"]], Float[np.ndarray, "frames 2"]]

READINGS: dict[str, tuple[Turned, str, str]] = {
    "mirrored": (lambda gaze: gaze * [-1.0, 1.0], "its first axis is mirrored", "turn the sign of the first axis: gaze is rightwards"),
    "upside down": (lambda gaze: gaze * [1.0, -1.0], "its second axis is mirrored", "turn the sign of the second axis: gaze is upwards"),
    "turned about": (lambda gaze: -gaze, "both of its axes are mirrored", "turn the signs of both axes: gaze is rightwards and upwards"),
    "exchanged": (lambda gaze: gaze[:, ::-1], "its axes are exchanged", "write the horizontal axis first, then the vertical one"),
    "ignored": (
        lambda gaze: np.zeros_like(gaze),
        "responses are better explained without it",
        "look whether traces belong to these trials, and whether gaze is told about the middle of the screen",
    ),
}
RADIANS = (np.degrees, "it is in radians", 'write "unit": "radians", or degrees')


@dataclass(frozen=True)
class Compared:
    """Trials on which films are compared.

    Attributes:
        of: The recording.
        trials: Places in `Digest.seen`.
        at: Frames of each that are compared.
        fold: Fold of each trial.
        grey: Mean and SD of grey levels.
    """

    of: Digest
    trials: Int[np.ndarray, " trials"]
    at: list[Int[np.ndarray, " moments"]]
    fold: Int[np.ndarray, " trials"]
    grey: tuple[float, float]


def gaze_off_the_screen(of: Digest) -> list[Finding]:
    """Gaze that is far beyond the edges of the screen, at times or nearly always."""
    if of.recording.gaze is None or not of.seen:
        return []
    monitor = of.recording.monitor
    edges = np.degrees(np.arctan(np.array([monitor.width_cm, monitor.height_cm]) / 2 / monitor.distance_cm))
    known = [one.eye[np.isfinite(one.eye).all(1)] for one in of.seen]
    gaze = np.concatenate(known)
    off = (np.abs(gaze) > edges + BESIDE_DEG).any(1)
    if not len(gaze) or off.mean() <= SELDOM:
        return []
    where = [at for at, seen in enumerate(known) if (np.abs(seen) > edges + BESIDE_DEG).any()]
    reach = f"up to {np.abs(gaze).max(0).round(1).tolist()} degrees; the screen ends at {edges.round(1).tolist()}"
    if off.mean() > MOSTLY:
        return [
            Finding(
                "gaze beyond the screen",
                "fault",
                f"the eye looks more than {BESIDE_DEG:g} degrees beyond the screen in {off.mean():.0%} of {len(gaze)} samples",
                f"trials {some(of.numbers(np.array(where)))}",
                reach,
                "nearly all that the twin is shown is grey",
                "pixels of a camera are no degrees: leave the entry gaze out for them; else state monitor, and gaze from its middle",
            )
        ]
    return [
        Finding(
            "gaze beyond the screen",
            "note",
            f"the eye looks more than {BESIDE_DEG:g} degrees beyond the screen in {off.mean():.1%} of {len(gaze)} samples",
            f"trials {some(of.numbers(np.array(where)))}",
            reach,
            "what the eye sees there is taken to be grey",
            "nothing, where the eye wanders; set to NaN what the tracker lost",
        )
    ]


def gaze_misread(of: Digest) -> list[Finding]:
    """Gaze whose axes, unit or clock are others than declared, where responses fit the film on the retina better then."""
    both = _compared(of)
    if both is None:
        return []
    readings = dict(READINGS)
    if np.nanstd(np.concatenate([of.seen[at].eye for at in both.trials])) < SMALL_DEG:
        readings["radians"] = RADIANS
    plain = _told(both, lambda gaze: gaze)
    told = {name: _told(both, turn) for name, (turn, _, _) in readings.items()}
    clocks = {} if of.pictures else _clocks(both, plain, told)
    name = max(told, key=lambda one: told[one].mean())
    shift = max(clocks, key=lambda one: clocks[one].mean(), default=0.0)
    if shift and clocks[shift].mean() >= told[name].mean():
        late = f"{abs(shift):g} s {'late' if shift > 0 else 'early'}"
        found = f"gaze is {late}: the film of an eye that looked there by that much {'sooner' if shift > 0 else 'later'} fits"
        do = 'state it as "delay_s", or correct the clock of the trace' if shift > 0 else "correct the clock of the trace"
        return _finding("gaze at another clock", found, do, plain, clocks[shift], both)
    _, found, do = readings[name]
    return _finding("gaze read wrongly", f"gaze is not what it is declared to be: {found}", do, plain, told[name], both)


def _clocks(
    both: Compared, plain: Float[np.ndarray, " trials"], told: dict[str, Float[np.ndarray, " trials"]]
) -> dict[float, Float[np.ndarray, " trials"]]:
    """What films tell by seconds that gaze is moved: by a little, and by more where none of these or the readings tells more than no gaze.

    A film of gaze that is far from its clock tells less than that of an eye at rest.
    """

    def moved(shifts: Iterable[float]) -> dict[float, Float[np.ndarray, " trials"]]:
        return {shift: _told(both, lambda gaze: gaze, shift) for shift in shifts}

    near = moved(sign * shift for shift in SHIFTS_S for sign in (-1, 1))
    others = [film for name, film in told.items() if name != "ignored"]
    most = max(film.mean() for film in (plain, *others, *near.values()))
    nearest = max(near, key=lambda one: near[one].mean())
    if most >= BETTER * told["ignored"].mean() and abs(nearest) < SHIFTS_S[-1]:
        return near
    far = moved(sign * shift for shift in FAR_S for sign in (-1, 1))
    best = max(far, key=lambda one: far[one].mean())
    return near | far | moved((best - BESIDE_S, best + BESIDE_S))


def _finding(
    check: str, what: str, do: str, plain: Float[np.ndarray, " trials"], other: Float[np.ndarray, " trials"], both: Compared
) -> list[Finding]:
    """The finding, where another film is better beyond chance."""
    more = other - plain
    errors = max(float(more.std(ddof=1)) / len(more) ** 0.5, 1e-9), max(float(other.std(ddof=1)) / len(other) ** 0.5, 1e-9)
    if more.mean() < SURE * errors[0] or other.mean() < SURE * errors[1] or other.mean() < BETTER * plain.mean():
        return []
    return [
        Finding(
            check,
            "fault",
            what,
            f"{len(more)} trials compared",
            f"a quick model predicts held-out trials at {other.mean():.3f} then, and {plain.mean():.3f} as declared: "
            f"{more.mean() / errors[0]:.0f} standard errors over trials; the limit is {SURE:g}",
            "the twin is shown what the eye did not see",
            do,
        )
    ]


def _compared(of: Digest) -> Compared | None:
    """Trials and moments at which gaze is known; None where they are too few to say anything."""
    if of.recording.gaze is None:
        return None
    hz = of.recording.frame_rate_hz
    last = 0 if of.pictures else round(max(DELAYS_S) * hz) + 1
    every = 1 if of.pictures else max(1, round(EVERY_S * hz))
    usual = _usual_size(of)
    found = []
    for trial in of.answered.tolist():
        one = of.seen[trial]
        moments = np.arange(0, len(one.small) - last, every)
        moments = moments[np.isfinite(one.eye[moments]).all(1)]
        if len(moments) >= (1 if of.pictures else FOLDS) and one.small.shape[1:] == usual:
            found.append((trial, moments))
    if len(found) < FEWEST_TRIALS:
        return None
    most = MOST_PICTURES if of.pictures else MOST_TRIALS
    some_of = [found[at] for at in np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).astype(np.int64))]
    trials = np.array([trial for trial, _ in some_of])
    names, shown = np.unique(of.trials["stimulus"].to_numpy()[trials], return_inverse=True)
    fold = (rng_for(0, "folds of films on the retina").permutation(len(names)) % FOLDS)[shown]
    grey = np.array([of.seen[trial].grey[:2] for trial in trials])
    return Compared(of, trials, [at for _, at in some_of], fold, (float(grey[:, 0].mean()), max(float(grey[:, 1].mean()), 1e-6)))


def _usual_size(of: Digest) -> tuple[int, ...]:
    sizes = [of.seen[int(at)].small.shape[1:] for at in of.answered]
    return max(set(sizes), key=sizes.count) if sizes else (0, 0)


def _told(both: Compared, turn: Turned, shift_s: float = 0.0) -> Float[np.ndarray, " trials"]:
    """Correlation of each trial's responses with predictions from the film on the retina, by other trials, at the best delay."""
    of, hz = both.of, both.of.recording.frame_rate_hz
    delays = [0] if of.pictures else [round(delay * hz) for delay in DELAYS_S]
    shown, answered = [], []
    for trial, at in zip(both.trials, both.at, strict=True):
        one = of.seen[int(trial)]
        when = at if shift_s == 0 else np.clip(at + round(shift_s * hz), 0, len(one.eye) - 1)
        gaze = np.nan_to_num(turn(_held(one.eye)[when]))
        film = retinal_film(one.small[at], gaze, of.recording.monitor, both.grey[0])
        blocks = features(film, *both.grey, 1)
        static = STATIC * (blocks.shape[1] // (8 if len(film) > 1 else STATIC))
        shown.append(blocks[:, :static])
        values = of.standardised[int(trial)]
        answered.append(np.concatenate([_around(values, at + delay) for delay in delays], axis=1))
    every = np.concatenate(shown)
    mean, deviation = every.mean(0), every.std(0) + 1e-3
    standard = [((one - mean) / deviation).astype(np.float32) for one in shown]
    units = len(of.chosen)
    told = np.zeros((len(shown), len(delays)))
    for fold in range(FOLDS):
        rest, mine = np.flatnonzero(both.fold != fold), np.flatnonzero(both.fold == fold)
        if not len(rest) or not len(mine):
            continue
        x, y = (np.concatenate([parts[at] for at in rest]) for parts in (standard, answered))
        weights = ridge(x.T @ x, x.T @ (y - y.mean(0)))
        for trial in mine:
            expected, came = (
                (part - y.mean(0)).reshape(-1, len(delays), units) for part in (standard[trial] @ weights + y.mean(0), answered[trial])
            )
            size = np.sqrt((expected**2).sum((0, 2)) * (came**2).sum((0, 2)))
            told[trial] = (expected * came).sum((0, 2)) / np.maximum(size, 1e-9)
    return np.asarray(told[:, told.mean(0).argmax()])


def _around(values: Float[np.ndarray, "frames units"], at: Int[np.ndarray, " moments"]) -> Float[np.ndarray, "moments units"]:
    """Means of three frames about each moment; of pictures their one."""
    return np.asarray(np.mean([values[np.clip(at + by, 0, len(values) - 1)] for by in (-1, 0, 1)], axis=0))


def _held(gaze: Float[np.ndarray, "frames 2"]) -> Float[np.ndarray, "frames 2"]:
    """Gaze, where it is missing that which was known last, or first where none was known before."""
    known = np.isfinite(gaze).all(1)
    return gaze[np.maximum.accumulate(np.where(known, np.arange(len(gaze)), known.argmax()))]


def as_the_eye_saw(of: Digest) -> Digest:
    """The recording with the small films that fell on the retina, where gaze is declared; no two trials show the same then."""
    if of.recording.gaze is None:
        return of
    grey = float(np.mean([one.grey[0] for one in of.seen])) if of.seen else 0.0
    films = [retinal_film(one.small, np.nan_to_num(_held(one.eye)), of.recording.monitor, grey) for one in of.seen]
    trials = of.recording.trials
    trials = trials.assign(stimulus=trials["stimulus"].astype(str) + ", trial " + trials["trial"].astype(str))
    seen = [replace(one, small=film) for one, film in zip(of.seen, films, strict=True)]
    return replace(of, recording=replace(of.recording, trials=trials), seen=seen)


def retinal_film(
    small: Float[np.ndarray, "frames rows columns"], gaze: Float[np.ndarray, "frames 2"], monitor: Monitor, grey: float
) -> Float[np.ndarray, "frames rows columns"]:
    """Small frames as an eye sees them that looks about: as large as the screen, bilinear, grey beyond its edges.

    Args:
        small: Frames that fill the screen.
        gaze: Azimuth and elevation of the line of sight, degrees rightwards and upwards.
        monitor: The screen.
        grey: Grey level beyond it.
    """
    frames, rows, columns = small.shape
    half = np.array([monitor.width_cm, monitor.height_cm]) / 2 / monitor.distance_cm
    x = (((2 * np.arange(columns) + 1) / columns - 1) * half[0])[None, None, :]
    y = ((1 - (2 * np.arange(rows) + 1) / rows) * half[1])[None, :, None]
    yaw, pitch = np.deg2rad(gaze).T[:, :, None, None]
    higher, forth = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
    across, ahead = x * np.cos(yaw) + forth * np.sin(yaw), forth * np.cos(yaw) - x * np.sin(yaw)
    far = np.where(ahead > BEHIND, 1 / np.maximum(ahead, BEHIND), np.inf)
    with np.errstate(invalid="ignore"):
        column = (across * far / half[0] + 1) * columns / 2 - 0.5
        row = (1 - higher * far / half[1]) * rows / 2 - 0.5
    inside = (column >= -0.5) & (column <= columns - 0.5) & (row >= -0.5) & (row <= rows - 0.5)
    column, row = (np.clip(np.where(inside, at, 0.0), 0, most - 1) for at, most in ((column, columns), (row, rows)))
    left, top = (np.minimum(at.astype(np.int64), most - 2) for at, most in ((column, columns), (row, rows)))
    by, down = (column - left).astype(np.float32), (row - top).astype(np.float32)
    flat, first = small.reshape(frames, -1), (top * columns + left).reshape(frames, -1)
    corner = [np.take_along_axis(flat, first + step, 1).reshape(inside.shape) for step in (0, 1, columns, columns + 1)]
    upper, lower = corner[0] + by * (corner[1] - corner[0]), corner[2] + by * (corner[3] - corner[2])
    return np.where(inside, upper + down * (lower - upper), np.float32(grey)).astype(np.float32)
