"""Films of 36 x 64 pixels at 30 Hz: moving dead leaves, photographs, and the parametric stimuli that twins are tested on.

Grey levels are whole numbers from 0 to 255, so that they survive any format. A film is named by its kind, a seed and a number, and is the
same whenever it is asked for; films are made one clip at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from graphtwin.config import nearest_of
from graphtwin.coordinates import MINNIE65_MONITOR
from graphtwin.execute import rng_for

HEIGHT, WIDTH = 36, 64  # pixels of every film, as in the Sensorium releases
FRAME_RATE_HZ = 30.0  # frames a second of every film, as in the Sensorium releases
GREY = 127.5  # grey level of the empty screen: the middle of 0 to 255
SCREEN = MINNIE65_MONITOR  # monitor on which all simulated animals see their films
# Degrees of the visual field a pixel: 3.2945 across and 3.2893 down, rounded to two digits so that pixels are square.
DEGREES_A_PIXEL = round(SCREEN.degrees_a_pixel(HEIGHT, WIDTH)[1], 2)
N_DIRECTIONS = 16  # directions of drift, as in the published tuning curves
SEGMENT_FRAMES = 18  # frames of each direction of a parametric clip: 0.6 s

# Least and largest radius of a leaf, pixels; numbers fall with the cube of the radius, which makes the picture scale invariant.
LEAF_RADIUS = (1.0, 24.0)
LEAF_MARGIN = 26.0  # pixels by which the torus that leaves live on is wider than the screen on every side
N_LEAVES = 1500  # leaves of a mean area of 20 pixels: they cover the torus about three times

Film = Float[np.ndarray, "frames height width"]


def film(kind: str, seed: int, *names: str | int, n_frames: int) -> Film:
    """One clip.

    Args:
        kind: Kind of stimulus, a key of `KINDS`.
        seed: Seed of the run.
        names: Name of the clip among those of its kind, such as ("train", 3).
        n_frames: Number of frames; parametric kinds repeat their segments until the clip is filled.
    """
    if kind not in KINDS:
        raise ValueError(f"stimulus {kind!r} is not known{nearest_of(kind, KINDS)}. Choose of {', '.join(KINDS)}.")
    frames = KINDS[kind](rng_for(seed, "stimulus", kind, *names), n_frames)
    return np.clip(np.rint(frames), 0, 255).astype(np.float32)


def grating_film(direction_deg: float, sf_cpd: float, tf_hz: float, n_frames: int, phase: float = 0.0, contrast: float = 1.0) -> Film:
    """A full-field sine that drifts.

    Args:
        direction_deg: Direction of drift, degrees: 0 to the right, 90 upwards.
        sf_cpd: Spatial frequency at the centre of the monitor, cycles a degree.
        tf_hz: Temporal frequency, cycles a second.
        n_frames: Number of frames.
        phase: Phase at the centre of the first frame, radians.
        contrast: Contrast, 0 to 1.
    """
    along = _along(np.deg2rad(direction_deg)) * sf_cpd * DEGREES_A_PIXEL
    cycles = along[None] - tf_hz * np.arange(n_frames)[:, None, None] / FRAME_RATE_HZ
    return (GREY * (1 + contrast * np.cos(2 * np.pi * cycles + phase))).astype(np.float32)


def _along(angle: float) -> Float[np.ndarray, "height width"]:
    """Pixels along a direction from the centre of the screen, y upwards."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    return (x - (WIDTH - 1) / 2) * np.cos(angle) - (y - (HEIGHT - 1) / 2) * np.sin(angle)


