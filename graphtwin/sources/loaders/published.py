"""Pair and neuron tables with the columns that Ding et al. 2025 published, and the slopes they report.

Source: doi:10.1038/s41586-025-08840-3; `edge_data_v1.pkl` and `node_data_v1.pkl` of BossDB, or any table with these columns. Lengths become
micrometres (L_d is published in mm, somata in nm), positions move to the pia frame, and everything is checked.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import schema
from graphtwin.coordinates import MINNIE65, PiaFrame, pia_from_voxels
from graphtwin.sources.formats import (
    SUFFIXES,
    exposure_in,
    in_small_letters,
    read_file,
    read_pickle,
    require_l_d_um,
    require_tissue,
    suffix_of,
    valid_rows,
    verified_sha256,
)

BUNDLE = Path(__file__).resolve().parents[2] / "bundle" / "ding2025"  # a link to data/ in the repository, files in a wheel
POPULATIONS = ("Connected", "ADP", "Same region")  # populations of pairs, as published: with synapses, with proximity alone, with neither
LABELS = ["brain_area", "hva", "layer", "proofread_status"]  # columns of the neuron table that are text
NEURON_UNITS = {"scan_session": "session"}  # our name of a column by the published one
NUCLEUS_NM = ["nucleus_x", "nucleus_y", "nucleus_z"]  # columns of a nucleus' position, nm
# Columns whose cells are vectors. Positions keep their precision: an angle between near lines of sight needs it. Those of readouts have the
# edges of the monitor at -1 and 1, as here: fnn, which made them, samples with align_corners=False (see `coordinates.edges_from_corners`).
VECTORS = {
    "readout_cvt": np.float32,
    "in_vivo_mean_resp": np.float32,
    "in_silico_resp": np.float32,
    "position_stim_cvt": np.float64,
    "sta_mu_comb": np.float64,
}
OUTCOMES = {"synapse_density": "synapse_density", "ld_density_control": "co_travel"}  # our name of an outcome by the published one
SIZES = ("synapse_size", "mean_synapse_size")  # columns of the summed and the mean size of a pair's synapses
PICKLES = (".pkl", ".pickle")  # suffixes of pickled tables

log = logging.getLogger("graphtwin")


def read_pairs(path: str | Path) -> pd.DataFrame:
    """The pair table, one row an ordered pair, in house units.

    A pair with a synapse and no L_d is kept and counted in the log: the model decides whether it can use it.

    Args:
        path: Table file (.pkl, .parquet, .feather, or text) with pre_nucleus_id, post_nucleus_id, n_synapses, and dend_len (L_d, mm) or
            l_d_um (um), or another exposure in its place: contact_area_um2.

    Returns:
        pre_nucleus_id, post_nucleus_id (int64, unique together), n_synapses (int64), synapse_size and mean_synapse_size (NaN where unknown,
        the mean NaN without a synapse), l_d_um (the exposure; `attrs["exposure"]` is its column), population (from n_synapses and
        L_d), proj_hva and proj_hva_layer where the file has them, and all its further columns as they are: the similarities, NaN where
        unknown.
    """
    path = Path(path)
    table = _read(path)
    schema.require_columns(table, [*schema.PAIR_KEY, "n_synapses"], str(path))
    names = exposure_in([*table.columns, *(["l_d_um"] if "dend_len" in table else [])], str(path))
    l_d_um = _l_d_um(table, str(path)) if names.is_l_d else _amounts(table, names.column, str(path))
    for name in schema.PAIR_KEY:
        table[name] = schema.as_ids(table[name], f"{path}, column {name}")
    schema.require_unique(table, schema.PAIR_KEY, str(path))
    _refuse(table, table["pre_nucleus_id"] == table["post_nucleus_id"], "pair a cell with itself", "Drop these rows.", str(path))
    table["n_synapses"] = _counts(table, str(path))
    table["synapse_size"], table["mean_synapse_size"] = _sizes(table, str(path))
    table["l_d_um"] = l_d_um
    table["population"] = _population(table, str(path))
    for name in ("proj_hva", "proj_hva_layer"):
        if name in table:
            table[name] = _text(table[name])
    _require_finite_similarities(table, str(path))
    table = table.drop(columns=["dend_len", *([] if names.is_l_d else [names.column])], errors="ignore")
    table.attrs["exposure"] = names.column
    return table


def read_neurons(path: str | Path, frame: PiaFrame = MINNIE65) -> pd.DataFrame:
    """The neuron table, in the order of the file: one row a nucleus as published, or one row a unit.

    Where a table lists several units of a nucleus, `tuning.units.speaking_units` says which of them speaks for it.

    Args:
        path: Table file (.pkl, .parquet, .feather, or text) with nucleus_id and what else is known of the published columns.
        frame: Tilt and height of the pia, for nucleus_x, nucleus_y and nucleus_z (nm).

    Returns:
        nucleus_id, session, scan_idx, unit_id (unique together), x_um, depth_um, z_um (pia frame), brain_area, hva, layer,
        proofread_status, reliabilities and selectivities, and vectors as cells of equal length, NaN where the file has none; further
        columns as they are.
    """
    path = Path(path)
    table = _read(path)
    table = table.rename(columns={theirs: ours for theirs, ours in NEURON_UNITS.items() if ours not in table})
    schema.require_columns(table, ["nucleus_id"], str(path))
    for name in [name for name in ("nucleus_id", *schema.UNIT_KEY) if name in table]:
        table[name] = schema.as_ids(table[name], f"{path}, column {name}")
    units = [name for name in schema.UNIT_KEY if name in table]
    if units:
        schema.require_unique(table, ["nucleus_id", *units], str(path))
    if set(NUCLEUS_NM) & set(table.columns):
        table = _positions(table, frame, str(path))
    vectors = {name: list(_matrix(table, name, str(path))) for name in VECTORS if name in table}
    labels = {name: _text(table[name]) for name in LABELS if name in table}
    return table.assign(**vectors, **labels).reset_index(drop=True)


def published_slopes(folder: str | Path = BUNDLE) -> pd.DataFrame:
    """The published mixed-model slopes, one row a projection, similarity and outcome.

    Args:
        folder: Folder of the bundle, or of a copy of it.

    Returns:
        group, similarity, outcome (synapse_density or co_travel), estimate, se, z, p, q (Benjamini-Hochberg, as
        published), n_pairs, n_axons.
    """
    table = pd.read_csv(bundled(folder)["glmm_slopes_area.csv"])
    table = table.rename(columns={"metric": "similarity", "p_adj_bh": "q", "n_pre": "n_axons"})
    table["outcome"] = table["outcome"].map(OUTCOMES)
    return table[["group", "similarity", "outcome", "estimate", "se", "z", "p", "q", "n_pairs", "n_axons"]]


def bundled(folder: str | Path = BUNDLE) -> dict[str, Path]:
    """The files of the bundle by name, each verified against its sha256.

    Args:
        folder: Folder of the bundle, or of a copy of it.
    """
    folder = Path(folder)
    registry: dict[str, str] = json.loads((folder / "registry.json").read_text(encoding="utf-8"))
    for name in registry:
        verified_sha256(folder / name, name, registry)
    return {name: folder / name for name in registry}


def _read(path: Path) -> pd.DataFrame:
    """The valid rows of a table file; a missing, unreadable or empty file is an error."""
    suffix, known = suffix_of(path), ", ".join((*SUFFIXES, *PICKLES))
    if suffix not in (*SUFFIXES, *PICKLES):
        raise ValueError(f"{path}: files ending in {path.suffix!r} are not read. Save the table as one of {known}.")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give a {known} table.")
    table = in_small_letters(read_pickle(path), str(path)) if suffix in PICKLES else read_file(path)
    if table.empty:
        raise ValueError(f"{path}: the table has no rows (columns {list(table.columns)}). Export it again.")
    return valid_rows(table, str(path))


def _refuse(table: pd.DataFrame, wrong: pd.Series, what: str, remedy: str, origin: str) -> None:
    """Raise when rows are wrong, with their number and the first pairs."""
    if wrong.any():
        first = table.loc[wrong, schema.PAIR_KEY].head(3).to_dict("records")
        raise ValueError(f"{origin}: {int(wrong.sum())} of {len(table)} rows {what}, first {first}. {remedy}")


def _l_d_um(table: pd.DataFrame, origin: str) -> pd.Series:
    """L_d in um, from dend_len (mm) where it is published so."""
    if "dend_len" in table and "l_d_um" in table:
        raise ValueError(f"{origin}: L_d is given twice, as dend_len (mm) and as l_d_um (um). Keep one of the two.")
    if "dend_len" not in table and "l_d_um" not in table:
        schema.require_columns(table, ["dend_len"], origin)
    name, unit = ("dend_len", "mm") if "dend_len" in table else ("l_d_um", "um")
    length = _amounts(table, name, origin)
    l_d_um = length if unit == "um" else 1000 * length
    require_l_d_um(l_d_um, origin, name, unit)
    return l_d_um


def _amounts(table: pd.DataFrame, name: str, origin: str) -> pd.Series:
    """A column of exposures as float64."""
    value = pd.to_numeric(table[name], errors="coerce").astype(np.float64)
    wrong = ~np.isfinite(value) | (value < 0)
    if wrong.any():
        what = "L_d is a length" if name in ("dend_len", "l_d_um") else f"{name} is an amount"
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(table)} values of {name} are negative, infinite or no number, "
            f"first {table.loc[wrong, name].head(3).tolist()}. {what}, 0 where axon and dendrite never come close."
        )
    return value


def _counts(table: pd.DataFrame, origin: str) -> pd.Series:
    """n_synapses as int64; whole numbers stored as floats are taken, anything else is not."""
    counts = pd.to_numeric(table["n_synapses"], errors="coerce").astype(np.float64)
    wrong = ~np.isfinite(counts) | (counts < 0) | (counts != counts.round())
    _refuse(table, wrong, "have an n_synapses that is no count (0, 1, 2, ...)", "Write 0 for a pair without a synapse.", origin)
    return counts.astype(np.int64)


def _sizes(table: pd.DataFrame, origin: str) -> tuple[pd.Series, pd.Series]:
    """Summed and mean size of a pair's synapses; the mean has no value without a synapse."""
    unknown = pd.Series(np.nan, index=table.index)
    given = {name: schema.as_numbers(table[name], f"{origin}, column {name}") for name in SIZES if name in table}
    total = given.get("synapse_size", unknown)
    _refuse(table, (total < 0) | np.isinf(total), "have a negative or infinite synapse_size", "Sizes are sums of cleft voxels.", origin)
    connected = table["n_synapses"] > 0
    mean = given["mean_synapse_size"] if "mean_synapse_size" in given else total / table["n_synapses"]
    return total, mean.where(connected)


