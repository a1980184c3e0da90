"""What is written is what is read back by the loaders of real data, to the last digit and byte."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graphtwin.artifacts import sha256
from graphtwin.sources.loaders import skeletons
from graphtwin.sources.loaders.annotations import read_points
from graphtwin.sources.loaders.volume import open_volume
from graphtwin.synthetic.volume import volume_files
from graphtwin.synthetic.volume.paint import paint
from graphtwin.synthetic.volume.volume_files import WrittenVolume, write_volume
from tests import small_tissue


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WrittenVolume]:
    folder = tmp_path_factory.mktemp("written") / "volume"
    return folder, write_volume(small_tissue.content(), folder)


def hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_voxels_come_back_with_ids_to_the_last_digit(written):
    volume = open_volume(written[0] / "segmentation")
    for chunk in paint(small_tissue.content().strokes, small_tissue.block()):
        begin = np.array(chunk.begin)
        assert np.array_equal(volume.cutout(begin, begin + chunk.labels.shape), chunk.labels)
    ids = np.unique(volume.cutout(volume.begin, volume.end))
    assert ids.tolist() == [0, small_tissue.A, small_tissue.B, small_tissue.C, small_tissue.FRAGMENT]


def test_any_reader_finds_voxels_and_skeletons_for_files_are_plain_and_named_as_the_format_says(written):
    folder = written[0] / "segmentation"
    assert not [path for path in written[0].rglob("*") if path.suffix in (".gz", ".br", ".zstd")]
    scale = json.loads((folder / "info").read_text())["scales"][0]
    block = small_tissue.block()
    assert (scale["encoding"], scale["compressed_segmentation_block_size"]) == ("compressed_segmentation", [8, 8, 8])
    for chunk in paint(small_tissue.content().strokes, block):
        ends = np.add(chunk.begin, chunk.labels.shape)
        name = "_".join(f"{first}-{last}" for first, last in zip(chunk.begin, ends, strict=True))
        content = (folder / scale["key"] / name).read_bytes()
        for voxel in ((0, 0, 0), tuple(n // 2 for n in chunk.labels.shape), tuple(n - 1 for n in chunk.labels.shape)):
            assert label_at(content, voxel, chunk.labels.shape) == chunk.labels[voxel]
    piece = next(piece for piece in small_tissue.pieces() if piece.root_id == small_tissue.C)
    n_vertices, n_edges = np.frombuffer((folder / "skeletons" / str(small_tissue.C)).read_bytes()[:8], "<u4")
    assert (n_vertices, n_edges) == (len(piece.vertices_nm), len(piece.edges))


def label_at(content: bytes, voxel: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """A label of a chunk in Neuroglancer's encoding of segmentations of one channel, decoded by hand in blocks of 8 x 8 x 8."""
    words = np.frombuffer(content, "<u4")
    words = words[words[0] :]  # after the offset of the one channel
    grid = [-(-n // 8) for n in shape]
    x, y, z = (n // 8 for n in voxel)
    first, values = words[2 * (x + grid[0] * (y + grid[1] * z)) :][:2].tolist()
    table, bits = first & 0xFFFFFF, first >> 24
    at = bits * sum((n % 8) * 8**axis for axis, n in enumerate(voxel))
    number = (int(words[values + at // 32]) >> at % 32) & ((1 << bits) - 1) if bits else 0
    low, high = words[table + 2 * number :][:2].tolist()
    return low | high << 32


def test_a_nucleus_lies_in_its_own_segment(written):
    segments, nuclei = (open_volume(written[0] / name) for name in ("segmentation", "nuclei"))
    inner, outer = (volume.cutout(volume.begin, volume.end) for volume in (nuclei, segments))
    for number, root in small_tissue.ROOT_OF.items():
        assert set(outer[inner == number]) == {root}


def test_skeletons_come_back_exactly_in_any_order_with_radius_and_compartment(written):
    path = f"file://{written[0]}/segmentation"
    places = skeletons.find_skeletons([path])
    assert [place.nucleus_id for place in places] == [*sorted(small_tissue.ROOT_OF.values()), small_tissue.FRAGMENT]
    drawn = {(piece.root_id, piece.compartment): piece for piece in small_tissue.pieces()}
    for order in (places, places[::-1]):
        (axon,) = skeletons.read_skeleton([place for place in order if place.nucleus_id == small_tissue.A], "axon")
        piece = drawn[small_tissue.A, "axon"]
        ends = {frozenset(map(tuple, axon.vertices_nm[edge])) for edge in axon.edges}
        assert ends == {frozenset(map(tuple, piece.vertices_nm[edge])) for edge in piece.edges}
    held = open_volume(path).held.skeleton.get([small_tissue.C])[0]
    assert held.radius.tolist() == drawn[small_tissue.C, "axon"].radius_nm.tolist()
    assert set(held.compartment.tolist()) == {2}


def test_meshes_are_closed_and_have_the_extent_and_volume_of_their_segment(written):
    volume = open_volume(written[0] / "segmentation")
    labels = volume.cutout(volume.begin, volume.end)
    for root in (small_tissue.A, small_tissue.B, small_tissue.C, small_tissue.FRAGMENT):
        mesh = volume.mesh(root)
        edges = Counter(tuple(sorted(pair)) for face in mesh.faces.tolist() for pair in zip(face, face[1:] + face[:1], strict=True))
        assert all(count % 2 == 0 for count in edges.values())
        at = np.argwhere(labels == root)
        low, high = ((edge + volume.begin) * 100 for edge in (at.min(axis=0), at.max(axis=0) + 1))
        assert mesh.vertices_nm.min(axis=0).tolist() == low.tolist()
        assert mesh.vertices_nm.max(axis=0).tolist() == high.tolist()
        a, b, c = np.moveaxis((mesh.vertices_nm - low)[mesh.faces], 1, 0)
        assert abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6 == pytest.approx(len(at) * 1e6, rel=0.06)


def test_only_the_largest_segments_get_a_mesh(tmp_path):
    write_volume(small_tissue.content(), tmp_path / "volume", n_meshes=1)
    volume = open_volume(tmp_path / "volume/segmentation")
    assert len(volume.mesh(small_tissue.A).faces)
    with pytest.raises(ValueError, match=rf"no mesh of segment {small_tissue.B} that can be read .* not every segment has a mesh"):
        volume.mesh(small_tissue.B)


def test_synapses_come_back_as_points_by_place_and_by_segment(written):
    points = read_points(written[0] / "synapses")
    table = small_tissue.synapses()
    assert points["annotation_id"].tolist() == [11, 12, 13, 14]
    assert points["size"].tolist() == table["size"].tolist()
    places = table[["ctr_x_nm", "ctr_y_nm", "ctr_z_nm"]].to_numpy()
    assert np.array_equal(points[["x_nm", "y_nm", "z_nm"]].to_numpy(), places.astype(np.float32))


def test_another_reader_finds_the_synapses_of_a_segment(written):
    from cloudvolume.cloudvolume import from_cloudpath

    held = from_cloudpath(f"file://{written[0]}/synapses")
    assert held.get_by_relationship("post_segment", small_tissue.B).ids.tolist() == [11, 12, 14]
    assert held.get_by_relationship("pre_segment", small_tissue.FRAGMENT).ids.tolist() == [13]
    one = held.get_by_id(12)
    assert (one.properties["size"].item(), one.relationships["pre_segment"].tolist()) == (4000, [small_tissue.C])


def test_the_same_content_gives_the_same_bytes(written, tmp_path):
    write_volume(small_tissue.content(), tmp_path / "again")
    assert hashes(tmp_path / "again") == hashes(written[0])


def test_no_info_file_has_nulls_that_viewers_refuse(written):
    infos = list(written[0].rglob("info"))
    assert sorted(str(path.parent.relative_to(written[0])) for path in infos) == [
        "nuclei", "segmentation", "segmentation/mesh", "segmentation/skeletons", "synapses",
    ]  # fmt: skip
    for path in infos:
        text = path.read_text()
        assert not {"sharding", "spatial_index"} & set(json.loads(text))
        assert "null" not in text


def test_the_painter_says_what_it_wrote(written):
    folder, result = written
    assert set(result.paths) == {path for path in folder.rglob("*") if path.is_file()}
    assert result.contacts[["root_id_a", "root_id_b"]].to_numpy().tolist() == [
        [small_tissue.A, small_tissue.B], [small_tissue.A, small_tissue.FRAGMENT], [small_tissue.B, small_tissue.C],
    ]  # fmt: skip


def test_a_folder_that_exists_is_refused_and_a_crash_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError, match=r"there: this folder exists. Remove it, or write elsewhere"):
        write_volume(small_tissue.content(), tmp_path / "there")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(volume_files, "write_points", full)
    with pytest.raises(OSError, match="No space left"):
        write_volume(small_tissue.content(), tmp_path / "volume")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_sizes_that_the_annotation_format_cannot_hold_are_refused(tmp_path):
    content = small_tissue.content()
    content.synapses["size"] = [1, 2**32, 3, 4]
    with pytest.raises(ValueError, match=r"1 of 4 points have a size outside 0 to 2\^32 - 1, first 4294967296 at id 12"):
        write_volume(content, tmp_path / "volume")


def test_pieces_of_a_root_id_that_are_apart_are_refused_instead_of_replaced(tmp_path):
    content = small_tissue.content()
    content.pieces.append(content.pieces[0])
    with pytest.raises(ValueError, match=rf"root id {small_tissue.A}: its pieces are apart among the others, .* Sort them by root id"):
        write_volume(content, tmp_path / "volume", n_meshes=0)
    assert list(tmp_path.iterdir()) == []
