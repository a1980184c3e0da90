"""The page of `graphtwin like-to-like`: the rule in words, slopes, and figures that each say what they show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from graphtwin.report.figures import SIGNIFICANT, joint_figures, slope_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import like_to_like_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.pages.run_page import funnel_steps
from graphtwin.report.words import join_words, number_text, p_text
from graphtwin.sources.formats import EXPOSURES, L_D

TEMPLATE = "like_to_like.html.j2"
KEY = ["similarity", "group"]
TITLES = {
    "synapse_density": "Which similarity decides who connects",
    "co_travel": "Which similarity decides who comes close",
    "size": "Which similarity decides how large a connection is",
}


def write_like_to_like(folder: Path) -> Path:
    """Read the folder of a like-to-like analysis and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin like-to-like --out` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    names = EXPOSURES[(run.json("provenance") or {}).get("exposure", L_D.column)]
    return write_page(names.said(render_like_to_like(replace(run, exposure=names))), run.path / "report.html")


def render_like_to_like(run: RunFolder) -> str:
    """The page as HTML."""
    provenance, said, files, outcome = run.json("provenance"), run.json("notes") or {}, run.files(), outcome_in(run)
    return page(TEMPLATE).render(
        name=run.path.resolve().name,
        rule=said.get("scales", []),
        notes=said.get("notes", []),
        title=TITLES[outcome],
        model=mixed_model(run, outcome),
        claims=claim_rows(run),
        slopes=slope_rows(run),
        methods=like_to_like_methods(run),
        sections=like_to_like_sections(run),
        funnel=funnel_steps(run.table("funnel")),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=None if provenance is None else json.dumps(provenance.get("question", {}), indent=2),
        files=files,
        existing={name for name, _ in files},
    )


def like_to_like_sections(run: RunFolder) -> list[Section]:
    """The chapters that hold figures."""
    return [
        Section(
            "curves",
            "Curves",
            "The outcome over the similarity, relative to its value over all pairs of the group.",
            [slope_figures.draw_curves(run)],
        ),
        Section(
            "models",
            "Models and nulls",
            "The robust slope leads. The mixed model is the published one (for sizes ours); the conditional model takes every axon's "
            "total as given, without distance.",
            [
                slope_figures.draw_forest(run),
                slope_figures.draw_sensitivity(run),
                slope_figures.draw_nulls(run),
                slope_figures.draw_moran(run),
                slope_figures.draw_ranking_within_axons(run),
            ],
        ),
        Section(
            "together",
            "All similarities together",
            "What remains of each once the others are held fixed, and what they cannot be told apart in.",
            [joint_figures.draw_joint_slopes(run), joint_figures.draw_commonality(run), joint_figures.draw_held_out_axons(run)],
        ),
        Section(
            "targets",
            "Targets of an axon",
            "Whether the targets of an axon go together more than the rule for pairs makes them.",
            [joint_figures.draw_common_input(run), joint_figures.draw_motifs(run)],
        ),
    ]


def claim_rows(run: RunFolder) -> list[dict[str, str]]:
    """What is claimed and what is not, as the first table of the page prints it."""
    found, robust = run.json("claims") or [], run.table("robust")
    counts = {} if robust is None else {(row["similarity"], row["group"]): row for row in robust.to_dict("records")}
    rows = []
    for entry in found:
        row = counts.get((entry["similarity"], entry["group"]))
        slope, interval = (
            ("", "") if row is None else (f"{entry['rate_ratio']:.2f}", f"{entry['rate_ratio_low']:.2f} to {entry['rate_ratio_high']:.2f}")
        )
        rows.append(
            {
                "similarity": entry["similarity"],
                "group": entry["group"],
                "claimed": "yes" if entry["claimed"] else "no",
                "why": "; ".join(entry["why_not"]),
                "rate_ratio": slope,
                "interval": interval,
                "p": "" if entry["p_adj"] is None else p_text(entry["p_adj"]),
                "spatial": "" if entry["p_spatial"] is None else p_text(entry["p_spatial"]),
                "df": "" if row is None else f"{row['df']:.1f}",
                "pairs": "" if row is None else f"{row['n_pairs']:,}",
                "axons": "" if row is None else f"{row['n_axons']:,}",
            }
        )
    return rows


def slope_rows(run: RunFolder) -> list[dict[str, str]]:
    """Slopes as the table of the page prints them: that of the model, and that within axons where a mixed model has both."""
    slopes, within = run.table("slopes"), run.table("mundlak")
    if slopes is None:
        return []
    table = slopes
    if within is not None:
        table = table.merge(within[[*KEY, "within", "q"]].rename(columns={"q": "q_apart"}), how="left", on=KEY)
    return [
        {
            "similarity": row["similarity"],
            "group": row["group"],
            "estimate": number_text(row["estimate"]),
            "interval": f"{number_text(row['low'])} to {number_text(row['high'])}",
            "rate_ratio": f"{row['rate_ratio']:.2f}",
            "rate_interval": f"{row['rate_ratio_low']:.2f} to {row['rate_ratio_high']:.2f}",
            "p": p_text(row["p_adj"]),
            "within": number_text(row["within"]) if within is not None else "",
            "apart": "differs" if within is not None and row["q_apart"] < SIGNIFICANT else "",
            "pairs": f"{row['n_pairs']:,}",
            "axons": f"{row['n_axons']:,}",
        }
        for _, row in table.iterrows()
    ]


def mixed_model(run: RunFolder, outcome: str) -> str:
    """The mixed model in words, with the family that was fitted."""
    slopes = run.table("slopes")
    family = "" if slopes is None else f"{join_words(dict.fromkeys(slopes['family'])).replace('_', ' ')} "
    return f"{family}mixed model{', with L_d held where it is known' if outcome == 'size' else ''}"


def outcome_in(run: RunFolder) -> str:
    """The outcome that the slopes are of."""
    curves = run.table("curves")
    return "synapse_density" if curves is None else str(curves["outcome"].iloc[0])
