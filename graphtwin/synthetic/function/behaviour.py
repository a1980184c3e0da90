"""What a simulated animal does while it watches: runs in bouts, its pupil widens slowly and with running, its eyes drift and jump."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from graphtwin.execute import rng_for
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ

EYE_SD_PX = (1.2, 0.6)  # SD of gaze, horizontal and vertical, monitor pixels: 4 and 2 degrees; mice turn their eyes mainly sideways
SACCADES_HZ = 0.25  # jumps of gaze a second


@dataclass(frozen=True)
class Behaviour:
    """Traces of one scan, frame by frame.

    Attributes:
        running: Running speed, cm/s; backwards is negative.
        pupil_size: Radius of the pupil, pixels of the eye camera.
        pupil_center: Horizontal and vertical place of the pupil, pixels of the eye camera.
        gaze: Monitor pixels by which receptive fields are moved to the right and up; a linear function of `pupil_center`.
    """

    running: Float[np.ndarray, " frames"]
    pupil_size: Float[np.ndarray, " frames"]
    pupil_center: Float[np.ndarray, "frames 2"]
    gaze: Float[np.ndarray, "frames 2"]

    def part(self, start: int, stop: int) -> Behaviour:
        """The frames from start to stop."""
        return Behaviour(**{name: trace[start:stop] for name, trace in vars(self).items()})


def behave(n_frames: int, seed: int, animal: int, scan: str) -> Behaviour:
    """The traces of one scan.

    Args:
        n_frames: Number of frames, at 30 Hz.
        seed: Seed of the run.
        animal: Number of the animal; the geometry of its eye camera is the same in all its scans.
        scan: Name of the scan, such as "1-1".
    """
    rng = rng_for(seed, "behaviour", animal, scan)
    in_bout = _bouts(rng, n_frames)
    speed = np.maximum(0, 12 + 6 * slow(rng, n_frames, 1.0)) * _smooth(in_bout.astype(np.float64), 0.4)
    running = speed + 0.15 * slow(rng, n_frames, 0.1)
    arousal = 0.8 * slow(rng, n_frames, 20.0) + 0.4 * slow(rng, n_frames, 2.0) + 1.2 * _smooth(in_bout.astype(np.float64), 2.0)
    pupil_size = 30 + 6 * arousal
    gaze = _gaze(rng, n_frames)
    camera = rng_for(seed, "eye camera", animal)
    turn = camera.uniform(-0.15, 0.15)
    matrix = 1.8 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * np.array([1.0, -1.0])
    center = camera.uniform([90.0, 60.0], [110.0, 80.0]) + gaze @ matrix.T
    frames = [np.ascontiguousarray(trace, dtype=np.float32) for trace in (running, pupil_size, center, gaze)]
    return Behaviour(frames[0], frames[1], frames[2], frames[3])


def arousal(behaviour: Behaviour) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]]:
    """Running and pupil size as neurons feel them: about -1 to 2, on a scale that is the same for every animal."""
    return np.tanh(behaviour.running / 15.0) * 2 - 0.5, (behaviour.pupil_size - 33.0) / 7.0


def slow(rng: np.random.Generator, n_frames: int, time_constant_s: float) -> Float[np.ndarray, " frames"]:
    """An Ornstein-Uhlenbeck process of unit variance."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / (time_constant_s * FRAME_RATE_HZ))
    steps = rng.standard_normal(n_frames) * np.sqrt(1 - keep**2)
    steps[:1] /= np.sqrt(1 - keep**2)
    return lfilter([1.0], [1.0, -keep], steps)


def _smooth(trace: Float[np.ndarray, " frames"], time_constant_s: float) -> Float[np.ndarray, " frames"]:
    """Leaky mean of a trace."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / (time_constant_s * FRAME_RATE_HZ))
    return lfilter([1 - keep], [1.0, -keep], trace)


def _bouts(rng: np.random.Generator, n_frames: int) -> Bool[np.ndarray, " frames"]:
    """Running in bouts of 5 s on average, with 8 s between them."""
    n = int(n_frames / FRAME_RATE_HZ) + 2
    lengths = np.column_stack([rng.exponential(8.0, n), rng.exponential(5.0, n)]).ravel() * FRAME_RATE_HZ
    return np.searchsorted(np.cumsum(lengths), np.arange(n_frames), side="right") % 2 == 1


def _gaze(rng: np.random.Generator, n_frames: int) -> Float[np.ndarray, "frames 2"]:
    """Slow drift and jumps, half of the variance each. Further than 3 SD the eye does not turn."""
    jumps = np.cumsum(rng.random(n_frames) < SACCADES_HZ / FRAME_RATE_HZ)
    held = rng.standard_normal((jumps.max(initial=0) + 1, 2))[jumps]
    drift = np.column_stack([slow(rng, n_frames, 2.0), slow(rng, n_frames, 2.0)])
    return np.clip(np.sqrt(0.5) * drift + np.sqrt(0.5) * held, -3, 3) * np.array(EYE_SD_PX)
