"""What a segmentation says of cells, contacts and synapses, and where tables disagree with it."""

from graphtwin.cortex.em.contact_area import add_contacts, areas_um2, block_of, box_of, contacts_in
from graphtwin.cortex.em.disagreements import (
    compare_annotations,
    compare_contacts,
    compare_matches,
    compare_nuclei,
    compare_roots,
    compare_synapses,
)
from graphtwin.cortex.em.segmentation import (
    PAIR,
    PLACE,
    Cutout,
    Lookup,
    assign_points,
    contact_areas,
    count_faces,
    nucleus_table,
    sum_nuclei,
)

__all__ = [
    "Cutout",
    "Lookup",
    "PAIR",
    "PLACE",
    "add_contacts",
    "areas_um2",
    "assign_points",
    "block_of",
    "box_of",
    "compare_annotations",
    "compare_contacts",
    "compare_matches",
    "compare_nuclei",
    "compare_roots",
    "compare_synapses",
    "contact_areas",
    "contacts_in",
    "count_faces",
    "nucleus_table",
    "sum_nuclei",
]
