"""A fit that sees whole trials at every step: first those of one batch, then all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.execute import rng_for
from graphtwin.motor.fitting.objective import Objective
from graphtwin.motor.fitting.quasi_newton import Descent
from graphtwin.motor.model import MotorConfig
from graphtwin.progress import tqdm
from graphtwin.shapes import Float

OF_NOISE = 0.3  # unit of the log noise, which has no prior
KEPT = 2**26  # numbers of states that are kept between forward and back; where trials have more, they run in windows
EVERY = 5  # steps from one look at held-out trials to the next
SAVED_EVERY = 20  # steps from one checkpoint to the next

log = logging.getLogger("graphtwin")


@dataclass
class Stage:
    """Where a fit stands.

    Attributes:
        number: 0 while one batch is fitted, 1 while all trials are.
        epoch: Steps of this stage.
        best_loss: Lowest validation loss.
        best_epoch: Step of this stage at which it was reached.
        best: Numbers that gave it.
        history: Training and validation loss of every fifth step of both stages.
    """

    best: Any
    number: int = 0
    epoch: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Whole:
    """The loss of whole trials, as a function of all parameters in the widths of their priors.

    Args:
        network: The network, a torch module with `Dynamics`, whose parameters are set at every call.
        objective: The recording.
        chosen: Trials, by their places.
        config: Settings.
        anchors: Where priors are centred.
    """

    def __init__(
        self, network: Any, objective: Objective, chosen: np.ndarray, config: MotorConfig, anchors: dict[str, torch.Tensor]
    ) -> None:
        self.network, self.objective, self.anchors = network, objective, anchors
        self.varied = [value for value in network.parameters() if value.requires_grad]
        batch, n_steps = config.batch, objective.trials.n_steps
        parts = [chosen[first : first + batch] for first in range(0, len(chosen), batch)]
        self.count = objective.count(chosen)
        states = n_steps * config.substeps * len(network.present()) * batch
        length = n_steps if states <= KEPT else config.window
        self.batches = [objective.target(part).windows(length) for part in parts]
        self.unit = self._units()

    def _units(self) -> np.ndarray:
        """Widths of the priors, which are normal: the inverse root of their curvature, from two slopes."""
        slopes = []
        for step in (0.0, 1.0):
            moved = {name: anchor + step for name, anchor in self.anchors.items()}
            found = torch.autograd.grad(self.network.prior(moved), self.varied, allow_unused=True)
            slopes.append(np.concatenate([_flat(value, own) for value, own in zip(found, self.varied, strict=True)]))
        curved = slopes[0] - slopes[1]
        return np.where(curved > 0, 1 / np.sqrt(np.where(curved > 0, curved, 1)), OF_NOISE)

    def place(self) -> Float[np.ndarray, " numbers"]:
        """The parameters as they are."""
        return np.concatenate([_flat(value.detach(), value) for value in self.varied]) / self.unit

    def move_to(self, place: Float[np.ndarray, " numbers"]) -> None:
        """Set the parameters."""
        values, at = torch.from_numpy(place * self.unit), 0
        with torch.no_grad():
            for value in self.varied:
                value.copy_(values[at : at + value.numel()].reshape(value.shape))
                at += value.numel()

    def __call__(self, place: Float[np.ndarray, " numbers"]) -> tuple[float, Float[np.ndarray, " numbers"]]:
        """Loss and gradient; infinite where a state explodes."""
        self.move_to(place)
        self.network.zero_grad(set_to_none=True)
        try:
            loss = self.objective.descend(self.network, self.batches, lambda: self.network.prior(self.anchors) / self.count)
        except FloatingPointError:
            return np.inf, np.zeros_like(place)
        slope = np.concatenate([_flat(value.grad, value) for value in self.varied]) * self.unit
        return (loss, slope) if np.isfinite(slope).all() and np.isfinite(loss) else (np.inf, np.zeros_like(place))


def _flat(values: torch.Tensor | None, of: torch.Tensor) -> np.ndarray:
    """A parameter's numbers, or its gradient's, in a row; zeros where it has no gradient."""
    return np.zeros(of.numel()) if values is None else values.numpy().ravel().astype(np.float64)


def fit_whole(
    network: Any,
    objective: Objective,
    training: np.ndarray,
    held_out: np.ndarray,
    config: MotorConfig,
    anchors: dict[str, torch.Tensor],
    seed: int,
    name: str,
    checkpoint: Path | None,
    progress: bool,
    wake: Callable[[], object] | None = None,
) -> tuple[dict[str, float], ...]:
    """Fit a network to whole trials, and leave it with the numbers of the lowest loss on held-out trials.

    Args:
        network: The network, a torch module with `Dynamics`, where the fit begins.
        objective: The recording.
        training: Trials that are fitted, by their places; a random batch of them first, which costs less and brings most.
        held_out: Trials that stop the fit.
        config: Settings.
        anchors: Where priors are centred.
        seed: Root of the random draws.
        name: Name of the fit: of its draws, its bar and its checkpoint.
        checkpoint: File that is written now and then, and read first if it is there.
        progress: Show a bar.
        wake: Makes silent neurons of the network active again; the batch is then fitted twice,
            and they are woken after either time. None leaves them.

    Returns:
        Training and validation loss of every fifth step.
    """
    first = rng_for(seed, name, "first trials").permutation(training)[: config.batch]
    batch, whole = (Whole(network, objective, chosen, config, anchors) for chosen in (np.sort(first), training))
    functions = [batch, whole] if wake is None else [batch, batch, whole]
    early = config.fit.epochs if config.first_epochs is None else config.first_epochs
    limits = [*(early for _ in functions[1:]), config.fit.epochs]
    identity = f"{name}, seed {seed}, {config.fit}"
    if checkpoint is not None and checkpoint.exists():
        stage, descent = _restored(checkpoint, identity)
    else:
        objective.mean_loss(network, training, config.window, config.batch)  # a circuit that explodes before any step says where
        stage = Stage(functions[0].place())
        descent = Descent.at(functions[0], stage.best, config.memory)
    bar = tqdm(
        total=sum(limits), initial=sum(limits[: stage.number]) + stage.epoch, desc=name, unit="epoch", disable=not progress, leave=False
    )
    while stage.number < len(functions):
        function, limit = functions[stage.number], limits[stage.number]
        patience = max(config.fit.patience, EVERY)  # no stage ends before held-out trials were looked at
        moved = stage.epoch < limit and stage.epoch - stage.best_epoch < patience and descent.step(function)
        if moved:
            stage.epoch += 1
            if stage.epoch % EVERY == 0 or stage.epoch == limit:
                _measure(stage, descent, function, held_out, config)
            bar.update()
        else:
            stage.number, stage.epoch, stage.best_epoch = stage.number + 1, 0, 0
            if stage.number < len(functions):
                descent = _begun(functions[stage.number], stage.best, wake, config.memory)
        if checkpoint is not None and (stage.epoch % SAVED_EVERY == 0 or not moved):
            _save(checkpoint, identity, stage, descent)
    bar.close()
    functions[-1].move_to(stage.best)
    network.eval()
    return tuple(stage.history)


def _begun(function: Whole, best: np.ndarray, wake: Callable[[], object] | None, memory: int) -> Descent:
    """A descent from the best numbers so far, with which no neuron is silent, where that is asked for and nothing explodes."""
    function.move_to(best)
    if wake is not None:
        try:
            wake()
            woken = Descent.at(function, function.place(), memory)
        except FloatingPointError:
            woken = None
        if woken is not None and np.isfinite(woken.value):
            return woken
        log.warning("With silent neurons made active again states leave all bounds: they are left silent, and the fit goes on from there.")
    return Descent.at(function, best, memory)


def _measure(stage: Stage, descent: Descent, function: Whole, held_out: np.ndarray, config: MotorConfig) -> None:
    """The loss of held-out trials after a step; its numbers are kept where it is the lowest so far."""
    function.move_to(descent.place)
    try:
        loss = function.objective.mean_loss(function.network, held_out, config.window, config.batch)
    except FloatingPointError:  # a held-out trial explodes where no training trial does: not the lowest loss
        loss = float("inf")
    stage.history.append({"training": descent.value, "validation": loss})
    if loss < stage.best_loss:
        stage.best_loss, stage.best_epoch, stage.best = loss, stage.epoch, descent.place.copy()


def _save(path: Path, identity: str, stage: Stage, descent: Descent) -> None:
    """Write where a fit stands; arrays as tensors, so that nothing else need be trusted when it is read."""
    moves, turns = (torch.from_numpy(np.array(part).reshape(-1, len(descent.place))) for part in (descent.moves, descent.turns))
    arrays = {"place": torch.from_numpy(descent.place), "slope": torch.from_numpy(descent.slope), "moves": moves, "turns": turns}
    told = {"stage": vars(stage) | {"best": torch.from_numpy(stage.best)}, "descent": vars(descent) | arrays}
    write_tensors({"name": identity, **told}, path)


def _restored(path: Path, identity: str) -> tuple[Stage, Descent]:
    """Where a stopped fit stands; an error when the file belongs to another fit."""
    content = read_tensors(path)
    if not isinstance(content, dict) or content.keys() != {"name", "stage", "descent"}:
        raise ValueError(f"{path}: is no checkpoint of a fit. Delete it: the fit begins anew.")
    if content["name"] != identity:
        raise ValueError(f"{path}: the checkpoint of {content['name']!r}, not of {identity!r}. Delete it, or name another folder.")
    told = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content["descent"].items()}
    descent = Descent(**told | {"moves": list(told["moves"]), "turns": list(told["turns"])})
    return Stage(**content["stage"] | {"best": content["stage"]["best"].numpy()}), descent
