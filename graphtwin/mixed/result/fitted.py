"""A fitted mixed model: what a reader asks of it, without the data behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_json
from graphtwin.mixed.families import family_named
from graphtwin.mixed.result.degrees import LEVEL, Satterthwaite, require_level, wald_table
from graphtwin.mixed.result.fitted_field import FittedField
from graphtwin.mixed.result.groupings import FittedGrouping
from graphtwin.mixed.result.predictions import predicted, simulated
from graphtwin.mixed.result.profile import HeldLikelihood, profile_bounds
from graphtwin.mixed.result.stored import stored_entries
from graphtwin.shapes import Float
from graphtwin.told import told_as_table

SHOWN = 6  # fixed effects that the short text of a model names


@dataclass(frozen=True)
class Source:
    """What a model was fitted to, for the questions that need it again; a model that was read from a file has none.

    Attributes:
        table: The table, with the columns that the model names.
        held: From a table, the maximised log-likelihood as a function of a fixed effect's number and the value it is held at.
    """

    table: pd.DataFrame
    held: Callable[[pd.DataFrame], HeldLikelihood]


@told_as_table
@dataclass(frozen=True)
class MixedFit:
    """A generalised linear mixed model at the maximum of its Laplace likelihood; one that found no maximum does not exist.

    Attributes:
        formula, family: Formula and name of the family, as they were given to the fit.
        absorbed: Grouping whose intercepts are free, or None.
        weights, trials: Columns of weights and of trials, or None.
        reml: Whether the log-likelihood is the restricted one.
        quadrature: Points of the quadrature over random effects; 1 is the Laplace approximation.
        names: Names of the fixed effects.
        estimate: Estimates of the fixed effects, on the scale of the link: log rate, log odds (binomial) or mean (Gaussian).
        covariance: Covariance of the estimates, from the observed information about all parameters.
        shape: Shape parameters of the family: phi (negative binomial: variance mu + mu^2 / phi; NB1: mu (1 + phi); Tweedie: phi mu^power;
            gamma: phi mu^2), power, zero_inflation (share of structural zeros), sigma (Gaussian); none of Poisson and binomial.
        groupings: Random effects of each grouping.
        log_likelihood: Log-likelihood with all constants, by Laplace or quadrature, or restricted; that of the profile where effects are
            absorbed.
        n_parameters, n_rows: Number of parameters, absorbed intercepts among them, and of rows of the table.
        iterations: Number of Newton steps taken.
        distance: Distance from the maximum that was left, in standard errors.
        notes: What a reader must know: variances that vanish, columns that were absorbed.
        features, patterns, weight: The design: column j of a row of pattern q is the sum over features k of feature_k weight[q, k, j].
        levels: Levels of every category in their order.
        feature_mean, n_rows_of_pattern: Means of the features and number of rows, for every pattern.
        feature_sd: Standard deviations of the features over all rows.
        response: Digest of the response of all rows in their order, by which two models are known to explain the same rows.
        fields: Spatial random effects.
        satterthwaite: What degrees of freedom are made of; None where estimates are referred to a normal distribution, as all are but those
            of Gaussian models without fields.
        source: What the model was fitted to; None where it was read from a file.

    Examples:
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs)
        >>> fit
        MixedFit: poisson, 480 rows, log-likelihood -452.4
          formula: n_synapses ~ signal_correlation + (1 | pre_nucleus_id)
          Intercept: -1.689 (standard error 0.26)
          signal_correlation: 2.762 (standard error 0.26)
        >>> fit.predict(pairs.head(3)).shape
        (3,)
        >>> graphtwin.mixed.load(fit.save("fit.json")).names == fit.names
        True
    """

    formula: str
    family: str
    absorbed: str | None
    weights: str | None
    trials: str | None
    reml: bool
    quadrature: int
    names: tuple[str, ...]
    estimate: Float[np.ndarray, " fixed"]
    covariance: Float[np.ndarray, "fixed fixed"]
    shape: dict[str, float]
    groupings: tuple[FittedGrouping, ...]
    log_likelihood: float
    n_parameters: int
    n_rows: int
    iterations: int
    distance: float
    notes: tuple[str, ...]
    features: tuple[tuple[str, ...], ...]
    patterns: dict[str, list[str]]
    weight: Float[np.ndarray, "patterns features fixed"]
    feature_mean: Float[np.ndarray, "patterns features"]
    n_rows_of_pattern: Float[np.ndarray, " patterns"]
    levels: dict[str, list[str]]
    feature_sd: Float[np.ndarray, " features"]
    response: str
    fields: tuple[FittedField, ...] = ()
    satterthwaite: Satterthwaite | None = None
    source: Source | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """Formula, rows and the first fixed effects; `summary` says all."""
        lines = [f"MixedFit: {self.family}, {self.n_rows:,} rows, log-likelihood {self.log_likelihood:.1f}", f"  formula: {self.formula}"]
        effects = zip(self.names[:SHOWN], self.estimate, self.se, strict=False)
        lines += [f"  {name}: {estimate:.4g} (standard error {se:.2g})" for name, estimate, se in effects]
        return "\n".join([*lines, *([f"  and {len(self.names) - SHOWN} effects more: see summary()"] if len(self.names) > SHOWN else [])])

    @property
    def aic(self) -> float:
        """Akaike's criterion: twice the parameters minus twice the log-likelihood."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def se(self) -> Float[np.ndarray, " fixed"]:
        """Standard errors of the fixed effects."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def params(self) -> pd.Series:
        """Estimates of the fixed effects by name."""
        return pd.Series(self.estimate, index=list(self.names), name="estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects by name."""
        return pd.Series(self.se, index=list(self.names), name="se")

    def to_frame(self, level: float = LEVEL) -> pd.DataFrame:
        """Fixed effects: effect, estimate, se, z, p, low and high of the Wald interval, and per_sd; of a Gaussian model t and df, not z.

        Args:
            level: Share of intervals that hold the true effect.

        Returns:
            One row an effect; per_sd is its change a standard deviation of the numbers that it multiplies, NaN where there are none.
            Degrees of freedom (df) of a Gaussian model are Satterthwaite's, as lmerTest has them (`degrees`).
        """
        feature = np.abs(self.weight).max(axis=0).argmax(axis=0)
        per_sd = np.where(feature > 0, self.estimate * self.feature_sd[feature], np.nan)
        return self.combine(pd.DataFrame({"effect": self.names}), np.eye(len(self.names)), level).assign(per_sd=per_sd)

    def conf_int(self, level: float = LEVEL, method: str = "wald") -> pd.DataFrame:
        """Intervals of the fixed effects: low and high, one row an effect.

        Args:
            level: Share of intervals that hold the true effect.
            method: "wald" (estimate and standard error) or "profile": the values at which the effect, held while all else is fitted again,
                costs no more log-likelihood than half the chi-squared quantile. Where it never costs so much a bound is infinite.

        Raises:
            ValueError: When level or method are none, or the profile is asked of a model that was read from a file.
        """
        require_level(level)
        if method not in ("wald", "profile"):
            raise ValueError(f"conf_int: method {method!r} is unknown. There are wald and profile.")
        if method == "wald":
            return self.to_frame(level).set_index("effect")[["low", "high"]]
        if self.source is None:
            raise ValueError("conf_int: a profile fits the model again, and this one was read from a file. Fit it to its table first.")
        bounds = profile_bounds(self.source.held(self.source.table), self.estimate, self.se, self.log_likelihood, level)
        return pd.DataFrame(bounds, index=pd.Index(self.names, name="effect"), columns=["low", "high"])

    def predict(
        self,
        table: pd.DataFrame | None = None,
        kind: str = "response",
        random: bool = True,
        unseen: str = "refuse",
    ) -> Float[np.ndarray, " rows"]:
        """Prediction for every row of a table, its offset included.

        Combinations of categories that the model was fitted without are predicted by the effects that they are made of.

        Args:
            table: Rows with the columns of the formula but the response; None for the table of the fit, with its rows of weight 0.
            kind: "response" for the mean (of successes that among a row's trials, of zero-inflated counts with the structural zeros),
                or "link" for the linear predictor: log rate, log odds or mean.
            random: Whether the effects found for the groups, and fields, enter; without them a group's effect is 0, and neither groups nor
                places need be named.
            unseen: What to do with groups that weren't fitted, and with unknown places of a field: "refuse" them, take an effect of "zero",
                or "average" the response over the distribution of groups, which multiplies it by exp(variance / 2) with a log link. A place
                that is known has the value that the field takes there, also where no row of the fit lay; far from all knots this is 0.

        Raises:
            ValueError: When a column is missing, a level or (by choice) a group or place is unknown, or the model has absorbed intercepts.
        """
        return predicted(self, self._table("predict") if table is None else table, kind, random, unseen)

    def simulate(self, n: int, seed: int, table: pd.DataFrame | None = None, new_groups: bool = False) -> Float[np.ndarray, "draws rows"]:
        """Draw responses for every row of a table.

        Args:
            n: Number of draws; the first ones are the same whatever their number.
            seed: Seed of the draws.
            table: Rows with the columns of the formula but the response; None for the table of the fit, with its rows of weight 0.
            new_groups: Whether the random effects of every group, and fields, are drawn anew instead of keeping those found.
        """
        return simulated(self, self._table("simulate") if table is None else table, n, seed, new_groups)

    def _table(self, what: str) -> pd.DataFrame:
        """The fitted table, which a model that was read from a file lacks."""
        if self.source is None:
            raise ValueError(f"{what}: this model was read from a file, without its table. Give the table.")
        return self.source.table

    def contrast(self, weights: Mapping[str, float]) -> pd.Series:
        """A linear combination of fixed effects: estimate, se, z (t and df of a Gaussian model), p, low, high.

        Args:
            weights: Weight of each effect that takes part, such as {"x": 1.0, "x:kind[T.b]": 1.0}.

        Raises:
            ValueError: When a name is no fixed effect.
        """
        unknown = sorted(set(weights) - set(self.names))
        if unknown:
            raise ValueError(f"contrast: {', '.join(unknown)} is no fixed effect of this model. It has {', '.join(self.names)}.")
        row = np.array([[weights.get(name, 0.0) for name in self.names]])
        return self.combine(pd.DataFrame(index=[0]), row).iloc[0]

    def combine(self, labels: pd.DataFrame, rows: Float[np.ndarray, "contrasts fixed"], level: float = LEVEL) -> pd.DataFrame:
        """Several linear combinations: the labels with estimate, se, z (t and df of a Gaussian model), p, low, high.

        Args:
            labels: Columns that name the combinations, one row each.
            rows: Weights of the fixed effects in each combination.
            level: Share of intervals that hold the true combination.
        """
        se = np.sqrt(np.einsum("ci,ij,cj->c", rows, self.covariance, rows))
        degrees = None if self.satterthwaite is None else self.satterthwaite.degrees(rows)
        return wald_table(labels, rows @ self.estimate, se, degrees, level)

    def grouping(self, name: str) -> FittedGrouping:
        """Random effects of one grouping by its name.

        Args:
            name: Name of the grouping as the formula has it, such as "group:kind".

        Raises:
            ValueError: When there is no such grouping; the error lists the names there are.
        """
        for grouping in self.groupings:
            if grouping.name == name:
                return grouping
        raise ValueError(f"grouping {name!r}: this model has {', '.join(one.name for one in self.groupings) or 'no random effects'}.")

    def random_frame(self) -> pd.DataFrame:
        """Random effects: grouping, effect, sd, n_groups, and corr_1, the correlation with the first effect, and so on.

        A field is a row too: its groups are its places, and range (in the unit of its coordinates) and n_knots stand beside it.
        """
        rows = []
        for grouping in self.groupings:
            for i, effect in enumerate(grouping.effects):
                row = {"grouping": grouping.name, "effect": effect, "sd": float(grouping.sd[i]), "n_groups": len(grouping.modes)}
                rows.append(row | {f"corr_{j + 1}": float(grouping.correlation[i, j]) for j in range(i)})
        for one in self.fields:
            row = {"grouping": one.name, "effect": one.kernel, "sd": one.sd, "n_groups": one.n_places}
            rows.append(row | {"range": one.range, "n_knots": len(one.knots)})
        return pd.DataFrame(rows, columns=None if rows else ["grouping", "effect", "sd", "n_groups"])

    def summary(self) -> str:
        """The model in words and two tables."""
        link, kind = family_named(self.family).link, "restricted " if self.reml else ""
        shape = "".join(f", {name} {value:.4g}" for name, value in self.shape.items())
        free = f", free intercepts of {self.absorbed}" if self.absorbed else ""
        parts = [
            f"{self.formula}",
            f"family {self.family}{shape}, {link.name} link{free}; {self.n_rows:,} rows",
            f"{kind}log-likelihood {self.log_likelihood:.3f}, {self.n_parameters} parameters, AIC {self.aic:.3f}; "
            f"{self.distance:.0e} standard errors from the maximum after {self.iterations} steps",
        ]
        if self.groupings or self.fields:
            parts += ["", "Random effects", self.random_frame().to_string(index=False, float_format="{:.4g}".format, na_rep="")]
        parts += ["", f"Fixed effects ({link.scale})", self.to_frame().to_string(index=False, float_format="{:.4g}".format)]
        return "\n".join([*parts, *(f"Note: {note}" for note in self.notes)])

    def entries(self) -> dict[str, Any]:
        """The model as what JSON can hold, arrays apart, without the table it was fitted to."""
        found = asdict(replace(self, source=None))
        del found["source"]
        return found

    def save(self, path: str | Path) -> Path:
        """Write the model as one JSON file, without its table.

        Args:
            path: Path of the file to make.
        """
        return write_json(self.entries(), path)


def load_fit(path: str | Path) -> MixedFit:
    """The mixed model of a file that `MixedFit.save` wrote.

    Args:
        path: Path of the file to read.

    Raises:
        ValueError: When the file holds something else.

    Examples:
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs)
        >>> graphtwin.mixed.load(fit.save("fit.json")).formula
        'n_synapses ~ signal_correlation + (1 | pre_nucleus_id)'
    """
    return MixedFit(**stored_entries(path, {entry.name for entry in fields(MixedFit)} - {"source"}))
