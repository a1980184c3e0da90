"""What a paper needs beside the numbers: formulas, families, corrections, software and what to cite, in sentences."""

from __future__ import annotations

import pandas as pd

from graphtwin.report.folder import RunFolder
from graphtwin.report.words import join_words

# What a paper cites, and its doi.
CITED = {
    "the conditional Poisson model": "Hausman, Hall & Griliches 1984, doi:10.2307/1911191",
    "errors clustered with CR2 and Student's t": "Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004",
    "surrogates with the variogram of a map": "Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038",
    "p adjusted by Holm": "Holm 1979, doi:10.2307/4615733",
    "the published model and the co-travel distance L_d": "Ding et al. 2025, doi:10.1038/s41586-025-08840-3",
}


def methods(run: RunFolder) -> list[str]:
    """Paragraphs for a methods section, from what the folder holds.

    Args:
        run: The folder of a like-to-like analysis.
    """
    robust, provenance = run.table("robust"), run.json("provenance") or {}
    said = [] if robust is None or robust.empty else [_robust(robust)]
    fits = run.json("models") or {}
    formulas = {fit["formula"]: fit["family"] for fit in fits.values()}
    if formulas:
        models = join_words(f"{formula} ({family.replace('_', ' ')}, log link)" for formula, family in formulas.items())
        said.append(
            f"The published slopes are of the generalised linear mixed model {models}, fitted by maximum Laplace likelihood; their "
            "intervals and p are of the normal distribution."
        )
    replaced = sum(fit["formula"].startswith(f"{run.exposure.column} ~") and fit["family"] == "gamma" for fit in fits.values())
    if replaced:
        said.append(
            "Where no pair has a co-travel of 0 the published Tweedie model has no fit; the gamma model, its limit at power 2, replaces it."
        )
    version = provenance.get("graphtwin")
    said.append(f"Software: graphtwin{f' {version}' if version else ''}, seed {provenance.get('seed', 0)}.")
    return [*said, f"Please cite: {'; '.join(f'{what} ({source})' for what, source in CITED.items())}."]


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
