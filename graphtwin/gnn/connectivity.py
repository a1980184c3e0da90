"""Fitting the connectivity head: directed, asymmetric, from both cells, the geometry between them and what training axons show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from graphtwin.execute import rng_for
from graphtwin.gnn.encoder import Edges, Encoder
from graphtwin.gnn.heads import ConnectionHead
from graphtwin.gnn.inputs import NodeInputs
from graphtwin.gnn.pairs import BANDWIDTHS_UM, PairSet, exposure, local_rates
from graphtwin.training import FitConfig, FitState, fit

LENGTH_UM = 100.0  # lengths enter the network in this unit
N_PAIR = 10 + len(BANDWIDTHS_UM)
VALIDATION_NEGATIVES = 0.1


class PairConfig(BaseModel):
    """How connectivity is learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(64, ge=4, description="Width of the connectivity head.")
    encoded: int = Field(16, ge=2, description="Width of the encoder over function: small, for function says little about a pair.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Of hidden units.")
    negatives: float = Field(0.015, gt=0, le=1, description="Share of the unconnected pairs drawn anew in every epoch.")
    batch: int = Field(8192, ge=1, description="Pairs a step.")
    masked: float = Field(
        0.03, ge=0, lt=1, description="Share of training pairs that lose a position or the in-degree, to learn to do without."
    )
    validation: float = Field(0.1, gt=0, lt=1, description="Share of the training axons that stop the fit and calibrate it.")
    fit: FitConfig = FitConfig()


class PairTwin(nn.Module):
    """Encoder over function, and the connectivity head."""

    def __init__(self, config: PairConfig, n_features: int, n_context: int, prevalence: float) -> None:
        super().__init__()
        self.forget = nn.Dropout(0.5)
        self.encoder = Encoder(n_features + 1, n_context, (), config.encoded, config.dropout)
        side = config.encoded + n_context + 4
        self.head = ConnectionHead(side, side, N_PAIR, config.hidden, config.dropout, prevalence)


@dataclass(frozen=True)
class World:
    """Tensors of all neurons, and of the queried cells' exposure to training axons.

    Attributes:
        functional: Rows with a function; `own` and `edges` count them only.
        place: Row of a neuron among `functional`, or their number where it has none.
        target: Row of a neuron among the queried cells, -1 if not queried.
    """

    own: torch.Tensor
    edges: Edges
    place: torch.Tensor
    context: torch.Tensor
    position: torch.Tensor
    known: torch.Tensor
    direction: torch.Tensor
    centre: torch.Tensor
    target: torch.Tensor
    in_degree: torch.Tensor
    placed: torch.Tensor
    position_sum: torch.Tensor
    offset: torch.Tensor


def make_world(inputs: NodeInputs, edges: Edges, training: PairSet, device: str) -> World:
    """Move what the pair task reads to a device, once a fit."""
    known = np.isfinite(inputs.position).all(1)
    position = np.where(known[:, None], inputs.position, 0.0)
    functional_rows = np.flatnonzero(inputs.has_function)
    place = np.full(len(known), len(functional_rows))
    place[functional_rows] = np.arange(len(functional_rows))
    target = np.full(len(known), -1)
    target[training.post] = np.arange(len(training.post))
    length = np.linalg.norm(inputs.function, axis=1, keepdims=True)
    found = exposure(inputs, training)

    def real(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32), device=device)

    def whole(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values, device=device)

    return World(
        own=real(np.column_stack([inputs.function, inputs.has_function])[functional_rows]),
        edges={name: whole(place[index.numpy()]) for name, index in edges.items()},
        place=whole(place),
        context=real(inputs.context),
        position=real(position),
        known=whole(known),
        direction=real(np.divide(inputs.function, length, out=np.zeros_like(inputs.function), where=length > 0)),
        centre=real(position[known].mean(0) if known.any() else np.zeros(3)),
        target=whole(target),
        in_degree=real(found.in_degree),
        placed=real(found.placed),
        position_sum=real(found.position_sum),
        offset=real(found.offset),
    )


