"""Conditional (fixed-axon) Poisson regression: among the pairs an axon could have chosen, which got its synapses?

Synapses of a pair are Poisson with log mean = axon effect + log L_d + slopes . similarities. Given an axon's total, the axon effect drops
out, and its synapses are multinomial over its candidates with shares p ~ L_d exp(slopes . similarities). No axon effect is estimated or
assumed to be normal, and a similarity that goes with an axon's rate does no harm, unlike with a random intercept. With groups, an axon has
an effect in each of its projections.
Source: Hausman, Hall & Griliches 1984, doi:10.2307/1911191.

Errors are clustered by axon and hold for any distribution of the counts, as long as expected synapses follow the rule and axons are
independent (Wooldridge 1999, doi:10.1016/S0304-4076(98)00033-5). A few busy axons make plain sandwich errors too small: with 25 uneven
axons and clustered synapses they find a rule in 13 % of tables without one. So scores are corrected for the leverage of their axon (CR2),
and Student's t gets the degrees of freedom that the uneven axons are worth, which leaves 6 %. Source: Bell & McCaffrey 2002 (Survey
Methodology 28, 169); Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Num
from scipy import stats

from graphtwin.wiring.conditional.newton import COLLINEAR, DIVERGED, MAX_STEPS, NOT_CONVERGED, VARIES, solve_groups, sums_of_blocks
from graphtwin.wiring.pairs import CandidateSet, with_effect_of_one_sd

LEVERAGE = 1e-6  # least share of the information that must lie with other axons, so that no axon's correction divides by 0
FEW = 0.01  # largest share of pairs that may be called extreme
SHARE_LEFT = 1e-3  # least share of a similarity's variance that is left without the extreme pairs; below, an error names these pairs


@dataclass(frozen=True)
class ConditionalFit:
    """Slopes of similarities on the log synapse rate per group, and what their errors are made of. Slopes are per unit of the similarity.

    Attributes:
        choices: The candidates that were fitted.
        slope: Change of log expected synapses with one unit of the similarity.
        se_model: Standard error of the slope from the information: right if counts are Poisson and pairs independent.
        se_axon: Standard error of the slope, clustered by axon (CR2).
        degrees: Degrees of freedom of `se_axon`: about the number of axons if they are even, fewer if a few carry the information.
        log_likelihood: Log-likelihood (nats) of each group's synapses given the axons' totals.
        log_likelihood_alone: Log-likelihood (nats) of each group's synapses for the exposure alone, all slopes 0.
        n_axons: Number of axons of each group with a synapse and at least two candidates; only these inform the slopes.
        score, information: Score and information of each block at the estimate, in the scale of `choices.x`.
    """

    choices: CandidateSet
    slope: Float[np.ndarray, "groups similarities"]
    se_model: Float[np.ndarray, "groups similarities"]
    se_axon: Float[np.ndarray, "groups similarities"]
    degrees: Float[np.ndarray, "groups similarities"]
    log_likelihood: Float[np.ndarray, " groups"]
    log_likelihood_alone: Float[np.ndarray, " groups"]
    n_axons: Int[np.ndarray, " groups"]
    score: Float[np.ndarray, "blocks similarities"]
    information: Float[np.ndarray, "blocks similarities similarities"]

    @property
    def standardised(self) -> Float[np.ndarray, "groups similarities"]:
        """Slopes in the scale of `choices.x`: change of log expected synapses with one SD of the similarity."""
        return self.slope * self.choices.scale

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row a group and similarity; p and interval from the axon-clustered error and Student's t.

        What one SD of the similarity multiplies synapses by is rate_ratio, with its interval; sd is that over all candidates.
        """
        choices, rows = self.choices, []
        n_pairs, n_synapses = (per_group(choices, value) for value in (np.diff(choices.start).astype(float), synapses_of_blocks(choices)))
        for g, group in enumerate(choices.groups):
            for s, similarity in enumerate(choices.similarities):
                reach = stats.t.ppf((1 + level) / 2, self.degrees[g, s])
                estimate, se = float(self.slope[g, s]), float(self.se_axon[g, s])
                row = {"group": group, "similarity": similarity, "estimate": estimate, "se": se, "se_model": float(self.se_model[g, s])}
                row |= {
                    "z": estimate / se,
                    "df": float(self.degrees[g, s]),
                    "p": float(2 * stats.t.sf(abs(estimate / se), self.degrees[g, s])),
                }
                row |= {"low": estimate - reach * se, "high": estimate + reach * se}
                rows.append(row | {"n_pairs": int(n_pairs[g]), "n_axons": int(self.n_axons[g]), "n_synapses": int(n_synapses[g])})
        return with_effect_of_one_sd(pd.DataFrame(rows), pd.Series(np.tile(choices.scale, len(choices.groups))))


