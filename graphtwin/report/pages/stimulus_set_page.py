"""The page of a set of optimised stimuli: what it holds in words, all stimuli as pictures, what each does, and what checks say of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin import __version__
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import set_methods
from graphtwin.report.pages.page import page, write_page
from graphtwin.report.words import number_text
from graphtwin.schema import NEURON, UNIT_KEY

TEMPLATE = "stimulus_set.html.j2"
SHEET, MOVING = "contact_sheet.png", "contact_sheet.gif"
MOST_STIMULI = 60  # rows of the table of stimuli; stimuli.csv has all


def write_stimulus_set_page(folder: Path) -> Path:
    """Read the folder of a stimulus set and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin insilico optimise` or `control` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    return write_page(render_stimulus_set(run), run.path / "report.html")


def render_stimulus_set(run: RunFolder) -> str:
    """The page as HTML."""
    said, files = run.json("set") or {}, run.files()
    stimuli = _csv(run, "stimuli")
    return page(TEMPLATE).render(
        name=run.path.resolve().name,
        rule=set_sentences(said, stimuli, _csv(run, "order")),
        sheet=_picture(run, SHEET),
        moving=_picture(run, MOVING),
        drawn="Input of each stimulus, neurons from the first down, time across"
        if "inputs" in said
        else "The middle frame of each stimulus",
        stimuli=[] if stimuli is None else optimised_rows(stimuli),
        n_stimuli=0 if stimuli is None else len(stimuli),
        checks=check_rows({name: _csv(run, name) for name in ("ranked", "control", "gradients", "seeds")}),
        methods=set_methods(said, stimuli, __version__),
        facts=[(name.replace("_", " "), str(value)) for name, value in said.get("fingerprint", {}).items()],
        provenance=None,
        config=json.dumps(said, indent=2, ensure_ascii=False) if said else None,
        files=files,
        existing={name for name, _ in files},
    )


def set_sentences(said: dict[str, Any], stimuli: pd.DataFrame | None, order: pd.DataFrame | None) -> list[str]:
    """What the set is, in words; the first sentence leads the page."""
    if stimuli is None:
        return ["This set holds no stimuli."]
    roles = stimuli["role"].value_counts()
    found = [
        f"{roles.get('optimised', 0)} optimised stimuli of {said.get('responder', 'a responder')}, {roles.get('control', 0)} to compare "
        f"with, and {'no input' if 'inputs' in said else 'the grey screen'}."
    ]
    if order is not None:
        lasts = (order["onset_s"] + order["duration_s"]).max()
        blocks = order["block"].nunique()
        found.append(
            f"Each is shown {blocks} times, once a block, in {len(order):,} presentations of {lasts / 60:.1f} minutes (order.csv)."
        )
    return found


def optimised_rows(stimuli: pd.DataFrame) -> list[dict[str, str]]:
    """Stimuli as the page prints them: those that were optimised."""
    rows = stimuli[stimuli["role"] == "optimised"].head(MOST_STIMULI)
    return [
        {
            "stimulus": str(row["stimulus"]),
            "unit": _unit(row),
            "objective": str(row["objective"]),
            "score": number_text(float(row["score"])),
            "response": _or_nothing(row["response"]),
            "rest": _or_nothing(row["response_at_rest"]),
        }
        for row in rows.to_dict("records")
    ]


def _unit(row: dict[str, Any]) -> str:
    """The unit that a stimulus is for: its name where it has one, else its key."""
    if pd.isna(row["unit_id"]):
        return "several"
    return str(row[NEURON]) if NEURON in row else "-".join(str(int(row[name])) for name in UNIT_KEY)


def check_rows(checks: dict[str, pd.DataFrame | None]) -> list[dict[str, str]]:
    """What each check says, a sentence each."""
    rows = []
    ranked, control, gradients, seeds = (checks[name] for name in ("ranked", "control", "gradients", "seeds"))
    for asked, table in [] if ranked is None else ranked.groupby("asked", sort=False):
        known = table[table["score"].notna()]
        best = f"above all of {table['candidates'].iloc[0]:,} candidates for {(known['percentile'] == 100).mean():.0%} of {len(known)}"
        rows.append(_check(f"ranked, {asked}", f"{best}; {_median(known['ratio'])} x what the best one adds to rest (median)"))
    for row in [] if control is None else control.to_dict("records"):
        held = f"{row['held_share']:.0%} of held units stay, the farthest goes {number_text(row['held_away'])}"
        rows.append(_check(f"{row['objective']}, {row['asked']}", f"driven units {number_text(row['driven'])} spreads from rest; {held}"))
    if gradients is not None:
        rows.append(_check("gradients", f"agree with finite differences for {gradients['agrees'].mean():.0%} of stimuli"))
    if seeds is not None:
        alike, share = (_median(seeds[name]) for name in ("similarity_lowest", "lowest_share"))
        rows.append(_check("seeds", f"least similarity of two optima {alike}, least share of the best {share} (medians)"))
    return rows


def _median(numbers: pd.Series) -> str:
    known = numbers.dropna()
    return number_text(float(known.median())) if len(known) else "unknown"


def _check(name: str, told: str) -> dict[str, str]:
    return {"check": name, "told": told}


def _picture(run: RunFolder, name: str) -> str | None:
    """A picture as it stands in a page; None where it is not there."""
    file = run.path / name
    return base64.b64encode(file.read_bytes()).decode() if file.is_file() else None


def _or_nothing(value: Any) -> str:
    return "" if pd.isna(value) else number_text(float(value))


def _csv(run: RunFolder, name: str) -> pd.DataFrame | None:
    file = run.path / f"{name}.csv"
    return pd.read_csv(file) if file.is_file() else None
