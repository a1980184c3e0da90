"""Fitting the connectivity head: directed, asymmetric, from both cells, the geometry between them and what training axons show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch.nn import functional

from graphtwin.execute import rng_for, torch_seeded
from graphtwin.graph.data import BANDWIDTHS_UM, HEARD, Edges, InnerSide, Messages, NodeInputs, PairSet, Told, inner_axons, popularity
from graphtwin.graph.model.pair_network import (
    Batch,
    Described,
    PairConfig,
    PairNetwork,
    Roles,
    World,
    describe,
    encode,
    make_world,
    outputs,
)
from graphtwin.graph.model.pair_scoring import FittedPairs, pair_probabilities, pairs_as_batch, score_all
from graphtwin.training import FitState, fit

__all__ = ["FittedPairs", "PairConfig", "PairNetwork", "fit_pairs", "make_world", "pair_probabilities", "score_all"]

NEGATIVES = 80_000  # unconnected pairs of an epoch where the settings do not say their share
MOST_PASSES = 4  # times at most that an epoch reads the pairs of a small source
STEPS = 13  # steps of a pass where the settings do not say the batch
BATCHES = (512, 8_192)  # least and largest batch, pairs, where the settings do not say it
VALIDATION_NEGATIVES = 50_000, 0.1  # unconnected pairs that stop a fit: so many, or this share of them where that is more
MASKED = 0.03  # share of training pairs that lose a position, so that the model learns to do without
UNQUERIED = 0.3  # share of training pairs that lose in-degree and rates, so that it learns of cells whose inputs nobody has queried
CALIBRATED_FROM = 20  # least number of connections of validation axons for a calibration: fewer cannot tell a slope


def fit_pairs(
    inputs: NodeInputs,
    edges: Edges,
    training: PairSet,
    inner: Sequence[InnerSide],
    config: PairConfig,
    seed: int,
    name: str,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: bool = False,
    predicting: Sequence[InnerSide] | None = None,
    told: Told | None = None,
) -> FittedPairs:
    """Learn connectivity from training pairs: one network an inner side, whose kept pairs stop and calibrate it; they are averaged.

    Args:
        inputs: All neurons.
        edges: Edges by relation: "similar", between rows of `inputs`.
        training: Pairs of the training axons, that the networks read messages from once they are fitted.
        inner: Parts of the training pairs to fit, with those kept back, one a network.
        config: Settings of the network and of its fit.
        seed: The run's seed; with `name` it names every draw.
        name: Name of the fit, in its draws, errors and progress.
        device: Device of torch that the fit runs on.
        checkpoint: File of the checkpoint that `training.fit` writes and reads; later members put their number behind its stem.
        progress: Show a bar.
        predicting: Sides of the networks that predict where blocks are kept back: the inner sides, which lack much of the training pairs,
            then have networks of their own, stopped by axons of theirs, that say what is said of a block which did not stop them.
        told: What is kept for other fits on the same training pairs, whose neurons answer otherwise; None keeps nothing.
    """
    members = []
    for number, side in enumerate(predicting or inner):
        of_member = name if number == 0 else f"{name} member {number}"
        where = checkpoint if checkpoint is None or number == 0 else checkpoint.with_name(f"{checkpoint.stem}_{number}{checkpoint.suffix}")
        members.append(_fit_member(inputs, edges, side, config, seed, of_member, device, where, progress, told))
    if predicting is None:
        kept = tuple(pair_probabilities(member, *side.asked)[0] for member, side in zip(members, inner, strict=True))
    else:
        kept = tuple(_of_new_tissue(inputs, edges, s, config, seed, f"{name} inner {n}", device, checkpoint) for n, s in enumerate(inner))
    networks, states = tuple(member.networks[0] for member in members), tuple(member.states[0] for member in members)
    messages = Messages.of(inputs, edges, training, told)
    return FittedPairs(networks, make_world(messages, edges, device), messages, states, kept)


def _of_new_tissue(
    inputs: NodeInputs,
    edges: Edges,
    side: InnerSide,
    config: PairConfig,
    seed: int,
    name: str,
    device: str,
    checkpoint: Path | None,
) -> Float32[np.ndarray, " pairs"]:
    """Probabilities of the kept pairs of a block by a network that is stopped by axons of the other blocks."""
    stopped_by = inner_axons(side.training, inputs, 1, config.validation, seed)
    blind = [replace(within, new_tissue=True) for within in stopped_by]
    where = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.stem}_{name.replace(' ', '_')}{checkpoint.suffix}")
    return pair_probabilities(fit_pairs(inputs, edges, side.training, blind, config, seed, name, device, where), *side.asked)[0]


def _fit_member(
    inputs: NodeInputs,
    edges: Edges,
    side: InnerSide,
    config: PairConfig,
    seed: int,
    name: str,
    device: str,
    checkpoint: Path | None,
    progress: bool,
    told: Told | None,
) -> FittedPairs:
    """One network, fitted on the training pairs of an inner side and stopped by its kept ones."""
    training = side.training
    messages = Messages.of(inputs, edges, training, told)
    world = make_world(messages, edges, device)
    with torch_seeded(int(rng_for(seed, name, "weights").integers(2**31))):
        network = _new_network(inputs, training, config).to(device)
    member = FittedPairs((network,), world, messages, (FitState(),), ())
    source, check = Source.of(messages), Check.of(member, side, rng_for(seed, name, "validation pairs"), device)
    roles = Roles.of(training.pre, training.post, len(inputs.nucleus_id), world.own.device)
    share, passes, n_batches = _epoch(config, training)
    hide = (MASKED, MASKED, 1.0 if side.new_tissue else UNQUERIED)

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        for _ in range(passes):
            pairs, size = source.draw(np.arange(len(training.pre)), rng, share, hide, device)
            order = torch.as_tensor(rng.permutation(len(size)), device=device)
            shuffled, sizes = describe(world, roles, pairs).rows(order), size[order].tensor_split(n_batches)
            for part, of_part in zip(shuffled.parts(n_batches), sizes, strict=True):
                yield partial(_loss, network, world, roles, part, of_part, share)

    state = fit(network, batches, passes * n_batches, partial(check.loss, network, world), config.fit, seed, name, checkpoint, progress)
    check.calibrate(network, world)
    return FittedPairs((network,), world, messages, (state,), ())


def _epoch(config: PairConfig, training: PairSet) -> tuple[float, int, int]:
    """Share of the unconnected pairs that a pass draws, the passes of an epoch (one where the share is given), and the steps of a pass."""
    n_pairs = len(training.pre) * len(training.post)
    share = config.negatives or min(1.0, NEGATIVES / n_pairs)
    passes = 1 if config.negatives else int(np.clip(np.ceil(NEGATIVES / n_pairs), 1, MOST_PASSES))
    drawn = training.size.nnz + int(share * n_pairs)
    batch = config.batch or int(np.clip(drawn // STEPS, *BATCHES))
    return share, passes, max(1, drawn // batch)


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
        shown: What training axons show of the pairs of each of them whatever neurons answer, as `Messages.unheard` returns it.
        heard: What their functional neighbours say, as `Messages.of_neighbours` returns it.
        fold: Fold of each axon.
        popular: Local rate of each cell for an axon of each fold that may come from anywhere, as `popularity` returns it.
        taken: Mask of the pairs that are no negatives: connected ones, and a cell with itself.
    """

    pairs: PairSet
    shown: Float32[np.ndarray, "axons cells shown"]
    heard: Float32[np.ndarray, "axons cells"]
    fold: Int[np.ndarray, " axons"]
    popular: Float32[np.ndarray, "folds cells"]
    taken: Bool[np.ndarray, "axons cells"]

    @classmethod
    def of(cls, messages: Messages) -> Source:
        """The source of all training pairs of these messages."""
        pairs = messages.training
        connected = pairs.size.toarray() > 0
        popular = np.stack([popularity(speakers.pairs) for speakers in messages.speakers])
        taken = connected | (pairs.pre[:, None] == pairs.post)
        return cls(pairs, messages.unheard(pairs.pre), messages.of_neighbours(pairs.pre), messages.fold, popular, taken)

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
        shown = self.shown[i, j]
        shown[:, HEARD] = self.heard[i, j]
        lost = np.flatnonzero(hidden & 1)
        shown[lost, : len(BANDWIDTHS_UM)] = self.popular[self.fold[i[lost]], j[lost], None]
        pre, post = pairs.pre[i], pairs.post[j]
        parts = (pre, post, shown, pairs.exposure_terms(pre, post), hidden)
        return Batch(*(torch.as_tensor(part, device=device) for part in parts)), torch.as_tensor(size, device=device)


