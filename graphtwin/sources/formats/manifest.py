"""The TOML that names the tables of a folder, and the tables it yields: what every source of table files shares."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from graphtwin import schema
from graphtwin.artifacts import sha256 as sha256_of
from graphtwin.config import read_toml, validate
from graphtwin.coordinates import PiaFrame, house_order
from graphtwin.sources.formats import export
from graphtwin.sources.formats.agreement import require_agreement
from graphtwin.sources.formats.circuit_cells import by_kind, with_signs
from graphtwin.sources.formats.exposure_names import EXPOSURES
from graphtwin.sources.formats.exposure_tables import in_both_directions
from graphtwin.sources.formats.function_table import KEYS, Axis, Noise, describe_columns
from graphtwin.sources.formats.neuron_names import NeuronNames
from graphtwin.sources.formats.positions import Stated
from graphtwin.sources.formats.response_tables import RESPONSES
from graphtwin.sources.formats.source_tables import CELL_TABLES, OF_ANOTHER, SYNAPTIC, Role, SourceTables, Table

# Shares of a pair table's root ids that must be known, or they belong to another materialization: from 343 to 661 of minnie65 4 % stay the
# same. Where a source lists its functional cells alone, most axons are of others: 37 % are known in minnie65.
LISTED, FUNCTIONAL_ALONE = 0.5, 0.1
NO_PIA = ("x", "y", "z")  # names of the axes of voxels where nothing says where the pia lies
TASK_NAMES = ("cell_type", "layer", "lateral", "position", "connectivity", "size", "like_to_like")  # what an axis may not be called

log = logging.getLogger("graphtwin")

Edge = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Edges = tuple[Edge, Edge, Edge]  # edges of a voxel along x, y and z, nm


class TableEntry(BaseModel):
    """One table of a folder of exports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role = Field(description="What the table says.")
    file: str = Field(description="Path of the table, relative to the folder of the TOML.")
    materialization: int | None = Field(
        None, ge=1, description="Materialization that the root ids of the table are of; may be left out where nothing is wired."
    )
    columns: dict[str, str] | list[str] = Field(
        {}, description="The file's name of a column by ours, where the export does not use CAVE's usual one; or the columns of responses."
    )
    voxel_nm: Edges | None = Field(
        None, description="Nanometres a unit of the table's positions along x, y and z, where they are not those of [frame]."
    )
    measure: str = Field("", description="What a table of role exposure measures: L_d, contact area, or any other amount.")
    unit: str = Field("", description="Unit of the exposure, such as um or um2.")
    animal: str = Field(
        "",
        description="Animal of a table of synapses or of responses to stimulation; that of another than the volume's is the ceiling of "
        "predictions.",
    )
    symmetric: bool | None = Field(None, description="Whether a row of exposure speaks for both directions, as an area of contact does.")
    noise: Noise | None = Field(None, description="Noise of a table of function; if absent, chosen on held-out columns.")
    axis: Axis | None = Field(None, description="Whether the columns of a table of function lie on a circle or on a line.")
    positions: dict[str, float] = Field({}, description="Place of each column of a table of function on its axis.")
    period: float | None = Field(None, gt=0, allow_inf_nan=False, description="Length of the circle, in the unit of `positions`.")
    what: str = Field("", description="What the values of a table of function are, in a sentence.")
    transmitters: dict[str, Literal[-1, 0, 1]] = Field(
        {}, description="What each transmitter of a table of role circuit_cells does: 1 excites, -1 inhibits, 0 unknown."
    )


OF_FUNCTION = ("noise", "axis", "positions", "period", "what")  # settings of an entry that only a table of function has


