"""A fit draws from generators of its own: whoever calls it finds torch's and numpy's global ones as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from graphtwin.execute import torch_seeded
from graphtwin.graph.data.edges import similar_edges
from graphtwin.graph.model.neuron_fit import EVERYTHING, fit_neurons
from graphtwin.graph.model.pair_fit import fit_pairs
from graphtwin.twin.fitting.foundation import train_foundation
from graphtwin.twin.population.latent_fit import fit_population
from tests.graph import planted_pairs
from tests.graph.test_neurons import SMALL, TRAIN, planted, wired
from tests.test_training import run
from tests.twin.planted_population import planted_population, quick_config
from tests.twin.planted_recording import plant
from tests.twin.test_foundation import config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]


def fit_a_line() -> object:
    with torch_seeded(0):
        model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
    return run(model)


def fit_neuron_labels() -> object:
    inputs = planted()
    return fit_neurons(inputs, wired(inputs), TRAIN, EVERYTHING, SMALL, 0, "labels")


def fit_connectivity() -> object:
    world = planted_pairs.planted(n_axons=200)
    edges = similar_edges(planted_pairs.unwired(world.inputs, 5))
    training = world.side(False)
    return fit_pairs(world.inputs, edges, training, planted_pairs.inner(world.inputs, training), planted_pairs.CONFIG, 0, "pairs")


def fit_functional_twin() -> object:
    return train_foundation([plant(units=10, train=8, frames=80).recording], config())


def fit_noise() -> object:
    data = planted_population(400, 12, 2, "counts", seed=0)
    return fit_population(data.predicted, data.responses, quick_config("counts"), seed=0)


def states() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  # the global state is what is asked for
    return torch.initial_seed(), torch.get_rng_state().tolist(), name, keys.tolist(), rest


@pytest.mark.parametrize("public_fit", [fit_a_line, fit_neuron_labels, fit_connectivity, fit_functional_twin, fit_noise])
def test_a_fit_leaves_the_callers_generators_as_they_were(public_fit: Callable[[], object]):
    torch.manual_seed(11)
    torch.rand(3)
    before = states()
    public_fit()
    assert states() == before


def test_what_is_drawn_inside_is_what_the_seed_alone_would_give():
    torch.manual_seed(5)
    known = torch.rand(4)
    torch.manual_seed(1)
    with torch_seeded(5):
        assert torch.equal(torch.rand(4), known)


def dies_while_it_draws() -> None:
    with torch_seeded(5):
        torch.rand(1)
        raise KeyboardInterrupt


def test_the_callers_generator_is_restored_where_a_fit_dies():
    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        dies_while_it_draws()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_its_generator_is_seeded_and_restored_too():
    torch.cuda.manual_seed_all(5)
    known = torch.rand(4, device="cuda")
    before = torch.cuda.get_rng_state()
    with torch_seeded(5, "cuda"):
        assert torch.equal(torch.rand(4, device="cuda"), known)
    assert torch.equal(torch.cuda.get_rng_state(), before)
