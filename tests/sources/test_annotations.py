"""Every point of every cell and level is read, with properties of any width, in nm."""

from __future__ import annotations

import json
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
    with pytest.raises(ValueError, match=r"fine/2_2_2 has 69 bytes, but 2 points need 72. It is cut short or damaged"):
        read_points(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotation_type": "LINE"}, "data of type 'LINE', but points in space are read"),
        ({"dimensions": {"x": [1, "s"], "y": [1, "m"], "z": [1, "m"]}}, "are no lengths. Known units: m, mm, um"),
        ({"spatial": [{"key": "fine", "sharding": {"@type": "x"}}]}, "the spatial index 'fine' is sharded, which is not read here"),
    ],
)
def test_what_is_no_list_of_points_is_refused(folder, change, words):
    info = json.loads((folder / "info").read_text())
    (folder / "info").write_text(json.dumps(info | change))
    with pytest.raises(ValueError, match=words):
        read_points(folder)
