"""Power before an experiment: how often each estimate finds a rule that is planted in tables like the user's own."""

from graphtwin.wiring.power.clustering import Clustering, clustering_of
from graphtwin.wiring.power.drawn_tables import DrawnTable, draw_table
from graphtwin.wiring.power.estimates import ALPHA, CLAIM, ESTIMATES, estimates_of
from graphtwin.wiring.power.power_curve import POWER, PowerCurve, fit_curve
from graphtwin.wiring.power.power_design import MOST_COPIES, Design, Supposed, design_of, supposed_design
from graphtwin.wiring.power.power_table import (
    Cell,
    axons_around,
    cells_of,
    information_per_axon,
    power_by_information,
    power_table,
    slopes_of_cell,
)

__all__ = [
    "ALPHA",
    "CLAIM",
    "Cell",
    "Clustering",
    "Design",
    "DrawnTable",
    "ESTIMATES",
    "MOST_COPIES",
    "POWER",
    "PowerCurve",
    "Supposed",
    "axons_around",
    "cells_of",
    "clustering_of",
    "design_of",
    "draw_table",
    "estimates_of",
    "fit_curve",
    "information_per_axon",
    "power_by_information",
    "power_table",
    "slopes_of_cell",
    "supposed_design",
]
