"""What is asked of a pair table, and the tables, models and words that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from graphtwin.mixed import MixedFit
from graphtwin.sources.formats import L_D, ExposureNames
from graphtwin.wiring.conditional import ConditionalFit
from graphtwin.wiring.pairs import Measure, Outcome
from graphtwin.wiring.spatial import Places


@dataclass(frozen=True)
class Question:
    """What is asked: the slope of one similarity on an outcome.

    Attributes:
        outcome: The outcome of the pairs; it has one similarity.
        fit: The conditional model of the outcome.
        n_replicates: Number of replicates of every bootstrap and null; 0 leaves them out.
        seed: Seed of all draws.
        workers: Number of threads.
        places: Positions of the cells; None where they are not known.
        animal: Animal of each axon, by nucleus id; None where all are of one.
        measure: The similarity of any two cells, for the null that deals the function of neurons; None where only pairs are known.
    """

    outcome: Outcome
    fit: ConditionalFit
    n_replicates: int
    seed: int
    workers: int
    places: Places | None = None
    animal: pd.Series | None = None
    measure: Measure | None = None

    @property
    def similarity(self) -> str:
        """Name of the similarity: a column of the pair table."""
        (name,) = self.outcome.similarities
        return name

    @property
    def by(self) -> str | None:
        """Column that divides the pairs into groups, or None."""
        return self.outcome.by


@dataclass
class Answer:
    """Tables by name, models by the similarity they belong to, what a reader must be told, and the rule, a sentence a scale.

    Attributes:
        absent: Why a table is not there, or not for all, by its name.
        left_out: Similarity, group and reason of every group that has no robust slope.
        claims: What is claimed, an entry a similarity and group.
        twin: Fingerprints of the twin that told the function of the neurons, by column; empty where the tables name none.
        exposure: How what synapses are proportional to is called where the answer is written.
    """

    tables: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    models: dict[str, MixedFit] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rule: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    twin: dict[str, list[str]] = field(default_factory=dict)
    exposure: ExposureNames = L_D

    def add(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table; those of one name are stacked."""
        self.tables.setdefault(name, []).append(table)

    def merge(self, other: Answer) -> None:
        """Take over all tables, models, notes and sentences that another answer has."""
        for name, parts in other.tables.items():
            self.tables.setdefault(name, []).extend(parts)
        self.models |= other.models
        self.notes += other.notes
        self.rule += other.rule
        self.left_out += other.left_out
        for name, reason in other.absent.items():
            self.lack(name, reason)

    def lack(self, name: str, reason: str) -> None:
        """Keep why a table is not there; several reasons stand after each other."""
        known = self.absent.get(name)
        self.absent[name] = reason if known in (None, reason) else f"{known} {reason}"

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table, whole."""
        return {name: pd.concat(parts, ignore_index=True) for name, parts in self.tables.items()}


Step = Callable[[], Answer]
