"""Which similarity matters: all similarities at once, at the three scales of a wiring rule.

The axonal scale asks who comes close (co-travel of all pairs), the synaptic scale who of those connects (synapses, with L_d as exposure),
the third how large a connection is (with L_d held). Axon effects are conditioned out, so that nothing rests on how they are distributed;
slopes of the mixed model with the same predictors, whose axon effects are normal, stand beside. The commonality of predictors splits the
explained deviance into what each adds alone and what they share (Nimon & Oswald 2013, doi:10.1177/1094428113493929): RF distance and L_d,
for one, tell much of the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.mixed import NotConverged, slopes
from graphtwin.mixed import fit as fit_mixed
from graphtwin.statistics import draw_counts, percentile_intervals
from graphtwin.wiring.conditional import ConditionalFit, block_sums, fit_conditional
from graphtwin.wiring.pairs import ALL, EFFECT, LOG_L_D, CandidateSet, Outcome, outcome_of, with_effect_of_one_sd, within_axons
from graphtwin.wiring.questions.claims import LEVEL, agreed
from graphtwin.wiring.spatial import Places, robust_slopes

OUTCOME = {"axonal": "co_travel", "synaptic": "synapse_density", "size": "size"}
SCALES = tuple(OUTCOME)
MAX_BLOCKS = 6  # most blocks of predictors: their sets need 63 fits
SLOPES = ("estimate", "se", "low", "high")  # columns in the unit of the outcome
GEOMETRY = ("distance_um", "depth_difference_um")  # columns that hold geometry, and are no similarity
COLUMNS = ["group", "predictor", "alone", "estimate", "se", "z", "df", "p", "low", "high", *EFFECT, "n_pairs", "n_axons"]
VIF_HIGH = 5.0  # variance inflation that is warned of: the variance of a slope is five times what it were without the other predictors


@dataclass(frozen=True)
class Joint:
    """Slopes, shares of deviance and collinearity at one scale.

    Attributes:
        slopes: A row a group and predictor: the slope alone and, joint, estimate (both per unit) with se, z, df, p, low, high; sd, that of
            the predictor over all candidates at this scale, all groups together; rate_ratio with its interval, what one sd multiplies the
            outcome by; n_pairs; n_axons; mixed and mixed_se: the joint slope of the mixed
            model, and its family, NaN where there is none.
        commonality: A row a group and set of blocks: the share of the deviance within axons that exactly these explain, with its interval.
        collinearity: A row a predictor: variance inflation within axons, and its correlation with log L_d where there is one.
        unfitted: The reason why there is no mixed model; empty where there is one.
    """

    scale: str
    slopes: pd.DataFrame
    commonality: pd.DataFrame
    collinearity: pd.DataFrame
    unfitted: str = ""

    @property
    def warnings(self) -> list[str]:
        """What makes the joint slopes hard to read, in words."""
        high = self.collinearity[self.collinearity["vif"] > VIF_HIGH]
        return [
            f"{self.scale} scale: {row['predictor']} is mostly told by the other predictors (variance inflation {row['vif']:.1f}): "
            "its joint slope is uncertain, and what it shares with them cannot be given to either."
            for _, row in high.iterrows()
        ] + ([f"{self.scale} scale: no joint mixed model. {self.unfitted}"] if self.unfitted else [])


def fit_joint(
    pairs: pd.DataFrame,
    blocks: Mapping[str, Sequence[str]],
    scale: str,
    by: str | None = None,
    seed: int = 0,
    n_replicates: int = 500,
    places: Places | None = None,
    animal: pd.Series | None = None,
) -> Joint:
    """Fit every set of predictors at one scale.

    Args:
        pairs: The pair table; pairs for which a predictor is unknown are left out, so that all sets see the same pairs.
        blocks: Name of a block to the columns that enter together, such as {"feature": ["feature_similarity"], "geometry": ["distance_um",
            ...]}.
        scale: The scale of the rule: "axonal", "synaptic" or "size".
        by: Column of groups.
        seed: Seed of the bootstrap over axons.
        places: Positions of the cells; None where they are not known.
        animal: Animal of each axon, by nucleus id; None where all are of one.
        n_replicates: Number of resamples; slopes stay as fitted, so that intervals of shares are a little narrow.

    Raises:
        ValueError: The scale is unknown, there are more than 6 blocks, or a fit fails (see `fit_conditional`).
    """
    if scale not in SCALES:
        raise ValueError(f"joint model: no scale {scale!r}. There are {', '.join(SCALES)}.")
    if not 1 <= len(blocks) <= MAX_BLOCKS:
        raise ValueError(
            f"joint model: {len(blocks)} blocks of predictors, which need {2 ** len(blocks) - 1} fits. Give 1 to {MAX_BLOCKS}."
        )
    outcome = outcome_of(pairs, OUTCOME[scale], [column for block in blocks.values() for column in block], by, of_all=True)
    if outcome.holds_l_d:
        blocks = {**blocks, "L_d": [LOG_L_D]}
    choices, fits = outcome.choices, _Fits(outcome.choices)
    gains = {chosen: fits.gain([c for name in chosen for c in blocks[name]]) for chosen in _subsets(list(blocks))}
    alone = {column: fits.fit([column]).slope[:, 0] for column in outcome.predictors}
    mixed, unfitted = _mixed(outcome)
    table = _slope_table(fits.fit(outcome.predictors), alone, outcome.kind.step)
    table = _corrected(_with_robust(table, outcome, places, seed, animal))
    return Joint(
        scale=scale,
        slopes=table.merge(mixed, how="left", on=["group", "predictor"], validate="one_to_one"),
        commonality=_commonality(choices, gains, list(blocks), seed, n_replicates),
        collinearity=_collinearity(choices, outcome.predictors, scale),
        unfitted=unfitted,
    )


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Slopes with p adjusted over groups, and over the similarities that are asked about; what is only held is a family of its own."""
    is_held = table["predictor"].isin([*GEOMETRY, LOG_L_D])
    return pd.concat([agreed(part) for part in (table[~is_held], table[is_held]) if len(part)]).sort_index()


