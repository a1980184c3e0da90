"""Predictions of any model, as an array beside the trials that they are of."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from jaxtyping import Shaped

from graphtwin.twin.data import Clips, Window

TRANSPOSED = 0.15  # by how much the median correlation of an array must rise when it is transposed to be called so
log = logging.getLogger("graphtwin")


def _require_predictions(predictions: Shaped[np.ndarray, ...], clips: Clips, origin: str) -> None:
    """Raise unless an array holds a finite prediction for every unit, trial and frame."""
    frames = clips.n_frames()
    wanted = (len(clips.rows), clips.n_units) if clips.pictures else (len(clips.rows), int(frames.max()), clips.n_units)
    named = "(trials, units)" if clips.pictures else "(trials, frames, units)"
    found = predictions.shape
    if found != wanted:
        raise ValueError(f"{origin}: shape {found}, but {named} of what is scored are {wanted}{_why(found, wanted, clips)}.")
    for trial, (values, length) in enumerate(zip(predictions, frames, strict=True)):
        bad = int((~np.isfinite(values if clips.pictures else values[:length])).sum())
        if bad:
            number = clips.recording.trials["trial"].iloc[clips.rows[trial]]
            raise ValueError(
                f"{origin}: {bad} predictions of trial {number} (row {trial} of the array) are NaN or infinite; give a number for each."
            )


def _why(found: tuple[int, ...], wanted: tuple[int, ...], clips: Clips) -> str:
    """What is likely wrong, and what to do."""
    tiers = "|".join(sorted(set(clips.recording.trials["tier"].iloc[clips.rows].astype(str))))
    if len(found) != len(wanted):
        return f": give one row a trial of tier {tiers}, in the order of their numbers"
    if sorted(found) == sorted(wanted):
        return f": bring its axes into that order ({' and '.join(map(str, found))} are {' and '.join(map(str, wanted))} transposed)"
    wrong = [name for name, have, want in zip(_axes(clips), found, wanted, strict=True) if have != want]
    advice = {
        "trials": f"one row a trial of tier {tiers} that has responses, in the order of their numbers",
        "frames": "one prediction a frame from the first on, those that scores leave out among them",
        "units": "one prediction a unit, in the order of the recording's units",
    }
    return f": give {', and '.join(advice[name] for name in wrong)}"


def _axes(clips: Clips) -> tuple[str, ...]:
    return ("trials", "units") if clips.pictures else ("trials", "frames", "units")


def _say_if_transposed(predictions: Shaped[np.ndarray, ...], clips: Clips, origin: str) -> None:
    """Warn where an array of as many trials as units predicts better the other way round: its shape cannot tell."""
    if predictions.ndim != 2 or len(predictions) != predictions.shape[1]:
        return
    responses = np.stack([clips.read(int(row)).responses[0, 0] for row in clips.rows]).astype(np.float64)
    as_given, turned = (_median_correlation(array.astype(np.float64), responses) for array in (predictions, predictions.T))
    if turned > as_given + TRANSPOSED:
        log.warning(
            "%s: has as many trials as units, and predicts better transposed: median correlation %.2f, as given %.2f. A row is a trial.",
            origin, turned, as_given,
        )  # fmt: skip


def _median_correlation(predictions: np.ndarray, responses: np.ndarray) -> float:
    """Median over units of the correlation over trials; 0 where one of both never changes."""
    one, other = (values - values.mean(0) for values in (predictions, responses))
    size = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    return float(np.median(np.divide((one * other).sum(0), size, out=np.zeros(len(size)), where=size > 0)))


def answers_of(
    predictions: Shaped[np.ndarray, ...], clips: Clips, origin: str
) -> Callable[[np.ndarray, list[Window]], list[list[np.ndarray]]]:
    """What `showings` asks for a stimulus: responses and predictions of each showing, both over the units' standard deviations.

    Args:
        predictions: Array of pictures' answers, (trials, units), or of movies', (trials, frames, units), in the units of the recording; a
            trial that is shorter than others ends in NaN.
        clips: Trials that are scored, in the order of their rows.
        origin: Name of the array, for errors.
    """
    _require_predictions(predictions, clips, origin)
    _say_if_transposed(predictions, clips, origin)
    place = {int(row): at for at, row in enumerate(clips.rows)}
    scales = clips.scales

    def answered(rows: np.ndarray, windows: list[Window]) -> list[list[np.ndarray]]:
        found = []
        for row, window in zip(rows, windows, strict=True):
            predicted = (np.asarray(predictions[place[int(row)]], dtype=np.float64) - scales.origin) / scales.responses
            responses = window.responses[0]
            found.append([responses, np.broadcast_to(predicted, responses.shape) if clips.pictures else predicted[: len(responses)]])
        return found

    return answered
