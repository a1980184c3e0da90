"""Pictures of dead leaves: discs of every size that hide one another, a stand-in for natural pictures where none are at hand.

Radii r have density r^-3, so that the picture looks the same at every distance; edges, occlusion and power over frequency are those of
natural pictures, objects and textures are not. Source: Lee, Mumford & Huang 2001, doi:10.1023/A:1011109015675.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.optimised.stage import Stage

RADII = (0.02, 0.5)  # smallest and largest, of the longer side of the picture
TIMES, CUTS = 3, 50  # sides of a scene in sides of a picture, and pictures cut out of each
COVER = 4.0  # times that the discs of a scene would cover it, were they side by side


def dead_leaves(stage: Stage, count: int = 5000, seed: int = 0) -> Float[np.ndarray, "count 1 height width"]:
    """Grey levels of pictures of dead leaves, cut out of scenes of which each gives 50.

    Args:
        stage: Responder, for its pixels, and settings, for the range of grey levels.
        count: Number of pictures; those of one number are the same however many are drawn.
        seed: Seed of the draws.
    """
    height, width = stage.budget.shape[1:]
    darkest, brightest = stage.config.darkest, stage.config.brightest
    found = np.empty((count, 1, height, width), dtype=np.float32)
    for number in range(-(-count // CUTS)):
        rng = rng_for(seed, "dead leaves", number)
        scene = _scene(rng, (TIMES * height, TIMES * width))
        for at in range(number * CUTS, min((number + 1) * CUTS, count)):
            top, left = rng.integers(0, (TIMES - 1) * height + 1), rng.integers(0, (TIMES - 1) * width + 1)
            found[at, 0] = scene[top : top + height, left : left + width][:: rng.choice([1, -1]), :: rng.choice([1, -1])]
    return darkest + (brightest - darkest) * found


def _scene(rng: np.random.Generator, sides: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    """A scene of 0 to 1, the hindmost leaf first."""
    smallest, largest = (share * max(sides) / TIMES for share in RADII)
    # Radii by the inverse of their cumulative distribution; their mean area says how many are needed.
    area = 2 * np.pi * np.log(largest / smallest) / (smallest**-2 - largest**-2)
    leaves = max(1, round(COVER * np.prod(sides) / area))
    radii = (smallest**-2 - rng.uniform(size=leaves) * (smallest**-2 - largest**-2)) ** -0.5
    middles = rng.uniform(-largest, np.array(sides) + largest, (leaves, 2))
    scene = np.full(sides, rng.uniform())
    for (down, across), radius, level in zip(middles, radii, rng.uniform(size=leaves), strict=True):
        top, left = max(0, int(down - radius)), max(0, int(across - radius))
        part = scene[top : int(down + radius) + 2, left : int(across + radius) + 2]
        rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
        part[(rows + top - down) ** 2 + (columns + left - across) ** 2 <= radius**2] = level
    return scene