class TrialsEntry(BaseModel):
    """A file of trials of a circuit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="Path of the HDF5 file, relative to the folder of the TOML.")


class Frame(BaseModel):
    """How voxel positions become micrometres below the pia; see `coordinates.PiaFrame`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voxel_nm: Edges = Field((4.0, 4.0, 40.0), description="Edges of a voxel along x, y and z, nanometres.")
    tilt_deg: float = Field(0.0, allow_inf_nan=False, description="Rotation in the x-y plane that brings y upright, degrees.")
    pia_um: float = Field(0.0, allow_inf_nan=False, description="Height of the pia along the rotated y axis, micrometres.")
    axes: tuple[str, str, str] | None = Field(
        None, description='Names of the three axes of positions, such as "dorsoventral"; "depth" is the one from the surface down.'
    )

    @field_validator("axes")
    @classmethod
    def _tell_axes_apart(cls, axes: tuple[str, str, str] | None) -> tuple[str, str, str] | None:
        """Axes of different names, none of which is that of a task."""
        if axes is not None and (len(set(axes)) < 3 or any(not name.strip() or name in TASK_NAMES for name in axes)):
            raise ValueError(f"axes = {list(axes)}: give three different names, none of them empty or of {', '.join(TASK_NAMES)}")
        return axes


