"""Faults of Sensorium recordings, by code that shares nothing with the checks."""

from __future__ import annotations

import numpy as np
from sensorium_folder import Folder, Rng, moved_trials


def units_of_tier(of: Folder, rng: Rng) -> None:
    """Responses of the repeated clips in another unit, or standardised unit by unit."""
    trials = of.of("oracle")
    arrays = [of.get("responses", at) for at in trials]
    if rng.random() < 0.3:
        together = np.concatenate([one[:, : of.n_frames(at)] for one, at in zip(arrays, trials, strict=True)], axis=1)
        arrays = [(one - together.mean(1, keepdims=True)) / (together.std(1, keepdims=True) + 1e-6) for one in arrays]
    else:
        factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(3), np.log(1000)))
        arrays = [one * factor for one in arrays]
    for at, one in zip(trials, arrays, strict=True):
        of.put("responses", at, one.astype(np.float32))


def copied_repeats(of: Folder, rng: Rng) -> None:
    """One trial in place of several repeats, some with a little noise."""
    for clip in of.clips("oracle")[: int(rng.integers(1, 4))]:
        first = of.get("responses", clip[0])
        for at in clip[1 : int(rng.integers(2, len(clip) + 1))]:
            noise = 1 + 0.02 * rng.standard_normal(first.shape) if rng.random() < 0.5 else 1.0
            of.put("responses", at, (first * noise).astype(np.float32))


def shared_clip(of: Folder, rng: Rng) -> None:
    """A repeat of a held-out clip in the training tier, some frames shorter at its beginning."""
    tiers = of.tiers.copy()
    for clip in of.clips("oracle")[: int(rng.integers(1, 3))]:
        at, cut = clip[-1], int(rng.integers(2, 25))
        for kind in ("videos", "responses", "behavior", "pupil_center"):
            own = of.get(kind, at)
            out = np.full_like(own, np.nan)
            out[..., : own.shape[-1] - cut] = own[..., cut:]
            of.put(kind, at, out)
        tiers[at] = "train"
    of.save(of.path / "meta/trials/tiers.npy", tiers)


