"""The TOML that names the tables of a folder, and the tables it yields: what every source of table files shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.artifacts import sha256 as sha256_of
from graphtwin.config import read_toml, validate
from graphtwin.coordinates import PiaFrame
from graphtwin.sources.formats import export

Role = Literal[
    "coregistration",
    "unit_roots",
    "cell_types_fine",
    "cell_types_coarse",
    "somata",
    "nuclei",
    "proofreading",
    "areas",
    "responses",
    "orientation_responses",
    "synapses",
    "synapse_list",
    "queried_post",
    "queried_pre",
]


SYNAPTIC = ("synapses", "synapse_list")  # roles of tables with one row a pair, and with one row a synapse
CELL_LISTS = ("cell_types_fine", "cell_types_coarse", "somata", "nuclei")  # roles of tables of cells whether or not they are functional
# Shares of a pair table's root ids that must be known, or they belong to another materialization: from 343 to 661 of minnie65 4 % stay the
# same. Where a source lists its functional cells alone, most axons are of others: 37 % are known in minnie65.
LISTED, FUNCTIONAL_ALONE = 0.5, 0.1


class TableEntry(BaseModel):
    """One table of a folder of exports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role = Field(description="What the table says.")
    file: str = Field(description="Path of the table, below the folder of the TOML.")
    materialization: int = Field(ge=1, description="Materialization that the root ids of the table are of.")
    columns: dict[str, str] = Field({}, description="The file's name of a column by ours, where the export does not use CAVE's usual one.")


class Frame(BaseModel):
    """How voxel positions become micrometres below the pia; see `coordinates.PiaFrame`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voxel_nm: tuple[float, float, float] = Field((4.0, 4.0, 40.0), description="Edges of a voxel along x, y and z, nanometres.")
    tilt_deg: float = Field(0.0, description="Rotation in the x-y plane that brings y upright, degrees.")
    pia_um: float = Field(0.0, description="Height of the pia along the rotated y axis, micrometres.")


class Manifest(BaseModel):
    """A folder of exports: its name, its frame of reference, its tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the source.")
    frame: Frame = Field(Frame(), description="How voxels become micrometres below the pia.")
    tables: list[TableEntry] = Field(min_length=1, description="The tables of the folder.")


@dataclass(frozen=True)
class Table:
    """One checked table: house column names, ids int64, positions in um of the pia frame."""

    role: str
    materialization: int
    origin: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class SourceTables:
    """Everything a source knows, and the sha256 of every file it read, the TOML among them.

    Attributes:
        name: Name of the data set.
        tables: Checked tables in the order of the TOML; where two name the same thing, the earlier one is believed.
        sha256: Hash of each file, by its path relative to the TOML.
    """

    name: str
    tables: tuple[Table, ...]
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, materializations and file hashes: what a run writes down, and compares when it goes on."""
        versions = sorted({table.materialization for table in self.tables})
        return {"name": self.name, "materializations": ",".join(map(str, versions)), **self.sha256}

    def of(self, *roles: str) -> list[Table]:
        """The tables of these roles: roles in the order given, tables in the order of the TOML."""
        return [table for role in roles for table in self.tables if table.role == role]


def read_manifest(toml: Path, sha256: dict[str, str] | None = None) -> SourceTables:
    """The tables named by a TOML, read and checked one by one and then against each other.

    Args:
        toml: Path of the TOML; table paths are relative to its folder.
        sha256: Hash that each table file must have, by its path in the TOML; None accepts any.
    """
    manifest = validate(Manifest, read_toml(toml), str(toml))
    frame = PiaFrame(**manifest.frame.model_dump())
    hashes = {entry.file: export.verified_sha256(toml.parent / entry.file, entry.file, sha256) for entry in manifest.tables}
    tables = tuple(
        Table(entry.role, entry.materialization, entry.file, export.read_table(toml.parent / entry.file, entry.role, entry.columns, frame))
        for entry in manifest.tables
    )
    source = SourceTables(manifest.name, tables, {toml.name: sha256_of(toml), **hashes})
    _require_roles(source, str(toml))
    _require_queried_masks(source, str(toml))
    _require_matching_roots(source, str(toml))
    return source


def _require_roles(source: SourceTables, origin: str) -> None:
    """Raise when nothing ties units to nuclei, or when there are no responses."""
    roles = {table.role for table in source.tables}
    missing = [role for role in ("coregistration", "responses") if role not in roles]
    if missing:
        raise ValueError(
            f"{origin}: the tables {missing} are missing (it names {sorted(roles)}). "
            "Add a [[tables]] entry for each: units reach their nuclei through the coregistration, every analysis starts from responses."
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
            share = LISTED if any(t.role in CELL_LISTS for t in known) else FUNCTIONAL_ALONE
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