class Manifest(BaseModel):
    """A folder of exports: its name, its frame of reference, its tables."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: str = Field(description="Name of the source.")
    animal: str = Field("", description="Animal of the volume, as embeddings that are brought name it: 17797, or the name of a recording.")
    frame: Frame = Field(Frame(), description="How voxels become micrometres below the pia.")
    tables: list[TableEntry] = Field(min_length=1, description="The tables of the folder.")
    trials: list[TrialsEntry] = Field([], description="Trials of the circuit that the tables describe.")


def read_manifest(toml: Path, sha256: dict[str, str] | None = None) -> SourceTables:
    """The tables named by a TOML, read and checked one by one and then against each other.

    Args:
        toml: Path of the TOML; table paths are relative to its folder.
        sha256: Hash that each table file must have, by its path in the TOML; None accepts any.
    """
    given = read_toml(toml)
    manifest = validate(Manifest, given, str(toml))
    in_frame = given.get("frame", {})  # what is stated: the model has defaults for the rest
    wired = _require_entries(manifest, str(toml))
    usual = next((entry.materialization for entry in manifest.tables if entry.materialization is not None), 1)
    frame = PiaFrame(**manifest.frame.model_dump(exclude={"axes"}))
    of_frame = manifest.frame.voxel_nm if "voxel_nm" in in_frame else None
    files = [*(entry.file for entry in manifest.tables), *(entry.file for entry in manifest.trials)]
    paths = {file: _path_of(toml, file) for file in files}
    hashes = {file: export.verified_sha256(path, file, sha256) for file, path in paths.items()}
    tables, moved, names = [], [], NeuronNames()
    for place, entry in enumerate(manifest.tables):
        read, from_voxels = export.read_placed(
            paths[entry.file],
            entry.role,
            entry.columns,
            frame,
            Stated(of_table=entry.voxel_nm, of_frame=of_frame),
            wired,
            manifest.frame.axes,
            partial(names.in_place_of_ids, role=entry.role, place=place, origin=str(paths[entry.file])),
        )
        if entry.role == "exposure":
            read = in_both_directions(read, entry.symmetric, str(paths[entry.file]))
        if entry.role == "circuit_cells":
            read = with_signs(read, entry.transmitters, str(paths[entry.file]))
        role = entry.role if _is_of_volume(entry, manifest, str(toml)) else f"{entry.role}{OF_ANOTHER}"
        tables.append(_table(entry, role, read, usual, str(toml)))
        moved += [entry.file] if from_voxels else []
    tables, of_neurons = names.sorted_tables(tables, str(toml))
    tables = [part for table in tables for part in by_kind(table)]
    trials = tuple(paths[entry.file] for entry in manifest.trials)
    axes = _axes(manifest.frame, bool(moved) and "pia_um" not in in_frame)
    if moved and axes == NO_PIA:
        of = ", ".join(dict.fromkeys(moved))
        log.warning("%s: [frame] has no pia_um: positions of %s are along x, y and z, none of which is a depth.", toml, of)
    hashes = {toml.name: sha256_of(toml), **hashes}
    source = SourceTables(manifest.name, tuple(tables), hashes, manifest.animal, axes, of_neurons, trials=trials)
    require_agreement(source.tables, str(toml))
    _require_roles(source, str(toml))
    _require_queried_masks(source, str(toml))
    _require_matching_roots(source, str(toml))
    _require_exposed(source, str(toml))
    return source


def _require_entries(manifest: Manifest, origin: str) -> bool:
    """Whether anything in the source is wired; an error where an entry says what its role does not have, or lacks a materialization."""
    for entry in manifest.tables:
        if entry.transmitters and entry.role != "circuit_cells":
            raise ValueError(
                f"{origin}: {entry.file} of role {entry.role!r} has `transmitters`, which only a table of role 'circuit_cells' has. Move "
                "them to that entry, or leave them out."
            )
        foreign = [name for name in OF_FUNCTION if name in entry.model_fields_set]
        if entry.role != "function" and foreign:
            raise ValueError(
                f"{origin}: {entry.file} of role {entry.role!r} has {', '.join(foreign)}, which only a table of role 'function' has. "
                "Move them to that entry, or leave them out."
            )
    wired = any(entry.role in (*SYNAPTIC, "queried_post", "queried_pre", "exposure", "gap_junctions") for entry in manifest.tables)
    lacking = [entry.file for entry in manifest.tables if entry.materialization is None and entry.role != "function"]
    if wired and lacking:
        raise ValueError(
            f"{origin}: {len(lacking)} of {len(manifest.tables)} entries have no `materialization`, first {lacking[0]}. Root ids change "
            "with it: say of which each table is (1 for a volume that was segmented once)."
        )
    return wired


def _table(entry: TableEntry, role: str, frame: pd.DataFrame, usual: int, origin: str) -> Table:
    """The table of an entry in its role; of function with what is stated of its columns."""
    materialization = entry.materialization or usual
    measured = _measured(entry, origin)
    if entry.role != "function":
        return Table(role, materialization, entry.file, frame, *measured, animal=entry.animal)
    answers = frame[[name for name in frame if name not in KEYS]]
    stated = describe_columns(answers, entry.noise, entry.axis, entry.positions, entry.period, entry.what, entry.file)
    return Table(entry.role, materialization, entry.file, frame, columns=stated)


def _axes(frame: Frame, no_pia: bool) -> tuple[str, str, str]:
    """Names of the axes in the order of `schema.POSITION`: those that the source gives, else depth only where the pia is known."""
    if frame.axes is None:
        return NO_PIA if no_pia else schema.AXES
    first, second, third = (frame.axes[place] for place in house_order(frame.axes))
    return first, second, third


def _path_of(toml: Path, file: str) -> Path:
    """Path of a table that the TOML names; where the TOML is a link, its tables may lie beside what it leads to."""
    if Path(file).is_absolute():
        raise ValueError(
            f"{toml}: file = {file!r} is an absolute path, which no copy of the folder would find. Give it from the TOML's folder."
        )
    path = toml.parent / file
    return path if path.exists() else toml.resolve().parent / file if toml.is_symlink() else path


def _measured(entry: TableEntry, origin: str) -> tuple[str, str]:
    """Measure and unit of a table of exposure, from the TOML or by the column that it is read from; no other role may have them."""
    if entry.role != "exposure":
        given = [name for name in ("measure", "unit", "symmetric") if getattr(entry, name) not in ("", None)]
        if given:
            raise ValueError(f"{origin}: {entry.file} of role {entry.role!r} has {given}, which are of role 'exposure' alone. Remove them.")
        return "", ""
    usual = EXPOSURES.get(entry.columns.get("exposure", "")) if isinstance(entry.columns, dict) else None
    return entry.measure or (usual.measure if usual else "exposure"), entry.unit or (usual.unit if usual else "1")


def _is_of_volume(entry: TableEntry, manifest: Manifest, origin: str) -> bool:
    """Whether a table is of the animal of the volume, and not of another one; an error where that cannot be told."""
    if not entry.animal:
        return True
    kind = SYNAPTIC if entry.role in SYNAPTIC else (RESPONSES,)
    what = "synapses" if entry.role in SYNAPTIC else "responses"
    if entry.role not in kind:
        raise ValueError(
            f"{origin}: {entry.file} of role {entry.role!r} has an animal, which tables of synapses and of responses to stimulation alone "
            "have. Remove it."
        )
    alike = [other for other in manifest.tables if other.role in kind]
    if not manifest.animal and all(other.animal for other in alike):
        raise ValueError(
            f"{origin}: every table of {what} names an animal ({sorted({other.animal for other in alike})}), and the TOML not which is "
            "the volume's. Write `animal = ...` above the tables."
        )
    return entry.animal == manifest.animal


def _require_exposed(source: SourceTables, origin: str) -> None:
    """Raise where exposures of one materialization measure different things, or are of one without synapses."""
    wired = {table.materialization for table in source.of(*SYNAPTIC)}
    for table in source.of("exposure"):
        said = {(other.measure, other.unit) for other in source.of("exposure") if other.materialization == table.materialization}
        if len(said) > 1:
            raise ValueError(
                f"{origin}: exposures of materialization {table.materialization} are of {len(said)} measures and units, {sorted(said)}. "
                "Keep one: a pair has one exposure."
            )
        if wired and table.materialization not in wired:
            raise ValueError(
                f"{origin}: {table.origin} holds exposures of materialization {table.materialization}, synapses are of {sorted(wired)}. "
                "Export both at one materialization; a table of nucleus ids takes that of the synapses."
            )


def _require_roles(source: SourceTables, origin: str) -> None:
    """Raise when the units of responses or of function reach no nucleus."""
    matched = [table.frame[schema.UNIT_KEY] for table in source.of("coregistration")]
    for table in source.of("responses", "function"):
        units = table.frame
        if not set(schema.UNIT_KEY) <= set(units) or "nucleus_id" in units:
            continue
        if not matched:
            raise ValueError(
                f"{origin}: {table.origin} has {len(units)} units, and no table of role 'coregistration' says which nuclei they are (it "
                f"names {sorted({t.role for t in source.tables})}). Add it, or name the rows of a table of function by nucleus_id."
            )
        coregistered = pd.MultiIndex.from_frame(pd.concat(matched))
        if not pd.MultiIndex.from_frame(units[schema.UNIT_KEY]).isin(coregistered).any():
            first = units[schema.UNIT_KEY].head(2).to_dict("records")
            raise ValueError(
                f"{origin}: {table.origin}: none of the {len(units)} units with responses, first {first}, is in the coregistration, first "
                f"{coregistered[:2].tolist()}. Check that both are of one animal, and number sessions, scans and units alike."
            )


def _require_queried_masks(source: SourceTables, origin: str) -> None:
    """Raise when a pair table comes without the list of postsynaptic cells whose inputs were queried."""
    queried = {table.materialization for table in source.of("queried_post")}
    for table in source.of(*SYNAPTIC):
        if table.materialization not in queried:
            what = "synaptic pairs" if table.role == "synapses" else "synapses"
            raise ValueError(
                f"{origin}: {table.origin} holds {len(table.frame)} {what} of materialization {table.materialization}, but no "
                f"table of role 'queried_post' says whose inputs were queried (masks exist for {sorted(queried) or 'none'}). "
                "Without it a missing pair cannot be told from one nobody looked for. Add the list of queried postsynaptic root ids."
            )


def _require_matching_roots(source: SourceTables, origin: str) -> None:
    """Raise when most root ids of a pair table are unknown at its materialization: a sign that they belong to another one."""
    for table in source.of(*SYNAPTIC):
        m = table.materialization
        queried = np.concatenate([t.frame["post_root_id"] for t in source.of("queried_post") if t.materialization == m])
        _require_share(table, "post_root_id", queried, "queried postsynaptic cells", LISTED, origin)
        known = [t for t in source.tables if "root_id" in t.frame and t.materialization == m]
        if known:
            share = LISTED if any(t.role in CELL_TABLES for t in known) else FUNCTIONAL_ALONE
            # A list of synapses has all axons, most of them fragments without a soma: only its targets are cells that tables name.
            side = "pre_root_id" if table.role == "synapses" else "post_root_id"
            _require_share(table, side, np.concatenate([t.frame["root_id"] for t in known]), "cells", share, origin)


def _require_share(table: Table, side: str, known: np.ndarray, what: str, share: float, origin: str) -> None:
    """Raise when less than a share of a pair table's root ids on one side are known."""
    roots = table.frame[side].unique()
    found = int(np.isin(roots, known).sum())
    if found < share * len(roots):
        raise ValueError(
            f"{origin}: only {found} of {len(roots)} values of {side} in {table.origin} are among the {what} of materialization "
            f"{table.materialization}. Root ids change with the materialization: check `materialization` of this table, "
            "or export the pairs and the cells from the same one."
        )
