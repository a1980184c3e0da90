"""The neuron tasks: cell type, layer and position from function and, as declared evidence only, from the scan and synaptic partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch.nn import functional

from graphtwin.execute import rng_for, torch_seeded
from graphtwin.graph.data import Edges, NodeInputs, inner_neurons
from graphtwin.graph.model.neuron_network import (
    EVERYTHING,
    FUNCTION,
    Evidence,
    NeuronConfig,
    NeuronNetwork,
    NeuronWorld,
    Targets,
    neuron_world,
)
from graphtwin.statistics import NORMAL_95, conformal_quantile
from graphtwin.training import FitState, fit

__all__ = [
    "EVERYTHING",
    "FUNCTION",
    "Evidence",
    "FittedNeurons",
    "NeuronConfig",
    "NeuronPrediction",
    "NeuronNetwork",
    "fit_neurons",
    "neuron_world",
    "predict_rows",
]
MIN_LABELLED = 20  # least number of labelled neurons: fewer leave three to stop the fit
FEWEST_STEPS = 6  # steps of an epoch: where a few hundred neurons are one batch, sixteen epochs are sixteen steps and teach little


def scan_contrast(label: Int[np.ndarray, " rows"], scan: Int[np.ndarray, " rows"], n_classes: int) -> Float[np.ndarray, " rows"]:
    """Share of the other classes in a neuron's scan, plus 0.05: a scan of one class teaches its own identity and little else."""
    count = np.zeros((scan.max() + 1, n_classes))
    known = label >= 0
    np.add.at(count, (scan[known], label[known]), 1.0)
    share = count / count.sum(1, keepdims=True).clip(min=1.0)
    return np.where(known, 1.05 - share[scan, label.clip(min=0)], 0.0)


@dataclass(frozen=True)
class NeuronPrediction:
    """Predictions of some rows.

    Attributes:
        cell_type, layer: Probability of each class, rows x classes.
        position, position_sd: Mean and standard deviation of the position along three axes, um. The deviation is NaN where fewer than 19
            neurons were kept back to set it.
    """

    cell_type: Float[np.ndarray, "rows types"]
    layer: Float[np.ndarray, "rows layers"]
    position: Float[np.ndarray, "rows 3"]
    position_sd: Float[np.ndarray, "rows 3"]


@dataclass(frozen=True)
class FittedNeurons:
    """Neuron networks whose predictions are averaged, and the world they predict in.

    Attributes:
        kept: Rows that each network's fit kept back, which stopped it, and what it says of them while they tell nothing.
    """

    networks: tuple[NeuronNetwork, ...]
    world: NeuronWorld
    states: tuple[FitState, ...]
    kept: tuple[tuple[Int[np.ndarray, " rows"], NeuronPrediction], ...] = ()


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
    """Learn cell type, layer and position of the neurons that are asked about (`NodeInputs.subjects`).

    Args:
        inputs: All neurons, held-out ones among them: their features are seen, their labels are not.
        edges: Edges by relation: "similar", and synapse relations from training synapses where they are evidence.
        train: Mask of the neurons whose labels may be used.
        evidence: What predictions may rest on, as `neuron_world` takes it.
        config: Settings of the network and of its fit.
        seed: The run's seed; with `name` it names every draw.
        name: Name of the fit, in its draws, errors and progress.
        device: Device of torch that the fit runs on.
        checkpoint: File of the checkpoint that `training.fit` writes and reads; the member's number is added.
        progress: Show a bar.
    """
    rows = np.flatnonzero(inputs.subjects)
    targets = Targets(
        torch.as_tensor(inputs.cell_type[rows], device=device),
        torch.as_tensor(inputs.layer[rows], device=device),
        torch.as_tensor(inputs.position[rows], dtype=torch.float32, device=device),
        _layer_weight(inputs, train, rows, evidence, device),
    )
    part, members = inner_neurons(inputs, train, config.members, seed)
    n_labelled = int((part >= 0).sum())
    if n_labelled < MIN_LABELLED:
        raise ValueError(f"{name}: {n_labelled} labelled neurons to learn from; at least {MIN_LABELLED} are needed. Bring more labels.")
    networks: list[NeuronNetwork] = []
    states: list[FitState] = []
    kept = []
    for member in range(members):
        one = f"{name} {member}"
        path = checkpoint.with_name(f"{checkpoint.stem}_{member}{checkpoint.suffix}") if checkpoint is not None else None
        alone = _fit_member(inputs, edges, train, part, member, evidence, config, targets, seed, one, device, path, progress)
        kept.append((np.flatnonzero(part == member), predict_rows(alone, np.flatnonzero(part == member))))
        networks += alone.networks
        states += alone.states
    return FittedNeurons(tuple(networks), neuron_world(inputs, edges, evidence, train, device), tuple(states), tuple(kept))


