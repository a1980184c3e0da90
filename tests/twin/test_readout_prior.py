"""Readouts settle where their own responses and what all units have in common put them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from graphtwin.twin.data.clips import Clips, held_out_clips
from graphtwin.twin.fitting.foundation import Objective, Trained, train_foundation
from graphtwin.twin.fitting.readout_mixture import Mixture, share_known
from graphtwin.twin.fitting.readout_prior import ReadoutEvidence, ReadoutPrior, evidence, fit_prior, posterior_means, settle, spacing
from graphtwin.twin.model.network import AnimalStart, Twin
from graphtwin.twin.scores.prediction import predict_trials
from tests.twin.planted_recording import HZ, Planted, plant
from tests.twin.test_foundation import config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]


def seen(true: np.ndarray, rng: np.random.Generator) -> ReadoutEvidence:
    """Readouts seen through noise of a covariance of their own each."""
    units, entries = true.shape
    rows = rng.standard_normal((units, 2 * entries, entries))
    precision = np.einsum("usi,usj->uij", rows, rows) * rng.uniform(0.05, 0.5, (units, 1, 1))
    found = true + np.stack([rng.multivariate_normal(np.zeros(entries), np.linalg.inv(one)) for one in precision])
    told = found, precision, np.einsum("uij,uj->ui", precision, found)
    return ReadoutEvidence(*(torch.from_numpy(values)[:, None] for values in told))


def gaussian(mean: np.ndarray, covariance: np.ndarray) -> ReadoutPrior:
    return ReadoutPrior(torch.ones(1, 1).double(), torch.from_numpy(mean)[None, None], torch.from_numpy(covariance)[None, None])


def planted_evidence(units: int, entries: int, seed: int = 0) -> tuple[ReadoutEvidence, torch.Tensor, ReadoutPrior]:
    """Readouts drawn from a Gaussian of unequal variances."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((entries, entries))
    covariance = basis @ np.diag(np.geomspace(4.0, 0.01, entries)) @ basis.T / entries
    mean = rng.standard_normal(entries)
    true = rng.multivariate_normal(mean, covariance, units)
    return seen(true, rng), torch.from_numpy(true)[:, None], gaussian(mean, covariance)


def moments(prior: ReadoutPrior) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of the first output's mixture."""
    share, means, covariances = prior.share[0], prior.mean[0], prior.covariance[0]
    mean = share @ means
    apart = means - mean
    return mean, torch.einsum("k,kij->ij", share, covariances + apart[:, :, None] * apart[:, None])


def test_the_distribution_that_readouts_were_drawn_from_is_found():
    told, _, planted = planted_evidence(3000, 6)
    mean, covariance = moments(fit_prior([told]))
    wanted = planted.covariance[0, 0]
    assert torch.allclose(mean, planted.mean[0, 0], atol=0.15)
    assert (covariance - wanted).norm() < 0.15 * wanted.norm()
    start = told.start[:, 0] - told.start[:, 0].mean(0)
    assert (start.T @ start / len(start) - wanted).norm() > 2 * (covariance - wanted).norm()  # noise adds to what is drawn


def test_several_animals_make_the_prior_of_one_that_has_all_their_units():
    told, _, _ = planted_evidence(140, 4)
    halves = [ReadoutEvidence(told.start[part], told.precision[part], told.pull[part]) for part in (slice(0, 65), slice(65, None))]
    one, two = fit_prior([told]), fit_prior(halves)
    assert (one.share > 0).sum() == 2
    assert torch.allclose(one.mean, two.mean)
    assert torch.allclose(one.covariance, two.covariance)


def test_the_mixture_is_learned_from_no_more_units_than_it_says(monkeypatch: pytest.MonkeyPatch):
    told, _, _ = planted_evidence(199, 4)
    monkeypatch.setattr("graphtwin.twin.fitting.readout_prior.MOST_UNITS", 100)
    half = ReadoutEvidence(told.start[::2], told.precision[::2], told.pull[::2])
    assert torch.equal(fit_prior([told]).covariance, fit_prior([half]).covariance)


def test_posterior_means_are_nearer_the_truth_than_what_was_seen():
    told, true, planted = planted_evidence(2000, 6, seed=1)
    error = posterior_means(told, fit_prior([told])) - true
    assert error.square().mean() < 0.5 * (told.start - true).square().mean()
    assert error.square().mean() < 1.05 * (posterior_means(told, planted) - true).square().mean()  # as good as with the planted prior


def test_reliability_is_the_share_of_variance_that_responses_take_off():
    told, true, planted = planted_evidence(3000, 6, seed=3)
    mixture = Mixture(planted.share[0], planted.mean[0], planted.covariance[0])
    found = share_known(told.precision[:, 0], told.pull[:, 0], mixture, 5)
    error = (posterior_means(told, planted) - true)[:, 0, :5].square().sum(1)
    whole = planted.covariance[0, 0].diagonal()[:5].sum()
    for part in found.argsort().chunk(3):  # in those that are little known as in those that are well known
        assert float(found[part].mean()) == pytest.approx(1 - float(error[part].mean() / whole), abs=0.05)
    silent = torch.zeros_like(told.precision[:, 0])
    assert share_known(silent, torch.zeros_like(told.pull[:, 0]), mixture, 5).abs().max() < 1e-6
    assert share_known(silent + 1e9 * torch.eye(6), 1e9 * told.start[:, 0], mixture, 5).min() > 0.999


