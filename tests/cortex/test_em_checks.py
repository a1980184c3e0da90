"""Contacts, nuclei and the segments of points from voxels: known answers, and the same in boxes of any size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from graphtwin.cortex.em.segmentation import Cutout, assign_points, contact_areas, count_faces, nucleus_table, sum_nuclei

ROOT = 864691135000000000
SIZE = np.array([8.0, 8, 40])


def boxes(ids: np.ndarray, chunk: tuple[int, int, int], begin: tuple[int, int, int] = (0, 0, 0)) -> Iterator[Cutout]:
    """The array in boxes, each with a layer of voxels behind it where there is one."""
    for corner in np.ndindex(*(-(-n // step) for n, step in zip(ids.shape, chunk, strict=True))):
        low = np.multiply(corner, chunk)
        high = np.minimum(low + chunk, ids.shape)
        overlap = (high < ids.shape).astype(np.int64)
        yield Cutout(low + np.asarray(begin), ids[tuple(slice(a, b) for a, b in zip(low, high + overlap, strict=True))], overlap)


def areas(ids: np.ndarray, chunk: tuple[int, int, int] = (99, 99, 99)):
    return contact_areas([count_faces(box) for box in boxes(ids, chunk)], SIZE)


def test_two_boxes_touch_in_the_area_of_the_side_they_share():
    ids = np.zeros((12, 12, 12), np.int64)
    ids[1:5, 1:8, 2:6], ids[5:9, 3:10, 2:11] = ROOT + 3, ROOT + 1
    table = areas(ids)
    assert table[["root_id_a", "root_id_b", "n_x", "n_y", "n_z"]].to_numpy().tolist() == [[ROOT + 1, ROOT + 3, 5 * 4, 0, 0]]
    assert table["area_um2"].tolist() == pytest.approx([5 * 4 * 0.008 * 0.040])


def test_boxes_that_meet_in_an_edge_or_are_a_voxel_apart_do_not_touch():
    ids = np.zeros((6, 6, 6), np.int64)
    ids[:2, :2], ids[2:4, 2:4], ids[5, :2] = 1, 2, 3
    assert len(areas(ids)) == 0
    assert len(areas(np.zeros((3, 3, 3), np.int64))) == 0


def test_a_cylinder_inside_a_tube_touches_it_in_the_projections_of_its_mantle():
    x, y, _ = np.indices((80, 80, 20)) - 39.5
    far = np.hypot(x, y)
    ids = np.where(far < 20, 1, np.where(far < 30, 2, 0))
    # The mantle of a cylinder of radius r projects onto four flat sides of 2 r each, twice in x and twice in y.
    assert areas(ids)["area_um2"].tolist() == pytest.approx([8 * 20 * 0.008 * 20 * 0.040], rel=0.02)


@pytest.mark.parametrize("chunk", [(13, 11, 9), (4, 5, 3), (1, 20, 2), (99, 1, 99)])
def test_contacts_in_boxes_of_any_size_are_those_of_the_whole(chunk):
    ids = np.random.default_rng(0).integers(0, 5, (13, 11, 9)) * (2**55 + 1)
    counted: Counter = Counter()
    for axis, name in enumerate("xyz"):
        first, second = np.delete(ids, -1, axis).ravel(), np.delete(ids, 0, axis).ravel()
        keep = (first != second) & (first > 0) & (second > 0)
        counted.update((*sorted(pair), name) for pair in zip(first[keep].tolist(), second[keep].tolist(), strict=True))
    table = areas(ids, chunk)
    found = {(row.root_id_a, row.root_id_b, name): getattr(row, f"n_{name}") for row in table.itertuples() for name in "xyz"}
    assert {key: n for key, n in found.items() if n} == dict(counted)
    assert table.equals(areas(ids))


@pytest.mark.parametrize("chunk", [(20, 20, 20), (7, 6, 5)])
def test_nuclei_have_their_centroid_volume_and_segment_in_boxes_of_any_size(chunk):
    begin, end = (-5, 100, 30), (15, 120, 50)
    nuclei, segments = np.zeros((20, 20, 20), np.int64), np.zeros((20, 20, 20), np.int64)
    nuclei[4:8, 6:10, 8:12], nuclei[12:, 0:3, 3] = 501, 502
    segments[:6], segments[12:] = ROOT + 7, ROOT + 8
    segments[6:8, 6:9] = ROOT + 7
    both = zip(boxes(nuclei, chunk, begin), boxes(segments, chunk, begin), strict=True)
    table = nucleus_table([sum_nuclei(*pair) for pair in both], SIZE, np.array(begin), np.array(end))
    assert table["nucleus_id"].tolist() == [501, 502]
    assert table[["x_nm", "y_nm", "z_nm"]].to_numpy()[0].tolist() == pytest.approx([(-5 + 6) * 8, 108 * 8, 40 * 40])
    assert table["volume_um3"].tolist() == pytest.approx([64 * 2.56e-6, 24 * 2.56e-6])
    assert table["root_id"].tolist() == [ROOT + 7, ROOT + 8]
    assert table["share"].tolist() == pytest.approx([56 / 64, 1])
    assert table["at_border"].tolist() == [False, True]


def test_a_point_on_background_gets_the_nearest_segment_within_the_radius():
    ids = np.zeros((21, 21, 21), np.int64)
    ids[10, 10, 12], ids[14, 10, 10] = ROOT + 1, ROOT + 2  # 80 nm and 32 nm from the middle

    def lookup(points: np.ndarray) -> np.ndarray:
        voxel = np.floor(points / SIZE).astype(int)
        inside = ((voxel >= 0) & (voxel < 21)).all(axis=1)
        return np.where(inside, ids[tuple(np.where(inside[:, None], voxel, 0).T)], 0)

    points = (np.array([[10, 10, 10], [14, 10, 10], [0, 0, 0]]) + 0.5) * SIZE
    for radius, expected, far in ((20.0, 0, np.nan), (40.0, ROOT + 2, 32.0), (100.0, ROOT + 2, 32.0)):
        segment, distance = assign_points(points, lookup, SIZE, radius)
        assert segment.tolist() == [expected, ROOT + 2, 0]
        assert np.array_equal(distance, [far, 0, np.nan], equal_nan=True)
