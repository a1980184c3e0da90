"""Where each unit's receptive field lies, by reverse correlation: the start of readout positions, which decides how a fit ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.twin.data.clips import Clips, Window
from graphtwin.twin.data.field_choice import FieldChoice, FieldGuess, choose
from graphtwin.twin.data.field_evidence import FieldEvidence, Prior, Tally, peaks
from graphtwin.twin.data.field_map import fit_map
from graphtwin.twin.data.motion_energy import EnergyBank, energy_bank

log = logging.getLogger("graphtwin")

# Exponent of responses: deconvolved activity is sparse and heavy-tailed; its root is told from noise with fewer samples.
RESPONSE_POWER = 0.35
GAZE_PRIOR = 1 / 24  # SD of the entries of the gaze map before it was seen, in heights of the video
GAZE_PASSES = 2  # passes over the data that find how the eye moves fields; 0 does not ask
GAZE_SAMPLES = 1800  # samples, about, from which lag and gaze are found: four minutes of film at 30 Hz
ROWS, COLUMNS = 18, 32  # size of the grid of places at which fields are looked for: 16:9, as most monitors
EVERY_S = 4 / 30  # seconds between the frames of a movie at which energies are taken: neighbouring frames are alike
HELD_BACK = 4  # one trial in so many says which channels tell a unit's field; it then helps to place the field
ITERATIONS = 3  # steps of learning how units weigh energies; a choice
UNITS_OF_CHANCE = 100  # units that say how far correlations scatter by chance
UNITS_OF_LAG, UNITS_OF_GAZE = 200, 1000  # units, at most, from which lag and gaze are found; spread over the recording


class ReverseCorrelationConfig(BaseModel):
    """How receptive fields are found by reverse correlation, which is where readouts start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wavelengths: tuple[float, ...] = Field(
        (0.2, 0.31), min_length=1, description="Wavelengths of the filters, in heights of the video: about the size of receptive fields."
    )
    longest_delay_s: float = Field(0.4, ge=0, description="Longest time from stimulus to response that is tried, in seconds.")


@dataclass(frozen=True)
class Fields:
    """Receptive fields: where and when units see.

    Attributes:
        centres: Centres of the fields at the mean eye position, x rightwards and y downwards, edges of the video at -1 and 1.
        delay_s: Seconds from the stimulus to the responses that tell most of it.
        gaze_px: Pixels by which fields move, rightwards and downwards, for one SD of horizontal and of vertical eye position.
        choice: What told each unit's field, and how well; None of fewer trials than one can be held back of.
    """

    centres: Float[np.ndarray, "units 2"]
    delay_s: float
    gaze_px: Float[np.ndarray, "2 2"]
    choice: FieldChoice | None = None


@dataclass(frozen=True)
class Seen:
    """What a trial showed and how units answered.

    Attributes:
        energies: Energies at each place, as `EnergyBank.energies` has them.
        light: Light at each place, as `EnergyBank.light` has it.
        responses: Roots of the mean of three responses at each lag, NaN where one was not held.
        eye: Eye positions.
    """

    energies: Float[np.ndarray, "samples channels rows columns"]
    light: Float[np.ndarray, "samples lights rows columns"]
    responses: Float[np.ndarray, "lags samples units"]
    eye: Float[np.ndarray, "samples 2"]