def test_units_of_several_kinds_are_held_by_their_own():
    rng = np.random.default_rng(2)
    kinds = 3.0 * rng.standard_normal((4, 6))
    true = kinds[rng.integers(4, size=1500)] + 0.5 * rng.standard_normal((1500, 6))
    told = seen(true, rng)
    of_kinds, of_all = (
        posterior_means(told, prior)[:, 0] - torch.from_numpy(true) for prior in (fit_prior([told]), gaussian(true.mean(0), np.cov(true.T)))
    )
    assert of_kinds.square().mean() < 0.6 * of_all.square().mean()


def test_a_unit_with_nothing_to_say_has_the_mean_readout_and_one_with_everything_its_own():
    told, _, planted = planted_evidence(2, 4)
    silent = ReadoutEvidence(told.start, torch.zeros_like(told.precision), torch.zeros_like(told.pull))
    loud = ReadoutEvidence(told.start, 1e9 * told.precision, 1e9 * told.pull)
    assert torch.allclose(posterior_means(silent, planted), planted.mean[:, 0].expand(2, 1, -1), atol=1e-6)
    assert torch.allclose(posterior_means(loud, planted), told.start, atol=1e-4)


def test_the_posterior_mean_under_unequal_components_is_that_of_a_sum_over_a_grid():
    share, mean = np.array([0.2, 0.8]), np.array([[1.0, 0.0], [-1.0, 1.0]])
    covariance = np.array([[[0.5, 0.1], [0.1, 0.3]], [[1.0, 0.0], [0.0, 0.2]]])
    precision, pull = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, -2.0])
    grid = np.stack(np.meshgrid(*[np.linspace(-6, 6, 601)] * 2), axis=-1).reshape(-1, 2)
    density = sum(part * multivariate_normal(*of).pdf(grid) for part, *of in zip(share, mean, covariance, strict=True))
    weight = density * np.exp(grid @ pull - np.einsum("gi,ij,gj->g", grid, precision, grid) / 2)
    prior = ReadoutPrior(*(torch.from_numpy(part)[None] for part in (share, mean, covariance)))
    told = ReadoutEvidence(*(torch.from_numpy(part)[None, None] for part in (np.zeros(2), precision, pull)))
    assert posterior_means(told, prior)[0, 0].numpy() == pytest.approx(weight @ grid / weight.sum(), abs=1e-5)


def test_a_mixture_of_one_and_components_without_share_are_that_one():
    told, _, planted = planted_evidence(30, 4)
    none = ReadoutPrior(torch.tensor([[1.0, 0.0]]).double(), planted.mean.repeat(1, 2, 1) * 7, planted.covariance.repeat(1, 2, 1, 1))
    none.mean[:, 0] = planted.mean[:, 0]
    assert torch.equal(posterior_means(told, none), posterior_means(told, planted))


@pytest.mark.parametrize(("keep", "every", "repeated"), [(0.0, 1, 1.0), (0.8, 4, 2.4), (0.5, 1, 3.0)])
def test_frames_that_repeat_each_other_are_read_further_apart_and_count_as_fewer(keep: float, every: int, repeated: float):
    found = spacing(torch.from_numpy(keep ** np.arange(200.0)))  # (1 + keep) / (1 - keep) frames say what one says
    assert found == (every, pytest.approx(repeated, rel=0.02))


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant(units=40, train=8, frames=120, rate=0.15)


@pytest.fixture(scope="module")
def fitted(animal: Planted) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphtwin.twin.fitting.foundation.settle", lambda twin, *_, **__: ReadoutPrior(*twin.prior()))
        return train_foundation([animal.recording], config(epochs=4, steps=40, bf16=False))


@torch.no_grad()
def loss(trained: Trained, clips: Clips) -> float:
    objective = Objective(trained.twin.eval())
    return float(np.mean([float(objective("planted", window)) for window in clips.whole()]))


@pytest.mark.parametrize("family", ["poisson", "gaussian", "negative_binomial", "zero_inflated_gamma"])
def test_evidence_points_the_way_the_likelihood_rises(animal: Planted, family: str):
    trained = train_foundation([animal.recording], config(epochs=1, steps=3, bf16=False, family=family))
    clips, readout = trained.clips["planted"][0], trained.twin.animal("planted").readout
    trained.twin.animal("planted").ridge.share.zero_()  # readouts settle before a ridge joins them
    told, before = evidence(trained.twin, "planted", clips), loss(trained, clips)
    uphill = told.pull - torch.einsum("uoij,uoj->uoi", told.precision, told.start)
    step = 1e-2 * uphill / uphill.norm()
    with torch.no_grad():
        readout.weights += step[..., :-1].float()
        readout.bias += step[..., -1].float()
    assert loss(trained, clips) < before
    assert torch.linalg.eigvalsh(told.precision).min() > -1e-6


