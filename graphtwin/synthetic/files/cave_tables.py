"""CAVE-style tables of a simulated volume, one row a nucleus, unit or synapse as in the released ones, and the TOML that names them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import schema
from graphtwin.artifacts import write_atomic, write_parquet, write_text
from graphtwin.coordinates import MINNIE65, voxels_from_pia

EARLIER, LATER = 343, 661  # materializations, those of the bundled tables
VOXELS = ["pt_position_x", "pt_position_y", "pt_position_z"]  # columns of a position as CAVE exports it when it is split
POINTS = {"pre": "pre_pt_position", "ctr": "ctr_pt_position", "post": "post_pt_position"}
# File, role and, where it is not CAVE's usual one, the name of a column in the file.
TABLES = {
    "coregistration_manual_v3": ("coregistration", LATER, {}),
    "functional_coreg": ("unit_roots", EARLIER, {}),
    "baylor_gnn_cell_type_fine_model_v2": ("cell_types_fine", LATER, {}),
    "baylor_log_reg_cell_type_coarse_v1": ("cell_types_coarse", LATER, {}),
    "nucleus_detection_v0": ("nuclei", LATER, {"nucleus_id": "id"}),
    "somata": ("somata", LATER, {}),
    "proofreading_status_public_release": ("proofreading", LATER, {}),
    "area_membership": ("areas", LATER, {}),
    "direction_responses": ("responses", LATER, {}),
    "synapses_pni_2": ("synapse_list", LATER, {}),
    "queried_postsynaptic": ("queried_post", LATER, {}),
}


@dataclass(frozen=True)
class VolumeTables:
    """What is written, in house names and the pia frame.

    Attributes:
        neurons: Cells: nucleus_id, x_um, depth_um, z_um, nucleus_radius_um, brain_area, layer, cell_type, cell_class.
        roots: Root ids: materialization, root_id, nucleus_id (-1 for a fragment); two nuclei of one root id are a merge.
        proofreading: Neurons that somebody worked on: root_id (661), status_axon, status_dendrite.
        synapses: Synapses: synapse_id, pre_root_id, post_root_id (661), size, pre_x_nm ..., ctr_x_nm ..., post_x_nm ... (EM frame); one
            frame, or parts of it one after the other.
        units: Units of all scans: session, scan_idx, unit_id, nucleus_id, coregistered.
        responses: Mean responses of units to directions: session, scan_idx, unit_id, direction_DDD_D.
        scan_units: Mask of each unit of all scans, as `nwb_files.scan_masks` lists them; None where no scan is written.
        queried: Nuclei whose inputs are looked for; None takes all.
    """

    neurons: pd.DataFrame
    roots: pd.DataFrame
    proofreading: pd.DataFrame
    synapses: pd.DataFrame | Iterable[pd.DataFrame]
    units: pd.DataFrame
    responses: pd.DataFrame
    scan_units: pd.DataFrame | None = None
    queried: np.ndarray | None = None


def write_cave_tables(volume: VolumeTables, folder: Path, name: str = "synthetic", animal: str = "") -> list[Path]:
    """Write `tables/*.parquet` and `source.toml`, which `graphtwin run --source` reads.

    Args:
        volume: Tables to write, in house names.
        folder: Folder of the cortex.
        name: Name of the source.
        animal: Animal of the volume, as its recordings name it; empty where nothing was recorded.
    """
    tables = folder / "tables"
    written = [write_parquet(frame, tables / f"{file}.parquet") for file, frame in _frames(volume).items()]
    parts = [volume.synapses] if isinstance(volume.synapses, pd.DataFrame) else volume.synapses
    written.append(_write_parts((_synapses(part) for part in parts), tables / "synapses_pni_2.parquet"))
    if volume.scan_units is not None:
        columns = [*schema.UNIT_KEY, "field", "mask_id", "um_x", "um_y", "um_z", "ms_delay"]
        written.append(write_parquet(volume.scan_units[columns], tables / "scan_unit.parquet"))
    return [*written, write_text(_toml(name, animal), folder / "source.toml")]


def matches(units: pd.DataFrame, neurons: pd.DataFrame, roots: pd.DataFrame, materialization: int) -> pd.DataFrame:
    """The manual matches of units and nuclei: session, scan_idx, unit_id, target_id, pt_root_id, pt_position_x, _y, _z (voxels).

    Args:
        units: Units of all scans, as in `VolumeTables`.
        neurons: Cells, as in `VolumeTables`.
        roots: Root ids, as in `VolumeTables`.
        materialization: Materialization that the root ids given belong to.
    """
    found = units.loc[units["coregistered"], [*schema.UNIT_KEY, "nucleus_id"]]
    cells = _cells(neurons, roots, materialization)[["target_id", "pt_root_id", *VOXELS]]
    matched = found.rename(columns={"nucleus_id": "target_id"}).merge(cells, on="target_id", how="left", validate="many_to_one")
    return matched.sort_values(schema.UNIT_KEY, ignore_index=True)


def _cells(neurons: pd.DataFrame, roots: pd.DataFrame, materialization: int) -> pd.DataFrame:
    """Every nucleus with its root id and its position in voxels."""
    of_somata = roots[(roots["materialization"] == materialization) & (roots["nucleus_id"] >= 0)]
    joined = neurons.merge(of_somata[["nucleus_id", "root_id"]], on="nucleus_id", how="left", validate="one_to_one")
    lacking = joined["root_id"].isna()
    if lacking.any():
        raise ValueError(
            f"{int(lacking.sum())} of {len(joined)} nuclei have no root id at materialization {materialization}, first "
            f"{joined.loc[lacking, 'nucleus_id'].head(3).tolist()}. Every nucleus lies in a segment: give all of them."
        )
    voxels = np.rint(voxels_from_pia(joined[schema.POSITION].to_numpy(np.float64), MINNIE65)).astype(np.int64)
    joined = joined.rename(columns={"nucleus_id": "target_id", "root_id": "pt_root_id"}).astype({"pt_root_id": np.int64})
    return joined.assign(**dict(zip(VOXELS, voxels.T, strict=True)))


def _frames(volume: VolumeTables) -> dict[str, pd.DataFrame]:
    """Every table but the synapses."""
    cells = _cells(volume.neurons, volume.roots, LATER)
    labelled = cells.assign(id=cells["target_id"])[["id", "target_id", "pt_root_id", *VOXELS]]
    volume_um3 = 4 / 3 * np.pi * cells["nucleus_radius_um"].to_numpy(np.float64) ** 3
    alone = cells[~cells["pt_root_id"].duplicated(keep=False)]  # a merged segment has two somata: a list by root id names neither
    queried = cells if volume.queried is None else cells[cells["target_id"].isin(volume.queried)]
    proofread = volume.proofreading.rename(columns={"root_id": "pt_root_id"}).merge(
        alone[["pt_root_id", *VOXELS]], on="pt_root_id", how="left", validate="one_to_one"
    )
    areas = volume.units[[*schema.UNIT_KEY, "nucleus_id"]].merge(volume.neurons[["nucleus_id", "brain_area"]], on="nucleus_id", how="left")
    return {
        "nucleus_detection_v0": labelled.drop(columns="target_id").assign(valid=True, volume=volume_um3),
        "baylor_gnn_cell_type_fine_model_v2": labelled.assign(cell_type=cells["cell_type"]),
        "baylor_log_reg_cell_type_coarse_v1": labelled.assign(cell_type=cells["cell_class"]),
        "somata": alone[["pt_root_id", *VOXELS, "layer", "cell_class"]],
        "proofreading_status_public_release": proofread[["pt_root_id", "status_dendrite", "status_axon", *VOXELS]],
        "coregistration_manual_v3": matches(volume.units, volume.neurons, volume.roots, LATER),
        "functional_coreg": matches(volume.units, volume.neurons, volume.roots, EARLIER).drop(columns="target_id"),
        "area_membership": areas[[*schema.UNIT_KEY, "brain_area"]],
        "direction_responses": volume.responses,
        "queried_postsynaptic": queried[["pt_root_id"]].drop_duplicates().rename(columns={"pt_root_id": "post_pt_root_id"}),
    }


def _synapses(synapses: pd.DataFrame) -> pd.DataFrame:
    """One row a synapse, its three points in voxels."""
    columns = {"id": synapses["synapse_id"], "pre_pt_root_id": synapses["pre_root_id"], "post_pt_root_id": synapses["post_root_id"]}
    columns["size"] = synapses["size"]
    for side, stored in POINTS.items():
        voxels = _voxels(synapses[[f"{side}_{axis}_nm" for axis in "xyz"]].to_numpy(np.float64))
        columns |= {f"{stored}_{axis}": values for axis, values in zip("xyz", voxels.T, strict=True)}
    return pd.DataFrame(columns)


def _voxels(points_nm: Float[np.ndarray, "points 3"]) -> np.ndarray:
    return np.rint(points_nm / np.array(MINNIE65.voxel_nm)).astype(np.int64)


def _write_parts(parts: Iterable[pd.DataFrame], path: Path) -> Path:
    """One file of frames written one after the other, so that no more than one of them is in memory."""
    import pyarrow as arrow
    from pyarrow import parquet

    def write(temporary: Path) -> None:
        writer = None
        for part in parts:
            table = arrow.Table.from_pandas(part, preserve_index=False)
            writer = parquet.ParquetWriter(temporary, table.schema) if writer is None else writer
            writer.write_table(table)
        if writer is None:
            raise ValueError(f"{path}: no synapses to write, not even a part without rows.")
        writer.close()

    return write_atomic(path, write)


def _toml(name: str, animal: str) -> str:
    """The animal, the tables with their roles and materializations, and the pose of the pia."""
    lines = [f"name = {json.dumps(name)}", *([f"animal = {json.dumps(animal)}"] if animal else []), "", "[frame]"]
    lines += [f"voxel_nm = {list(MINNIE65.voxel_nm)}"]
    lines += [f"tilt_deg = {MINNIE65.tilt_deg}", f"pia_um = {MINNIE65.pia_um}"]
    for file, (role, materialization, columns) in TABLES.items():
        lines += ["", "[[tables]]", f'role = "{role}"', f"materialization = {materialization}", f'file = "tables/{file}.parquet"']
        if columns:
            lines.append("columns = { " + ", ".join(f'{ours} = "{theirs}"' for ours, theirs in columns.items()) + " }")
    return "\n".join(lines) + "\n"