def _loss(network: PairNetwork, world: World, roles: Roles, pairs: Described, size: torch.Tensor, share: float) -> torch.Tensor:
    """Cross-entropy with the drawn share of negatives put right in the logit, plus the squared error of log sizes of connected pairs."""
    logit, expected = outputs(network, encode(network, world, roles), pairs)
    linked = (size > 0).float()
    loss = functional.binary_cross_entropy_with_logits(logit - np.log(share), linked)
    z = (torch.log(size.clamp(min=1e-6)) - network.head.size_centre) / network.head.size_sd
    return loss + 0.05 * ((expected - z) ** 2 * linked).sum() / linked.sum().clamp(min=1.0)


@dataclass(frozen=True)
class Check:
    """Kept pairs that stop and calibrate a fit, seen as pairs that are to be predicted.

    Attributes:
        size: Size of each pair, 0 without connection.
        share: Share of the unconnected pairs that were drawn.
    """

    roles: Roles
    pairs: Described
    size: torch.Tensor
    share: float

    @classmethod
    def of(cls, member: FittedPairs, side: InnerSide, rng: np.random.Generator, device: str) -> Check:
        """All connected kept pairs and a share of the others."""
        pre, post = side.asked
        size = side.kept_sizes
        least, part = VALIDATION_NEGATIVES
        wanted = max(part, least / max(len(side.kept.pre) * len(side.kept.post), 1))
        share = min(wanted, side.share)
        drawn = (size > 0) | (rng.random(len(size)) < share / side.share)
        roles = Roles.of(side.kept.pre, side.kept.post, len(member.inputs.nucleus_id), member.world.own.device)
        batch = pairs_as_batch(member, pre[drawn], post[drawn])
        batch = replace(batch, hidden=torch.full_like(batch.hidden, 4)) if side.new_tissue else batch
        return cls(roles, describe(member.world, roles, batch), torch.as_tensor(size[drawn], device=device), share)

    def loss(self, network: PairNetwork, world: World) -> float:
        """Loss of a network on these pairs."""
        with torch.no_grad():
            return float(_loss(network, world, self.roles, self.pairs, self.size, self.share))

    def calibrate(self, network: PairNetwork, world: World) -> None:
        """Slope and offset of the logit on these pairs (Platt scaling), negatives weighted back to their number."""
        with torch.no_grad():
            logit, _ = outputs(network, encode(network, world, self.roles), self.pairs)
        if (self.size > 0).sum() < CALIBRATED_FROM:
            return
        values = torch.zeros(2, dtype=torch.float64, device=logit.device, requires_grad=True)
        x, y = logit.double(), (self.size > 0).double()
        weight = torch.where(y > 0, 1.0, 1.0 / self.share)
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
