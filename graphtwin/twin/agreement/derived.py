"""What one fitted twin says of its units, as arrays that can be laid beside those of another fit of the same animals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import Monitor, frames_of
from graphtwin.insilico import GratingConfig, clip_responses, measure_tuning
from graphtwin.schema import UNIT_KEY
from graphtwin.tuning import embedding_columns, unit_vectors
from graphtwin.twin.data import Clips
from graphtwin.twin.fitting import AnimalResponder, FittedTwin, embed_units, reference_clip, responders, stamps
from graphtwin.twin.scores import LEFT_OUT_S, predict_trials

DISCS_S = 40.0  # seconds of moving discs that are shown where no stimulus is given: 78 bins of half a second
BIN_S = 0.5  # seconds of a bin of predicted responses, as those of in silico correlations
MOST_STIMULI, MOST_PICTURES = 40, 1000  # clips and pictures, at most, whose held-out responses are compared
TOLD_BY_GRATINGS = ("preferred_orientation", "preferred_direction", "gosi", "gdsi")

Stimulus = Callable[[AnimalResponder], Iterator[Float[np.ndarray, "frames height width"]]]


@dataclass(frozen=True)
class Derived:
    """What one fit says of all units, animal after animal.

    Attributes:
        name: Name of the fit, for errors.
        stamps: Fingerprints of the fit and its core, by column.
        units: Units: session, scan_idx, unit_id, animal.
        monitors: Screen of each animal.
        values: Values of the units by quantity, a row a unit: vectors of length 1, angles, numbers, places or responses; NaN where the fit
            says nothing of a unit. Quantities that the fit cannot tell are not there.
        untold: Why quantities are not there, in words, by quantity.
    """

    name: str
    stamps: dict[str, str]
    units: pd.DataFrame
    monitors: dict[str, Monitor]
    values: dict[str, np.ndarray]
    untold: dict[str, str]


def derive(
    fitted: FittedTwin,
    name: str,
    stimulus: Stimulus | None = None,
    held_out: Mapping[str, Clips] | None = None,
    gratings: GratingConfig | None = None,
    progress: bool = False,
) -> Derived:
    """Everything that certificates compare, of all units of a twin.

    Args:
        fitted: Fitted twin.
        name: Name of the fit, for errors.
        stimulus: Function from an animal to the clips over which units are correlated; None shows moving discs, the same for all twins.
        held_out: Held-out trials of animals by name, whose responses are predicted; those of other animals are not compared.
        gratings: Gratings that tell tuning; None takes those of `insilico tune`.
        progress: Show progress bars.
    """
    embedded = embed_units(fitted)
    vectors = embedded[embedding_columns(embedded)].to_numpy(np.float64)
    values = {
        "embedding": np.where(np.any(vectors != 0, axis=1, keepdims=True), vectors, np.nan),
        "rf_position": embedded[["rf_x", "rf_y"]].to_numpy(np.float64),
    }
    untold: dict[str, str] = {}
    if all(np.isfinite(seen.frame_rate_hz) for seen in fitted.animals.values()):
        tuning = measure_tuning(responders(fitted), gratings, progress)
        values |= {told: tuning[told].to_numpy(np.float64) for told in TOLD_BY_GRATINGS}
        shown = [clip_responses(animal, (stimulus or moving_discs)(animal), progress) for animal in responders(fitted)]
        values["in_silico_correlation"] = unit_vectors(np.concatenate(shown))
    else:
        untold = dict.fromkeys((*TOLD_BY_GRATINGS, "in_silico_correlation"), "the twin saw single pictures, in which nothing moves")
    if held_out:
        values["predicted_response"] = _predicted(fitted, held_out)
    else:
        untold["predicted_response"] = "no recording was given, whose held-out trials would be predicted"
    monitors = {animal: seen.monitor for animal, seen in fitted.animals.items()}
    return Derived(name, stamps(fitted), units_of(fitted), monitors, values, untold)


def moving_discs(animal: AnimalResponder) -> Iterator[Float[np.ndarray, "frames height width"]]:
    """One clip of discs that move and hide each other, at the mean and contrast that the twin was trained on."""
    mean, deviation = animal.grey
    yield (mean + deviation * reference_clip(*animal.size, frames_of(DISCS_S, animal.frame_rate_hz))).astype(np.float32)


def _predicted(fitted: FittedTwin, held_out: Mapping[str, Clips]) -> Float[np.ndarray, "units samples"]:
    """Predicted responses to held-out stimuli, each once; rows of animals that saw fewer of them end in zeros, which change no r."""
    parts = [
        _of_animal(fitted, held_out[name]) if name in held_out else np.full((len(seen.units), 1), np.nan)
        for name, seen in fitted.animals.items()
    ]
    longest = max(part.shape[1] for part in parts)
    centred = [part - part.mean(1, keepdims=True) for part in parts]
    return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in centred])


def _of_animal(fitted: FittedTwin, clips: Clips) -> Float[np.ndarray, "units samples"]:
    """Expected responses to each stimulus: to each picture, or in half seconds of each clip that count."""
    parts = []
    for window in shown_once(clips).whole():
        answers = predict_trials(fitted.twin, clips.name, window)
        parts.append(answers[:, 0].T if clips.pictures else binned_late(answers[0], clips.frame_rate_hz))
    found = np.concatenate(parts, axis=1)
    return found if found.shape[1] else np.full((clips.n_units, 1), np.nan)  # no clip is longer than what does not count


def shown_once(clips: Clips) -> Clips:
    """The first showing of each stimulus, of no more than are compared."""
    first = np.array([rows[0] for rows in clips.repeats().values()])
    return replace(clips, rows=first[: MOST_PICTURES if clips.pictures else MOST_STIMULI])


def binned_late(responses: Float[np.ndarray, "frames units"], frame_rate_hz: float) -> Float[np.ndarray, "units bins"]:
    """Mean response in each whole bin of one clip, without the start that scores leave out."""
    late, per_bin = responses[frames_of(LEFT_OUT_S, frame_rate_hz) :], max(1, frames_of(BIN_S, frame_rate_hz))
    whole = len(late) // per_bin
    return np.asarray(late[: whole * per_bin].reshape(whole, per_bin, responses.shape[1]).mean(1).T)


def units_of(fitted: FittedTwin) -> pd.DataFrame:
    """Units of all animals of a twin, one animal after the other: session, scan_idx, unit_id, animal."""
    return pd.concat([seen.units[UNIT_KEY].assign(animal=name) for name, seen in fitted.animals.items()], ignore_index=True)


def require_alike(fits: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Raise unless there are two or more fits, of the same animals, with the same units in the same order.

    Args:
        fits: Name of each fit and its units, see `units_of`.
    """
    same = "Fits are compared on the same units: give twins of the same recordings."
    if len(fits) < 2:
        raise ValueError(f"{len(fits)} fit of these animals: agreement is between two or more. Give more, or train some with --seeds.")
    (first, units), *others = fits
    known = set(units["animal"])
    for name, theirs in others:
        found = set(theirs["animal"])
        if found != known:
            lacking, more = sorted(known - found), sorted(found - known)
            told = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {', '.join(more)} as well"] * bool(more)
            listed = f"of the {len(known)} animals of {first} ({', '.join(sorted(known))})"
            raise ValueError(f"{name}: {' and '.join(told)}, {listed}. {same}")
        for animal in known:
            one, two = (table[table["animal"] == animal][UNIT_KEY].to_numpy() for table in (units, theirs))
            if not np.array_equal(one, two):
                raise ValueError(f"{name}: {animal} has {len(two)} units, not the {len(one)} of {first} in the same order. {same}")
