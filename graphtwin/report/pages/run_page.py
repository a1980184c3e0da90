"""One self-contained page of a finished run: what was found, the numbers, and figures that each say what they show."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin.report.area_tables import area_tables, no_areas
from graphtwin.report.figures import (
    Block,
    embedding_figures,
    map_figures,
    neuron_figures,
    pair_figures,
    verdict_figures,
    wiring_figures,
)
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import run_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.tables import ceilings, results, skipped, task_title, title_of
from graphtwin.report.words import join_words
from graphtwin.schema import AXES, DEPTH

TEMPLATE = "run.html.j2"
FINDINGS = {
    "adds": "adds",
    "unclear": "no evidence",
    "untested": "not tested",
    "harms": "worse",
    "skipped": "not scored",
    "chosen": "for predictions",
    "measured": "ceiling",
    "carried": "across areas",
}


@dataclass(frozen=True)
class FunnelStep:
    """One step of the funnel as the page shows it."""

    step: str
    n_before: int
    n_after: int
    n_dropped: int
    reason: str
    unit: str

    @property
    def share(self) -> float:
        """Per cent that survives."""
        return 100.0 * self.n_after / self.n_before if self.n_before else 0.0


def write_run(run: Path) -> Path:
    """Read a finished run folder and write `report.html` into it, atomically; what the run lacks is said on the page.

    Args:
        run: The run folder.

    Returns:
        The path of the report.
    """
    folder = RunFolder.open(run)
    return write_page(render_run(folder), folder.path / "report.html")


def render_run(run: RunFolder) -> str:
    """The page as HTML."""
    verdicts = run.json("verdicts") or []
    funnel = run.table("tables/funnel")
    provenance = run.json("provenance")
    files = run.files()
    return page(TEMPLATE).render(
        name=run.path.resolve().name,
        headline=headline(verdicts, run.axes()),
        verdicts=[_badge(verdict, task_title(run, verdict["task"])) for verdict in verdicts],
        title=_title(run),
        counted=join_words([*([] if run.lacks("function") else ["units"]), "nuclei", *([] if run.lacks("connectivity") else ["pairs"])]),
        differences=verdict_figures.draw_differences(run),
        tables=results(run.table("metrics"), run.axes()),
        further=[*ceilings(run.table("ceiling")), *area_tables(run.table("areas"), run.axes())],
        no_areas=no_areas(run),
        skipped=skipped(run),
        funnel_sentence=None if funnel is None else funnel_sentence(funnel, run.table("tables/units", ["nucleus_id"])),
        funnel_main=funnel_steps(main_steps(funnel)),
        funnel_all=funnel_steps(funnel),
        n_steps=0 if funnel is None else len(funnel),
        sections=run_sections(run),
        methods=run_methods(run),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=run.text("config.toml"),
        files=files,
        existing={name for name, _ in files},
    )


def run_sections(run: RunFolder) -> list[Section]:
    """The chapters that hold figures, in the order of the page; none of what the source lacks."""
    left_out = {"embedding"} if run.lacks("function") else set()
    left_out |= {"connectivity"} if run.lacks("connectivity") else set()
    left_out |= {"wiring"} if run.lacks("function") or run.lacks("connectivity") else set()
    left_out |= {"permutation"} if run.table("permutations") is None and left_out else set()
    return [section for section in _sections(run, left_out) if section.key not in left_out]


def _title(run: RunFolder) -> str:
    """The title of the page, by what the source has."""
    if run.lacks("function"):
        return "What wiring says of neurons and connections"
    return "What function says of neurons" if run.lacks("connectivity") else "From functional responses to connectivity"


def _sections(run: RunFolder, left_out: set[str]) -> list[Section]:
    """All chapters; those that are left out without their figures."""
    told = "What a neuron's partners say about it." if run.lacks("function") else "What function says about a neuron"
    told += "" if run.lacks("function") else "." if run.lacks("connectivity") else " that electron microscopy can confirm."
    place = DEPTH if DEPTH in run.axes() else "position"

    def drawn(key: str, draw: Callable[[], list[Block]]) -> list[Block]:
        return [] if key in left_out else draw()

    return [
        Section(
            "embedding",
            "Functional embedding",
            "What the models know of a neuron's function: a few weights on functions of direction, or of whatever was "
            "shown, that all neurons share.",
            drawn("embedding", lambda: [*embedding_figures.draw_embedding(run), *map_figures.draw_embedding_map(run)]),
        ),
        Section(
            "neurons",
            f"Cell type, layer and {place}",
            told,
            neuron_figures.draw_neurons(run),
        ),
        Section(
            "connectivity",
            "Connectivity",
            "Which queried cells an axon contacts, ranked for axons of which no synapse was seen in training.",
            drawn("connectivity", lambda: pair_figures.draw_pair_figures(run)),
        ),
        Section(
            "permutation",
            "Permutation tests",
            "The same models after function was permuted or the graph rewired: what they still reach, they owe to something else.",
            drawn("permutation", lambda: [verdict_figures.draw_permutations(run)]),
        ),
        Section(
            "wiring",
            "Like-to-like wiring",
            "The classical question, asked of the observed pairs without any model of connectivity.",
            drawn("wiring", lambda: wiring_figures.draw_wiring(run)),
        ),
    ]


def headline(verdicts: list[dict[str, Any]], axes: Sequence[str] = AXES) -> str:
    """Whether function adds anything, task by task, in one sentence; all verdicts count where none of them is about function."""
    # A skipped task or a choice compares nothing.
    verdicts = [verdict for verdict in verdicts if verdict["finding"] not in ("skipped", "chosen", "measured", "carried")]
    about = [verdict for verdict in verdicts if verdict["about"] == "function"]
    of_function = bool(about)
    about = about or verdicts
    if not about:
        return "This run holds no verdicts (verdicts.json)."
    by_finding = {finding: [v for v in about if v["finding"] == finding] for finding in FINDINGS}
    subject = "Function adds to the prediction" if of_function else "What was tested adds to the prediction"
    parts = [f"{subject} in {len(by_finding['adds'])} of {len(about)} comparisons{_of_tasks(by_finding['adds'], axes)}"]
    if by_finding["unclear"]:
        parts.append(f"there is no clear evidence in {len(by_finding['unclear'])}{_of_tasks(by_finding['unclear'], axes)}")
    if by_finding["untested"]:
        parts.append(f"it could not be tested in {len(by_finding['untested'])}{_of_tasks(by_finding['untested'], axes)}")
    if by_finding["harms"]:
        parts.append(f"the best model without it is better in {len(by_finding['harms'])}{_of_tasks(by_finding['harms'], axes)}")
    return "; ".join(parts) + "."


def _of_tasks(verdicts: list[dict[str, Any]], axes: Sequence[str]) -> str:
    names = dict.fromkeys(title_of(str(verdict["task"]), axes).lower() for verdict in verdicts)
    return f" ({join_words(names)})" if names else ""


def _badge(verdict: dict[str, Any], name: str) -> dict[str, str]:
    """A verdict for the page: its colour class, its word, its task, and the sentence without the task before it."""
    finding = str(verdict["finding"])
    text = str(verdict["sentence"]).removeprefix(f"{str(verdict['task']).replace('_', ' ')}: ")
    kind = finding if finding in FINDINGS else "unclear"
    return {
        "kind": kind,
        "word": FINDINGS.get(finding, finding),
        "task": name,
        "sentence": text[:1].upper() + text[1:],
    }


def funnel_steps(funnel: pd.DataFrame | None) -> dict[str, list[FunnelStep]]:
    """The steps in their order, by the table that they count."""
    if funnel is None:
        return {}
    names = ["step", "n_before", "n_after", "n_dropped", "reason", "unit"]
    return {
        str(table): [FunnelStep(*row) for row in rows[names].itertuples(index=False, name=None)]
        for table, rows in funnel.groupby("table", sort=False)
    }


def main_steps(funnel: pd.DataFrame | None) -> pd.DataFrame | None:
    """Steps that lose units, nuclei, axons or pairs; those of single files and root ids are left to the full list."""
    if funnel is None:
        return None
    of_file = funnel["table"].str.contains("[./]", regex=True)
    return funnel[(funnel["n_dropped"] > 0) & funnel["unit"].isin(["units", "nuclei", "axons", "pairs"]) & ~of_file]


def funnel_sentence(funnel: pd.DataFrame, units: pd.DataFrame | None) -> str:
    """The sentence on what is left of the units and of the pairs of every materialization."""
    parts = []
    for table, rows in funnel.groupby("table", sort=False):
        of_pairs = rows[rows["unit"] == "pairs"]
        before = int((of_pairs if str(table).startswith("synapses") else rows)["n_before"].iloc[0])
        if table == "units" and units is not None:
            parts.append(f"{len(units):,} of {before:,} units, which are {units['nucleus_id'].nunique():,} nuclei")
        elif str(table).startswith("synapses"):
            parts.append(f"{int(rows['n_after'].iloc[-1]):,} of {before:,} pairs of {table}")
    lossy = int((funnel["n_dropped"] > 0).sum())
    return f"{'; '.join([*parts, f'{lossy} of {len(funnel)} steps lose something'])}."
