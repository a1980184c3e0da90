"""The network of the connectivity task: two cells, the geometry between them and what training axons show of the target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from graphtwin.graph.data import EXPOSURE_TERMS, N_SHOWN, Edges, Messages
from graphtwin.graph.model.encoder import Encoder
from graphtwin.graph.model.heads import ConnectionHead
from graphtwin.graph.settings import PairConfig

LENGTH_UM = 100.0  # um in the unit in which lengths enter the network
ENCODED = 16  # width of the encoder over function: small, for function says little about a pair
DROPOUT = 0.2  # share of the encoder's hidden units that a step leaves out
GEOMETRY = 10  # number of inputs that say how two cells lie, what is known of the target and how alike their function is
N_PAIR = GEOMETRY + EXPOSURE_TERMS + N_SHOWN  # number of inputs that describe a pair


class PairNetwork(nn.Module):
    """Encoder over function, and the connectivity head."""

    def __init__(self, config: PairConfig, n_features: int, n_context: int, prevalence: float) -> None:
        super().__init__()
        self.forget = nn.Dropout(0.5)
        self.encoder = Encoder(n_features + 1, n_context, (), ENCODED, DROPOUT)
        side = ENCODED + n_context + 2
        self.head = ConnectionHead(side, side, N_PAIR, config.hidden, prevalence)


@dataclass(frozen=True)
class World:
    """Tensors of all neurons, and of the inputs that queried cells have from training axons.

    Attributes:
        functional: Rows with a function; `own` and `edges` count them only.
        place: Row of a neuron among `functional`, or their number where it has none.
        fixed: What the head reads of a neuron beside its function: labels, depth from the mean one and whether its position is known.
        target: Row of a neuron among the queried cells, -1 if not queried.
        fold: Fold of a neuron as a training axon, the last one if it is none: what each fold hears of a target is a row of its own.
        in_degree: Log of the inputs of each queried cell over the mean number, by fold.
        inputs: Sum of the positions (um) of each queried cell's inputs, and the number of these inputs, by fold.
    """

    own: torch.Tensor
    edges: Edges
    place: torch.Tensor
    context: torch.Tensor
    fixed: torch.Tensor
    position: torch.Tensor
    known: torch.Tensor
    direction: torch.Tensor
    target: torch.Tensor
    fold: torch.Tensor
    in_degree: torch.Tensor
    inputs: torch.Tensor
    offset: torch.Tensor


def make_world(messages: Messages, edges: Edges, device: str) -> World:
    """Move what the pair task reads to a device, once a fit."""
    inputs, training, found = messages.inputs, messages.training, messages.found
    known = np.isfinite(inputs.position).all(1)
    position = np.where(known[:, None], inputs.position, 0.0)
    functional_rows = np.flatnonzero(inputs.has_function)
    place = np.full(len(known), len(functional_rows))
    place[functional_rows] = np.arange(len(functional_rows))
    target = np.full(len(known), -1)
    target[training.post] = np.arange(len(training.post))
    length = np.linalg.norm(inputs.function, axis=1, keepdims=True)
    expected = float(found.in_degree[-1].mean()) if len(training.post) else 0.0

    def real(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32), device=device)

    def whole(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values, device=device)

    where, centre = real(position), real(position[known].mean(0) if known.any() else np.zeros(3))
    placed = whole(known)[:, None]
    depth = torch.where(placed, (where[:, 1:2] - centre[1]) / LENGTH_UM, 0.0)  # lateral place: only relative, for new tissue
    context = real(inputs.context)
    return World(
        own=real(np.column_stack([inputs.function, inputs.has_function])[functional_rows]),
        edges={name: whole(place[index.numpy()]) for name, index in edges.items()},
        place=whole(place),
        context=context,
        fixed=torch.cat([context, depth, placed.float()], dim=1),
        position=where,
        known=whole(known),
        direction=real(np.divide(inputs.function, length, out=np.zeros_like(inputs.function), where=length > 0)),
        target=whole(target),
        fold=whole(messages.fold_of(np.arange(len(known)))),
        in_degree=real(np.log((found.in_degree + 0.5) / (expected + 0.5))),
        inputs=real(np.concatenate([found.position_sum, found.placed[:, :, None]], axis=2)),
        offset=real(found.offset),
    )


@dataclass(frozen=True)
class Batch:
    """Pairs of neuron rows.

    Attributes:
        shown: What training axons show of each pair, as `Messages.shown` returns it.
        met: Exposure of each pair, as `PairSet.exposure_terms` returns it.
        hidden: Bits for what training hides of each pair: 1 the axon's position, 2 the target's, 4 the in-degree and what is shown.
    """

    pre: Int[torch.Tensor, " pairs"]
    post: Int[torch.Tensor, " pairs"]
    shown: Float[torch.Tensor, "pairs shown"]
    met: Float[torch.Tensor, "pairs terms"]
    hidden: Int[torch.Tensor, " pairs"]


@dataclass(frozen=True)
class Described:
    """Pairs as networks read them: what is not learned is worked out once, for all steps and networks.

    Attributes:
        axon, target: Place of each pair's cells among the roles.
        features: Columns of `pair_features`.
    """

    axon: Int[torch.Tensor, " pairs"]
    target: Int[torch.Tensor, " pairs"]
    features: Float[torch.Tensor, "pairs features"]

    def rows(self, chosen: torch.Tensor) -> Described:
        """Some of the pairs."""
        return Described(*(values.index_select(0, chosen) for values in (self.axon, self.target, self.features)))

    def parts(self, n: int) -> Iterator[Described]:
        """The pairs in n parts as even as they can be."""
        yield from starmap(Described, zip(*(values.tensor_split(n) for values in (self.axon, self.target, self.features)), strict=True))


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


def encode(network: PairNetwork, world: World, roles: Roles) -> Cells:
    """Axons and targets encoded once for any number of their pairs: function, labels, position and its mask."""
    encoded = network.encoder(network.forget(world.own), world.context, world.edges)
    encoded = torch.cat([encoded, encoded.new_zeros(1, encoded.shape[1])])

    def cells(rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([encoded.index_select(0, world.place[rows]), world.fixed.index_select(0, rows)], dim=1)

    return Cells(roles, *network.head.cells(cells(roles.axons), cells(roles.targets)))


@dataclass(frozen=True)
class SeenTargets:
    """The position of targets, and what else is known of them, when a pair looks at them.

    Attributes:
        position: Each target's own position, or the one that its inputs' somata suggest, um.
        placed: Whether `position` is known or suggested for each target.
        marks: Marks of each target: log in-degree over the mean one, whether the position is inferred, whether the cell was queried.
    """

    position: Float[torch.Tensor, "targets 3"]
    placed: Bool[torch.Tensor, " targets"]
    marks: Float[torch.Tensor, "targets 3"]


def see_targets(
    world: World,
    post: Int[torch.Tensor, " targets"],
    fold: Int[torch.Tensor, " targets"],
    hidden: Int[torch.Tensor, " targets"] | int = 0,
) -> SeenTargets:
    """Targets by what training axons show of them; a target of unknown position is placed by its inputs' somata.

    Args:
        world: Tensors of all neurons and of the inputs that queried cells have from training axons.
        post: Row of each target.
        fold: Fold of the axon that looks at each target, as in `World.fold`.
        hidden: Bits for what training hides of each pair, as in `Batch`; 0 hides nothing.
    """
    row = world.target.index_select(0, post)
    hidden = torch.as_tensor(hidden, device=post.device)
    queried = (row >= 0) & ~(hidden & 4).bool()
    row = row.clamp(min=0)
    known = world.known.index_select(0, post) & ~(hidden & 2).bool()
    inputs = world.inputs[fold, row]
    count = torch.where(queried, inputs[:, 3], 0.0)
    inferred = ~known & (count > 0)
    guess = inputs[:, :3] / count.clamp(min=1.0)[:, None] + world.offset
    position = torch.where(known[:, None], world.position.index_select(0, post), guess)
    marks = torch.stack([torch.where(queried, world.in_degree[fold, row], 0.0), inferred.float(), queried.float()], dim=1)
    return SeenTargets(position, known | inferred, marks)


def pair_features(world: World, batch: Batch) -> Float[torch.Tensor, "pairs features"]:
    """Target marks, functional similarity, geometry (depth and lateral apart), exposure, what axons show; unknown parts 0 and marked."""
    pre_known = world.known.index_select(0, batch.pre)
    position = world.position.index_select(0, batch.pre)
    seen = see_targets(world, batch.post, world.fold.index_select(0, batch.pre), batch.hidden)
    pre_known = pre_known & ~(batch.hidden & 1).bool()
    placeable = (pre_known & seen.placed).float()[:, None]
    difference = (position - seen.position) / LENGTH_UM * placeable
    square = difference * difference
    lateral = square[:, :1] + square[:, 2:]
    distance = lateral + square[:, 1:2]
    similarity = (world.direction.index_select(0, batch.pre) * world.direction.index_select(0, batch.post)).sum(1, keepdim=True)
    shown = batch.shown * (seen.marks[:, 2:] > 0)
    return torch.cat([seen.marks, similarity, difference, lateral.sqrt(), distance.sqrt(), placeable, batch.met, shown], dim=1)


def describe(world: World, roles: Roles, batch: Batch) -> Described:
    """Pairs between cells of these roles, as networks read them."""
    return Described(roles.axon_at[batch.pre], roles.target_at[batch.post], pair_features(world, batch))


def outputs(network: PairNetwork, cells: Cells, pairs: Described) -> tuple[torch.Tensor, torch.Tensor]:
    """Logit of a connection and standardised log size of each pair."""
    i, j = pairs.axon, pairs.target
    rate = cells.axon_rate.index_select(0, i) + cells.target_rate.index_select(0, j)
    return network.head(cells.axon.index_select(0, i), cells.target.index_select(0, j), rate, pairs.features)
