"""Which nucleus a root id belongs to, at each materialization: by table, by functional unit, by position, by an unchanged segment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.funnel import Funnel
from graphtwin.sources import SourceTables
from graphtwin.sources.formats import OF_ANOTHER, SYNAPTIC

KEY = ["materialization", "root_id"]  # columns that name a cell: a root id does so at one materialization only
NAMING_ROLES = ("coregistration", "cell_types_fine", "cell_types_coarse", "nuclei")  # tables that say which nucleus a root id is
ROOT_ROLES = ("somata", "unit_roots", "proofreading")  # tables that name cells by root id alone
OTHERS = tuple(f"{role}{OF_ANOTHER}" for role in SYNAPTIC)  # tables of synapses of other animals
# Distance below which two positions are those of one nucleus: they agree to rounding; neighbouring somata are 4.8 um apart and more.
SAME_POSITION_UM = 1e-3


def root_ids(tables: SourceTables, funnel: Funnel) -> pd.DataFrame:
    """Every root id that can be given one nucleus: materialization, root_id (unique together), nucleus_id.

    A root that one table ties to two nuclei is a merged segment: it stays unmapped unless another table or its position decides. Root
    ids (or numbers of names) stand for nuclei where no table ties the two, as in a source of wiring alone.

    Args:
        tables: The tables of a source.
        funnel: Receives the counts of what was mapped and what was lost.
    """
    wanted = _wanted(tables)
    mapped = wanted.assign(nucleus_id=wanted["root_id"]) if _roots_are_nuclei(tables) else _by_name(tables, funnel)
    for step, found in (
        ("through the functional unit", _by_unit),
        ("at the very position of one nucleus", _by_position),
        ("through the same segment at another materialization", _by_same_segment),
    ):
        missing = wanted.merge(mapped[KEY], how="left", on=KEY, indicator=True).query("_merge == 'left_only'")[KEY]
        new = found(tables, missing, mapped)
        mapped = pd.concat([mapped, new[[*KEY, "nucleus_id"]]], ignore_index=True)
        funnel.record("root ids", f"unmapped before mapping {step}", len(missing), len(missing) - len(new), f"mapped {step}", "roots")
    _count_unmapped(wanted, mapped, funnel)
    return mapped.sort_values(KEY, ignore_index=True)


def attach(
    frame: pd.DataFrame, materialization: int, mapped: pd.DataFrame, root: str = "root_id", nucleus: str = "nucleus_id"
) -> pd.DataFrame:
    """The frame with the nucleus of each root id as a nullable column (Int64, every digit kept; missing where unmapped).

    Args:
        frame: Any table with a root id column.
        materialization: The materialization that the frame's root ids belong to.
        mapped: The nucleus of each root id, as `root_ids` returns it.
        root: Name of the column of root ids.
        nucleus: Name of the column of nucleus ids to add.
    """
    lookup = mapped.loc[mapped["materialization"] == materialization].set_index("root_id")["nucleus_id"]
    return frame.assign(**{nucleus: frame[root].map(lookup.astype("Int64"))})


def _roots_are_nuclei(tables: SourceTables) -> bool:
    """Whether nothing says which nucleus a root is, and root ids may stand for nuclei: those of names, or where no nucleus is spoken of."""
    spoken_of = any({"nucleus_id", *schema.PAIR_KEY} & set(table.frame) for table in tables.tables)
    return not tables.of(*NAMING_ROLES) and (bool(tables.names) or not spoken_of)


def _by_name(tables: SourceTables, funnel: Funnel) -> pd.DataFrame:
    """Roots that a table ties to a nucleus by name; the first table that names one nucleus is believed."""
    parts = [pd.DataFrame({name: np.empty(0, np.int64) for name in (*KEY, "nucleus_id")})]
    for table in tables.of(*NAMING_ROLES):
        named = table.frame[["root_id", "nucleus_id"]].drop_duplicates()
        named = named[named["root_id"] > 0].assign(materialization=table.materialization)
        merged = named["root_id"].duplicated(keep=False)
        parts.append(
            funnel.keep(named, ~merged, table.origin, "one nucleus a root", "merged segments: several nuclei share a root id", "nuclei")
        )
    together = pd.concat(parts, ignore_index=True)
    kept = together.drop_duplicates(KEY)
    agreeing = together.merge(kept, on=KEY, suffixes=("", "_kept"))
    conflicts = int((agreeing["nucleus_id"] != agreeing["nucleus_id_kept"]).sum())
    funnel.record(
        "root ids", "tables agree on the nucleus", len(together), len(together) - conflicts, "a later table names another nucleus", "rows"
    )
    return kept[[*KEY, "nucleus_id"]]


def _wanted(tables: SourceTables) -> pd.DataFrame:
    """Every (materialization, root id) that some table needs a nucleus for."""
    parts = [pd.DataFrame({name: np.empty(0, np.int64) for name in KEY})]
    parts += [table.frame[["root_id"]].assign(materialization=table.materialization) for table in tables.of(*NAMING_ROLES, *ROOT_ROLES)]
    for table in tables.of(*SYNAPTIC, *OTHERS, "queried_post", "queried_pre", "exposure"):
        for name in {"pre_root_id", "post_root_id"} & set(table.frame):
            parts.append(pd.DataFrame({"materialization": table.materialization, "root_id": table.frame[name].unique()}))
    wanted = pd.concat(parts, ignore_index=True)[KEY].drop_duplicates()
    return wanted[wanted["root_id"] > 0]


def _by_unit(tables: SourceTables, missing: pd.DataFrame, mapped: pd.DataFrame) -> pd.DataFrame:
    """Roots of functional units whose nucleus the coregistration knows."""
    matched = [table.frame[[*schema.UNIT_KEY, "nucleus_id"]] for table in tables.of("coregistration")]
    if not matched:
        return _unambiguous([], missing)
    units = pd.concat(matched).drop_duplicates(schema.UNIT_KEY)
    parts = [
        table.frame[[*schema.UNIT_KEY, "root_id"]].merge(units, on=schema.UNIT_KEY).assign(materialization=table.materialization)
        for table in tables.of("unit_roots")
    ]
    return _unambiguous(parts, missing)


def _by_position(tables: SourceTables, missing: pd.DataFrame, mapped: pd.DataFrame) -> pd.DataFrame:
    """Roots whose soma lies within `SAME_POSITION_UM` of exactly one nucleus."""
    from scipy.spatial import cKDTree

    nuclei = nucleus_positions(tables)
    tree = cKDTree(nuclei[schema.POSITION].to_numpy())
    parts = []
    for table in tables.of("somata", "unit_roots"):
        if not set(schema.POSITION) <= set(table.frame):
            continue
        here = table.frame[["root_id", *schema.POSITION]].dropna().assign(materialization=table.materialization).merge(missing, on=KEY)
        if len(here) and len(nuclei) > 1:
            distance, index = tree.query(here[schema.POSITION].to_numpy(), k=2)
            alone = (distance[:, 0] <= SAME_POSITION_UM) & (distance[:, 1] > SAME_POSITION_UM)
            parts.append(here[KEY].assign(nucleus_id=nuclei["nucleus_id"].to_numpy()[index[:, 0]])[alone])
    return _unambiguous(parts, missing)


def _by_same_segment(tables: SourceTables, missing: pd.DataFrame, mapped: pd.DataFrame) -> pd.DataFrame:
    """Roots that already had a nucleus at another materialization: a root id is never reused, so the segment is the same."""
    elsewhere = mapped[["root_id", "nucleus_id"]].drop_duplicates()
    return _unambiguous([missing.merge(elsewhere, on="root_id")], missing)


def _unambiguous(parts: list[pd.DataFrame], missing: pd.DataFrame) -> pd.DataFrame:
    """The missing roots for which all parts name one nucleus."""
    if not parts:
        return missing.head(0).assign(nucleus_id=np.empty(0, dtype=np.int64))
    named = pd.concat(parts, ignore_index=True)[[*KEY, "nucleus_id"]].drop_duplicates().merge(missing, on=KEY)
    return named[~named.duplicated(KEY, keep=False)]


def nucleus_positions(tables: SourceTables) -> pd.DataFrame:
    """The known position of each nucleus, um in the pia frame, from the first table that has one."""
    parts = [t.frame[["nucleus_id", *schema.POSITION]] for t in tables.of(*NAMING_ROLES) if set(schema.POSITION) <= set(t.frame)]
    empty = pd.DataFrame({"nucleus_id": np.empty(0, dtype=np.int64), **{name: np.empty(0) for name in schema.POSITION}})
    return pd.concat(parts or [empty]).dropna().drop_duplicates("nucleus_id", ignore_index=True)


def _count_unmapped(wanted: pd.DataFrame, mapped: pd.DataFrame, funnel: Funnel) -> None:
    """Record, a materialization, how many root ids have a nucleus in the end."""
    found = wanted.merge(mapped, on=KEY, how="left")["nucleus_id"].notna()
    for materialization, known in found.groupby(wanted["materialization"].to_numpy()):
        funnel.record(
            f"root ids {materialization}",
            "with a nucleus",
            len(known),
            int(known.sum()),
            "no table, unit or position names its nucleus",
            "roots",
        )
