"""The neuron tasks: cell type, layer and position from function and, as declared evidence only, from the scan and from synaptic partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from graphtwin.execute import rng_for
from graphtwin.gnn.encoder import Edges, Encoder
from graphtwin.gnn.heads import LabelHead, PositionHead
from graphtwin.gnn.inputs import NodeInputs
from graphtwin.training import FitConfig, FitState, fit

Evidence = Literal["function", "scan", "synapses"]
FUNCTION: tuple[Evidence, ...] = ("function",)
EVERYTHING: tuple[Evidence, ...] = ("function", "scan", "synapses")


class NeuronConfig(BaseModel):
    """How cell type and position are learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(48, ge=2, description="Width of the encoder.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Of hidden units.")
    validation: float = Field(0.15, gt=0, lt=1, description="Share of the training neurons that stop the fit and calibrate it.")
    steps: int = Field(8, ge=1, description="Whole-graph steps an epoch, or batches where neighbours are sampled.")
    members: int = Field(3, ge=1, description="Fits whose predictions are averaged, each with other validation neurons.")
    fit: FitConfig = FitConfig(epochs=14, patience=6, learning_rate=4e-3, weight_decay=0.05)


class NeuronTwin(nn.Module):
    """One encoder, a head for cell type, one for layer and one for position."""

    def __init__(
        self,
        config: NeuronConfig,
        evidence: tuple[Evidence, ...],
        inputs: NodeInputs,
        relations: tuple[str, ...],
        train: Bool[np.ndarray, " neurons"],
    ) -> None:
        super().__init__()
        self.evidence = evidence
        n_own = inputs.function.shape[1] + 1 + (len(inputs.scans) if "scan" in evidence else 0)
        self.encoder = Encoder(n_own, inputs.context.shape[1] + 4, relations, config.hidden, config.dropout)
        self.cell_type = LabelHead(config.hidden, class_weight(inputs.cell_type[train], len(inputs.cell_types)))
        self.layer = LabelHead(config.hidden, class_weight(inputs.layer[train], len(inputs.layers)))
        position = inputs.position[train & np.isfinite(inputs.position).all(1)]
        centre, scale = (position.mean(0), position.std(0).clip(min=1.0)) if len(position) else (np.zeros(3), np.ones(3))
        self.position = PositionHead(config.hidden, torch.tensor(centre, dtype=torch.float32), torch.tensor(scale, dtype=torch.float32))

    def loss(self, hidden: torch.Tensor, targets: Targets, rows: torch.Tensor) -> torch.Tensor:
        """Sum of the three heads' losses over some rows, unknown labels masked."""
        chosen = hidden.index_select(0, rows)
        labels = self.cell_type.loss(chosen, targets.cell_type[rows]) + self.layer.loss(chosen, targets.layer[rows], targets.weight[rows])
        return labels + self.position.loss(chosen, targets.position[rows])


def class_weight(label: Int[np.ndarray, " neurons"], n_classes: int) -> Float[torch.Tensor, " classes"]:
    """Inverse frequency of each class among the known, 0 for a class without a member; their mean over neurons is 1."""
    count = np.bincount(label[label >= 0], minlength=n_classes).astype(np.float64)
    weight = np.divide(1.0, count, out=np.zeros_like(count), where=count > 0)
    return torch.tensor(weight * count.sum() / max((count > 0).sum(), 1), dtype=torch.float32)


@dataclass(frozen=True)
class Targets:
    """Labels of all functional rows, -1 or NaN where unknown, and how much a neuron's layer teaches (see `scan_contrast`)."""

    cell_type: torch.Tensor
    layer: torch.Tensor
    position: torch.Tensor
    weight: torch.Tensor


def scan_contrast(label: Int[np.ndarray, " rows"], scan: Int[np.ndarray, " rows"], n_classes: int) -> Float[np.ndarray, " rows"]:
    """Share of the other classes in a neuron's scan, plus 0.05: a scan of one class teaches its own identity and little else."""
    count = np.zeros((scan.max() + 1, n_classes))
    known = label >= 0
    np.add.at(count, (scan[known], label[known]), 1.0)
    share = count / count.sum(1, keepdims=True).clip(min=1.0)
    return np.where(known, 1.05 - share[scan, label.clip(min=0)], 0.0)