@dataclass(frozen=True)
class Batch:
    """Pairs of neuron rows.

    Attributes:
        connected: 1 where connected, so that a pair does not see itself in its target's in-degree; 0 where that is to be predicted.
        local: From `local_rates`.
        hidden: What training hides of a pair: bit 1 the axon's position, 2 the target's, 4 the in-degree.
    """

    pre: Int[torch.Tensor, " pairs"]
    post: Int[torch.Tensor, " pairs"]
    connected: Float[torch.Tensor, " pairs"]
    local: Float[torch.Tensor, "pairs bandwidths"]
    hidden: Int[torch.Tensor, " pairs"]

    def rows(self, chosen: torch.Tensor) -> Batch:
        """Some of the pairs."""
        return Batch(*(value[chosen] for value in (self.pre, self.post, self.connected, self.local, self.hidden)))


@dataclass(frozen=True)
class Roles:
    """Rows of the neurons that act as axons and as targets, and where each row stands among them."""

    axons: torch.Tensor
    targets: torch.Tensor
    axon_at: torch.Tensor
    target_at: torch.Tensor

    @classmethod
    def of(cls, axons: Int[np.ndarray, " axons"], targets: Int[np.ndarray, " targets"], n: int, device: torch.device) -> Roles:
        """The roles in a set of pairs among n neurons."""
        at = np.zeros((2, n), dtype=np.int64)
        at[0, axons], at[1, targets] = np.arange(len(axons)), np.arange(len(targets))
        return cls(*(torch.as_tensor(values, device=device) for values in (axons, targets, at[0], at[1])))


@dataclass(frozen=True)
class Cells:
    """Hidden vectors and rates of axons and targets, ready to be paired."""

    roles: Roles
    axon: torch.Tensor
    target: torch.Tensor
    axon_rate: torch.Tensor
    target_rate: torch.Tensor


