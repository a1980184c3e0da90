"""Where tables of nuclei, synapses, contacts and matches disagree with the files they speak of: one row a finding, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from graphtwin.cortex.em.segmentation import NO_SEGMENT, PAIR, PLACE
from graphtwin.schema import UNIT_KEY

COLUMNS = ["kind", "synapse_id", "nucleus_id", "root_id", *PLACE, "reason"]
NO_ID = -1  # stands in a column of ids where a finding has no such id


def compare_nuclei(table: pd.DataFrame, found: pd.DataFrame, low_nm: np.ndarray, high_nm: np.ndarray, tolerance_nm: float) -> pd.DataFrame:
    """Nuclei of a table against those of the volume.

    Args:
        table: Nuclei of the table: nucleus_id, root_id, x_nm, y_nm, z_nm; those outside the volume are passed over.
        found: Nuclei of the volume, as `segmentation.nucleus_table` returns them.
        low_nm: Lower corner of the volume (x, y, z).
        high_nm: Upper corner of the volume (x, y, z), itself outside.
        tolerance_nm: Largest distance of a nucleus' places in the table and in the volume; one cut by the border may lie anywhere.
    """
    places = table[PLACE].to_numpy(np.float64)
    inside = ((places >= low_nm) & (places < high_nm)).all(axis=1)
    columns = ["nucleus_id", "root_id", *PLACE]
    missing = table[columns][inside & ~table["nucleus_id"].isin(found["nucleus_id"]).to_numpy()]
    new = found[~found["nucleus_id"].isin(table["nucleus_id"])]
    both = table[columns].merge(found, on="nucleus_id", suffixes=("", "_seen"))
    rows = [_nucleus("nucleus missing", "no voxel of the nucleus volume has its id", row) for row in missing.itertuples()]
    for row in new.itertuples():
        reason = f"the volume has this nucleus ({row.volume_um3:.1f} um^3), the table of nuclei does not"
        rows.append(_nucleus("nucleus not in the table", reason, row))
    for row in both.itertuples():
        rows += _compare_nucleus(row, tolerance_nm)
    return _frame(rows)


def compare_synapses(
    synapses: pd.DataFrame,
    pre_segment: Int64[np.ndarray, " synapses"],
    post_segment: Int64[np.ndarray, " synapses"],
    contacts: pd.DataFrame,
    radius_nm: float,
) -> pd.DataFrame:
    """Synapses of a table against the segments under their points.

    Args:
        synapses: Synapses of the table, all points in the volume: synapse_id, pre_root_id, post_root_id, ctr_x_nm, ctr_y_nm, ctr_z_nm.
        pre_segment: Segment found at the presynaptic point, 0 for none.
        post_segment: Segment found at the postsynaptic point, 0 for none.
        contacts: Pairs of segments that touch: root_id_a, root_id_b.
        radius_nm: Distance up to which a segment was looked for around each point; named in the reason.
    """
    rows: list[dict[str, Any]] = []
    for side, segment in (("pre", pre_segment), ("post", post_segment)):
        root = synapses[f"{side}_root_id"].to_numpy(np.int64)
        for i in np.flatnonzero(segment == NO_SEGMENT).tolist():
            reason = f"no segment within {radius_nm:g} nm of its {side}synaptic point; the table says {root[i]}"
            rows.append(_synapse(synapses, i, "synapse on background", reason, int(root[i])))
        for i in np.flatnonzero((segment != NO_SEGMENT) & (segment != root)).tolist():
            reason = f"its {side}synaptic point lies in {segment[i]}; the table says {root[i]}"
            rows.append(_synapse(synapses, i, "synapse on another root id", reason, int(root[i])))
    pairs = np.sort(np.column_stack([pre_segment, post_segment]), axis=1)
    touching = pd.MultiIndex.from_frame(contacts[PAIR])
    alone = ~pd.MultiIndex.from_arrays(pairs.T).isin(touching) & (pairs[:, 0] != NO_SEGMENT) & (pairs[:, 0] != pairs[:, 1])
    for i in np.flatnonzero(alone).tolist():
        reason = f"the segments of its two points, {pre_segment[i]} and {post_segment[i]}, touch nowhere in the volume"
        rows.append(_synapse(synapses, i, "contact missing for a synapse", reason, int(pre_segment[i])))
    return _frame(rows)


def compare_roots(synapses: pd.DataFrame, nuclei: pd.DataFrame) -> pd.DataFrame:
    """Root ids of synapses that no nucleus of the table has: fragments, or a table of another materialization.

    Args:
        synapses: Synapses of the table: pre_root_id and post_root_id.
        nuclei: The whole table of nuclei, wherever they lie: root_id.
    """
    roots = pd.concat([synapses["pre_root_id"], synapses["post_root_id"]]).value_counts()
    alone = roots[~roots.index.isin(nuclei["root_id"])].sort_index()
    return _frame([
        {"kind": "root id without a nucleus", "root_id": int(root), "reason": f"{n} ends of synapses are on it, and no nucleus has it"}
        for root, n in alone.items()
    ])  # fmt: skip


def compare_contacts(table: pd.DataFrame, found: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Contact areas of a table against those of the volume.

    Args:
        table: Contacts of the table: root_id_a, root_id_b (the lower first), area_um2.
        found: Contacts of the volume, as `segmentation.contact_areas` returns them.
        tolerance: Largest difference of the two areas of a contact, as a share of the larger one.
    """
    columns = [*PAIR, "area_um2"]
    both = (
        table[columns].merge(found[columns], on=PAIR, how="outer", suffixes=("", "_seen")).fillna({"area_um2": 0.0, "area_um2_seen": 0.0})
    )
    larger = both[["area_um2", "area_um2_seen"]].max(axis=1)
    wrong = both[(both["area_um2"] - both["area_um2_seen"]).abs() > tolerance * larger]
    return _frame([
        {
            "kind": "contact area differs",
            "root_id": int(row.root_id_a),
            "reason": f"{row.root_id_a} and {row.root_id_b}: the table says {row.area_um2:.4g} um^2, the volume {row.area_um2_seen:.4g}",
        }
        for row in wrong.itertuples()
    ])  # fmt: skip


