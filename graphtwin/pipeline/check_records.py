"""Tables of synapses and of matches held against the files that list the same things: point annotations of a volume, and recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.em import PLACE, compare_annotations, compare_matches
from graphtwin.sources.formats import opened, read_file, scan_of
from graphtwin.sources.loaders import SAME_CELL_UM, VOXEL_NM, VOXELS, open_volume, read_coregistration, read_matches, read_points

# Half the diagonal of a voxel, nm: tables keep places as whole voxels, annotations as nm.
HALF_A_VOXEL_NM = float(np.linalg.norm(VOXEL_NM)) / 2


def check_annotations(segmentation: str | Path, annotations: str | Path, synapses: pd.DataFrame) -> pd.DataFrame:
    """Where a table of synapses and the points of a volume disagree: points that lack on either side, lie elsewhere or have another size.

    Args:
        segmentation: Path of the segmentation, whose bounds say which synapses must have a point.
        annotations: Path of the points, which have a property `size`.
        synapses: Synapses of the table, as `em_tables.read_synapses` returns them.
    """
    points = read_points(annotations)
    schema.require_columns(points, ["size"], str(annotations))
    volume = open_volume(segmentation)
    return compare_annotations(synapses, points, volume.low_nm, volume.high_nm, HALF_A_VOXEL_NM)


def check_matches(recording: str | Path, scan_units: str | Path, coregistration: str | Path) -> pd.DataFrame:
    """Where a coregistration table and the matches in a recording's NWB file disagree.

    Args:
        recording: Path of the NWB file; the order of its matches is found out, or refused, by `read_coregistration`.
        scan_units: Path of the table of the scan's units: session, scan_idx, unit_id, field, mask_id.
        coregistration: Path of the CAVE table of the matches, of any materialization.
    """
    with opened(Path(recording)) as file:
        session, scan_idx = scan_of(file, Path(recording))
    table = read_matches(coregistration)
    here = table[(table["session"] == session) & (table["scan_idx"] == scan_idx)]
    found = read_coregistration(recording, read_file(Path(scan_units)), read_file(Path(coregistration)))
    found[PLACE] = found[VOXELS].to_numpy(np.float64) * VOXEL_NM
    return compare_matches(here, found[[*schema.UNIT_KEY, *PLACE]], 1000 * SAME_CELL_UM)
