"""How well a twin or an array of predictions did, on the screen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from graphtwin.cli.lines import say

if TYPE_CHECKING:
    import pandas as pd

    from graphtwin.twin.population import PopulationReport
    from graphtwin.twin.runs import Scored

# Scores whose medians are shown on the screen.
SHOWN = ("single_trial_correlation", "cc_abs", "cc_max", "cc_norm", "feve", "bits_per_response", "binned_bits_per_response")
_NAMED = {"ridge": "a ridge on motion and Gabor energies", "mean response": "each unit's mean response"}


def say_scores(scored: Scored, files: list[Path]) -> None:
    """The lines of `score`: medians, who wins, Sensorium's number, what is to be known, and the files."""
    units = scored.units
    against = scored.baselines.query("kind == 'all' and score == 'cc_abs'")
    n_stimuli, n_repeats = (float(against[name].iloc[0]) for name in ("n_stimuli", "n_repeats"))
    known = tuple(name for name in SHOWN if units[name].notna().any())
    say(f"{files[0]}: {len(units)} units, {shown(n_stimuli, n_repeats)}; {medians(units, known)}{beware(n_stimuli)}")
    for row in against.itertuples():
        say(
            f"  against {_NAMED[row.against]}: {row.verdict}; cc_abs {row.median:.3f} and {row.median_against:.3f}, difference "
            f"{row.difference:+.3f} {interval(row.units_low, row.units_high, 3)} over {row.n_units} units, "
            f"{interval(row.stimuli_low, row.stimuli_high, 3)} over stimuli"
        )
    single = units["sensorium_correlation"].dropna()
    if len(single):  # means over showings tell nothing of single trials
        whom = f"all {len(units)} units" if len(single) == len(units) else f"the {len(single)} of {len(units)} units that were held"
        say(f"  single-trial correlation as Sensorium computes it, mean over {whom}: {single.mean():.6f}")
    for note, number in units["note"][units["note"] != ""].str.split("; ").explode().value_counts().items():
        say(f"  {number} of {len(units)} units: {note}")
    for kind, group in scored.kinds.groupby("kind", sort=False):
        say(f"  {_of_kind(str(kind), group)}")
    say(f"{files[1]}: these medians with their intervals over units and over stimuli")
    say(f"{files[2]}: all scores against the ridge and the mean response, of all stimuli and of each kind")


def say_population(found: PopulationReport, out: Path) -> None:
    """The lines of `population`: units, latents, and each score that is defined beside its null."""
    n_latents, asked = found.model.loadings.shared.shape[1], found.model.config.n_latents
    shared = f"{n_latents} shared latent{'s' * (n_latents != 1)}"
    if not n_latents:
        why = f"none of up to {asked} helped to predict the training trials that stop the fit" if asked else "n_latents=0 asks for none"
        shared = f"no shared latent ({why}): nothing is added to single units, and no noise correlation is predicted"
    say(f"{out}: {len(found.units)} units that fire, {shared}")
    for row in found.scores.iloc[: None if n_latents else 1].itertuples():
        if math.isnan(row.value):
            say(f"  {row.score}: not defined, since what is predicted or measured does not differ between pairs")
            continue
        null = f"; repeats dealt anew {row.null:.4f}" if math.isfinite(row.null) else ""
        say(f"  {row.score}: {row.value:.4f} {interval(row.low, row.high, 4)}{null}")


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
    name = next((name for name in ("cc_norm", "cc_abs") if of.loc[name, "n_units"]), "cc_norm")
    found = of.loc[name]
    trained = "trained on others" if first["trained_on"] else "never trained on"
    told = f"{kind} ({shown(float(first['n_stimuli']), float(first['n_repeats']))}, {trained}): {name} "
    told += f"{found['median']:.3f} {interval(found['units_low'], found['units_high'], 3)} of" if found["n_units"] else "of"
    told += f" {found['n_units']} units"
    told += f", {bits['median']:.3f} bits of {bits['n_units']}" if bits["n_units"] else ""
    return told + beware(float(first["n_stimuli"]))


def shown(n_stimuli: float, n_repeats: float) -> str:
    """What scores rest on, in words: stimuli, and how often the median one was shown."""
    often = {1.0: "once", 2.0: "twice"}.get(n_repeats, f"{n_repeats:g} times")
    return f"{n_stimuli:g} stimul{'us' if n_stimuli == 1 else 'i'} shown {often}"


def beware(n_stimuli: float) -> str:
    """The caveat of scores over few stimuli; nothing where they are enough for an interval."""
    from graphtwin.statistics import FEWEST_UNITS

    return f"; over fewer than {FEWEST_UNITS} stimuli a correlation says little" if n_stimuli < FEWEST_UNITS else ""


def interval(low: float, high: float, digits: int) -> str:
    """The interval in brackets, or in words that there is none."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) and math.isfinite(high) else "(no interval: too few to resample)"
