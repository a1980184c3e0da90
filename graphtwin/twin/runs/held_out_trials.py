"""How well a twin, or any model, predicts trials that no fit read: scores of units and of kinds of stimulus, beside simple models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.kinds import TWIN, folders_of
from graphtwin.parallel import Device, device_of
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording
from graphtwin.told import told_by_fields
from graphtwin.twin.runs.answering import joined_stamps
from graphtwin.twin.runs.twin_folder import load_twin, open_animal

if TYPE_CHECKING:
    from graphtwin.twin.data import Clips
    from graphtwin.twin.fitting import FittedTwin
    from graphtwin.twin.scores import EnergyRidge, StimulusSums

SCORED_TIERS = ("test", "oracle")  # tiers of repeated clips in the releases of 2022 and 2023


@told_by_fields
@dataclass(frozen=True)
class Scored:
    """How well a model predicts held-out trials.

    Attributes:
        units: Scores of units, one row each: keys, scores with their 95 % intervals over stimuli, bits per response, what is to be known
            of the unit's scores, the ridge's scores (`ridge_*`), and the fingerprints of the twin (`twin`, `twin_core`) where it is one.
        kinds: Scores of kinds of stimulus, one row a kind and score: medians over units with their intervals; see `score_kinds`.
        baselines: The model against a ridge on energies and against the mean response; see `compare`.
    """

    units: pd.DataFrame
    kinds: pd.DataFrame
    baselines: pd.DataFrame


def score_twin(
    run: str | Path | FittedTwin,
    folder: str | Path,
    tiers: tuple[str, ...] | None = None,
    left_out_s: float | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: bool = False,
) -> Scored:
    """Score an animal's held-out trials; of several twins the mean prediction, and the mixture of their response distributions.

    Args:
        run: Folder of a twin that has this animal, or of several that `graphtwin twin train --seeds` filled; or a twin that lies in one.
        folder: Folder or file of the recording.
        tiers: Tiers that are scored. None scores units on `test` and `oracle`, those that exist, and kinds on every tier with responses
            that no fit reads: what the twin was never trained on as well.
        left_out_s: Seconds at the start of each clip that do not count; None leaves 5/3 s out, 50 frames at 30 Hz.
        seed: Seed of the intervals.
        device: Device on which torch computes.
        progress: Show a progress bar.

    Examples:
        >>> scored = graphtwin.twin.score(twin, "recording", left_out_s=0.2)
        >>> scored
        Scored
          units: table of 5 rows x 32 columns
          kinds: table of 7 rows x 11 columns
          baselines: table of 16 rows x 15 columns
        >>> scored.units[["cc_abs", "cc_max", "cc_norm"]].shape
        (5, 3)
    """
    folders = folders_of(Path(run), TWIN)
    recording, *_ = [open_animal(each, folder, tiers) for each in folders]

    from graphtwin.twin.fitting import seen_by
    from graphtwin.twin.scores import LEFT_OUT_S, fit_energy_ridge, held_in, long_enough, sums_of, tell_free_repeats

    fits = [load_twin(each) for each in folders]
    for each in fits:
        each.twin.to(device_of(device))
    left_out_s, fitted = LEFT_OUT_S if left_out_s is None else left_out_s, fits[0]
    test = long_enough(fitted.clips(recording, tiers or held_out_tiers(recording, fitted)), left_out_s)
    tell_free_repeats(test)
    train = fitted.training(recording)
    _require_same_scales(fits, folders, recording.name)
    sums = sums_of(fitted.twin, test, left_out_s, train, progress, [each.twin for each in fits[1:]])
    head = fitted.twin.animal(recording.name)
    delay_s = float(head.delay_s) + fitted.config.expected_delay_s
    seen, places = seen_by(train, head), head.readout.mean_positions().detach().cpu().double().numpy()
    ridge = fit_energy_ridge(seen, places, delay_s, seed, progress)
    model = "twin" if len(fits) == 1 else f"mean of {len(fits)} twins"
    scored = _scored(sums.predicting(held_in(train)), ridge, train, seen_by(test, head), tiers, left_out_s, model, seed)
    return replace(scored, units=scored.units.assign(**joined_stamps(fits)))


def _require_same_scales(fits: Sequence[FittedTwin], folders: Sequence[Path], name: str) -> None:
    """Raise unless all twins standardise the recording alike: scores take the responses on one scale."""
    scales = [each.animals[name].scales for each in fits]
    differ = [
        str(folder)
        for folder, theirs in zip(folders, scales, strict=True)
        if not (np.allclose(theirs.responses, scales[0].responses) and np.allclose(theirs.origin, scales[0].origin))
    ]
    if differ:
        raise ValueError(
            f"{name}: {len(differ)} of {len(fits)} twins ({', '.join(differ)}) have other scales of responses than {folders[0]}: they were "
            "trained on other trials. Score each alone, or train on a recording with a tier validation, which all seeds leave out."
        )


def score_predictions(
    predictions: str | Path | Float[np.ndarray, ...],
    folder: str | Path,
    tiers: tuple[str, ...] | None = None,
    left_out_s: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Scored:
    """Score what any model predicts of a recording's held-out trials.

    Args:
        predictions: Array, or .npy file of it: (trials, units) of pictures, (trials, frames, units) of movies, in the units of the
            recording, a row a trial with responses of these tiers, in the order of their numbers; a trial that is shorter than others ends
            in NaN.
        folder: Folder or file of the recording.
        tiers: Tiers that are scored; None takes `test` and `oracle`, those that exist.
        left_out_s: Seconds at the start of each clip that do not count; None leaves 5/3 s out, 50 frames at 30 Hz.
        seed: Seed of the intervals.
        progress: Show a progress bar.

    Examples:
        >>> said = np.full((3 + 3, 80, 5), 0.5)  # trials x frames x units, here all alike
        >>> graphtwin.twin.score_predictions(said, "recording", left_out_s=0.2).kinds["kind"].unique()
        array(['video'], dtype=object)
    """
    from graphtwin.coordinates import frames_of
    from graphtwin.twin.data import clips_of, held_out_clips, locate_fields, require_tiers
    from graphtwin.twin.runs.video import read_video, stamps_beside

    origin = str(predictions) if isinstance(predictions, (str, Path)) else "predictions"
    array = read_video(predictions, "predictions") if isinstance(predictions, (str, Path)) else predictions
    recording = open_recording(folder)
    require_tiers(recording, *((tier,) for tier in tiers or ()), tiers or SCORED_TIERS)

    from graphtwin.twin.fitting import seen_as_declared
    from graphtwin.twin.scores import LEFT_OUT_S, answers_of, fit_energy_ridge, gather_sums, long_enough, showings, tell_free_repeats

    told = stamps_beside(Path(predictions), recording.name) if isinstance(predictions, (str, Path)) else {}
    train, validation = clips_of(recording, seed=seed)
    test = held_out_clips(train, tiers or SCORED_TIERS)
    left_out_s = LEFT_OUT_S if left_out_s is None else left_out_s
    answers, test = answers_of(array, test, origin), long_enough(test, left_out_s)
    tell_free_repeats(test)
    sums = gather_sums(showings(test, answers, progress), frames_of(left_out_s, test.frame_rate_hz))
    train, test = seen_as_declared(train), seen_as_declared(test)
    fields = locate_fields(train, progress=progress)
    learned = replace(train, rows=np.sort(np.concatenate([train.rows, validation.rows])))
    ridge = fit_energy_ridge(learned, fields.centres, fields.delay_s, seed, progress)
    scored = _scored(sums, ridge, learned, test, tiers, left_out_s, "model", seed)
    return replace(scored, units=scored.units.assign(**told))


def _scored(
    sums: StimulusSums,
    ridge: EnergyRidge,
    train: Clips,
    test: Clips,
    tiers: tuple[str, ...] | None,
    left_out_s: float,
    model: str,
    seed: int,
) -> Scored:
    """Tables of a model's sums and those of the simple models on the same trials."""
    from graphtwin.twin.scores import MEAN, RIDGE, compare, held_in, mean_response_sums, ridge_sums, score_kinds, score_units, stimuli_of

    stimuli, kinds = stimuli_of(test), frozenset(stimuli_of(train)["kind"])
    main = stimuli["tier"].isin(tiers or SCORED_TIERS).to_numpy(bool)
    main = main if main.any() else np.ones(len(main), dtype=bool)
    simple = {RIDGE: ridge_sums(ridge, test, left_out_s), MEAN: mean_response_sums(sums, ridge.mean)}
    held = held_in(train)
    others = {name: of.predicting(held) for name, of in simple.items()}
    units = score_units(sums.of(main), test.recording.units, seed, others={RIDGE: others[RIDGE].of(main)})
    return Scored(units, score_kinds(sums, stimuli, kinds, seed=seed), compare(sums, others, stimuli, main, model, seed))


def held_out_tiers(recording: Recording, fitted: FittedTwin) -> tuple[str, ...]:
    """Tiers with responses that are neither fitted nor stop a fit; those scored by default where there are no others."""
    clips, trials = fitted.config.clips, recording.trials
    read = {*clips.train_tiers, *clips.validation_tiers, "none", ""}
    found = trials.loc[trials["has_responses"].astype(bool), "tier"].unique()
    return tuple(sorted(set(found) - read)) or SCORED_TIERS
