"""NWB files of simulated scans, laid out as MICrONS publishes them (DANDI 000402), with the traps of the real ones.

Rows of a plane segmentation are in mask order and its coregistration columns in unit order; root ids are float64 and of an earlier
materialization; unit ids are stored nowhere; the imaging rate is NaN. One seed gives the same bytes: dates are fixed and uuids drawn.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import write_atomic
from graphtwin.execute import rng_for
from graphtwin.synthetic.files.nwb_fields import add_fields, rows_a_chunk

START = datetime(2018, 3, 4, tzinfo=UTC)  # date of every recording: any will do, but the same, since bytes must not depend on the day
ARTIFACTS = 0.03  # share of the masks without a match that are classified as artifacts
BLOCK_BYTES = 2**24  # bytes of a streamed array in memory at a time
INTERVALS = {
    "Clip": ("Clips of naturalistic movies.", "movie_name short_movie_name duration"),
    "Monet2": (
        "Smoothed Gaussian noise with coherent orientation and direction.",
        "rng_seed duration blue_green_saturation pattern_width pattern_aspect temp_kernel temp_bandwidth "
        "ori_coherence ori_fraction ori_mix num_directions",
    ),
    "Trippy": (
        "Cosine of a smoothed noise phase movie.",
        "rng_seed texture_height texture_width duration xnodes ynodes up_factor temp_freq temp_kernel_length spatial_freq",
    ),
}


@dataclass(frozen=True)
class NwbScan:
    """One scan as it leaves the microscope; movie and fluorescence are arrays in memory or on disk, read some rows at a time.

    Attributes:
        animal: Number of the animal, the subject of the file.
        session: Number of the session of the animal.
        scan_idx: Number of the scan in the session.
        masks: Result of `scan_masks`, with cave_ids (a list, empty without a match) and `nwb_fields.COREGISTRATION` (ids as nullable
            integers, positions in voxels) where the scan is coregistered.
        intervals: Trials of each of "Clip", "Monet2" and "Trippy" that was shown: trial, start_time, stop_time (s), stimulus_type,
            condition_hash and the columns of `INTERVALS`.
        movie: Grey levels of the movie, frames x height x width.
        movie_times_s: Time at which each frame of the movie was shown.
        imaging_times_s: Time at which each imaging frame began; a field is measured `ms_delay` later.
        fluorescence: Raw fluorescence, frames x units in the order of `masks`.
        pupil: Trace of the pupil: time_s, minor_radius, major_radius, x, y (px; NaN where tracking failed).
        eye_unit: Unit of x and y: px of the eye camera, or degrees of gaze.
        treadmill: Trace of the treadmill: time_s, velocity (cm/s).
    """

    animal: int
    session: int
    scan_idx: int
    masks: pd.DataFrame
    intervals: dict[str, pd.DataFrame]
    movie: Any
    movie_times_s: Float[np.ndarray, " movie_frames"]
    imaging_times_s: Float[np.ndarray, " frames"]
    fluorescence: Any
    pupil: pd.DataFrame
    treadmill: pd.DataFrame
    eye_unit: str = "px"


def scan_masks(units: pd.DataFrame, frame_period_s: float, seed: int) -> pd.DataFrame:
    """The table of scan units: which mask of which field is which unit, and when in a frame its field is measured.

    Masks are numbered within a field, in an order of their own. A few are classified as artifacts; none that was matched.

    Args:
        units: Units of one scan: session, scan_idx, unit_id, field, x_um, depth_um, z_um, coregistered.
        frame_period_s: Time from one imaging frame to the next.
        seed: Seed of the simulated cortex.

    Returns:
        The units with mask_id, mask_type, um_x, um_y (in the plane), um_z (depth of the field) and ms_delay, ascending in unit_id.
    """
    table = units.sort_values("unit_id", ignore_index=True)
    fields = np.unique(table["field"])
    session, scan_idx = (int(table[name].iloc[0]) for name in ("session", "scan_idx"))
    table["mask_id"] = np.int64(0)
    for field in fields.tolist():
        rows = np.flatnonzero(table["field"] == field)
        table.loc[rows, "mask_id"] = 1 + rng_for(seed, "masks", session, scan_idx, field).permutation(len(rows))
    artifact = rng_for(seed, "mask types", session, scan_idx).random(len(table)) < ARTIFACTS
    if "coregistered" in table:
        artifact &= ~table["coregistered"].to_numpy(bool)
    place = np.searchsorted(fields, table["field"])
    return table.assign(
        mask_type=table.get("mask_type", pd.Series(np.where(artifact, "artifact", "soma"), dtype=object)),
        um_x=table["x_um"].astype(np.float64),
        um_y=table["z_um"].astype(np.float64),
        um_z=table.groupby("field")["depth_um"].transform("mean"),
        ms_delay=1000 * frame_period_s * place / len(fields),
    )


def write_nwb(scan: NwbScan, folder: Path, seed: int, um_per_px: float = 8.0) -> Path:
    """Write one scan to `sub-{animal}_ses-{session}-scan-{scan_idx}.nwb`; arrays are read and written some frames at a time.

    Args:
        scan: The scan as it leaves the microscope.
        folder: Folder that the file goes into.
        seed: Seed that the uuids of the file are drawn from.
        um_per_px: Edge of a pixel of the masks.
    """
    _require_lengths(scan)
    name = f"sub-{scan.animal}_ses-{scan.session}-scan-{scan.scan_idx}.nwb"
    return write_atomic(folder / name, lambda path: _write(scan, path, seed, um_per_px))


def _require_lengths(scan: NwbScan) -> None:
    """Raise when a series and its times, or the units and their traces, differ in number."""
    frames, units = scan.fluorescence.shape
    expected = {
        "imaging_times_s": (len(scan.imaging_times_s), frames, "frames of fluorescence"),
        "masks": (len(scan.masks), units, "traces of fluorescence"),
        "movie_times_s": (len(scan.movie_times_s), scan.movie.shape[0], "frames of the movie"),
    }
    for name, (found, needed, what) in expected.items():
        if found != needed:
            raise ValueError(f"scan {scan.session}-{scan.scan_idx}: {found} rows of {name}, but {needed} {what}. They must be as many.")


def _write(scan: NwbScan, path: Path, seed: int, um_per_px: float) -> None:
    import h5py
    from pynwb import NWBHDF5IO

    nwb = _file(scan)
    _add_behaviour(nwb, scan)
    _add_movie(nwb, scan)
    _add_intervals(nwb, scan)
    add_fields(nwb, scan.masks, scan.imaging_times_s, um_per_px)
    _name_objects(nwb, rng_for(seed, "nwb uuids", scan.animal, scan.session, scan.scan_idx))
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)
    with h5py.File(path, "r+") as file:
        _fill_movie(file[f"acquisition/{_movie_name(scan)}/data"], scan.movie)
        _fill_fluorescence(file["processing/ophys/Fluorescence"], scan)


def _name_objects(nwb: Any, rng: np.random.Generator) -> None:
    """Give the file and each object in it a uuid drawn from the seed; hdmf has no other way than to take random ones."""
    for item in nwb.all_children():
        item._AbstractContainer__object_id = str(uuid.UUID(bytes=rng.bytes(16), version=4))


def _file(scan: NwbScan) -> Any:
    from pynwb import NWBFile
    from pynwb.file import Subject

    return NWBFile(
        session_description="Simulated calcium imaging and behaviour while a mouse views movies.",
        identifier=f"{scan.animal}-{scan.session}-{scan.scan_idx}",
        session_start_time=START,
        file_create_date=[START],
        session_id=f"{scan.session}-scan-{scan.scan_idx}",
        subject=Subject(subject_id=str(scan.animal), species="Mus musculus", age="P75D/P81D", sex="M"),
    )


def _add_behaviour(nwb: Any, scan: NwbScan) -> None:
    """Pupil radii and eye position, which share their times by a link, and the treadmill in cm/s with its conversion to m/s."""
    from pynwb import TimeSeries
    from pynwb.behavior import EyeTracking, PupilTracking, SpatialSeries

    def radius(which: str, times: Any) -> Any:
        data = scan.pupil[f"{which}_radius"].to_numpy(np.float64)
        return TimeSeries(name=f"pupil_{which}_radius", description=f"{which} radius of the pupil", data=data, timestamps=times, unit="px")

    minor = radius("minor", scan.pupil["time_s"].to_numpy(np.float64))
    nwb.add_acquisition(PupilTracking(time_series=[minor, radius("major", minor)]))
    centre = scan.pupil[["x", "y"]].to_numpy(np.float64)
    described = "x, y of the pupil", "unknown"
    if scan.eye_unit != "px":
        described = "direction of gaze, rightwards and upwards", "straight ahead is 0, 0: the middle of the screen"
    eye = SpatialSeries(
        name="eye_position",
        description=described[0],
        data=centre,
        timestamps=minor,
        unit=scan.eye_unit,
        reference_frame=described[1],
    )
    nwb.add_acquisition(EyeTracking(spatial_series=eye))
    treadmill = TimeSeries(
        name="treadmill_velocity",
        description="velocity of the treadmill",
        data=scan.treadmill["velocity"].to_numpy(np.float64),
        timestamps=scan.treadmill["time_s"].to_numpy(np.float64),
        unit="m/s",
        conversion=0.01,
    )
    nwb.add_acquisition(treadmill)


def _movie_name(scan: NwbScan) -> str:
    return f"stimulus_{scan.animal}_{scan.session}_{scan.scan_idx}"


def _add_movie(nwb: Any, scan: NwbScan) -> None:
    """The movie, frames x width x height as the standard has it; its frames are filled in later."""
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.image import ImageSeries

    frames, height, width = scan.movie.shape
    chunks = (rows_a_chunk(height * width * scan.movie.dtype.itemsize, frames), width, height)
    data = H5DataIO(shape=(frames, width, height), dtype=scan.movie.dtype, chunks=chunks, compression="gzip", compression_opts=1)
    times = scan.movie_times_s
    series = ImageSeries(name=_movie_name(scan), description="The visual stimulus.", data=data, timestamps=times, unit="n.a.")
    nwb.add_acquisition(series)


def _add_intervals(nwb: Any, scan: NwbScan) -> None:
    from hdmf.common import ElementIdentifiers, VectorData
    from pynwb.epoch import TimeIntervals

    for name, trials in scan.intervals.items():
        description, columns = INTERVALS[name]
        data = [
            VectorData(name=column, description=column, data=trials[column].tolist())
            for column in ["start_time", "stop_time", "stimulus_type", "condition_hash", *columns.split()]
        ]
        ids = ElementIdentifiers(name="id", data=trials["trial"].tolist())
        nwb.add_time_intervals(TimeIntervals(name=name, description=description, columns=data, id=ids))


def _with_bar(starts: range, what: str) -> Iterable[int]:
    from graphtwin.progress import tqdm

    return tqdm(starts, desc=what, unit="block", delay=2, leave=False, disable=None)


def _fill_movie(data: Any, movie: Any) -> None:
    frames, height, width = movie.shape
    step = data.chunks[0] * max(1, BLOCK_BYTES // (height * width * movie.dtype.itemsize * data.chunks[0]))
    for start in _with_bar(range(0, frames, step), "movie"):
        data[start : start + step] = np.asarray(movie[start : start + step]).transpose(0, 2, 1)


def _fill_fluorescence(series: Any, scan: NwbScan) -> None:
    """The traces of each field in the order of its masks, a block of frames at a time."""
    frames, units = scan.fluorescence.shape
    columns = {}
    for field, masks in scan.masks.reset_index(drop=True).groupby("field"):
        columns[f"RoiResponseSeries{field}"] = masks.sort_values("mask_id").index.to_numpy()
    step = max(1, BLOCK_BYTES // (4 * units))
    for start in _with_bar(range(0, frames, step), "fluorescence"):
        block = np.asarray(scan.fluorescence[start : start + step], dtype=np.float32)
        for name, places in columns.items():
            series[name]["data"][start : start + step] = block[:, places]
