"""What loaders share: the forms that they hand over, and readers of file formats."""

from graphtwin.sources.formats import manifest
from graphtwin.sources.formats.annotation_records import properties_of, read_records
from graphtwin.sources.formats.cave import valid_rows
from graphtwin.sources.formats.clouds import cloudpath_of, damaged, first_line, read_info
from graphtwin.sources.formats.common_frames import ROUNDING_S, brackets, interpolated, shown_at
from graphtwin.sources.formats.compartments import SYNAPSE, RawSkeleton, compartment_of_edges, notes_on_codes
from graphtwin.sources.formats.deconvolution import oasis
from graphtwin.sources.formats.export import verified_sha256
from graphtwin.sources.formats.lengths import SYMBOLS_NM
from graphtwin.sources.formats.nwb_file import PLANES, SERIES, as_text, opened, required_item, samples_of, scan_of, times_of
from graphtwin.sources.formats.pickles import read_pickle
from graphtwin.sources.formats.positions import Stated, edges_of, require_tissue, require_voxels, with_points
from graphtwin.sources.formats.precomputed_skeletons import precomputed_ids, read_precomputed
from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.sources.formats.skeleton_files import read_npz
from graphtwin.sources.formats.source_tables import SYNAPTIC, SourceTables, Table
from graphtwin.sources.formats.swc_file import read_swc
from graphtwin.sources.formats.table_files import SUFFIXES, read_asked, read_file, suffix_of

__all__ = [
    "PLANES",
    "ROUNDING_S",
    "RawSkeleton",
    "Recording",
    "SERIES",
    "SYMBOLS_NM",
    "SYNAPSE",
    "SUFFIXES",
    "SYNAPTIC",
    "SourceTables",
    "Stated",
    "Table",
    "Trial",
    "as_text",
    "brackets",
    "cloudpath_of",
    "compartment_of_edges",
    "damaged",
    "edges_of",
    "first_line",
    "interpolated",
    "manifest",
    "notes_on_codes",
    "oasis",
    "opened",
    "precomputed_ids",
    "properties_of",
    "read_asked",
    "read_file",
    "read_info",
    "read_npz",
    "read_pickle",
    "read_precomputed",
    "read_records",
    "read_swc",
    "require_tissue",
    "require_voxels",
    "required_item",
    "samples_of",
    "scan_of",
    "shown_at",
    "suffix_of",
    "times_of",
    "valid_rows",
    "verified_sha256",
    "with_points",
]
