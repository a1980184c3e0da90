"""A recorded population as the latent population model reads it: a twin's predictions beside single responses, a few samples a second."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.progress import tqdm
from graphtwin.twin.data import Clips, joined_clips
from graphtwin.twin.model import Twin
from graphtwin.twin.scores import predict_trials, stimuli_together
from graphtwin.twin.settings import RecordedPopulationConfig


@dataclass(frozen=True)
class RecordedPopulation:
    """Samples of some trials, in order of recording.

    Attributes:
        predicted: Expected responses of the twin, standardised.
        responses: Responses of single trials, standardised; as they were counted where the model is one of counts. NaN where a unit was not
            held.
        trial: Number of each sample's trial, from 0.
        stimulus: Number of each sample's stimulus and place in it; repeats have the same.
    """

    predicted: Float[np.ndarray, "samples units"]
    responses: Float[np.ndarray, "samples units"]
    trial: Int[np.ndarray, " samples"]
    stimulus: Int[np.ndarray, " samples"]

    def of_units(self, units: Int[np.ndarray, " some"]) -> RecordedPopulation:
        """Samples of some units."""
        return RecordedPopulation(self.predicted[:, units], self.responses[:, units], self.trial, self.stimulus)

    def of_held(self) -> RecordedPopulation:
        """Samples in which a unit was held."""
        kept = np.isfinite(self.responses).any(1)
        return self if kept.all() else RecordedPopulation(*(part[kept] for part in vars(self).values()))

    def repeats_dealt(self, seed: int) -> RecordedPopulation:
        """The null: each unit's repeats of a stimulus in an order of its own, responses with their predictions.

        Every unit keeps its signal, its noise and how well it is predicted; nothing but the stimulus is shared any more.
        """
        predicted, responses = self.predicted.copy(), self.responses.copy()
        units = np.arange(responses.shape[1])
        for at in np.unique(self.stimulus):
            rows = np.flatnonzero(self.stimulus == at)
            rng = rng_for(seed, "repeats dealt", int(self.trial[rows[0]]))  # drawn alike for all places of a stimulus: trials stay whole
            order = rows[rng.permuted(np.tile(np.arange(len(rows))[:, None], len(units)), axis=0)]
            predicted[rows], responses[rows] = self.predicted[order, units], self.responses[order, units]
        return RecordedPopulation(predicted, responses, self.trial, self.stimulus)


def _require_single(clips: Clips) -> None:
    """Raise where trials are means over showings, which have lost what units share beyond the stimulus."""
    trials = clips.recording.trials.iloc[clips.rows]
    means = trials["n_repeats"] > 1
    if means.any():
        tiers = "|".join(sorted(set(trials["tier"][means].astype(str))))
        raise ValueError(
            f"{clips.name}: {int(means.sum())} of {len(trials)} trials of tier {tiers} are means of about "
            f"{trials['n_repeats'][means].median():g} showings. Noise that units share is told by single trials alone: export these."
        )


def read_population(
    twin: Twin, clips: Clips, config: RecordedPopulationConfig, repeated: bool = False, progress: bool = False
) -> RecordedPopulation:
    """Predictions and responses of trials.

    Args:
        twin: Twin in eval mode.
        clips: Clips whose trials are read.
        config: Settings of what is read.
        repeated: Read only stimuli that were shown at least twice.
        progress: Show a progress bar.
    """
    _require_single(clips)
    every = 1 if clips.pictures else max(1, round(clips.frame_rate_hz / config.samples_hz))
    first_frame = frames_of(config.left_out_s, clips.frame_rate_hz)
    shown = [rows for rows in clips.repeats().values() if len(rows) > 1 or not repeated]
    read: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    places = 0
    for together in tqdm(list(stimuli_together(shown, clips.pictures)), desc="stimuli", disable=not progress, leave=False):
        windows = {int(row): clips.read(int(row)) for row in np.concatenate(together)}
        seen = [joined_clips(list(windows.values()))] if clips.pictures else windows.values()
        answers = dict(zip(windows, chain.from_iterable(predict_trials(twin, clips.name, window) for window in seen), strict=True))
        for rows in together:
            with_units = [int(row) for row in rows if windows[int(row)].counted.any()]
            if len(with_units) < (2 if repeated else 1):
                continue
            of_stimulus = [windows[row].counted[0] for row in with_units]
            counted = np.logical_and.reduce([one[: min(map(len, of_stimulus))] for one in of_stimulus])
            kept = np.flatnonzero(counted)
            kept = kept[kept >= first_frame][::every]
            for row in with_units:
                read[row] = answers[row][kept], windows[row].known()[0, kept], places + np.arange(len(kept))
            places += len(kept)
    if not shown:
        raise ValueError(
            f"{clips.name}: none of {len(clips.repeats())} stimuli was shown twice. "
            "Noise correlations need repeats: choose a tier that has them."
        )
    if not places:
        raise ValueError(
            f"{clips.name}: {len(clips.rows)} trials have no frame that counts after the first {config.left_out_s:g} s, "
            f"the longest lasts {clips.n_frames().max() / clips.frame_rate_hz:g} s. Lower left_out_s."
        )
    parts = [read[row] for row in sorted(read)]
    predicted, responses, stimulus = (np.concatenate(part) for part in zip(*parts, strict=True))
    if config.population.kind == "counts":
        responses = as_counts(responses, clips.scales.responses)
    return RecordedPopulation(predicted, responses, np.repeat(np.arange(len(parts)), [len(part[2]) for part in parts]), stimulus)


def as_counts(responses: Float[np.ndarray, "samples units"], deviation: Float[np.ndarray, " units"]) -> Float[np.ndarray, "samples units"]:
    """Standardised responses as they were counted; those that were no counts stay fractions, which the population model refuses.

    Args:
        responses: Responses over each unit's deviation, in single precision.
        deviation: Deviation that divided them.
    """
    counted = responses.astype(np.float64) * deviation
    whole = np.round(counted)
    return np.where(np.abs(counted - whole) < 1e-5 * np.maximum(whole, 1.0), whole, counted).astype(np.float32)