def dead_leaves(rng: np.random.Generator, n_frames: int) -> Film:
    """Opaque discs and ellipses that move, near ones faster, while the animal turns and walks: occlusion, parallax and expansion.

    Source of the picture's statistics: Lee, Mumford & Huang 2001, doi:10.1023/A:1011109015675.
    """
    low, high = LEAF_RADIUS
    radius = 1 / np.sqrt(1 / low**2 - rng.random(N_LEAVES) * (1 / low**2 - 1 / high**2))
    nearness = np.sort(rng.random(N_LEAVES))  # painted from far to near
    size = np.array([HEIGHT + 2 * LEAF_MARGIN, WIDTH + 2 * LEAF_MARGIN])
    place = rng.random((N_LEAVES, 2)) * size - LEAF_MARGIN
    angle, aspect = rng.random(N_LEAVES) * np.pi, rng.uniform(0.35, 1.0, N_LEAVES)
    grey = np.clip(GREY + 80 * rng.standard_normal(N_LEAVES), 0, 255)
    own = rng.laplace(scale=6.0, size=(N_LEAVES, 2)) / FRAME_RATE_HZ
    turning = _wandering(rng, n_frames, 0.7) * np.array([6.0, 16.0]) / FRAME_RATE_HZ  # gaze sweeps mostly sideways
    walking = 0.25 * np.abs(_wandering(rng, n_frames, 1.5)[:, 0]) / FRAME_RATE_HZ
    shape = np.column_stack([radius, radius * aspect, np.cos(angle), np.sin(angle), grey, nearness])
    return _paint(place, own, shape, turning, walking, size)


def _wandering(rng: np.random.Generator, n_frames: int, time_constant_s: float) -> Float[np.ndarray, "frames 2"]:
    """Two slow processes of unit variance."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / (time_constant_s * FRAME_RATE_HZ))
    steps = rng.standard_normal((n_frames, 2)) * np.sqrt(1 - keep**2)
    steps[0] = rng.standard_normal(2)
    return lfilter([1.0], [1.0, -keep], steps, axis=0)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _paint(place, own, shape, turning, walking, size):
    """Every frame, painted leaf by leaf with edges one pixel soft, then every leaf moved and wrapped."""
    n_frames = len(turning)
    frames = np.full((n_frames, HEIGHT, WIDTH), GREY, dtype=np.float32)
    for t in range(n_frames):
        picture = frames[t]
        for leaf in range(len(place)):
            long, short, cosine, sine, grey, near = shape[leaf]
            y, x = place[leaf]
            top, bottom = max(0, int(np.floor(y - long))), min(HEIGHT - 1, int(np.ceil(y + long)))
            left, right = max(0, int(np.floor(x - long))), min(WIDTH - 1, int(np.ceil(x + long)))
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    u, v = (column - x) * cosine + (row - y) * sine, (row - y) * cosine - (column - x) * sine
                    inside = (1.0 - np.sqrt((u / long) ** 2 + (v / short) ** 2)) * short + 0.5
                    if inside >= 1.0:
                        picture[row, column] = grey
                    elif inside > 0.0:
                        picture[row, column] += inside * (grey - picture[row, column])
            parallax = 0.3 + near
            y += own[leaf, 0] + parallax * (turning[t, 0] + walking[t] * (y - HEIGHT / 2))
            x += own[leaf, 1] + parallax * (turning[t, 1] + walking[t] * (x - WIDTH / 2))
            place[leaf, 0] = (y + LEAF_MARGIN) % size[0] - LEAF_MARGIN
            place[leaf, 1] = (x + LEAF_MARGIN) % size[1] - LEAF_MARGIN
    return frames


@cache
def photographs() -> dict[str, Float[np.ndarray, "rows columns"]]:
    """Natural photographs in grey that installed packages ship, by name: of scikit-learn, and of scikit-image where it is installed."""
    from importlib.util import find_spec
    from pathlib import Path

    from PIL import Image

    files = [("sklearn.datasets", f"images/{name}") for name in ("china.jpg", "flower.jpg")]
    files += [("skimage.data", name) for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")]
    found = {}
    for package, name in files:
        spec = find_spec(package.partition(".")[0])
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).parent / package.partition(".")[2] / name
        if path.is_file():
            with Image.open(path) as picture:
                found[path.name] = np.asarray(picture.convert("L"), dtype=np.float32)
    if not found:
        raise FileNotFoundError("no photograph was found in scikit-learn or scikit-image. Install graphtwin[simulate].")
    return found


def photograph(rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """A random piece of a photograph, mirrored at random, averaged down to the screen, its mean and contrast those of the dead leaves."""
    return _standard(_piece(rng, HEIGHT, WIDTH))


def _piece(rng: np.random.Generator, height: int, width: int) -> Float[np.ndarray, "height width"]:
    shots = list(photographs().values())
    shot = shots[rng.integers(len(shots))]
    zoom = rng.uniform(0.5, 1.0) * min(shot.shape[0] / height, shot.shape[1] / width)
    top, left = rng.random() * (shot.shape[0] - zoom * height), rng.random() * (shot.shape[1] - zoom * width)
    piece = _averaged(_averaged(shot, top, zoom, height).T, left, zoom, width).T
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def _averaged(picture: np.ndarray, start: float, step: float, n: int) -> np.ndarray:
    """Means of `n` equal bands of rows, `step` rows each."""
    total = np.vstack([np.zeros((1, picture.shape[1])), np.cumsum(picture, axis=0, dtype=np.float64)])
    edges = np.clip(start + step * np.arange(n + 1), 0, len(picture))
    whole = np.minimum(edges.astype(int), len(picture) - 1)
    at_edge = total[whole] + (edges - whole)[:, None] * picture[whole]
    return np.diff(at_edge, axis=0) / step


def _standard(picture: np.ndarray) -> np.ndarray:
    """Mean grey and a standard deviation of 55 levels; what lies beyond black and white is cut off."""
    deviation = max(float(picture.std()), 1.0)
    return np.clip(GREY + 55.0 * (picture - picture.mean()) / deviation, 0, 255)


def natural_images(rng: np.random.Generator, n_frames: int) -> Film:
    """Photographs of half a second each."""
    n = int(np.ceil(n_frames / 15))
    return np.repeat(np.stack([photograph(rng) for _ in range(n)]), 15, axis=0)[:n_frames]


def panned_photographs(rng: np.random.Generator, n_frames: int) -> Film:
    """A view that wanders over a photograph."""
    wide = _standard(_piece(rng, 2 * HEIGHT, 2 * WIDTH))
    path = np.clip(_wandering(rng, n_frames, 1.2), -2, 2) / 4 + 0.5
    rows, columns = path[:, 0] * (HEIGHT - 1), path[:, 1] * (WIDTH - 1)
    return _views(wide, rows, columns)


@njit(cache=True, nogil=True)
@no_type_check
def _views(wide, rows, columns):
    """Windows of the screen's size, cut between pixels."""
    frames = np.empty((len(rows), HEIGHT, WIDTH))
    for t in range(len(rows)):
        top, left = int(rows[t]), int(columns[t])
        down, across = rows[t] - top, columns[t] - left
        for row in range(HEIGHT):
            for column in range(WIDTH):
                y, x = top + row, left + column
                upper = wide[y, x] * (1 - across) + wide[y, x + 1] * across
                lower = wide[y + 1, x] * (1 - across) + wide[y + 1, x + 1] * across
                frames[t, row, column] = upper * (1 - down) + lower * down
    return frames


