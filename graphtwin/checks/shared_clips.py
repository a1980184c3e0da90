"""The same clip in two tiers, exactly or nearly: shifted by some frames, with a little noise, or a neighbouring frame of the same film."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some

PROBES = 5  # frames of a clip that are looked for in the clips of other tiers
ALIKE = 0.97  # correlation of two small pictures from which both clips are looked at closely
# Pieces of one photograph may be alike by chance: pictures are faulty where they are equal, or where many of them are alike. Each pair is a
# correlation and the share of the held-out pictures above it that are many.
MANY, MANY_AT_LEAST, EQUAL = ((0.95, 0.1), (0.8, 0.3)), 3, 0.9999
SAME_PICTURE, SAME_CLIP = 0.5, 0.6  # correlation of what is fine in two pictures, moved onto each other, and of two clips frame by frame
OVERLAP = 0.5  # share of the shorter clip that the same frames must make up
CANDIDATES = 200  # pairs of clips that are looked at closely, the most alike first
HELD_OUT = 400  # clips of other tiers that are looked for
FRAMES = 60000  # frames of training clips that they are looked for in


def shared_clips(of: Digest) -> list[Finding]:
    """Clips of other tiers that are in the training tier too; tiers without responses count."""
    tier = of.trials["tier"].to_numpy()
    stimulus = of.trials["stimulus"].to_numpy()
    names = list(dict.fromkeys(tier))
    if len(names) < 2:
        return []
    largest = "train" if "train" in names else max(names, key=lambda one: int((tier == one).sum()))
    first = [int(np.flatnonzero(stimulus == one)[0]) for one in dict.fromkeys(stimulus[tier == largest])]
    held = [
        int(np.flatnonzero((stimulus == one) & (tier != largest))[0])
        for one in dict.fromkeys(stimulus[(tier != largest) & (tier != "none")])
    ]
    held = held[:HELD_OUT]
    shared = [(a, b, *how) for a, b, shift in _candidates(of, first, held) if (how := _same(of, a, b, shift)) is not None]
    if not shared:
        return []
    alike = np.array([how for _, _, how, _ in shared])
    clips = np.array([b for _, b, _, _ in shared])
    many = any(len(set(clips[alike > level])) >= max(MANY_AT_LEAST, share * len(held)) for level, share in MANY)
    sure = not of.pictures or many or bool((alike >= EQUAL).any())
    named = [f"{of.numbers(np.array([b]))[0]} ({tier[b]}) is {of.numbers(np.array([a]))[0]}{words}" for a, b, _, words in shared]
    return [
        Finding(
            "same clip in two tiers",
            "fault" if sure else "note",
            f"{len(set(clips))} of {len(held)} clips of other tiers are nearly clips of tier {largest}",
            f"trials {some(named)}",
            f"what is fine in their frames correlates by {alike.min():.2f} to "
            f"{alike.max():.2f}; different clips by less than {SAME_PICTURE:g}",
            "a score on them is of clips that were trained on",
            "leave them out of one of both tiers",
        )
    ]


def _candidates(of: Digest, first: list[int], held: list[int]) -> list[tuple[int, int, int]]:
    """Pairs of a training and a held-out clip with a frame in common, nearly, and by how many frames the second is later."""
    if not first or not held:
        return []
    shapes = {of.seen[at].small.shape[1:] for at in (*first, *held)}
    if len(shapes) > 1:
        return []
    total = sum(len(of.seen[at].small) for at in first)
    every = max(1, total // FRAMES)
    library = np.concatenate([signatures(of.seen[at].small[::every]) for at in first])
    clip = np.concatenate([np.full(len(of.seen[at].small[::every]), n) for n, at in enumerate(first)])
    frame = np.concatenate([np.arange(0, len(of.seen[at].small), every) for at in first])
    found: dict[tuple[int, int], tuple[float, int]] = {}
    for at in held:
        small = of.seen[at].small
        probes = np.unique(np.linspace(0, len(small) - 1, min(PROBES, len(small))).astype(np.int64))
        alike = signatures(small[probes]) @ library.T
        for probe, row in zip(probes.tolist(), alike, strict=True):
            for best in np.argsort(-row)[:3].tolist():
                key = (first[clip[best]], at)
                if row[best] > ALIKE and row[best] > found.get(key, (0.0, 0))[0]:
                    found[key] = (float(row[best]), int(frame[best]) - probe)
    ordered = sorted(found.items(), key=lambda item: -item[1][0])[:CANDIDATES]
    return [(a, b, shift) for (a, b), (_, shift) in ordered]


def signatures(small: Float[np.ndarray, "frames rows columns"]) -> Float[np.ndarray, "frames numbers"]:
    """A few numbers of each frame, of mean 0 and length 1; 0 where a frame is blank."""
    frames, rows, columns = small.shape
    down, across = max(1, rows // 6), max(1, columns // 8)
    cut = small[:, : rows // down * down, : columns // across * across]
    few = cut.reshape(frames, rows // down, down, columns // across, across).mean((2, 4)).reshape(frames, -1)
    few = few - few.mean(1, keepdims=True)
    size = np.linalg.norm(few, axis=1, keepdims=True)
    return np.where(size > 2.0 * np.sqrt(few.shape[1]) * 0.01 * max(float(np.abs(small).max()), 1e-9), few / np.maximum(size, 1e-9), 0.0)


def _same(of: Digest, a: int, b: int, shift: int) -> tuple[float, str] | None:
    """How alike two clips are, and by how many frames the second is later; None if they are different."""
    one, other = (np.asarray(of.recording.open_trial(of.seen[at].row).video, dtype=np.float32) for at in (a, b))
    if of.pictures:
        alike, moved = _overlaid(one[0], other[0])
        return (alike, "" if alike > 0.99 else f", moved by {moved} pixels") if alike > SAME_PICTURE else None
    start, until = max(0, shift), min(len(one), len(other) + shift)
    if until - start < OVERLAP * min(len(one), len(other)):
        return None
    at = np.unique(np.linspace(start, until - 1, 12).astype(np.int64))
    nearby = []
    for near in (-1, 0, 1):
        frames = [(t, t - shift + near) for t in at.tolist() if 0 <= t - shift + near < len(other)]
        nearby.append(np.median([_alike(_fine(one[t]), _fine(other[u])) for t, u in frames]))
    alike = float(max(nearby))
    return (alike, f" {abs(shift)} frames {'later' if shift > 0 else 'earlier'}" if shift else "") if alike > SAME_CLIP else None


def _fine(picture: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """What differs from the surroundings, which different pictures do not share."""
    from scipy.ndimage import uniform_filter

    fine = picture - uniform_filter(picture, 5)
    return np.asarray(fine - fine.mean(), dtype=np.float32)


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9))


def _overlaid(one: np.ndarray, other: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Largest correlation of two pictures when one is moved by up to a tenth of its size, and by how many pixels, down and across."""
    first, second = _fine(one), _fine(other)
    product = np.fft.irfft2(np.fft.rfft2(first) * np.conj(np.fft.rfft2(second)), s=first.shape)
    reach = [max(1, size // 10) for size in first.shape]
    down, across = (np.fft.fftfreq(size, 1 / size).astype(np.int64) for size in first.shape)
    near = (np.abs(down)[:, None] <= reach[0]) & (np.abs(across)[None] <= reach[1])
    best = int(np.where(near, product, -np.inf).argmax())
    row, column = divmod(best, first.shape[1])
    size = max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9)
    return float(product[row, column] / size), (int(down[row]), int(across[column]))
