"""Experiments in the order in which to make them, beside what as many of a random choice would tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.shapes import Float


@dataclass(frozen=True)
class NextExperiments:
    """Experiments that were chosen.

    Attributes:
        table: A row an experiment: order, what it is, and in bits what it is expected to tell beside those above it (`information_bits`),
            alone (`alone_bits`), and with all above it (`total_bits`).
        random_bits: What as many experiments tell that are drawn at random: mean, and the limits that hold 95 % of the draws.
        candidates: Number of experiments that they were chosen among.
    """

    table: pd.DataFrame
    random_bits: tuple[float, float, float]
    candidates: int

    @property
    def total_bits(self) -> float:
        """What all chosen experiments are expected to tell together."""
        return float(self.table["total_bits"].iloc[-1])

    def __str__(self) -> str:
        """The choice in words."""
        mean, low, high = self.random_bits
        n = len(self.table)
        return f"{n} of {self.candidates} are expected to tell {self.total_bits:.3g} bits; {n} at random {mean:.3g} [{low:.3g}, {high:.3g}]"


def next_experiments(
    named: pd.DataFrame,
    gain: Float[np.ndarray, " budget"],
    alone: Float[np.ndarray, " budget"],
    random: Sequence[float],
    candidates: int,
) -> NextExperiments:
    """The table of experiments that were chosen; information is given in nats.

    Args:
        named: What each experiment is, in the order of choice.
        gain: What each adds to those before it.
        alone: What each would tell alone.
        random: What as many tell in each of several random choices.
        candidates: Number of experiments that they were chosen among.
    """
    bits = gain / np.log(2)
    table = named.reset_index(drop=True).assign(information_bits=bits, alone_bits=alone / np.log(2), total_bits=np.cumsum(bits))
    table.insert(0, "order", np.arange(1, len(table) + 1))
    told = np.asarray(random) / np.log(2)
    low, high = np.percentile(told, [2.5, 97.5])
    return NextExperiments(table, (float(told.mean()), float(low), float(high)), candidates)
