"""The order in which motor neurons are recruited, by what the animal does, where a source has this and no trials."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from graphtwin.motor.circuit.circuit import SHOWN, Circuit
from graphtwin.motor.circuit.of_source import rows_by_root
from graphtwin.shapes import Float, Int
from graphtwin.sources import RECRUITMENT, SourceTables
from graphtwin.told import told_by_fields

FEWEST = 8  # motor neurons, homologues counted once, below which an order is no order to predict: two are held out, six left
BETWEEN = re.compile(r"[\s_\-.,/()]+")  # what stands between the parts of a name
SIDE = re.compile(r"l|r|left|right|(a|t)\d{1,2}(l|r)?")  # a part that says the side, or the segment, of one of several homologues
ENDS = {"L": "R", "R": "L", "l": "r", "r": "l"}  # last letters of names of homologues
MOST = 6  # homologues of one neuron: two sides of three segments

log = logging.getLogger("graphtwin")


@told_by_fields
@dataclass(frozen=True)
class Orders:
    """When motor neurons fire.

    Attributes:
        neurons: Rows in the circuit of the motor neurons that have a place in some order, rising.
        groups: Group of each, numbered from 0: homologues of both sides, or of two segments, are held out together.
        conditions: What the animal does in each order: forward, backward.
        values: Place of each neuron in each order, as it was written: low ones fire first; NaN where it has none.
        origin: Name of the file.

    Examples:
        >>> source = graphtwin.load("crawling/source.toml")
        >>> graphtwin.motor.orders_of(source, graphtwin.motor.circuit_of(source))
        Orders
          neurons: array of 14
          groups: array of 14
          conditions: 2: forward, backward
          values: array of 2 x 14
          origin: order.csv
    """

    neurons: Int[np.ndarray, " motor"]
    groups: Int[np.ndarray, " motor"]
    conditions: tuple[str, ...]
    values: Float[np.ndarray, "conditions motor"]
    origin: str

    @property
    def ranks(self) -> Float[np.ndarray, "conditions motor"]:
        """Rank of each place among those of its order, 1 fires first, equal ones share the mean of theirs: all that is asked of orders."""
        return np.asarray(scipy.stats.rankdata(self.values, axis=1, nan_policy="omit"))

    def permuted(self, rng: np.random.Generator) -> Float[np.ndarray, "conditions motor"]:
        """Ranks of the same neurons after these have exchanged their identities, in all conditions alike.

        Homologues move together, and those alone exchange that are as many and have a place in the same orders.

        Args:
            rng: Source of the draws.
        """
        members = [np.flatnonzero(self.groups == group) for group in range(self.groups.max() + 1)]
        alike: dict[tuple[int, bytes], list[int]] = {}
        for group, rows in enumerate(members):
            alike.setdefault((len(rows), np.isfinite(self.values[:, rows]).tobytes()), []).append(group)
        ranks = self.ranks
        found = ranks.copy()
        for some in alike.values():
            for to, of in zip(some, rng.permutation(some), strict=True):
                found[:, members[to]] = ranks[:, members[of]]
        return found


def orders_of(source: SourceTables, circuit: Circuit) -> Orders | None:
    """The orders of recruitment that a source has; None where it has none.

    Args:
        source: Source, of which all tables of role recruitment_order are read.
        circuit: Its circuit.

    Raises:
        ValueError: A neuron is not in the circuit or no motor neuron, has two places in an order, an order has too few neurons, or the
            same place for all, or no neuron sends to any of them.

    Examples:
        >>> source = graphtwin.load("crawling/source.toml")
        >>> graphtwin.motor.orders_of(source, graphtwin.motor.circuit_of(source)).conditions
        ('forward', 'backward')
    """
    tables = source.of(RECRUITMENT)
    if not tables:
        return None
    origin, frame = ", ".join(dict.fromkeys(table.origin for table in tables)), pd.concat([table.frame for table in tables])
    frame = frame.assign(row=frame["root_id"].map(rows_by_root(source, circuit)).fillna(-1).astype(np.int64))
    _require_motor(frame, origin, source, circuit)
    again = frame.duplicated(["row", "condition"])
    if again.any():
        first = frame[again].iloc[0]
        raise ValueError(
            f"{origin}: {int(again.sum())} of {len(frame)} rows are of a motor neuron and condition that have a row already, first "
            f"{circuit.names[first['row']]}, {first['condition']}. Keep one row of each, or write the mean of its orders."
        )
    endless = ~np.isfinite(frame["order"].to_numpy(np.float64))
    if endless.any():
        raise ValueError(f"{origin}: {int(endless.sum())} of {len(frame)} orders are infinite. Leave out neurons that were not seen.")
    neurons, conditions = np.unique(frame["row"]), tuple(dict.fromkeys(frame["condition"]))
    values = np.full((len(conditions), len(neurons)), np.nan)
    values[[conditions.index(name) for name in frame["condition"]], np.searchsorted(neurons, frame["row"])] = frame["order"]
    groups = homologues([circuit.names[row] for row in neurons])
    found = Orders(neurons, groups, conditions, values, origin)
    for condition, order in zip(conditions, values, strict=True):
        _require_order(found, condition, order)
    _tell_inputs(found, circuit)
    return found


def homologues(names: Sequence[str]) -> Int[np.ndarray, " names"]:
    """Group of each neuron, by its name less the parts that say a side or a segment (MN1_a1_l, MN1_a2_r), or less a last L or R.

    Args:
        names: Names of neurons, unique. Where more than six would be of one group, these parts are no sides: each name is its own group.
    """
    known = set(names)
    stems = []
    for name in names:
        parts = [part for part in BETWEEN.split(name) if part and not SIDE.fullmatch(part.casefold())]
        stem = " ".join(parts) or name
        if stem == name and name[-1:] in ENDS and name[:-1] + ENDS[name[-1]] in known:
            stem = name[:-1]
        stems.append(stem)
    _, group, count = np.unique(np.array(stems), return_inverse=True, return_counts=True)
    return np.arange(len(names)) if count.max() > MOST else group.astype(np.int64)


def _require_motor(frame: pd.DataFrame, origin: str, source: SourceTables, circuit: Circuit) -> None:
    """Raise where a neuron is not in the circuit, or is no motor neuron."""
    circuit.require_motor()
    unknown = sorted(set(frame.loc[frame["row"] < 0, "root_id"]))
    if unknown:
        named = [source.names[root - 1] if source.names else str(root) for root in unknown]
        motor = [circuit.names[row] for row in np.flatnonzero(circuit.motor)]
        raise ValueError(
            f"{origin}: {len(named)} of {frame['root_id'].nunique()} neurons with an order are not among the {len(circuit.names)} of the "
            f"circuit, first {named[:SHOWN]} (its motor neurons are {motor[:SHOWN]} ...). Write the names alike, or leave their rows out."
        )
    other = sorted({circuit.names[row] for row in frame["row"] if not circuit.motor[row]})
    if other:
        raise ValueError(
            f"{origin}: {len(other)} of {frame['row'].nunique()} neurons with an order are no motor neurons, first {other[:SHOWN]}. Mark "
            "them in the column `motor` of the table of role circuit_cells, or leave their rows out."
        )


def _require_order(found: Orders, condition: str, order: Float[np.ndarray, " motor"]) -> None:
    """Raise where an order has too few neurons, or one place for all; say in the log how many share theirs."""
    there = np.isfinite(order)
    n, places = len(np.unique(found.groups[there])), np.unique(order[there])
    if n < FEWEST:
        together = "" if n == there.sum() else f" ({there.sum()} with homologues)"
        raise ValueError(
            f"{found.origin}: {n} motor neurons{together} have a place in the order {condition!r}: {FEWEST} are needed, so that some are "
            "left to fit where two are held out. Bring more, or leave this condition out."
        )
    if len(places) < 2:
        raise ValueError(
            f"{found.origin}: all {there.sum()} motor neurons of {condition!r} have the same place, {places[0]:g}, so that there is no "
            "order to predict. Write the place of each, or leave this condition out."
        )
    shared = int(there.sum()) - len(places)
    if shared:
        told = found.origin, condition, there.sum(), len(places)
        log.info("%s: order %r: %d motor neurons in %d places; those of one place fire together.", *told)


def _tell_inputs(found: Orders, circuit: Circuit) -> None:
    """Say in the log which neurons have no input; raise where none has any."""
    fed = np.isin(found.neurons, circuit.post[circuit.pre != circuit.post])
    if not fed.any():
        raise ValueError(
            f"{found.origin}: none of {len(fed)} motor neurons with an order has a chemical input in the circuit, so that the wiring says "
            "nothing of them. Bring synapses of premotor neurons."
        )
    if not fed.all():
        told = found.origin, (~fed).sum(), len(fed), circuit.names[found.neurons[~fed][0]]
        log.warning("%s: %d of %d motor neurons have no chemical input, first %s: nothing is known of these.", *told)