def _with_robust(table: pd.DataFrame, outcome: Outcome, places: Places | None, seed: int, animal: pd.Series | None) -> pd.DataFrame:
    """The slopes, those of similarities with smooth geometry held and with the errors and the spatial p of robust slopes."""
    table = table.assign(p_spatial=np.nan, geometry="").set_index(["group", "predictor"])
    names = tuple(name for name in outcome.similarities if name not in GEOMETRY)
    robust, _ = robust_slopes(replace(outcome, similarities=names), places, seed, animal)
    rows = robust.rename(columns={"similarity": "predictor", "t": "z"}).set_index(["group", "predictor"])
    rows = rows[[*SLOPES, "z", "df", "p", *EFFECT, "p_spatial", "geometry"]]
    table.loc[rows.index, rows.columns] = rows
    return table.reset_index()


def _mixed(outcome: Outcome) -> tuple[pd.DataFrame, str]:
    """Slopes of all predictors in one mixed model (group, predictor, mixed, mixed_se, family), and why there is none."""
    empty = pd.DataFrame({"group": [], "predictor": [], "mixed": [], "mixed_se": [], "family": []})
    empty = empty.astype(dict.fromkeys(("group", "predictor", "family"), object))
    try:
        fit = fit_mixed(outcome.formula, outcome.chosen, outcome.family)
    except (NotConverged, ValueError) as failure:
        return empty, str(failure)
    found = [slopes(fit, column, outcome.by).assign(predictor=column) for column in outcome.predictors]
    slope = pd.concat(found, ignore_index=True).rename(columns={"estimate": "mixed", "se": "mixed_se"})
    return slope.assign(group=slope["group"] if outcome.by else ALL, family=fit.family)[list(empty)], ""


class _Fits:
    """Conditional models of sets of predictors on the same pairs, each fitted once."""

    def __init__(self, choices: CandidateSet) -> None:
        self.choices = choices
        self._made: dict[tuple[str, ...], ConditionalFit] = {}

    def fit(self, columns: Sequence[str]) -> ConditionalFit:
        """The model of some predictors."""
        key = tuple(columns)
        if key not in self._made:
            self._made[key] = fit_conditional(self.choices.only(columns))
        return self._made[key]

    def gain(self, columns: Sequence[str]) -> Float[np.ndarray, " blocks"]:
        """The log-likelihood (half the drop of the deviance) that each block gains by some predictors."""
        fit = self.fit(columns)
        at, _, _ = block_sums(fit.choices, fit.standardised)
        null, _, _ = block_sums(fit.choices, np.zeros_like(fit.slope))
        return at - null


def _saturated(choices: CandidateSet) -> Float[np.ndarray, " blocks"]:
    """Log-likelihood that can be gained in each block: that of the observed shares minus that of the exposure alone."""
    y, exposure = choices.n_synapses, choices.exposure
    made, near = choices.sum_blocks(y), choices.sum_blocks(exposure)
    some = y > 0
    share = np.zeros(len(y))
    share[some] = y[some] * np.log(y[some] * near[choices.block][some] / (made[choices.block][some] * exposure[some]))
    return choices.sum_blocks(share)


