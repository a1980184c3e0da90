"""The page of `graphtwin insilico campaign`: what was asked and answered in words, responders and states, stimuli, and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.report.campaign_answers import StateAnswers, answers_in
from graphtwin.report.figures import campaign_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import campaign_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.words import column_words, number_text

TEMPLATE = "campaign.html.j2"
MOST_STIMULI = 40  # rows of the table of stimuli; stimuli.parquet has all
CELLS = "cells/"  # folder of the shards, which the page counts and does not list


def write_campaign(folder: Path) -> Path:
    """Read the folder of a campaign and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin insilico campaign --out` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    return write_page(render_campaign(run), run.path / "report.html")


def render_campaign(run: RunFolder) -> str:
    """The page as HTML."""
    provenance, stimuli, answers = run.json("provenance"), run.table("stimuli"), answers_in(run)
    every = run.files()
    files = [(name, size) for name, size in every if not name.startswith(CELLS)]
    shards = [size for name, size in every if name.startswith(CELLS)]
    told = [] if stimuli is None else described(stimuli)
    figures = []
    if stimuli is not None and answers:
        figures = [
            campaign_figures.draw_directions(answers, stimuli),
            campaign_figures.draw_tuning_over_cortex(answers, stimuli),
            campaign_figures.draw_fields(answers, stimuli),
            campaign_figures.draw_map(answers, told),
            campaign_figures.draw_histogram(answers),
        ]
    return page(TEMPLATE).render(
        name=run.path.resolve().name,
        rule=sentences(answers, len(told), provenance, shards),
        states=state_rows(answers),
        kinds=[] if stimuli is None else kind_rows(stimuli),
        stimuli=stimulus_rows(answers, told),
        n_stimuli=len(told),
        sections=[Section("figures", "Answers", "What units answered, in the units of the recording.", figures)],
        methods=campaign_methods(run),
        facts=[*facts(None if provenance is None else provenance | {"inputs": None}), *_identity(provenance)],
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=run.text("campaign.toml"),
        files=files,
        existing={name for name, _ in files},
    )


def _identity(provenance: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Who answered, by fingerprints."""
    inputs = (provenance or {}).get("inputs")
    return [(name.replace("_", " "), str(value)) for name, value in inputs.items()] if isinstance(inputs, dict) else []


def sentences(answers: Sequence[StateAnswers], n_stimuli: int, provenance: dict[str, Any] | None, shards: Sequence[int]) -> list[str]:
    """What the campaign did, in words; the first sentence leads the page."""
    if not answers:
        return ["This campaign holds no answers."]
    states = list(dict.fromkeys(each.state for each in answers))
    first = [each for each in answers if each.state == states[0]]
    n_units = sum(each.n_units for each in first)
    asked = [
        f"{n_stimuli:,} {_one(n_stimuli, 'stimulus', 'stimuli')} in {len(states)} {_one(len(states), 'state')}",
        f"to {n_units:,} {_one(n_units, 'unit')} of {len(first)} {_one(len(first), 'responder')}",
    ]
    found = [f"{n_stimuli * n_units * len(states):,} answers: {' '.join(asked)}."]
    shown = (provenance or {}).get("n_frames")
    frames = "" if shown is None else f"{shown:,} frames were shown. "
    found.append(f"{frames}The answers lie in {len(shards):,} {_one(len(shards), 'shard')} of {sum(shards) / 1e6:,.1f} MB (cells/).")
    if first[0].spread is not None:
        spread = np.concatenate([each.spread.ravel() for each in first if each.spread is not None])
        over = np.concatenate([each.mean.std(0) for each in first])
        found.append(
            "Several twins answered, and answers are their means; or several fits of a circuit, and answers are those of the first. The "
            "median spread of an answer over the twins, or of the other fits about the first, is "
            f"{number_text(float(np.median(spread)))}, where answers of the median unit differ by {number_text(float(np.median(over)))} "
            "between stimuli (standard deviation). A difference that is smaller than the spread is not to be taken to an experiment."
        )
    return found


def _one(number: int, one: str, many: str | None = None) -> str:
    return one if number == 1 else many or f"{one}s"


def state_rows(answers: Sequence[StateAnswers]) -> list[dict[str, str]]:
    """Responders and states as the page prints them."""
    return [
        {
            "responder": each.responder,
            "state": each.state,
            "channels": ", ".join(f"{channel} = {value:g}" for channel, value in each.channels.items()) or "all channels rest",
            "units": f"{each.n_units:,}",
            "median": number_text(float(np.median(each.mean))),
            "largest": number_text(float(each.mean.max())),
            "still": f"{each.still:,}",
        }
        for each in answers
    ]


def kind_rows(stimuli: pd.DataFrame) -> list[dict[str, str]]:
    """Kinds of stimuli with the parameters that vary, and those that do not."""
    rows = []
    for kind, of in stimuli.groupby("kind", sort=False):
        known = [
            str(name) for name in of if name not in ("stimulus", "kind") and not str(name).endswith(".kind") and of[name].notna().any()
        ]
        varied = [name for name in known if of[name].nunique(dropna=False) > 1]
        rows.append(
            {
                "kind": str(kind),
                "number": f"{len(of):,}",
                "varied": ", ".join(f"{_words(name)} {_range(of[name])}" for name in varied) or "nothing",
                "fixed": ", ".join(f"{_words(name)} = {_value(of[name].iloc[0])}" for name in known if name not in varied),
            }
        )
    return rows


def described(stimuli: pd.DataFrame) -> list[str]:
    """Words for each stimulus: its kind, and the values of what varies between those of its kind."""
    told = pd.Series("", index=stimuli.index)
    for kind, of in stimuli.groupby("kind", sort=False):
        names = [str(name) for name in of if name not in ("stimulus", "kind") and of[name].nunique(dropna=False) > 1]
        for at, row in of.iterrows():
            values = ", ".join(f"{_words(name)} = {_value(row[name])}" for name in names if pd.notna(row[name]))
            told[at] = f"{kind}: {values}" if values else str(kind)
    return told.tolist()


def stimulus_rows(answers: Sequence[StateAnswers], told: Sequence[str]) -> list[dict[str, str]]:
    """Stimuli with the median answer to each and the units whose best it is, in the first state; of many those that are best for most."""
    if not answers:
        return []
    mean = np.concatenate([each.mean for each in answers if each.state == answers[0].state], axis=1)
    median, best = np.median(mean, axis=1), np.bincount(mean.argmax(0), minlength=len(told))
    shown = sorted(np.argsort(-best, kind="stable")[:MOST_STIMULI])
    return [{"number": str(at), "stimulus": told[at], "median": number_text(float(median[at])), "best": f"{best[at]:,}"} for at in shown]


def _words(name: str) -> str:
    """A parameter of a stimulus in words; one of its aperture says so."""
    return ", ".join(column_words(part) for part in name.split("."))


def _range(values: pd.Series) -> str:
    known = values.dropna().unique()
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return f"{known.min():g} to {known.max():g} ({len(known)} values)"
    return f"({len(known)} values)"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)) else str(value)
