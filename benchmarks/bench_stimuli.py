"""Frames a core-second that every kind of stimulus is drawn at, against the forward pass of the default twin on 1,000 units, in one run.

Batches of 32 clips of 2 s, 36 x 64 pixels at 30 frames a second, every clip of other parameters; grey levels, as a twin gets them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from graphtwin.insilico.stimuli import (
    KINDS,
    Annulus,
    Blank,
    CentreSurround,
    Disc,
    DriftingGrating,
    Gabor,
    InSequence,
    Looming,
    Monet,
    NaturalClip,
    NaturalImage,
    Plaid,
    RandomDots,
    Screen,
    SparseNoise,
    StaticGrating,
    Stimulus,
    Superposed,
    Trippy,
    Windowed,
    render_batch,
    series,
)
from graphtwin.twin.fitting import FoundationConfig
from graphtwin.twin.model import AnimalStart, Twin

CLIPS, SECONDS, UNITS, ASKED = 32, 2.0, 1_000, 20  # times as fast as the forward pass
SCREEN = Screen()


def core_seconds(step: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds of the fastest of some calls, after one that warms up."""
    step()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return best


def forward_frames() -> float:
    """Frames a core-second of the default twin on videos that are there already."""
    torch.manual_seed(0)
    start = AnimalStart(np.random.default_rng(0).uniform(-0.8, 0.8, (UNITS, 2)), np.full(UNITS, 0.3), 2)
    twin = Twin(FoundationConfig().twin, {"mouse": start}).eval()
    video = torch.randn(4, 60, SCREEN.height, SCREEN.width)
    rest = torch.zeros(4, 60, 2)
    with torch.no_grad():
        return 4 * 60 / core_seconds(lambda: twin.mean("mouse", twin("mouse", video, rest, rest)[0]))


def batches(folder: Path) -> dict[str, list[Stimulus]]:
    """A batch of every kind."""
    path = str(folder / "album.npy")
    np.save(path, np.random.default_rng(0).integers(0, 256, (CLIPS + 60, SCREEN.height, SCREEN.width)).astype(np.uint8))
    long, seeds, angles = {"duration_s": SECONDS}, range(CLIPS), [360.0 * at / CLIPS for at in range(CLIPS)]
    grating = DriftingGrating(**long)
    bases: list[Stimulus] = [grating, Plaid(**long), Gabor(cycles_per_second=2.0, **long), Annulus(**long), CentreSurround(**long)]
    found = {base.kind: series(base, direction_deg=angles) for base in bases}
    found |= {base.kind: series(base, seed=seeds) for base in (Monet(**long), Trippy(**long), SparseNoise(**long), RandomDots(**long))}
    found["static_grating"] = series(StaticGrating(**long), orientation_deg=angles)
    found["looming"] = series(Looming(**long), size_over_speed_s=[0.02 + 0.001 * at for at in seeds])
    found["natural_image"] = series(NaturalImage(path=path, **long), number=seeds)
    found["natural_clip"] = series(NaturalClip(path=path, **long), first_frame=seeds)
    found["blank"] = [Blank(**long)] * CLIPS
    found["windowed"] = series(Windowed(part=grating, aperture=Disc()), **{"part.direction_deg": angles})
    found["in_sequence"] = [InSequence(parts=(Blank(), one)) for one in series(DriftingGrating(), direction_deg=angles)]
    halves = zip(*(series(DriftingGrating(contrast=0.5, **long), direction_deg=each) for each in (angles, angles[::-1])), strict=True)
    found["superposed"] = [Superposed(parts=pair) for pair in halves]
    assert set(found) | {"pulse"} == set(KINDS)  # which no screen of places shows
    return found


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        every_kind = batches(Path(made))
        drawn = {kind: CLIPS * 60 / core_seconds(lambda batch=batch: render_batch(batch, SCREEN)) for kind, batch in every_kind.items()}
    forward = forward_frames()
    print(f"forward pass, {UNITS:,} units: {forward:,.0f} frames a core-second")
    for kind, rate in sorted(drawn.items(), key=lambda pair: pair[1]):
        missed = "" if rate >= ASKED * forward else f"; {ASKED} x were asked"
        print(f"{kind}: {rate:,.0f} frames a core-second, {rate / forward:.0f} x the forward pass{missed}")


if __name__ == "__main__":
    main()