def locate_fields(
    clips: Clips,
    config: ReverseCorrelationConfig | None = None,
    progress: bool = False,
    places: Float[np.ndarray, "units xy"] | None = None,
) -> Fields:
    """Centres of the units' fields, the delay of their answers, and how the eye moves what they see.

    How late answers come is found from the data, because indicator and microscope delay them by what no release tells. So is the
    linear map from eye position to the shift of all fields, because no release tells the geometry of the eye camera.

    Args:
        clips: Clips of the training tiers, read once; a share of the trials is read again for lag and gaze.
        config: Settings of the reverse correlation; None takes the defaults.
        progress: Show a progress bar.
        places: Where units lie in cortex, in the plane of its surface: a map of fields then tells what a unit's responses leave open; None
            leaves every unit to itself.
    """
    config = config or ReverseCorrelationConfig()
    samples = clips.n_frames().sum() / (1 if clips.pictures else _every(clips))
    few = replace(clips, rows=clips.rows[:: max(int(samples / GAZE_SAMPLES), 1)])
    lag = 0.0 if clips.pictures else _lag(few, config)
    whole, delay_s = round(lag), 0.0 if clips.pictures else lag / clips.frame_rate_hz
    gaze = np.zeros((2, 2))
    for _ in range(GAZE_PASSES if clips.recording.gaze is None else 0):  # declared gaze is known, or not asked for
        gaze = gaze + _gaze_step(few, whole, gaze, config)
    centres, choice = _located(clips, config, whole, gaze, "receptive fields" if progress else None, places)
    return Fields(centres, delay_s, gaze, choice)


