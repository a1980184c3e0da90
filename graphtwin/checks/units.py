"""Faults of units: another order in some trials, and positions that do not belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.tiers import spread_of

PROFILE = 0.4  # correlation of the mean responses of units between trials from which their order can be told
LOST = 0.35  # share of the usual correlation below which units of a trial are in another order
FAR_BELOW = 4.0  # deviations below the others
FEWEST_LOST = 3  # trials that must be in another order
TOGETHER = 25  # single pictures whose means are taken together
DEPTH_UM = (-50.0, 1500.0)  # depths of imaging planes below the surface that microscopes reach
SPREAD_UM = (3.0, 20000.0)  # spread of positions across a field, um; less or more is another unit


def other_order(of: Digest) -> list[Finding]:
    """Trials whose units are in another order: which units fire much and which little is nearly the same in all trials of a recording."""
    groups = _groups(of)
    if len(groups) < 4 or of.mean.shape[1] < 20:
        return []
    # How much a unit fires, and how large its responses are when it fires: the second hardly depends on what is shown.
    size = of.mean / np.maximum(1 - of.zeros, 1e-3)
    told = [one for one in (_against_others(of.mean, groups), _against_others(size, groups)) if one.healthy >= PROFILE]
    if not told:
        return []
    by_chance = 3 / np.sqrt(of.mean.shape[1])  # three deviations of the correlation of two orders that have nothing in common
    lost = np.logical_and.reduce([(one.fit < LOST * one.healthy) & (one.fit < by_chance) & (one.deviations > FAR_BELOW) for one in told])
    active = np.array([float((of.mean[rows].mean(0) != 0).mean()) for rows in groups])  # where few units fire their order is chance
    off = np.flatnonzero(lost & (active > 0.7 * np.median(active)))
    if len(off) < max(FEWEST_LOST, 0.03 * len(groups)):  # a single trial may show what only some units answer to
        return []
    fit, healthy, profiles, reference = told[0].fit, told[0].healthy, told[0].profiles, told[0].reference
    trials = np.concatenate([groups[at] for at in off])
    backwards = np.median([_fit(profiles[at][::-1], reference) for at in off])
    tiers = of.trials["tier"].to_numpy()[trials]
    return [
        Finding(
            "units in another order",
            "fault",
            f"units of {len(trials)} of {len(of.answered)} trials are in another order than in the others"
            + (", from last to first" if backwards > 0.7 * healthy else ""),
            f"trials {some(of.numbers(trials))}; by tier {', '.join(f'{one} {(tiers == one).sum()}' for one in np.unique(tiers))}",
            f"mean responses of units correlate with those of the other trials "
            f"by {np.median(fit[off]):.2f}; in the others by {healthy:.2f}",
            "every unit is scored, or trained, on the responses of another",
            "bring units into the order of meta/neurons, or leave the trials out",
        )
    ]


@dataclass(frozen=True)
class _Order:
    """How well the order of units in groups of trials agrees with that of the others.

    Attributes:
        profiles: Ranks of the units in each group.
        reference: Mean ranks over the groups that agree with each other.
        fit: Correlation of each group with the others.
        healthy: Median of `fit` over groups that agree.
        deviations: How far each lies below it.
    """

    profiles: Float[np.ndarray, "groups units"]
    reference: Float[np.ndarray, " units"]
    fit: Float[np.ndarray, " groups"]
    healthy: float
    deviations: Float[np.ndarray, " groups"]


def _against_others(values: Float[np.ndarray, "trials units"], groups: list[np.ndarray]) -> _Order:
    profiles = np.stack([_profile(values[rows]) for rows in groups])
    alike = profiles @ profiles.T
    usual = np.median(alike, axis=1)
    core = usual >= 0.8 * np.quantile(usual, 0.9)
    if core.sum() < len(core) / 2:  # where half of the trials are in another order the largest set that agrees is taken
        sets = [row > 0.6 * np.quantile(np.delete(row, at), 0.8) for at, row in enumerate(alike)]
        core = max(sets, key=lambda one: int(one.sum()))
    reference = profiles[core].mean(0)
    fit = np.array([_fit(one, profiles[core].sum(0) - one if core[at] else reference) for at, one in enumerate(profiles)])
    healthy = float(np.median(fit[core]))
    spread = max(spread_of(np.arctanh(np.clip(fit[core], -0.99, 0.99))), 0.03)
    return _Order(profiles, reference, fit, healthy, (np.arctanh(min(healthy, 0.99)) - np.arctanh(np.clip(fit, -0.99, 0.99))) / spread)


def _groups(of: Digest) -> list[np.ndarray]:
    """Trials whose means are compared: each of a video; stretches of single pictures of one tier."""
    if not of.pictures:
        return [np.array([at]) for at in of.answered]
    found = []
    for trials in of.tiers.values():
        found += [part for part in np.array_split(trials, max(1, len(trials) // TOGETHER)) if len(part) >= TOGETHER // 2]
    return found


def _profile(means: Float[np.ndarray, "trials units"]) -> Float[np.ndarray, " units"]:
    """Ranks of the units' mean responses, of mean 0 and length 1."""
    from scipy.stats import rankdata

    ranks = rankdata(np.nan_to_num(means.mean(0)))
    ranks -= ranks.mean()
    return np.asarray(ranks / max(float(np.linalg.norm(ranks)), 1e-9))


def _fit(one: np.ndarray, other: np.ndarray) -> float:
    first, second = one - one.mean(), other - other.mean()
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9))


def impossible_places(of: Digest) -> list[Finding]:
    """Positions of units that no microscope reaches, or that are in another unit; and ids that are there twice."""
    units = of.recording.units
    found = []
    keys = units[["session", "scan_idx", "unit_id"]]
    if keys.duplicated().any():
        found.append(
            Finding(
                "repeated ids",
                "fault",
                f"{int(keys.duplicated().sum())} of {len(units)} units have the id of another",
                f"unit ids {some(keys[keys.duplicated()]['unit_id'].tolist())}",
                "certain",
                "joins with other tables take one unit for another",
                "number the units anew",
            )
        )
    z = units["z_um"].to_numpy(np.float64)
    known = z[np.isfinite(z)]
    if len(known) and (share := ((known < DEPTH_UM[0]) | (known > DEPTH_UM[1])).mean()) > 0:
        found.append(
            Finding(
                "impossible depths",
                "fault",
                f"{share:.0%} of {len(known)} units lie at depths of {known.min():.4g} to {known.max():.4g} um",
                f"z_um of the units of {of.name}",
                f"certain: a microscope reaches {DEPTH_UM[0]:g} to {DEPTH_UM[1]:g} um below the surface",
                "depth, layer and distances are wrong",
                "find the unit and the sign of the depths",
            )
        )
    for name in ("x_um", "y_um"):
        values = units[name].to_numpy(np.float64)
        values = values[np.isfinite(values)]
        if len(values) >= 10 and np.ptp(values) > 0 and not SPREAD_UM[0] < np.ptp(values) < SPREAD_UM[1]:
            found.append(
                Finding(
                    "positions in another unit",
                    "fault",
                    f"{name} of {len(values)} units spreads over {np.ptp(values):.4g} um",
                    f"units of {of.name}",
                    f"a field is between {SPREAD_UM[0]:g} and {SPREAD_UM[1]:g} um wide",
                    "distances are wrong",
                    "convert positions to micrometres",
                )
            )
    return found
