from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from graphtwin.training import FitConfig, FitState, fit

X = torch.linspace(-1.0, 1.0, 64)[:, None]
Y = 2.0 * X


def new_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))


def run(
    model: torch.nn.Module,
    path: Path | None = None,
    name: str = "line",
    dies_in: int | None = None,
    validation: Callable[[], float] | None = None,
    **config: float,
) -> FitState:
    epochs_begun = [0]

    def error() -> torch.Tensor:
        return ((model(X) - Y) ** 2).mean()

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        epochs_begun[0] += 1
        for step in range(4):
            if epochs_begun[0] == dies_in and step == 2:
                raise KeyboardInterrupt
            rows = torch.as_tensor(rng.permutation(64)[:16])
            yield lambda rows=rows: ((model(X[rows]) - Y[rows]) ** 2).mean()

    settings = FitConfig(**{"epochs": 8, "patience": 8, "learning_rate": 0.05, **config})
    return fit(model, batches, 4, validation or (lambda: float(error().detach())), settings, 3, name, path)


def test_a_fit_killed_within_an_epoch_and_resumed_ends_in_exactly_the_same_weights(tmp_path: Path):
    whole, killed, resumed = new_model(), new_model(), new_model()
    state = run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(killed, tmp_path / "fit.pt", dies_in=4)
    again = run(resumed, tmp_path / "fit.pt")
    assert again.history == state.history
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))


def test_a_fit_stops_when_validation_no_longer_improves_and_keeps_the_best_weights():
    model = new_model()
    losses, seen = iter([9.0, 3.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]), []

    def validation() -> float:
        seen.append({key: value.clone() for key, value in model.state_dict().items()})
        return next(losses)

    state = run(model, validation=validation, patience=3)
    assert (state.best_epoch, state.epoch) == (2, 5)
    assert all(torch.equal(value, seen[2][key]) for key, value in model.state_dict().items())


def test_a_start_that_no_epoch_improves_is_kept():
    model = new_model()
    start = {key: value.clone() for key, value in model.state_dict().items()}
    losses = iter([1.0] + [2.0] * 9)
    assert run(model, validation=lambda: next(losses), patience=2).best_epoch == 0
    assert all(torch.equal(value, start[key]) for key, value in model.state_dict().items())


def test_the_checkpoint_of_another_fit_is_refused(tmp_path: Path):
    run(new_model(), tmp_path / "fit.pt")
    for other in ({"name": "curve"}, {"learning_rate": 0.01}, {"epochs": 9}):
        with pytest.raises(ValueError, match=r"the checkpoint of 'line, .*, not of '.*Delete it"):
            run(new_model(), tmp_path / "fit.pt", **other)


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path):
    run(new_model(), tmp_path / "fit.pt")
    with pytest.raises(ValueError, match="does not fit this model"):
        run(torch.nn.Linear(1, 1), tmp_path / "fit.pt")


@pytest.mark.parametrize("epoch_that_fails", [0, 2])
def test_a_loss_that_is_not_finite_is_an_error_that_says_where_and_what_to_do(epoch_that_fails: int):
    losses = iter([1.0] * epoch_that_fails + [float("nan")] * 9)
    with pytest.raises(FloatingPointError, match=rf"epoch {epoch_that_fails}: .*validation loss nan\. Lower the learning rate"):
        run(new_model(), validation=lambda: next(losses))


class Payload:
    """Pickled, it makes a file wherever it is loaded without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def test_a_checkpoint_that_holds_a_program_is_refused_and_nothing_in_it_runs(tmp_path: Path):
    mark = tmp_path / "it ran"
    torch.save({"name": "line", "state": Payload(mark)}, tmp_path / "fit.pt")
    with pytest.raises(ValueError, match=r"fit\.pt: holds more than tensors, numbers and words.*nothing in it was run\. Delete it"):
        run(new_model(), tmp_path / "fit.pt")
    assert not mark.exists()
    torch.load(tmp_path / "fit.pt", weights_only=False)  # the payload is a live one
    assert mark.exists()


def test_weights_that_are_no_numbers_any_more_are_told_and_not_what_broke_on_them():
    model = new_model()

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        yield lambda: (model(X) * float("inf")).sum()
        yield lambda: torch.bincount(torch.tensor([-1]))

    with pytest.raises(FloatingPointError, match=r"weights became infinite or NaN\. Lower the learning rate"):
        fit(model, batches, 2, lambda: 1.0, FitConfig(epochs=2), 3, "line")


def test_another_error_of_torch_is_not_taken_for_one_of_weights():
    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        yield lambda: torch.bincount(torch.tensor([-1]))

    with pytest.raises(RuntimeError, match="bincount"):
        fit(new_model(), batches, 1, lambda: 1.0, FitConfig(epochs=2), 3, "line")
