"""A ridge on the energies of single pictures, in closed form.

Few pictures teach a core little, but a ridge on energies that need no learning a good deal (see `model.scattering`). Every unit looks
through a Gaussian window over the picture; its window and penalty are those of the least error by generalised cross-validation over the
training pictures (Golub, Heath & Wahba 1979, doi:10.1080/00401706.1979.10489751). Patterns of energies that the ridges of many units have
in common are kept (reduced rank: Izenman 1975, doi:10.1016/0047-259X(75)90042-1).

A unit that comes and goes is fitted to the pictures that it was held in, all units of one pattern of holding together. Patterns of many
units go first, for as long as they take together what `MOST` pictures take; units of the others choose window and penalty with their mean
in place of what is missing, and have the closed form on what they were held in under these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float

from graphtwin.progress import tqdm
from graphtwin.twin.data import Clips, Window
from graphtwin.twin.model import BLOCKS, CELLS, LEAST_SHARE, PictureDrive, scattered

FEWEST, MOST = 10, 1500  # pictures that the ridge is fitted to; where there are more, as many of them: time grows with their cube
PICTURES_TOGETHER = 32  # pictures whose energies are taken at once
WEIGHTS = (0.3, 1.0, 0.2)  # variance a priori that comes from energies, from energies of energies, and from luminance
CENTRES = (-0.6, -0.3, 0.0, 0.3, 0.6)  # of windows, along either axis, the edges of the picture at -1 and 1
WIDTHS = (0.3, 0.5, 1.0)  # standard deviations of windows
PENALTIES = tuple(10.0 ** np.arange(-3.0, 1.7, 0.4))  # noise variances that are tried, times the mean variance a priori
# Showings after which the noise of a mean is what a ridge misses of the signal anyway: on V4 a single trial's noise is two to three times
# that. Of 3, equal weights and weights by showings alone, on validation: mean correlation .508, .511, .503 (190923) and .730, .732, .733
# (190925); on planted units of which half the pictures were shown once and half 8 times .888, .837 and .892.
MISFIT_SHOWINGS = 3.0
FLOOR = 1e-6  # least deviation: quotients stay finite


@dataclass(frozen=True)
class Pictures:
    """Pictures of an animal, each once.

    Attributes:
        energies: What each holds, as `scattered` gives it.
        responses: Mean response of each unit to it over its repeats, standardised; NaN where it was held in none.
        n_repeats: How often it was shown.
    """

    energies: Float[torch.Tensor, "pictures channels cells"]
    responses: Float[torch.Tensor, "pictures units"]
    n_repeats: Float[torch.Tensor, " pictures"]


def fit_pictures(drive: PictureDrive, training: Clips, validation: Clips, progress: bool = False) -> Iterator[str]:
    """Set a drive, in place, to the ridges on the pictures of training, and when asked again to those of both tiers.

    Args:
        drive: Drive of the animal's units.
        training: Trials of training.
        validation: Trials of validation, fewer of which are read.
        progress: Show progress bars.

    Yields:
        What the drive was fitted to; nothing where training has too few pictures.
    """
    if len(training.repeats()) < FEWEST:
        return
    fitted = pictures_of(training, MOST, progress)
    fit_ridge(drive, fitted, progress)
    yield "training"
    parts = [fitted, pictures_of(validation, MOST // 5, progress)]
    fit_ridge(drive, Pictures(**{field: torch.cat([getattr(part, field) for part in parts]) for field in vars(fitted)}), progress)
    yield "both tiers"


def pictures_of(clips: Clips, most: int, progress: bool = False) -> Pictures:
    """Pictures of clips, spread over all where there are more than `most`; those without a response that counts are left out."""
    shown = clips.scenes()
    some = shown[:: max(1, -(-len(shown) // most))]
    energies, responses, n_repeats, waiting = [], [], [], []
    for rows in tqdm(some, desc="energies", unit="picture", disable=not progress, leave=False):
        windows = [clips.read(int(row)) for row in rows]
        showings = np.concatenate([window.showings.ravel() for window in windows])
        if showings.any():
            waiting.append(windows[0].video[0, -1])
            responses.append(torch.from_numpy(_mean_over(windows, showings).astype(np.float32)))
            n_repeats.append(float(showings.sum()))
        if len(waiting) == PICTURES_TOGETHER or (waiting and rows is some[-1]):
            energies.append(scattered(torch.from_numpy(np.stack(waiting))))
            waiting.clear()
    return Pictures(torch.cat(energies), torch.stack(responses), torch.tensor(n_repeats))


def _mean_over(windows: list[Window], showings: Float[np.ndarray, " repeats"]) -> Float[np.ndarray, " units"]:
    """Mean response to a picture over its repeats, each as many showings; NaN for a unit that was held in none."""
    answers = np.concatenate([window.responses[0] for window in windows])
    if all(window.held is None for window in windows):
        return np.asarray(np.average(answers, axis=0, weights=showings))
    often = showings[:, None] * np.concatenate([window.cells[0] for window in windows])
    total = often.sum(0)
    return np.divide((often * answers).sum(0), total, out=np.full(len(total), np.nan), where=total > 0)


def fit_ridge(drive: PictureDrive, pictures: Pictures, progress: bool = False) -> None:
    """Set patterns, weights and bias of a drive, in place, to the ridges of the least error.

    Pictures that were shown more often have less noise, and weigh more (weighted least squares): by one over what the ridge misses of the
    signal plus noise over the number of showings.

    Args:
        drive: Drive of the animal's units.
        pictures: Pictures with the responses to them.
        progress: Show a progress bar.
    """
    weight = pictures.n_repeats / (pictures.n_repeats + MISFIT_SHOWINGS)
    weight = weight / weight.mean()
    deviation = pictures.energies.std(0)
    mean = torch.einsum("p,p...->...", weight / len(weight), pictures.energies)
    held = pictures.responses.isfinite()
    middle = _mean_of_held(pictures.responses, weight)
    scale = _prior_deviations()[:, None] / deviation.clamp(min=FLOOR)
    root = weight.sqrt()[:, None]
    seen = ((pictures.energies - mean) * scale * root[..., None]).permute(2, 0, 1)
    about = torch.where(held, pictures.responses - middle, 0.0) * root
    products = seen @ seen.mT
    dual, through = least_error(products, about, progress)[:2] if held.all() else _of_held(products, about, held, root[:, 0])
    pulls = [dual * window for window in through]
    expected = torch.stack([of @ (of.T @ pull) for of, pull in zip(seen, pulls, strict=True)]).sum(0)
    common = torch.linalg.svd(expected, full_matrices=False)[2][: drive.weights.shape[1]]
    drive.patterns.zero_()[: len(common)] = torch.stack([common @ pull.T @ of for of, pull in zip(seen, pulls, strict=True)], -1) * scale
    drive.weights.zero_()[:, : len(common)] = common.T
    constant = middle - drive.weights @ (drive.patterns.flatten(1) @ mean.flatten())
    if not held.all():  # the pictures that a unit was held in have another mean
        often = torch.where(held, root, 0.0)
        constant = constant - (often * (expected @ common.T @ common)).sum(0) / often.square().sum(0).clamp(min=FLOOR)
    drive.bias.copy_(constant)
    drive.least.copy_(torch.full_like(middle, -torch.inf) if drive.signed else LEAST_SHARE * middle.clamp(min=0))


def _mean_of_held(
    responses: Float[torch.Tensor, "pictures units"], weight: Float[torch.Tensor, " pictures"]
) -> Float[torch.Tensor, " units"]:
    """Weighted mean response of each unit over the pictures that it was held in; 0 where there is none."""
    held = responses.isfinite()
    if held.all():
        return torch.einsum("p,pu->u", weight / len(weight), responses)
    often = weight[:, None] * held
    return (often * responses.nan_to_num()).sum(0) / often.sum(0).clamp(min=FLOOR)


def _of_held(
    products: Float[torch.Tensor, "cells pictures pictures"],
    responses: Float[torch.Tensor, "pictures units"],
    held: Bool[torch.Tensor, "pictures units"],
    root: Float[torch.Tensor, " pictures"],
) -> tuple[Float[torch.Tensor, "pictures units"], Float[torch.Tensor, "cells units"]]:
    """What `least_error` gives, each unit fitted to the pictures that it was held in; nothing where these are fewer than `FEWEST`.

    Args:
        products: Scalar products of what two pictures hold in a cell, both times the roots of their weights.
        responses: Responses about their mean, times the same roots, 0 where a unit was not held.
        held: Whether each unit was held.
        root: The roots of the pictures' weights.
    """
    dual, through = torch.zeros_like(responses), responses.new_zeros(len(products), responses.shape[1])
    patterns, pattern_of, common = torch.unique(held.T, dim=0, return_inverse=True, return_counts=True)
    left, rare = float(MOST**3), torch.zeros(held.shape[1], dtype=torch.bool)
    for number in common.argsort(descending=True, stable=True).tolist():
        units, rows = torch.where(pattern_of == number)[0], torch.where(patterns[number])[0]
        left -= len(rows) ** 3
        if len(rows) >= FEWEST and left >= 0:
            among = _about_mean(products[:, rows][..., rows], root[rows])
            dual[rows[:, None], units], through[:, units], _ = least_error(among, responses[rows][:, units])
        rare[units] = len(rows) >= FEWEST and left < 0
    units = torch.where(rare)[0]
    if not len(units):
        return dual, through
    _, through[:, units], penalties = least_error(products, responses[:, units])
    for unit, of_cells, penalty in zip(units.tolist(), through[:, units].T, penalties, strict=True):
        rows = torch.where(held[:, unit])[0]
        kernel = _about_mean(torch.einsum("c,cij->ij", of_cells, products[:, rows][..., rows]), root[rows])
        dual[rows, unit] = torch.linalg.solve(kernel + penalty * torch.eye(len(rows)).to(kernel), responses[rows, unit])
    return dual, through


def _about_mean(
    products: Float[torch.Tensor, "*cells pictures pictures"], root: Float[torch.Tensor, " pictures"]
) -> Float[torch.Tensor, "*cells pictures pictures"]:
    """Scalar products of the same pictures about their weighted mean, which the roots of weights are the direction of."""
    direction = (root / root.norm()).to(products)
    across = (products @ direction)[..., None] * direction
    return products - across - across.mT + (across.mT @ direction)[..., None] * direction


def least_error(
    products: Float[torch.Tensor, "cells pictures pictures"], responses: Float[torch.Tensor, "pictures units"], progress: bool = False
) -> tuple[Float[torch.Tensor, "pictures units"], Float[torch.Tensor, "cells units"], Float[torch.Tensor, " units"]]:
    """For the window and penalty of the least error: weights of pictures in each unit's ridge, of cells in what it sees; the penalty.

    Args:
        products: Scalar products of what two pictures hold in a cell, both times the roots of their weights.
        responses: Responses about their mean, times the same roots.
        progress: Show a progress bar.
    """
    count = len(responses)
    dual, chosen = torch.zeros_like(responses), responses.new_zeros(len(products), responses.shape[1])
    penalties = responses.new_zeros(responses.shape[1])
    least = responses.new_full(responses.shape[1:], torch.inf)
    for window in tqdm(_windows().to(products), desc="ridge", unit="window", disable=not progress, leave=False):
        kernel = torch.einsum("c,cij->ij", window, products)
        size = kernel.trace().clamp(min=FLOOR) / count
        variances, axes = (part[..., 1:] for part in torch.linalg.eigh(kernel / size))  # the first axis is the mean, fitted apart
        turned = axes.T @ responses
        held = 1 / (variances.clamp(min=0) + kernel.new_tensor(PENALTIES)[:, None])  # shape: (penalties, pictures)
        errors = held.square() @ turned.square() * count / held.sum(1, keepdim=True).square()
        error, penalty = errors.min(0)
        better = error < least
        penalties[better] = kernel.new_tensor(PENALTIES)[penalty[better]]
        least[better] = error[better]
        dual[:, better] = axes @ (held[penalty[better]].T * turned[:, better])
        chosen[:, better] = (window / size)[:, None].expand(-1, int(better.sum()))
    return dual, chosen, penalties


def _prior_deviations() -> Float[torch.Tensor, " channels"]:
    """Standard deviation a priori of the weight of every channel, standardised, by its kind."""
    return torch.cat([torch.full((channels,), (variance / channels) ** 0.5) for channels, variance in zip(BLOCKS, WEIGHTS, strict=True)])


def _windows() -> Float[torch.Tensor, "windows cells"]:
    """Weight of every cell in each of the windows that are tried."""
    at = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    windows = [np.exp(-((at[:, None] - y) ** 2 + (at - x) ** 2) / (2 * sd**2)).ravel() for sd, y, x in product(WIDTHS, CENTRES, CENTRES)]
    return torch.tensor(np.stack(windows), dtype=torch.float32)
