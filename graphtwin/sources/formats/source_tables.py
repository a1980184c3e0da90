"""The checked tables of a source, as every loader of tables hands them over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from graphtwin.schema import AXES

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
]
SYNAPTIC = ("synapses", "synapse_list")  # roles of tables with one row a pair, and with one row a synapse
OF_ANOTHER = "_of_another"  # ending of the role of a synaptic table of another animal, which no TOML writes


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
        animal: Animal of a table of synapses as the source names it; empty where it does not.
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
class SourceTables:
    """Everything a source knows, and the sha256 of every file it read, the TOML among them.

    Attributes:
        name: Name of the data set.
        tables: Checked tables in the order of the TOML; where two name the same thing, the earlier one is believed.
        sha256: Hash of each file, by its path relative to the TOML.
        animal: Animal of the volume as the source names it; empty where it does not.
        axes: Names of the axes of positions, in the order of `schema.POSITION`; "depth" among them only where it is a depth.
        names: Names of neurons, of which the first has number 1 in all tables, the next 2; empty where tables name neurons by ids.
    """

    name: str
    tables: tuple[Table, ...]
    sha256: dict[str, str] = field(default_factory=dict)
    animal: str = ""
    axes: tuple[str, str, str] = AXES
    names: tuple[str, ...] = ()

    @property
    def provenance(self) -> dict[str, str]:
        """Name, materializations and file hashes: what a run writes down, and compares when it goes on."""
        versions = sorted({table.materialization for table in self.tables})
        measured = sorted({f"{table.measure} ({table.unit})" for table in self.of("exposure")})
        exposure = {"exposure": ", ".join(measured)} if measured else {}
        return {"name": self.name, "materializations": ",".join(map(str, versions)), **exposure, **self.sha256}

    def of(self, *roles: str) -> list[Table]:
        """The tables of these roles: roles in the order given, tables in the order of the TOML."""
        return [table for role in roles for table in self.tables if table.role == role]
