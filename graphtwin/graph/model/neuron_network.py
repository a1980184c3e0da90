"""The network of the neuron tasks: what it may see, and one encoder with heads for cell type, layer and position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn
from torch.nn import functional

from graphtwin.graph.data import Edges, NodeInputs
from graphtwin.graph.model.encoder import Encoder, Landmarks
from graphtwin.graph.model.heads import LabelHead, PositionHead
from graphtwin.graph.settings import NeuronConfig

Evidence = Literal["function", "scan", "synapses"]
FUNCTION: tuple[Evidence, ...] = ("function",)  # the least evidence: what a neuron answers
EVERYTHING: tuple[Evidence, ...] = ("function", "scan", "synapses")  # all that may be declared as evidence
LANDMARK_SCALE = 5.0  # factor of landmark coordinates as inputs of the heads: all 300 together are then about as long as the hidden vector
LANDMARK_PENALTY = 10.0  # ridge penalty of the first readout of the landmarks, in neurons: as if ten more had said nothing
DROPOUT = 0.2  # share of hidden units that a step leaves out
INPUT_DROPOUT = 0.05  # share of the encoder's inputs that a step leaves out, and half the share of what the heads read directly
TOLD = 4  # number of columns a partner tells besides its labels: the place along three axes, and whether it is known


@dataclass(frozen=True)
class Targets:
    """Labels of all functional rows, -1 or NaN where unknown, and how much a neuron's layer teaches."""

    cell_type: torch.Tensor
    layer: torch.Tensor
    position: torch.Tensor
    weight: torch.Tensor

    def rows(self, chosen: torch.Tensor) -> Targets:
        """Labels of some rows."""
        return Targets(self.cell_type[chosen], self.layer[chosen], self.position[chosen], self.weight[chosen])


@dataclass(frozen=True)
class View:
    """All that the network reads of some neurons, gathered once: what they bring, what they hear, where they lie among the landmarks."""

    own: torch.Tensor
    heard: torch.Tensor
    landmarks: torch.Tensor

    def rows(self, chosen: torch.Tensor) -> View:
        """The view of some of the neurons."""
        return View(*(values.index_select(0, chosen) for values in (self.own, self.heard, self.landmarks)))


@dataclass(frozen=True)
class NeuronWorld:
    """Tensors of one view of the graph: what functional neurons bring, what training neurons tell their partners, and the edges.

    Attributes:
        rows: Rows of `NodeInputs` that are asked about; `own` has one row for each.
        told: What each neuron tells its partners: labels, position and its mask; 0 where held out or unknown.
    """

    rows: Int[np.ndarray, " functional"]
    own: torch.Tensor
    told: torch.Tensor
    edges: Edges


def neuron_world(
    inputs: NodeInputs, edges: Edges, evidence: tuple[Evidence, ...], shown: Bool[np.ndarray, " neurons"], device: str
) -> NeuronWorld:
    """The view in which only `shown` neurons tell their position and labels.

    Args:
        inputs: All neurons.
        edges: Edges by relation: "similar" and synapse relations.
        evidence: What may be used: without "synapses" no synapse relation is read, without "scan" no scan.
        shown: Which neurons tell their labels; False for held-out ones, whose labels must not travel.
        device: Device of torch that the tensors go to.
    """
    own = [inputs.function, inputs.has_function[:, None].astype(np.float32)]
    if "scan" in evidence:
        own.append((inputs.scan[:, None] == np.arange(len(inputs.scans))[None]).astype(np.float32))
    known = np.isfinite(inputs.position).all(1) & shown
    centre = inputs.position[known].mean(0) if known.any() else np.zeros(3)
    place = np.where(known[:, None], (inputs.position - centre) / 100.0, 0.0)
    told = np.column_stack([inputs.context * shown[:, None], place, known])
    rows = np.flatnonzero(inputs.subjects)
    used = {name: index for name, index in edges.items() if name == "similar" or "synapses" in evidence}
    return NeuronWorld(
        rows=rows,
        own=torch.as_tensor(np.column_stack(own)[rows], dtype=torch.float32, device=device),
        told=torch.as_tensor(told, dtype=torch.float32, device=device),
        edges={name: _towards(index, rows, len(told), name == "similar").to(device) for name, index in used.items()},
    )


def _towards(edges: torch.Tensor, rows: np.ndarray, n: int, both: bool) -> torch.Tensor:
    """Edges that end in one of the encoded rows, counted among them; the source too where `both`."""
    place = np.full(n, -1)
    place[rows] = np.arange(len(rows))
    source, target = edges.cpu().numpy()
    kept = place[target] >= 0
    source = place[source[kept]] if both else source[kept]
    return torch.as_tensor(np.stack([source, place[target[kept]]]))


