"""Fitting the connectivity head: directed, asymmetric, from both cells, the geometry between them and what training axons show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch.nn import functional

from graphtwin.execute import rng_for, torch_seeded
from graphtwin.graph.data import Edges, NodeInputs, PairSet, local_rates, popularity
from graphtwin.graph.model.pair_network import Batch, PairConfig, PairNetwork, Roles, World, encode, make_world, outputs
from graphtwin.graph.model.pair_scoring import FittedPairs, pair_probabilities, score_all
from graphtwin.training import fit

__all__ = ["FittedPairs", "PairConfig", "PairNetwork", "fit_pairs", "make_world", "pair_probabilities", "score_all"]

VALIDATION_NEGATIVES = 0.1  # share of the unconnected pairs of validation axons that stop the fit
MASKED = 0.03  # share of training pairs that lose a position, so that the model learns to do without
UNQUERIED = 0.3  # share of training pairs that lose in-degree and local rates, so that it learns of cells whose inputs nobody has queried
CALIBRATED_FROM = 20  # least number of connections of validation axons for a calibration: fewer cannot tell a slope


def fit_pairs(
    inputs: NodeInputs,
    edges: Edges,
    training: PairSet,
    config: PairConfig,
    seed: int,
    name: str,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: bool = False,
) -> FittedPairs:
    """Learn connectivity from training axons; some of them are kept back to stop the fit and to calibrate it.

    Args:
        inputs: All neurons.
        edges: Edges by relation: "similar", between rows of `inputs`.
        training: Pairs of the training axons.
        config: Settings of the network and of its fit.
        seed: The run's seed; with `name` it names every draw.
        name: Name of the fit, in its draws, errors and progress.
        device: Device of torch that the fit runs on.
        checkpoint: File of the checkpoint that `training.fit` writes and reads.
        progress: Show a bar.
    """
    rng = rng_for(seed, name, "validation")
    fitted, kept = _validation_axons(training, config.validation, rng, name)
    world = make_world(inputs, edges, training, device)
    with torch_seeded(int(rng_for(seed, name, "weights").integers(2**31))):
        network = _new_network(inputs, training, config).to(device)
    source = Source.of(inputs, training)
    roles = Roles.of(training.pre, training.post, len(inputs.nucleus_id), world.own.device)
    check, _ = source.draw(kept, rng_for(seed, name, "validation pairs"), VALIDATION_NEGATIVES, (0.0, 0.0, 0.0), device)
    hide = (MASKED, MASKED, UNQUERIED)
    n_pairs = training.size[fitted].nnz + int(config.negatives * len(fitted) * len(training.post))
    n_batches = max(1, n_pairs // config.batch)

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        pairs, size = source.draw(fitted, rng, config.negatives, hide, device)
        for part in np.array_split(rng.permutation(len(size)), n_batches):
            chosen = torch.as_tensor(part, device=device)
            yield partial(_loss, network, world, roles, pairs.rows(chosen), size[chosen], config.negatives)

    def validation_loss() -> float:
        with torch.no_grad():
            logit, _ = outputs(network, world, encode(network, world, roles), check)
            return float(functional.binary_cross_entropy_with_logits(logit - np.log(VALIDATION_NEGATIVES), check.connected))

    state = fit(network, batches, n_batches, validation_loss, config.fit, seed, name, checkpoint, progress)
    _calibrate(network, world, roles, check)
    return FittedPairs(network, world, inputs, training, state)


def _validation_axons(training: PairSet, share: float, rng: np.random.Generator, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Axons to fit and axons kept back; an error where either side is too small to learn from."""
    held = rng.random(len(training.pre)) < share
    fitted, kept = np.flatnonzero(~held), np.flatnonzero(held)
    if not training.size[fitted].nnz or not training.size[kept].nnz:
        raise ValueError(
            f"{name}: {len(fitted)} axons to fit and {len(kept)} to validate with {training.size[kept].nnz} connections. "
            "Connectivity cannot be learned from so few: bring more axons, or raise pairs.validation."
        )
    return fitted, kept


def _new_network(inputs: NodeInputs, training: PairSet, config: PairConfig) -> PairNetwork:
    """A network before its fit; log sizes are standardised by those of the training connections."""
    network = PairNetwork(config, inputs.function.shape[1], inputs.context.shape[1], training.prevalence)
    log_size = np.log(training.size.data)
    network.head.size_centre.fill_(float(log_size.mean()))
    network.head.size_sd.fill_(max(float(log_size.std()), 1e-3))
    return network


