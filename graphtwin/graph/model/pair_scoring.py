"""Scoring pairs with a fitted connectivity network: any list of pairs, or all pairs of axons and cells as a stream of blocks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch.nn import functional

from graphtwin.graph.data import EXPOSURE_TERMS, N_SHOWN, Messages, NodeInputs, PairSet
from graphtwin.graph.model.pair_network import LENGTH_UM, Batch, Cells, PairNetwork, Roles, World, describe, encode, outputs, see_targets
from graphtwin.training import FitState

PAIRS_A_TILE = 6_144  # pairs in a tile: their hidden vectors stay in the processor's cache
N_MARKS = 3  # number of features of a target alone, first in `pair_features`


@dataclass(frozen=True)
class FittedPairs:
    """Connectivity networks ready to predict, with the training pairs they read in-degrees and messages from.

    Attributes:
        networks: Networks whose logits are averaged, one an inner side.
        states: State in which the fit of each ended.
        kept: Probabilities of the pairs that each network's fit kept back, in the order of `InnerSide.asked`.
    """

    networks: tuple[PairNetwork, ...]
    world: World
    messages: Messages
    states: tuple[FitState, ...]
    kept: tuple[Float32[np.ndarray, " _"], ...]

    @property
    def inputs(self) -> NodeInputs:
        """All neurons."""
        return self.messages.inputs

    @property
    def training(self) -> PairSet:
        """The training pairs."""
        return self.messages.training


def pair_probabilities(
    fitted: FittedPairs, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"], axons_a_block: int = 256
) -> tuple[Float32[np.ndarray, " pairs"], Float32[np.ndarray, " pairs"]]:
    """Probability of a connection and expected size (given one) of any pairs of neuron rows, streamed axon by axon.

    A training connection among them is scored as if it had not been seen, like any other pair.

    Args:
        fitted: The fitted network, as `fit_pairs` returns it.
        pre: Row of each pair's axon in `NodeInputs`.
        post: Row of each pair's target in `NodeInputs`.
        axons_a_block: Number of axons at a time; memory does not grow with the number of pairs beyond the answer.
    """
    probability, size = np.empty(len(pre), np.float32), np.empty(len(pre), np.float32)
    axons, of_pair = np.unique(pre, return_inverse=True)
    order = np.argsort(of_pair, kind="stable")
    ends = np.searchsorted(of_pair[order], np.arange(0, len(axons) + axons_a_block, axons_a_block))
    roles = Roles.of(axons, np.unique(post), len(fitted.inputs.nucleus_id), fitted.world.own.device)
    with torch.no_grad():
        cells = [encode(network, fitted.world, roles) for network in fitted.networks]
        for start, begin, end in zip(range(0, len(axons), axons_a_block), ends, ends[1:], strict=False):
            part = order[begin:end]
            block = axons[start : start + axons_a_block]
            batch = _batch(fitted, block, of_pair[part] - start, pre[part], post[part])
            pairs = describe(fitted.world, roles, batch)
            said = [outputs(network, of, pairs) for network, of in zip(fitted.networks, cells, strict=True)]
            probability[part] = torch.sigmoid(torch.stack([logit for logit, _ in said]).mean(0)).cpu().numpy()
            sizes = [network.head.expected_size(size) for network, (_, size) in zip(fitted.networks, said, strict=True)]
            size[part] = torch.stack(sizes).mean(0).cpu().numpy()
    return probability, size


def _batch(fitted: FittedPairs, block: np.ndarray, in_block: np.ndarray, pre: np.ndarray, post: np.ndarray) -> Batch:
    """Pairs of a block of axons with what training axons show of them."""
    row = fitted.world.target.cpu().numpy()[post]
    shown = fitted.messages.shown(block)[in_block, row]
    shown[row < 0] = 0.0
    met = fitted.training.exposure_terms(pre, post)
    parts = (pre, post, shown, met, np.zeros(len(pre), np.int64))
    return Batch(*(torch.as_tensor(values, device=fitted.world.own.device) for values in parts))


def pairs_as_batch(fitted: FittedPairs, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Batch:
    """Any pairs as a batch that is to be predicted; all of them at once.

    Args:
        fitted: The networks, fitted or not, with their training pairs.
        pre: Row of each pair's axon in `NodeInputs`.
        post: Row of each pair's target in `NodeInputs`.
    """
    axons, of_pair = np.unique(pre, return_inverse=True)
    return _batch(fitted, axons, of_pair, pre, post)


def score_all(
    fitted: FittedPairs,
    pre_rows: Int[np.ndarray, " axons"],
    post_rows: Int[np.ndarray, " cells"],
    axons_a_block: int = 256,
    workers: int | None = None,
) -> Iterator[tuple[Int[np.ndarray, " block"], Float32[np.ndarray, "block cells"]]]:
    """Probability of every pair of some axons and cells, by blocks of axons; as `pair_probabilities`, but no pair is gathered twice.

    Args:
        fitted: The fitted network, as `fit_pairs` returns it.
        pre_rows: Row of each axon in `NodeInputs`.
        post_rows: Row of each target in `NodeInputs`.
        axons_a_block: Number of axons at a time; memory is that of two blocks a worker.
        workers: Number of blocks side by side, each on one thread; by default one a core, and one alone on a GPU.

    Yields:
        Rows of the axons of a block, and their probabilities in the order of `post_rows`. A cell with itself is scored like any pair.

    Examples:
        >>> model = graphtwin.graph.load("runs/planted")
        >>> blocks = graphtwin.graph.score_all(model.pairs, np.arange(5), np.arange(20))
        >>> [(len(axons), probability.shape) for axons, probability in blocks]
        [(5, (5, 20))]
    """
    pre, post = np.asarray(pre_rows), np.asarray(post_rows)
    roles = Roles.of(pre, post, len(fitted.inputs.nucleus_id), fitted.world.own.device)
    with torch.no_grad():
        cells = [encode(network, fitted.world, roles) for network in fitted.networks]
        fold = fitted.messages.fold_of(pre)
        scorers = {at: [Scorer.of(fitted, *one, at) for one in zip(fitted.networks, cells, strict=True)] for at in set(fold.tolist())}
    workers = workers or (1 if fitted.world.own.is_cuda else os.cpu_count() or 1)
    rooms = deque(PairTile.of(fitted.networks[0], fitted.world.own.device) for _ in range(workers))

    def probabilities(part: slice) -> Float32[np.ndarray, "block cells"]:
        room = rooms.pop()
        shown, out = _shown(fitted, roles, part), np.empty((len(pre[part]), len(post)), np.float32)
        for at in sorted(set(fold[part].tolist())):
            rows = np.flatnonzero(fold[part] == at)
            of_rows = shown if len(rows) == len(out) else shown[:, rows]
            logit = torch.stack([scorer.block(part.start + rows, of_rows, room) for scorer in scorers[at]]).mean(0)
            out[rows] = logit.sigmoid_().cpu().numpy()
        rooms.append(room)
        return out

    waiting: deque[tuple[slice, Future[np.ndarray]]] = deque()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for start in range(0, len(pre), axons_a_block):
            part = slice(start, start + axons_a_block)
            waiting.append((part, pool.submit(probabilities, part)))
            if len(waiting) > workers:
                done, found = waiting.popleft()
                yield pre[done], found.result()
        for done, found in waiting:
            yield pre[done], found.result()


def _shown(fitted: FittedPairs, roles: Roles, part: slice) -> Float[torch.Tensor, "shown block cells"]:
    """Exposure of the pairs of a block of axons with the scored cells, and what training axons show of them, 0 where nobody looked."""
    axons, targets = roles.axons[part].cpu().numpy(), roles.targets.cpu().numpy()
    row = fitted.world.target[roles.targets].cpu().numpy()
    queried = np.flatnonzero(row >= 0)
    rates = fitted.messages.shown(axons)
    out = np.zeros((EXPOSURE_TERMS + N_SHOWN, len(axons), len(row)), np.float32)
    pre, post = (np.broadcast_to(rows, out.shape[1:]).ravel() for rows in (axons[:, None], targets))
    out[:EXPOSURE_TERMS] = fitted.training.exposure_terms(pre, post).T.reshape(EXPOSURE_TERMS, *out.shape[1:])
    out[EXPOSURE_TERMS:, :, queried] = rates[:, row[queried]].transpose(2, 0, 1)
    return torch.as_tensor(out, device=fitted.world.own.device)


@dataclass(frozen=True)
class PairTile:
    """Room for one tile of pairs, written over and over: fresh memory for each would cost more than the arithmetic."""

    features: Float[torch.Tensor, "features pairs"]
    hidden: Float[torch.Tensor, "pairs hidden"]
    mixed: Float[torch.Tensor, "pairs hidden"]

    @classmethod
    def of(cls, network: PairNetwork, device: torch.device) -> PairTile:
        """Room for the tiles of a network, for one thread."""
        hidden, features = network.head.pair.weight.shape
        sizes = (features - N_MARKS, PAIRS_A_TILE), (PAIRS_A_TILE, hidden), (PAIRS_A_TILE, hidden)
        return cls(*(torch.empty(size, device=device) for size in sizes))


@dataclass(frozen=True)
class Scorer:
    """Axons of one fold and cells ready for dense tiles: all that belongs to one cell alone is already in its hidden vector.

    Attributes:
        place: Position of the cells in network units, coordinates first.
        placed: Whether (1 or 0) each cell's position is known or inferred.
        direction: Functional direction of the cells, features first.
        pair: Weights of the features that belong to both cells; `direct` of their additive term.
        rate: Additive term of each cell.
    """

    fitted: FittedPairs
    network: PairNetwork
    cells: Cells
    target: Float[torch.Tensor, "cells hidden"]
    place: Float[torch.Tensor, "3 cells"]
    placed: Float[torch.Tensor, " cells"]
    direction: Float[torch.Tensor, "functional cells"]
    pair: Float[torch.Tensor, "features hidden"]
    direct: Float[torch.Tensor, " features"]
    rate: Float[torch.Tensor, " cells"]

    @classmethod
    def of(cls, fitted: FittedPairs, network: PairNetwork, cells: Cells, fold: int) -> Scorer:
        """The scorer of cells that a network encoded, as the axons of a fold hear of them."""
        linear, direct, targets = network.head.pair, network.head.direct.weight[0], cells.roles.targets
        seen = see_targets(fitted.world, targets, torch.full_like(targets, fold))
        weight = linear.weight.T.contiguous()
        target = cells.target + seen.marks @ weight[:N_MARKS] + linear.bias
        place = (seen.position / LENGTH_UM).T.contiguous()
        direction = fitted.world.direction[targets].T.contiguous()
        rate = cells.target_rate + seen.marks @ direct[:N_MARKS]
        pair = weight[N_MARKS:].contiguous(), direct[N_MARKS:].contiguous()
        return cls(fitted, network, cells, target, place, seen.placed.float(), direction, *pair, rate)

    def block(
        self, places: Int[np.ndarray, " block"], shown: Float[torch.Tensor, "shown block cells"], room: PairTile
    ) -> Float[torch.Tensor, "block cells"]:
        """Logits of some axons, by their places among the roles, of whose pairs training axons show this."""
        axons = torch.as_tensor(places, device=self.target.device)
        out = torch.empty((len(axons), len(self.target)), device=self.target.device)
        across = min(len(self.target), PAIRS_A_TILE)
        down = max(1, PAIRS_A_TILE // max(across, 1))
        with torch.no_grad():
            for top in range(0, len(axons), down):
                for left in range(0, len(self.target), across):
                    rows, columns = slice(top, top + down), slice(left, left + across)
                    self._fill(out[rows, columns], axons[rows], columns, shown[:, rows, columns], room)
        return out

    def _fill(self, out: torch.Tensor, axons: torch.Tensor, columns: slice, shown: torch.Tensor, room: PairTile) -> None:
        """Write the logits of a tile of pairs."""
        head, cells, n = self.network.head, self.cells, out.numel()
        features = room.features[:, :n]
        self._features(torch.unflatten(features, 1, out.shape), cells.roles.axons[axons], columns, shown)
        hidden, mixed = room.hidden[:n], room.mixed[:n]
        torch.add(cells.axon[axons, None], self.target[None, columns], out=hidden.view(*out.shape, -1))
        functional.hardswish(hidden.addmm_(features.T, self.pair), inplace=True)
        torch.addmm(head.between.bias, hidden, head.between.weight.T, out=mixed)
        functional.hardswish(mixed, inplace=True)
        rate = self.rate[None, columns] + (cells.axon_rate[axons, None] + head.out.bias[0])
        slope, offset = head.calibration
        torch.add(torch.mv(mixed, head.out.weight[0]).view(out.shape), rate, out=out)
        out.add_((self.direct @ features).view(out.shape)).mul_(slope).add_(offset)

    def _features(self, out: torch.Tensor, axons: torch.Tensor, columns: slice, shown: torch.Tensor) -> None:
        """The columns of `pair_features` that belong to both cells, features first so that each is one dense operation."""
        world = self.fitted.world
        out[0] = world.direction[axons] @ self.direction[:, columns]
        torch.mul(world.known[axons, None].float(), self.placed[None, columns], out=out[6])
        torch.sub((world.position[axons] / LENGTH_UM).T[:, :, None], self.place[:, None, columns], out=out[1:4])
        out[1:4] *= out[6]
        torch.addcmul(out[1] * out[1], out[3], out[3], out=out[4])
        torch.addcmul(out[4], out[2], out[2], out=out[5])
        out[4:6].sqrt_()
        out[7:] = shown
