"""One fit loop: batches in, best weights out; progress, early stopping, checkpoints that a killed run resumes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.execute import rng_for, seed_for, torch_seeded
from graphtwin.parallel import agreed, process_number

if TYPE_CHECKING:
    import torch


class FitConfig(BaseModel):
    """How long weights are fitted and how fast they move."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(8, ge=1, description="Passes over the training data at most; the learning rate rises and falls once over them.")
    patience: int = Field(3, ge=1, description="Epochs without a better validation loss before the fit stops.")
    learning_rate: float = Field(6e-3, gt=0, description="Largest learning rate of the fit, after it has risen and before it falls.")
    weight_decay: float = Field(0.02, ge=0, description="Weight decay of the optimiser AdamW.")


@dataclass
class FitState:
    """The state in which a fit stands after an epoch.

    Attributes:
        epoch: Number of epochs done.
        best_loss: Lowest validation loss so far.
        best: Weights that gave the lowest validation loss.
        history: Training and validation loss of every epoch so far.
    """

    epoch: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: torch.nn.Module,
    batches: Callable[[np.random.Generator], Iterable[Callable[[], torch.Tensor]]],
    n_batches: int,
    validation_loss: Callable[[], float],
    config: FitConfig,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
    progress: bool = False,
    optimisers: Sequence[torch.optim.Optimizer] | None = None,
) -> FitState:
    """Minimise the batches' losses and leave the model with its best weights, those it came with among them.

    An epoch's draws depend on seed, name and epoch alone: a fit resumed from its checkpoint ends in the same weights as one never stopped.

    Args:
        model: Model whose parameters are fitted in place.
        batches: Function that, given an epoch's generator, yields one closure a step that returns the loss (dropout seeds are set here).
        n_batches: Number of steps in an epoch, the same in every epoch.
        validation_loss: Function that returns the loss on the validation side; the model is in eval mode when it is called.
        config: Settings of the fit: epochs, patience, learning rate and weight decay.
        seed: The run's seed.
        name: Name of what is fitted, which names its draws, its progress bar and the checkpoint.
        checkpoint: File that is written after every epoch; read first if it is there.
        progress: Show a bar.
        optimisers: Optimisers of the model's parameters, each group's learning rate its peak; None makes one AdamW as `config` has it.
    """
    import torch

    from graphtwin.progress import tqdm

    if optimisers is None:
        optimisers = [torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)]
    schedules = [_one_cycle(optimiser, config.epochs * n_batches + 1) for optimiser in optimisers]
    state = FitState()
    device = next(model.parameters()).device
    identity = f"{name}, seed {seed}, {n_batches} steps an epoch, {config}"
    if checkpoint is not None and checkpoint.exists():
        state = _restore(checkpoint, model, optimisers, schedules, identity)
    else:
        _measure(state, model, 0.0, validation_loss)
    bar = tqdm(total=config.epochs, initial=state.epoch, desc=name, unit="epoch", disable=not progress, leave=False)
    while state.epoch < config.epochs and state.epoch - state.best_epoch < config.patience:
        with torch_seeded(int(seed_for(seed, name, "torch", state.epoch).generate_state(1, np.uint32)[0]), device), _told_of_weights(model):
            loss = _epoch(model, batches(rng_for(seed, name, "epoch", state.epoch)), optimisers, schedules)
            _advance(state, model, loss, validation_loss)
        bar.update()
        bar.set_postfix(validation=f"{state.history[-1]['validation']:.4f}")
        if checkpoint is not None and process_number() == 0:
            _save(checkpoint, model, optimisers, schedules, state, identity)
    bar.close()
    model.load_state_dict(state.best)
    model.eval()
    return state


def _epoch(
    model: torch.nn.Module, steps: Iterable[Callable[[], torch.Tensor]], optimisers: Sequence[Any], schedules: Sequence[Any]
) -> float:
    """One step of every optimiser for each loss; returns the mean loss."""
    model.train()
    losses, weights = [], list(model.parameters())
    for closure in steps:
        for values in weights:  # `model.zero_grad` walks through all modules, which takes as long as a small loss
            values.grad = None
        loss = closure()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


@contextmanager
def _told_of_weights(model: torch.nn.Module) -> Iterator[None]:
    """Where torch cannot compute because weights are no numbers any more, an error that says so."""
    try:
        yield
    except RuntimeError as error:
        if all(bool(value.isfinite().all()) for value in model.parameters()):
            raise
        raise FloatingPointError(
            "weights became infinite or NaN. Lower the learning rate (--set ...learning_rate=0.001), or look for extreme inputs."
        ) from error


def _one_cycle(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """The learning rate of every group up to its peak and down again."""
    import torch

    return torch.optim.lr_scheduler.OneCycleLR(optimiser, [group["lr"] for group in optimiser.param_groups], total_steps=steps)


def _advance(state: FitState, model: torch.nn.Module, training_loss: float, validation_loss: Callable[[], float]) -> None:
    """Close an epoch."""
    state.epoch += 1
    state.history.append({"training": training_loss, "validation": _measure(state, model, training_loss, validation_loss)})


def _measure(state: FitState, model: torch.nn.Module, training_loss: float, validation_loss: Callable[[], float]) -> float:
    """The validation loss after `state.epoch` epochs; the weights are kept when they are the best so far."""
    model.eval()
    loss = agreed(validation_loss())
    if not np.isfinite([training_loss, loss]).all():
        raise FloatingPointError(
            f"epoch {state.epoch}: training loss {training_loss}, validation loss {loss}. "
            "Lower the learning rate (--set ...learning_rate=0.001) or look for extreme values in the inputs."
        )
    if loss < state.best_loss:
        state.best_loss, state.best_epoch = loss, state.epoch
        state.best = {key: value.detach().clone() for key, value in model.state_dict().items()}
    return loss


def _save(path: Path, model: Any, optimisers: Sequence[Any], schedules: Sequence[Any], state: FitState, name: str) -> None:
    content = {
        "name": name,
        "model": model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "schedules": [schedule.state_dict() for schedule in schedules],
        "state": vars(state),
    }
    write_tensors(content, path)


def _restore(path: Path, model: Any, optimisers: Sequence[Any], schedules: Sequence[Any], name: str) -> FitState:
    """The state of a stopped fit; an error when the file belongs to another fit."""
    content = read_tensors(path)
    if not isinstance(content, dict) or not content.keys() >= {"name", "model", "optimisers", "schedules", "state"}:
        raise ValueError(f"{path}: is no checkpoint of a fit. Delete it: the fit begins anew.")
    if content["name"] != name:
        raise ValueError(f"{path}: the checkpoint of {content['name']!r}, not of {name!r}. Delete it, or name another folder.")
    try:
        model.load_state_dict(content["model"])
        for part, saved in zip([*optimisers, *schedules], [*content["optimisers"], *content["schedules"]], strict=True):
            part.load_state_dict(saved)
        return FitState(**content["state"])
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: does not fit this model ({error}). Delete it: the settings or the data have changed.") from error
