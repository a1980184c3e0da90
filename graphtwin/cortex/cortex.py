"""The cortex: neurons, units, synapses and what was looked for, joined through nucleus ids from whatever source they came."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.answers import OF_NUCLEUS, join_function, join_responses, no_columns, no_function
from graphtwin.cortex.exposures import exposures, no_exposures
from graphtwin.cortex.funnel import Funnel
from graphtwin.cortex.identity import NAMING_ROLES, attach, nucleus_positions, root_ids
from graphtwin.cortex.other_animals import no_other_wiring, other_wiring
from graphtwin.sources import SourceTables, Table
from graphtwin.sources.formats import SYNAPTIC
from graphtwin.told import told_as_table

# Distance up to which two tables agree on the position of a nucleus. In the bundle positions differ by rounding; more means another frame
# or another cell.
MOVED_UM = 1.0
SYMMETRIC = 0.5  # share of pairs with an equal one in the other direction from which on they are no coincidence
LABELS = {
    "cell_class": ("cell_types_coarse", "somata", "nuclei"),
    "cell_type": ("cell_types_fine",),
    "layer": ("somata", "nuclei"),
    "axon_status": ("proofreading", "nuclei"),
    "dendrite_status": ("proofreading", "nuclei"),
}

log = logging.getLogger("graphtwin")


@told_as_table
@dataclass(frozen=True)
class Cortex:
    """Checked tables keyed by nucleus_id; unknown values are NaN or None, never filled in.

    Attributes:
        neurons: nucleus_id (unique), x_um, depth_um, z_um (um, pia frame; along other axes where `axes` names others), cell_class,
            cell_type, layer, axon_status, dendrite_status, is_functional; name where the source names neurons so.
        units: session, scan_idx, unit_id (unique together), nucleus_id, brain_area, direction_DDD_D (mean response, arbitrary units; NaN
            where a unit of `function` has none); units with function alone have session 0 and scan 0 where they are named by nucleus.
        orientations: nucleus_id, orientation_index (unique together), rate, rate_error: mean response to an orientation and its standard
            error over trials (arbitrary units), of nuclei in `units` that have all orientations; empty where the source has no such table.
        root_ids: materialization, root_id (unique together), nucleus_id.
        synapses: materialization, pre_nucleus_id, post_nucleus_id (unique together), size (summed cleft voxels), and, if a table lists
            single synapses, n_synapses (missing where another lists pairs).
        queried: materialization, nucleus_id, side: the nuclei whose outputs ("pre") or inputs ("post") were looked for.
        funnel: What every step kept and dropped; see `cortex.funnel`.
        provenance: Name of the source, its materializations, measure and unit of its exposures, and the sha256 of every file read.
        animal: Animal that the source names, of which embeddings must be; empty where it names none.
        exposure: materialization, pre_nucleus_id, post_nucleus_id (unique together), exposure (in `unit`), measure, unit. A pair without a
            row has exposure 0 where its axon and its target have other rows, and else none that is known.
        function: session, scan_idx, unit_id (unique together), nucleus_id, and a column a response of any kind under the name that the
            source gave it, NaN where nothing was measured; without rows where the source has no such table.
        function_columns: column (in the order of `function`), table, position, period, axis ("free", "circular" or "linear"), noise
            ("gaussian", "gamma", or empty where the source states none) and what, a sentence of the source.
        ceiling: animal, pre_nucleus_id, post_nucleus_id (unique together), size: connected pairs of other animals of the same neurons.
        axes: axis: names of the axes of x_um, depth_um and z_um, in this order; the second is "depth" where it is one.
    """

    neurons: pd.DataFrame
    units: pd.DataFrame
    orientations: pd.DataFrame
    root_ids: pd.DataFrame
    synapses: pd.DataFrame
    queried: pd.DataFrame
    funnel: pd.DataFrame
    provenance: dict[str, str] = field(default_factory=dict)
    animal: str = ""
    exposure: pd.DataFrame = field(default_factory=no_exposures)
    function: pd.DataFrame = field(default_factory=no_function)
    function_columns: pd.DataFrame = field(default_factory=no_columns)
    ceiling: pd.DataFrame = field(default_factory=no_other_wiring)
    axes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"axis": list(schema.AXES)}))

    def __repr__(self) -> str:
        """The rows of its tables, in one line."""
        counts = {name: len(getattr(self, name)) for name in ("neurons", "units", "synapses")}
        queried = self.queried.groupby("side")["nucleus_id"].nunique()
        looked = ", ".join(f"{what} of {queried[side]:,}" for side, what in {"pre": "outputs", "post": "inputs"}.items() if side in queried)
        rows = ", ".join(f"{n:,} {name}" for name, n in counts.items())
        return f"Cortex {self.provenance.get('name', '')}: {rows}; looked for: {looked or 'nothing'}"


def build(tables: SourceTables) -> Cortex:
    """Join a source's tables through nucleus ids, counting what is lost at every step.

    Args:
        tables: The checked tables that a source loaded.

    Examples:
        >>> cortex = graphtwin.build(graphtwin.load("tables/tables.toml"))
        >>> cortex
        Cortex small: 220 neurons, 180 units, 935 synapses; looked for: outputs of 220, inputs of 60
        >>> cortex.funnel.columns.tolist()  # what was lost at each step
        ['stage', 'table', 'step', 'n_before', 'n_after', 'n_dropped', 'reason', 'unit']
    """
    funnel = Funnel("cortex")
    mapped = root_ids(tables, funnel)
    nuclei = _of_units(tables, "coregistration", "nucleus_id", funnel)
    nuclei = nuclei.reindex(columns=[*schema.UNIT_KEY, "nucleus_id"]).astype({"nucleus_id": np.int64})  # without coregistration no column
    function, columns = join_function(tables, nuclei, funnel)
    units = _units(tables, join_responses(tables, funnel), function, nuclei, funnel)
    neurons = _neurons(tables, mapped, units, funnel)
    synapses = [_synapses(_pairs(table, funnel), table.materialization, mapped, tables, funnel) for table in tables.of(*SYNAPTIC)]
    queried = _queried(tables, mapped, funnel)
    exposed = exposures(tables, mapped, funnel)
    ceiling = other_wiring(tables, mapped, funnel)
    return Cortex(
        neurons=schema.check(neurons, schema.WALLS["neurons"], "cortex neurons"),
        units=schema.check(units, schema.WALLS["units"], "cortex units"),
        orientations=schema.check(_orientations(tables, units, funnel), schema.WALLS["orientations"], "cortex orientations"),
        root_ids=schema.check(mapped, schema.WALLS["root_ids"], "cortex root ids"),
        synapses=schema.check(pd.concat([_no_synapses(), *synapses], ignore_index=True), schema.WALLS["synapses"], "cortex synapses"),
        queried=schema.check(queried, schema.WALLS["queried"], "cortex queried cells"),
        funnel=funnel.frame(),
        provenance=tables.provenance,
        animal=tables.animal,
        exposure=schema.check(exposed, schema.WALLS["exposure"], "cortex exposures"),
        function=schema.check(function, schema.WALLS["function"], "cortex function"),
        function_columns=schema.check(columns, schema.WALLS["function_columns"], "cortex columns of function"),
        ceiling=schema.check(ceiling, schema.WALLS["ceiling"], "cortex wiring of other animals"),
        axes=schema.check(pd.DataFrame({"axis": list(tables.axes)}), schema.WALLS["axes"], "cortex axes"),
    )


def _units(tables: SourceTables, responses: pd.DataFrame, function: pd.DataFrame, nuclei: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """Units with a nucleus and with responses to directions or function; of a source that has neither, all units that it names.

    Several units may share one nucleus.
    """
    answering = pd.concat([responses[schema.UNIT_KEY], function[schema.UNIT_KEY]]).drop_duplicates()
    if len(nuclei):
        answered = len(nuclei.merge(answering, on=schema.UNIT_KEY))
        funnel.record("coregistered units", "with responses", len(nuclei), answered, "no table of responses lists the unit", "units")
    named = pd.concat([nuclei, function[[*schema.UNIT_KEY, "nucleus_id"]]]).drop_duplicates(schema.UNIT_KEY)
    if answering.empty:
        answering = (named if len(named) else _of_nuclei(tables))[schema.UNIT_KEY]
        named = named if len(named) else _of_nuclei(tables)
    named = named.astype({"nucleus_id": "Int64"})  # a gap would make float64 of int64
    joined = answering.merge(named, on=schema.UNIT_KEY, how="left").merge(responses, on=schema.UNIT_KEY, how="left")
    kept = funnel.keep(joined, joined["nucleus_id"].notna(), "units", "coregistered", "the coregistration does not list the unit", "units")
    kept = kept.astype({"nucleus_id": np.int64})
    funnel.record(
        "units",
        "distinct nuclei",
        len(kept),
        kept["nucleus_id"].nunique(),
        "a further unit of the same nucleus (all units are kept)",
        "units",
    )
    if tables.of("areas"):
        kept = kept.merge(_of_units(tables, "areas", "brain_area", funnel), on=schema.UNIT_KEY, how="left")
        kept["brain_area"] = kept["brain_area"].where(kept["brain_area"].notna(), None)
    else:
        kept["brain_area"] = pd.Series([None] * len(kept), index=kept.index, dtype=object)
    directions = sorted(name for name in responses if name not in schema.UNIT_KEY)
    return kept[[*schema.UNIT_KEY, "nucleus_id", "brain_area", *directions]].sort_values(schema.UNIT_KEY, ignore_index=True)


def _of_nuclei(tables: SourceTables) -> pd.DataFrame:
    """A unit for each nucleus that a table names, where no table names units: embeddings by nucleus_id are theirs."""
    named = [table.frame["nucleus_id"] for table in tables.of(*NAMING_ROLES)]
    nuclei = np.unique(np.concatenate([np.empty(0, np.int64), *named]))
    return pd.DataFrame(
        {**{name: np.full(len(nuclei), zero) for name, zero in OF_NUCLEUS.items()}, "unit_id": nuclei, "nucleus_id": nuclei}
    )


def _of_units(tables: SourceTables, role: str, column: str, funnel: Funnel) -> pd.DataFrame:
    """One known value a unit from all tables of a role; later tables that disagree are counted."""
    believed = pd.DataFrame({name: np.empty(0, np.int64) for name in schema.UNIT_KEY})
    for place, table in enumerate(tables.of(role)):
        here = table.frame[[*schema.UNIT_KEY, column]].dropna()
        if place:
            both = believed.merge(here, on=schema.UNIT_KEY, suffixes=("", "_here"))
            _count_agreement(column, table.origin, both[column] == both[f"{column}_here"], "units", funnel)
        believed = pd.concat([believed, here] if place else [here], ignore_index=True).drop_duplicates(schema.UNIT_KEY)
    return believed


def _count_agreement(what: str, origin: str, agrees: pd.Series, unit: str, funnel: Funnel) -> None:
    """Record how often a later table says what an earlier one said; nothing where they have no row in common."""
    if len(agrees):
        step, reason = "agrees with an earlier table", "the earlier table is believed"
        funnel.record(f"{what} in {origin}", step, len(agrees), int(agrees.sum()), reason, unit)


def _orientations(tables: SourceTables, units: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """Responses to orientations of functional nuclei, each from the first table that has it, with all orientations or not at all."""
    rows = pd.DataFrame(
        {**{name: np.empty(0, np.int64) for name in schema.ORIENTATION_KEY}, "rate": np.empty(0), "rate_error": np.empty(0)}
    )
    for table in tables.of("orientation_responses"):
        new = ~table.frame["nucleus_id"].isin(rows["nucleus_id"])
        here = funnel.keep(table.frame, new, table.origin, "not in an earlier table", "the earlier table is believed", "rows")
        rows = pd.concat([rows, here], ignore_index=True)
    if rows.empty:
        return rows
    of_nucleus = rows.groupby("nucleus_id")
    nuclei = of_nucleus[["rate", "rate_error"]].max().assign(n=of_nucleus.size())
    functional = np.unique(units["nucleus_id"])
    kept = nuclei[nuclei.index.isin(functional)]
    funnel.record("orientation responses", "functional", len(nuclei), len(kept), "no unit with responses is this nucleus", "nuclei")
    for step, mask, reason in (
        ("all orientations", kept["n"] == rows["orientation_index"].nunique(), "an orientation has no row"),
        ("responding", (kept[["rate", "rate_error"]] > 0).all(axis=1), "all rates or all errors are 0"),
    ):
        kept = funnel.keep(kept, mask[kept.index], "orientation responses", step, reason, "nuclei")
    reason = "no table has it; lent by a unit of the scan that responds alike"
    funnel.record("functional nuclei", "with variability", len(functional), len(kept), reason, "nuclei")
    return rows[rows["nucleus_id"].isin(kept.index)].sort_values(schema.ORIENTATION_KEY, ignore_index=True)


def _neurons(tables: SourceTables, mapped: pd.DataFrame, units: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """One row a nucleus that any table names, with the first known value of each label."""
    named = [table.frame["nucleus_id"] for table in tables.of(*NAMING_ROLES)]
    nuclei = np.unique(np.concatenate([*named, units["nucleus_id"], mapped["nucleus_id"]])).astype(np.int64)
    neurons = pd.DataFrame({"nucleus_id": nuclei})
    if tables.names:
        neurons["name"] = np.array(["", *tables.names], dtype=object)[nuclei]
    positions = nucleus_positions(tables).set_index("nucleus_id").reindex(nuclei)
    for name in schema.POSITION:
        neurons[name] = positions[name].to_numpy()
    _count_moved(tables, positions, funnel)
    for label, roles in LABELS.items():
        neurons[label] = _label(tables, mapped, label, roles, nuclei, funnel)
    has_function = bool(tables.of("coregistration", "responses", "function"))  # else units are cells that embeddings may be brought for
    neurons["is_functional"] = np.isin(nuclei, units["nucleus_id"]) & has_function
    _count_neurons(neurons, funnel)
    return neurons


def _label(
    tables: SourceTables, mapped: pd.DataFrame, label: str, roles: tuple[str, ...], nuclei: np.ndarray, funnel: Funnel
) -> np.ndarray:
    """The first known value of a label for each nucleus, tables in order of trust; later tables that disagree are counted."""
    values = pd.Series(np.full(len(nuclei), None, dtype=object), index=nuclei)
    for table in tables.of(*roles):
        if label not in table.frame:
            continue
        frame = table.frame if "nucleus_id" in table.frame else attach(table.frame, table.materialization, mapped)
        known = frame[["nucleus_id", label]].dropna()
        one = known.drop_duplicates("nucleus_id")
        here = pd.Series(one[label].to_numpy(), index=one["nucleus_id"].astype(np.int64)).reindex(nuclei)
        both = values.notna() & here.notna()
        _count_agreement(label, table.origin, values[both] == here[both], "nuclei", funnel)
        values = values.where(values.notna(), here)
    return np.asarray(values.where(values.notna(), None).to_numpy(dtype=object))


def _count_moved(tables: SourceTables, positions: pd.DataFrame, funnel: Funnel) -> None:
    """Record how many positions of a later table lie within `MOVED_UM` of that of an earlier one, which is believed."""
    placed: set[int] = set()
    for table in tables.of(*NAMING_ROLES):
        if not set(schema.POSITION) <= set(table.frame):
            continue
        here = table.frame[["nucleus_id", *schema.POSITION]].dropna()
        both = here[here["nucleus_id"].isin(placed)]
        apart = both[schema.POSITION].to_numpy() - positions.loc[both["nucleus_id"], schema.POSITION].to_numpy()
        _count_agreement("position", table.origin, pd.Series(np.linalg.norm(apart, axis=1) <= MOVED_UM), "nuclei", funnel)
        placed |= set(here["nucleus_id"])


def _count_neurons(neurons: pd.DataFrame, funnel: Funnel) -> None:
    """Record how many nuclei, and how many functional ones, have each label."""
    functional = neurons[neurons["is_functional"]]
    for table, rows in (("nuclei", neurons), *([("functional nuclei", functional)] if len(functional) else [])):
        for label, reason in {"depth_um": "no table gives its position", **dict.fromkeys(LABELS, "no table gives it")}.items():
            known = int(rows[label].notna().sum())
            funnel.record(
                table, f"with {'position' if label == 'depth_um' else label}", len(rows), known, f"{reason}; kept, masked", "nuclei"
            )


def _pairs(table: Table, funnel: Funnel) -> pd.DataFrame:
    """Pairs of root ids with summed size; single synapses of a list are counted as n_synapses."""
    if table.role == "synapses":
        return table.frame
    grouped = table.frame.groupby(["pre_root_id", "post_root_id"], as_index=False, sort=True)
    pairs = grouped.agg(size=("size", "sum"), n_synapses=("size", "size")).astype({"n_synapses": "Int64"})
    name, reason = f"synapses {table.materialization}", "further synapses of the same pair: counted, sizes summed"
    funnel.record(name, "distinct pairs of root ids", len(table.frame), len(pairs), reason, "synapses")
    return pairs


def _synapses(pairs: pd.DataFrame, materialization: int, mapped: pd.DataFrame, tables: SourceTables, funnel: Funnel) -> pd.DataFrame:
    """Pairs of nuclei with summed size: self pairs, unmapped ends and cells nobody queried left out and counted."""
    table = f"synapses {materialization}"
    queried = np.concatenate([t.frame["post_root_id"] for t in tables.of("queried_post") if t.materialization == materialization])
    pairs = funnel.keep(
        pairs, pairs["pre_root_id"] != pairs["post_root_id"], table, "not onto itself", "autapses, or artefacts of segmentation", "pairs"
    )
    pairs = funnel.keep(
        pairs, pairs["post_root_id"].isin(queried), table, "postsynaptic cell queried", "its inputs were not queried", "pairs"
    )
    for side in ("pre", "post"):
        pairs = attach(pairs, materialization, mapped, f"{side}_root_id", f"{side}_nucleus_id")
        known = pairs[f"{side}_nucleus_id"].notna()
        pairs = funnel.keep(pairs, known, table, f"{side}synaptic nucleus known", "its root id has no nucleus", "pairs")
    merged = pairs["pre_nucleus_id"] == pairs["post_nucleus_id"]
    pairs = funnel.keep(pairs, ~merged, table, "between two nuclei", "two roots of one nucleus", "pairs").astype(
        dict.fromkeys(schema.PAIR_KEY, np.int64)
    )
    counts = [name for name in ("size", "n_synapses") if name in pairs]
    summed = pairs.groupby(schema.PAIR_KEY, as_index=False, sort=True)[counts].sum()
    funnel.record(table, "distinct pairs of nuclei", len(pairs), len(summed), "further roots of the same nuclei: sizes summed", "pairs")
    _tell_symmetric(summed, table, funnel)
    return summed.assign(materialization=np.int64(materialization))[["materialization", *schema.PAIR_KEY, *counts]]


def _tell_symmetric(pairs: pd.DataFrame, table: str, funnel: Funnel) -> None:
    """Say where most pairs have the same size in both directions, as gap junctions have that are listed as synapses; all are kept."""
    turned = pairs.rename(columns=dict(zip(schema.PAIR_KEY, schema.PAIR_KEY[::-1], strict=True)))
    same = len(pairs.merge(turned[[*schema.PAIR_KEY, "size"]], on=[*schema.PAIR_KEY, "size"]))
    if same and same >= SYMMETRIC * len(pairs):
        log.warning(
            "%s: %d of %d pairs have the same size in both directions, as gap junctions do. They are kept as they are: a pair is "
            "predicted in each direction.", table, same, len(pairs),
        )  # fmt: skip
        reason = "the same size in both directions, as gap junctions; kept"
        funnel.record(table, "of one direction, or of two sizes", len(pairs), len(pairs) - same, reason, "pairs")


def _no_synapses() -> pd.DataFrame:
    """A pair table without rows, for sources that have none."""
    return pd.DataFrame(
        {"materialization": np.empty(0, np.int64), **{name: np.empty(0, np.int64) for name in schema.PAIR_KEY}, "size": np.empty(0)}
    )


def _queried(tables: SourceTables, mapped: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """Nuclei whose inputs (post) or outputs (pre) were looked for; a cell with an observed output was evidently looked for."""
    parts = [pd.DataFrame({"materialization": np.empty(0, np.int64), "nucleus_id": np.empty(0, np.int64), "side": np.empty(0, object)})]
    listed = [(table, side) for side in ("post", "pre") for table in tables.of(f"queried_{side}")]
    for table, side in [*listed, *((table, "pre") for table in tables.of(*SYNAPTIC))]:
        roots = table.frame[[f"{side}_root_id"]].drop_duplicates()
        cells = attach(roots, table.materialization, mapped, f"{side}_root_id")
        reason = "its root id has no nucleus"
        cells = funnel.keep(cells, cells["nucleus_id"].notna(), f"queried {side} in {table.origin}", "with a nucleus", reason, "roots")
        parts.append(
            pd.DataFrame(
                {"materialization": np.int64(table.materialization), "nucleus_id": cells["nucleus_id"].astype(np.int64), "side": side}
            )
        )
    return pd.concat(parts).drop_duplicates().sort_values(["materialization", "side", "nucleus_id"], ignore_index=True)