class NeuronNetwork(nn.Module):
    """One encoder, a head for cell type, one for layer and one for position.

    The heads read the encoder's hidden vector and, directly, the landmark coordinates, the scan and what partners tell.
    """

    def __init__(
        self,
        config: NeuronConfig,
        evidence: tuple[Evidence, ...],
        inputs: NodeInputs,
        relations: tuple[str, ...],
        train: Bool[np.ndarray, " neurons"],
    ) -> None:
        """Weights drawn by torch's generator; classes, scale and landmarks from the `train` neurons."""
        super().__init__()
        self.evidence = evidence
        self.skipped = inputs.function.shape[1]
        n_own = self.skipped + 1 + (len(inputs.scans) if "scan" in evidence else 0)
        self.encoder = Encoder(n_own, inputs.context.shape[1] + TOLD, relations, config.hidden, DROPOUT)
        self.landmarks = Landmarks(_landmarks(inputs.function[train & inputs.subjects], config.landmarks))
        self.input_dropout, self.direct_dropout = nn.Dropout(INPUT_DROPOUT), nn.Dropout(2 * INPUT_DROPOUT)
        width = config.hidden + config.landmarks + n_own - self.skipped + self.encoder.n_heard
        self.cell_type = LabelHead(width, class_weight(inputs.cell_type[train], len(inputs.cell_types)))
        self.layer = LabelHead(width, class_weight(inputs.layer[train], len(inputs.layers)))
        position = inputs.position[train & np.isfinite(inputs.position).all(1)]
        centre, scale = (position.mean(0), position.std(0).clip(min=1.0)) if len(position) else (np.zeros(3), np.ones(3))
        self.position = PositionHead(width, torch.tensor(centre, dtype=torch.float32), torch.tensor(scale, dtype=torch.float32))
        for linear in (self.cell_type.logits, self.layer.logits, self.position.both):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    @torch.no_grad()
    def view(self, own: torch.Tensor, told: torch.Tensor, edges: Edges) -> View:
        """All that the network reads of the neurons of `own`, as `Encoder.forward` takes it; none of it is learned."""
        landmarks = LANDMARK_SCALE * self.landmarks(own[:, : self.skipped])
        return View(own, self.encoder.hear(own, told, edges), landmarks)

    def forward(self, view: View) -> torch.Tensor:
        """Vector that the heads read for each neuron: neurons x width."""
        hidden = self.encoder.encode(self.input_dropout(view.own), self.input_dropout(view.heard))
        direct = torch.cat([view.landmarks, view.own[:, self.skipped :], view.heard], dim=1)
        return torch.cat([hidden, self.direct_dropout(direct)], dim=1)

    def loss(self, view: View, targets: Targets) -> torch.Tensor:
        """Sum of the three heads' losses, unknown labels masked."""
        read = self(view)
        labels = self.cell_type.loss(read, targets.cell_type) + self.layer.loss(read, targets.layer, targets.weight)
        return labels + self.position.loss(read, targets.position)

    def read_landmarks(self, view: View, targets: Targets) -> None:
        """Set the heads to the penalised readout of the landmark coordinates alone, a convex fit: a start that early stopping may keep."""
        parts = (self.cell_type.logits, self.layer.logits, self.position.both)
        first, n = parts[0].in_features - view.landmarks.shape[1] - (view.own.shape[1] - self.skipped) - view.heard.shape[1], len(view.own)
        shapes = [len(part.bias) for part in parts]
        weight = torch.zeros(view.landmarks.shape[1], sum(shapes), device=view.own.device, requires_grad=True)
        bias = torch.zeros(sum(shapes), device=view.own.device, requires_grad=True)
        optimiser = torch.optim.LBFGS([weight, bias], max_iter=40, line_search_fn="strong_wolfe")

        def objective() -> torch.Tensor:
            optimiser.zero_grad()
            types, layers, place = (view.landmarks @ weight + bias).split(shapes, dim=1)
            error = self._readout_loss(types, layers, place[:, :3], targets)
            total = error + LANDMARK_PENALTY * LANDMARK_SCALE**2 / (2 * n) * (weight**2).sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimiser.step(objective)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for part, rows, offset in zip(parts, weight.T.split(shapes), bias.split(shapes), strict=True):
                part.weight[:, first : first + view.landmarks.shape[1]] = rows
                part.bias.copy_(offset)

    def _readout_loss(self, types: torch.Tensor, layers: torch.Tensor, place: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Cross-entropies and squared error of standardised positions; unknown labels masked."""
        known = torch.isfinite(targets.position)
        error = torch.where(known, place - ((targets.position - self.position.centre) / self.position.scale).nan_to_num(), 0.0)
        total = 0.5 * (error**2).sum() / known.any(1).sum().clamp(min=1)
        if (targets.cell_type >= 0).any():
            total = total + functional.cross_entropy(types, targets.cell_type, weight=self.cell_type.weight, ignore_index=-1)
        if (targets.layer >= 0).any():
            each = functional.cross_entropy(layers, targets.layer, ignore_index=-1, reduction="none")
            total = total + (each * targets.weight).sum() / targets.weight.sum()
        return total


def _landmarks(functions: Float[np.ndarray, "neurons features"], n: int) -> torch.Tensor:
    """Functions of n neurons drawn by torch's generator; some come twice where there are fewer."""
    if not len(functions):
        raise ValueError("neurons: no neuron is left to learn from. Hold out fewer neurons.")
    return torch.as_tensor(functions[torch.randperm(max(n, len(functions))).numpy()[:n] % len(functions)])


def class_weight(label: Int[np.ndarray, " neurons"], n_classes: int) -> Float[torch.Tensor, " classes"]:
    """Inverse frequency of each class among the known, 0 for a class without a member; their mean over neurons is 1."""
    count = np.bincount(label[label >= 0], minlength=n_classes).astype(np.float64)
    weight = np.divide(1.0, count, out=np.zeros_like(count), where=count > 0)
    return torch.tensor(weight * count.sum() / max((count > 0).sum(), 1), dtype=torch.float32)