def fit_conditional(choices: CandidateSet) -> ConditionalFit:
    """Fit all groups.

    Raises:
        ValueError: A group has fewer than two axons to learn from, a similarity varies within fewer than two or follows from others there,
            the synapses are separated by a similarity, or Newton's method does not converge.
    """
    n_axons = informative_axons(choices)
    _check_groups(choices, n_axons)
    n_groups, n_similarities = len(choices.groups), len(choices.similarities)
    beta, status = solve(choices, np.ones(len(choices.axons)), np.zeros((n_groups, n_similarities)))
    require_fitted(choices, beta, status)
    log_likelihood, score, information = block_sums(choices, beta)
    alone, _, _ = block_sums(choices, np.zeros_like(beta))
    clustered = [clustered_errors(score[mine], information[mine]) for mine in (choices.block_group == g for g in range(n_groups))]
    model = np.sqrt(np.diagonal(np.linalg.inv(per_group(choices, information)), axis1=1, axis2=2))
    return ConditionalFit(
        choices=choices,
        slope=beta / choices.scale,
        se_model=model / choices.scale,
        se_axon=np.stack([se for se, _ in clustered]) / choices.scale,
        degrees=np.stack([degrees for _, degrees in clustered]),
        log_likelihood=per_group(choices, log_likelihood),
        log_likelihood_alone=per_group(choices, alone),
        n_axons=n_axons,
        score=score,
        information=information,
    )


def synapses_of_blocks(choices: CandidateSet) -> Float[np.ndarray, " blocks"]:
    """Synapses of each block: those that an axon makes in a group."""
    return choices.sum_blocks(choices.n_synapses)


def informative_axons(choices: CandidateSet) -> Int[np.ndarray, " groups"]:
    """Number of axons of each group with a synapse and at least two candidates."""
    informative = (synapses_of_blocks(choices) > 0) & (np.diff(choices.start) > 1)
    return np.bincount(choices.block_group[informative], minlength=len(choices.groups))


def per_group(choices: CandidateSet, value: Float[np.ndarray, "blocks ..."]) -> Float[np.ndarray, "groups ..."]:
    """Sum of a value over the blocks of each group."""
    out = np.zeros((len(choices.groups), *value.shape[1:]))
    np.add.at(out, choices.block_group, value)
    return out


def clustered_errors(
    score: Float[np.ndarray, "clusters similarities"], information: Float[np.ndarray, "clusters similarities similarities"]
) -> tuple[Float[np.ndarray, " similarities"], Float[np.ndarray, " similarities"]]:
    """Errors (CR2) and degrees of freedom of one group's slopes, from the scores and the information of its axons or animals.

    In coordinates where the total information is 1, a cluster of share K has residual score variance K (1 - K); (1 - K)^(-1/2) restores K.
    """
    value, vector = np.linalg.eigh(information.sum(axis=0))
    root = (vector / np.sqrt(value)) @ vector.T
    share_value, share_vector = np.linalg.eigh(root @ information @ root)
    restore = 1 / np.sqrt(np.maximum(1 - share_value, LEVERAGE))
    correct = np.einsum("aik,ak,ajk->aij", share_vector, restore, share_vector) @ root
    error = np.sqrt((np.einsum("aik,ai->ak", correct, score @ root) ** 2).sum(axis=0))
    part = np.einsum("aij,ajk->aik", root @ information @ root, correct)
    degrees = np.empty(score.shape[1])
    for k in range(len(degrees)):
        working = np.diag(np.einsum("ai,ai->a", correct[:, :, k], part[:, :, k])) - part[:, :, k] @ part[:, :, k].T
        degrees[k] = np.trace(working) ** 2 / np.sum(working**2)
    return error, degrees


