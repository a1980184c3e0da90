"""Bins put all families on one scale: each gives them a probability, the family that made the responses gives most to those that occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.twin.model.response_families import FAMILIES, SPIKE
from graphtwin.twin.scores.likelihood import intercept
from graphtwin.twin.scores.response_bins import ResponseBins, response_bins

UNITS, FRAMES = 8, 3000
SHAPES = {
    "poisson": [],
    "gaussian": [-0.5],
    "zero_inflated_gamma": [0.2, -0.3, 1.0],
    "negative_binomial": [0.3],
}


def rates(seed: int = 0) -> torch.Tensor:
    """Expected responses that vary from frame to frame."""
    rng = np.random.default_rng(seed)
    return torch.as_tensor(np.exp(rng.uniform(-1.2, 0.6, UNITS) + 0.7 * rng.standard_normal((FRAMES, UNITS))), dtype=torch.float32)


def numbers_of(name: str, rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return rate[..., None], torch.tensor(SHAPES[name]).repeat(rate.shape[-1], 1)


def drawn(name: str, rate: torch.Tensor, seed: int) -> torch.Tensor:
    return FAMILIES[name].sample(*numbers_of(name, rate), np.random.default_rng(seed))


def fitted_gain(name: str, bins: ResponseBins, rate: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Bits a response of a family that is told the mean of every frame, its constants fitted to other frames of the same units."""
    family = FAMILIES[name]
    numbers, shape = rate[..., None], torch.tensor(family.shapes).repeat(UNITS, 1).requires_grad_()
    if shape.numel():
        optimiser = torch.optim.LBFGS([shape], max_iter=60, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            value = -family.log_likelihood(numbers[::2], shape, y[::2]).mean(0).sum()
            value.backward()
            return value

        optimiser.step(loss)
    return bins.gain(family, numbers[1::2], shape.detach(), y[1::2]).mean(0).numpy() / np.log(2)


@pytest.mark.parametrize("name", FAMILIES)
def test_probabilities_of_all_bins_sum_to_one(name: str):
    bins = response_bins(drawn("zero_inflated_gamma", rates(), 1))
    for unit in range(UNITS):
        own = ResponseBins(bins.ends[[unit]], bins.log_share[[unit]])
        ends = own.ends[own.ends.isfinite()]
        each = torch.cat([ends, ends[-1:] + 1])[:, None].float()  # a response of every bin
        for rate in (0.05, 0.7, 5.0):
            numbers, shape = numbers_of(name, torch.full((len(each), 1), rate))
            gain = own.gain(FAMILIES[name], numbers, shape, each)[:, 0]
            assert (gain + own.log_share[0, : len(each)]).exp().sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("truth", FAMILIES)
def test_the_family_that_made_the_responses_describes_them_best(truth: str):
    rate = rates()
    y = drawn(truth, rate, 2)
    bins = response_bins(y[::2])
    found = {name: fitted_gain(name, bins, rate, y).mean() for name in FAMILIES}
    nested = {"poisson": ("negative_binomial",)}.get(truth, ())  # which has the Poisson as a limit
    assert all(found[truth] > found[name] - (0.01 if name in nested else 0) for name in FAMILIES if name != truth), found
    assert found[truth] > 0


def test_zero_inflated_responses_are_likelier_under_the_zero_inflated_gamma_than_under_a_poisson_whatever_the_bins():
    rate = rates(3)
    y = drawn("zero_inflated_gamma", rate, 4)
    for most in (3, 10, 50, 200):
        bins = response_bins(y[::2], most)
        gamma, poisson = (fitted_gain(name, bins, rate, y) for name in ("zero_inflated_gamma", "poisson"))
        assert (gamma > poisson + 0.02).all(), most


def test_one_who_knows_the_unit_alone_gains_nothing_and_the_right_constants_nearly_as_little():
    rate = torch.full((FRAMES, UNITS), 0.8)
    y, again = drawn("zero_inflated_gamma", rate, 5), drawn("zero_inflated_gamma", rate, 6)
    constant = intercept(FAMILIES["zero_inflated_gamma"], y)
    bins = response_bins(y)
    gain = bins.gain(FAMILIES["zero_inflated_gamma"], constant.numbers.expand(FRAMES, -1, -1), constant.shape, again)
    assert gain.mean(0).numpy() / np.log(2) == pytest.approx(np.full(UNITS, 0.0), abs=0.02)


def test_bins_follow_the_units_of_responses_and_the_spike_is_one_of_them():
    y = drawn("zero_inflated_gamma", rates(), 7)
    bins, scaled = response_bins(y), response_bins(torch.where(y > SPIKE, 7.0 * y, y))
    finite = bins.ends.isfinite()
    torch.testing.assert_close(finite, scaled.ends.isfinite())
    assert torch.allclose(scaled.ends[finite][bins.ends[finite] > SPIKE], 7.0 * bins.ends[finite][bins.ends[finite] > SPIKE])
    torch.testing.assert_close(bins.log_share[:, 0], scaled.log_share[:, 0])
    torch.testing.assert_close(bins.log_share[:, 0].exp(), (y <= SPIKE).double().mean(0), atol=5e-3, rtol=0)


def test_responses_of_any_sign_have_bins_of_equal_share():
    y = torch.as_tensor(np.random.default_rng(8).standard_normal((FRAMES, UNITS)), dtype=torch.float32)
    share = response_bins(y, 20).log_share.exp()
    assert share.numpy() == pytest.approx(np.full((UNITS, 20), 0.05), abs=0.02)  # the spike's bin takes what lies near 0
