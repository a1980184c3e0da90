"""What a fit is asked for, and the table made ready for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from graphtwin.mixed.design import Prepared, parse_formula, prepare
from graphtwin.mixed.families import IDENTITY, Distribution, family_named
from graphtwin.mixed.likelihood import require_scalar_factor


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
        """The table made ready; refused where the likelihood that is asked for is not that of the model."""
        if self.reml and self.distribution.link is not IDENTITY:
            raise ValueError(
                f"reml: the restricted likelihood is that of family gaussian, and the family is {self.family}. Leave reml out."
            )
        ready = prepare(parse_formula(self.formula), table, self.distribution, self.absorb, self.weights, self.trials)
        fields = ready.design.fields
        if fields and (self.reml or self.quadrature > 1):
            raise ValueError(f"reml and quadrature: {', '.join(one.term.name for one in fields)} is fitted by Laplace. Leave them out.")
        require_scalar_factor(ready.design, self.quadrature)
        return ready

    def columns(self, table: pd.DataFrame) -> pd.DataFrame:
        """The columns that a model names, without a copy of them."""
        text = f"{self.formula} {self.absorb or ''} {self.weights or ''} {self.trials or ''}"
        named = [name for name in table if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", text)]
        return pd.DataFrame({name: table[name] for name in named}, copy=False)
