"""Every format that the package reads, by a small valid example."""

from __future__ import annotations

import warnings

from anatomy_examples import (
    check_annotations,
    check_segmentation,
    check_skeletons,
    make_annotations,
    make_npz,
    make_precomputed,
    make_segmentation,
    make_swc,
    read_annotations,
    read_segmentation,
    read_skeletons,
)
from example_format import Format
from folder_examples import anything, check_video, make_kind, make_tensors, make_video, read_grey_levels, read_kind, read_tensors
from recording_examples import check_recording, make_nwb, make_sensorium, make_zip, read_recording
from table_examples import check_matrix, check_source, make_matrix, make_source, read_embeddings, read_source, table_formats


def all_formats() -> list[Format]:
    """Every format, in the order of the table."""
    warnings.simplefilter("ignore")
    return [
        Format("Sensorium folder", 10, make_sensorium, read_recording, check_recording),
        Format("Sensorium archive", 6, make_zip, read_recording, check_recording),
        Format("NWB", 2, make_nwb, read_recording, check_recording),
        Format("annotations", 10, make_annotations, read_annotations, check_annotations),
        Format("SWC", 10, make_swc, read_skeletons, check_skeletons),
        Format("skeletons as .npz", 6, make_npz, read_skeletons, check_skeletons),
        Format("precomputed skeletons", 6, make_precomputed, read_skeletons, check_skeletons),
        Format("segmentation", 4, make_segmentation, read_segmentation, check_segmentation),
        Format("source of .csv", 6, make_source(".csv"), read_source, check_source),
        Format("source of .parquet", 4, make_source(".parquet"), read_source, check_source),
        Format("source of .feather", 3, make_source(".feather"), read_source, check_source),
        *table_formats(),
        Format("embeddings as a matrix", 4, make_matrix, lambda folder: read_embeddings(folder / "X.npy"), check_matrix),
        Format("video as .npy", 4, make_video, read_grey_levels, check_video),
        Format("tensors", 3, make_tensors, read_tensors, anything),
        Format("kind.json", 2, make_kind, read_kind, anything),
    ]
