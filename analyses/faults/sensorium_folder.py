"""A copy of a Sensorium folder that faults are put into."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

Rng = np.random.Generator


class Folder:
    """A copy of a Sensorium folder whose files can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tiers = np.load(path / "meta/trials/tiers.npy").astype(str)
        self.answered = [at for at in range(len(self.tiers)) if np.nan_to_num(self.get("responses", at)).any()]

    def get(self, kind: str, trial: int) -> np.ndarray:
        return np.load(self.path / "data" / kind / f"{trial}.npy")

    def put(self, kind: str, trial: int, values: np.ndarray) -> None:
        self.save(self.path / "data" / kind / f"{trial}.npy", values)

    @staticmethod
    def save(path: Path, values: np.ndarray) -> None:
        path.unlink()  # it is a link to the clean folder's file
        np.save(path, values)

    def of(self, *tiers: str) -> list[int]:
        return [at for at in self.answered if self.tiers[at] in tiers]

    def n_frames(self, trial: int) -> int:
        return int(np.isfinite(self.get("behavior", trial)[0]).sum())

    def clips(self, tier: str) -> list[list[int]]:
        """Trials of each clip of a tier."""
        groups: dict[int, list[int]] = {}
        for at in self.of(tier):
            groups.setdefault(zlib.crc32(self.get("videos", at).tobytes()), []).append(at)
        return list(groups.values())

    def some(self, rng: Rng, share: float, trials: list[int] | None = None) -> list[int]:
        """A share of the trials, at random."""
        trials = self.answered if trials is None else trials
        return sorted(rng.choice(trials, max(2, round(share * len(trials))), replace=False).tolist())

    def deal(self, kind: str, order: dict[int, int]) -> None:
        """Give each trial the array of another, cut or continued with its last frame to its own length."""
        before = {at: self.get(kind, at) for at in set(order.values())}
        for at, other in order.items():
            own, n = self.get(kind, at), self.n_frames(at)
            source = before[other][..., : self.n_frames(other)]
            out = np.full_like(own, np.nan)
            out[..., :n] = source[..., np.minimum(np.arange(n), source.shape[-1] - 1)]
            self.put(kind, at, out)


def moved_trials(rng: Rng, trials: list[int]) -> dict[int, int]:
    """Each trial and another one, no trial its own."""
    order = rng.permutation(trials)
    return dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
