"""What a page shows of a run: its neurons with all that is known and was predicted of each, as arrays that a browser reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.explorer.beside import PageBeside, TableBeside
from graphtwin.explorer.packed import pack
from graphtwin.explorer.pairs_shown import LOWEST, STEP, PairsShown, pairs_shown
from graphtwin.explorer.skeletons_shown import SkeletonsShown
from graphtwin.kinds import RUN, require_kind
from graphtwin.report import RunFolder
from graphtwin.tuning import are_directions, describe_tuning, direction_degrees, embedding_columns, speaking_units

CATEGORIES = {
    "cell_type": "cell type",
    "cell_class": "cell class",
    "layer": "layer",
    "brain_area": "brain area",
    "axon_status": "axon, proofread",
}
MOST_CATEGORIES = 254  # codes of a byte, but for that of what is not known
MOST_COORDINATES = 8  # of embeddings that colours are offered for
TUNING = (
    ("preferred_orientation", "preferred orientation", "degrees"),
    ("preferred_direction", "preferred direction", "degrees"),
    ("gosi", "orientation selectivity (gOSI)", ""),
    ("gdsi", "direction selectivity (gDSI)", ""),
)
OF_FUNCTION = ("graph model, function", "network alone, function")  # models of the card, the first that there is
ENDS = ("_low", "_high")  # endings of columns of ends of intervals
LATTICES = {"fly": ("columns", 1.0)}  # sources whose positions are no lengths: their unit, and the bin of distance in questions
MICROMETRES = ("um", 20.0)
UNKNOWN = 255  # code of a category that is not known
log = logging.getLogger("graphtwin")


def contents_of(
    folder: str, beside: Sequence[PageBeside | TableBeside] = (), alone: bool = False, skeletons: SkeletonsShown | None = None
) -> bytes:
    """All that a page shows of a finished run, packed.

    Args:
        folder: Folder that `graphtwin run` wrote.
        beside: What stands beside the run in the frame, as `read_beside` gives it.
        alone: Whether the pages among it are packed too, for a file that opens without a server.
        skeletons: Skeletons of some of its neurons, in the frame of its positions.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It is no finished run, or has more pairs than a browser holds.
    """
    require_kind(folder, RUN)
    run = RunFolder.open(folder)
    log.info("%s: reading what the page shows.", folder)
    neurons = run.table("tables/neurons")
    if neurons is None:
        raise ValueError(f"{folder}: tables/neurons.parquet is missing or empty. Make the run again.")
    schema.require_unique(neurons, ["nucleus_id"], f"{folder}/tables/neurons.parquet")
    neurons = neurons.sort_values("nucleus_id", ignore_index=True)
    row_of = pd.Series(np.arange(len(neurons)), index=neurons["nucleus_id"])
    words: dict[str, Any] = {
        "name": run.path.resolve().name,
        "axes": list(run.axes()),
        "source": (run.json("provenance") or {}).get("inputs", {}).get("name", ""),
    }
    words["length"], words["bin"] = LATTICES.get(words["source"], MICROMETRES)
    arrays: dict[str, np.ndarray] = {"nucleus_id": neurons["nucleus_id"].to_numpy(np.int64)}
    if neurons[schema.POSITION].notna().all(axis=1).any():
        arrays["places"] = neurons[schema.POSITION].to_numpy(np.float32)
    if "name" in neurons:
        words["names"] = neurons["name"].fillna("").astype(str).tolist()
    columns: list[dict[str, Any]] = []
    units = _units(run, row_of, words, arrays, columns)
    _categories(neurons, units, columns, arrays)
    _places(neurons, run.axes(), words["length"], columns, arrays)
    _predicted(run, row_of, words, arrays, columns)
    _roots(run, row_of, words, arrays)
    shown = pairs_shown(run)
    if shown is not None:
        _pairs(run, shown, row_of, words, arrays)
    if skeletons is not None:
        parts = np.column_stack([row_of[skeletons.parts[:, 0]], skeletons.parts[:, 1:]])
        arrays |= {"skeleton points": skeletons.points, "skeleton edges": skeletons.edges.astype(np.int32)}
        arrays["skeletons"] = parts.astype(np.int32)
    words["beside"] = [_beside(at, one, alone, row_of, words, units, arrays, columns) for at, one in enumerate(beside)]
    verdicts = run.json("verdicts") or []
    words |= {"columns": columns, "verdicts": [str(one["sentence"]) for one in verdicts if "sentence" in one]}
    return pack(words, arrays)


def _column(columns: list[dict[str, Any]], arrays: dict[str, np.ndarray], name: str, label: str, values: np.ndarray, **more: Any) -> None:
    arrays[f"column {name}"] = values
    columns.append({"name": name, "label": label} | more)


def _categories(neurons: pd.DataFrame, units: pd.DataFrame | None, columns: list[dict[str, Any]], arrays: dict[str, np.ndarray]) -> None:
    """Columns of few words, those of a unit for its nucleus."""
    areas = (
        None
        if units is None or "brain_area" not in units
        else units.set_index("nucleus_id")["brain_area"].reindex(neurons["nucleus_id"]).array
    )
    told = neurons if areas is None else neurons.assign(brain_area=areas)
    made: list[dict[str, Any]] = []
    for name, label in CATEGORIES.items():
        if name not in told or not told[name].notna().any():
            continue
        values = told[name].astype("string")
        names = sorted(values.dropna().unique(), key=lambda one: (-int((values == one).sum()), one))
        if len(names) > MOST_CATEGORIES:
            log.warning("%s: %d classes, of which a page holds %d: it is left out of the page.", label, len(names), MOST_CATEGORIES)
        else:
            codes = pd.Categorical(values, categories=names).codes
            _column(made, arrays, name, label, np.where(codes < 0, UNKNOWN, codes).astype(np.uint8), categories=[str(one) for one in names])
    columns[:0] = made


def _places(neurons: pd.DataFrame, axes: tuple[str, ...], unit: str, columns: list[dict[str, Any]], arrays: dict[str, np.ndarray]) -> None:
    for name, axis in zip(schema.POSITION, axes, strict=True):
        if neurons[name].notna().any():
            _column(columns, arrays, name, axis, neurons[name].to_numpy(np.float32), unit=unit)


def _units(
    run: RunFolder, row_of: pd.Series, words: dict[str, Any], arrays: dict[str, np.ndarray], columns: list[dict[str, Any]]
) -> pd.DataFrame | None:
    """Units with their tuning, their embeddings and the map of these; returns the units that speak for their nuclei."""
    units, embeddings = run.table("tables/units"), run.table("embeddings")
    if units is None or embeddings is None:
        return None
    keys = [*schema.UNIT_KEY, "nucleus_id"]
    known = units.merge(embeddings, on=keys, how="left", validate="one_to_one")
    known = known[known["nucleus_id"].isin(row_of.index)].reset_index(drop=True)
    words["units"] = known[list(schema.UNIT_KEY)].to_numpy().tolist()
    arrays["unit neuron"] = row_of[known["nucleus_id"]].to_numpy(np.int32)
    numeric = units.select_dtypes("number").columns.difference(keys, sort=False)
    if 0 < len(numeric) <= 64:
        arrays["unit tuning"] = known[numeric].to_numpy(np.float32)
        words["tuning"] = {"columns": list(numeric)}
        if are_directions(pd.DataFrame({"column": numeric})):
            words["tuning"]["degrees"] = direction_degrees(list(numeric)).tolist()
    spoken = speaking_units(known)
    vectors = spoken[embedding_columns(spoken)].to_numpy(np.float64)
    held = np.isfinite(vectors).all(axis=1)
    rows = row_of[spoken["nucleus_id"]].to_numpy()[held]
    centred = vectors[held] - vectors[held].mean(0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    spread = np.full((len(row_of), 2), np.nan, np.float32)
    spread[rows] = 0
    spread[rows, : min(2, len(axes))] = centred @ axes[:2].T
    arrays["map"] = spread
    share = np.square(size) / max(float(np.square(size).sum()), 1e-300)
    words["map"] = {"shares": [float(one) for one in share[:2]]}
    scans = spoken.groupby(["session", "scan_idx"], sort=True).ngroup().to_numpy()
    if scans.max() > 0:
        arrays["scan"] = np.full(len(row_of), -1, np.int32)
        arrays["scan"][row_of[spoken["nucleus_id"]].to_numpy()] = scans
    whole = np.full((len(row_of), vectors.shape[1]), np.nan, np.float32)
    whole[rows] = vectors[held]
    arrays["embedding"] = whole
    for at in range(min(vectors.shape[1], MOST_COORDINATES)):
        _column(columns, arrays, f"embedding_{at}", f"embedding, coordinate {at}", whole[:, at].copy())
    if "degrees" in words.get("tuning", {}):
        held = np.isfinite(spoken[numeric].to_numpy(np.float64)).all(axis=1)
        tuned = describe_tuning(spoken.loc[held, numeric].to_numpy(np.float64), np.array(words["tuning"]["degrees"]))
        for name, label, unit in TUNING:
            values = np.full(len(row_of), np.nan, np.float32)
            values[row_of[spoken["nucleus_id"][held]].to_numpy()] = tuned[name]
            _column(columns, arrays, name, label, values, unit=unit)
    if "reliability" in spoken:
        values = np.full(len(row_of), np.nan, np.float32)
        values[row_of[spoken["nucleus_id"]].to_numpy()] = spoken["reliability"]
        _column(columns, arrays, "reliability", "reliability of the embedding", values)
    return spoken


def _predicted(
    run: RunFolder, row_of: pd.Series, words: dict[str, Any], arrays: dict[str, np.ndarray], columns: list[dict[str, Any]]
) -> None:
    """Types and positions as they were predicted of neurons that were held out, with their errors as columns."""
    for task in ("cell_type", "layer"):
        every = run.table(f"predictions/{task}")
        table = _of_model(every)
        if every is None or table is None:
            continue
        _by_model(task, _given_to_true(every[every["split"] == "neuron"]), row_of, words, arrays)
        chances = [name for name in table if name.startswith("probability_")]
        of_class = np.full((len(row_of), len(chances)), np.nan, np.float32)
        rows = row_of[table["nucleus_id"]].to_numpy()
        of_class[rows] = table[chances].to_numpy(np.float32)
        arrays[f"predicted {task}"] = of_class
        words[f"predicted {task}"] = {"model": table["model"].iloc[0], "classes": [name.removeprefix("probability_") for name in chances]}
        of_true = np.full(len(row_of), np.nan, np.float32)
        named = {name.removeprefix("probability_"): at for at, name in enumerate(chances)}
        true = table["true"].map(named).to_numpy(np.float64)
        told = np.isfinite(true)
        of_true[rows[told]] = table[chances].to_numpy(np.float32)[told, true[told].astype(int)]
        _column(columns, arrays, f"{task}_probability", f"probability given to the true {task.replace('_', ' ')}", of_true)
    every = run.table("predictions/position")
    table = _of_model(every)
    if every is None or table is None:
        return
    told = every[every["split"] == "neuron"].pivot_table(index=["nucleus_id", "model"], columns="target", values=["mean_um", "sd_um"])
    told.columns = [f"{target}{' SD' * (name == 'sd_um')}" for name, target in told.columns]
    _by_model("position", told.reset_index(), row_of, words, arrays)
    words["predicted position"] = {"model": table["model"].iloc[0], "targets": list(table["target"].unique())}
    told_of = np.full((len(row_of), table["target"].nunique(), 3), np.nan, np.float32)
    for at, (target, part) in enumerate(table.groupby("target", sort=False)):
        rows = row_of[part["nucleus_id"]].to_numpy()
        told_of[rows, at] = part[["true_um", "mean_um", "sd_um"]].to_numpy(np.float32)
        error = np.full(len(row_of), np.nan, np.float32)
        error[rows] = (part["mean_um"] - part["true_um"]).to_numpy(np.float32)
        _column(columns, arrays, f"{target}_error", f"{target} as predicted, less what is true", error, unit=words["length"])
    arrays["predicted position"] = told_of


def _given_to_true(table: pd.DataFrame) -> pd.DataFrame:
    """Of each neuron and model the probability of the true class."""
    chances = [name for name in table if name.startswith("probability_")]
    place = table["true"].map({name.removeprefix("probability_"): at for at, name in enumerate(chances)})
    table = table[place.notna()]
    given = table[chances].to_numpy(np.float64)[np.arange(len(table)), place.dropna().to_numpy(int)]
    return table[["nucleus_id", "model"]].assign(**{"probability of the true class": given}).drop_duplicates(["nucleus_id", "model"])


def _by_model(task: str, table: pd.DataFrame, row_of: pd.Series, words: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """What every model said of a neuron while it was held out, baselines among them: one row a neuron, all models side by side."""
    models, named = list(dict.fromkeys(table["model"])), [name for name in table if name not in ("nucleus_id", "model")]
    wide = table.set_index(["nucleus_id", "model"])[named].unstack("model")
    wide = wide[wide.index.isin(row_of.index)]
    said = np.stack([wide[name].reindex(columns=models).to_numpy(np.float32) for name in named], axis=2)
    arrays[f"said {task}"] = said.reshape(len(wide), -1)
    arrays[f"said {task} neuron"] = row_of[wide.index].to_numpy(np.int32)
    words[f"said {task}"] = {"models": models, "columns": [str(name) for name in named]}


def _of_model(table: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of the first model of function that there is, of neurons held out by themselves, one a nucleus."""
    if table is None:
        return None
    table = table[table["split"] == "neuron"]
    for model in OF_FUNCTION:
        if (table["model"] == model).any():
            table = table[table["model"] == model]
            return table.drop_duplicates([name for name in ("nucleus_id", "target") if name in table])
    return None