def _directions(rng: np.random.Generator, n_frames: int) -> Float[np.ndarray, " segments"]:
    """Directions in degrees, all 16 in random order, again and again."""
    rounds = int(np.ceil(n_frames / SEGMENT_FRAMES / N_DIRECTIONS))
    return np.concatenate([rng.permutation(N_DIRECTIONS) * 360.0 / N_DIRECTIONS for _ in range(rounds)])


def drifting_gratings(rng: np.random.Generator, n_frames: int) -> Film:
    """Full-field gratings in 16 directions, spatial frequency 0.04 to 0.08 cycles a degree, temporal 1 to 4 Hz."""
    shown = [
        grating_film(direction, rng.choice([0.04, 0.056, 0.08]), rng.choice([1.0, 2.0, 4.0]), SEGMENT_FRAMES, rng.uniform(0, 2 * np.pi))
        for direction in _directions(rng, n_frames)
    ]
    return np.concatenate(shown)[:n_frames]


def gabors(rng: np.random.Generator, n_frames: int) -> Film:
    """Three drifting Gabor patches at random places, new ones every 0.6 s."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shown = []
    for _ in range(int(np.ceil(n_frames / SEGMENT_FRAMES))):
        segment = np.zeros((SEGMENT_FRAMES, HEIGHT, WIDTH))
        for _ in range(3):
            row, column, width = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH), rng.uniform(3.0, 6.0)
            window = np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * width**2))
            carrier = grating_film(
                rng.uniform(0, 360), rng.uniform(0.03, 0.08), rng.uniform(1, 4), SEGMENT_FRAMES, rng.uniform(0, 2 * np.pi)
            )
            segment += window * (carrier - GREY)
        shown.append(GREY + segment)
    return np.concatenate(shown)[:n_frames]


def pink_noise(rng: np.random.Generator, n_frames: int) -> Film:
    """Noise of 1/f amplitude that drifts in one of 16 directions, most of its power across that direction, as in Monet stimuli."""
    fy, fx = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    frequency = np.hypot(fy, fx)
    amplitude = np.divide(1, frequency, out=np.zeros_like(frequency), where=frequency > 0) * (frequency < 0.3)
    shown = []
    for direction in np.deg2rad(_directions(rng, n_frames)):
        off = np.angle(np.exp(2j * (np.arctan2(-fy, fx) - direction))) / 2
        speed = rng.uniform(6, 20) / FRAME_RATE_HZ
        drift = np.exp(-2j * np.pi * speed * (fx * np.cos(direction) - fy * np.sin(direction)) * np.arange(SEGMENT_FRAMES)[:, None, None])
        noise = np.fft.rfft2(rng.standard_normal((HEIGHT, WIDTH)))
        frames = np.fft.irfft2(noise * amplitude * np.exp(-((off / 0.35) ** 2) / 2) * drift, s=(HEIGHT, WIDTH))
        shown.append(GREY + 50 * frames / frames.std())
    return np.concatenate(shown)[:n_frames]


def random_dots(rng: np.random.Generator, n_frames: int) -> Film:
    """Black and white dots on grey, four of five moving together in one of 16 directions, the others each its own way."""
    n_dots = 60
    size = np.array([HEIGHT, WIDTH])
    place = rng.random((n_dots, 2)) * size
    shown = []
    for direction in _directions(rng, n_frames):
        heading = np.where(rng.random(n_dots) < 0.8, np.deg2rad(direction), rng.uniform(0, 2 * np.pi, n_dots))
        step = np.column_stack([-np.sin(heading), np.cos(heading)]) * rng.uniform(8, 24) / FRAME_RATE_HZ
        shown.append(_dots((place[None] + np.arange(SEGMENT_FRAMES)[:, None, None] * step[None]) % size, 1.6))
        place = (place + SEGMENT_FRAMES * step) % size
    return np.concatenate(shown)[:n_frames]


@njit(cache=True, nogil=True)
@no_type_check
def _dots(places, radius):
    """Discs with soft edges, black and white in turn."""
    frames = np.full((len(places), HEIGHT, WIDTH), GREY)
    reach = int(np.ceil(radius + 1))
    for t in range(len(places)):
        for dot in range(places.shape[1]):
            y, x = places[t, dot]
            grey = 255.0 if dot % 2 else 0.0
            for row in range(max(0, int(y) - reach), min(HEIGHT, int(y) + reach + 1)):
                for column in range(max(0, int(x) - reach), min(WIDTH, int(x) + reach + 1)):
                    inside = min(1.0, max(0.0, radius + 0.5 - np.sqrt((row - y) ** 2 + (column - x) ** 2)))
                    frames[t, row, column] += inside * (grey - frames[t, row, column])
    return frames


def gaussian_noise(rng: np.random.Generator, n_frames: int) -> Film:
    """Gaussian noise, smoothed over 1.5 pixels and 2 frames."""
    from scipy.ndimage import gaussian_filter

    frames = gaussian_filter(rng.standard_normal((n_frames, HEIGHT, WIDTH)), (2.0, 1.5, 1.5), mode="wrap")
    return GREY + 50 * frames / frames.std()


KINDS: dict[str, Callable[[np.random.Generator, int], Film]] = {
    "dead_leaves": dead_leaves,
    "panned_photographs": panned_photographs,
    "natural_images": natural_images,
    "drifting_gratings": drifting_gratings,
    "gabors": gabors,
    "pink_noise": pink_noise,
    "random_dots": random_dots,
    "gaussian_noise": gaussian_noise,
}
NOVEL_KINDS = (
    "natural_images",
    "drifting_gratings",
    "gabors",
    "pink_noise",
    "random_dots",
    "gaussian_noise",
)  # kinds of stimulus that no twin is trained on
