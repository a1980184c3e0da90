"""`graphtwin pairs`: synapses, proximities and neurons in, the pair table that `graphtwin like-to-like` reads out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import artifacts, schema
from graphtwin.cortex import Funnel
from graphtwin.sources.formats import EXPOSURES, L_D
from graphtwin.sources.loaders import ROOT_KEY, read_connections, read_neurons, read_proximities
from graphtwin.tuning import SIMILARITIES
from graphtwin.wiring.pairs import build_pairs

CAVE = {"target_id": "nucleus_id", "pt_root_id": "root_id", "status_axon": "axon_status"}
# Columns of the table that speak of cells; besides these a row may speak of a unit.
OF_CELLS = ("root_id", "brain_area", "hva", "layer", "axon_status", *schema.POSITION)
SIDES = {"pre": "queried_pre", "post": "queried_post"}
log = logging.getLogger("graphtwin")
FARTHEST_UM = 1e5  # um beyond which a position must be in nm: no cell of a volume lies farther from its corner


def write_pairs(synapses: Path, proximities: Path, neurons: Path, out: Path, force: bool = False) -> pd.DataFrame:
    """Write one row a pair of a queried axon and a queried target, and beside it what was read and lost; returns the funnel.

    Args:
        synapses: Table with one row a synapse or a connected pair, in a format of `read_connections`.
        proximities: Table that `graphtwin proximity` or `graphtwin contacts` writes, in a format of `read_proximities`.
        neurons: Table of neurons: nucleus_id, queried_pre, queried_post; root_id where a table names cells by it; brain_area or hva, layer,
            axon_status and positions where known. Further columns, such as function, are for `graphtwin like-to-like --neurons`.
        out: A .parquet or .csv for the pair table; its name with `.made.json` gets provenance and funnel.
        force: Whether these two files may be replaced where they are there.
    """
    from graphtwin.progress import tqdm

    made = out.with_name(f"{out.name}.made.json")
    artifacts.require_new(out, force=force, inputs=(synapses, proximities, neurons))
    artifacts.require_new(made, (".json",), force)
    funnel = Funnel("pairs")
    with tqdm(total=4, desc="pairs", unit="step", delay=2) as bar:
        table = read_neurons(neurons)
        cells = _cells(table, neurons, funnel)
        bar.update()
        connections = read_connections(synapses)
        _count_sizes(connections, synapses, funnel)
        found = _by_nucleus(connections, cells, synapses, funnel)
        bar.update()
        measured = read_proximities(proximities)
        names = EXPOSURES[measured.attrs.get("exposure", L_D.column)]
        near = _by_nucleus(measured, cells, proximities, funnel)
        _require_same_volume(found, near, synapses, proximities)
        bar.update()
        pairs, lost = build_pairs(found, near, cells, _queried(cells, neurons))
        _require_axons_that_meet(pairs, synapses, proximities)
        bar.update()
    steps = names.put(pd.concat([funnel.frame(), lost], ignore_index=True))
    artifacts.write_table(pairs.rename(columns={L_D.column: names.column}), out)
    inputs = {str(path): artifacts.sha256(path) for path in (synapses, proximities, neurons)}
    artifacts.write_json(artifacts.provenance(0, inputs) | {"funnel": steps.to_dict("records")}, made)
    _tell_of_function(table, neurons)
    return steps


def _tell_of_function(table: pd.DataFrame, path: Path) -> None:
    """Say where the neuron table has nothing that a similarity of pairs is computed from."""
    columns = sorted({similarity.column for similarity in SIMILARITIES.values()})
    if not any(name in table for name in columns):
        log.warning(
            "%s: no column tells the function of neurons (%s), so that the pairs have no similarity. For graphtwin like-to-like, give it "
            "--function or --embeddings, or add a similarity to the pair table.", path, ", ".join(columns),
        )  # fmt: skip


def _cells(table: pd.DataFrame, path: Path, funnel: Funnel) -> pd.DataFrame:
    """One row a nucleus of what the table says of cells, in um; a file of units may repeat it."""
    table = table.rename(columns={theirs: ours for theirs, ours in CAVE.items() if ours not in table})
    lacking = [name for name in SIDES.values() if name not in table]
    if lacking:
        raise ValueError(
            f"{path}: no column {' and '.join(lacking)} (it has {sorted(map(str, table.columns))}). They say of each cell, true or false, "
            "whether its axon was traced and measured (queried_pre) and whether its inputs were looked for (queried_post): only between "
            "such cells does a missing synapse count as none."
        )
    cells = table[["nucleus_id", *SIDES.values(), *(name for name in OF_CELLS if name in table)]]
    cells = cells.assign(**{name: _flags(cells[name], f"{path}, column {name}") for name in SIDES.values()})
    if "root_id" in cells:
        cells = cells.assign(root_id=schema.as_ids(cells["root_id"], f"{path}, column root_id"))
    places = [name for name in schema.POSITION if name in cells]
    far = (cells[places].abs() > FARTHEST_UM).any(axis=1)
    if far.any():
        first = cells.loc[far, "nucleus_id"].iloc[0]
        raise ValueError(
            f"{path}: {int(far.sum())} of {len(cells)} positions lie farther than {FARTHEST_UM:g} um from 0, first nucleus {first}. "
            f"{', '.join(places)} are read in um: convert them, or name them nucleus_x, nucleus_y, nucleus_z if they are nm of the volume."
        )
    once = ~cells.duplicated()
    cells = funnel.keep(cells, once, path.name, "one row a nucleus", "the row repeats another, as of a second unit", "rows").reset_index(
        drop=True
    )
    schema.require_unique(cells, ["nucleus_id"], f"{path}, what it says of cells")
    return cells


def _flags(column: pd.Series, origin: str) -> pd.Series:
    """A column of true and false, from booleans, 0 and 1, or words."""
    known = column.map({True: True, False: False, "true": True, "false": False, "True": True, "False": False})
    if known.isna().any():
        wrong = column[known.isna()]
        raise ValueError(
            f"{origin}: {len(wrong)} of {len(column)} values are neither true nor false, first {wrong.head(3).tolist()}. "
            "Where it isn't known whether somebody looked, write false: nothing is then taken for absent."
        )
    return known.astype(bool)


def _count_sizes(connections: pd.DataFrame, path: Path, funnel: Funnel) -> None:
    """Count the rows of a known size: a pair with one of unknown size has none."""
    known = int(connections["size"].notna().sum()) if "size" in connections else 0
    why = "the cell is empty: their pairs have no synapse_size" if "size" in connections else "there is no column size: no pair has one"
    funnel.record(path.name, "size known", len(connections), known, why, "rows")


def _by_nucleus(table: pd.DataFrame, cells: pd.DataFrame, path: Path, funnel: Funnel) -> pd.DataFrame:
    """The table by nucleus ids; root ids are looked up among the neurons, and ids of another kind are refused."""
    if set(schema.PAIR_KEY) <= set(table):
        _require_known(table, schema.PAIR_KEY, cells["nucleus_id"], path, _other_kind(table, cells))
        return table
    if "root_id" not in cells:
        raise ValueError(
            f"{path}: its cells are named by root ids ({', '.join(ROOT_KEY)}), and the neuron table has no root_id (pt_root_id in CAVE) to "
            "find their nuclei by. Add it, of the same materialization, or name the cells by nucleus id."
        )
    hint = "They look like ids of another materialization or of another volume: bring the neuron table of the same one."
    _require_known(table, ROOT_KEY, cells["root_id"], path, hint)
    alone = cells[~cells["root_id"].duplicated(keep=False)].set_index("root_id")["nucleus_id"]
    for theirs, ours in zip(ROOT_KEY, schema.PAIR_KEY, strict=True):
        known = table[theirs].isin(alone.index)
        reason = "its root id has no nucleus of its own in the neuron table"
        table = funnel.keep(table, known, path.name, f"{ours.split('_')[0]}synaptic nucleus known", reason, "rows")
        table = table.assign(**{ours: table[theirs].map(alone).astype(np.int64)})
    return table.drop(columns=ROOT_KEY)


def _other_kind(table: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Words for the kind of ids that a table may have, if they are no nucleus ids."""
    if "root_id" in cells and table[schema.PAIR_KEY[0]].isin(cells["root_id"]).any():
        return f"They are root ids of these neurons: name the columns {' and '.join(ROOT_KEY)}, and their nuclei are looked up."
    return "They look like ids of another kind or of another volume: bring a neuron table that lists them."