def _beside(
    at: int,
    one: PageBeside | TableBeside,
    alone: bool,
    row_of: pd.Series,
    words: dict[str, Any],
    units: pd.DataFrame | None,
    arrays: dict[str, np.ndarray],
    columns: list[dict[str, Any]],
) -> dict[str, Any]:
    """Words of a page or a table beside the run; numbers of units that speak for their neurons become colours."""
    if isinstance(one, PageBeside):
        if alone:
            arrays[f"page {at}"] = np.frombuffer(one.html.encode(), np.uint8)
        return {"title": one.title, "says": one.says}
    numbers = [name for name in one.rows if name not in one.key]
    of_units = len(one.key) > 1
    every = pd.MultiIndex.from_tuples([tuple(unit) for unit in words.get("units", [])], names=one.key) if of_units else row_of.index
    neuron = np.append(arrays["unit neuron"], -1) if of_units and "unit neuron" in arrays else np.append(np.arange(len(row_of)), -1)
    keyed = one.rows.set_index(one.key)
    where = neuron[every.get_indexer(keyed.index)] if len(every) else np.full(len(keyed), -1)
    arrays |= {f"table {at}": keyed[numbers].to_numpy(np.float32), f"table {at} neuron": where.astype(np.int32)}
    arrays[f"table {at} key"] = one.rows[one.key].to_numpy(np.int64)
    says = f"{one.says} {int((where >= 0).sum()):,} of them are of {'units' if of_units else 'neurons'} of this run."
    speak = (
        keyed if not of_units else keyed.loc[keyed.index.isin(pd.MultiIndex.from_frame(units[one.key]))] if units is not None else keyed[:0]
    )
    rows = neuron[every.get_indexer(speak.index)] if len(speak) else np.zeros(0, int)
    for name in numbers:
        values = np.full(len(row_of), np.nan, np.float32)
        values[rows[rows >= 0]] = speak[name].to_numpy()[rows >= 0]
        if not str(name).endswith(ENDS) and np.isfinite(values).any():
            _column(columns, arrays, f"{one.title}/{name}", str(name).replace("_", " "), values, of=one.title)
    return {"title": one.title, "says": says, "columns": [str(name) for name in numbers], "key": one.key}