def encode(twin: PairTwin, world: World, roles: Roles) -> Cells:
    """Axons and targets once for any number of their pairs: function encoded, labels, position and its mask."""
    encoded = twin.encoder(twin.forget(world.own), world.context, world.edges)
    encoded = torch.cat([encoded, torch.zeros_like(encoded[:1])])
    place = torch.where(world.known[:, None], (world.position - world.centre) / LENGTH_UM, 0.0)
    fixed = torch.cat([world.context, place, world.known[:, None].float()], dim=1)

    def cells(rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([encoded.index_select(0, world.place[rows]), fixed[rows]], dim=1)

    return Cells(roles, *twin.head.cells(cells(roles.axons), cells(roles.targets)))


def pair_features(world: World, batch: Batch) -> Float[torch.Tensor, "pairs features"]:
    """Geometry (depth and lateral apart), in-degree, functional similarity, local rates, and marks of what is unknown.

    A target of unknown position is placed by its inputs' somata, the pair's own axon left out; its in-degree leaves it out too.
    """
    row = world.target[batch.post]
    queried = (row >= 0) & ~(batch.hidden & 4).bool()
    row = row.clamp(min=0)
    pre_known = world.known[batch.pre] & ~(batch.hidden & 1).bool()
    post_known = world.known[batch.post] & ~(batch.hidden & 2).bool()
    own = batch.connected * world.known[batch.pre]
    placed = torch.where(queried, world.placed[row] - own, 0.0)
    sums = world.position_sum[row] - own[:, None] * world.position[batch.pre]
    inferred = ~post_known & (placed > 0)
    target = torch.where(post_known[:, None], world.position[batch.post], sums / placed.clamp(min=1.0)[:, None] + world.offset)
    placeable = (pre_known & (post_known | inferred)).float()[:, None]
    difference = (world.position[batch.pre] - target) / LENGTH_UM * placeable
    lateral, distance = difference[:, ::2].norm(dim=1, keepdim=True), difference.norm(dim=1, keepdim=True)
    in_degree = torch.where(queried, torch.log1p((world.in_degree[row] - batch.connected).clamp(min=0)) - 3.0, 0.0)[:, None]
    similarity = (world.direction[batch.pre] * world.direction[batch.post]).sum(1, keepdim=True)
    marks = torch.stack([inferred, queried], dim=1).float()
    local = batch.local * (pre_known & queried)[:, None]
    return torch.cat([difference, lateral, distance, placeable, in_degree, similarity, marks, local], dim=1)


def outputs(twin: PairTwin, world: World, cells: Cells, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logit of a connection and standardised log size of each pair."""
    i, j = cells.roles.axon_at[batch.pre], cells.roles.target_at[batch.post]
    rate = cells.axon_rate.index_select(0, i) + cells.target_rate.index_select(0, j)
    return twin.head(cells.axon.index_select(0, i), cells.target.index_select(0, j), rate, pair_features(world, batch))


@dataclass(frozen=True)
class FittedPairs:
    """A connectivity twin ready to predict, with the training pairs it reads in-degrees and local rates from."""

    twin: PairTwin
    world: World
    inputs: NodeInputs
    training: PairSet
    state: FitState


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
        edges: "similar" edges between rows of `inputs`.
        training: Pairs of the training axons.
        config: See `PairConfig`.
        seed: With `name`, names every draw.
        name: Of the fit.
        device: Of torch.
        checkpoint: See `training.fit`.
        progress: Show a bar.
    """
    torch.manual_seed(int(rng_for(seed, name, "weights").integers(2**31)))
    world = make_world(inputs, edges, training, device)
    twin = PairTwin(config, inputs.function.shape[1], inputs.context.shape[1], training.prevalence).to(device)
    twin.head.size_centre.fill_(float(np.log(training.size.data).mean()))
    twin.head.size_sd.fill_(max(float(np.log(training.size.data).std()), 1e-3))
    held = rng_for(seed, name, "validation").random(len(training.pre)) < config.validation
    fitted, kept = np.flatnonzero(~held), np.flatnonzero(held)
    if not len(fitted) or not training.size[kept].nnz:
        raise ValueError(
            f"{name}: {len(fitted)} axons to fit and {len(kept)} to validate with {training.size[kept].nnz} connections. "
            "Connectivity cannot be learned from so few: bring more axons, or raise pairs.validation."
        )
    local = local_rates(inputs, training, training.pre)
    roles = Roles.of(training.pre, training.post, len(inputs.nucleus_id), world.own.device)
    check, _ = _draw(training, local, kept, rng_for(seed, name, "validation pairs"), VALIDATION_NEGATIVES, 0.0, device)
    n_pairs = training.size[fitted].nnz + int(config.negatives * len(fitted) * len(training.post))
    n_batches = max(1, n_pairs // config.batch)

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        pairs, size = _draw(training, local, fitted, rng, config.negatives, config.masked, device)
        for part in np.array_split(rng.permutation(len(size)), n_batches):
            chosen = torch.as_tensor(part, device=device)
            yield lambda chosen=chosen: _loss(twin, world, roles, pairs.rows(chosen), size[chosen], config.negatives)

    def validation_loss() -> float:
        with torch.no_grad():
            logit, _ = outputs(twin, world, encode(twin, world, roles), check)
            return float(functional.binary_cross_entropy_with_logits(logit - np.log(VALIDATION_NEGATIVES), check.connected))

    state = fit(twin, batches, n_batches, validation_loss, config.fit, seed, name, checkpoint, progress)
    _calibrate(twin, world, roles, check)
    return FittedPairs(twin, world, inputs, training, state)


def _draw(
    pairs: PairSet, local: np.ndarray, axons: np.ndarray, rng: np.random.Generator, share: float, masked: float, device: str
) -> tuple[Batch, torch.Tensor]:
    """All connected pairs of some axons and the given share of their other pairs (a cell with itself is none)."""
    linked = pairs.size[axons].tocoo()
    n_post = len(pairs.post)
    drawn = rng.integers(0, len(axons) * n_post, int(share * len(axons) * n_post))
    taken = np.isin(drawn, linked.row.astype(np.int64) * n_post + linked.col)
    free = drawn[~taken & (pairs.pre[axons[drawn // n_post]] != pairs.post[drawn % n_post])]
    i = axons[np.concatenate([linked.row, free // n_post])]
    j = np.concatenate([linked.col, free % n_post])
    size = np.concatenate([linked.data, np.zeros(len(free))]).astype(np.float32)
    hidden = ((rng.random((len(i), 3)) < masked) @ np.array([1, 2, 4])).astype(np.int64)
    parts = (pairs.pre[i], pairs.post[j], (size > 0).astype(np.float32), local[i, j], hidden)
    return Batch(*(torch.as_tensor(part, device=device) for part in parts)), torch.as_tensor(size, device=device)


def _loss(twin: PairTwin, world: World, roles: Roles, batch: Batch, size: torch.Tensor, share: float) -> torch.Tensor:
    """Cross-entropy with the drawn share of negatives put right in the logit, plus the squared error of log sizes of connected pairs."""
    logit, expected = outputs(twin, world, encode(twin, world, roles), batch)
    loss = functional.binary_cross_entropy_with_logits(logit - np.log(share), batch.connected)
    z = (torch.log(size.clamp(min=1e-6)) - twin.head.size_centre) / twin.head.size_sd
    linked = batch.connected
    return loss + 0.05 * ((expected - z) ** 2 * linked).sum() / linked.sum().clamp(min=1.0)


def _calibrate(twin: PairTwin, world: World, roles: Roles, check: Batch) -> None:
    """Slope and offset of the logit on axons that were not fitted (Platt scaling), negatives weighted back to their number."""
    with torch.no_grad():
        logit, _ = outputs(twin, world, encode(twin, world, roles), check)
    if check.connected.sum() < 20:
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
        twin.head.calibration.copy_(torch.stack([values[0].exp(), values[1]]))


def score(
    fitted: FittedPairs, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"], axons_a_block: int = 256
) -> tuple[Float32[np.ndarray, " pairs"], Float32[np.ndarray, " pairs"]]:
    """Probability of a connection and expected size (given one) of any pairs of neuron rows, streamed axon by axon.

    Args:
        fitted: From `fit_pairs`.
        pre: Rows of `NodeInputs` of the axons.
        post: Rows of the targets.
        axons_a_block: Axons at a time; memory does not grow with the number of pairs beyond the answer.
    """
    twin, world, device = fitted.twin, fitted.world, fitted.world.own.device
    probability, size = np.empty(len(pre), np.float32), np.empty(len(pre), np.float32)
    axons, of_pair = np.unique(pre, return_inverse=True)
    order = np.argsort(of_pair, kind="stable")
    ends = np.searchsorted(of_pair[order], np.arange(0, len(axons) + axons_a_block, axons_a_block))
    targets = world.target.cpu().numpy()
    with torch.no_grad():
        cells = encode(twin, world, Roles.of(axons, np.unique(post), len(fitted.inputs.nucleus_id), device))
        for start, begin, end in zip(range(0, len(axons), axons_a_block), ends, ends[1:], strict=False):
            local = local_rates(fitted.inputs, fitted.training, axons[start : start + axons_a_block])
            part = order[begin:end]
            row = targets[post[part]]
            rates = np.where((row >= 0)[:, None], local[of_pair[part] - start, row], 0.0).astype(np.float32)
            i, j, near = (torch.as_tensor(values, device=device) for values in (pre[part], post[part], rates))
            batch = Batch(i, j, torch.zeros(len(i), device=device), near, torch.zeros(len(i), dtype=torch.int64, device=device))
            logit, log_size = outputs(twin, world, cells, batch)
            probability[part] = torch.sigmoid(logit).cpu().numpy()
            size[part] = twin.head.expected_size(log_size).cpu().numpy()
    return probability, size
