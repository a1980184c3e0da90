"""A segmentation and the tables that speak of it, in; where they disagree, and what the volume says itself, out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64, Int64

from graphtwin.cortex.em import (
    PLACE,
    Cutout,
    Lookup,
    assign_points,
    compare_contacts,
    compare_nuclei,
    compare_roots,
    compare_synapses,
    contact_areas,
    count_faces,
    nucleus_table,
    sum_nuclei,
)
from graphtwin.sources.loaders import Volume, open_volume

if TYPE_CHECKING:
    import pandas as pd

RADIUS_NM = 150.0  # distance from a synapse's point within which a segment is looked for, where the point itself is on background; a choice
NUCLEUS_TOLERANCE_NM = 500.0  # largest distance of a nucleus from where its table says: about a tenth of its diameter; a choice
CONTACT_TOLERANCE = 0.01  # largest difference of two contact areas, as a share of the larger; a choice
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class VolumeCheck:
    """Disagreements of a volume and its tables, and what the volume says itself.

    Attributes:
        disagreements: Findings: kind, synapse_id, nucleus_id, root_id (-1 where a finding has none), x_nm, y_nm, z_nm, reason.
        nuclei: Place, volume and segment of each nucleus, from the voxels.
        contacts: Contact area of each pair of segments, from the voxels.
        synapses: Segments of the synapses in the volume: synapse_id, pre_segment, post_segment, pre_distance_nm, post_distance_nm.
        n_synapses_outside: Number of synapses with a point outside the volume, which cannot be checked.
    """

    disagreements: pd.DataFrame
    nuclei: pd.DataFrame
    contacts: pd.DataFrame
    synapses: pd.DataFrame
    n_synapses_outside: int


def check_volume(
    segmentation: str | Path,
    nuclei: str | Path,
    nucleus_rows: pd.DataFrame,
    synapses: pd.DataFrame,
    contacts: pd.DataFrame | None = None,
    chunk: tuple[int, int, int] | None = None,
) -> VolumeCheck:
    """Recompute nuclei, contacts and the neurons of synapses from voxels, and compare; memory doesn't grow with the volume.

    Args:
        segmentation: Path of the segmentation.
        nuclei: Path of the segmentation of nuclei, on the same voxels.
        nucleus_rows: Nuclei of the table: nucleus_id, root_id, x_nm, y_nm, z_nm.
        synapses: Synapses of the table: synapse_id, pre_root_id, post_root_id, and pre_, post_, ctr_ x_nm, y_nm, z_nm; those outside the
            volume are counted.
        contacts: Contacts of the table: root_id_a (the lower), root_id_b, area_um2; None compares no areas.
        chunk: Voxels read at once along each axis; None takes the stored chunks.
    """
    import pandas as pd

    segments, inner = open_volume(segmentation), open_volume(nuclei)
    _require_same_voxels(segments, inner)
    inside = _inside(segments, synapses)
    seen, areas = _read_all(segments, inner, chunk)
    here = synapses[inside].reset_index(drop=True)
    found = {side: assign_points(_places(here, side), _lookup(segments), segments.resolution_nm, RADIUS_NM) for side in ("pre", "post")}
    findings = [
        compare_nuclei(nucleus_rows, seen, segments.low_nm, segments.high_nm, NUCLEUS_TOLERANCE_NM),
        compare_synapses(here, found["pre"][0], found["post"][0], areas, RADIUS_NM),
        compare_roots(here, nucleus_rows),
    ]
    if contacts is not None:
        findings.append(compare_contacts(contacts, areas, CONTACT_TOLERANCE))
    assigned = pd.DataFrame({"synapse_id": here["synapse_id"]})
    for side, (segment, distance) in found.items():
        assigned[f"{side}_segment"], assigned[f"{side}_distance_nm"] = segment, distance
    filled = [table for table in findings if len(table)] or findings[:1]
    return VolumeCheck(pd.concat(filled, ignore_index=True), seen, areas, assigned, int((~inside).sum()))


def _read_all(segments: Volume, inner: Volume, chunk: tuple[int, int, int] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nuclei and contacts of the whole volume, box by box."""
    from graphtwin.progress import tqdm

    faces, sums = [], []
    boxes = list(segments.boxes(chunk))
    for begin, end in tqdm(boxes, desc="volume", unit="chunk", delay=2):
        overlap = (end < segments.end).astype(np.int64)
        cutout = Cutout(begin, segments.cutout(begin, end + overlap), overlap)
        nothing = np.zeros(3, np.int64)
        faces.append(count_faces(cutout))
        sums.append(sum_nuclei(Cutout(begin, inner.cutout(begin, end), nothing), Cutout(begin, cutout.inner, nothing)))
    size = segments.resolution_nm
    return nucleus_table(sums, size, segments.begin, segments.end), contact_areas(faces, size)


def _require_same_voxels(segments: Volume, nuclei: Volume) -> None:
    """Raise when the two volumes are not on the same voxels."""
    pairs = [(getattr(segments, name).tolist(), getattr(nuclei, name).tolist()) for name in ("resolution_nm", "begin", "end")]
    if any(ours != theirs for ours, theirs in pairs):
        raise ValueError(
            f"{nuclei.path}: resolution {pairs[0][1]} nm, voxels {pairs[1][1]} to {pairs[2][1]}, but {segments.path} has {pairs[0][0]} nm, "
            f"{pairs[1][0]} to {pairs[2][0]}. Give nuclei on the voxels of the segmentation."
        )


def _inside(segments: Volume, synapses: pd.DataFrame) -> Bool[np.ndarray, " synapses"]:
    """Which synapses have all three points in the volume; none at all is an error that names the unit they may be in."""
    sides = [_places(synapses, side) for side in ("pre", "post", "ctr")]
    inside = np.logical_and.reduce([segments.contains(points) for points in sides])
    if len(synapses) and not inside.any():
        segments.require_inside(sides[2])
    if not inside.all():
        log.info("%d of %d synapses have a point outside the volume and are not checked.", int((~inside).sum()), len(inside))
    return inside


def _lookup(segments: Volume) -> Lookup:
    """Ids at points; 0 outside the volume, where the search around a point at the border may lead."""

    def ids_at(points_nm: Float64[np.ndarray, "points 3"]) -> Int64[np.ndarray, " points"]:
        inside = segments.contains(points_nm)
        ids = np.zeros(len(points_nm), np.int64)
        if inside.any():
            ids[inside] = segments.segments_at(points_nm[inside])
        return ids

    return ids_at


def _places(table: pd.DataFrame, side: str) -> Float64[np.ndarray, "rows 3"]:
    return table[[f"{side}_{name}" for name in PLACE]].to_numpy(np.float64)
