"""What a paper needs beside the numbers of a page: what was done, with the numbers and version of this very run, and what to cite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from graphtwin.report.folder import RunFolder
from graphtwin.report.words import join_words
from graphtwin.schema import TWIN, TWIN_CORE

# What a paper cites, and its doi.
PAPERS = {
    "the conditional Poisson model": "Hausman, Hall & Griliches 1984, doi:10.2307/1911191",
    "errors clustered with CR2 and Student's t": "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
    "surrogates with the variogram of a map": "Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038",
    "p adjusted by Holm": "Holm 1979, doi:10.2307/4615733",
    "the published model and the co-travel distance L_d": "Ding et al. 2025, doi:10.1038/s41586-025-08840-3",
    "intervals of shares": "Wilson 1927, doi:10.1080/01621459.1927.10502953",
    "the p of permutations": "Phipson & Smyth 2010, doi:10.2202/1544-6115.1585",
    "rewiring that keeps degrees": "Maslov & Sneppen 2002, doi:10.1126/science.1065103",
    "error bars of positions": "Lei et al. 2018, doi:10.1080/01621459.2017.1307116",
    "the adjusted Rand index": "Hubert & Arabie 1985, doi:10.1007/BF01908075",
    "selectivity by vector sums": "Mazurek, Kager & Van Hooser 2014, doi:10.3389/fncir.2014.00092",
    "false discovery rates": "Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x",
    "the twin": "Wang et al. 2025, doi:10.1038/s41586-025-08829-y",
}
OF_LIKE_TO_LIKE = tuple(PAPERS)[:5]
SPLITS = {"neuron": "neurons", "axon": "axons", "scan": "whole scans", "block": "whole blocks of tissue"}


def software(provenance: dict[str, Any] | None) -> str:
    """The sentence on what computed the numbers: version, commit, seed and libraries of this run."""
    told = provenance or {}
    version, commit = told.get("graphtwin"), str(told.get("git_commit") or "")[:10]
    libraries = told.get("libraries") or {}
    within = ", ".join(f"{name} {libraries[name]}" for name in ("torch", "numpy", "scipy", "scikit-learn") if name in libraries)
    python = f" (Python {told['python']}{f', {within}' if within else ''})" if "python" in told else ""
    of = f"{f' {version}' if version else ''}{f', commit {commit}' if commit else ''}"
    seed = f", seed {told['seed']}" if "seed" in told else ""
    return f"Software: graphtwin{of}{seed}{python}."


def citation(papers: Sequence[str]) -> str:
    """How to cite: the package, and the papers whose methods the page uses.

    Args:
        papers: Keys of `PAPERS`.
    """
    said = "; ".join(f"{what} ({PAPERS[what]})" for what in papers)
    return f"Please cite graphtwin by its version and commit, the data by the paper of their source, and {said}."


def run_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a run of the main job: what was held out, resampled and permuted."""
    metrics, permutations = run.table("metrics"), run.table("permutations")
    said, papers = (
        [],
        ["errors clustered with CR2 and Student's t", "p adjusted by Holm"] if run.table("conditional_like_to_like") is not None else [],
    )
    if metrics is not None:
        said.append(_scored(metrics))
        papers += ["error bars of positions"] if "interval_coverage" in set(metrics["metric"]) else []
    if permutations is not None:
        replicates = sorted({int(n) for n in permutations.groupby(["task", "null", "model", "metric"]).size()})
        said.append(
            f"Models were fitted and scored again {join_words(map(str, replicates))} times after "
            f"{join_words(dict.fromkeys(permutations['null']))}; the p of a permutation is "
            "(1 + replicates at least as good) / (1 + replicates)."
        )
        papers += ["the p of permutations", *(["rewiring that keeps degrees"] if permutations["null"].str.contains("rewir").any() else [])]
    said.append(software(run.json("provenance")))
    return [*said, citation(papers)] if papers else said


