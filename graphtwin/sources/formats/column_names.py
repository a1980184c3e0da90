"""Names of columns that differ from those that the package reads in capitals alone, such as `Session` or `Nucleus_ID`."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

import pandas as pd

from graphtwin import schema

POINTS = ("pt_position", "pre_pt_position", "ctr_pt_position", "post_pt_position", "nucleus", "bound_pt_position")
# Columns beside those of `schema`: CAVE's, of pairs and neurons as published, and of embeddings.
OTHERS = """
id target_id pt_root_id pre_pt_root_id post_pt_root_id status_axon status_dendrite pial_x_um pial_y_um pial_z_um valid is_valid valid_ref
valid_id superceded_id superseded_id synapse_id size n_synapses l_d_um dend_len synapse_size mean_synapse_size proj_hva proj_hva_layer
queried_pre queried_post hva brain_area layer proofread_status scan_session field mask_id animal reliability rf_x rf_y gosi osi
preferred_orientation monitor_width_cm monitor_height_cm monitor_distance_cm readout_cvt in_vivo_mean_resp in_silico_resp
position_stim_cvt sta_mu_comb cc_abs cc_max cc_norm
"""
NUMBERED = re.compile(rf"embedding_\d+|{schema.DIRECTION}")  # columns of which there are many
KNOWN = (
    {str(name) for table in (*schema.SOURCE.values(), *schema.WALLS.values()) for name, column in table.columns.items() if not column.regex}
    | set(OTHERS.split())
    | {f"{point}_{axis}" for point in POINTS for axis in "xyz"}
    | set(POINTS[:-2])
    | set(schema.PAIR_KEY)
)

log = logging.getLogger("graphtwin")


def in_small_letters(table: pd.DataFrame, origin: str, kept: Collection[str] = ()) -> pd.DataFrame:
    """The table with names of columns in small letters where only then they are known; which, is said in the log.

    Args:
        table: A table as its file has it.
        origin: Name of the file, for the log and errors.
        kept: Names that stay as they are, for they are named so elsewhere.

    Raises:
        ValueError: Two columns are one in small letters, or one has the name of another that is there.
    """
    names = {name: str(name).lower() for name in table.columns if name not in kept and _is_known(str(name).lower())}
    changed = {name: small for name, small in names.items() if name != small}
    if not changed:
        return table
    there = [*(name for name in map(str, table.columns) if name not in changed), *changed.values()]
    twice = [str(name) for name, small in changed.items() if there.count(small) > 1]
    if twice:
        raise ValueError(
            f"{origin}: the columns {twice} and another differ from {changed[twice[0]]!r} in capitals alone. Which is meant cannot be "
            "told: rename or remove one."
        )
    log.info("%s: %s.", origin, ", ".join(f"column {name} is read as {small}" for name, small in changed.items()))
    return table.rename(columns=changed)


def _is_known(name: str) -> bool:
    """Whether the package reads a column of this name."""
    return name in KNOWN or NUMBERED.fullmatch(name) is not None