def compare_annotations(
    synapses: pd.DataFrame, points: pd.DataFrame, low_nm: np.ndarray, high_nm: np.ndarray, tolerance_nm: float
) -> pd.DataFrame:
    """Synapses of a table against the points that annotate them in the volume.

    Args:
        synapses: Synapses of the table: synapse_id, size, ctr_x_nm, ctr_y_nm, ctr_z_nm; those with a centre outside the volume need no
            point.
        points: Points of the volume: annotation_id, size, x_nm, y_nm, z_nm.
        low_nm: Lower corner of the volume (x, y, z).
        high_nm: Upper corner of the volume (x, y, z), itself outside.
        tolerance_nm: Largest distance of a centre from its point.
    """
    centres = synapses[["synapse_id", "size"]].assign(**{name: synapses[f"ctr_{name}"] for name in PLACE})
    seen = points.rename(columns={"annotation_id": "synapse_id"})[["synapse_id", "size", *PLACE]]
    # A centre within the tolerance of the border may have been rounded out of the volume.
    inside = ((centres[PLACE] >= low_nm + tolerance_nm) & (centres[PLACE] < high_nm - tolerance_nm)).all(axis=1)
    missing = centres[inside & ~centres["synapse_id"].isin(seen["synapse_id"])]
    rows = [_annotation("synapse not annotated", "no point of the volume has its id", row) for row in missing.itertuples()]
    for row in seen[~seen["synapse_id"].isin(centres["synapse_id"])].itertuples():
        rows.append(_annotation("annotation not in the table", "the volume has a point of this id, the table no synapse", row))
    for row in centres.merge(seen, on="synapse_id", suffixes=("", "_seen")).itertuples():
        apart = _apart_nm(row)
        if apart > tolerance_nm:
            rows.append(_annotation("annotation elsewhere", f"its point lies {apart:.0f} nm from the centre that the table states", row))
        if row.size != row.size_seen:
            reason = f"its point has the size {row.size_seen:g}, the table says {row.size:g}"
            rows.append(_annotation("annotation of another size", reason, row))
    return _frame(rows)


