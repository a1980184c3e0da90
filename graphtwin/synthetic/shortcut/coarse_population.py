"""A population whose code is robust by construction: energies of coarse gratings, which phase, fine texture and noise hardly change."""

from __future__ import annotations

import numpy as np

from graphtwin.shapes import Float
from graphtwin.synthetic.shortcut.pictures import COARSE, wave

ORIENTATIONS = 8
CYCLES = (0.8 * COARSE, COARSE, 1.2 * COARSE)  # preferred spatial frequencies, cycles a picture
WIDTH = 0.3  # SD of the Gaussian window, in sizes of a picture


def coarse_responses(pictures: Float[np.ndarray, "pictures height width"]) -> Float[np.ndarray, "pictures units"]:
    """Roots of the energy of a windowed grating in two phases, at each preferred orientation and spatial frequency; a constant is not seen.

    Args:
        pictures: Grey levels.
    """
    size = pictures.shape[1]
    y, x = np.mgrid[:size, :size] / size - 0.5 + 0.5 / size
    window = np.exp(-(x**2 + y**2) / (2 * WIDTH**2)) / size**2
    shown = pictures - pictures.mean((1, 2), keepdims=True)
    found = []
    for orientation in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
        for cycles in CYCLES:
            parts = [np.tensordot(shown, window * wave(size, orientation, cycles, phase), 2) for phase in (0.0, np.pi / 2)]
            found.append(np.hypot(*parts))
    return np.stack(found, axis=1)