def _scored(metrics: pd.DataFrame) -> str:
    """What was held out, of how many, and how intervals were found."""
    parts = []
    for split, rows in metrics.groupby("split", sort=False):
        largest = rows.loc[rows["n"].idxmax()]
        parts.append(
            f"{SPLITS.get(str(split), str(split))} (up to {int(largest['n']):,} rows, {int(largest['n_clusters']):,} {largest['cluster']}s)"
        )
    asked = "Pairs count where the inputs of the target were queried and the axon has an observed output. "
    counted = asked if "connectivity" in set(metrics["task"]) else ""
    return (
        f"Models were scored on held-out {join_words(parts)}, each fold by a fit on the others. {counted}"
        "Intervals are at 95 %, from resampling what was held out; differences of two models are paired."
    )


def like_to_like_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a like-to-like analysis, from what the folder holds."""
    robust = run.table("robust")
    said = [] if robust is None or robust.empty else [_robust(robust)]
    fits = run.json("models") or {}
    formulas = {fit["formula"]: fit["family"] for fit in fits.values()}
    if formulas:
        models = join_words(f"`{formula}` ({family.replace('_', ' ')}, log link)" for formula, family in formulas.items())
        said.append(
            f"The published slopes are of the generalised linear mixed model {models}, fitted by maximum Laplace likelihood; their "
            "intervals and p are of the normal distribution."
        )
    replaced = sum(fit["formula"].startswith(f"{run.exposure.column} ~") and fit["family"] == "gamma" for fit in fits.values())
    if replaced:
        said.append(
            "Where no pair has a co-travel of 0 the published Tweedie model has no fit; the gamma model, its limit at power 2, replaces it."
        )
    return [*said, software(run.json("provenance")), citation(OF_LIKE_TO_LIKE)]


def _robust(robust: pd.DataFrame) -> str:
    """The estimate that leads, in the words of a methods section."""
    held = join_words(dict.fromkeys(name for text in robust["geometry"].dropna() for name in str(text).split(", ") if name))
    distance = held if held != "none" else "no distance"
    by, tests = str(robust["clusters"].iloc[0]), int(robust["p"].notna().sum())
    spatial = (
        ""
        if robust["p_spatial"].isna().all()
        else (
            " What axons share through space was added to the error from the covariance of the maps of similarity (variogram over targets "
            "times covariance between axons), and the score was compared with that of equally smooth function (spatial null). That p is "
            "too small where function is organised in layers: 0.10 to 0.15 of simulated tables without a rule have it at 0.05 or below."
        )
    )
    return (
        "Who among an axon's candidates (L_d > 0) gets its synapses was modelled by conditional Poisson regression given each axon's "
        f"total, with log L_d as offset and natural splines of {distance} held. Errors were clustered by {by} "
        f"(CR2, Student's t with {robust['df'].min():.1f} to {robust['df'].max():.1f} degrees of freedom).{spatial} "
        "Effects are of one SD of the similarity over all candidate pairs, all groups together. "
        f"p was adjusted for {tests} {'test' if tests == 1 else 'tests'} (Holm). A rule is claimed where the 95 % interval excludes 0 and "
        "the adjusted p and that of the spatial null are at most 0.05."
    )


def power_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a power analysis: how many tables of what design were simulated."""
    table, design, said = run.table("power"), run.json("design"), []
    if table is not None:
        axons, effects = sorted(set(table["n_axons"])), sorted(set(table.loc[table["asked"], "effect"]))
        drawn = "" if design is None else f" drawn from {design['n_axons']:,} axons and {design['n_targets']:,} targets,"
        said.append(
            f"{int(table['n_tables'].min()):,} tables a cell of the design were simulated,{drawn} of {join_words(f'{n:,}' for n in axons)} "
            f"axons, with planted slopes of {join_words(f'{effect:g}' for effect in effects)}; each estimate was computed as for data. "
            "Power is the share of tables in which the slope is found with its sign at p ≤ 0.05, its interval Wilson's."
        )
    return [*said, software(run.json("provenance")), citation(("intervals of shares", *OF_LIKE_TO_LIKE[:3]))]


