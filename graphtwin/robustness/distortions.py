"""Pictures made worse at graded strength: noise, blur, contrast, brightness, JPEG compression and elastic changes."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from graphtwin.execute import rng_for
from graphtwin.shapes import Float

SMOOTH = 0.1  # SD of the Gaussian that smooths elastic displacements, in sizes of a picture
GREY = 0.5  # grey level to which contrast fades
Pictures = Float[np.ndarray, "pictures height width"]


def _noise(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of an SD."""
    return pictures + strength * rng.standard_normal(pictures.shape)


def _blur(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian of an SD, in sizes of a picture."""
    return np.asarray(gaussian_filter(pictures, (0, *(strength * side for side in pictures.shape[1:])), mode="nearest"))


def _contrast(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Contrast less a share of it."""
    return GREY + (1 - strength) * (pictures - GREY)


def _brightness(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures brighter, half darker."""
    return pictures + strength * rng.permutation(np.resize([-1.0, 1.0], len(pictures)))[:, None, None]


def _jpeg(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG of a quality of 100 less the strength."""
    from PIL import Image

    def through(picture: np.ndarray) -> np.ndarray:
        held = io.BytesIO()
        Image.fromarray(picture).save(held, "JPEG", quality=round(100 - strength))
        with Image.open(held) as opened:
            return np.asarray(opened)

    return np.stack([through(each) for each in np.round(255 * pictures).astype(np.uint8)]) / 255.0


def _elastic(pictures: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Pixels moved by smooth random displacements of a root mean square, in sizes of a picture. Source: Simard et al. 2003."""
    height, width = pictures.shape[1:]
    size, places = strength * np.array([height, width])[:, None, None], np.mgrid[:height, :width]

    def through(picture: np.ndarray) -> np.ndarray:
        moved = gaussian_filter(rng.standard_normal((2, height, width)), (0, SMOOTH * height, SMOOTH * width), mode="wrap")
        moved *= size / np.sqrt(np.square(moved).mean((1, 2), keepdims=True))
        return np.asarray(map_coordinates(picture, places + moved, order=1, mode="nearest"))

    return np.stack([through(picture) for picture in pictures])


# Of each kind its function and the strengths at which it is tested.
DISTORTIONS: dict[str, tuple[Callable[[np.ndarray, float, np.random.Generator], np.ndarray], tuple[float, ...]]] = {
    "noise": (_noise, (0.05, 0.1, 0.2, 0.3, 0.5)),
    "blur": (_blur, (0.03, 0.06, 0.1, 0.15, 0.2)),
    "contrast": (_contrast, (0.2, 0.4, 0.6, 0.75, 0.9)),
    "brightness": (_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "jpeg": (_jpeg, (50.0, 75.0, 90.0, 95.0, 99.0)),
    "elastic": (_elastic, (0.01, 0.02, 0.04, 0.06, 0.1)),
}


def distorted(pictures: Pictures, kind: str, strength: float, seed: int) -> Pictures:
    """Pictures made worse, grey levels kept between 0 and 1; the same pictures for whoever is asked.

    Args:
        pictures: Grey levels, black 0, white 1.
        kind: Name of a distortion.
        strength: How much, in the unit of the kind (`DISTORTIONS`): SD of noise; SD of blur and root mean square of elastic displacements
            in sizes of a picture; share of contrast that is lost; change of brightness; 100 less the quality of JPEG.
        seed: Root of the random draws.

    Examples:
        >>> graphtwin.robustness.distorted(pictures.pictures, "blur", 0.06, seed=0).shape
        (80, 8, 8)
    """
    make, _ = DISTORTIONS[kind]
    rng = rng_for(seed, "distortion", kind, f"{strength:g}")
    return np.asarray(np.clip(make(np.asarray(pictures, np.float64), strength, rng), 0, 1).astype(np.float32))