def _subsets(names: list[str]) -> list[tuple[str, ...]]:
    return [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


def _slope_table(fit: ConditionalFit, alone: Mapping[str, Float[np.ndarray, " groups"]], unit: float) -> pd.DataFrame:
    """Joint slopes with the errors of the conditional model (CR2 by axon, Student's t), and each slope alone, over the outcome's unit."""
    table = fit.to_frame().rename(columns={"similarity": "predictor"})
    table[list(SLOPES)] /= unit
    slope_alone = np.stack([alone[name] for name in fit.choices.similarities], axis=1).ravel() / unit
    return with_effect_of_one_sd(table, table["sd"]).assign(alone=slope_alone)[COLUMNS]


def _commonality(
    choices: CandidateSet,
    gains: dict[tuple[str, ...], np.ndarray],
    names: list[str],
    seed: int,
    n_replicates: int,
) -> pd.DataFrame:
    """Shares of the deviance within axons, by inclusion and exclusion over the sets of blocks."""
    subsets, total = _subsets(names), _saturated(choices)
    gained = np.stack([gains[chosen] for chosen in subsets])
    parts = np.stack([_part(chosen, names, subsets) for chosen in subsets]) @ gained
    draws = draw_counts(rng_for(seed, "bootstrap", "commonality"), len(choices.axons), n_replicates)
    rows = []
    for g, group in enumerate(choices.groups):
        here = np.flatnonzero(choices.block_group == g)
        weight = np.concatenate([np.ones((1, len(here))), draws[:, choices.block_axon[here]]])
        below = weight @ total[here]
        share = np.divide(
            weight @ parts[:, here].T, below[:, None], out=np.full((len(weight), len(subsets)), np.nan), where=below[:, None] > 0
        )
        low, high = percentile_intervals(share[1:], len(np.unique(choices.block_axon[here])) - 1.0)
        for index, chosen in enumerate(subsets):
            kind = "unique" if len(chosen) == 1 else "shared"
            row = {"group": group, "predictors": " & ".join(chosen), "kind": kind, "share": share[0, index]}
            rows.append(row | {"low": low[index], "high": high[index]})
    return pd.DataFrame(rows)


def _part(chosen: tuple[str, ...], names: list[str], subsets: list[tuple[str, ...]]) -> Float[np.ndarray, " subsets"]:
    """Weights on the gains of all subsets that leave what exactly `chosen` share: -sum over U in chosen of (-1)^|U| gain(rest and U)."""
    weight = dict.fromkeys(subsets, 0.0)
    rest = [name for name in names if name not in chosen]
    for size in range(len(chosen) + 1):
        for some in combinations(chosen, size):
            together = tuple(name for name in names if name in rest or name in some)
            if together:
                weight[together] -= (-1.0) ** size
    return np.array(list(weight.values()))


def _collinearity(choices: CandidateSet, columns: Sequence[str], scale: str) -> pd.DataFrame:
    """Variance inflation of each predictor given the others, within axons, and its correlation with log L_d there."""
    x = within_axons(choices, choices.only(columns).x)
    sd = x.std(axis=0)
    correlation = (x / np.where(sd > 0, sd, 1)).T @ (x / np.where(sd > 0, sd, 1)) / len(x)
    inflation = np.diag(np.linalg.pinv(correlation + 1e-12 * np.eye(len(columns))))
    table = pd.DataFrame({"predictor": list(columns), "vif": np.maximum(inflation, 1.0)})
    if scale != "synaptic":
        return table.assign(correlation_with_log_l_d=np.nan)
    log_l_d = within_axons(choices, np.log(choices.l_d_um)[:, None])
    return table.assign(correlation_with_log_l_d=[_pearson(x[:, c], log_l_d[:, 0]) for c in range(len(columns))])


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    below = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / below) if below > 0 else float("nan")


def say(joint: Joint, name: Callable[[str], str] = str) -> str:
    """The rule at one scale as a sentence: what remains of each similarity once the others are held fixed.

    A predictor is named where its interval, its p adjusted over predictors and groups (Holm) and the spatial null agree.

    Args:
        joint: The joint model of one scale, as `fit_joint` returns it.
        name: Function that turns a column into words.
    """
    what = {"axonal": "who comes close", "synaptic": "who of those connects", "size": "how large a connection is"}[joint.scale]
    unit = {"axonal": "co-travel", "synaptic": "synapses a length of co-travel", "size": "the size of a connection"}[joint.scale]
    said, without = [], []
    n_groups = joint.slopes["group"].nunique()
    where = f" in {{}} of {n_groups} groups" if n_groups > 1 else ""
    for predictor, rows in joint.slopes.groupby("predictor", sort=False):
        clear = rows[((rows["low"] > 0) | (rows["high"] < 0)) & (rows["p_adj"] <= LEVEL) & ~(rows["p_spatial"] > LEVEL)]
        effect = clear["rate_ratio"]
        if effect.empty:
            without.append(name(str(predictor)))
            continue
        span = f"{effect.min():.2f}" if len(effect) == 1 else f"{effect.min():.2f} to {effect.max():.2f}"
        unprotected = predictor not in (*GEOMETRY, LOG_L_D) and clear["p_spatial"].isna().all()
        caveat = " (no claim: smooth tissue is not ruled out)" if unprotected else ""
        said.append(f"one SD of {name(str(predictor))} multiplies {unit} by {span}{where.format(len(effect))}{caveat}")
    verb = "changes" if len(without) == 1 else "change"
    said += [f"{', '.join(without)} {verb} nothing clearly once the others are fixed"] if without else []
    return f"At the {joint.scale} scale ({what}), {'; '.join(said)}."
