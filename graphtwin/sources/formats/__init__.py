"""What loaders share: the forms that they hand over, and readers of file formats."""

from graphtwin.sources.formats import manifest
from graphtwin.sources.formats.annotation_records import properties_of, read_records
from graphtwin.sources.formats.array_files import ArrayFiles, array_files
from graphtwin.sources.formats.cave import valid_rows
from graphtwin.sources.formats.circuit_cells import with_signs
from graphtwin.sources.formats.clip_arrays import as_floats, clip, finite_run, picture, rows_as_frames
from graphtwin.sources.formats.clouds import cloudpath_of, damaged, first_line, read_info
from graphtwin.sources.formats.column_names import in_small_letters
from graphtwin.sources.formats.common_frames import ROUNDING_S, brackets, interpolated, shown_at
from graphtwin.sources.formats.compartments import SYNAPSE, RawSkeleton, compartment_of_edges, notes_on_codes
from graphtwin.sources.formats.deconvolution import oasis
from graphtwin.sources.formats.export import verified_sha256
from graphtwin.sources.formats.exposure_names import EXPOSURES, L_D, ExposureNames, exposure_in
from graphtwin.sources.formats.exposure_tables import in_both_directions, pairs_of_cells
from graphtwin.sources.formats.function_table import KEYS, describe_columns, read_function, telling
from graphtwin.sources.formats.gaze import Gaze, gaze_in, gaze_of_series, tell_infinities, without_delay, without_infinities
from graphtwin.sources.formats.installed_data import hashes, package_folder
from graphtwin.sources.formats.kept_arrays import KeptArrays
from graphtwin.sources.formats.l_d import require_l_d_um
from graphtwin.sources.formats.leakage import require_no_leakage, tell_shown_elsewhere
from graphtwin.sources.formats.lengths import SYMBOLS_NM
from graphtwin.sources.formats.lesion_files import LesionArrays, read_lesions
from graphtwin.sources.formats.matlab_files import only_variable, read_mat
from graphtwin.sources.formats.measures import degrees, metres_a_second
from graphtwin.sources.formats.nwb_file import (
    LONGEST_STEP_S,
    PLANES,
    SERIES,
    as_text,
    is_hdf5,
    opened,
    refuse_zarr,
    required_item,
    samples_of,
    scale_of,
    scan_of,
    session_of,
    times_of,
    unit_of,
    whole,
)
from graphtwin.sources.formats.nwb_movie import find_movie
from graphtwin.sources.formats.nwb_tables import mask_centres, plane_of, require_covered, series_by_field, trials_in
from graphtwin.sources.formats.pickles import read_pickle
from graphtwin.sources.formats.positions import Stated, edges_of, require_tissue, require_voxels, with_points
from graphtwin.sources.formats.precomputed_skeletons import precomputed_ids, read_precomputed
from graphtwin.sources.formats.recording import Recording, Trial, session_number
from graphtwin.sources.formats.recruitment_tables import RECRUITMENT
from graphtwin.sources.formats.release_layout import DECLARED, ReleaseLayout, layout_of, linked, monitor_in
from graphtwin.sources.formats.response_tables import RESPONSES
from graphtwin.sources.formats.segmentation_chunks import Scale, read_box, scales_of
from graphtwin.sources.formats.side_channels import SideChannels, side_channels_in
from graphtwin.sources.formats.silent_trials import with_silence
from graphtwin.sources.formats.skeleton_files import read_npz
from graphtwin.sources.formats.source_tables import OF_ANOTHER, SINGLE, SYNAPTIC, Offers, SourceTables, Table
from graphtwin.sources.formats.swc_file import read_swc
from graphtwin.sources.formats.table_files import SUFFIXES, read_asked, read_file, suffix_of
from graphtwin.sources.formats.trial_files import StimulusFile, TrialArrays, open_stimulus, read_trials, write_trials
from graphtwin.sources.formats.worm_responses import RAW, raw_responses

__all__ = [
    "require_no_leakage",
    "tell_shown_elsewhere",
    "telling",
    "Gaze",
    "degrees",
    "gaze_in",
    "gaze_of_series",
    "tell_infinities",
    "without_delay",
    "without_infinities",
    "ArrayFiles",
    "KeptArrays",
    "DECLARED",
    "KEYS",
    "EXPOSURES",
    "ExposureNames",
    "L_D",
    "exposure_in",
    "in_both_directions",
    "pairs_of_cells",
    "LONGEST_STEP_S",
    "OF_ANOTHER",
    "SINGLE",
    "PLANES",
    "ROUNDING_S",
    "Offers",
    "RAW",
    "RECRUITMENT",
    "RESPONSES",
    "RawSkeleton",
    "LesionArrays",
    "Recording",
    "StimulusFile",
    "ReleaseLayout",
    "SERIES",
    "SYMBOLS_NM",
    "SYNAPSE",
    "SUFFIXES",
    "SYNAPTIC",
    "Scale",
    "SideChannels",
    "SourceTables",
    "Stated",
    "Table",
    "Trial",
    "TrialArrays",
    "array_files",
    "as_floats",
    "as_text",
    "brackets",
    "clip",
    "cloudpath_of",
    "compartment_of_edges",
    "damaged",
    "describe_columns",
    "edges_of",
    "find_movie",
    "finite_run",
    "first_line",
    "hashes",
    "in_small_letters",
    "interpolated",
    "is_hdf5",
    "layout_of",
    "linked",
    "manifest",
    "notes_on_codes",
    "mask_centres",
    "metres_a_second",
    "monitor_in",
    "oasis",
    "only_variable",
    "read_mat",
    "with_signs",
    "opened",
    "package_folder",
    "picture",
    "plane_of",
    "precomputed_ids",
    "properties_of",
    "raw_responses",
    "read_asked",
    "read_box",
    "read_file",
    "read_function",
    "read_info",
    "read_npz",
    "read_pickle",
    "read_precomputed",
    "read_records",
    "read_swc",
    "open_stimulus",
    "read_lesions",
    "read_trials",
    "write_trials",
    "require_l_d_um",
    "require_tissue",
    "require_voxels",
    "refuse_zarr",
    "require_covered",
    "required_item",
    "rows_as_frames",
    "samples_of",
    "scale_of",
    "scan_of",
    "series_by_field",
    "session_number",
    "session_of",
    "scales_of",
    "shown_at",
    "side_channels_in",
    "with_silence",
    "suffix_of",
    "times_of",
    "valid_rows",
    "verified_sha256",
    "with_points",
    "trials_in",
    "unit_of",
    "whole",
]