def _located(
    clips: Clips, config: ReverseCorrelationConfig, lag: int, gaze: np.ndarray, said: str | None, at: np.ndarray | None
) -> tuple[Float[np.ndarray, "units 2"], FieldChoice | None]:
    """Centres of fields, and what told them: trials kept back say it, and are then among those that place the fields."""
    tally: Tally | None = None
    chance: Tally | None = None
    n_energies, guesses = 0, list[FieldGuess]()
    few = _spread(clips.n_units, UNITS_OF_CHANCE)
    held_back = np.arange(len(clips.rows)) % HELD_BACK == HELD_BACK - 1
    for rows in (clips.rows[~held_back], clips.rows[held_back]):
        if tally is not None and len(rows):
            first, scale, n_channels = tally.evidence(), tally.scale(), tally.shape[0]
            known = (_known(first.of_channels(number)) for number in (n_energies, n_channels))
            guesses = [FieldGuess(*each, scale, tally.count) for each in known]
        for seen in _samples(replace(clips, rows=rows).whole(said), clips, config, config.wavelengths, [lag], gaze):
            channels, n_energies = np.concatenate([seen.energies, seen.light], axis=1), seen.energies.shape[1]
            tally = tally or Tally(clips.n_units, *channels.shape[1:])
            tally.add(channels, seen.responses[0])
            if at is not None:
                apart = np.roll(seen.responses[0][:, few], len(channels) // 2, axis=0)  # of other moments of the same trial
                sparse = channels[:, :, ::3, ::4]
                chance = chance or Tally(len(few), *sparse.shape[1:])
                chance.add(sparse, apart)
            for guess in guesses:
                guess.add(channels, seen.responses[0])
    if tally is None:
        return np.zeros((clips.n_units, 2)), None
    choice = choose(*guesses) if guesses else None
    told = [_Told(slice(None), *_known(tally.evidence().of_channels(n_energies)))]
    if choice is not None and choice.with_light.any():
        told.append(_Told(np.flatnonzero(choice.with_light), *_known(tally.evidence())))
    if at is not None and chance is not None:
        on_map = _on_map(told, chance.evidence().independent_samples(), at, clips.name)
        if on_map is not None:
            return on_map, choice
    centres = np.zeros((clips.n_units, 2))
    for units, evidence, prior in told:
        centres[units] = evidence.of(units).centres(prior)
    return centres, choice


class _Told(NamedTuple):
    """What tells the fields of some units, and the weights that they are expected to have."""

    units: np.ndarray | slice
    evidence: FieldEvidence
    prior: Prior


def _on_map(told: list[_Told], samples: float, at: Float[np.ndarray, "units xy"], name: str) -> Float[np.ndarray, "units 2"] | None:
    """Centres of fields by the evidence of each unit and the map that all others make; None where there is no map.

    Args:
        told: What tells the fields of all units, and of some of them more.
        samples: Independent samples by the scatter of correlations with other moments: where many units see much of the screen, the
            correlations themselves tell of too few.
        at: Where units lie in cortex.
        name: Name of the recording.
    """
    odds = np.zeros((0, 0, 0), dtype=np.float32)
    for units, evidence, prior in told:
        found = evidence.of(units).finer_odds(replace(prior, samples=max(samples, prior.samples)))
        if isinstance(units, slice):
            odds = found
        else:
            odds[units] = found
    of_map = fit_map(odds, at)
    if of_map is None:
        return None
    log.info("%s: %s.", name, of_map.said())
    return peaks(odds + of_map.log_odds(*odds.shape[1:]))


def _known(evidence: FieldEvidence) -> tuple[FieldEvidence, Prior]:
    """Evidence with the weights that are expected of channels, as units spread over the recording have them."""
    return evidence, evidence.of(_spread(evidence.with_units.shape[2], UNITS_OF_GAZE)).learn(ITERATIONS)


def _every(clips: Clips) -> int:
    """Number of frames from one at which energies are taken to the next."""
    return max(1, frames_of(EVERY_S, clips.frame_rate_hz))


def _spread(n_units: int, most: int) -> Int[np.ndarray, " chosen"]:
    return np.linspace(0, n_units - 1, min(n_units, most)).astype(np.int64)


def _samples(
    windows: Iterator[Window],
    clips: Clips,
    config: ReverseCorrelationConfig,
    wavelengths: tuple[float, ...],
    lags: list[int],
    gaze: np.ndarray,
) -> Iterator[Seen]:
    """What each trial showed and how units answered."""
    bank: EnergyBank | None = None
    for window in windows:
        parts = (window.video, window.eye_position, window.known(), window.counted)
        video, eye, responses, counted = (values.reshape(-1, *values.shape[2:]) for values in parts)  # pictures are the frames of a clip
        if clips.pictures:
            at = np.flatnonzero(counted)
            answers = responses[None, at]
        else:
            at = np.arange(1, len(video) - max(lags) - 1, _every(clips))
            late = at + np.add.outer(np.array(lags), [-1, 0, 1])[..., None]
            at, late = (values[..., counted[late].all((0, 1))] for values in (at, late))
            answers = np.stack([responses[index].mean(0) for index in late])
        if not len(at):
            continue
        height, width = video.shape[1:]
        in_pixels = tuple(wave * height for wave in wavelengths)
        bank = bank or energy_bank(height, width, ROWS, COLUMNS, in_pixels, clips.frame_rate_hz)
        roots = np.sign(answers) * np.abs(answers) ** RESPONSE_POWER
        video = moved(video, eye @ gaze.T) if gaze.any() else video
        yield Seen(bank.energies(video, at), bank.light(video, at), roots, eye[at])


def moved(
    video: Float[np.ndarray, "frames height width"], shift: Float[np.ndarray, "frames 2"]
) -> Float[np.ndarray, "frames height width"]:
    """What a field sees that is moved rightwards and downwards by `shift` pixels; the border goes on for ever."""
    for axis, by in ((2, shift[:, 0]), (1, shift[:, 1])):
        pixels = video.shape[axis]
        at = np.clip(np.arange(pixels) + by[:, None], 0, pixels - 1)
        before = np.minimum(at.astype(np.int64), pixels - 2)
        part = (at - before).astype(np.float32)
        before, part = (np.expand_dims(values, 3 - axis) for values in (before, part))
        low, high = (np.take_along_axis(video, index, axis) for index in (before, before + 1))
        video = low + part * (high - low)
    return video


def _lag(few: Clips, config: ReverseCorrelationConfig) -> float:
    """The lag in frames at which units correlate most with the energy that correlates most with them over all lags; a parabola's peak."""
    lags = list(range(frames_of(config.longest_delay_s, few.frame_rate_hz) + 1))
    chosen = _spread(few.n_units, UNITS_OF_LAG)
    windows = (window.of_units(chosen) for window in few.whole())
    found = list(_samples(windows, few, config, config.wavelengths[:1], lags, np.zeros((2, 2))))
    if not found:
        return 0.0
    light = np.concatenate([seen.light[:, :1] for seen in found])
    shown = np.concatenate([np.concatenate([seen.energies for seen in found]), light, -light], axis=1)
    energies = _standardised(shown[..., ::2, ::2].reshape(len(shown), -1))
    responses = np.concatenate([seen.responses for seen in found], axis=1)
    correlations = np.stack([_standardised(late).T @ energies for late in responses])
    own = np.maximum(correlations, 0).mean(0).argmax(1)
    profile = correlations[:, np.arange(len(own)), own].mean(1)
    peak = int(profile.argmax())
    if not 0 < peak < len(profile) - 1:
        return float(peak)
    before, at, after = profile[peak - 1 : peak + 2]
    return peak + 0.5 * float((before - after) / min(before - 2 * at + after, -1e-12))


def _gaze_step(few: Clips, lag: int, gaze: np.ndarray, config: ReverseCorrelationConfig) -> Float[np.ndarray, "2 2"]:
    """What is still missing in the map from eye position to the shift of fields: a step of Gauss and Newton.

    A unit answers to the weighted energies D at its place, shifted by a map M of eye position e: to D + grad D . M e, about. M is common to
    all units, whose residuals are regressed on the entries of grad D e' together. Without measured eye movements it is 0.
    """
    chosen = _spread(few.n_units, UNITS_OF_GAZE)
    windows = (window.of_units(chosen) for window in few.whole())
    tally, found = None, []
    for seen in _samples(windows, few, config, config.wavelengths[:1], [lag], gaze):
        tally = tally or Tally(len(chosen), *seen.energies.shape[1:])
        tally.add(seen.energies, seen.responses[0])
        found.append((seen.energies, seen.responses[0], seen.eye))
    if tally is None or not any(eye.any() for _, _, eye in found):
        return np.zeros((2, 2))
    energies, responses, eye = (np.concatenate(parts) for parts in zip(*found, strict=True))
    evidence = tally.evidence()
    prior = evidence.learn(ITERATIONS)
    odds, weights, _ = evidence.log_odds(prior)
    height, width = few.recording.open_trial(int(few.rows[0])).video.shape[1:]
    energies = (energies - energies.mean(0)) / np.maximum(energies.std(0), 1e-6)
    slopes = [np.gradient(energies, size, axis=axis) for axis, size in ((3, width / COLUMNS), (2, height / ROWS))]
    information, told = np.eye(4) / (GAZE_PRIOR * height) ** 2, np.zeros(4)
    independent = prior.samples / len(energies)
    told_of = np.flatnonzero(evidence.with_units.any((0, 1)))
    held = np.isfinite(responses).T
    standardised = _standardised(responses).T * np.sqrt(held.sum(1, keepdims=True))
    for unit, response in zip(told_of, standardised[told_of], strict=True):
        place = int(odds[:, unit].argmax())
        row, column = divmod(place, COLUMNS)
        samples = slice(None) if held[unit].all() else held[unit]
        drive, right, down = (values[samples, :, row, column] @ weights[place, :, unit] for values in (energies, *slopes))
        response, looked = response[samples], eye[samples]
        by_eye = np.column_stack([right[:, None] * looked, down[:, None] * looked])
        apart, _ = np.linalg.qr(np.column_stack([np.ones(len(drive)), drive, right, down]))
        by_eye, residual = by_eye - apart @ (apart.T @ by_eye), response - apart @ (apart.T @ response)
        information += independent * by_eye.T @ by_eye
        told += independent * by_eye.T @ residual
    return np.linalg.solve(information, told).reshape(2, 2)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; those that never change stay 0. Unknown values are the mean of the known ones of their column."""
    known = np.isfinite(values)
    if known.all():
        centred = values - values.mean(0)
    else:
        mean = np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
        centred = np.where(known, values - mean, 0.0).astype(values.dtype)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-6))