def _population(table: pd.DataFrame, origin: str) -> np.ndarray:
    """Connected, ADP or Same region; a population that the file states and its numbers contradict is an error."""
    connected, near = table["n_synapses"] > 0, table["l_d_um"] > 0
    population = np.array(POPULATIONS, dtype=object)[np.select([connected, near], [0, 1], 2)]
    untouched = connected & ~near
    if untouched.any():
        first = table.loc[untouched, schema.PAIR_KEY].head(3).to_dict("records")
        log.warning("%s: %d of %d connected pairs have L_d = 0, first %s; kept", origin, untouched.sum(), connected.sum(), first)
    if "population" in table:
        _refuse(
            table,
            _text(table["population"]) != population,
            f"state a population other than {', '.join(POPULATIONS)} by n_synapses > 0, L_d > 0 without a synapse, and neither",
            "Correct the table, or drop the column: it is derived from n_synapses and L_d.",
            origin,
        )
    return population


def _text(column: pd.Series) -> pd.Series:
    """Labels as text, None where unknown."""
    values = column.astype(object)
    return values.where(values.notna(), None)


def _require_finite_similarities(table: pd.DataFrame, origin: str) -> None:
    """Raise where a further column of numbers holds infinity; NaN is how the unknown is written."""
    for name in table.select_dtypes("floating"):
        _refuse(table, np.isinf(table[name]), f"have an infinite {name}", "Write NaN (or leave the cell empty) for unknown.", origin)


