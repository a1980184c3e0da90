"""A small world of axons and cells whose wiring follows a known rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from graphtwin.graph.data.cortical_graph import CorticalGraph, build_graph
from graphtwin.graph.data.inner_sides import InnerSide, inner_axons
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.observed_pairs import PairSet
from graphtwin.graph.model.pair_network import PairConfig
from graphtwin.training import FitConfig

CONFIG = PairConfig(hidden=16, negatives=0.3, batch=384, members=1, validation=0.2, fit=FitConfig(epochs=6, learning_rate=0.015))
MATERIALIZATION = 661


@dataclass(frozen=True)
class Planted:
    """Neurons, all their pairs and the probability that wired each."""

    inputs: NodeInputs
    pairs: PairSet
    probability: np.ndarray

    def side(self, held: bool) -> PairSet:
        """Training axons, or every fourth, which is held out."""
        return self.pairs.of_axons((np.arange(len(self.pairs.pre)) % 4 == 0) == held)


def neurons(n: int, rng: np.random.Generator) -> NodeInputs:
    """Function, position and label are independent of each other."""
    nothing = np.full(n, -1)
    return NodeInputs(
        nucleus_id=np.arange(n) * 3 + 1000,
        function=rng.standard_normal((n, 4)).astype(np.float32),
        has_function=np.ones(n, dtype=bool),
        reliability=np.ones(n, np.float32),
        scan=np.zeros(n, dtype=np.int64),
        position=rng.uniform(0, 300, (n, 3)),
        context=np.eye(2, dtype=np.float32)[rng.integers(0, 2, n)],
        cell_type=nothing,
        layer=nothing,
        cell_types=(),
        layers=(),
        scans=((1, 1),),
        context_names=("cell_class=excitatory", "cell_class=inhibitory"),
    )


def planted(rule: bool = True, seed: int = 0, n_axons: int = 500, n_cells: int = 100) -> Planted:
    """Axons contact near cells below them, popular ones more; sizes grow with the axon's first label. Without rule, 6 % of all pairs."""
    rng = np.random.default_rng(seed)
    inputs = neurons(n_axons + n_cells, rng)
    pre, post = np.arange(n_axons), np.arange(n_axons, n_axons + n_cells)
    difference = inputs.position[pre][:, None] - inputs.position[post]
    distance = np.linalg.norm(difference, axis=2)
    logit = 0.5 - distance / 35 - difference[:, :, 1] / 80 + rng.normal(0, 1, n_cells)
    probability = 1 / (1 + np.exp(-logit)) if rule else np.full(distance.shape, 0.06)
    connected = rng.random(probability.shape) < probability
    size = np.exp(5 + 1.0 * inputs.context[pre, :1] + rng.normal(0, 0.3, probability.shape)) * connected
    observed = connected.any(axis=1)
    return Planted(inputs, PairSet(MATERIALIZATION, pre[observed], post, sparse.csr_array(size[observed])), probability[observed])


def inner(inputs: NodeInputs, training: PairSet, config: PairConfig = CONFIG) -> list[InnerSide]:
    """Axons kept back of a training side, as the settings have it."""
    return inner_axons(training, inputs, config.members, config.validation, 0)


def unwired(inputs: NodeInputs, k_similar: int) -> CorticalGraph:
    """The graph of these neurons without synapses."""
    synapses = pd.DataFrame({name: [] for name in ("materialization", "pre_nucleus_id", "post_nucleus_id", "size")})
    return build_graph(inputs, synapses, pd.DataFrame({"materialization": [], "nucleus_id": [], "side": []}), k_similar)


def all_pairs(pairs: PairSet) -> tuple[np.ndarray, np.ndarray]:
    """Every axon with every cell."""
    return np.repeat(pairs.pre, len(pairs.post)), np.tile(pairs.post, len(pairs.pre))
