"""The models that are compared with the reference, on planted tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from benchmarks.glmmtmb.r_data import lme4_table

RATE = "n_synapses ~ similarity * proj + offset(log(l_d))"
LENGTH = "l_d ~ similarity * proj"
SIZE = "size ~ similarity * proj"
CONNECTED = "connected ~ similarity * proj"
PAIR = "(1 | pre_nucleus_id:proj)"
TWO_WAY = "(1 | pre_nucleus_id) + (1 | post_nucleus_id)"


@dataclass(frozen=True)
class Case:
    """One model on one table.

    Attributes:
        name: Name of the file of results.
        formula: Formula as we read it.
        rule: What is planted.
        n: Number of pairs.
        reference_formula: Formula as R reads it, where that differs.
        packages: Packages of the reference.
        reml: Whether variances maximise the restricted likelihood.
        n_axons, n_targets: Number of axons and of targets; without the latter one for 130 pairs.
        dataset: Name of a data set of R's lme4 that takes the place of planted pairs.
    """

    name: str
    formula: str
    rule: Rule
    n: int = 20_000
    reference_formula: str = ""
    packages: tuple[str, ...] = field(default=("glmmTMB",))
    reml: bool = False
    n_axons: int = 150
    n_targets: int | None = None
    dataset: str = ""

    def table(self) -> pd.DataFrame:
        """The table that the model is fitted to."""
        return lme4_table(self.dataset) if self.dataset else planted_pairs(self.n, self.rule, 0, self.n_axons, self.n_targets)


SMALL = (
    Case("poisson", f"{RATE} + {PAIR}", Rule("poisson"), packages=("glmmTMB", "lme4")),
    Case("negative_binomial", f"{RATE} + {PAIR}", Rule("negative_binomial")),
    Case("tweedie", f"{LENGTH} + {PAIR}", Rule("tweedie")),
    Case("gamma", f"{SIZE} + {PAIR}", Rule("gamma", phi=0.35)),
    Case("poisson_crossed", f"{RATE} + {TWO_WAY}", Rule("poisson", target_sd=0.4)),
    Case("negative_binomial_crossed", f"{RATE} + {TWO_WAY}", Rule("negative_binomial", target_sd=0.4)),
    Case("tweedie_crossed", f"{LENGTH} + {TWO_WAY}", Rule("tweedie", target_sd=0.4)),
    Case("poisson_slopes", f"{RATE} + (1 + similarity | pre_nucleus_id)", Rule("poisson", slope_sd=1.5)),
    Case(
        "tweedie_uncorrelated_slopes",
        f"{LENGTH} + (1 + similarity || pre_nucleus_id) + (1 | post_nucleus_id)",
        Rule("tweedie", slope_sd=1.0, target_sd=0.3),
        reference_formula=f"{LENGTH} + diag(1 + similarity | pre_nucleus_id) + (1 | post_nucleus_id)",
    ),
    Case("binomial", f"{CONNECTED} + {PAIR}", Rule("binomial"), n=8000),
    Case("binomial_crossed", f"{CONNECTED} + {TWO_WAY}", Rule("binomial", target_sd=0.4), n=8000),
    Case("gaussian", f"{SIZE} + (1 + similarity | pre_nucleus_id)", Rule("gaussian", slope_sd=1.0), n=8000, packages=("lme4",)),
    Case("gaussian_reml", f"{SIZE} + (1 + similarity | pre_nucleus_id)", Rule("gaussian", slope_sd=1.0), 8000, "", ("lme4",), reml=True),
    Case("gaussian_crossed_reml", f"{SIZE} + {TWO_WAY}", Rule("gaussian", target_sd=0.4), 8000, "", ("lme4", "glmmTMB"), reml=True),
    Case("nb1", f"{RATE} + {PAIR}", Rule("nb1")),
    Case("zero_inflated_poisson", f"{RATE} + {PAIR}", Rule("zero_inflated_poisson", level=4.5), n=8000),
    Case("zero_inflated_negative_binomial", f"{RATE} + {PAIR}", Rule("zero_inflated_negative_binomial", phi=1.5, level=4.5), n=8000),
    Case("poisson_nested", "n_synapses ~ similarity + offset(log(l_d)) + (1 | proj/pre_nucleus_id)", Rule("poisson")),
)
LARGE = tuple(
    Case(f"{family}_{n // 1000}k", f"{LENGTH if family == 'tweedie' else RATE} + {PAIR}", Rule(family), n)
    for n in (230_000, 1_300_000)
    for family in ("poisson", "negative_binomial", "tweedie")
)
RATINGS = "y ~ service + (1 | s) + (1 | d)"
CROSSED = (
    Case(
        "poisson_50k_1200x3000",
        f"n_synapses ~ similarity + offset(log(l_d)) + {TWO_WAY}",
        Rule("poisson", target_sd=0.4, level=3.5),
        n=50_000,
        n_axons=1200,
        n_targets=3000,
    ),
    Case("insteval_gaussian", RATINGS, Rule("gaussian"), n=73_421, dataset="InstEval"),
    Case("insteval_gamma", RATINGS, Rule("gamma"), n=73_421, dataset="InstEval"),
)
