"""Claims: one seed, one file, byte by byte; the traps of the released files are in it; what does not fit is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest

from graphtwin import schema
from graphtwin.artifacts import sha256
from graphtwin.synthetic.files.nwb_files import write_nwb
from tests.synthetic.planted_scan import ROOT, planted_scan

pytestmark = pytest.mark.slow


AGAIN = """
import sys
from pathlib import Path
from tests.synthetic.planted_scan import planted_scan
from graphtwin.synthetic.files.nwb_files import write_nwb
write_nwb(planted_scan(), Path(sys.argv[1]), seed=3)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_nwb(planted_scan(), tmp_path_factory.mktemp("nwb"), seed=3)


def test_one_seed_gives_the_same_bytes_in_another_process_and_another_seed_other_ones(written, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", AGAIN, str(tmp_path)], cwd=root, env=environment, check=True)
    assert sha256(tmp_path / written.name) == sha256(written)
    assert sha256(write_nwb(planted_scan(), tmp_path, seed=4)) != sha256(written)


def test_the_standards_own_reader_reads_it(written):
    with pynwb.NWBHDF5IO(written, "r") as io:
        nwb = io.read()
        assert (nwb.session_id, nwb.subject.subject_id) == ("4-scan-7", "17797")
        assert set(nwb.intervals) == {"Clip", "Monet2"}
        assert nwb.acquisition["treadmill_velocity"].conversion == 0.01
        assert np.isnan(nwb.imaging_planes["ImagingPlane1"].imaging_rate)
        series = nwb.processing["ophys"]["Fluorescence"]
        np.testing.assert_array_equal(series["RoiResponseSeries2"].timestamps[:], planted_scan().imaging_times_s)
        table = nwb.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation1"].to_dataframe()
        assert set(table["mask_type"]) <= {"soma", "artifact"}
        assert sorted(len(ids) for ids in table["cave_ids"]) == [1] * 6
    assert pynwb.validate(path=str(written)) == []


def test_traces_and_masks_are_in_the_order_of_masks_and_matches_in_the_order_of_units(written):
    scan = planted_scan()
    with h5py.File(written) as file:
        for field, masks in scan.masks.groupby("field"):
            by_mask = masks.sort_values("mask_id")
            assert by_mask["unit_id"].tolist() != masks["unit_id"].tolist()
            plane = file[f"processing/ophys/ImageSegmentation/PlaneSegmentation{field}"]
            traces = file[f"processing/ophys/Fluorescence/RoiResponseSeries{field}/data"][:]
            np.testing.assert_array_equal(traces, scan.fluorescence[:, by_mask.index])
            np.testing.assert_array_equal(plane["pt_x_position"][:], masks["pt_position_x"])
            heaviest = [np.unravel_index(image.argmax(), image.shape) for image in plane["image_mask"][:]]
            spread = np.corrcoef(np.array(heaviest).T[0], by_mask["um_x"])[0, 1]
            assert spread > 0.999


def test_root_ids_in_the_file_are_floats_that_have_lost_digits_and_no_reader_takes_them_for_ids(written):
    with h5py.File(written) as file:
        stored = file["processing/ophys/ImageSegmentation/PlaneSegmentation1/pt_root_id"][:]
    assert stored.dtype == np.float64
    true = planted_scan().masks.query("field == 1")["pt_root_id"]
    known = true.notna().to_numpy()
    np.testing.assert_array_equal(stored[known], true[known].to_numpy(np.float64))
    assert not set(stored[known].astype(np.int64)) & set(true[known])
    assert ROOT > 2**53
    with pytest.raises(ValueError, match="2 of 2 ids lie above it and have lost their last digits"):
        schema.as_ids(pd.Series(stored[known]), "PlaneSegmentation1, column pt_root_id")


def test_series_of_unequal_length_are_refused_before_anything_is_written(tmp_path):
    scan = planted_scan()
    with pytest.raises(ValueError, match="scan 4-7: 199 rows of imaging_times_s, but 200 frames of fluorescence"):
        write_nwb(replace(scan, imaging_times_s=scan.imaging_times_s[1:]), tmp_path, seed=0)
    with pytest.raises(ValueError, match="11 rows of masks, but 12 traces"):
        write_nwb(replace(scan, masks=scan.masks.iloc[1:]), tmp_path, seed=0)
    assert not list(tmp_path.iterdir())