def averages(of: Folder, rng: Rng) -> None:
    """The mean over repeats in place of one of them, for half of the clips or more."""
    clips = of.clips("oracle")
    for clip in clips[: int(rng.integers(max(2, len(clips) // 2), len(clips) + 1))]:
        of.put("responses", clip[0], np.mean([of.get("responses", at) for at in clip], axis=0))


def dummy_zeros(of: Folder, rng: Rng) -> None:
    """Zeros in place of responses: whole trials, or their second half."""
    whole = rng.random() < 0.5
    for at in of.some(rng, 0.1, of.of("train", "oracle")):
        values = of.get("responses", at)
        values[:, 0 if whole else of.n_frames(at) // 2 : of.n_frames(at)] = 0
        of.put("responses", at, values)


def dropped_frames(of: Folder, rng: Rng) -> None:
    """Frames left out of the video of some trials; the last frame fills the end."""
    for at in of.some(rng, 0.2):
        video, n = of.get("videos", at), of.n_frames(at)
        lost = int(rng.integers(10, 26))
        start = int(rng.integers(n // 4, n // 2))
        kept = np.r_[np.arange(start), np.arange(start + lost, n), np.full(lost, n - 1)]
        video[..., :n] = video[..., kept]
        of.put("videos", at, video)


def shifted_frames(of: Folder, rng: Rng) -> None:
    """Responses of some trials some frames late or early."""
    for at in of.some(rng, 0.25):
        values, n = of.get("responses", at), of.n_frames(at)
        values[:, :n] = np.roll(values[:, :n], int(rng.choice([-1, 1]) * rng.integers(10, 31)), axis=1)
        of.put("responses", at, values)


def delay(of: Folder, rng: Rng) -> None:
    """All responses later, or earlier, than cortex answers."""
    by = int(rng.choice([-1, 1]) * rng.integers(14, 31))
    for at in of.answered:
        values, n = of.get("responses", at), of.n_frames(at)
        values[:, :n] = values[:, np.clip(np.arange(n) - by, 0, n - 1)]
        of.put("responses", at, values)


def permuted_units(of: Folder, rng: Rng) -> None:
    """Units in another order in one tier, or in a quarter of the trials."""
    trials = of.of("oracle") if rng.random() < 0.5 else of.some(rng, 0.25)
    order = rng.permutation(len(of.get("responses", trials[0])))
    for at in trials:
        of.put("responses", at, of.get("responses", at)[order])


def mirrored_units(of: Folder, rng: Rng) -> None:
    """Units from last to first in one tier."""
    for at in of.of(str(rng.choice(["oracle", "train"]))):
        of.put("responses", at, of.get("responses", at)[::-1])


def eye_of_another_trial(of: Folder, rng: Rng) -> None:
    """The eye of another trial in every trial."""
    of.deal("pupil_center", moved_trials(rng, list(range(len(of.tiers)))))


def mirrored_eye(of: Folder, rng: Rng) -> None:
    """The horizontal eye position mirrored in the camera's picture, in a third of the trials."""
    everything = np.concatenate([of.get("pupil_center", at)[0, : of.n_frames(at)] for at in range(len(of.tiers))])
    middle = everything.mean() + rng.uniform(-20, 20)
    for at in of.some(rng, 0.33, list(range(len(of.tiers)))):
        values = of.get("pupil_center", at)
        values[0] = 2 * middle - values[0]
        of.put("pupil_center", at, values)


def still_channels(of: Folder, rng: Rng) -> None:
    """Some units that stand still, or stop at a ceiling; or a channel of behaviour that does."""
    which = rng.integers(3)
    if which == 2:
        channel, ceiling = ("pupil_center", 1) if rng.random() < 0.5 else ("behavior", 0), rng.random() < 0.5
        kind, row = channel
        values = np.concatenate([of.get(kind, at)[row, : of.n_frames(at)] for at in range(len(of.tiers))])
        for at in range(len(of.tiers)):
            one = of.get(kind, at)
            one[row] = np.minimum(one[row], np.quantile(values, 0.8)) if ceiling else np.where(np.isfinite(one[row]), values[0], np.nan)
            of.put(kind, at, one)
        return
    units = rng.choice(len(of.get("responses", of.answered[0])), 4, replace=False)
    level = {
        unit: np.quantile(np.concatenate([of.get("responses", at)[unit, : of.n_frames(at)] for at in of.answered]), 0.97) for unit in units
    }
    for at in of.answered:
        values = of.get("responses", at)
        for unit in units:
            own = values[unit]
            values[unit] = np.minimum(own, level[unit]) if which else np.where(np.isfinite(own), max(level[unit], 0.1), np.nan)
        of.put("responses", at, values)


def behaviour_of_another_trial(of: Folder, rng: Rng) -> None:
    """Behaviour of another trial: dealt anew, or that of the trial before."""
    trials = list(range(len(of.tiers)))
    order = moved_trials(rng, trials) if rng.random() < 0.5 else dict(zip(trials, np.roll(trials, 1).tolist(), strict=True))
    of.deal("behavior", order)


def come_and_go(of: Folder, rng: Rng) -> None:
    """A tenth of the units silent in a third of the recording."""
    n_units, n = len(of.get("responses", of.answered[0])), len(of.answered)
    for unit in rng.choice(n_units, max(3, n_units // 10), replace=False).tolist():
        start = int(rng.integers(0, n * 2 // 3))
        for at in of.answered[start : start + n // 3]:
            values = of.get("responses", at)
            values[unit, : of.n_frames(at)] = 0
            of.put("responses", at, values)


def swapped_axes(of: Folder, rng: Rng) -> None:
    """Height and width exchanged, in all trials or in some."""
    for at in range(len(of.tiers)) if rng.random() < 0.7 else of.some(rng, 0.2):
        of.put("videos", at, np.ascontiguousarray(of.get("videos", at).transpose(1, 0, 2)))


def dealt_responses(of: Folder, rng: Rng) -> None:
    """Responses of another trial in every trial: nothing predicts them."""
    of.deal("responses", moved_trials(rng, of.answered))


def swapped_trials(of: Folder, rng: Rng) -> None:
    """Responses of another trial in a fifth of the trials."""
    of.deal("responses", moved_trials(rng, of.some(rng, 0.2)))


def beside_the_monitor(of: Folder, rng: Rng) -> None:
    """A video that shows another part of what the animal saw: many fields lie beside it."""
    by = int(rng.integers(26, 36)) * int(rng.choice([-1, 1]))
    for at in range(len(of.tiers)):
        video = of.get("videos", at)
        n = of.n_frames(at)
        out = np.full_like(video, np.nan)
        out[..., :n] = np.roll(video[..., :n], by, axis=1)
        (out[:, :by, :n] if by > 0 else out[:, by:, :n])[...] = 127
        of.put("videos", at, out)


def grey_levels(of: Folder, rng: Rng) -> None:
    """Grey levels from 0 to 1 in one tier."""
    for at in of.of("oracle"):
        of.put("videos", at, (of.get("videos", at) / 255).astype(np.float32))


SENSORIUM = {
    one.__name__: one
    for one in (
        units_of_tier,
        copied_repeats,
        shared_clip,
        averages,
        dummy_zeros,
        dropped_frames,
        shifted_frames,
        delay,
        permuted_units,
        mirrored_units,
        eye_of_another_trial,
        mirrored_eye,
        still_channels,
        behaviour_of_another_trial,
        come_and_go,
        swapped_axes,
        dealt_responses,
        swapped_trials,
        beside_the_monitor,
        grey_levels,
    )
}
