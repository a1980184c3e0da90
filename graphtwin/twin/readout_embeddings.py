"""The embeddings table of a functional twin: what each unit's readout weighs, in coordinates that any two fits have in common.

The features F of a core are defined only up to an invertible map A: weights A^-T w on features A F predict the same. With S the covariance
of the features on a reference clip, S^(1/2) w changes by a rotation only, because w' S w is the variance of the unit's drive there,
whatever A is. Lengths are therefore gains, and cosines are correlations of drives, had all units the same field. What is left of the
rotation is fixed by the principal axes of the units; position is told apart.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.twin.weights import FittedTwin

REFERENCE_FRAMES = 240


def embed(fitted: FittedTwin, reference: Float[np.ndarray, "frames height width"] | None = None) -> pd.DataFrame:
    """One row a unit: session, scan_idx, unit_id, embedding_0 ... (float32), gain, rf_x, rf_y, animal.

    embedding_*: gauge-fixed feature weights of length 1. gain: their length before. rf_x, rf_y: where the readout looks at rest, x
    rightwards and y upwards, edges of the video at -1 and 1.

    Args:
        fitted: A twin.
        reference: Standardised grey levels of the clip that fixes the gauge; the same drifting 1/f noise for all twins otherwise.
    """
    size = next(iter(fitted.animals.values())).size
    clip = reference_clip(*size) if reference is None else reference
    root = _square_root(feature_covariance(fitted, clip))
    tables = []
    for name, seen in fitted.animals.items():
        readout = fitted.twin.animal(name).readout
        weights = readout.weights[:, 0].detach().double().numpy() @ root
        position = readout.mean_positions().detach().numpy()
        tables.append(seen.units.assign(animal=name, rf_x=position[:, 0], rf_y=-position[:, 1], **_columns(weights)))
    table = pd.concat(tables, ignore_index=True)
    names = [name for name in table if name.startswith("embedding_")]
    weights = table[names].to_numpy(np.float64)
    gain = np.linalg.norm(weights, axis=1)
    turned = in_principal_axes(weights / np.maximum(gain, 1e-12)[:, None])
    return table.drop(columns=names).assign(gain=gain, **_columns(turned.astype(np.float32)))


def reference_clip(height: int, width: int, frames: int = REFERENCE_FRAMES) -> Float[np.ndarray, "frames height width"]:
    """Gaussian noise with amplitudes that fall as 1/f in space and time, standardised; the same whenever it is asked for."""
    noise = rng_for(0, "reference clip").standard_normal((frames, height, width))
    axes = np.meshgrid(np.fft.fftfreq(frames) * 4, np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    frequency = np.sqrt(sum(axis**2 for axis in axes))
    clip = np.fft.ifftn(np.fft.fftn(noise) / np.maximum(frequency, 1 / width)).real
    return np.asarray((clip - clip.mean()) / clip.std(), dtype=np.float32)


@torch.no_grad()
def feature_covariance(fitted: FittedTwin, clip: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "features features"]:
    """Covariance of the core's features over frames and places, about the mean of each place, for an animal at rest."""
    video = torch.from_numpy(clip)[None]
    rest = torch.zeros(1, len(clip), fitted.config.twin.modulators)
    features, _ = fitted.twin.core(video, rest)
    late = features[len(clip) // 4 :].double()
    late = (late - late.mean(0)).permute(1, 0, 2, 3).flatten(1)
    return np.asarray((late @ late.T / late.shape[1]).numpy())


def in_principal_axes(vectors: Float[np.ndarray, "units features"]) -> Float[np.ndarray, "units features"]:
    """The vectors in axes of falling second moment over units; an axis points to where most of its third moment lies."""
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    turned = vectors @ axes[:, ::-1]
    return np.asarray(turned * np.where((turned**3).sum(0) < 0, -1.0, 1.0))


def _square_root(covariance: np.ndarray) -> np.ndarray:
    variances, axes = np.linalg.eigh(covariance)
    return np.asarray((axes * np.sqrt(np.maximum(variances, 0.0))) @ axes.T)


def _columns(values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"embedding_{at}": values[:, at] for at in range(values.shape[1])}
