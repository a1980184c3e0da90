"""Faults of the pictures: two sizes, swapped axes, another screen, grey levels in two units, frames that stand still or are left out."""

from __future__ import annotations

from collections import Counter

import numpy as np

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.responses import longest_run
from graphtwin.checks.tiers import spread_of

SQUARE = 1.25  # ratio of the sides of a pixel, as the monitor says them, above which the picture does not belong to the monitor
LEVELS, OTHER_UNIT = 4.0, 30.0  # ratio of grey levels, of many trials and of a single one, above which they are in two units
OTHER_SCENE, SAME_SCENE = 0.4, 0.8  # correlations of frames below which two trials show different things, and above which the same
MOST_REPEATS = 10  # repeats that each trial of a stimulus is compared with
BLANK = 0.15  # share of the picture that may be the same in all trials
SMOOTH, ROUGH = 0.6, 0.3  # correlation of neighbouring pixels along one axis, and along the other, of which pictures were cut anew
STOPPED_S = 0.25  # seconds that a film must stand still
JUMP = 2.5  # size of a step, in the largest that other trials of its kind have, above which frames were left out


def picture_shapes(of: Digest) -> list[Finding]:
    """Trials whose pictures have another size than most, and pictures whose shape does not belong to the monitor."""
    sizes = [one.size for one in of.seen]
    if not sizes:
        return []
    (height, width), _ = Counter(sizes).most_common(1)[0]
    other = np.array([at for at, size in enumerate(sizes) if size != (height, width)], dtype=np.int64)
    found = []
    if len(other):
        swapped = sum(sizes[at] == (width, height) for at in other)
        found.append(
            Finding(
                "swapped axes" if swapped else "pictures of two sizes",
                "fault",
                f"pictures of {len(other)} of {len(sizes)} trials are "
                f"{some(sorted({sizes[at] for at in other}))} and the others {(height, width)} (height, width)",
                f"trials {some(of.numbers(other))}",
                f"certain; {swapped} of them have height and width exchanged",
                "they cannot be shown to one model, or are shown to it turned",
                "turn or resize the pictures of these trials",
            )
        )
    monitor = of.recording.monitor
    down, across = monitor.height_cm / height, monitor.width_cm / width
    ratio = max(down / across, across / down)
    if ratio > SQUARE:
        turned = (
            max((monitor.height_cm / width) / (monitor.width_cm / height), (monitor.width_cm / height) / (monitor.height_cm / width))
            < SQUARE
        )
        found.append(
            Finding(
                "swapped axes" if turned else "pictures do not fit the monitor",
                "fault" if turned else "note",
                f"pictures are {height} x {width} pixels (height, width) on a monitor of {monitor.height_cm:g} x "
                f"{monitor.width_cm:g} cm: a pixel would be {ratio:.2f} times as long as wide",
                f"all trials of {of.name}",
                "exchanged they would be square to within 25 %" if turned else "certain, if this is the monitor",
                "fields and tuning lie at wrong places, and horizontal is taken for vertical"
                if turned
                else "places of fields, in degrees, are stretched",
                "exchange height and width" if turned else "name the monitor that the pictures filled (monitor in config.json)",
            )
        )
    return found + _cut_anew(of) + _blank_part(of)


def names_of_pictures(of: Digest) -> list[Finding]:
    """Trials that have the name of a stimulus and show something else."""
    stimulus = of.trials["stimulus"].to_numpy()
    other: list[int] = []
    for name in dict.fromkeys(stimulus):
        trials = np.flatnonzero(stimulus == name)
        if len(trials) < 3 or len({of.seen[at].small.shape[1:] for at in trials}) > 1:
            continue
        alike = np.array([[_same_scene(of.seen[a].small, of.seen[b].small) for b in trials[:MOST_REPEATS]] for a in trials])
        # The trial that most resemble stands for the name; noise of which repeats fall on other frames has none.
        usual = np.median(alike, axis=0)
        if usual.max() > SAME_SCENE:
            other += trials[alike[:, int(usual.argmax())] < OTHER_SCENE].tolist()
    if len(other) < 2:  # one trial alone may fall between the frames of a film of noise
        return []
    at = np.array(sorted(other))
    return [
        Finding(
            "one name for several pictures",
            "fault",
            f"{len(at)} trials show something else than other trials of the same stimulus",
            f"trials {some(of.numbers(at))}",
            f"their frames correlate by less than {OTHER_SCENE:g} with those of most repeats",
            "responses to different pictures are taken for repeats: reliability and noise ceilings are too low",
            "correct the names of stimuli (frame_image_id, condition_hash), or the pictures",
        )
    ]