@dataclass(frozen=True)
class Source:
    """The training pairs that batches are drawn from.

    Attributes:
        local: Local rates of the training axons at each cell, as `local_rates` returns them.
        popular: Local rate of each cell for an axon that may come from anywhere, as `popularity` returns it: of axons that don't contact
            the cell, then of axons that do; no axon contacts a cell without inputs.
        taken: Mask of the pairs that are no negatives: connected ones, and a cell with itself.
    """

    pairs: PairSet
    local: Float32[np.ndarray, "axons cells bandwidths"]
    popular: Float32[np.ndarray, "two cells"]
    taken: Bool[np.ndarray, "axons cells"]

    @classmethod
    def of(cls, inputs: NodeInputs, pairs: PairSet) -> Source:
        """The source of all these training pairs."""
        connected = pairs.size.toarray() > 0
        popular = popularity(pairs, np.stack([np.zeros(len(pairs.post)), connected.any(axis=0)]))
        return cls(pairs, local_rates(inputs, pairs, pairs.pre), popular, connected | (pairs.pre[:, None] == pairs.post))

    def draw(
        self, axons: Int[np.ndarray, " chosen"], rng: np.random.Generator, share: float, hide: tuple[float, float, float], device: str
    ) -> tuple[Batch, Float[torch.Tensor, " pairs"]]:
        """All connected pairs of some axons and the given share of their other pairs, with their sizes.

        Args:
            axons: Rows of the axons in `pairs`.
            rng: Random generator of the draw.
            share: Share of the unconnected pairs that are drawn.
            hide: Shares of the drawn pairs that lose the axon's position, the target's, and what training axons show of the target.
            device: Device of torch that the batch goes to.
        """
        pairs, n_post = self.pairs, len(self.pairs.post)
        linked = pairs.size[axons].tocoo()
        drawn = rng.integers(0, len(axons) * n_post, int(share * len(axons) * n_post))
        row, column = axons[drawn // n_post], drawn % n_post
        free = ~self.taken[row, column]
        i, j = np.concatenate([axons[linked.row], row[free]]), np.concatenate([linked.col, column[free]])
        size = np.concatenate([linked.data, np.zeros(free.sum())]).astype(np.float32)
        hidden = ((rng.random((len(i), 3), dtype=np.float32) < np.array(hide)) @ np.array([1, 2, 4])).astype(np.int64)
        local = self.local[i, j]
        lost = np.flatnonzero(hidden & 1)
        local[lost] = self.popular[(size[lost] > 0).astype(int), j[lost], None]
        parts = (pairs.pre[i], pairs.post[j], (size > 0).astype(np.float32), local, hidden)
        return Batch(*(torch.as_tensor(part, device=device) for part in parts)), torch.as_tensor(size, device=device)


def _loss(network: PairNetwork, world: World, roles: Roles, batch: Batch, size: torch.Tensor, share: float) -> torch.Tensor:
    """Cross-entropy with the drawn share of negatives put right in the logit, plus the squared error of log sizes of connected pairs."""
    logit, expected = outputs(network, world, encode(network, world, roles), batch)
    loss = functional.binary_cross_entropy_with_logits(logit - np.log(share), batch.connected)
    z = (torch.log(size.clamp(min=1e-6)) - network.head.size_centre) / network.head.size_sd
    linked = batch.connected
    return loss + 0.05 * ((expected - z) ** 2 * linked).sum() / linked.sum().clamp(min=1.0)


def _calibrate(network: PairNetwork, world: World, roles: Roles, check: Batch) -> None:
    """Slope and offset of the logit on axons that were not fitted (Platt scaling), negatives weighted back to their number."""
    with torch.no_grad():
        logit, _ = outputs(network, world, encode(network, world, roles), check)
    if check.connected.sum() < CALIBRATED_FROM:
        return
    values = torch.zeros(2, dtype=torch.float64, device=logit.device, requires_grad=True)
    x, y = logit.double(), check.connected.double()
    weight = torch.where(y > 0, 1.0, 1.0 / VALIDATION_NEGATIVES)
    optimiser = torch.optim.LBFGS([values], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        z = torch.exp(values[0]) * x + values[1]
        loss = (functional.binary_cross_entropy_with_logits(z, y, reduction="none") * weight).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        network.head.calibration.copy_(torch.stack([values[0].exp(), values[1]]))
