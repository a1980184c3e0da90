"""Figures, each with the sentence that says what it shows."""

from graphtwin.report.figures import (
    campaign_figures,
    circuit_figures,
    correlation_figures,
    embedding_figures,
    joint_figures,
    map_figures,
    motor_figures,
    neuron_figures,
    pair_figures,
    place_figures,
    population_figures,
    power_figures,
    slope_figures,
    types_figures,
    verdict_figures,
    wiring_figures,
)
from graphtwin.report.figures.drawing import WIDTH, Block, Drawn, draw_interval_rows
from graphtwin.report.figures.palette import BLUE, GREEN, GREY, MUTED, ORANGE, PURPLE, RULE, STYLE, VERMILLION
from graphtwin.report.figures.place_figures import Preference
from graphtwin.report.figures.slope_figures import SIGNIFICANT

__all__ = [
    "BLUE",
    "Block",
    "Drawn",
    "GREEN",
    "GREY",
    "MUTED",
    "ORANGE",
    "PURPLE",
    "Preference",
    "RULE",
    "SIGNIFICANT",
    "STYLE",
    "VERMILLION",
    "WIDTH",
    "campaign_figures",
    "circuit_figures",
    "correlation_figures",
    "draw_interval_rows",
    "embedding_figures",
    "joint_figures",
    "map_figures",
    "motor_figures",
    "neuron_figures",
    "pair_figures",
    "place_figures",
    "population_figures",
    "power_figures",
    "slope_figures",
    "types_figures",
    "verdict_figures",
    "wiring_figures",
]