def _same_scene(one: np.ndarray, other: np.ndarray) -> float:
    """Largest correlation of five frames of a clip with the frames of another about then; 1 where a frame is blank."""
    found = -1.0
    for at in {len(one) * part // 6 for part in range(1, 6)}:
        frame, near = one[at] - one[at].mean(), other[max(0, at - 2) : at + 3]
        if not len(near) or frame.std() == 0:
            return 1.0
        near = near - near.mean((1, 2), keepdims=True)
        sizes = np.linalg.norm(frame) * np.maximum(np.linalg.norm(near, axis=(1, 2)), 1e-9)
        found = max(found, float(((near * frame).sum((1, 2)) / sizes).max()))
    return found


def _blank_part(of: Digest) -> list[Finding]:
    """A part of the picture that is the same in all trials: what the animal saw there is not in the video."""
    shapes = [one.small.shape[1:] for one in of.seen]
    usual = max(set(shapes), key=shapes.count)
    frames = np.concatenate([one.small[:: max(1, len(one.small) // 4)] for one in of.seen if one.small.shape[1:] == usual])
    if len(frames) < 8 or frames.std() == 0:
        return []
    blank = np.ptp(frames, axis=0) <= 0.02 * float(np.median(np.ptp(frames, axis=0)) + frames.std())
    if blank.mean() < BLANK:
        return []
    rows, columns = np.flatnonzero(blank.all(1)), np.flatnonzero(blank.all(0))
    return [
        Finding(
            "blank part of the picture",
            "warning",
            f"{blank.mean():.0%} of the picture is the same in all {len(of.seen)} trials",
            f"{len(rows)} of {len(blank)} rows and {len(columns)} of {blank.shape[1]} columns of the picture, made smaller",
            "certain over all trials",
            "fields that lie there are placed at chance",
            "check how the picture was cut out of what the monitor showed",
        )
    ]


def _cut_anew(of: Digest) -> list[Finding]:
    """Pictures that are smooth along one axis and not along the other: their values were put into another shape."""
    along = {}
    for at, one in enumerate(of.seen):
        x = one.small[:: max(1, len(one.small) // 10)]
        x = x - x.mean((1, 2), keepdims=True)
        size = max(float((x**2).mean()), 1e-9)
        along[at] = (float((x[:, 1:] * x[:, :-1]).mean()) / size, float((x[:, :, 1:] * x[:, :, :-1]).mean()) / size)
    rough = np.array(
        [at for at, (down, across) in along.items() if min(down, across) < ROUGH and max(down, across) > SMOOTH], dtype=np.int64
    )
    kind = of.trials["kind"].to_numpy()
    # Gratings are smooth along one axis too: they are so in every recording, and never all kinds of stimulus at once.
    if len(rough) < 0.2 * len(along) or (len(set(kind[rough])) < min(2, len(set(kind))) and len(set(kind)) > 1):
        return []
    middle = np.median(np.array([along[int(at)] for at in rough]), axis=0)
    return [
        Finding(
            "swapped axes",
            "fault",
            f"pictures of {len(rough)} of {len(along)} trials are smooth along one axis alone",
            f"trials {some(of.numbers(rough))}",
            f"neighbouring pixels correlate by {middle[0]:.2f} down and {middle[1]:.2f} across",
            "no field can be found in pictures whose rows were cut at the wrong length",
            "read height and width in the order in which they were written",
        )
    ]


def grey_levels(of: Digest) -> list[Finding]:
    """Trials whose grey levels are in another unit, and trials that show nothing."""
    grey = np.array([one.grey for one in of.seen])
    if len(grey) < 4:
        return []
    usual = np.median(grey[:, 1][grey[:, 1] > 0]) if (grey[:, 1] > 0).any() else 0.0
    found = []
    # 0 to 1 and 0 to 255, or standardised: both the spread and the largest level differ, in whole tiers or in single trials.
    largest = np.median(np.abs(grey[:, 2:]).max(1))
    level = np.maximum(np.abs(grey[:, 2:]).max(1), 1e-9)
    spread = np.maximum(grey[:, 1], 1e-9)
    ratio = np.minimum(np.maximum(spread / max(usual, 1e-9), usual / spread), np.maximum(level / max(largest, 1e-9), largest / level))
    off = np.flatnonzero((ratio > LEVELS) & (grey[:, 1] > 0))
    # A dark picture may have little contrast; many of them, or one of another unit altogether, are no such picture.
    off = off if len(off) >= max(3, 0.02 * len(grey)) else off[ratio[off] > OTHER_UNIT]
    if len(off):
        tiers = sorted(set(of.trials["tier"].to_numpy()[off]))
        found.append(
            Finding(
                "grey levels in two units",
                "fault",
                f"grey levels of {len(off)} of {len(grey)} trials are {np.median(spread[off]) / usual:.3g} times those of the others",
                f"tiers {some(tiers)}, trials {some(of.numbers(off))}",
                f"largest level {np.median(level[off]):.3g}, in the others {largest:.3g}",
                "a model sees these pictures as nearly blank, or saturated",
                "write all pictures in one unit",
            )
        )
    blank = np.flatnonzero(grey[:, 1] <= 1e-6 * max(usual, 1e-6))
    if usual == 0 or 0 < len(blank) < len(grey) // 2:
        found.append(
            Finding(
                "blank pictures",
                "warning",
                f"{len(blank)} of {len(grey)} trials show one grey level all the time",
                f"trials {some(of.numbers(blank))}",
                "certain",
                "there is nothing to learn from them",
                "leave them out, unless the screen was blank",
            )
        )
    return found


def dropped_pictures(of: Digest) -> list[Finding]:
    """Videos that stand still, or jump, where others of their kind do not."""
    if of.pictures:
        return []
    kind = of.trials["kind"].to_numpy()
    still: dict[int, int] = {}
    jumps: dict[int, float] = {}
    for one in np.unique(kind):
        trials = np.flatnonzero(kind == one)
        runs = {int(at): longest_run(of.seen[at].still == 0) for at in trials if len(of.seen[at].still) > 10}
        distinct = {tuple(of.seen[at].small[0].ravel()[:8].tolist()): at for at in runs}
        # Pictures that are shown one after the other stand still all the time: a film that stopped once moves before and after.
        moves = {at: (of.seen[at].still == 0).sum() - run <= 0.1 * len(of.seen[at].still) for at, run in runs.items()}
        shortest = max(4, round(STOPPED_S * of.recording.frame_rate_hz))
        stopped = {at: run for at, run in runs.items() if run >= shortest and moves[at]}
        # A film may rest for a moment. Where frames were lost it jumps beside the rest, or somewhere, and rests until its end.
        lost = {at for at in stopped if _jumps_beside_rest(of.seen[at].still)}
        several = len({at for at in distinct.values() if at in stopped}) >= max(3, 0.1 * len(distinct))
        still |= {at: run for at, run in stopped.items() if several or at in lost}
        # Where frames were left out one step is far larger than the steps beside it; in films with cuts many are.
        steps = {at: _step(of.seen[at].still) for at in runs}
        if len(distinct) >= 4 and (limit := _highest([steps[at] for at in distinct.values()])) is not None:
            jumps |= {at: step for at, step in steps.items() if step > limit}
    found = []
    share = len(still) / max(len(of.seen), 1)
    if still and share < 0.6:
        at = np.array(sorted(still))
        found.append(
            Finding(
                "dropped frames",
                "fault",
                f"the video of {len(still)} of {len(of.seen)} trials stands still for up to {max(still.values())} frames",
                f"trials {some(of.numbers(at))}",
                "frames are equal to the last bit; other trials of their kind move all the time",
                "responses go on and the video does not: from there on they belong to other frames",
                "find the frames that were dropped, or cut the trials off there",
            )
        )
    if jumps and len(jumps) / len(of.seen) < 0.6:
        at = np.array(sorted(jumps))
        found.append(
            Finding(
                "dropped frames",
                "fault",
                f"the video of {len(jumps)} of {len(of.seen)} trials jumps once",
                f"trials {some(of.numbers(at))}",
                f"the step is {min(jumps.values()):.1f} or more times the largest "
                f"of those beside it; in other trials of their kind it is far less",
                "frames seem to be left out: from there on responses belong to other frames",
                "hold the number of frames against the log of the screen",
            )
        )
    return found


def _jumps_beside_rest(still: np.ndarray) -> bool:
    """Whether a step beside the longest rest of a film, or any step of a film that rests until its end, is far larger than usual."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still == 0, [False]]).astype(np.int8)))
    longest = int((edges[1::2] - edges[::2]).argmax())
    start, stop = int(edges[2 * longest]), int(edges[2 * longest + 1])
    usual = JUMP * float(np.median(still[still > 0])) if (still > 0).any() else np.inf
    if stop == len(still):
        return bool((still > usual).any())
    return bool(still[stop] > usual or (start > 0 and still[start - 1] > usual))


def _step(still: np.ndarray) -> float:
    """Largest step, over the second largest at another place."""
    at = int(still.argmax())
    beside = np.concatenate([still[: max(0, at - 2)], still[at + 3 :]])
    return float(still[at] / max(float(beside.max(initial=0.0)), 1e-9))


def _highest(steps: list[float]) -> float | None:
    """Step above which a trial is odd among its kind; None where steps of its kind vary too much to say."""
    logs = np.log(np.maximum(steps, 1e-3))
    spread = max(spread_of(logs), 0.05)
    limit = float(np.exp(np.median(logs) + 6 * spread))
    return max(limit, JUMP) if limit < 20 else None