def types_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a search for types: how many neurons, continua and mixtures were compared."""
    types, continua, tried, said = run.table("types"), run.table("continua"), run.table("mixtures"), []
    if types is not None:
        null = "" if continua is None else f" with the deepest valleys of {len(continua):,} continua of as many neurons"
        sizes = "" if tried is None else f" Mixtures of 1 to {int(tried['n_components'].max())} normals were scored on held-out neurons."
        said.append(f"Valleys in the density of {len(types):,} embeddings were compared{null}.{sizes}")
    papers = ["the adjusted Rand index", "the p of permutations"] if run.table("agreement") is not None else ["the p of permutations"]
    return [*said, software(run.json("provenance")), citation(papers)]


def motor_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a fitted circuit: its size, what was scored and beside what."""
    neurons, edges, scores, said = run.table("neurons"), run.table("edges"), run.table("scores"), []
    if neurons is not None:
        said.append(f"The circuit has {len(neurons):,} neurons and {0 if edges is None else len(edges):,} chemical edges.")
    if scores is not None:
        controls = join_words(str(model) for model in scores["model"].unique() if model != "circuit")
        said.append(
            f"It was scored on what no fit has seen ({join_words(map(str, scores['question'].unique()))}), beside {controls}; intervals "
            f"are at 95 % and resample {join_words(dict.fromkeys(map(str, scores['resampled'])))}."
        )
    return [*said, software(run.json("provenance")), citation(("rewiring that keeps degrees",))]


def robust_methods(run: RunFolder) -> list[str]:
    """Paragraphs on classifiers: kinds, seeds and attacks."""
    scores, checks, said = run.table("scores"), run.table("attack_checks"), []
    if scores is not None:
        said.append(
            f"{scores['model'].nunique()} kinds of classifiers were trained with {int(scores['seeds'].max())} seeds each, which intervals "
            "at 95 % are over; each seed has first weights and training pictures of its own, and all see the same test pictures."
        )
    if checks is not None:
        said.append(f"Attacks passed {int(checks['passed'].sum()):,} of {len(checks):,} checks of masked gradients.")
    return [*said, software(run.json("provenance")), citation(("the twin",))]


def campaign_methods(run: RunFolder) -> list[str]:
    """Paragraphs on a campaign: stimuli, units and frames."""
    units, stimuli, provenance = run.table("units"), run.table("stimuli"), run.json("provenance") or {}
    said = []
    if units is not None and stimuli is not None:
        frames = f" in {provenance['n_frames']:,} frames" if "n_frames" in provenance else ""
        kinds = join_words(str(kind).replace("_", " ") for kind in stimuli["kind"].unique())
        said.append(
            f"{len(stimuli):,} stimuli ({kinds}) were shown{frames} "
            f"to {join_words(map(str, units['responder'].unique()))}; answers of {len(units):,} units are means over the time that counts."
        )
    return [*said, software(provenance), citation(("the twin",))]


def set_methods(said: dict[str, Any], stimuli: pd.DataFrame | None, version: str) -> list[str]:
    """Paragraphs on a set of optimised stimuli: how many of what.

    Args:
        said: Contents of the set's `set.json`, which has no version of its own.
        stimuli: Table of the stimuli, with `role`; None where it is missing.
        version: Version of the package.
    """
    of = [] if stimuli is None else [f"{n:,} {role}" for role, n in stimuli["role"].value_counts(sort=False).items()]
    told = [f"The set holds {join_words(of)} stimuli of {said.get('responder', 'a responder')}."] if of else []
    seed = {"seed": said["seed_of_the_order"]} if "seed_of_the_order" in said else {}
    return [*told, software({"graphtwin": version} | seed), citation(("the twin",))]


def measured_methods(table: pd.DataFrame, what: str, version: str) -> list[str]:
    """Paragraphs on a table of measured units or on correlations: of how many units, of which twin.

    Args:
        table: The units, with `animal`, `twin` and `twin_core` where they are known.
        what: Words for what was measured of them.
        version: Version of the package.
    """
    twins = [f"{column.replace('_', ' ')} {value}" for column in (TWIN, TWIN_CORE) if column in table for value in table[column].unique()]
    of = f" ({join_words(twins)})" if twins else ""
    animals = table["animal"].nunique()
    told = (
        f"{what.capitalize()} of {len(table):,} units of {animals} {'animal' if animals == 1 else 'animals'} were measured in silico{of}."
    )
    papers = [
        *(["selectivity by vector sums"] if "gosi" in table else []),
        *(["false discovery rates"] if "orientation_q" in table else []),
    ]
    return [told, f"Software: graphtwin {version}.", citation((*papers, "the twin"))]