def _roots(run: RunFolder, row_of: pd.Series, words: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    roots = run.table("tables/root_ids")
    if roots is None:
        return
    roots = roots[roots["nucleus_id"].isin(row_of.index) & (roots["root_id"] != 0)].sort_values("root_id")
    versions = sorted(roots["materialization"].unique().tolist())
    arrays["root id"] = roots["root_id"].to_numpy(np.int64)
    arrays["root neuron"] = row_of[roots["nucleus_id"]].to_numpy(np.int32)
    arrays["root version"] = pd.Categorical(roots["materialization"], categories=versions).codes.astype(np.uint8)
    words["versions"] = versions


def _pairs(run: RunFolder, shown: PairsShown, row_of: pd.Series, words: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    for side, ids in {"pre": shown.pre, "post": shown.post}.items():
        unknown = ids[~np.isin(ids, row_of.index)]
        if len(unknown):
            raise ValueError(
                f"{run.path}: {len(unknown)} of {len(ids)} {side}synaptic nuclei of predictions/connectivity.parquet are not in "
                f"tables/neurons.parquet, first {unknown[0]}. Make the run again."
            )
        arrays[side] = row_of[ids].to_numpy(np.int32)
    arrays["connected"] = shown.connected
    arrays["synapse size"] = shown.synapse_size
    for model, levels in shown.levels.items():
        arrays[f"levels {model}"] = levels
    words["pairs"] = {"models": list(shown.levels), "scores": shown.scores, "lowest": LOWEST, "step": STEP}
    if shown.exposure is not None:
        arrays["exposure"] = shown.exposure.levels
        words["pairs"]["exposure"] = {name: getattr(shown.exposure, name) for name in ("measure", "unit", "lowest", "step")}
