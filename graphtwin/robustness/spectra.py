"""Which spatial frequencies a classifier uses: accuracy under noise of one band, and where the power of its gradient lies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import torch

from graphtwin.execute import rng_for
from graphtwin.robustness.classifier import Classifier
from graphtwin.shapes import Float, Int

BANDS = 6  # bands of spatial frequency, at most, of equal width up to that of two pixels a cycle


def band_of(size: tuple[int, int]) -> tuple[Int[np.ndarray, "height width"], Float[np.ndarray, " edges"]]:
    """Band of each entry of a Fourier transform, -1 beyond the last, and the edges of the bands, cycles a picture (of its shorter side).

    Args:
        size: Height and width of a picture, pixels.
    """
    shorter = min(size)
    down, across = (np.fft.fftfreq(side) * shorter for side in size)
    frequency = np.hypot(down[:, None], across[None])
    n = min(BANDS, shorter // 2)
    edges = np.linspace(0, shorter / 2, n + 1)
    band = np.searchsorted(edges, frequency, side="left") - 1
    band[frequency == 0] = 0
    return np.where(band < n, band, -1), edges


def band_noise(
    shape: tuple[int, int, int], band: Int[np.ndarray, "height width"], of: int, size: float, seed: int
) -> Float[np.ndarray, "pictures height width"]:
    """Noise whose frequencies lie in one band, the same for whoever is asked.

    Args:
        shape: Pictures, height and width.
        band: Band of each entry of the transform.
        of: Number of the band.
        size: Root mean square of each picture's noise.
        seed: Root of the random draws.
    """
    white = rng_for(seed, "noise of a band", of).standard_normal(shape)
    found = np.fft.ifft2(np.fft.fft2(white) * (band == of)).real
    return np.asarray(size * found / np.sqrt(np.square(found).mean((1, 2), keepdims=True)), dtype=np.float32)


def frequencies_used(
    classifier: Classifier,
    pictures: Float[np.ndarray, "pictures height width"],
    label: Int[np.ndarray, " pictures"],
    noise: float,
    seed: int,
) -> pd.DataFrame:
    """A row a band: how well a classifier does with noise in it, and what share of its gradient's power lies there.

    Args:
        classifier: Classifier in eval mode.
        pictures: Grey levels of test pictures.
        label: Class of each.
        noise: Root mean square of the noise.
        seed: Root of the random draws.

    Returns:
        Columns low and high (cycles a picture), accuracy, gradient_share.

    Examples:
        >>> shown, label = pictures.pictures[pictures.is_test], pictures.label[pictures.is_test]
        >>> graphtwin.robustness.frequencies_used(classifier.classifier, shown, label, 0.1, 0).columns.tolist()
        ['low', 'high', 'accuracy', 'gradient_share']
    """
    band, edges = band_of((pictures.shape[1], pictures.shape[2]))
    known = torch.from_numpy(label)
    power = np.square(np.abs(np.fft.fft2(classifier.gradient(torch.from_numpy(pictures), known).numpy())))
    each = power / np.maximum(power.sum((1, 2), keepdims=True), 1e-300)  # every picture counts alike, however sure its class
    rows = []
    for at, (low, high) in enumerate(pairwise(edges)):
        noisy = np.clip(pictures + band_noise(pictures.shape, band, at, noise, seed), 0, 1)
        accuracy = classifier.accuracy(torch.from_numpy(noisy), known)
        rows.append((low, high, accuracy, float(each[:, band == at].sum(1).mean())))
    return pd.DataFrame(rows, columns=["low", "high", "accuracy", "gradient_share"])