def _positions(table: pd.DataFrame, frame: PiaFrame, origin: str) -> pd.DataFrame:
    """Nucleus positions (nm) as x_um, depth_um, z_um of the pia frame; unknown stays NaN."""
    schema.require_columns(table, NUCLEUS_NM, origin)
    table = table.assign(**{name: schema.as_numbers(table[name], f"{origin}, column {name}") for name in NUCLEUS_NM})
    pia = pia_from_voxels(table[NUCLEUS_NM].to_numpy(dtype=np.float64), replace(frame, voxel_nm=(1.0, 1.0, 1.0)))
    require_tissue(pia, table["nucleus_id"].to_numpy(), origin)
    return table.drop(columns=NUCLEUS_NM).assign(**dict(zip(schema.POSITION, pia.T, strict=True)))


def _matrix(table: pd.DataFrame, name: str, origin: str) -> Float[np.ndarray, "neurons values"]:
    """A column of vectors as one matrix, a row of NaN where a cell is empty; vectors of different lengths are an error."""
    cells = [_vector(cell, f"{origin}, column {name}") for cell in table[name]]
    lengths = pd.Series([len(cell) for cell in cells if cell is not None], dtype=np.int64)
    if lengths.nunique() > 1:
        raise ValueError(
            f"{origin}: the vectors of {name} have {lengths.nunique()} lengths (length: rows, {lengths.value_counts().head(3).to_dict()}). "
            "Vectors are compared value by value: leave out those that were measured otherwise."
        )
    matrix = np.full((len(cells), int(lengths.max()) if len(lengths) else 0), np.nan, dtype=VECTORS[name])
    for row, cell in enumerate(cells):
        if cell is not None:
            matrix[row] = cell
    return matrix


def _vector(cell: object, origin: str) -> np.ndarray | None:
    """The numbers of one cell, from an array, a list, or text such as "[1, 2, 3]"; None where it is empty."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    try:
        if isinstance(cell, str):
            return np.array(cell.strip("[]() \n").replace(",", " ").split(), dtype=np.float64)
        array = np.asarray(cell)
        return (array if array.dtype.kind in "fiu" else array.astype(np.float64)).ravel()
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{origin}: a cell is no vector of numbers ({str(cell)[:60]!r}). Text printed by numpy is cut at a thousand values ('...'): "
            "save tables with vectors as Parquet."
        ) from error
