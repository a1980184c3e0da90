"""A wiring rule as an object: how many synapses it expects of a pair. It can be sampled, fitted, scored, saved and said in words.

log expected synapses = log L_d + intercept + sum of slope x feature. Rules add: the sum of two has the terms of both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.artifacts import write_text
from graphtwin.config import nearest, validate
from graphtwin.wiring.conditional.conditional_fit import ConditionalFit, fit_conditional, synapses_of_blocks
from graphtwin.wiring.pairs import CandidateSet, Exposure, candidates

LARGEST_LOG = 700.0  # largest log of expected synapses: exp of more is no number


class Term(BaseModel):
    """One feature's part in a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    feature: str | None = Field(description="Column of the pair table; None for a constant.")
    slope: float = Field(description="Change of log expected synapses with one unit of the feature.")
    group: str | None = Field(None, description="Value of the rule's `by` column that the term is for; None for every pair.")
    low: float | None = Field(None, description="Lower end of the 95 % interval of the slope, where it was fitted.")
    high: float | None = Field(None, description="Upper end of the 95 % interval of the slope, where it was fitted.")
    step: float = Field(1.0, gt=0, description="Difference of the feature that the sentence speaks of, in the feature's unit.")

    def sentence(self, exposure: Exposure) -> str:
        """The term in words, as a ratio of synapse rates."""
        where = f"In {self.group}, a" if self.group else "A"
        if self.feature is None:
            return f"{where} pair makes {np.exp(self.slope):.3g} times as many synapses as elsewhere."
        times = f"{np.exp(self.slope * self.step):.3g}"
        if self.low is not None and self.high is not None:
            times += f" (95 % {np.exp(self.low * self.step):.3g}-{np.exp(self.high * self.step):.3g})"
        per = " per um of proximity" if exposure else ""
        return f"{where} pair makes {times} times as many synapses{per} for every {quantity(self.feature, self.step)}."


