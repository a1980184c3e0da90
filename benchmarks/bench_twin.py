"""Training and inference of the functional twin in frames a core-second, against the usual video baselines in one run.

python benchmarks/bench_twin.py [PYTHON of an environment with neuralpredictors]

One baseline stands for the common design: a factorised 3D core (Tran et al. 2018, arXiv:1711.11248) of 32, 64 and 128 channels at the
full resolution of the video, and a Gaussian readout through `grid_sample`, trained with AdamW in fp32. The other, where an environment
for it is named, is the stacked 2D core of neuralpredictors (`neuralpredictors_baseline.py`).

Rows of pictures are a recording of single pictures on disk, of 48 x 48 pixels: 420 to train on and 100 to test, each of these seven times.
They are read as `twin train` and `twin score` read them, and again without keeping what was read and every trial answered by itself.

Rows of gaze are steps of training while the eyes move, over one of an animal whose gaze nobody measured.

Rows of energies are what the ridges beside cores see, against products with the whole spectrum of every frame, a filter each.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graphtwin.sources import open_recording
from graphtwin.sources.formats import Gaze, KeptArrays, Recording
from graphtwin.twin.data import Clips, Window, clips_of, held_out_clips
from graphtwin.twin.fitting import FoundationConfig, Objective, evidence, optimisers
from graphtwin.twin.model import FINE_CELLS, AnimalStart, Twin, energies_of_frames, scattered, tensors
from graphtwin.twin.scores import shown

HEIGHT, WIDTH, CLIPS, FRAMES = 36, 64, 4, 60
UNITS = (1_000, 8_000)
SIDE, TRAINED, TESTED, REPEATS = 48, 420, 100, 7  # pixels of a picture; pictures; showings of each that is tested
PICTURE_UNITS = (50, 400)
FIXATION = 12  # frames that the eye rests


class Baseline(nn.Module):
    """Factorised 3D convolutions and a full Gaussian readout."""

    def __init__(self, units: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, space, frames in ((1, 32, 11, 11), (32, 64, 5, 5), (64, 128, 5, 5)):
            layers += [nn.Conv3d(inputs, outputs, (1, space, space), padding=(0, space // 2, space // 2), bias=False)]
            layers += [nn.Conv3d(outputs, outputs, (frames, 1, 1), padding=(frames // 2, 0, 0)), nn.BatchNorm3d(outputs), nn.ELU()]
        self.core = nn.Sequential(*layers)
        self.positions = nn.Parameter(torch.rand(units, 2) - 0.5)
        self.weights = nn.Parameter(0.01 * torch.randn(units, 128))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        features = self.core(video[:, None]).transpose(1, 2).flatten(0, 1)
        positions = self.positions + 0.1 * torch.randn(len(features), *self.positions.shape) * self.training
        sampled = functional.grid_sample(features, positions[:, :, None], align_corners=False)[..., 0]
        return functional.elu(torch.einsum("fcu,uc->fu", sampled, self.weights)) + 1


def window_of(units: int, clips: int, frames: int) -> Window:
    rng = np.random.default_rng(0)
    video = rng.standard_normal((clips, frames, HEIGHT, WIDTH), dtype=np.float32)
    others = [rng.standard_normal((clips, frames, 2), dtype=np.float32) for _ in range(2)]
    responses = rng.poisson(0.3, (clips, frames, units)).astype(np.float32)
    return Window(video, *others, responses, np.ones((clips, frames), dtype=bool), np.ones(clips, dtype=np.float32))


def core_seconds(step: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of some calls, after one that warms up."""
    step()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return best


def step_of(loss_of: Callable[[], torch.Tensor], fitted: list[torch.optim.Optimizer]) -> Callable[[], None]:
    def step() -> None:
        for optimiser in fitted:
            optimiser.zero_grad()
        loss_of().backward()  # type: ignore[no-untyped-call]
        for optimiser in fitted:
            optimiser.step()

    return step


