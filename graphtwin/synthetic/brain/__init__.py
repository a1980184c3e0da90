"""Cells of a simulated cortex: where they lie and how they grow."""

from graphtwin.synthetic.brain.anatomy import DENSITY_PER_MM2, FEWEST, TISSUE_PER_MM2, Anatomy, em_nm, grow_anatomy
from graphtwin.synthetic.brain.neurites import Neurite, grow_axon, grow_dendrite, kept, locate_on_neurites, severed
from graphtwin.synthetic.brain.tiles import Grown, Tile, blocks, cable, cable_within, grow_block, grow_parts, lay_tiles
from graphtwin.synthetic.brain.tissue import TARGETING_SLOPE, Tissue

__all__ = [
    "Anatomy",
    "DENSITY_PER_MM2",
    "FEWEST",
    "Grown",
    "Neurite",
    "TARGETING_SLOPE",
    "TISSUE_PER_MM2",
    "Tile",
    "Tissue",
    "blocks",
    "cable",
    "cable_within",
    "em_nm",
    "grow_anatomy",
    "grow_axon",
    "grow_block",
    "grow_dendrite",
    "grow_parts",
    "kept",
    "lay_tiles",
    "locate_on_neurites",
    "severed",
]
