"""Contact areas from voxels: counted once each, exact on flat faces, and right on planes that are no staircase."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from graphtwin.cortex.em.contact_area import add_contacts, areas_um2, block_of, box_of, contacts_in
from tests.cortex.test_em_checks import boxes

ROOT = 864691135000000000
SIZE = np.array([16.0, 16, 40])


def contacts(ids: np.ndarray, chunk: tuple[int, int, int] = (999, 999, 999), size: np.ndarray = SIZE):
    """Contacts of an array that is read in boxes of whole blocks."""
    return add_contacts([contacts_in(box, size, block_of(size)) for box in boxes(ids, chunk)])


def test_a_block_is_about_four_of_the_longest_edges_and_boxes_are_whole_blocks():
    assert block_of(np.array([4.0, 4, 40])).tolist() == [32, 32, 4]
    assert block_of(np.array([8.0, 8, 8])).tolist() == [4, 4, 4]
    assert box_of(np.array([64, 64, 16]), np.array([32, 32, 4]), 2**18).tolist() == [64, 64, 64]
    assert box_of(np.array([100, 7, 7]), np.array([8, 8, 4]), 1).tolist() == [104, 8, 8]


@pytest.mark.parametrize("chunk", [(8, 8, 4), (16, 24, 8)])
def test_every_face_is_counted_once_whatever_boxes_the_volume_is_read_in(chunk):
    ids = np.random.default_rng(0).integers(0, 60, (19, 22, 13)) * (2**55 + 1)  # more pairs than the first table has places
    counted: Counter = Counter()
    for axis in range(3):
        first, second = np.delete(ids, -1, axis).ravel(), np.delete(ids, 0, axis).ravel()
        keep = (first != second) & (first > 0) & (second > 0)
        counted.update((*sorted(pair), axis) for pair in zip(first[keep].tolist(), second[keep].tolist(), strict=True))
    table = contacts(ids, chunk)
    found = {
        (row.root_id_a, row.root_id_b, axis): n for row in table.itertuples() for axis, n in enumerate((row.n_x, row.n_y, row.n_z)) if n
    }
    assert found == dict(counted)
    assert table.equals(contacts(ids))


def test_two_boxes_touch_in_the_area_of_the_side_they_share():
    ids = np.zeros((40, 40, 20), np.int64)
    ids[1:21, 1:30, 2:16], ids[21:39, 5:38, 1:20] = ROOT + 3, ROOT + 1
    table = contacts(ids)
    area, staircase = areas_um2(table, SIZE)
    assert table[["root_id_a", "root_id_b", "n_x", "n_y", "n_z"]].to_numpy().tolist() == [[ROOT + 1, ROOT + 3, 25 * 14, 0, 0]]
    assert area == pytest.approx([25 * 0.016 * 14 * 0.040])
    assert staircase == pytest.approx(area)


@pytest.mark.parametrize("size", [(1.0, 1, 1), (16.0, 16, 40), (8.0, 8, 40)])
def test_a_slanted_plane_has_its_own_area_and_not_that_of_its_staircase(size):
    edges = np.asarray(size)
    shape = np.minimum(np.ceil(48 * edges.max() / edges).astype(int), 120)
    half = shape * edges / 2
    place = [axis * edge - middle for axis, edge, middle in zip(np.indices(shape) + 0.5, edges, half, strict=True)]
    radius, rng = 0.9 * half.min(), np.random.default_rng(1)
    for normal in (np.array([1.0, 1, 1]), np.array([1.0, 0, 1]), np.array([3.0, 2, 1]), *rng.normal(size=(3, 3))):
        normal = normal / np.linalg.norm(normal)
        height = sum(axis * part for axis, part in zip(place, normal, strict=True)) + 0.21 * edges.max()
        inside = sum(axis**2 for axis in place) < radius**2  # in a ball the contact is a disc
        table = contacts(np.where(inside, np.where(height > 0, 1, 2), 0), size=edges)
        area, staircase = areas_um2(table, edges)
        disc = np.pi * (radius**2 - (0.21 * edges.max()) ** 2) / 1e6
        assert area[0] == pytest.approx(disc, rel=0.06)
        assert staircase[0] == pytest.approx(disc * np.abs(normal).sum(), rel=0.06)


def test_a_round_contact_is_neither_its_staircase_nor_its_shadow():
    place = np.indices((48, 48, 48)) - 23.6
    ids = np.where(np.sqrt((place**2).sum(axis=0)) < 14, 1, 2)
    area, staircase = areas_um2(contacts(ids, size=np.ones(3)), np.ones(3))
    sphere = 4 * np.pi * 14**2 / 1e6
    assert area == pytest.approx([sphere], rel=0.04)
    assert staircase == pytest.approx([1.5 * sphere], rel=0.03)


def test_a_box_without_a_contact_has_no_row():
    assert contacts(np.zeros((5, 5, 5), np.int64)).empty
    apart = np.zeros((6, 6, 6), np.int64)
    apart[:2, :2], apart[2:4, 2:4], apart[5, :2] = 1, 2, 3  # in an edge, and a voxel apart
    assert contacts(apart).empty
    assert add_contacts([]).empty
