"""How close axons come to dendrites: L_d and distances of skeletons."""

from graphtwin.cortex.proximity.cable import MAX_EDGE_NM, Cable
from graphtwin.cortex.proximity.dendrite_index import RADIUS_NM, DendriteIndex, Encounters, ask_index, in_order
from graphtwin.cortex.proximity.encounters import kept_lengths, meet
from graphtwin.cortex.proximity.voxels import pool

__all__ = [
    "Cable",
    "DendriteIndex",
    "Encounters",
    "MAX_EDGE_NM",
    "RADIUS_NM",
    "ask_index",
    "in_order",
    "kept_lengths",
    "meet",
    "pool",
]
