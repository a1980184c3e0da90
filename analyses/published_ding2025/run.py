"""The tests of Ding et al. 2025 again, from the summaries they released, and a GLM on their binned sums beside their mixed models."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import stats

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.report.figures import BLUE, MUTED, RULE, STYLE, VERMILLION, WIDTH
from graphtwin.sources.loaders import OUTCOMES, bundled, published_slopes
from graphtwin.statistics import NORMAL_95

HERE = Path(__file__).parent
TITLES = {"synapse_density": "synapses per L_d", "co_travel": "co-travel"}
PROJECTIONS = ("V1->V1", "HVA->HVA", "V1->HVA", "HVA->V1")


def paired_tests(means: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Paired t-test over axons of two populations' mean similarity, one row each; q over the 12 tests of a similarity."""
    found = []
    for row in published.itertuples():
        of_row = means[(means["variable_name"] == row.variable_name) & (means["proj_hva"] == row.proj_hva)]
        axons = of_row.pivot(index="pre_nucleus_id", columns="population", values="variable_mean")
        test = stats.ttest_rel(axons[row.population_1], axons[row.population_2])
        found.append({"n": len(axons), "statistic": test.statistic, "p": test.pvalue})
    return _beside(published[["variable_name", "comparison", "proj_hva"]], found, published, "variable_name")


