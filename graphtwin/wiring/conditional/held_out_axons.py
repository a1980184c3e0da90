"""Does a rule predict the partners of axons it never saw, better than L_d or distance alone?

Axons are held out in folds. A rule is fitted to the others and scored on each held-out axon: how likely its synapses fall where they did,
given how many it made and where it could have made them (multinomial shares p ~ exposure x exp(slopes . similarities)). The axon's rate is
conditioned out in the fit and in the score, so that a rule is judged by its choice of partners and by nothing else. The combinatorial
constant is left out; it is the same for every rule. All rules are scored on the same pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin.execute import rng_for
from graphtwin.statistics import cluster_counts, resample_ratio
from graphtwin.wiring.conditional.axon_bootstrap import N_REPLICATES
from graphtwin.wiring.conditional.conditional_fit import block_sums, fit_conditional, solve, synapses_of_blocks
from graphtwin.wiring.conditional.newton import FITTED
from graphtwin.wiring.pairs import CandidateSet, Exposure, candidates

N_FOLDS = 5  # folds of axons, each held out once


@dataclass(frozen=True)
class Hypothesis:
    """A rule before it is fitted.

    Attributes:
        name: Name of the rule in tables.
        similarities: Columns of the pair table whose slopes are fitted; none for the exposure alone.
        exposure: Column that expected synapses are proportional to, or None.
    """

    name: str
    similarities: tuple[str, ...] = ()
    exposure: Exposure = "l_d_um"


L_D_ALONE = Hypothesis("L_d alone")
DISTANCE_ALONE = Hypothesis("distance alone", ("distance_um",), None)


def held_out_scores(
    pairs: pd.DataFrame, hypotheses: Sequence[Hypothesis], seed: int, by: str | None = None, n_folds: int = N_FOLDS
) -> pd.DataFrame:
    """Fit each rule without a fold of axons and score it on them.

    Args:
        pairs: The pair table.
        hypotheses: Rules to compare; pairs for which a similarity of any of them is unknown are left out for all.
        seed: The run's seed; it deals the axons into folds by id.
        by: Column of the pair table that names the group in which each slope is fitted.
        n_folds: Number of folds of axons.

    Returns:
        One row a rule, group and axon with synapses: rule, group, pre_nucleus_id, fold, n_synapses, log_likelihood (nats).
    """
    names = list(dict.fromkeys(name for one in hypotheses for name in one.similarities))
    known = candidates(pairs, names, by)
    common = pairs.iloc[np.sort(known.row)]
    fold = axon_folds(known.axons, n_folds, seed)
    frames = []
    for one in hypotheses:
        choices = candidates(common, one.similarities, by, one.exposure)
        fit_conditional(choices)  # refuses what cannot be fitted to all axons
        frame = _score_folds(choices, fold, n_folds, one.name)
        frames.append(frame[frame["n_synapses"] > 0])
    return pd.concat(frames, ignore_index=True)


def axon_folds(axons: Int[np.ndarray, " axons"], n_folds: int, seed: int) -> Int[np.ndarray, " axons"]:
    """Fold of each axon, by rising id, as equal in size as can be."""
    if not 2 <= n_folds <= len(axons):
        raise ValueError(f"held out: {n_folds} folds of {len(axons)} axons; take at least 2 and at most one an axon.")
    return rng_for(seed, "held-out axons").permutation(len(axons)) % n_folds


def _score_folds(choices: CandidateSet, fold: np.ndarray, n_folds: int, name: str) -> pd.DataFrame:
    """Each block's log-likelihood under the slopes fitted without its axon's fold."""
    block_fold, log_likelihood = fold[choices.block_axon], np.full(len(choices.block_axon), np.nan)
    beta = np.zeros((len(choices.groups), len(choices.similarities)))
    for out in range(n_folds):
        beta, status = solve(choices, (fold != out).astype(float), beta)
        if (status != FITTED).any():
            groups = ", ".join(np.array(choices.groups)[status != FITTED])
            raise ValueError(
                f"held out: {name} cannot be fitted in {groups} without fold {out}. Use more folds, or leave these groups out."
            )
        value, _, _ = block_sums(choices, beta)
        log_likelihood[block_fold == out] = value[block_fold == out]
    columns = {"rule": name, "group": np.array(choices.groups)[choices.block_group], "pre_nucleus_id": choices.axons[choices.block_axon]}
    columns |= {"fold": block_fold, "n_synapses": synapses_of_blocks(choices).astype(np.int64), "log_likelihood": log_likelihood}
    return pd.DataFrame(columns)


def compare_held_out(
    scores: pd.DataFrame, reference: str, seed: int, n_replicates: int = N_REPLICATES, level: float = 0.95
) -> pd.DataFrame:
    """Gain of every rule over the reference, in nats a synapse, with an interval that resamples axons (paired: the same axons for both).

    Args:
        scores: Log-likelihoods of held-out axons, as `held_out_scores` returns them.
        reference: Name of the rule that the others are compared with, such as "L_d alone".
        seed: The run's seed.
        n_replicates: Number of resamples.
        level: Share of resamples that the interval covers.

    Returns:
        rule, reference, log_likelihood (nats a synapse), gain, low, high, n_axons, n_synapses; fits are taken as they are, so the interval
        speaks of other held-out axons.
    """
    per_axon = scores.groupby(["rule", "pre_nucleus_id"], sort=True)[["log_likelihood", "n_synapses"]].sum()
    if reference not in per_axon.index.get_level_values("rule"):
        known = ", ".join(scores["rule"].unique())
        raise ValueError(f"held out: no rule {reference!r} to compare with. There are: {known}.")
    base, rows = per_axon.loc[reference], []
    made = base["n_synapses"].to_numpy(np.float64)
    counts = cluster_counts(len(made), n_replicates, seed, "axon")
    for name in scores["rule"].unique():
        one = per_axon.loc[name, "log_likelihood"]
        difference = (one - base["log_likelihood"]).to_numpy()
        gain = resample_ratio(difference, made, counts)
        low, high = gain.interval(level)
        row = {"rule": name, "reference": reference, "log_likelihood": float(one.sum() / made.sum())}
        row |= {"gain": gain.estimate, "low": low, "high": high}
        rows.append(row | {"n_axons": len(made), "n_synapses": int(made.sum())})
    return pd.DataFrame(rows)
