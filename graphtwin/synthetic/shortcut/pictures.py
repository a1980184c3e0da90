"""Pictures of four classes that no pixel tells: orientations of gratings of random phase, coarse and robust, fine and fragile."""

from __future__ import annotations

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Float, Int
from graphtwin.synthetic.shortcut.settings import ShortcutConfig

CLASSES = ("000", "045", "090", "135")  # degrees by which the direction in which a grating changes is turned
COARSE, FINE = 2.5, 6.0  # cycles of the gratings in pictures of 16 pixels; fine ones keep their pixels a cycle in larger ones
SLOW = (0.3, 1.2)  # cycles, from and to, of what light does
LIGHTS = 3  # slow waves of each picture
STRENGTH = (0.6, 1.4)  # of the coarse grating of a picture, from and to, over the contrast of all


def wave(size: int, orientation: float, cycles: float, phase: float) -> Float[np.ndarray, "height width"]:
    """A sine wave over a square.

    Args:
        size: Pixels of a side.
        orientation: Direction in which it changes, radians from rightwards.
        cycles: Cycles over a side.
        phase: Radians.
    """
    y, x = np.mgrid[:size, :size] / size
    return np.asarray(np.cos(2 * np.pi * cycles * (x * np.cos(orientation) + y * np.sin(orientation)) + phase))


def draw_pictures(config: ShortcutConfig) -> tuple[Float[np.ndarray, "pictures height width"], Int[np.ndarray, " pictures"]]:
    """Grey levels, black 0 and white 1, and the class of each picture.

    Both gratings of a picture have its class's orientation and random phases, so that no mean over pictures of a class differs from that of
    another; changes of light, which are larger, say nothing.

    Args:
        config: Settings.
    """
    rng, size = rng_for(config.seed, "pictures with a shortcut"), config.size
    label = rng.permutation(np.resize(np.arange(len(CLASSES)), config.pictures))
    pictures = np.full((config.pictures, size, size), 0.5)
    for picture, at in zip(pictures, label, strict=True):
        orientation = np.pi * at / len(CLASSES)
        picture += config.coarse * rng.uniform(*STRENGTH) * wave(size, orientation, COARSE, rng.uniform(0, 2 * np.pi))
        picture += config.fine * wave(size, orientation, FINE * size / 16, rng.uniform(0, 2 * np.pi))
        for _ in range(LIGHTS):
            slow = wave(size, rng.uniform(0, np.pi), rng.uniform(*SLOW), rng.uniform(0, 2 * np.pi))
            picture += config.light / LIGHTS**0.5 * rng.standard_normal() * slow
    pictures += config.noise * rng.standard_normal(pictures.shape)
    return np.clip(pictures, 0, 1), label
