"""The pia frame is a rigid map: distances stay, and it leads back. A pixel spans what the monitor says, a frame what its rate says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.coordinates import (
    MINNIE65,
    MINNIE65_MONITOR,
    Monitor,
    edges_from_corners,
    frames_of,
    pia_from_voxels,
    um_from_voxels,
    voxels_from_pia,
)


def voxels(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform([1e5, 1e5, 1e4], [3e5, 2.5e5, 2.5e4], size=(n, 3))


def test_the_map_leads_back_to_the_voxels():
    np.testing.assert_allclose(voxels_from_pia(pia_from_voxels(voxels(50), MINNIE65), MINNIE65), voxels(50), rtol=1e-12)


def test_distances_are_those_of_the_volume():
    there, here = pia_from_voxels(voxels(50), MINNIE65), um_from_voxels(voxels(50), MINNIE65.voxel_nm)
    np.testing.assert_allclose(np.linalg.norm(np.diff(there, axis=0), axis=1), np.linalg.norm(np.diff(here, axis=0), axis=1), rtol=1e-12)


def test_depth_grows_away_from_the_pia():
    deeper = voxels(1) + np.array([0, 1000, 0])
    assert pia_from_voxels(deeper, MINNIE65)[0, 1] > pia_from_voxels(voxels(1), MINNIE65)[0, 1]


def test_an_unknown_position_stays_unknown():
    assert np.isnan(pia_from_voxels(np.full((1, 3), np.nan), MINNIE65)).all()


def test_voxels_of_661_land_on_the_published_positions_of_1300(bundle):
    (earlier,), (later,) = bundle.of("cell_types_coarse"), bundle.of("nuclei")
    both = earlier.frame.merge(later.frame, on="nucleus_id", suffixes=("", "_published"))
    assert len(both) == 17_742
    for name in ("x_um", "depth_um", "z_um"):
        np.testing.assert_allclose(both[name], both[f"{name}_published"], atol=1e-6)


def test_a_pixel_spans_the_degrees_that_its_monitor_says():
    lab = Monitor(width_cm=60.0, height_cm=34.0, distance_cm=25.0)
    assert lab.degrees_a_pixel(36, 64) == pytest.approx((np.degrees(34 / 36 / 25), np.degrees(60 / 64 / 25)))
    assert MINNIE65_MONITOR.degrees_a_pixel(36, 64) == pytest.approx((3.2893, 3.2945), abs=1e-4)
    assert str(lab) == "60 x 34 cm at 25 cm"
    with pytest.raises(ValueError, match="greater than 0"):
        Monitor(distance_cm=0)


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"), [(5 / 3, 30.0, 50), (5 / 3, 15.0, 25), (0.4, 30.0, 12), (2.0, 7.3, 15), (1.0, np.nan, 0)]
)
def test_a_duration_is_as_many_frames_as_the_rate_says_and_none_of_single_pictures(seconds: float, rate: float, frames: int):
    assert frames_of(seconds, rate) == frames


def test_a_position_between_middles_of_pixels_reads_the_same_value_once_it_is_between_edges():
    rng = np.random.default_rng(0)
    positions = rng.uniform(-1, 1, (50, 2))
    features = torch.from_numpy(rng.standard_normal((1, 3, 7, 11)))
    read = [
        torch.nn.functional.grid_sample(features, torch.from_numpy(at)[None, None], padding_mode="border", align_corners=corners)
        for at, corners in ((positions, True), (edges_from_corners(positions, 7, 11), False))
    ]
    np.testing.assert_allclose(read[1], read[0], atol=1e-12)
    assert np.abs(edges_from_corners(positions, 7, 11) - positions).max() > 0.05