@dataclass(frozen=True)
class NeuronWorld:
    """Tensors of one view of the graph: what functional neurons bring, what training neurons tell their partners, and the edges.

    Attributes:
        rows: Rows of `NodeInputs` that have a function; `own` has one row for each.
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
        edges: "similar" and synapse relations.
        evidence: What may be used: without "synapses" no synapse relation is read, without "scan" no scan.
        shown: False for held-out neurons, whose labels must not travel.
        device: Of torch.
    """
    own = [inputs.function, inputs.has_function[:, None].astype(np.float32)]
    if "scan" in evidence:
        own.append((inputs.scan[:, None] == np.arange(len(inputs.scans))[None]).astype(np.float32))
    known = np.isfinite(inputs.position).all(1)
    centre = inputs.position[known].mean(0) if known.any() else np.zeros(3)
    place = np.where(known[:, None], (inputs.position - centre) / 100.0, 0.0)
    told = np.column_stack([inputs.context, place, known]) * shown[:, None]
    rows = np.flatnonzero(inputs.has_function)
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
    source, target = edges.numpy()
    kept = place[target] >= 0
    source = place[source[kept]] if both else source[kept]
    return torch.as_tensor(np.stack([source, place[target[kept]]]))


@dataclass(frozen=True)
class NeuronPrediction:
    """Predictions of some rows.

    Attributes:
        cell_type, layer: Probabilities, rows x classes.
        position, position_sd: x, depth and z, um.
    """

    cell_type: Float[np.ndarray, "rows types"]
    layer: Float[np.ndarray, "rows layers"]
    position: Float[np.ndarray, "rows 3"]
    position_sd: Float[np.ndarray, "rows 3"]


@dataclass(frozen=True)
class FittedNeurons:
    """Neuron twins whose predictions are averaged, and the world they predict in."""

    twins: tuple[NeuronTwin, ...]
    world: NeuronWorld
    states: tuple[FitState, ...]


def fit_neurons(
    inputs: NodeInputs,
    edges: Edges,
    train: Bool[np.ndarray, " neurons"],
    evidence: tuple[Evidence, ...],
    config: NeuronConfig,
    seed: int,
    name: str,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: bool = False,
) -> FittedNeurons:
    """Learn cell type, layer and position of functional neurons.

    Args:
        inputs: All neurons, held-out ones among them: their features are seen, their labels are not.
        edges: "similar" edges, and synapse relations from training synapses where they are evidence.
        train: Neurons whose labels may be used.
        evidence: See `neuron_world`.
        config: See `NeuronConfig`.
        seed: With `name`, names every draw.
        name: Of the fit.
        device: Of torch.
        checkpoint: Of `training.fit`; the member's number is added.
        progress: Show a bar.
    """
    rows = np.flatnonzero(inputs.has_function)
    targets = Targets(
        torch.as_tensor(inputs.cell_type[rows], device=device),
        torch.as_tensor(inputs.layer[rows], device=device),
        torch.as_tensor(inputs.position[rows], dtype=torch.float32, device=device),
        _layer_weight(inputs, train, rows, evidence, device),
    )
    labelled = (inputs.cell_type >= 0) | (inputs.layer >= 0) | np.isfinite(inputs.position).all(1)
    candidates = np.flatnonzero((train & labelled)[rows])
    if len(candidates) < 20:
        raise ValueError(f"{name}: {len(candidates)} labelled functional neurons to learn from; at least 20 are needed. Bring more labels.")
    twins, states = [], []
    for member in range(config.members):
        one = f"{name} {member}"
        path = checkpoint.with_name(f"{checkpoint.stem}_{member}{checkpoint.suffix}") if checkpoint is not None else None
        twin, state = _fit_member(inputs, edges, train, candidates, evidence, config, targets, seed, one, device, path, progress)
        twins.append(twin)
        states.append(state)
    return FittedNeurons(tuple(twins), neuron_world(inputs, edges, evidence, train, device), tuple(states))


def _layer_weight(inputs: NodeInputs, train: np.ndarray, rows: np.ndarray, evidence: tuple[Evidence, ...], device: str) -> torch.Tensor:
    """Without the scan as evidence, neurons of one-layer scans count little; classes weigh the same in sum."""
    label = np.where(train, inputs.layer, -1)[rows]
    weight = np.ones(len(rows)) if "scan" in evidence else scan_contrast(label, inputs.scan[rows], len(inputs.layers))
    total = np.bincount(label[label >= 0], weight[label >= 0], minlength=len(inputs.layers))
    scaled = weight * (label >= 0).sum() / np.maximum(total[label.clip(min=0)], 1e-9) / max((total > 0).sum(), 1)
    return torch.as_tensor(np.where(label >= 0, scaled, 0.0), dtype=torch.float32, device=device)


