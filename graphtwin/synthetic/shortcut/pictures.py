"""Pictures of four classes that no pixel tells: by how a coarse grating is turned, which is robust, and by how strong a fine one is."""

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

    The coarse grating of a picture is turned as its class says; the fine one, turned anyhow, is as strong as its class says: the shortcut,
    which noise on pictures spares, and which what fades or smooths them turns into that of another class. Phases are random, so that no
    mean over pictures of a class differs from that of another; changes of light say nothing.

    Args:
        config: Settings.
    """
    rng, size = rng_for(config.seed, "pictures with a shortcut"), config.size
    label = rng.permutation(np.resize(np.arange(len(CLASSES)), config.pictures))
    pictures = np.full((config.pictures, size, size), 0.5)
    for picture, at in zip(pictures, label, strict=True):
        strength = config.coarse * rng.uniform(*STRENGTH)
        picture += strength * wave(size, np.pi * at / len(CLASSES), COARSE, rng.uniform(0, 2 * np.pi))
        picture += config.fine * at * wave(size, rng.uniform(0, np.pi), FINE * size / 16, rng.uniform(0, 2 * np.pi))
        picture += config.light * rng.standard_normal()
        for _ in range(LIGHTS):
            slow = wave(size, rng.uniform(0, np.pi), rng.uniform(*SLOW), rng.uniform(0, 2 * np.pi))
            picture += config.light / LIGHTS**0.5 * rng.standard_normal() * slow
    pictures += config.noise * rng.standard_normal(pictures.shape)
    return np.clip(pictures, 0, 1), label
