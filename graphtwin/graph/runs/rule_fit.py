"""The like-to-like rule of a run as a logistic mixed model, from whose Fisher information it follows what to look at next.

Whether an observed axon contacts a queried cell, both of known function and place: log odds linear in the logarithm of the distance
between their somata and in the similarity of their features (the cosine), with an intercept of each axon's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from graphtwin.graph.runs.study import Study
from graphtwin.mixed import MixedFit
from graphtwin.mixed import fit as fit_mixed
from graphtwin.statistics import Rows
from graphtwin.tuning import feature_similarity

FORMULA = "connected ~ log_distance + similarity + (1 | axon)"
SLOPE = 2  # column of the similarity among intercept, log distance and similarity
NEAREST_UM = 5.0  # distance that counts for somata that lie nearer
FEWEST = 10  # connected pairs below which no rule is fitted


@dataclass(frozen=True)
class FittedRule:
    """The rule, and the pairs that it was fitted on.

    Attributes:
        study: Data of the run.
        fit: Mixed model; its covariates are standardised by `centre` and `scale`.
        observed: Rows of the pairs that it was fitted on; groups are rows of `study.inputs`.
        centre: Means of log distance and similarity over these pairs.
        scale: Their standard deviations.
    """

    study: Study
    fit: MixedFit
    observed: Rows
    centre: Float[np.ndarray, " 2"]
    scale: Float[np.ndarray, " 2"]

    @property
    def axon_variance(self) -> float:
        """Variance of the intercept over axons."""
        return float(self.fit.grouping("axon").sd[0] ** 2)

    @property
    def usable(self) -> Bool[np.ndarray, " neurons"]:
        """Neurons of known function and place."""
        return usable(self.study)

    def rows(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"], unknown: bool = False) -> Rows:
        """Rows of pairs of neurons, with the information about its log odds that each is expected to give.

        Args:
            pre: Rows of the axons in `study.inputs`.
            post: Rows of the cells.
            unknown: Whether similarities are unknown: they are then taken to be the mean.
        """
        x = np.column_stack([log_distance(self.study, pre, post), similarity(self.study, pre, post)])
        x = np.column_stack([np.ones(len(pre)), (x - self.centre) / self.scale])
        x[:, SLOPE] = 0.0 if unknown else x[:, SLOPE]
        chance = self.probability(x, pre)
        return Rows(x, chance * (1 - chance), pre)

    def probability(self, x: Float[np.ndarray, "pairs 3"], pre: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
        """Chance that each pair is connected, by the fit; axons that it did not see are as those on average."""
        table = pd.DataFrame({"log_distance": x[:, 1], "similarity": x[:, SLOPE], "axon": pre.astype(str)})
        return expit(self.fit.predict(table, kind="link", unseen="zero"))


def fit_rule(study: Study) -> FittedRule:
    """The rule of all observed pairs of a run; an error in words where they cannot tell it."""
    known = usable(study)
    axons, cells = known[study.pairs.pre], known[study.pairs.post]
    pre, post = (side.ravel() for side in np.meshgrid(study.pairs.pre[axons], study.pairs.post[cells], indexing="ij"))
    connected = np.asarray(study.pairs.size[axons][:, cells].toarray() > 0).ravel()
    apart = pre != post
    pre, post, connected = pre[apart], post[apart], connected[apart]
    if connected.sum() < FEWEST or connected.all():
        raise ValueError(
            f"run: {int(connected.sum())} of {len(connected)} observed pairs of neurons with function and place are connected. A rule "
            f"needs {FEWEST} at least, and pairs that are not: proofread axons of functional neurons first."
        )
    x = np.column_stack([log_distance(study, pre, post), similarity(study, pre, post)])
    centre, scale = x.mean(0), x.std(0)
    if not (scale > 0).all():
        raise ValueError(f"run: all {len(x)} observed pairs have one distance or one similarity. Give a run of more neurons.")
    x = (x - centre) / scale
    table = pd.DataFrame({"connected": connected.astype(int), "log_distance": x[:, 0], "similarity": x[:, 1], "axon": pre.astype(str)})
    fit = fit_mixed(FORMULA, table, "binomial")
    chance = fit.predict()
    return FittedRule(study, fit, Rows(np.column_stack([np.ones(len(x)), x]), chance * (1 - chance), pre), centre, scale)


def usable(study: Study) -> Bool[np.ndarray, " neurons"]:
    """Neurons of known function and place."""
    return study.inputs.has_function & (np.abs(study.inputs.function).sum(1) > 0) & placed(study)


def placed(study: Study) -> Bool[np.ndarray, " neurons"]:
    """Neurons of known place."""
    return np.asarray(np.isfinite(study.inputs.position).all(1))


def log_distance(study: Study, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Logarithm of the distance between two somata (um)."""
    apart = study.inputs.position[pre] - study.inputs.position[post]
    return np.log(np.maximum(np.linalg.norm(apart, axis=1), NEAREST_UM))


def similarity(study: Study, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Cosine of the functional features of two neurons; NaN where one has none."""
    return feature_similarity(study.inputs.function, pre, post)
