"""Where the eye looks: fixations, drift, saccades and blinks, and what an eye tracker makes of them.

Saccades last 21 ms and 2.2 ms a degree (Bahill, Clark & Stark 1975, doi:10.1016/0025-5564(75)90075-9, have about such a main sequence)
and run along the path of least jerk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Bool, Float, Int
from graphtwin.synthetic.function import FRAME_RATE_HZ
from graphtwin.synthetic.viewing.settings import GazeConfig

SHORTEST_S = 0.12  # seconds of the shortest fixation
SACCADE_S, SACCADE_S_A_DEGREE = 0.021, 0.0022  # seconds of a saccade, and of each degree of it
BLINK_S = (0.12, 0.25)  # seconds of a blink, from and to
FARTHEST = 2.5  # SDs from the middle within which places are fixated
SUBSAMPLES = 8  # moments of a frame of film at which the eye is simulated: 240 Hz


@dataclass(frozen=True)
class Gaze:
    """Where an eye looks, at `SUBSAMPLES` moments of each frame.

    Attributes:
        degrees: Direction, rightwards and upwards from straight ahead.
        fixation: Number of the fixation; a saccade belongs to the one that follows it.
        closed: Whether the eye is closed.
        onsets: Moments at which saccades begin.
        steps: Degrees, rightwards and upwards, of each of these saccades.
    """

    degrees: Float[np.ndarray, "moments 2"]
    fixation: Int[np.ndarray, " moments"]
    closed: Bool[np.ndarray, " moments"]
    onsets: Int[np.ndarray, " saccades"]
    steps: Float[np.ndarray, "saccades 2"]

    def at_frames(self) -> tuple[Float[np.ndarray, "frames 2"], Bool[np.ndarray, " frames"]]:
        """Gaze in the middle of each frame, and whether the eye is closed then."""
        middle = slice(SUBSAMPLES // 2, None, SUBSAMPLES)
        return self.degrees[middle], self.closed[middle]


def look(n_frames: int, config: GazeConfig, seed: int, *names: str | int, at: tuple[float, float] | None = None) -> Gaze:
    """An eye that looks around for some frames of a film.

    Args:
        n_frames: Frames of the film.
        config: How eyes move.
        seed: Seed of the run.
        names: Name of what is seen among all draws.
        at: Place that is fixated throughout, degrees rightwards and upwards: only drift and blinks are left.
    """
    rng, moment_s = rng_for(seed, "gaze", *names), 1 / (SUBSAMPLES * FRAME_RATE_HZ)
    n = n_frames * SUBSAMPLES
    degrees, fixation = np.empty((n, 2)), np.zeros(n, dtype=np.int64)
    place = np.array(at) if at is not None else _place(rng, config)
    begin, number = 0, 0
    onsets, steps = list[int](), list[np.ndarray]()
    while begin < n:
        lasts_s = n * moment_s if at is not None else SHORTEST_S + rng.gamma(2.0, max(config.fixation_s - SHORTEST_S, 0.01) / 2.0)
        end = min(begin + max(round(lasts_s / moment_s), 1), n)
        drift = np.cumsum(rng.standard_normal((end - begin, 2)), axis=0) * config.drift_deg * moment_s**0.5
        degrees[begin:end], fixation[begin:end] = place + drift, number
        if end == n:
            break
        start, place, number = degrees[end - 1], _place(rng, config), number + 1
        step = place - start
        takes = max(round((SACCADE_S + SACCADE_S_A_DEGREE * float(np.hypot(*step))) / moment_s), 2)
        share = (np.arange(takes) + 1) / takes
        along = share**3 * (10 - 15 * share + 6 * share**2)
        stop = min(end + takes, n)
        degrees[end:stop], fixation[end:stop] = (start + along[:, None] * step)[: stop - end], number
        onsets.append(end)
        steps.append(step)
        begin = stop
    closed = np.zeros(n, dtype=bool)
    for blink in np.flatnonzero(rng.random(n) < config.blinks_hz * moment_s):
        closed[blink : blink + round(rng.uniform(*BLINK_S) / moment_s)] = True
    return Gaze(degrees, fixation, closed, np.array(onsets, dtype=np.int64), np.array(steps).reshape(-1, 2))


def tracked(
    gaze: Gaze, config: GazeConfig, seed: int, *names: str | int
) -> tuple[Float[np.ndarray, " samples"], Float[np.ndarray, "samples 2"]]:
    """Times of an eye tracker's samples, seconds from the first frame, and its gaze, degrees; NaN while the eye is closed.

    Args:
        gaze: Where the eye looks.
        config: How well that is measured.
        seed: Seed of the run.
        names: Name of what is seen among all draws.
    """
    rng = rng_for(seed, "eye tracker", *names)
    moment_s = 1 / (SUBSAMPLES * FRAME_RATE_HZ)
    seconds = np.arange(0, len(gaze.degrees) * moment_s, 1 / config.tracker_hz)
    was = np.clip(np.rint((seconds - config.delay_s) / moment_s).astype(np.int64), 0, len(gaze.degrees) - 1)
    errors = config.error_deg * rng.standard_normal((int(gaze.fixation.max()) + 1, 2))
    measured = gaze.degrees[was] + errors[gaze.fixation[was]] + config.jitter_deg * rng.standard_normal((len(was), 2))
    measured[gaze.closed[was]] = np.nan
    return seconds, measured * np.array([-1.0 if config.mirrored else 1.0, 1.0])


def _place(rng: np.random.Generator, config: GazeConfig) -> Float[np.ndarray, " 2"]:
    """A place that is fixated next."""
    return np.clip(rng.standard_normal(2), -FARTHEST, FARTHEST) * np.array(config.spread_deg)