def _require_known(table: pd.DataFrame, key: list[str], known: pd.Series, path: Path, hint: str) -> None:
    """Raise where none of the cells on a side is a neuron."""
    for name in key:
        ids = table[name].unique()
        if not np.isin(ids, known).any():
            raise ValueError(
                f"{path}: none of {len(ids)} values of {name} is among the {len(known)} neurons, first {ids[:3].tolist()} "
                f"(of the neurons {known.head(3).tolist()}). {hint}"
            )


def _require_same_volume(found: pd.DataFrame, near: pd.DataFrame, synapses: Path, proximities: Path) -> None:
    """Raise where no axon has both synapses and a measured proximity."""
    axons = [frame["pre_nucleus_id"].unique() for frame in (found, near)]
    if not np.isin(*axons).any():
        raise ValueError(
            f"none of the {len(axons[0])} axons in {synapses} is among the {len(axons[1])} axons in {proximities} "
            f"(first {axons[0][:3].tolist()} and {axons[1][:3].tolist()}). Measure the proximities of the axons whose synapses were found."
        )


def _require_axons_that_meet(pairs: pd.DataFrame, synapses: Path, proximities: Path) -> None:
    """Raise where proximities and synapses exclude each other: L_d is then that of other cells, or in another frame."""
    connected, near = pairs["n_synapses"] > 0, pairs["l_d_um"] > 0
    if connected.any() and near.any() and not (connected & near).any():
        raise ValueError(
            f"none of {int(connected.sum())} connected pairs of {synapses} is one of the {int(near.sum())} pairs that come near each other "
            f"in {proximities}. A synapse lies where axon and dendrite meet: check that both tables name pre- and postsynaptic cells in "
            "the same order, and that axons and dendrites were measured in the same frame."
        )


def _queried(cells: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The cells that were looked at, one row a cell and side."""
    parts = [pd.DataFrame({"nucleus_id": cells.loc[cells[name], "nucleus_id"], "side": side}) for side, name in SIDES.items()]
    for part, name in zip(parts, SIDES.values(), strict=True):
        if part.empty:
            raise ValueError(
                f"{path}: {name} is false for all {len(cells)} neurons, so that there is no pair. Mark those looked at as true."
            )
    return pd.concat(parts, ignore_index=True)