class WiringRule(BaseModel):
    """Log expected synapses of a pair: log of its exposure, an intercept, and terms."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(description="Name of the rule; the name of a sum is the sum of the names.")
    intercept: float = Field(
        0.0, description="Log of expected synapses per um of L_d (or per pair, without an exposure) where all features are 0."
    )
    terms: tuple[Term, ...] = Field((), description="Terms of the rule, which are added up.")
    by: str | None = Field(None, description="Column that terms with a group refer to.")
    exposure: Exposure = Field("l_d_um", description="Column that expected synapses are proportional to; None for a rule without L_d.")
    dispersion: float = Field(
        0.0, ge=0, description="Dispersion: a count has variance mu + dispersion mu^2 (negative binomial); 0 is Poisson."
    )

    def log_rate(self, pairs: pd.DataFrame) -> Float[np.ndarray, " pairs"]:
        """Log of expected synapses per unit of exposure; NaN where a feature that counts is unknown."""
        value = np.full(len(pairs), self.intercept)
        for term in self.terms:
            feature = 1.0 if term.feature is None else _column(pairs, term.feature)
            if term.group is None:
                value = value + term.slope * feature
            else:
                value = np.where(_groups(pairs, self.by) == term.group, value + term.slope * feature, value)
        return value

    def expected(self, pairs: pd.DataFrame) -> Float[np.ndarray, " pairs"]:
        """Expected synapses of each pair: 0 without proximity, NaN where a feature is unknown.

        Raises:
            ValueError: A column is missing, or features are so large that the expectation is no number (a wrong unit).
        """
        log_rate = self.log_rate(pairs)
        if (log_rate > LARGEST_LOG).any():
            raise ValueError(
                f"rule {self.name}: {(log_rate > LARGEST_LOG).sum()} of {len(pairs)} pairs have a log rate above {LARGEST_LOG:g}. "
                "Check the units of the features."
            )
        return np.exp(log_rate) * (_column(pairs, self.exposure) if self.exposure else 1.0)

    def sample(self, pairs: pd.DataFrame, rng: np.random.Generator) -> Int[np.ndarray, " pairs"]:
        """Synapses of each pair, drawn in the order of the rows.

        Raises:
            ValueError: The expectation of a pair is unknown.
        """
        expected = self.expected(pairs)
        if np.isnan(expected).any():
            raise ValueError(
                f"rule {self.name}: {np.isnan(expected).sum()} of {len(pairs)} pairs have no expectation, because a feature is unknown. "
                "Leave them out before sampling."
            )
        return draw_synapse_counts(expected, self.dispersion, rng)

    def log_likelihood(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """How likely each axon's synapses fall where they did, given their number and its candidates (as in `held_out_axons`).

        Returns:
            One row an axon with synapses: pre_nucleus_id, n_synapses, log_likelihood (nats, without the combinatorial constant).
        """
        rate = pairs.assign(_log_rate=self.log_rate(pairs))
        choices = candidates(rate[np.isfinite(rate["_log_rate"])], exposure=self.exposure)
        log_rate = rate.loc[np.isfinite(rate["_log_rate"]), "_log_rate"].to_numpy()[choices.row]
        return _by_axon(choices, log_rate)

    def __add__(self, other: WiringRule) -> WiringRule:
        """Both rules at once: rates multiply, so that intercepts, terms and slopes add. Give the intercept to one of them.

        Raises:
            ValueError: They differ in exposure, or both have groups, of different columns, or both a dispersion.
        """
        if self.exposure != other.exposure:
            raise ValueError(
                f"rules {self.name} + {other.name}: exposures {self.exposure} and {other.exposure} differ. Give both the same."
            )
        if self.by and other.by and self.by != other.by:
            raise ValueError(f"rules {self.name} + {other.name}: groups by {self.by} and by {other.by}. Give both the same column.")
        if self.dispersion and other.dispersion:
            raise ValueError(f"rules {self.name} + {other.name}: both have a dispersion. Give it to one of them.")
        return WiringRule(
            name=f"{self.name} + {other.name}",
            intercept=self.intercept + other.intercept,
            terms=self.terms + other.terms,
            by=self.by or other.by,
            exposure=self.exposure,
            dispersion=self.dispersion or other.dispersion,
        )

    def __str__(self) -> str:
        """The rule in sentences."""
        at_zero = f"{np.exp(self.intercept):.3g} synapses {'per um of proximity' if self.exposure else 'a pair'}"
        opening = f"{self.name}: {at_zero}" + (" where all features are 0." if any(term.feature for term in self.terms) else ".")
        return " ".join([opening, *(term.sentence(self.exposure) for term in self.terms)])

    def save(self, path: str | Path) -> Path:
        """Write the rule as JSON."""
        return write_text(self.model_dump_json(indent=2) + "\n", path)


def draw_synapse_counts(expected: Float[np.ndarray, " pairs"], dispersion: float, rng: np.random.Generator) -> Int[np.ndarray, " pairs"]:
    """Counts of these means and variance mu + dispersion mu^2: Poisson where the dispersion is 0, else a gamma mixture of it."""
    if dispersion > 0:
        expected = expected * rng.gamma(1 / dispersion, dispersion, len(expected))
    return rng.poisson(expected)


def load_rule(path: str | Path) -> WiringRule:
    """Read a rule that was saved; a key it does not know is an error that names the nearest."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: no JSON: {error}. Save rules with `rule.save`.") from error
    return validate(WiringRule, values, str(path))


