"""A fitted mixed model: what a reader asks of it, without the data behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import ndtr

from graphtwin.artifacts import write_json

# Names of the attributes of a fit and its groupings that are arrays: the lists of JSON become arrays again.
ARRAYS = {"estimate", "covariance", "weight", "feature_mean", "n_rows_of_pattern", "sd", "correlation", "modes", "mode_sd"}


@dataclass(frozen=True)
class FittedGrouping:
    """Random effects of one grouping.

    Attributes:
        name: Name of the grouping, such as "group:kind".
        effects: Names of the effects of a group.
        weight: Weight of each feature in what multiplies each effect, for every pattern of categories.
        sd: Standard deviation of each effect between groups, in log rate a unit of the effect.
        correlation: Correlation of every two effects between groups.
        levels: Columns that the groups are made of, each with one value a group.
        modes: Conditional modes (BLUPs) of every group's effects.
        mode_sd: Conditional standard deviations of every group's effects, at the estimated parameters.
    """

    name: str
    effects: tuple[str, ...]
    weight: Float[np.ndarray, "patterns features effects"]
    sd: Float[np.ndarray, " effects"]
    correlation: Float[np.ndarray, "effects effects"]
    levels: dict[str, list[Any]]
    modes: Float[np.ndarray, "groups effects"]
    mode_sd: Float[np.ndarray, "groups effects"]

    def to_frame(self) -> pd.DataFrame:
        """One row a group: its columns, then mode and conditional sd of every effect."""
        frame = pd.DataFrame(self.levels)
        for i, effect in enumerate(self.effects):
            frame[effect], frame[f"{effect}_sd"] = self.modes[:, i], self.mode_sd[:, i]
        return frame


@dataclass(frozen=True)
class MixedFit:
    """A generalised linear mixed model at the maximum of its Laplace likelihood; one that found no maximum does not exist.

    Attributes:
        formula, family: Formula and name of the family, as they were given to the fit.
        absorbed: Grouping whose intercepts are free, or None.
        names: Names of the fixed effects.
        estimate: Estimates of the fixed effects, on the log scale.
        covariance: Covariance of the estimates, from the observed information about all parameters.
        shape: Shape parameters of the family: phi (negative binomial: variance mu + mu^2 / phi; Tweedie: phi mu^power; gamma: phi mu^2),
            power; none of Poisson.
        groupings: Random effects of each grouping.
        log_likelihood: Laplace log-likelihood with all constants; that of the profile where effects are absorbed.
        n_parameters, n_rows: Number of parameters, absorbed intercepts among them, and of rows of the table.
        iterations: Number of Newton steps taken.
        distance: Distance from the maximum that was left, in standard errors.
        notes: What a reader must know: variances that vanish, columns that were absorbed.
        features, patterns, weight: The design: column j of a row of pattern q is the sum over features k of feature_k weight[q, k, j].
        feature_mean, n_rows_of_pattern: Means of the features and number of rows, for every pattern.
    """

    formula: str
    family: str
    absorbed: str | None
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

    @property
    def aic(self) -> float:
        """Akaike's criterion: twice the parameters minus twice the log-likelihood."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def se(self) -> Float[np.ndarray, " fixed"]:
        """Standard errors of the fixed effects."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self) -> pd.DataFrame:
        """Fixed effects: effect, estimate, se, z, p."""
        return wald_table(pd.DataFrame({"effect": self.names}), self.estimate, self.se)

    def contrast(self, weights: Mapping[str, float]) -> pd.Series:
        """A linear combination of fixed effects: estimate, se, z, p.

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

    def combine(self, labels: pd.DataFrame, rows: Float[np.ndarray, "contrasts fixed"]) -> pd.DataFrame:
        """Several linear combinations: the labels with estimate, se, z, p.

        Args:
            labels: Columns that name the combinations, one row each.
            rows: Weights of the fixed effects in each combination.
        """
        return wald_table(labels, rows @ self.estimate, np.sqrt(np.einsum("ci,ij,cj->c", rows, self.covariance, rows)))

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
        """Random effects: grouping, effect, sd, n_groups, and corr_1, the correlation with the first effect, and so on."""
        rows = []
        for grouping in self.groupings:
            for i, effect in enumerate(grouping.effects):
                row = {"grouping": grouping.name, "effect": effect, "sd": float(grouping.sd[i]), "n_groups": len(grouping.modes)}
                rows.append(row | {f"corr_{j + 1}": float(grouping.correlation[i, j]) for j in range(i)})
        return pd.DataFrame(rows, columns=None if rows else ["grouping", "effect", "sd", "n_groups"])

    def summary(self) -> str:
        """The model in words and two tables."""
        shape = "".join(f", {name} {value:.4g}" for name, value in self.shape.items())
        free = f", free intercepts of {self.absorbed}" if self.absorbed else ""
        parts = [
            f"{self.formula}",
            f"family {self.family}{shape}, log link{free}; {self.n_rows:,} rows",
            f"log-likelihood {self.log_likelihood:.3f}, {self.n_parameters} parameters, AIC {self.aic:.3f}; "
            f"{self.distance:.0e} standard errors from the maximum after {self.iterations} steps",
        ]
        if self.groupings:
            parts += ["", "Random effects", self.random_frame().to_string(index=False, float_format="{:.4g}".format, na_rep="")]
        parts += ["", "Fixed effects (log rate)", self.to_frame().to_string(index=False, float_format="{:.4g}".format)]
        return "\n".join([*parts, *(f"Note: {note}" for note in self.notes)])

    def to_json(self, path: str | Path) -> Path:
        """Write the model as one JSON file.

        Args:
            path: Path of the file to make.
        """
        return write_json(asdict(self), path)

    @classmethod
    def from_json(cls, path: str | Path) -> MixedFit:
        """Read a model that `to_json` wrote.

        Args:
            path: Path of the file to read.

        Raises:
            ValueError: When the file holds something else.
        """
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        wanted = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) != wanted:
            missing = wanted - set(found) if isinstance(found, dict) else wanted
            raise ValueError(
                f"{path}: this is no mixed model; {len(missing)} of its entries are missing: {', '.join(sorted(missing)[:5])}."
            )
        found["groupings"] = tuple(FittedGrouping(**_restored(grouping)) for grouping in found["groupings"])
        found["features"] = tuple(tuple(feature) for feature in found["features"])
        return cls(**_restored(found))


def _restored(found: dict[str, Any]) -> dict[str, Any]:
    """Arrays and tuples again, from the lists of JSON; null is NaN."""
    arrays = {name: np.array(value, dtype=np.float64) for name, value in found.items() if name in ARRAYS}
    return found | arrays | {name: tuple(found[name]) for name in ("names", "notes", "effects") if name in found}


def wald_table(labels: pd.DataFrame, estimate: Float[np.ndarray, " rows"], se: Float[np.ndarray, " rows"]) -> pd.DataFrame:
    """The labels with estimate, se, z and the two-sided p of a normal."""
    z = estimate / se
    return labels.assign(estimate=estimate, se=se, z=z, p=2.0 * ndtr(-np.abs(z)))
