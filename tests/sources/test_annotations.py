"""Every point of every cell and level is read, with properties of any width, in nm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.loaders.annotations import read_points


def cell(points: list[tuple[float, ...]], properties: list[bytes], ids: list[int]) -> bytes:
    places = (np.array(point, "<f4").tobytes() for point in points)
    records = b"".join(place + rest for place, rest in zip(places, properties, strict=True))
    return np.array([len(ids)], "<u8").tobytes() + records + np.array(ids, "<u8").tobytes()


def filled(*parts: bytes) -> bytes:
    """Properties filled up to four bytes."""
    joined = b"".join(parts)
    return joined + b"\0" * (-len(joined) % 4)


def word(value: float, kind: str) -> bytes:
    return np.array([value], kind).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two levels, the coarse one with a point that the fine one lacks, in voxels of 4 x 4 x 40 nm; most cells have no file."""
    info = {
        "@type": "neuroglancer_annotations_v1",
        "annotation_type": "POINT",
        "dimensions": {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [0.04, "um"]},
        "lower_bound": [0, 0, 0],
        "upper_bound": [100, 100, 100],
        "properties": [{"id": "side", "type": "uint8"}, {"id": "size", "type": "uint32"}, {"id": "score", "type": "float32"}],
        "relationships": [],
        "by_id": {"key": "by_id"},
        "spatial": [
            {"key": "coarse", "grid_shape": [1, 1, 1], "chunk_size": [100, 100, 100], "limit": 1},
            {"key": "fine", "grid_shape": [3, 3, 3], "chunk_size": [40, 40, 40], "limit": 9},
        ],
    }
    (tmp_path / "info").write_text(json.dumps(info))
    rows = [(2**63 - 9, 5, 0.5, 1), (3, 70000, -2.0, 255), (11, 7, 1.5, 0)]
    packed = [filled(word(size, "<u4"), word(score, "<f4"), word(side, "u1")) for _, size, score, side in rows]
    (tmp_path / "coarse").mkdir()
    (tmp_path / "coarse/0_0_0").write_bytes(cell([(10.5, 20, 30)], packed[:1], [rows[0][0]]))
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine/2_2_2").write_bytes(cell([(90, 95, 99), (81, 82, 83)], packed[1:], [3, 11]))
    return tmp_path


def test_all_levels_and_cells_are_read_in_nm_with_properties_sorted_by_width(folder):
    points = read_points(folder)
    assert points["annotation_id"].tolist() == [3, 11, 2**63 - 9]
    assert points[["x_nm", "y_nm", "z_nm"]].to_numpy() == pytest.approx(np.array([[360, 380, 3960], [324, 328, 3320], [42, 80, 1200]]))
    assert points["size"].tolist() == [70000, 7, 5]
    assert points["score"].tolist() == [-2.0, 1.5, 0.5]
    assert points["side"].tolist() == [255, 0, 1]


def test_a_cell_that_is_cut_short_is_named(folder):
    path = folder / "fine/2_2_2"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(
        ValueError, match=r"fine/2_2_2 has 69 bytes, which is no whole number of bytes for each of 2 points. It is cut short"
    ):
        read_points(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotation_type": "LINE"}, "data of type 'LINE', but points in space are read"),
        ({"dimensions": {"x": [1, "s"], "y": [1, "m"], "z": [1, "m"]}}, r"are no lengths: each needs a number above 0 .* Known units: Ym"),
        ({"dimensions": {"x": [1, ""], "y": [1, ""], "z": [1, ""]}}, "are no lengths"),
        ({"dimensions": {"x": [0, "m"], "y": [1, "m"], "z": [1, "m"]}}, "are no lengths"),
        ({"dimensions": {"x": {"coordinates": [1]}, "y": [1, "m"], "z": [1, "m"]}}, "are no lengths"),
        ({"dimensions": {"a": [1, "m"], "b": [1, "m"], "c": [1, "m"]}}, r"the dimensions are named \['a', 'b', 'c'\], but points in space"),
        ({"dimensions": {"x": [1, "m"], "y": [1, "m"]}}, r"the dimensions are named \['x', 'y'\], but"),
        ({"dimensions": {n: [1, "m"] for n in "xyzt"}}, r"the dimensions are named \['x', 'y', 'z', 't'\], but"),
        ({"properties": [{"id": "w", "type": "float64"}]}, "the property 'w' has the type 'float64'; known are uint32"),
        ({"properties": [{"id": "x_nm", "type": "uint8"}]}, r"the properties \['x_nm'\] are there twice or have names of columns"),
        ({"spatial": []}, "names no spatial index, by which points are read"),
        ({"spatial": [{"key": "../.."}]}, r"the spatial index '../..' lies outside of the annotations"),
        ({"spatial": [{"key": "/"}]}, "the spatial index '/' lies outside of the annotations"),
        ({"spatial": [{"key": "fine", "sharding": {"@type": "x"}}]}, "the spatial index 'fine' is sharded, which is not read here"),
    ],
)
def test_what_is_no_list_of_points_is_refused(folder, change, words):
    info = json.loads((folder / "info").read_text())
    (folder / "info").write_text(json.dumps(info | change))
    with pytest.raises(ValueError, match=words):
        read_points(folder)


