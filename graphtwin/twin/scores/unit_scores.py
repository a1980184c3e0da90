"""How well responses are predicted, unit by unit, and how well noise allows it; sums a stimulus, so that no recording is held in memory.

Every score is a function of sums over frames of a stimulus, which makes an interval by resampling stimuli (with their trials) cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, percentile_intervals

SENSORIUM_EPSILON = 1e-8  # what the Sensorium competitions add to standard deviations
LEAST_EXPLAINABLE = 0.15  # share of variance below which FEVE says nothing
LOW_CEILING = 0.3  # cc_max below which cc_norm is said to scatter
PREDICTED = ("single_trial_correlation", "cc_abs", "cc_norm", "feve")  # scores that say how well, not how well noise allows it
SCORES = ("single_trial_correlation", "cc_abs", "cc_max", "cc_norm", "feve", "bits_per_response", "binned_bits_per_response")


NUMBERS = ("n", "frames", "rated", "averaged", "spread", "repeat_n")  # numbers of frames: the same for all units that were held throughout
PREDICTIONS = ("p", "pp", "yp", "mean_p", "mean_pp", "mean_yp", "gain", "binned_gain")  # sums that predictions enter


@dataclass(frozen=True)
class Shown:
    """One stimulus: what was answered and predicted at each showing.

    Attributes:
        responses: Measured responses, standardised or not; NaN where a unit was not held.
        predictions: Predicted responses; they differ between repeats where behaviour does.
        log_likelihood: Log-likelihood of the responses by the model less that by an intercept of the same family, nats; None where nobody
            asks.
        log_probability: Log-probability of the responses' bins by the model less that by their shares in training, nats; None where nobody
            asks.
        averaged: Whether any of the responses is the mean of several showings.
    """

    responses: Float[np.ndarray, "repeats frames units"]
    predictions: Float[np.ndarray, "repeats frames units"]
    log_likelihood: Float[np.ndarray, "repeats frames units"] | None = None
    log_probability: Float[np.ndarray, "repeats frames units"] | None = None
    averaged: bool = False


@dataclass(frozen=True)
class StimulusSums:
    """Sums over frames, a row a stimulus: of responses y, predictions p, and their means over repeats (mean_).

    A unit's frames and repeats are those in which it was held, so that its sums are those of a recording without the others; the i-th
    repeat is the i-th in which it was. Numbers of frames have one column where all units were held throughout, and else one a unit.

    Attributes:
        n: Number of entries, repeats x frames.
        frames: Number of frames.
        rated: Number of entries of frames shown at least twice.
        averaged: Number of entries that are means of several showings, or stand beside such.
        spread: Sum over frames of (t - 1) / t^2 for t repeats.
        noise: Variance over repeats (n - 1), summed over the entries of those frames: a frame counts as often as it was shown.
        p: Prediction, as the sums of products that it is in: NaN of a unit that nothing was fitted to.
        gain: Log-likelihood above an intercept, nats; NaN where it is unknown.
        binned_gain: Log-probability of bins above their shares, nats; NaN where it is unknown.
        repeat_n: Number of frames of each repeat, (stimuli, repeats, units).
        repeat_y: Response of each repeat, (stimuli, repeats, units).
        repeat_yy: Squared response of each repeat, (stimuli, repeats, units).
    """

    n: Float[np.ndarray, "stimuli _"]
    frames: Float[np.ndarray, "stimuli _"]
    rated: Float[np.ndarray, "stimuli _"]
    averaged: Float[np.ndarray, "stimuli _"]
    spread: Float[np.ndarray, "stimuli _"]
    y: Float[np.ndarray, "stimuli units"]
    yy: Float[np.ndarray, "stimuli units"]
    p: Float[np.ndarray, "stimuli units"]
    pp: Float[np.ndarray, "stimuli units"]
    yp: Float[np.ndarray, "stimuli units"]
    mean_y: Float[np.ndarray, "stimuli units"]
    mean_yy: Float[np.ndarray, "stimuli units"]
    mean_p: Float[np.ndarray, "stimuli units"]
    mean_pp: Float[np.ndarray, "stimuli units"]
    mean_yp: Float[np.ndarray, "stimuli units"]
    noise: Float[np.ndarray, "stimuli units"]
    gain: Float[np.ndarray, "stimuli units"]
    binned_gain: Float[np.ndarray, "stimuli units"]
    repeat_n: Float[np.ndarray, "stimuli repeats _"]
    repeat_y: Float[np.ndarray, "stimuli repeats units"]
    repeat_yy: Float[np.ndarray, "stimuli repeats units"]

    def weighted(self, weight: Float[np.ndarray, " stimuli"]) -> dict[str, np.ndarray]:
        """Sums over stimuli, each counted `weight` times."""
        # `np.tensordot` takes seven times as long where units are few, three times where they are a thousand.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        flat = {name: of.reshape(len(of), prod(of.shape[1:])) for name, of in values.items()}
        return {name: np.dot(weight[None], of).reshape(values[name].shape[1:]) for name, of in flat.items()}

    def of_repeated(self) -> StimulusSums:
        """Sums of those stimuli of each unit that it was shown at least twice."""
        repeated = self.rated > 0
        if repeated.all():
            return self
        return StimulusSums(**{name: part * (repeated[:, None] if part.ndim == 3 else repeated) for name, part in vars(self).items()})

    def of(self, stimuli: Bool[np.ndarray, " stimuli"]) -> StimulusSums:
        """Sums of some stimuli."""
        return StimulusSums(**{field.name: getattr(self, field.name)[stimuli] for field in fields(self)})

    def predicting(self, units: Bool[np.ndarray, " units"]) -> StimulusSums:
        """Sums without the predictions of other units, which have no score that says how well then."""
        if units.all():
            return self
        told = {name: np.where(units, getattr(self, name), np.nan) for name in PREDICTIONS}
        return StimulusSums(**(vars(self) | told))


def gather_sums(shown: Iterable[Shown], first_frame: int = 0) -> StimulusSums:
    """The sums of stimuli, one in memory at a time.

    Args:
        shown: Stimuli with their responses and predictions.
        first_frame: First frame of each clip that counts.
    """
    rows = [_of_stimulus(one, first_frame) for one in shown]
    if not rows:
        raise ValueError(f"scores: no stimulus has more than {first_frame} frames. Score longer clips, or leave fewer frames out.")
    if not any(row["n"].any() for row in rows):
        raise ValueError(
            f"scores: no unit is held in any of the {len(rows)} stimuli (responses are NaN throughout). Choose a tier with responses."
        )
    widest = max(row["n"].size for row in rows)
    for row in rows:
        row |= {name: np.broadcast_to(row[name], (*row[name].shape[:-1], widest)) for name in NUMBERS}
    most = max(len(row["repeat_n"]) for row in rows)
    for row in rows:
        for name in ("repeat_n", "repeat_y", "repeat_yy"):
            pad = [(0, most - len(row[name]))] + [(0, 0)] * (row[name].ndim - 1)
            row[name] = np.pad(row[name], pad)
    return StimulusSums(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def _of_stimulus(one: Shown, first_frame: int) -> dict[str, Any]:
    y, p = one.responses[:, first_frame:].astype(np.float64), one.predictions[:, first_frame:].astype(np.float64)
    if not y.shape[1]:
        raise ValueError(
            f"scores: a clip has {one.responses.shape[1]} frames, of which the first {first_frame} are left out. Leave fewer out, or leave "
            "the clip out."
        )
    if np.isnan(y).any():
        return _of_held(one, y, p, first_frame)
    repeats, frames = y.shape[:2]
    mean_y, mean_p = y.mean(0), p.mean(0)
    noise = repeats * y.var(0, ddof=1).sum(0) if repeats > 1 else np.zeros(y.shape[2])
    return {
        "n": np.array([float(repeats * frames)]),
        "frames": np.array([float(frames)]),
        "rated": np.array([float(repeats * frames * (repeats > 1))]),
        "averaged": np.array([float(repeats * frames * one.averaged)]),
        "spread": np.array([float(frames * (repeats - 1) / repeats**2)]),
        **_products(y, p, mean_y, mean_p),
        "noise": noise,
        "gain": _summed(one.log_likelihood, first_frame, y.shape[2]),
        "binned_gain": _summed(one.log_probability, first_frame, y.shape[2]),
        "repeat_n": np.full((repeats, 1), float(frames)),
        "repeat_y": y.sum(1),
        "repeat_yy": (y * y).sum(1),
    }


def _products(y: np.ndarray, p: np.ndarray, mean_y: np.ndarray, mean_p: np.ndarray) -> dict[str, Float[np.ndarray, " units"]]:
    """Sums over (repeats, frames, units) of responses y, predictions p and their products, and over (frames, units) of those of means."""
    return {
        "y": y.sum((0, 1)),
        "yy": (y * y).sum((0, 1)),
        "p": p.sum((0, 1)),
        "pp": (p * p).sum((0, 1)),
        "yp": (y * p).sum((0, 1)),
        "mean_y": mean_y.sum(0),
        "mean_yy": (mean_y**2).sum(0),
        "mean_p": mean_p.sum(0),
        "mean_pp": (mean_p**2).sum(0),
        "mean_yp": (mean_y * mean_p).sum(0),
    }


def _of_held(one: Shown, y: np.ndarray, p: np.ndarray, first_frame: int) -> dict[str, Any]:
    """The sums of a stimulus in whose repeats units come and go: y, (repeats, frames, units), is NaN where one was not held."""
    held = ~np.isnan(y)
    y, p, times = np.where(held, y, 0.0), np.where(held, p, 0.0), held.sum(0)
    of_frame, several = np.maximum(times, 1), times > 1
    mean_y, mean_p = y.sum(0) / of_frame, p.sum(0) / of_frame
    variance = (np.where(held, y - mean_y, 0.0) ** 2).sum(0) / np.maximum(times - 1, 1)
    there = np.argsort(~held.any(1), axis=0, kind="stable")  # the repeats in which a unit was held, before the others
    return {
        "n": times.sum(0).astype(np.float64),
        "frames": (times > 0).sum(0).astype(np.float64),
        "rated": (times * several).sum(0).astype(np.float64),
        "averaged": times.sum(0) * float(one.averaged),
        "spread": ((times - 1) / of_frame**2 * several).sum(0),
        **_products(y, p, mean_y, mean_p),
        "noise": (times * several * variance).sum(0),
        "gain": _summed(one.log_likelihood, first_frame, y.shape[2], held),
        "binned_gain": _summed(one.log_probability, first_frame, y.shape[2], held),
        "repeat_n": np.take_along_axis(held.sum(1).astype(np.float64), there, 0),
        "repeat_y": np.take_along_axis(y.sum(1), there, 0),
        "repeat_yy": np.take_along_axis((y * y).sum(1), there, 0),
    }


def _summed(gain: np.ndarray | None, first_frame: int, units: int, held: np.ndarray | None = None) -> np.ndarray:
    """Gain of each unit, summed over the repeats and frames in which it was held; NaN where it is unknown."""
    if gain is None:
        return np.full(units, np.nan)
    found = gain[:, first_frame:] if held is None else np.where(held, gain[:, first_frame:], 0.0)
    return np.asarray(found.sum((0, 1), dtype=np.float64))


def single_trial_correlation(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """Pearson correlation of prediction and response over all frames of all trials."""
    return _correlation(s["n"], s["y"], s["yy"], s["p"], s["pp"], s["yp"])


def sensorium_correlation(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """The single-trial correlation of the Sensorium competitions of 2022 and 2023: 0 where it is not defined, so that no unit is left out.

    A unit that was not held has none (NaN); in the competitions there is no such unit.
    The standard deviations are those of the population, each with 1e-8 added. The competitions report its mean over units: in 2022 over
    single trials of pictures, in 2023 over the frames of all trials, the first 50 left out. Source: `corr` of neuralpredictors, as
    sinzlab/sensorium and ecker-lab/sensorium_2023 call it; Willeke et al. 2022, arXiv:2206.08666.
    """
    n = np.maximum(s["n"], 1)
    covariance = (s["yp"] - s["y"] * s["p"] / n) / n
    deviations = (np.sqrt(_variance(s["n"], s[of], s[of * 2], 0)) + SENSORIUM_EPSILON for of in ("y", "p"))
    known = (s["n"] > 0) & ~np.isnan(s["p"])
    return np.where(known, np.nan_to_num(covariance / np.prod(list(deviations), axis=0)), np.nan)


def cc_abs(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """Pearson correlation of the mean prediction with the mean response over repeats: the correlation to the average."""
    return _correlation(s["frames"], s["mean_y"], s["mean_yy"], s["mean_p"], s["mean_pp"], s["mean_yp"])


def cc_max(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """The correlation to the average that a perfect model would have; NaN without repeats, 0 where noise explains all.

    Schoppe et al. 2016, doi:10.3389/fncom.2016.00010; with t_s repeats of sample s the number of repeats is
    sqrt((sum t_s - S) / sum((t_s - 1) / t_s^2)). Repeats that differ much raise it: 2, 5 and 20 of three clips give .95 where .89 is true.
    """
    rated = (s["spread"] > 0) & (s["repeat_n"].max(0) > 1)
    repeats = np.sqrt(np.divide(s["n"] - s["frames"], s["spread"], out=np.full(rated.shape, 2.0), where=rated))
    mean_power = _variance(s["frames"], s["mean_y"], s["mean_yy"], 1)
    n, several = s["repeat_n"], s["repeat_n"] > 1
    powers = (s["repeat_yy"] - s["repeat_y"] ** 2 / np.maximum(n, 1)) / np.maximum(n - 1, 1)
    power = np.where(several, powers, 0.0).sum(0) / np.maximum(several.sum(0), 1)
    signal = np.maximum((repeats * mean_power - power) / (repeats - 1), 0.0)
    return np.where(rated, np.sqrt(_ratio(signal, _variance(s["frames"], s["mean_y"], s["mean_yy"], 0))), np.nan)


def cc_norm(abs_: Float[np.ndarray, " units"], max_: Float[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    """cc_abs as a fraction of cc_max; NaN where cc_max is 0 or unknown."""
    return _ratio(abs_, max_)


def feve(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """Share of the explainable variance that is explained; NaN where less than 15 % of the variance is explainable.

    Cadena et al. 2019, doi:10.1371/journal.pcbi.1006897. Stimuli that were shown once tell no noise and are to be left out of the sums;
    noise weighs each stimulus by its repeats, as error and variance do, so that a perfect model has 1 with unequal repeats too.
    """
    noise = s["noise"] / np.maximum(s["rated"], 1)
    total = _variance(s["n"], s["y"], s["yy"], 0)
    error = (s["yy"] - 2 * s["yp"] + s["pp"]) / np.maximum(s["n"], 1)
    explainable = _ratio(total - noise, total)
    return np.where((s["rated"] > 0) & (explainable >= LEAST_EXPLAINABLE), 1 - _ratio(error - noise, total - noise), np.nan)


def bits_per_response(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """Log-likelihood of the model less that of an intercept of the same family; NaN where nobody asked for it."""
    return _a_response(s["gain"], s["n"])


def binned_bits_per_response(s: dict[str, np.ndarray]) -> Float[np.ndarray, " units"]:
    """Log-probability of the responses' bins by the model less that by their shares in training: one scale for all families.

    See `response_bins`. It is 0 for one who knows the unit's responses alone, and below 0 for a model that knows less.
    """
    return _a_response(s["binned_gain"], s["n"])


def _a_response(gain: Float[np.ndarray, " units"], n: Float[np.ndarray, " _"]) -> Float[np.ndarray, " units"]:
    """Bits a response of a gain in nats; NaN without responses."""
    return np.where(n > 0, gain / np.maximum(n, 1) / np.log(2), np.nan)


def score_units(
    sums: StimulusSums, units: pd.DataFrame, seed: int = 0, replicates: int = 200, others: Mapping[str, StimulusSums] | None = None
) -> pd.DataFrame:
    """One row a unit: its key, every score and the ends of its 95 % interval (`_low`, `_high`) over resampled stimuli, and a note.

    `sensorium_correlation` has no interval. What is said of single trials leaves out stimuli whose responses are means over showings.
    `note` says what is to be known of a unit's ceiling; see `notes_of`.

    Args:
        sums: Sums of the stimuli scored.
        units: Table with the units' keys, in the order of the responses.
        seed: Seed of the resampling.
        replicates: Number of resamples; below 2 stimuli there are no columns of intervals, below 5 they are NaN.
        others: Sums of other models by name, whose scores stand beside as `ridge_cc_abs` does.
    """
    every = np.ones(len(sums.n))
    found = all_scores(sums, every)
    table = units[["session", "scan_idx", "unit_id"]].reset_index(drop=True).assign(**found)
    if len(sums.n) >= 2 and replicates >= 1:
        drawn = draw_counts(rng_for(seed, "resampled stimuli"), len(sums.n), replicates)
        samples = [all_scores(sums, weight) for weight in drawn]
        for name in SCORES:
            ends = percentile_intervals(np.stack([sample[name] for sample in samples]), len(sums.n) - 1.0)
            table = table.assign(**{f"{name}_low": ends[0], f"{name}_high": ends[1]})
    single = (sums.averaged == 0).all(1)
    table = table.assign(sensorium_correlation=sensorium_correlation(sums.weighted(every * single)))
    for other, theirs in (others or {}).items():
        beside = all_scores(theirs, every)
        table = table.assign(**{f"{other}_{name}": beside[name] for name in PREDICTED})
    s = sums.weighted(every)
    alone = np.any([np.isnan(theirs.p).all(0) for theirs in (others or {}).values()], axis=0) & ~np.isnan(s["p"])
    return table.assign(note=notes_of(found, s, alone))


def notes_of(found: Mapping[str, np.ndarray], s: dict[str, np.ndarray], alone: bool | Bool[np.ndarray, " units"] = False) -> list[str]:
    """What is to be known of each unit's scores, in words; empty where there is nothing.

    Args:
        found: Scores of the units, as `all_scores` gives them.
        s: Sums over stimuli.
        alone: Whether a unit is predicted, but not by the model that it is compared with.
    """
    unfitted = np.isnan(s["p"])
    never = np.broadcast_to(s["n"] <= 0, s["y"].shape)
    silent = _variance(s["n"], s["y"], s["yy"], 0) <= 1e-12
    once, means = (np.broadcast_to(holds, s["y"].shape) for holds in (s["rated"] <= 0, s["averaged"] >= s["n"]))
    bits = ~np.isnan(found["bits_per_response"])
    without_noise = np.sqrt(s["frames"] / np.maximum(s["frames"] - 1, 1)) + 1e-6  # the ceiling of repeats that are all the same
    told = (
        ("not held in these trials: no score", never),
        ("responses never change: no score", silent & ~never),
        ("not held in training: nothing was fitted to it, and how well it is predicted has no score", unfitted & ~never & ~silent),
        ("not held in training: there is no ridge on energies to compare it with", np.broadcast_to(alone, never.shape)),
        ("responses are means over showings: no single-trial correlation, FEVE and bits", means),
        ("no stimulus was shown twice: no ceiling and no FEVE", once),
        ("repeats are all the same: copies, or no noise to tell a ceiling from", ~once & ~silent & (s["noise"] <= 1e-12 * s["yy"])),
        ("training holds means over showings: no bits of bins", bits & np.isnan(found["binned_bits_per_response"])),
        ("no signal: its repeats agree no better than chance, so cc_max is 0 and cc_norm has no value", found["cc_max"] == 0),
        ("a ceiling above 1: repeats agree by chance more than noise allows", found["cc_max"] > without_noise),
        ("a low ceiling: cc_norm scatters", (found["cc_max"] > 0) & (found["cc_max"] < LOW_CEILING)),
        ("cc_norm above 1: the ceiling is an estimate", found["cc_norm"] > 1),
        (
            f"less than {LEAST_EXPLAINABLE:.0%} of the variance is explainable: no FEVE",
            ~once & ~means & ~unfitted & np.isnan(found["feve"]),
        ),
    )
    said = [[words for words, holds in told if holds[unit]] for unit in range(len(silent))]
    return ["; ".join(words[:1] if silent[unit] else words) for unit, words in enumerate(said)]


def all_scores(sums: StimulusSums, weight: Float[np.ndarray, " stimuli"]) -> dict[str, np.ndarray]:
    """Every score of every unit, each stimulus counted `weight` times.

    Stimuli whose responses are means over showings have no part in what is said of single trials, and it is NaN without others.
    """
    s, single, repeated = sums.weighted(weight), (sums.averaged == 0).all(1), sums.of_repeated()
    of_single = s if single.all() else sums.weighted(weight * single)
    of_rated = of_single if repeated is sums else repeated.weighted(weight * single)
    found = {"cc_abs": cc_abs(s), "cc_max": cc_max(s)}
    found["cc_norm"] = cc_norm(found["cc_abs"], found["cc_max"])
    for function in (single_trial_correlation, bits_per_response, binned_bits_per_response):
        found[function.__name__] = function(of_single)
    return {name: found[name] for name in SCORES if name in found} | {"feve": feve(of_rated)}


def _variance(n: np.ndarray, total: np.ndarray, squares: np.ndarray, ddof: int) -> np.ndarray:
    return np.asarray(np.maximum(squares - total**2 / np.maximum(n, 1), 0.0) / np.maximum(n - ddof, 1))


def _correlation(n: np.ndarray, y: np.ndarray, yy: np.ndarray, p: np.ndarray, pp: np.ndarray, yp: np.ndarray) -> np.ndarray:
    spread = np.sqrt(_variance(n, y, yy, 0) * _variance(n, p, pp, 0))
    n = np.maximum(n, 1)
    return _ratio((yp - y * p / n) / n, spread)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 1e-12)
