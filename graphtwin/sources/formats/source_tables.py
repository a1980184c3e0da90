"""The checked tables of a source, as every loader of tables hands them over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.schema import AXES
from graphtwin.told import told_as_table, told_by_fields

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
    "function",
    "orientation_responses",
    "synapses",
    "synapse_list",
    "queried_post",
    "queried_pre",
    "exposure",
    "gap_junctions",
    "circuit_cells",
    "responses_to_stimulation",
    "recruitment_order",
]
SYNAPTIC = ("synapses", "synapse_list")  # roles of tables with one row a pair, and with one row a synapse
OF_ANOTHER = "_of_another"  # ending of the role of a table of another animal, which no TOML writes
SINGLE = "_single"  # ending of the role of a table of single responses, of which others are the mean; no TOML writes it either
CELL_TABLES = ("cell_types_fine", "cell_types_coarse", "somata", "nuclei")  # roles of tables of cells whether or not they have a function


@told_by_fields
@dataclass(frozen=True)
class Table:
    """One checked table: house column names, ids int64, positions in um of the pia frame.

    Attributes:
        role: What the table says.
        materialization: Materialization that its root ids are of.
        origin: Name of the file.
        frame: The table. Of role `function`: its key (session, scan_idx, unit_id; or nucleus_id) and a column a response.
        measure: Quantity that a table of role `exposure` holds, such as "contact area"; empty for other roles.
        unit: Unit of that quantity, such as "um2".
        columns: What is stated of the columns of a table of role `function`, a row a column as `function_table.describe_columns` writes
            it; None where nothing is.
        animal: Animal of a table of synapses or of responses to stimulation as the source names it; empty where it does not.
    """

    role: str
    materialization: int
    origin: str
    frame: pd.DataFrame
    measure: str = ""
    unit: str = ""
    columns: pd.DataFrame | None = None
    animal: str = ""


@dataclass(frozen=True)
class Offers:
    """What a source has, told from its tables: what pipelines ask before they plan, whatever the species.

    Attributes:
        function: Whether neurons have responses, to directions or to anything else.
        positions: Whether a table of neurons or units says where some of them lie.
        types: Whether a table gives a cell type, a class or a layer to some neuron.
        exposure: Whether a table says how far axons and cells could have met.
        wiring: "complete" where every neuron of the cell tables was looked at on both sides, in a materialization with synapses;
            "sampled" where some were; "none" where there is no table of synapses.
        animals: Other animals whose wiring the source has beside its own.
    """

    function: bool
    positions: bool
    types: bool
    exposure: bool
    wiring: Literal["complete", "sampled", "none"]
    animals: tuple[str, ...]

    @property
    def said(self) -> str:
        """What the source has, and how much of it was looked at, in words."""
        there = [name for name in ("function", "positions", "types", "exposure") if getattr(self, name)]
        wiring = {
            "complete": "complete wiring (all cells were looked at on both sides)",
            "sampled": "sampled wiring (some cells were looked at, or one side)",
            "none": "no wiring",
        }
        others = (
            [f"wiring of {len(self.animals)} other animals"] if len(self.animals) > 1 else [f"wiring of {name}" for name in self.animals]
        )
        return ", ".join([*there, wiring[self.wiring], *others])


@told_as_table
@dataclass(frozen=True)
class SourceTables:
    """Everything a source knows, and the sha256 of every file it read, the TOML among them.

    Attributes:
        name: Name of the data set.
        tables: Checked tables in the order of the TOML; where two name the same thing, the earlier one is believed.
        sha256: Hash of each file, by its path relative to the TOML.
        animal: Animal of the volume as the source names it; empty where it does not.
        axes: Names of the axes of positions, in the order of `schema.POSITION`; "depth" among them only where it is a depth.
        names: Names of neurons, of which the first has number 1 in all tables, the next 2; empty where tables name neurons by ids.
        credits: Version, licence and citation of each part that packages of others bring, by the name of the part.
        trials: Files of trials of a circuit, as `read_trials` reads them.
    """

    name: str
    tables: tuple[Table, ...]
    sha256: dict[str, str] = field(default_factory=dict)
    animal: str = ""
    axes: tuple[str, str, str] = AXES
    names: tuple[str, ...] = ()
    credits: dict[str, str] = field(default_factory=dict)
    trials: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        """Its tables, one a line."""
        lines = [f"SourceTables {self.name}: {len(self.tables)} tables"]
        return "\n".join([*lines, *(f"  {one.role}, version {one.materialization}: {len(one.frame):,} rows" for one in self.tables)])

    @property
    def provenance(self) -> dict[str, str]:
        """Name, materializations, credits and file hashes: what a run writes down, and compares when it goes on."""
        versions = sorted({table.materialization for table in self.tables})
        measured = sorted({f"{table.measure} ({table.unit})" for table in self.of("exposure")})
        exposure = {"exposure": ", ".join(measured)} if measured else {}
        return {"name": self.name, "materializations": ",".join(map(str, versions)), **exposure, **self.credits, **self.sha256}

    def of(self, *roles: str) -> list[Table]:
        """The tables of these roles: roles in the order given, tables in the order of the TOML."""
        return [table for role in roles for table in self.tables if table.role == role]

    @property
    def has(self) -> Offers:
        """What the source has, for whoever plans with it."""
        return Offers(
            function=bool(self.of("function", "responses")),
            positions=any(_known(table, schema.POSITION) for table in self.tables),
            types=any(_known(table, [label]) for table in self.tables for label in ("cell_type", "cell_class", "layer")),
            exposure=bool(self.of("exposure")),
            wiring=_wiring(self.tables),
            animals=tuple(dict.fromkeys(table.animal for table in self.of(*(f"{role}{OF_ANOTHER}" for role in SYNAPTIC)))),
        )


def _known(table: Table, columns: list[str]) -> bool:
    """Whether a table has these columns, and a row with all of them."""
    return set(columns) <= set(table.frame) and bool(table.frame[columns].notna().all(axis=1).any())


def _wiring(tables: tuple[Table, ...]) -> Literal["complete", "sampled", "none"]:
    """Whether all neurons of the cell tables were looked at on both sides; sides without a list were not looked at in whole."""
    wired = {table.materialization for table in tables if table.role in SYNAPTIC}
    for m in sorted(wired):
        here = [table for table in tables if table.materialization == m]
        cells = [table.frame["root_id"] for table in here if table.role in CELL_TABLES and "root_id" in table.frame]
        sides = [[table.frame[f"{side}_root_id"] for table in here if table.role == f"queried_{side}"] for side in ("pre", "post")]
        if cells and all(side and np.isin(np.concatenate(cells), np.concatenate(side)).all() for side in sides):
            return "complete"
    return "sampled" if wired else "none"