def compare_matches(table: pd.DataFrame, found: pd.DataFrame, tolerance_nm: float) -> pd.DataFrame:
    """Matches of units and nuclei in a coregistration table against those that a recording's file lists.

    Args:
        table: Matches of the table in the recording's scan: session, scan_idx, unit_id, nucleus_id, root_id, x_nm, y_nm, z_nm.
        found: Matches of the recording's file: session, scan_idx, unit_id, x_nm, y_nm, z_nm.
        tolerance_nm: Largest distance between the two places of one match.
    """
    units, seen = (pd.MultiIndex.from_frame(frame[UNIT_KEY]) for frame in (table, found))
    rows = [
        _nucleus("match not in the recording", f"the table matches {_unit(row)}, the recording does not", row)
        for row in table[~units.isin(seen)].itertuples()
    ]
    for row in found[~seen.isin(units)].itertuples():
        place = {"x_nm": row.x_nm, "y_nm": row.y_nm, "z_nm": row.z_nm}
        rows.append({"kind": "match not in the table", **place, "reason": f"the recording matches {_unit(row)}, the table does not"})
    for row in table.merge(found, on=UNIT_KEY, suffixes=("", "_seen")).itertuples():
        apart = _apart_nm(row)
        if apart > tolerance_nm:
            rows.append(_nucleus("match elsewhere", f"the recording has {_unit(row)} {apart:.0f} nm from where the table says", row))
    return _frame(rows)


def _unit(row: Any) -> str:
    return f"unit {row.unit_id} of scan {row.session}-{row.scan_idx}"


def _apart_nm(row: Any) -> float:
    """Distance of the two places of a joined row."""
    return float(np.linalg.norm([row.x_nm - row.x_nm_seen, row.y_nm - row.y_nm_seen, row.z_nm - row.z_nm_seen]))


def _compare_nucleus(row: Any, tolerance_nm: float) -> list[dict[str, Any]]:
    """Findings of a nucleus that both the table and the volume have."""
    rows = []
    if row.root_id != row.root_id_seen:
        where = "on background" if row.root_id_seen == NO_SEGMENT else f"in segment {row.root_id_seen}"
        reason = f"{100 * row.share:.0f} % of its voxels are {where}; the table says {row.root_id}"
        rows.append(_nucleus("nucleus outside its segment", reason, row))
    apart = _apart_nm(row)
    if apart > tolerance_nm and not row.at_border:
        rows.append(_nucleus("nucleus elsewhere", f"its centroid lies {apart:.0f} nm from where the table says", row))
    return rows


def _nucleus(kind: str, reason: str, row: Any) -> dict[str, Any]:
    ids = {"kind": kind, "nucleus_id": row.nucleus_id, "root_id": row.root_id}
    return {**ids, "x_nm": row.x_nm, "y_nm": row.y_nm, "z_nm": row.z_nm, "reason": reason}


def _synapse(synapses: pd.DataFrame, i: int, kind: str, reason: str, root_id: int) -> dict[str, Any]:
    ids = {"kind": kind, "synapse_id": int(synapses["synapse_id"].iloc[i]), "root_id": int(root_id)}
    return {**ids, **{name: synapses[f"ctr_{name}"].iloc[i] for name in PLACE}, "reason": reason}


def _annotation(kind: str, reason: str, row: Any) -> dict[str, Any]:
    place = {"x_nm": row.x_nm, "y_nm": row.y_nm, "z_nm": row.z_nm}
    return {"kind": kind, "synapse_id": row.synapse_id, **place, "reason": reason}


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Findings as a table; ids stay int64, and NO_ID stands where a finding has none."""
    columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
    ids = {name: np.array([NO_ID if value is None else value for value in columns[name]], np.int64) for name in COLUMNS if "_id" in name}
    places = {name: np.array(columns[name], np.float64) for name in PLACE}
    return pd.DataFrame({**columns, **ids, **places})