@pytest.mark.parametrize("order", ["xyz", "zyx", "yzx", "ZXY"])
def test_dimensions_are_taken_by_their_names_and_each_in_its_unit(folder, order):
    info = json.loads((folder / "info").read_text())
    info["dimensions"] = {name: {"x": [4, "nm"], "y": [5e-3, "µm"], "z": [4e-8, "m"]}[name.lower()] for name in order}
    (folder / "info").write_text(json.dumps(info))
    for path in (folder / "coarse/0_0_0", folder / "fine/2_2_2"):
        path.unlink()
    stored = [{"x": 10.0, "y": 20.0, "z": 30.0}[name.lower()] for name in order]
    (folder / "fine/0_0_0").write_bytes(cell([tuple(stored)], [b"\0" * 12], [1]))
    assert read_points(folder)[["x_nm", "y_nm", "z_nm"]].iloc[0].tolist() == pytest.approx([40, 100, 1200])


def write_as(folder: Path, kinds: list[str], rows: list[list[float]], pieces: list[object], **info: object) -> Path:
    """One cell of points with properties p, q, ... whose bytes are pieces: a number of zeros, or the name of a property."""
    names = "pqrs"[: len(kinds)]
    dtypes = dict(zip(names, [{"uint32": "<u4", "float32": "<f4", "uint16": "<u2", "uint8": "u1"}[kind] for kind in kinds], strict=True))
    packed = [
        b"".join(b"\0" * piece if isinstance(piece, int) else word(row[names.index(piece)], dtypes[piece]) for piece in pieces)
        for row in rows
    ]
    (folder / "spatial0").mkdir(parents=True)
    (folder / "spatial0/0_0_0").write_bytes(cell([(1, 2, 3)] * len(rows), packed, list(range(len(rows)))))
    given = {
        "@type": "neuroglancer_annotations_v1",
        "annotation_type": "point",
        "dimensions": {axis: [1e-9, "m"] for axis in "xyz"},
        "properties": [{"id": name, "type": kind} for name, kind in zip(names, kinds, strict=True)],
        "relationships": [],
        "spatial": [{"key": "spatial0", "grid_shape": [1, 1, 1], "chunk_size": [9, 9, 9], "limit": 9}],
    }
    (folder / "info").write_text(json.dumps(given | info))
    return folder


ROWS = [[1.5, 70001, 7, 3], [2.5, 5, 9, 200]]
TWO_CELLS = {"spatial": [{"key": "spatial0", "grid_shape": [2, 1, 1], "chunk_size": [9, 9, 9], "limit": 9}]}
FOUR_TWO_ONE, FOUR_ONE_TWO = ["float32", "uint32", "uint16", "uint8"], ["float32", "uint32", "uint8", "uint16"]


@pytest.mark.parametrize(
    ("kinds", "pieces"),
    [
        (FOUR_TWO_ONE, ["p", "q", "r", "s", 1]),  # the format
        (FOUR_TWO_ONE, ["p", 2, "q", "r", "s", 3]),  # neuroglancer's Python writer: uint32 at multiples of 3
        (FOUR_TWO_ONE[:3], ["p", 2, "q", "r"]),  # the same, with as many bytes as by the format
        (FOUR_TWO_ONE[:2], ["p", 2, "q", 2]),
        (FOUR_TWO_ONE, ["p", "q", "r", "s"]),  # no zeros at the end
        (FOUR_ONE_TWO, ["p", "q", "s", "r", 1]),  # the format sorts what the info file does not
        (["uint8", "float32"], ["p", 3, "q"]),  # aligned in the order of the info file
    ],
)
@pytest.mark.parametrize("more", [{}, TWO_CELLS])
def test_properties_are_read_in_every_layout_that_the_files_tell(tmp_path, kinds, pieces, more):
    rows = [[7, 1.5], [9, 2.5]] if kinds[0] == "uint8" else [row[: len(kinds)] for row in ROWS]
    points = read_points(write_as(tmp_path / "a", kinds, rows, pieces, **more))
    assert points[list("pqrs"[: len(kinds)])].to_numpy().tolist() == rows