def _layer_weight(inputs: NodeInputs, train: np.ndarray, rows: np.ndarray, evidence: tuple[Evidence, ...], device: str) -> torch.Tensor:
    """Without the scan as evidence, neurons of one-layer scans count little; classes weigh the same in sum."""
    if not inputs.layers:
        return torch.zeros(len(rows), device=device)
    label = np.where(train, inputs.layer, -1)[rows]
    one_scan = "scan" in evidence or len(inputs.scans) < 2
    weight = np.ones(len(rows)) if one_scan else scan_contrast(label, inputs.scan[rows], len(inputs.layers))
    total = np.bincount(label[label >= 0], weight[label >= 0], minlength=len(inputs.layers))
    scaled = weight * (label >= 0).sum() / np.maximum(total[label.clip(min=0)], 1e-9) / max((total > 0).sum(), 1)
    return torch.as_tensor(np.where(label >= 0, scaled, 0.0), dtype=torch.float32, device=device)


def _fit_member(
    inputs: NodeInputs,
    edges: Edges,
    train: np.ndarray,
    part: np.ndarray,
    member: int,
    evidence: tuple[Evidence, ...],
    config: NeuronConfig,
    targets: Targets,
    seed: int,
    name: str,
    device: str,
    checkpoint: Path | None,
    progress: bool,
) -> FittedNeurons:
    """One fit, in its world: the neurons that it keeps back, those of one part, tell their partners nothing."""
    of_row = part[inputs.subjects]
    fitted, kept = (torch.as_tensor(np.flatnonzero(rows), device=device) for rows in ((of_row >= 0) & (of_row != member), of_row == member))
    shown = train & (part != member)
    world = neuron_world(inputs, edges, evidence, shown, device)
    relations = tuple(sorted(relation for relation in world.edges if relation != "similar"))
    with torch_seeded(int(rng_for(seed, name, "weights").integers(2**31))):
        network = NeuronNetwork(config, evidence, inputs, relations, shown & inputs.subjects).to(device)
    view = network.view(world.own, world.told, world.edges)
    if evidence == FUNCTION:  # elsewhere scan and partners say more, and a start that has already fitted function keeps them small
        network.read_landmarks(view.rows(fitted), targets.rows(fitted))
    checked, truth = view.rows(kept), targets.rows(kept)
    batch = min(config.batch, -(-len(fitted) // FEWEST_STEPS))

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        order = fitted[torch.as_tensor(rng.permutation(len(fitted)), device=device)]
        for rows in order.split(batch):
            yield lambda rows=rows: network.loss(view.rows(rows), targets.rows(rows))  # type: ignore[misc]

    def validation_loss() -> float:
        with torch.no_grad():
            return float(network.loss(checked, truth))

    n_batches = -(-len(fitted) // batch)
    state = fit(network, batches, n_batches, validation_loss, config.fit, seed, name, checkpoint, progress)
    with torch.no_grad():
        _calibrate(network, network(checked), truth)
    return FittedNeurons((network,), world, (state,))


def _calibrate(network: NeuronNetwork, read: torch.Tensor, truth: Targets) -> None:
    """Temperatures of the classes and width of the error bars, on neurons that were not fitted: 1.96 sd hold 95 % of new ones.

    With fewer than 19 such neurons of known position no width can promise that, and error bars are NaN. Source: temperature scaling, Guo et
    al. 2017, arXiv:1706.04599; split conformal intervals, see `conformal_quantile`.
    """
    temperatures = torch.logspace(-1.0, 1.5, 101, device=read.device)
    with torch.no_grad():
        for head, label in ((network.cell_type, truth.cell_type), (network.layer, truth.layer)):
            known = label >= 0
            if known.sum() >= MIN_LABELLED:
                logits = head(read[known])
                losses = [functional.cross_entropy(logits / t, label[known], weight=head.weight) for t in temperatures]
                head.temperature.copy_(temperatures[int(torch.stack(losses).argmin())])
        known = torch.isfinite(truth.position).all(1)
        mean, sd = network.position(read[known])
        width = conformal_quantile(((truth.position[known] - mean) / sd).abs().cpu().numpy()) / NORMAL_95
        network.position.widening.copy_(torch.as_tensor(width))


def predict_rows(fitted: FittedNeurons, rows: Int[np.ndarray, " rows"]) -> NeuronPrediction:
    """Average of the members: class probabilities, and the mixture's mean and standard deviation of the position.

    Args:
        fitted: The fitted networks, as `fit_neurons` returns them.
        rows: Rows of `NodeInputs` that have a function.
    """
    at = torch.as_tensor(np.searchsorted(fitted.world.rows, rows))
    types, layers, means, variances = [], [], [], []
    world = fitted.world
    with torch.no_grad():
        for network in fitted.networks:
            read = network(network.view(world.own, world.told, world.edges).rows(at.to(world.own.device)))
            types.append(torch.softmax(network.cell_type(read), 1).cpu().numpy().astype(np.float64))
            layers.append(torch.softmax(network.layer(read), 1).cpu().numpy().astype(np.float64))
            mean, sd = network.position(read)
            means.append(mean.cpu().numpy().astype(np.float64))
            variances.append(sd.cpu().numpy().astype(np.float64) ** 2)
    mean = np.mean(means, axis=0)
    sd = np.sqrt(np.mean(variances, axis=0) + np.var(means, axis=0))
    return NeuronPrediction(np.mean(types, axis=0), np.mean(layers, axis=0), mean, sd)
