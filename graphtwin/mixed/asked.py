"""What a fit is asked for, and the table made ready for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from graphtwin.mixed.design import Prepared, parse_formula, prepare
from graphtwin.mixed.families import Distribution, family_named


@dataclass(frozen=True)
class Asked:
    """What `fit_mixed` was asked for, beside the table; its arguments say what each is."""

    formula: str
    family: str
    absorb: str | None
    weights: str | None
    trials: str | None
    reml: bool
    quadrature: int

    @property
    def distribution(self) -> Distribution:
        """Distribution of the response."""
        return family_named(self.family)

    @property
    def counted(self) -> bool:
        """Whether rows count by their weights or trials."""
        return self.weights is not None or self.trials is not None

    def prepared(self, table: pd.DataFrame) -> Prepared:
        """The table made ready."""
        return prepare(parse_formula(self.formula), table, self.distribution, self.absorb, self.weights, self.trials)

    def columns(self, table: pd.DataFrame) -> pd.DataFrame:
        """The columns that a model names, without a copy of them."""
        text = f"{self.formula} {self.absorb or ''} {self.weights or ''} {self.trials or ''}"
        named = [name for name in table if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", text)]
        return pd.DataFrame({name: table[name] for name in named}, copy=False)
