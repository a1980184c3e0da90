"""Readouts settle where their own responses and what all units have in common put them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graphtwin.twin.foundation import Objective, Trained, train
from graphtwin.twin.model import Twin
from graphtwin.twin.prediction import predict
from graphtwin.twin.readout_prior import Evidence, ReadoutPrior, evidence, fit_prior, posterior, settle, spacing
from graphtwin.twin.recordings import Clips, held_out
from tests.twin.planted_recording import Planted, plant
from tests.twin.test_foundation import config


def planted_evidence(units: int, entries: int, seed: int = 0) -> tuple[Evidence, torch.Tensor, ReadoutPrior]:
    """Readouts drawn from a Gaussian of unequal variances, each seen through noise of its own covariance."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((entries, entries))
    covariance = basis @ np.diag(np.geomspace(4.0, 0.01, entries)) @ basis.T / entries
    mean = rng.standard_normal(entries)
    true = rng.multivariate_normal(mean, covariance, units)
    seen = rng.standard_normal((units, 2 * entries, entries))
    precision = np.einsum("usi,usj->uij", seen, seen) * rng.uniform(0.05, 0.5, (units, 1, 1))
    found = true + np.stack([rng.multivariate_normal(np.zeros(entries), np.linalg.inv(one)) for one in precision])
    tensors = [torch.from_numpy(values)[:, None] for values in (found, precision, np.einsum("uij,uj->ui", precision, found))]
    return Evidence(*tensors), torch.from_numpy(true)[:, None], ReadoutPrior(*(torch.from_numpy(v)[None] for v in (mean, covariance)))


def test_the_gaussian_that_readouts_were_drawn_from_is_found():
    told, _, planted = planted_evidence(3000, 6)
    found = fit_prior([told])
    assert torch.allclose(found.mean, planted.mean, atol=0.15)
    assert (found.covariance - planted.covariance).norm() < 0.1 * planted.covariance.norm()
    raw = torch.einsum("uoi,uoj->oij", told.start - told.start.mean(0), told.start - told.start.mean(0)) / len(told.start)
    assert (raw - planted.covariance).norm() > 3 * (found.covariance - planted.covariance).norm()  # noise adds to what is drawn


def test_several_animals_make_the_prior_of_one_that_has_all_their_units():
    told, _, _ = planted_evidence(60, 4)
    halves = [Evidence(told.start[part], told.precision[part], told.pull[part]) for part in (slice(0, 25), slice(25, None))]
    one, two = fit_prior([told]), fit_prior(halves)
    assert torch.allclose(one.mean, two.mean)
    assert torch.allclose(one.covariance, two.covariance)


def test_posterior_means_are_nearer_the_truth_than_what_was_seen_and_say_how_near():
    told, true, planted = planted_evidence(2000, 6, seed=1)
    means, spread = posterior(told, fit_prior([told]))
    error = means - true
    assert error.square().mean() < 0.5 * (told.start - true).square().mean()
    assert torch.allclose(torch.einsum("uoi,uoj->oij", error, error), spread, atol=0.1 * float(spread.abs().max()))
    assert error.square().mean() < 1.05 * (posterior(told, planted)[0] - true).square().mean()  # as good as with the planted prior


def test_a_unit_with_nothing_to_say_has_the_mean_readout_and_one_with_everything_its_own():
    told, _, planted = planted_evidence(2, 4)
    silent = Evidence(told.start, torch.zeros_like(told.precision), torch.zeros_like(told.pull))
    loud = Evidence(told.start, 1e9 * told.precision, 1e9 * told.pull)
    assert torch.allclose(posterior(silent, planted)[0], planted.mean.expand(2, 1, -1), atol=1e-6)
    assert torch.allclose(posterior(loud, planted)[0], told.start, atol=1e-4)


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
        patch.setattr("graphtwin.twin.foundation.settle", lambda twin, *_, **__: ReadoutPrior(twin.prior_mean, twin.prior_covariance))
        return train([animal.recording], config(epochs=4, steps=40, bf16=False))


@torch.no_grad()
def loss(trained: Trained, clips: Clips) -> float:
    objective = Objective(trained.twin.eval())
    return float(np.mean([float(objective("planted", window)) for _, window in clips.whole()]))


@pytest.mark.parametrize("family", ["poisson", "gaussian", "negative_binomial", "zero_inflated_gamma"])
def test_evidence_points_the_way_the_likelihood_rises(animal: Planted, family: str):
    trained = train([animal.recording], config(epochs=1, steps=3, bf16=False, family=family))
    clips, readout = trained.clips["planted"][0], trained.twin.animal("planted").readout
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
    test = held_out(clips, ["test"])
    before = loss(fitted, test)
    with torch.no_grad():
        weights += 0.3 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    moved = loss(fitted, test)
    settle(fitted.twin, {"planted": clips}, warm_up=6)
    assert loss(fitted, test) < before + 0.1 * (moved - before)


def test_units_that_hardly_fire_are_not_told_to_by_the_others(animal: Planted):
    quiet = plant(units=40, train=12, frames=120, seed=3)
    rng = np.random.default_rng(0)
    for trial in quiet.trials:
        trial.responses[:, 0] = 0
        trial.responses[:, 1] *= rng.random(len(trial.responses)) < 0.02
    trained = train([quiet.recording], config(epochs=3, steps=20, bf16=False))
    clips, twin = trained.clips["planted"][0], trained.twin
    expected = np.concatenate([predict(twin, "planted", window)[0, 6:, :2] for _, window in clips.whole()]).mean(0)
    seen = np.concatenate([window.responses[0, 6:, :2] for _, window in clips.whole()]).mean(0)
    assert expected[0] < 0.02
    assert expected[1] < 3 * seen[1]
    assert 0 < trained.settled["share_of_units"] < 1


def test_readouts_that_are_no_numbers_are_not_kept(animal: Planted, monkeypatch: pytest.MonkeyPatch):
    def breaks(twin: Twin, *_: Any, **__: Any) -> ReadoutPrior:
        with torch.no_grad():
            twin.animal("planted").readout.weights[:5] = torch.nan
        return ReadoutPrior(twin.prior_mean * torch.nan, twin.prior_covariance)

    monkeypatch.setattr("graphtwin.twin.foundation.settle", breaks)
    trained = train([animal.recording], config(epochs=1, steps=2, bf16=False))
    assert all(torch.isfinite(values).all() for values in trained.twin.state_dict().values())
    assert np.isfinite(trained.settled["settled"])


def test_a_new_animal_on_a_kept_core_begins_at_the_mean_readout_and_keeps_the_prior(animal: Planted, fitted: Trained):
    new = train([plant(units=5, train=4, frames=60, seed=9, name="new mouse").recording], config(bf16=False), onto=fitted.twin)
    assert torch.equal(new.twin.prior_mean, fitted.twin.prior_mean)
    assert torch.equal(new.twin.prior_covariance, fitted.twin.prior_covariance)