def common_input_tests(means: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Wilcoxon signed-rank test over axons of the mean correlation, weighted as observed and as expected; 12 of a type are a family."""
    found = []
    for row in published.itertuples():
        axons = means[(means["proj_hva"] == row.proj_hva) & (means["type"] == row.type)].pivot(
            index="pre_nucleus_id", columns="weight", values="pre_mean"
        )
        test = stats.wilcoxon(*(axons[weight] for weight in row.contrast.split(" vs ")))
        found.append({"n": len(axons), "statistic": test.statistic, "p": test.pvalue})
    return _beside(published[["effect", "contrast", "proj_hva", "type"]], found, published, "type")


def _beside(key: pd.DataFrame, found: list[dict[str, float]], published: pd.DataFrame, family: str) -> pd.DataFrame:
    """Our numbers and theirs, q (Benjamini & Hochberg 1995, their column p_adj) within each family."""
    table = key.assign(**pd.DataFrame(found, index=key.index))
    table["q"] = table.groupby(family)["p"].transform(stats.false_discovery_control)
    theirs = {"n": "n", "statistic": "t", "p": "p", "q": "p_adj"}
    return table.assign(**{f"published_{ours}": published[name] for ours, name in theirs.items()})


def binned_slope(
    total: Float[np.ndarray, " bins"], exposure: Float[np.ndarray, " bins"], x: Float[np.ndarray, " bins"]
) -> tuple[float, float, float]:
    """Slope of log(total / exposure) on x by Poisson regression, its standard error, and the Pearson dispersion.

    Args:
        total: Sum of the outcome in each bin, with variance proportional to its mean.
        exposure: What it is divided by: L_d for synapses, the number of pairs for L_d.
        x: Centre of the bin.
    """
    design, offset = np.column_stack([np.ones(len(x)), x]), np.log(exposure)
    coefficient = np.array([np.log(total.sum() / exposure.sum()), 0.0])
    for _ in range(50):
        mean = np.exp(design @ coefficient + offset)
        information = design.T @ (mean[:, None] * design)
        step = np.linalg.solve(information, design.T @ (total - mean))
        coefficient += step
        if np.abs(step).max() < 1e-12:
            break
    else:
        raise ValueError(f"the GLM on {len(x)} bins did not converge in 50 steps (last step {np.abs(step).max():.1e}).")
    dispersion = float(((total - mean) ** 2 / mean).sum() / (len(x) - 2))
    return float(coefficient[1]), float(np.sqrt(np.linalg.inv(information)[1, 1])), dispersion


def binned_slopes(bins: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """The GLM of every projection, similarity and outcome beside the published mixed-model slope.

    Synapses are counts, so that their standard error is Poisson's; that of L_d takes the dispersion from the bins.
    """
    edges = bins["bins"].str.extract(r"\((.*), (.*)\]").astype(float)
    bins = bins.assign(centre=edges.mean(axis=1), similarity=bins["variable_name"].str.lower())
    bins["outcome"] = bins["quantity_name"].str.lower().map(OUTCOMES)
    rows = []
    for (group, similarity, outcome), of_curve in bins.groupby(["proj_hva", "similarity", "outcome"], sort=False):
        counted, per = ("n_synapses", "dend_len") if outcome == "synapse_density" else ("dend_len", "n_pairs")
        estimate, se, dispersion = binned_slope(*(of_curve[name].to_numpy(np.float64) for name in (counted, per, "centre")))
        se *= 1.0 if outcome == "synapse_density" else np.sqrt(dispersion)
        rows.append([group, similarity, outcome, len(of_curve), estimate, se, dispersion])
    table = pd.DataFrame(rows, columns=["group", "similarity", "outcome", "n_bins", "estimate", "se", "dispersion"])
    theirs = published.set_index(["group", "similarity", "outcome"])[["estimate", "se", "q"]].add_prefix("published_")
    table = table.join(theirs, on=["group", "similarity", "outcome"])
    table["apart_in_se"] = (table["estimate"] - table["published_estimate"]) / table["published_se"]
    return table


def agreement(tests: dict[str, pd.DataFrame], slopes: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """How far every kind of number is from the published one, a row each: `value` should be the one in `expected.json`."""
    rows: list[tuple[str, str, float]] = []
    for name, table in tests.items():
        rows.append((name, "tests", len(table)))
        rows.append((name, "largest difference of n", (table["n"] - table["published_n"]).abs().max()))
        rows.append((name, "largest difference of the statistic", (table["statistic"] - table["published_statistic"]).abs().max()))
        for column in ("p", "q"):
            rows.append((name, f"largest relative difference of {column}", (table[column] / table[f"published_{column}"] - 1).abs().max()))
    q = published.groupby(["similarity", "outcome"])["p"].transform(stats.false_discovery_control)
    rows.append(("published slopes", "largest difference of q", (q - published["q"]).abs().max()))
    for outcome, of_outcome in slopes.groupby("outcome"):
        clear = of_outcome[of_outcome["published_q"] < 0.05]
        name, apart = f"GLM on binned sums, {outcome}", of_outcome["apart_in_se"].abs()
        rows.append((name, "slopes", len(of_outcome)))
        rows.append((name, "published slopes with q < 0.05", len(clear)))
        rows.append((name, "of these, with our sign", (np.sign(clear["estimate"]) == np.sign(clear["published_estimate"])).sum()))
        rows.append((name, "within one published standard error", (apart < 1).sum()))
        rows.append((name, "median distance in published standard errors", apart.median()))
        rows.append((name, "largest distance in published standard errors", apart.max()))
    return pd.DataFrame(rows, columns=["what", "quantity", "value"])


def compare(tables: dict[str, pd.DataFrame], expected: list[dict[str, Any]]) -> list[str]:
    """The expected numbers that are not met, in words."""
    wrong = []
    for entry in expected:
        found = tables[entry["table"]]
        for column, wanted in entry["row"].items():
            found = found[found[column] == wanted]
        name = ", ".join(entry["row"].values())
        if len(found) != 1:
            wrong.append(f"{name}: {len(found)} rows in {entry['table']}, one is needed")
        elif not abs(found[entry["column"]].item() - entry["value"]) <= entry["tolerance"]:
            wrong.append(f"{name}: {found[entry['column']].item():.10g} is more than {entry['tolerance']} from {entry['value']}")
    return wrong


def draw_forest(slopes: pd.DataFrame) -> Figure:
    """Slopes with 95 % intervals, ours above the published one, a row of panels a similarity and a column an outcome."""
    similarities = list(dict.fromkeys(slopes["similarity"]))
    figure = Figure(figsize=(WIDTH, 1.15 * len(similarities) + 0.6), layout="constrained")
    panels = figure.subplots(len(similarities), 2, squeeze=False)
    for row, similarity in zip(panels, similarities, strict=True):
        for axes, outcome in zip(row, TITLES, strict=True):
            here = slopes[(slopes["similarity"] == similarity) & (slopes["outcome"] == outcome)].set_index("group").loc[list(PROJECTIONS)]
            for place, (prefix, colour) in enumerate((("", VERMILLION), ("published_", BLUE))):
                y = np.arange(len(here)) + (place - 0.5) * 0.34
                label = "GLM on binned sums" if place == 0 else "published mixed model"
                axes.errorbar(
                    here[f"{prefix}estimate"], y, xerr=NORMAL_95 * here[f"{prefix}se"], fmt="o", ms=3.5, color=colour, label=label
                )
            axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
            axes.set_yticks(range(len(here)), [group.replace("->", "→") for group in here.index])
            axes.set_ylim(len(here) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color=RULE, linewidth=0.6)
            axes.locator_params(axis="x", nbins=5)
            axes.set_title(f"{similarity}: {TITLES[outcome]}", fontsize=7.5)
    figure.supxlabel("slope of the log rate (per degree for distances and orientations), 95 % interval", fontsize=8)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def analyse() -> dict[str, pd.DataFrame]:
    """All tables of the analysis, by name."""
    files, published = bundled(), published_slopes()
    tests = {
        "paired_tests": paired_tests(pd.read_feather(files["presyn_mean.feather"]), pd.read_feather(files["presyn_stats.feather"])),
        "common_input_tests": common_input_tests(
            pd.read_feather(files["common_input_pre_mean_corr.feather"]), pd.read_csv(files["common_input_stats.csv"])
        ),
    }
    slopes = binned_slopes(pd.read_csv(files["bs_stats.csv"]), published)
    return {**tests, "binned_slopes": slopes, "agreement": agreement(tests, slopes, published)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/published_ding2025"), help="folder of the tables and the figure")
    out = parser.parse_args().out
    tables = analyse()
    for name, table in tables.items():
        write_table(table, out / f"{name}.csv")
        print(f"\n{name}\n{table.to_string(index=False, float_format=lambda value: f'{value:.4g}')}")
    with matplotlib.rc_context(STYLE):
        write_atomic(out / "slopes.png", lambda path: draw_forest(tables["binned_slopes"]).savefig(path, dpi=170))
    print(f"\n{out / 'slopes.png'}")
    wrong = compare(tables, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
