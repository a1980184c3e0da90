"""Neurons and units joined and checked, and the graph they make."""

from graphtwin.cortex.brain_areas import BrainAreas, areas_by_neighbours
from graphtwin.cortex.cortex import Cortex, build
from graphtwin.cortex.funnel import Funnel
from graphtwin.cortex.neighbours import Csr, nearest_relation
from graphtwin.cortex.other_animals import numbered_alike, wiring_as_ceiling

__all__ = [
    "BrainAreas",
    "Cortex",
    "Csr",
    "Funnel",
    "areas_by_neighbours",
    "build",
    "nearest_relation",
    "numbered_alike",
    "wiring_as_ceiling",
]