def test_readouts_that_were_moved_away_settle_where_they_predict_what_was_held_out(fitted: Trained):
    clips, weights = fitted.clips["planted"][0], fitted.twin.animal("planted").readout.weights
    fitted.twin.animal("planted").ridge.share.zero_()  # readouts settle before a ridge joins them
    test = held_out_clips(clips, ["test"])
    before = loss(fitted, test)
    with torch.no_grad():
        weights += 0.3 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    moved = loss(fitted, test)
    settle(fitted.twin, {"planted": clips}, left_out_s=6 / HZ)
    assert loss(fitted, test) < before + 0.1 * (moved - before)


@pytest.mark.parametrize(("nats", "steps"), [([9.0, 4.0, 0.5, 9.0], 3), ([0.5, 9.0], 1), ([9.0] * 9, 6)])
def test_readouts_settle_until_half_of_the_units_move_by_less_than_a_nat(fitted: Trained, monkeypatch: pytest.MonkeyPatch, nats, steps):
    told, _, _ = planted_evidence(40, fitted.config.twin.core.features + 1)
    one = ReadoutEvidence(told.start, torch.eye(told.start.shape[-1]).double().repeat(40, 1, 1, 1), told.pull)
    passes = []

    def read(*_: Any) -> ReadoutEvidence:
        passes.append(nats[len(passes)])
        return one

    def step(of: ReadoutEvidence, _: ReadoutPrior) -> torch.Tensor:
        moved = torch.zeros_like(of.start)
        moved[:21, :, 0] = (2 * passes[-1]) ** 0.5  # of more than half of the units
        return of.start + moved

    monkeypatch.setattr("graphtwin.twin.fitting.readout_prior.evidence", read)
    monkeypatch.setattr("graphtwin.twin.fitting.readout_prior.posterior_means", step)
    monkeypatch.setattr("graphtwin.twin.fitting.readout_prior._set", lambda *_: None)
    settle(fitted.twin, {"planted": fitted.clips["planted"][0]}, 6 / HZ, ReadoutPrior(*fitted.twin.prior()))
    assert len(passes) == steps


def test_units_that_hardly_fire_are_not_told_to_by_the_others(animal: Planted):
    quiet = plant(units=40, train=12, frames=120, seed=3)
    rng = np.random.default_rng(0)
    for trial in quiet.trials:
        trial.responses[:, 0] = 0
        trial.responses[:, 1] *= rng.random(len(trial.responses)) < 0.02
    trained = train_foundation([quiet.recording], config(epochs=3, steps=20, bf16=False))
    clips, twin = trained.clips["planted"][0], trained.twin
    expected = np.concatenate([predict_trials(twin, "planted", window)[0, 6:, :2] for window in clips.whole()]).mean(0)
    seen = np.concatenate([window.responses[0, 6:, :2] for window in clips.whole()]).mean(0)
    reliability = twin.animal("planted").reliability
    assert reliability[0] == 0
    assert reliability[1] < reliability[2:].median() < 1
    assert expected[0] < 0.02
    assert expected[1] < 3 * seen[1]
    assert 0 < trained.settled["share_of_units"] < 1


def test_readouts_that_are_no_numbers_are_not_kept(animal: Planted, monkeypatch: pytest.MonkeyPatch):
    def breaks(twin: Twin, *_: Any, **__: Any) -> ReadoutPrior:
        with torch.no_grad():
            twin.animal("planted").readout.weights[:5] = torch.nan
        return ReadoutPrior(twin.prior_share, twin.prior_mean * torch.nan, twin.prior_covariance)

    monkeypatch.setattr("graphtwin.twin.fitting.foundation.settle", breaks)
    trained = train_foundation([animal.recording], config(epochs=1, steps=2, bf16=False))
    assert all(torch.isfinite(values).all() for values in trained.twin.state_dict().values())
    assert np.isfinite(trained.settled["settled"])


def test_a_new_animal_on_a_kept_core_begins_at_the_mean_readout_of_its_prior():
    start = AnimalStart(np.zeros((5, 2)), np.ones(5), 2)
    known, new = (Twin(config(bf16=False).twin, {name: start}) for name in ("mouse", "new mouse"))
    for part in known.prior():
        part.copy_(torch.rand(part.shape, generator=torch.Generator().manual_seed(0)))
    new.keep_core(known)
    assert all(torch.equal(*both) for both in zip(new.prior(), known.prior(), strict=True))
    wanted = (known.prior_share[0, :, None] * known.prior_mean[0, :, :-1]).sum(0)
    assert torch.allclose(new.animal("new mouse").readout.weights[:, 0], wanted.expand(5, -1))


def test_a_transfer_keeps_the_prior_of_its_core(animal: Planted, fitted: Trained, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fitted.twin, "prior_mean", torch.full_like(fitted.twin.prior_mean, 0.1))
    new = train_foundation([plant(units=5, train=4, frames=60, seed=9, name="new mouse").recording], config(bf16=False), onto=fitted.twin)
    assert all(torch.equal(*both) for both in zip(new.twin.prior(), fitted.twin.prior(), strict=True))