def test_two_layouts_that_fit_with_other_values_are_refused_where_both_writers_are_possible(tmp_path):
    kinds, pieces, rows = ["float32", "uint32", "uint16"], ["p", 2, "q", "r"], [[1.5, 70001, 0], [2.5, 5, 0]]
    with pytest.raises(ValueError, match=r"can have been stored as the format says or as neuroglancer's Python writer does: both fit"):
        read_points(write_as(tmp_path / "a", kinds, rows, pieces))
    same = read_points(write_as(tmp_path / "b", kinds, [[1.5, 0, 0]], pieces))
    assert same[["p", "q", "r"]].to_numpy().tolist() == [[1.5, 0, 0]]
    by_format = write_as(tmp_path / "c", kinds, [[1.5, 65536, 3]], ["p", "q", "r", 2], **TWO_CELLS)
    assert read_points(by_format)[["p", "q", "r"]].to_numpy().tolist() == [[1.5, 65536, 3]]


def test_a_layout_that_is_not_known_is_told_with_the_sizes_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"a point takes 36 bytes .*\['p'\].* 16 bytes as the format says.* padded in another way"):
        read_points(write_as(tmp_path / "a", ["float32"], ROWS, ["p", 20]))
    with pytest.raises(
        ValueError, match=r"a point takes 24 bytes .* 20 bytes as the format says, 24 bytes as neuroglancer's Python writer"
    ):
        read_points(write_as(tmp_path / "b", ["float32", "uint32"], ROWS, ["p", "q", "q"]))


def test_cells_that_disagree_are_told(folder):
    (folder / "fine/0_0_0").write_bytes(cell([(1, 2, 3)], [b"\0" * 8], [77]))
    with pytest.raises(ValueError, match=r"a point takes \[20, 24\] bytes, in this many of the cells: \{20: 1, 24: 2\}"):
        read_points(folder)


def test_ids_of_2_63_and_more_are_refused_with_their_number(folder):
    (folder / "fine/0_0_0").write_bytes(cell([(1, 2, 3)], [b"\0" * 12], [2**63 + 5]))
    with pytest.raises(ValueError, match=r"annotation ids: 1 of 4 ids lie above 2\^63 - 1, first 9223372036854775813"):
        read_points(folder)


def test_a_point_of_two_cells_counts_once_and_two_points_of_one_id_are_refused(folder, caplog):
    (folder / "fine/0_0_0").write_bytes((folder / "coarse/0_0_0").read_bytes())
    assert len(read_points(folder)) == 3
    assert "1 of 4 points are there again, as on the border of two cells, and count once" in caplog.text
    (folder / "fine/0_0_0").write_bytes(cell([(1, 2, 3)], [b"\0" * 12], [11]))
    with pytest.raises(ValueError, match=r"1 of 4 points have the id of another one with other values, first 11"):
        read_points(folder)


def test_stray_files_are_passed_over_with_a_word_and_links_are_followed(folder, caplog, tmp_path_factory):
    (folder / "fine/._2_2_2").write_bytes(b"x")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "fine"
    (folder / "fine").rename(elsewhere)
    (folder / "fine").symlink_to(elsewhere)
    assert len(read_points(folder)) == 3
    assert "1 of 3 files are no cells of the spatial index and were passed over, first fine/._2_2_2" in caplog.text


def test_points_that_lie_nowhere_are_refused(folder):
    (folder / "fine/0_0_0").write_bytes(cell([(1, np.nan, 3)], [b"\0" * 12], [77]))
    with pytest.raises(ValueError, match="1 of 4 points have no finite place"):
        read_points(folder)


def test_annotations_without_points_are_an_empty_table(folder):
    for path in (folder / "coarse/0_0_0", folder / "fine/2_2_2"):
        path.write_bytes(b"\0" * 8)
    points = read_points(folder)
    assert (len(points), points.columns.tolist()) == (0, ["annotation_id", "x_nm", "y_nm", "z_nm", "side", "size", "score"])


def test_an_index_whose_cells_were_not_copied_is_no_list_without_points(folder):
    shutil.rmtree(folder / "coarse")
    shutil.rmtree(folder / "fine")
    with pytest.raises(FileNotFoundError, match=r"none of the folders \['coarse', 'fine'\] of its spatial index has a cell"):
        read_points(folder)