def _fit_member(
    inputs: NodeInputs,
    edges: Edges,
    train: np.ndarray,
    candidates: np.ndarray,
    evidence: tuple[Evidence, ...],
    config: NeuronConfig,
    targets: Targets,
    seed: int,
    name: str,
    device: str,
    checkpoint: Path | None,
    progress: bool,
) -> tuple[NeuronTwin, FitState]:
    """One fit; its validation neurons tell their partners nothing while it is fitted."""
    held = rng_for(seed, name, "validation").random(len(candidates)) < config.validation
    fitted, kept = (torch.as_tensor(rows, device=device) for rows in (candidates[~held], candidates[held]))
    shown = train.copy()
    shown[np.flatnonzero(inputs.has_function)[candidates[held]]] = False
    world = neuron_world(inputs, edges, evidence, shown, device)
    torch.manual_seed(int(rng_for(seed, name, "weights").integers(2**31)))
    relations = tuple(sorted(relation for relation in world.edges if relation != "similar"))
    twin = NeuronTwin(config, evidence, inputs, relations, shown & inputs.has_function).to(device)

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        for _ in range(config.steps):
            yield lambda: twin.loss(twin.encoder(world.own, world.told, world.edges), targets, fitted)

    def validation_loss() -> float:
        with torch.no_grad():
            return float(twin.loss(twin.encoder(world.own, world.told, world.edges), targets, kept))

    state = fit(twin, batches, config.steps, validation_loss, config.fit, seed, name, checkpoint, progress)
    with torch.no_grad():
        hidden = twin.encoder(world.own, world.told, world.edges).index_select(0, kept)
    _calibrate(twin, hidden, targets.cell_type[kept], targets.layer[kept], targets.position[kept])
    return twin, state


def _calibrate(twin: NeuronTwin, hidden: torch.Tensor, cell_type: torch.Tensor, layer: torch.Tensor, position: torch.Tensor) -> None:
    """Temperatures of the classes and width of the error bars, on neurons that were not fitted: 95 % of them lie within 1.96 sd.

    Source: temperature scaling, Guo et al. 2017, arXiv:1706.04599; split conformal intervals, Lei et al. 2018, arXiv:1604.04173.
    """
    temperatures = torch.logspace(-1.0, 1.5, 101, device=hidden.device)
    with torch.no_grad():
        for head, label in ((twin.cell_type, cell_type), (twin.layer, layer)):
            known = label >= 0
            if known.sum() >= 20:
                logits = head(hidden[known])
                losses = [functional.cross_entropy(logits / t, label[known], weight=head.weight) for t in temperatures]
                head.temperature.copy_(temperatures[int(torch.stack(losses).argmin())])
        known = torch.isfinite(position).all(1)
        if known.sum() >= 20:
            mean, sd = twin.position(hidden[known])
            twin.position.widening.copy_(torch.quantile(((position[known] - mean) / sd).abs(), 0.95, dim=0) / 1.96)


def predict_rows(fitted: FittedNeurons, rows: Int[np.ndarray, " rows"]) -> NeuronPrediction:
    """Average of the members: class probabilities, and the mixture's mean and standard deviation of the position.

    Args:
        fitted: From `fit_neurons`.
        rows: Rows of `NodeInputs` that have a function.
    """
    at = torch.as_tensor(np.searchsorted(fitted.world.rows, rows))
    types, layers, means, variances = [], [], [], []
    with torch.no_grad():
        for twin in fitted.twins:
            world = fitted.world
            hidden = twin.encoder(world.own, world.told, world.edges).index_select(0, at.to(world.own.device))
            types.append(torch.softmax(twin.cell_type(hidden), 1).cpu().numpy().astype(np.float64))
            layers.append(torch.softmax(twin.layer(hidden), 1).cpu().numpy().astype(np.float64))
            mean, sd = twin.position(hidden)
            means.append(mean.cpu().numpy().astype(np.float64))
            variances.append(sd.cpu().numpy().astype(np.float64) ** 2)
    mean = np.mean(means, axis=0)
    sd = np.sqrt(np.mean(variances, axis=0) + np.var(means, axis=0))
    return NeuronPrediction(np.mean(types, axis=0), np.mean(layers, axis=0), mean, sd)
