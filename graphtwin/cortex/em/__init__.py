"""What a segmentation says of cells, contacts and synapses, and where tables disagree with it."""

from graphtwin.cortex.em.disagreements import (
    compare_annotations,
    compare_contacts,
    compare_matches,
    compare_nuclei,
    compare_roots,
    compare_synapses,
)
from graphtwin.cortex.em.segmentation import PLACE, Cutout, Lookup, assign_points, contact_areas, count_faces, nucleus_table, sum_nuclei

__all__ = [
    "Cutout",
    "Lookup",
    "PLACE",
    "assign_points",
    "compare_annotations",
    "compare_contacts",
    "compare_matches",
    "compare_nuclei",
    "compare_roots",
    "compare_synapses",
    "contact_areas",
    "count_faces",
    "nucleus_table",
    "sum_nuclei",
]
