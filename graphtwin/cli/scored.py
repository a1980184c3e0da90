"""How well a twin or an array of predictions did, on the screen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd

    from graphtwin.twin.runs import Scored

# Scores whose medians are shown on the screen.
SHOWN = ("single_trial_correlation", "cc_abs", "cc_max", "cc_norm", "feve", "bits_per_response", "binned_bits_per_response")
_NAMED = {"ridge": "a ridge on motion and Gabor energies", "mean response": "each unit's mean response"}
FEWEST_STIMULI = 5  # below, a correlation over stimuli says little; a choice, that of intervals


def say_scores(scored: Scored, files: list[Path]) -> None:
    """The lines of `score`: medians, who wins, Sensorium's number, what is to be known, and the files."""
    units = scored.units
    typer.echo(f"{files[0]}: {len(units)} units; {medians(units, tuple(name for name in SHOWN if units[name].notna().any()))}")
    for row in scored.baselines.query("kind == 'all' and score == 'cc_abs'").itertuples():
        typer.echo(
            f"  against {_NAMED[row.against]}: {row.verdict}; cc_abs {row.median:.3f} and {row.median_against:.3f}, difference "
            f"{row.difference:+.3f} {interval(row.units_low, row.units_high, 3)} over {row.n_units} units"
        )
    single = units["sensorium_correlation"].dropna()
    if len(single):  # means over showings tell nothing of single trials
        whom = f"all {len(units)} units" if len(single) == len(units) else f"the {len(single)} of {len(units)} units that were held"
        typer.echo(f"  single-trial correlation as Sensorium computes it, mean over {whom}: {single.mean():.6f}")
    for note, number in units["note"][units["note"] != ""].str.split("; ").explode().value_counts().items():
        typer.echo(f"  {number} of {len(units)} units: {note}")
    for kind, group in scored.kinds.groupby("kind", sort=False):
        typer.echo(f"  {_of_kind(str(kind), group)}")
    typer.echo(f"{files[1]}: these medians with their intervals over units and over stimuli")
    typer.echo(f"{files[2]}: all scores against the ridge and the mean response, of all stimuli and of each kind")


def medians(table: pd.DataFrame, names: tuple[str, ...]) -> str:
    """The median of each score with the number of units that have it, which are not always all."""
    known = table[list(names)].notna().sum()
    if known.nunique() == 1:
        return f"medians over {known.iloc[0]}: " + ", ".join(_median(table[name]) for name in names)
    return "medians: " + ", ".join(f"{_median(table[name])} ({known[name]} units)" for name in names)


def _median(values: pd.Series) -> str:
    return f"{values.name} {values.median():.3f}" if values.notna().any() else f"{values.name} of no unit"


def _of_kind(kind: str, scores: pd.DataFrame) -> str:
    """One line of the table of kinds: cc_norm, or cc_abs where no unit has it, as nothing was shown twice."""
    of = scores.set_index("score")
    first, bits = of.iloc[0], of.loc["bits_per_response"]
    shown = next((name for name in ("cc_norm", "cc_abs") if of.loc[name, "n_units"]), "cc_norm")
    found = of.loc[shown]
    trained = "trained on others" if first["trained_on"] else "never trained on"
    told = f"{kind} ({first['n_stimuli']} stimuli, {trained}): {shown} "
    told += f"{found['median']:.3f} {interval(found['units_low'], found['units_high'], 3)} of" if found["n_units"] else "of"
    told += f" {found['n_units']} units"
    told += f", {bits['median']:.3f} bits of {bits['n_units']}" if bits["n_units"] else ""
    return told + (f"; over fewer than {FEWEST_STIMULI} stimuli a correlation says little" if first["n_stimuli"] < FEWEST_STIMULI else "")


def interval(low: float, high: float, digits: int) -> str:
    """The interval in brackets, or in words that there is none."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) and math.isfinite(high) else "(no interval: too few to resample)"