def fit_rule(
    pairs: pd.DataFrame, features: Sequence[str], name: str | None = None, by: str | None = None, exposure: Exposure = "l_d_um"
) -> WiringRule:
    """Slopes by the conditional Poisson with axon-clustered 95 % intervals, then the intercept that gives the observed number of synapses.

    Args:
        pairs: The pair table.
        features: Columns of the pair table that get slopes; none for the exposure alone.
        name: Name of the rule; the features joined by "+" by default.
        by: Column of the pair table that names groups with slopes and a constant of their own.
        exposure: Column that expected synapses are proportional to; None for a rule without L_d.

    Raises:
        ValueError: The pairs are refused by `candidates`, or a group cannot be fitted (see `fit_conditional`).
    """
    choices = candidates(pairs, features, by, exposure)
    fit = fit_conditional(choices)
    terms = _slopes(fit, by)
    rule = WiringRule(name=name or " + ".join(features) or "exposure", terms=terms, by=by, exposure=exposure)
    chosen = pairs.iloc[choices.row]
    ratio = choices.n_synapses.sum() / rule.expected(chosen).sum()
    rule = rule.model_copy(update={"intercept": float(np.log(ratio))})
    return rule if by is None else rule.model_copy(update={"terms": terms + _constants(rule, chosen, choices)})


def _slopes(fit: ConditionalFit, by: str | None) -> tuple[Term, ...]:
    steps = {name: _round_step(float(scale)) for name, scale in zip(fit.choices.similarities, fit.choices.scale, strict=True)}
    return tuple(
        Term(
            feature=row.similarity,
            slope=row.estimate,
            group=None if by is None else row.group,
            low=row.low,
            high=row.high,
            step=steps[row.similarity],
        )
        for row in fit.to_frame().itertuples()
    )


def _constants(rule: WiringRule, chosen: pd.DataFrame, choices: CandidateSet) -> tuple[Term, ...]:
    """What each group makes more or less than the others, so that every group's number of synapses is as observed."""
    group = choices.block_group[choices.block]
    expected = np.bincount(group, rule.expected(chosen))
    made = np.bincount(group, choices.n_synapses)
    return tuple(
        Term(feature=None, slope=float(np.log(m / e)), group=name) for name, m, e in zip(choices.groups, made, expected, strict=True)
    )


def quantity(feature: str, step: float) -> str:
    """A difference in words: 0.2 more of signal_correlation, 20 um more of distance, 10 degrees more of rf_distance."""
    if feature.endswith("_um"):
        return f"{step:g} um more of {feature.removesuffix('_um')}"
    is_angle = feature in ("rf_distance", "orientation_difference") or feature.startswith(("delta_ori", "readout_location_distance"))
    return f"{step:g}{' degrees' if is_angle else ''} more of {feature}"


def _round_step(sd: float) -> float:
    """The SD rounded to one digit."""
    return float(f"{sd:.0e}")


def _by_axon(choices: CandidateSet, log_rate: np.ndarray) -> pd.DataFrame:
    """Conditional log-likelihood of each axon when the rate of each pair is given."""
    shift = np.maximum.reduceat(log_rate, choices.start[:-1])
    weight = choices.exposure * np.exp(log_rate - shift[choices.block])
    log_share = np.log(np.maximum(weight, 1e-300)) - np.log(choices.sum_blocks(weight))[choices.block]
    columns = {"pre_nucleus_id": choices.axons[choices.block_axon], "n_synapses": synapses_of_blocks(choices).astype(np.int64)}
    frame = pd.DataFrame(columns | {"log_likelihood": choices.sum_blocks(choices.n_synapses * log_share)})
    return frame[frame["n_synapses"] > 0].reset_index(drop=True)


def _column(pairs: pd.DataFrame, name: str) -> Float[np.ndarray, " pairs"]:
    if name not in pairs:
        near = nearest(name, map(str, pairs.columns))
        raise ValueError(f"rule: the pairs have no column {name!r}{f', nearest {near!r}' if near else ''}. Add it, or drop the term.")
    return pairs[name].to_numpy(np.float64)


def _groups(pairs: pd.DataFrame, by: str | None) -> np.ndarray:
    if by is None or by not in pairs:
        raise ValueError(f"rule: terms are for groups of {by!r}, which the pairs lack. Name the column in `by`.")
    return pairs[by].astype(str).to_numpy()
