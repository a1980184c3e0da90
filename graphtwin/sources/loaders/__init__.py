"""Loaders, one a file: each reads one kind of export into the forms of `sources.formats`, and knows no other."""

from graphtwin.sources.loaders import brought_embeddings, em_tables, fly, minnie65, skeletons, table_folder
from graphtwin.sources.loaders.annotations import read_points
from graphtwin.sources.loaders.brought_embeddings import read_embeddings
from graphtwin.sources.loaders.em_tables import VOXEL_NM, read_matches, read_roots
from graphtwin.sources.loaders.fly import load_fly
from graphtwin.sources.loaders.function_of_units import read_function_table
from graphtwin.sources.loaders.larva import load_larva
from graphtwin.sources.loaders.minnie65 import load_minnie65
from graphtwin.sources.loaders.nwb import read_nwb
from graphtwin.sources.loaders.nwb_coregistration import SAME_CELL_UM, VOXELS, read_coregistration
from graphtwin.sources.loaders.oculomotor import load_oculomotor, read_imaged_cells
from graphtwin.sources.loaders.published import OUTCOMES, bundled, published_slopes, read_neurons, read_pairs
from graphtwin.sources.loaders.sensorium import read_sensorium
from graphtwin.sources.loaders.synapse_tables import ROOT_KEY, read_connections, read_proximities
from graphtwin.sources.loaders.volume import Volume, open_volume
from graphtwin.sources.loaders.worm import load_worm

__all__ = [
    "OUTCOMES",
    "ROOT_KEY",
    "SAME_CELL_UM",
    "VOXELS",
    "VOXEL_NM",
    "Volume",
    "brought_embeddings",
    "bundled",
    "em_tables",
    "fly",
    "load_fly",
    "load_larva",
    "load_minnie65",
    "load_oculomotor",
    "load_worm",
    "minnie65",
    "open_volume",
    "published_slopes",
    "read_connections",
    "read_coregistration",
    "read_embeddings",
    "read_function_table",
    "read_imaged_cells",
    "read_matches",
    "read_neurons",
    "read_nwb",
    "read_pairs",
    "read_points",
    "read_proximities",
    "read_roots",
    "read_sensorium",
    "skeletons",
    "table_folder",
]
