"""What classifiers are drawn to: the responses of a twin, and the controls that decide whether it is function that helps.

A teacher is a row of numbers a picture. Classifiers are drawn to how alike rows are, or predict the rows.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from graphtwin.execute import rng_for
from graphtwin.robustness.settings import RobustConfig
from graphtwin.shapes import Float, Num

TWIN, PIXELS, LOW_PASSED, SHUFFLED, UNTRAINED = "twin", "pixels", "low-passed pixels", "shuffled", "untrained"
TEACHERS = (TWIN, PIXELS, LOW_PASSED, SHUFFLED, UNTRAINED)
STILL = 1e-6  # SD over pictures, over the largest of any unit, below which a unit does not answer
RANDOM_WIDTH, RANDOM_SIDE = 32, 5  # channels and pixels of the kernels of untrained layers
log = logging.getLogger("graphtwin")


def teachers(
    responses: Num[np.ndarray, "pictures units"],
    untrained: Num[np.ndarray, "pictures units"] | None,
    pictures: Float[np.ndarray, "pictures height width"],
    config: RobustConfig,
) -> dict[str, Float[np.ndarray, "pictures _"]]:
    """Rows of numbers of every teacher, standardised, without what does not change from picture to picture.

    shuffled: responses of the twin, those of each picture to another one, so that all is kept but what was seen. untrained: responses of a
    twin whose weights were drawn and never fitted; random convolutions where there is none.

    Args:
        responses: Responses of the twin's units.
        untrained: Those of an untrained twin; None makes random layers.
        pictures: Grey levels.
        config: Settings.

    Examples:
        >>> responses = graphtwin.robustness.shown_responses([responder], pictures.pictures, config)
        >>> sorted(graphtwin.robustness.teachers(responses, None, pictures.pictures, config))
        ['low-passed pixels', 'pixels', 'shuffled', 'twin', 'untrained']
    """
    if len(responses) != len(pictures):
        raise ValueError(
            f"{len(responses)} rows of responses for {len(pictures)} pictures. Give a row a picture, in the order of pictures."
        )
    bad = int((~np.isfinite(responses)).any(1).sum())
    if bad:
        raise ValueError(f"responses: {bad} of {len(responses)} rows have NaN or infinite numbers. Leave these units or pictures out.")
    rng = rng_for(config.seed, "shuffled responses")
    flat = pictures.reshape(len(pictures), -1)
    low = gaussian_filter(pictures, (0, *(config.teaching.low_pass * side for side in pictures.shape[1:])), mode="nearest")
    random = _random_responses(pictures, responses.shape[1], config.seed) if untrained is None else untrained
    return {
        TWIN: standardised(responses, "the twin"),
        PIXELS: standardised(flat, PIXELS),
        LOW_PASSED: standardised(low.reshape(len(low), -1), LOW_PASSED),
        SHUFFLED: standardised(responses[rng.permutation(len(responses))], "the twin"),
        UNTRAINED: standardised(random, "an untrained twin"),
    }


def standardised(responses: Num[np.ndarray, "pictures units"], of: str) -> Float[np.ndarray, "pictures varying"]:
    """Responses less their mean over pictures, in their SD, of units that answer differently to different pictures.

    Args:
        responses: Responses.
        of: Whose they are, for errors.
    """
    values = np.asarray(responses, dtype=np.float64)
    deviation = values.std(0)
    varies = deviation > STILL * max(float(deviation.max()), 1e-300)
    if varies.sum() < 2:
        raise ValueError(
            f"{of}: {int(varies.sum())} of {values.shape[1]} units answer differently to different pictures, and two are needed for a "
            "similarity. Show the pictures where the units look (height), or give responses of others."
        )
    if not varies.all():
        log.info("%s: %d of %d units answer all pictures alike, and are left out.", of, int((~varies).sum()), len(varies))
    return np.asarray(((values - values.mean(0)) / np.where(varies, deviation, 1))[:, varies].astype(np.float32))


def principal(rows: Float[np.ndarray, "pictures _"], n: int) -> Float[np.ndarray, "pictures components"]:
    """The first principal components of a teacher's rows, scaled together so that their mean square is 1.

    Args:
        rows: Standardised rows.
        n: Components, at most.
    """
    centred = np.asarray(rows - rows.mean(0), dtype=np.float64)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    kept = (left * size)[:, : min(n, int((size > 1e-9 * size[0]).sum()))]
    return np.asarray(kept / np.sqrt(np.square(kept).mean()), dtype=np.float32)


def similarity(rows: Float[torch.Tensor, "pictures _"]) -> Float[torch.Tensor, "pictures pictures"]:
    """Correlation, over units, of the standardised responses to each two pictures. Source: Li et al. 2019, arXiv:1911.04247.

    Args:
        rows: Responses, each unit less its mean over pictures.
    """
    unit = torch.nn.functional.normalize(rows - rows.mean(1, keepdim=True), dim=1)
    return unit @ unit.T


def _random_responses(pictures: Float[np.ndarray, "pictures height width"], units: int, seed: int) -> Float[np.ndarray, "pictures units"]:
    """Two layers of convolutions with random kernels, rectified and normalised, read at random places and channels."""
    rng = rng_for(seed, "untrained responses")
    x = torch.from_numpy(pictures.astype(np.float32))[:, None]
    x = (x - x.mean()) / x.std()
    for channels in ((1, RANDOM_WIDTH), (RANDOM_WIDTH, RANDOM_WIDTH)):
        kernel = rng.standard_normal((channels[1], channels[0], RANDOM_SIDE, RANDOM_SIDE)) / RANDOM_SIDE / channels[0] ** 0.5
        x = torch.relu(torch.nn.functional.conv2d(x, torch.from_numpy(kernel.astype(np.float32)), padding=RANDOM_SIDE // 2))
        x = x / torch.sqrt(x.square().mean())
    flat = x.flatten(1).numpy()
    varies = np.flatnonzero(flat.std(0) > 0)
    return flat[:, rng.choice(varies, min(units, len(varies)), replace=False)]
