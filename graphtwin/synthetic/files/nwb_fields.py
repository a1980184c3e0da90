"""The imaging fields of a simulated scan in its NWB file: planes, masks in the order of their ids, matches in the order of the units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

MATERIALIZATION = 343  # materialization whose root ids the released files carry
SOMA_UM = 5.0  # radius of a mask
COREGISTRATION = ["pt_supervoxel_id", "pt_root_id", "pt_position_x", "pt_position_y", "pt_position_z"]
CHUNK_BYTES = 2**18  # most bytes of a stored chunk: 256 KiB


def add_fields(nwb: Any, masks: pd.DataFrame, imaging_times_s: Float[np.ndarray, " frames"], um_per_px: float) -> None:
    """A plane, its segmentation and its empty trace series for each field; the series share their times by links.

    Args:
        nwb: The NWB file in memory.
        masks: Masks of the scan, as in `nwb_files.NwbScan`.
        imaging_times_s: When each imaging frame began.
        um_per_px: Edge of a pixel of the masks.
    """
    from pynwb.ophys import Fluorescence, ImageSegmentation

    device = nwb.create_device(name="Microscope", description="two-photon random access mesoscope")
    ophys = nwb.create_processing_module("ophys", "processed 2p data")
    segmentation, fluorescence = ImageSegmentation(), Fluorescence()
    ophys.add(segmentation)
    ophys.add(fluorescence)
    frames, times = len(imaging_times_s), imaging_times_s
    for field, rows in masks.groupby("field"):
        plane = _plane(nwb, device, int(field), rows, um_per_px)
        rois = _segmentation(segmentation, plane, int(field), rows)
        times = _traces(fluorescence, rois, int(field), (frames, len(rows)), times)


def _plane(nwb: Any, device: Any, field: int, masks: pd.DataFrame, um_per_px: float) -> Any:
    """An imaging plane; its origin is the centre of the field, as in the released files."""
    from pynwb.ophys import OpticalChannel

    low, high = masks[["um_x", "um_y"]].min().to_numpy(), masks[["um_x", "um_y"]].max().to_numpy()
    depth = float(masks["um_z"].iloc[0])
    return nwb.create_imaging_plane(
        name=f"ImagingPlane{field}",
        optical_channel=OpticalChannel(name="OpticalChannel", description="an optical channel", emission_lambda=500.0),
        imaging_rate=np.nan,
        description=f"The imaging plane for field {field} at {depth / 1e6:g} meters depth.",
        device=device,
        excitation_lambda=920.0,
        indicator="GCaMP6",
        location="VISp,VISrl,VISlm,VISal",
        grid_spacing=[um_per_px / 1e6, um_per_px / 1e6],
        grid_spacing_unit="meters",
        origin_coords=[*((low + high) / 2 / 1e6).tolist(), depth / 1e6],
        origin_coords_unit="meters",
    )


def _segmentation(segmentation: Any, plane: Any, field: int, masks: pd.DataFrame) -> Any:
    """Masks in the order of their ids; coregistration columns, where the field has any match, in the order of its units."""
    from hdmf.backends.hdf5 import H5DataIO
    from hdmf.common import VectorData

    rows = masks.sort_values("mask_id")
    images = _images(rows, 1e6 * plane.grid_spacing[0], 1e6 * np.array(plane.origin_coords[:2]))
    chunks = (rows_a_chunk(images[0].nbytes, len(images)), *images.shape[1:])
    stored = H5DataIO(images, chunks=chunks, compression="gzip", compression_opts=1)
    kinds = rows["mask_type"].tolist()
    table = segmentation.create_plane_segmentation(
        name=f"PlaneSegmentation{field}",
        description=f"Masks of field {field}.",
        imaging_plane=plane,
        id=rows["mask_id"].tolist(),
        columns=[
            VectorData(name="image_mask", description="The image masks for each ROI.", data=stored),
            VectorData(name="mask_type", description="The classification of mask as soma or artifact.", data=kinds),
        ],
    )
    if "pt_root_id" in masks and masks["pt_root_id"].notna().any():
        _coregistration(table, masks.sort_values("unit_id"))
    return table


def _coregistration(table: Any, units: pd.DataFrame) -> None:
    """What the release says of the matched cell: ids as float64, which rounds them, and NaN where there is no match."""
    ids = [list(map(float, found)) if len(found) else [np.nan] for found in units["cave_ids"]]
    table.add_column(name="cave_ids", description="The identifier(s) in CAVE.", data=ids, index=True)
    for name in COREGISTRATION:
        values = units[name].astype("Float64" if name.startswith("pt_position") else "Int64").to_numpy(np.float64, na_value=np.nan)
        stored = f"pt_{name[-1]}_position" if name.startswith("pt_position") else name
        table.add_column(name=stored, description=f"{stored} of materialization {MATERIALIZATION}", data=values)


def _images(masks: pd.DataFrame, um_per_px: float, centre_um: np.ndarray) -> Float[np.ndarray, "masks width height"]:
    """Discs the size of a soma, two pixels wide at least, with weights that fall from their centre."""
    place = (masks[["um_x", "um_y"]].to_numpy() - centre_um) / um_per_px
    reach = max(SOMA_UM / um_per_px, 1.0)
    window = np.arange(-np.ceil(2 * reach), np.ceil(2 * reach) + 1).astype(int)
    middle = np.ceil(np.abs(place).max(axis=0)).astype(int) + window[-1] + 1
    images = np.zeros((len(masks), *(2 * middle + 1)), dtype=np.float32)
    for image, at in zip(images, place + middle, strict=True):
        across, down = (np.rint(part).astype(int) + window for part in at)
        squared = (across[:, None] - at[0]) ** 2 + (down[None, :] - at[1]) ** 2
        image[np.ix_(across, down)] = np.clip(1 - squared / (2 * reach**2), 0, None)
    return images


def _traces(fluorescence: Any, rois: Any, field: int, shape: tuple[int, int], times: Any) -> Any:
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.ophys import RoiResponseSeries

    frames, n_masks = shape
    chunks = (rows_a_chunk(4 * n_masks, frames), n_masks)
    series = RoiResponseSeries(
        name=f"RoiResponseSeries{field}",
        description=f"The fluorescence traces for field {field}",
        data=H5DataIO(shape=shape, dtype=np.float32, chunks=chunks),
        rois=rois.create_roi_table_region(region=list(range(n_masks)), description=f"all rois in field {field}"),
        timestamps=times,
        unit="n.a.",
    )
    fluorescence.add_roi_response_series(series)
    return series


def rows_a_chunk(bytes_a_row: int, rows: int) -> int:
    """Number of rows that fill a chunk, at most all of them and at least one."""
    return max(1, min(rows, CHUNK_BYTES // max(1, bytes_a_row)))
