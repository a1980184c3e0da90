"""The certificate of consistency: how far all pairs of fits agree on each unit and quantity, and what is flagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.twin.agreement.derived import Derived, require_alike
from graphtwin.twin.agreement.quantities import QUANTITIES, WARNING, Compared, Quantity


def certify(fits: Sequence[Derived]) -> pd.DataFrame:
    """Agreement of fits of the same animals: one row a unit and quantity that all fits can tell.

    Args:
        fits: What two or more fits say of the same units.

    Returns:
        session, scan_idx, unit_id, animal, quantity; agreement (mean over pairs of fits: 1 where they say the same, about 0 as of two
        units dealt anew) and lowest (of a pair); difference (mean over pairs) and difference_in (its unit); n_fits (fits that say
        something of the unit); flagged, and note, the words for it; caveat, what agreement is in part owed to.
    """
    fits = list(fits)
    require_alike([(fit.name, fit.units) for fit in fits])
    fits = [_in_order(fit, list(fits[0].monitors)) for fit in fits]
    tables = [_of_quantity(fits, name, of) for name, of in QUANTITIES.items() if all(name in fit.values for fit in fits)]
    return pd.concat(tables, ignore_index=True)


def _in_order(fit: Derived, animals: list[str]) -> Derived:
    """A fit with its animals in this order."""
    rows = np.concatenate([np.flatnonzero(fit.units["animal"] == animal) for animal in animals])
    units = fit.units.iloc[rows].reset_index(drop=True)
    return replace(fit, units=units, values={name: values[rows] for name, values in fit.values.items()})


def _of_quantity(fits: list[Derived], name: str, of: Quantity) -> pd.DataFrame:
    """The rows of one quantity."""
    pairs = list(combinations([fit.values[name] for fit in fits], 2))
    agreement, difference = (np.stack([_by_animal(fits[0], compare, *pair) for pair in pairs]) for compare in (of.agreement, of.difference))
    n_fits = np.sum([_is_known(fit.values[name]) for fit in fits], axis=0)
    mean, lowest = _mean(agreement), np.where(np.isfinite(agreement), agreement, np.inf).min(0)
    flagged = (n_fits < len(fits)) | ~(mean >= of.least)
    return fits[0].units.assign(
        quantity=name,
        agreement=mean,
        lowest=np.where(np.isfinite(lowest), lowest, np.nan),
        difference=_mean(difference),
        difference_in=of.unit,
        n_fits=n_fits,
        flagged=flagged,
        note=_notes(flagged, n_fits, len(fits), mean, of),
        caveat=of.caveat,
    )


def _by_animal(fit: Derived, compare: Compared, first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, " units"]:
    """What two fits say compared among the units of each animal, which saw its stimuli on one screen."""
    found = np.empty(len(first))
    for animal, monitor in fit.monitors.items():
        rows = (fit.units["animal"] == animal).to_numpy()
        found[rows] = compare(first[rows], second[rows], monitor)
    return found


def _is_known(values: np.ndarray) -> Bool[np.ndarray, " units"]:
    """Whether a fit says something of each unit."""
    return np.isfinite(values.reshape(len(values), -1)).all(1)


def _mean(of_pairs: Float[np.ndarray, "pairs units"]) -> Float[np.ndarray, " units"]:
    """Mean over the pairs of fits that both say something of a unit; NaN where none does."""
    known = np.isfinite(of_pairs)
    total, count = np.where(known, of_pairs, 0.0).sum(0), known.sum(0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def _notes(
    flagged: Bool[np.ndarray, " units"],
    known: Int[np.ndarray, " units"],
    fits: int,
    agreement: Float[np.ndarray, " units"],
    of: Quantity,
) -> list[str]:
    """The words for each flag, and what it is for where it is not for a low agreement; none where there is no flag."""
    why = "" if np.isfinite(of.least) else f": on simulated animals no agreement kept its error below {of.tolerated:g} {of.unit}"
    counted = [f"{WARNING}: {number} of {fits} fits say something of this unit" for number in range(fits)] + [WARNING + why]
    alone = f"{WARNING}: too few other units, or too little variation, to compare fits"
    compared = np.isfinite(agreement) | (known < fits)
    told = [counted[number] if of_fits else alone for number, of_fits in zip(known, compared, strict=True)]
    return [words if bad else "" for words, bad in zip(told, flagged, strict=True)]


def summarise(certificate: pd.DataFrame) -> pd.DataFrame:
    """One row a quantity: n_units, n_known (units that fits could be compared on), median agreement and difference, n_flagged, least,
    caveat.

    Args:
        certificate: Table as `certify` returns it.
    """
    rows = []
    for name, of in certificate.groupby("quantity", sort=False):
        known = of["agreement"].notna()
        rows.append(
            {
                "quantity": name,
                "n_units": len(of),
                "n_known": int(known.sum()),
                "agreement": of["agreement"][known].median(),
                "difference": of["difference"][known].median(),
                "difference_in": of["difference_in"].iloc[0],
                "n_flagged": int(of["flagged"].sum()),
                "least": QUANTITIES[str(name)].least,
                "caveat": QUANTITIES[str(name)].caveat,
            }
        )
    return pd.DataFrame(rows)
