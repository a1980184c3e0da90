"""How far the models of a run come from exposure alone to what the wiring of another animal tells of the same pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.evaluation import EVERY, WITHIN_EXPOSURE, ScoreDesign, Verdict, ceiling_shares, rank_models
from graphtwin.graph.runs import GRAPH_MODEL, NO_FUNCTION, Study
from graphtwin.pipeline.graph.held_out_scores import model_columns, within
from graphtwin.pipeline.graph.pair_jobs import EXPOSURE
from graphtwin.schema import PAIR_KEY

OF_SHARE = ["share", "share_low", "share_high", "n_without", "note"]
COLUMNS = ["animal", "reference", "subset", "model", "metric", "estimate", "low", "high", *OF_SHARE]
COUNTS = ["n", "n_connected", "n_axons", "n_draws"]
TOLD = (GRAPH_MODEL, NO_FUNCTION, "boosting")  # models that the sentence names


def wiring_of(animal: str) -> str:
    """Label of another animal's wiring as a predictor.

    Args:
        animal: Name of the animal.
    """
    return f"wiring of {animal}"


def ceiling_table(study: Study, pairs: pd.DataFrame) -> pd.DataFrame:
    """Models, the exposure and the wiring of each other animal on the same held-out pairs, with their shares of the way to it.

    The pairs are those within exposure, where there is one, whose neurons both have a synapse in the other animal.

    Args:
        study: The study, whose cortex has the wiring of other animals.
        pairs: Held-out pairs with every model's probability.
    """
    parts = [_of_animal(study, pairs, str(animal), wiring) for animal, wiring in study.cortex.ceiling.groupby("animal", sort=True)]
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*COLUMNS, *COUNTS])


def _of_animal(study: Study, pairs: pd.DataFrame, animal: str, wiring: pd.DataFrame) -> pd.DataFrame:
    """The rows of one other animal; none where it shares no connected pair and no other with the held-out ones."""
    inside = within(pairs)
    known = np.unique(wiring[PAIR_KEY].to_numpy())
    rows = pairs[PAIR_KEY].isin(known).all(axis=1).to_numpy() & (inside if inside.any() else True)
    part = pairs[rows]
    if part["connected"].nunique() < 2:
        return pd.DataFrame()
    models = model_columns(part)
    reference = "exposure" if "exposure" in models else "distance"
    size = _sizes(part, wiring)
    scores = {model: part[model].to_numpy(np.float64) for model in models} | {wiring_of(animal): size}
    if EXPOSURE in part:  # most pairs have no synapse in the other animal either: exposure ranks these
        scores[f"{wiring_of(animal)}, then exposure"] = _ranked(size, part[EXPOSURE].to_numpy(np.float64))
    subset = WITHIN_EXPOSURE if inside.any() else EVERY
    design = ScoreDesign("connectivity", "axon", "axon", subset, study.settings.seed, study.settings.replicates)
    axon = part["pre_nucleus_id"].to_numpy(np.int64)
    ranked = rank_models(part["connected"].to_numpy(), scores, axon, part["fold"].to_numpy(np.int64), design)
    shares = ceiling_shares(ranked, reference, wiring_of(animal)).assign(animal=animal, reference=reference, subset=subset)
    counts = dict(zip(COUNTS, (len(part), int(part["connected"].sum()), len(np.unique(axon)), design.n_replicates), strict=True))
    return shares[COLUMNS].assign(**counts)


def _sizes(pairs: pd.DataFrame, wiring: pd.DataFrame) -> Float[np.ndarray, " pairs"]:
    """Size of each pair's connection in the other animal, 0 where it has none."""
    size = wiring.set_index(PAIR_KEY)["size"]
    return size.reindex(pd.MultiIndex.from_frame(pairs[PAIR_KEY])).fillna(0.0).to_numpy(np.float64)


def _ranked(first: Float[np.ndarray, " pairs"], second: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """A score that ranks pairs by one value, and equal ones by another."""
    both = np.stack([first, np.nan_to_num(second, nan=-1.0)], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel().astype(np.float64)


def ceiling_verdicts(table: pd.DataFrame) -> list[Verdict]:
    """A sentence for each other animal: what exposure alone and the ceiling reach, and how far the models come.

    Args:
        table: The table that `ceiling_table` returns.
    """
    of_auc = table[table["metric"] == "auc"]
    return [_verdict(rows.set_index("model"), str(animal)) for animal, rows in of_auc.groupby("animal", sort=True)]


def _verdict(rows: pd.DataFrame, animal: str) -> Verdict:
    first, ceiling = rows.iloc[0], rows.loc[wiring_of(animal)]
    where = "" if first["subset"] == EVERY else f" {first['subset']}"
    text = (
        f"connectivity: the wiring of {animal} ranks the same pairs{where} with an AUC of {_interval(ceiling)}, {first['reference']} alone "
        f"with {_interval(rows.loc[first['reference']])} ({first['n']:,} pairs of {first['n_axons']:,} axons)."
    )
    if ceiling["note"]:
        return Verdict("connectivity", None, "measured", None, f"{text} There is {ceiling['note']}.", "axon", "auc")
    told = [f"{model} {_share(rows.loc[model])}" for model in TOLD if model in rows.index]
    text += f" Of the way from the one to the other: {', '.join(told)}.{_left_out(ceiling)}"
    return Verdict("connectivity", None, "measured", None, text, "axon", "auc", wiring_of(animal), first["reference"])


def _left_out(row: pd.Series) -> str:
    """A sentence on draws of axons without a share; empty where every draw has one."""
    if not row["n_without"]:
        return ""
    return f" In {row['n_without']:,} of {row['n_draws']:,} draws of axons the ceiling is no higher: they have no share and are left out."


def _interval(row: pd.Series) -> str:
    known = np.isfinite([row["low"], row["high"]]).all()
    return f"{row['estimate']:.3f}" + (f" [{row['low']:.3f}, {row['high']:.3f}]" if known else "")


def _share(row: pd.Series) -> str:
    known = np.isfinite([row["share_low"], row["share_high"]]).all()
    interval = f"95 % interval {row['share_low']:.0%} to {row['share_high']:.0%}" if known else "no interval"
    return f"{row['share']:.0%} ({interval})"