def ours(units: int) -> tuple[float, float]:
    """Frames a core-second in training and in inference."""
    config = FoundationConfig()
    torch.manual_seed(0)
    start = AnimalStart(np.random.default_rng(0).uniform(-0.8, 0.8, (units, 2)), np.full(units, 0.3), 2)
    twin = Twin(config.twin, {"mouse": start}).train()
    window = window_of(units, CLIPS, FRAMES)
    training = core_seconds(step_of(lambda: Objective(twin)("mouse", window), optimisers(twin, config)), 4)
    twin.eval()
    with torch.no_grad():
        inference = core_seconds(lambda: twin("mouse", *tensors(window, twin.device)), 4)
    return CLIPS * FRAMES / training, CLIPS * FRAMES / inference


def theirs(units: int) -> float:
    """Frames a core-second in training of the baseline."""
    baseline, window = Baseline(units).train(), window_of(units, 1, 30)
    video, responses = torch.from_numpy(window.video), torch.from_numpy(window.responses).flatten(0, 1)

    def loss_of() -> torch.Tensor:
        rate = baseline(video) + 1e-6
        return (rate - responses * rate.log()).mean()

    return 30 / core_seconds(step_of(loss_of, [torch.optim.AdamW(baseline.parameters())]), 1)


def by_neuralpredictors(python: str, units: int) -> float:
    """Frames a core-second in training of the library's own baseline."""
    script = Path(__file__).with_name("neuralpredictors_baseline.py")
    done = subprocess.run([python, "-W", "ignore", str(script), str(units)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def picture_folder(folder: Path, units: int) -> Path:
    """A recording of single pictures."""
    rng = np.random.default_rng(0)
    number = [*range(TRAINED), *np.repeat(np.arange(TRAINED, TRAINED + TESTED), REPEATS).tolist()]
    album = rng.uniform(0, 255, (TRAINED + TESTED, 1, SIDE, SIDE)).astype(np.float32)
    for kind in ("images", "responses", "behavior", "pupil_center"):
        (folder / "data" / kind).mkdir(parents=True)
    for trial, of in enumerate(number):
        np.save(folder / f"data/images/{trial}.npy", album[of])
        np.save(folder / f"data/responses/{trial}.npy", rng.poisson(2.0, units).astype(np.float32))
        np.save(folder / f"data/behavior/{trial}.npy", np.zeros(3, dtype=np.float32))
        np.save(folder / f"data/pupil_center/{trial}.npy", np.zeros(2, dtype=np.float32))
    for kind in ("trials", "neurons"):
        (folder / "meta" / kind).mkdir(parents=True)
    np.save(folder / "meta/trials/tiers.npy", np.array(["train" if of < TRAINED else "test" for of in number]))
    np.save(folder / "meta/neurons/unit_ids.npy", np.arange(units))
    np.save(folder / "meta/neurons/cell_motor_coordinates.npy", np.zeros((units, 3)))
    return folder


def of_pictures(recording: Recording, together: bool) -> Iterator[tuple[str, float]]:
    """Presentations a core-second in training, in a pass of settling and in scoring, and trials a core-second in reading."""
    config = FoundationConfig()
    training, _ = clips_of(recording)
    test = held_out_clips(training, ["test"])
    torch.manual_seed(0)
    units = len(recording.units)
    twin = Twin(config.twin, {recording.name: AnimalStart(np.zeros((units, 2)), np.full(units, 0.3), 3)})
    rng, fitted, objective = np.random.default_rng(0), optimisers(twin, config), Objective(twin)
    step = step_of(lambda: objective(recording.name, training.draw(rng, config.windows, config.window_s)), fitted)
    pictures = len(training.draw(rng, config.windows, config.window_s).video)
    yield "training", pictures / core_seconds(step, 3)
    twin.eval()
    yield "settling", len(training.rows) / core_seconds(lambda: evidence(twin, recording.name, training), 2)
    drive = twin.animal(recording.name).ridge
    drive.share.fill_(0.5)
    one_by_one = [replace(test, rows=test.rows[at : at + 1]) for at in range(len(test.rows))]
    scored: list[Clips] = [test] if together else one_by_one
    yield "scoring", len(test.rows) / core_seconds(lambda: [list(shown([twin], part)) for part in scored], 1)
    yield "reading", len(test.rows) / core_seconds(lambda: [test.read(int(row)) for row in test.rows], 2)


def picture_rows(units: int) -> None:
    """Print what pictures cost, and what they would cost read again and answered one by one."""
    with tempfile.TemporaryDirectory() as made:
        folder = picture_folder(Path(made) / "static1-1-1", units)
        now = dict(of_pictures(open_recording(folder), together=True))
        with mock.patch("graphtwin.sources.loaders.sensorium.KeptArrays", return_value=KeptArrays(most=0)):
            again = dict(of_pictures(open_recording(folder), together=False))
        for name, rate in now.items():
            print(f"pictures, {units:,} units: {name} {rate:,.0f} a core-second, {rate / again[name]:.1f} x read again, one by one")


def by_whole_spectra(frames: torch.Tensor, margin: int, filters: torch.Tensor) -> torch.Tensor:
    """Squared moduli of filters, each given by its whole spectrum, averaged over the cells of frames."""
    spectrum = torch.fft.fft2(functional.pad(frames[:, None], (margin,) * 4, mode="reflect"))
    real, imaginary = torch.view_as_real(torch.fft.ifft2(spectrum * filters)).unbind(-1)
    squares = torch.addcmul(real * real, imaginary, imaginary)[..., margin:-margin, margin:-margin]
    down, across = (
        functional.adaptive_avg_pool1d(torch.eye(side), cells) for side, cells in zip(squares.shape[-2:], FINE_CELLS, strict=True)
    )
    return torch.as_tensor(down.T @ (squares @ across))


def energy_rows() -> None:
    """Print what energies of frames and of pictures cost."""
    for size in ((HEIGHT, WIDTH), (2 * HEIGHT, 2 * WIDTH)):
        frames, margin = torch.randn(64, *size), 2 * (size[0] // 8)
        filters = torch.rand(64, *(side + 2 * margin for side in size))
        seconds = core_seconds(partial(energies_of_frames, frames), 4)
        direct = partial(by_whole_spectra, margin=margin, filters=filters)
        whole = core_seconds(lambda part=frames[:8], of=direct: of(part), 4) * 8  # type: ignore[misc]
        print(f"energies, {size[0]} x {size[1]} pixels: {64 / seconds:,.0f} frames a core-second, {whole / seconds:.1f} x whole spectra")
    seconds = core_seconds(lambda: scattered(torch.randn(64, SIDE, SIDE)), 4)
    print(f"energies and energies of energies, {SIDE} x {SIDE} pixels: {64 / seconds:,.0f} pictures a core-second")


def gaze_rows(units: int) -> None:
    """Print what a step of training costs while the eyes move, over one of an animal whose gaze nobody measured."""
    config, window = FoundationConfig(), window_of(units, CLIPS, FRAMES)
    fixated = 10 * np.random.default_rng(0).standard_normal((CLIPS, FRAMES // FIXATION, 2), dtype=np.float32)
    windows = {"declared": replace(window, eye_position=fixated.repeat(FIXATION, axis=1))}
    windows |= {"none": window, "erring": windows["declared"]}
    seconds = {}
    for name, gaze in {"none": None, "declared": Gaze(), "erring": Gaze(error_deg=1.0)}.items():
        torch.manual_seed(0)
        start = AnimalStart(np.random.default_rng(0).uniform(-0.8, 0.8, (units, 2)), np.full(units, 0.3), 2, frame_rate_hz=30.0, gaze=gaze)
        twin = Twin(config.twin, {"mouse": start}).train()
        objective = Objective(twin)
        step = step_of(lambda of=objective, seen=windows[name]: of("mouse", seen), optimisers(twin, config))  # type: ignore[misc]
        seconds[name] = core_seconds(step, 3)
    declared, erring = (seconds[name] / seconds["none"] for name in ("declared", "erring"))
    print(f"gaze, {units:,} units: a step takes {declared:.2f} x as long where gaze is declared, {erring:.2f} x where it errs by 1 degree")


def main(python: str | None = None) -> None:
    torch.set_num_threads(1)
    for units in UNITS:
        training, inference = ours(units)
        baseline = theirs(units)
        print(
            f"{units:,} units: training {training:.0f} frames a core-second, {training / baseline:.0f} x the baseline ({baseline:.0f}); "
            f"inference {inference:.0f}, {inference * units / 1e6:.1f} million responses"
        )
        if python is not None:
            library = by_neuralpredictors(python, units)
            print(f"{units:,} units: {training / library:.0f} x the stacked 2D core of neuralpredictors ({library:.1f})")
        gaze_rows(units)
    energy_rows()
    for units in PICTURE_UNITS:
        picture_rows(units)
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