def block_sums(choices: CandidateSet, beta: Float[np.ndarray, "groups similarities"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-likelihood, score and information of every block at slopes in the scale of `choices.x`."""
    return sums_of_blocks(choices.start, choices.block_group, choices.x, choices.exposure, choices.n_synapses, beta)


def solve(
    choices: CandidateSet,
    axon_weight: Num[np.ndarray, " axons"],
    start: Float[np.ndarray, "groups similarities"],
    target_weight: Num[np.ndarray, " targets"] | None = None,
) -> tuple[Float[np.ndarray, "groups similarities"], Int[np.ndarray, " groups"]]:
    """Slopes (scale of `choices.x`) that maximise the weighted likelihood, and how each group's search ended.

    Args:
        choices: The candidates.
        axon_weight: How often each axon counts; 0 leaves it out.
        start: Slopes from which the search starts.
        target_weight: How often each target counts, as choice of every axon; None counts each once.
    """
    weight = np.zeros(0) if target_weight is None else np.asarray(target_weight, dtype=np.float64)
    beta = np.array(start, dtype=np.float64)
    return beta, solve_groups(*arrays_of(choices), np.asarray(axon_weight, dtype=np.float64), weight, beta)


def arrays_of(choices: CandidateSet) -> tuple[np.ndarray, ...]:
    """The arrays of the candidates that `solve_groups` reads."""
    border = np.searchsorted(choices.block_group, np.arange(len(choices.groups) + 1))
    return border, choices.block_axon, choices.start, choices.x, choices.exposure, choices.n_synapses, choices.target


def _check_groups(choices: CandidateSet, n_axons: np.ndarray) -> None:
    few = [f"{group} ({n})" for group, n in zip(choices.groups, n_axons, strict=True) if n < 2]
    if few:
        raise ValueError(
            f"conditional Poisson: fewer than 2 axons with {choices.counted} and a second candidate in {', '.join(few)}. "
            f"An error over axons needs two, an honest one five: add axons{choices.or_fewer_groups}."
        )
    _, _, information = block_sums(choices, np.zeros((len(choices.groups), len(choices.similarities))))
    made = synapses_of_blocks(choices)[:, None]
    varies = (made > 0) & (np.diagonal(information, axis1=1, axis2=2) > VARIES * made)
    n_varied = per_group(choices, varies.astype(float)).astype(int)
    for g, s in zip(*np.nonzero(n_varied < 2), strict=True):
        raise ValueError(
            f"conditional Poisson: {choices.similarities[s]} varies among the candidates of {n_varied[g, s]} of {n_axons[g]} axons of "
            f"{choices.groups[g]}. A slope with an error over axons needs two: "
            f"{_extremes(choices, int(s)) or 'ask about another similarity'}{choices.or_fewer_groups}."
        )


def _extremes(choices: CandidateSet, similarity: int) -> str:
    """Advice where few pairs hold all variance of a similarity, beside which nothing else counts as varying; empty where many do."""
    square = choices.x[:, similarity] ** 2
    worst = int(np.argmax(square))
    extreme = square > 1e-3 * square[worst]
    if extreme.mean() > FEW or square[~extreme].sum() > SHARE_LEFT * square.sum():
        return ""
    value = choices.centre[similarity] + choices.scale[similarity] * choices.x[worst, similarity]
    pair = f"{choices.axons[choices.block_axon[choices.block[worst]]]} > {choices.targets[choices.target[worst]]}"
    few = f"{extreme.sum()} of {len(square)} pairs ({value:.3g} in {pair})"
    return f"its variance lies in {few}, beside which nothing else varies. Check these"


def require_fitted(choices: CandidateSet, beta: Float[np.ndarray, "groups similarities"], status: Int[np.ndarray, " groups"]) -> None:
    """Raise a ValueError that names the group and similarity where `solve` found no estimate."""
    for g, group in enumerate(choices.groups):
        names = ", ".join(choices.similarities)
        if status[g] == DIVERGED:
            worst = choices.similarities[int(np.argmax(np.abs(beta[g])))]
            raise ValueError(
                f"conditional Poisson: {group} is separated: the slope of {worst} grows without end, because {choices.counted} lies only "
                "at its extreme. There is no estimate; use more axons, or compare ranks within axons instead."
            )
        if status[g] == COLLINEAR:
            raise ValueError(f"conditional Poisson: {names} determine each other within the axons of {group}. Leave one of them out.")
        if status[g] == NOT_CONVERGED:
            raise ValueError(
                f"conditional Poisson: {group} did not converge in {MAX_STEPS} Newton steps (slopes of {names}, in SD: {beta[g]}). "
                "No result; look for extreme values of these columns."
            )
