"""Ids, places and surfaces of a segmentation come out right at any resolution and offset; what cannot be read is refused in words."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.loaders.volume import open_volume

ROOT = 864691135000000007  # ids of segments lie far above 2^53
RESOLUTION, OFFSET, CHUNK = (8, 8, 40), (-3, 20, 7), (16, 16, 8)
SHAPE = (40, 33, 19)


def ids_of(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, SHAPE).astype(np.uint64) * np.uint64(ROOT)


def save(folder: Path, ids: np.ndarray, encoding: str = "compressed_segmentation", kind: str = "segmentation") -> Path:
    from cloudvolume import CloudVolume

    size = {"resolution": RESOLUTION, "voxel_offset": OFFSET, "volume_size": ids.shape, "chunk_size": CHUNK}
    info = CloudVolume.create_new_info(1, kind, str(ids.dtype), encoding, **size)
    volume = CloudVolume(f"file://{folder}", info=info, progress=False, compress="gzip")
    volume.commit_info()
    volume[:, :, :] = ids
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(tmp_path / "volume", ids_of())


def first_chunk(folder: Path) -> Path:
    return folder / "8_8_40" / "-3-13_20-36_7-15.gz"


@pytest.mark.parametrize("form", ["{}", "file://{}", "precomputed://file://{}/"])
def test_a_volume_says_where_it_is_in_nm(folder, form):
    volume = open_volume(form.format(folder))
    assert volume.resolution_nm.tolist() == [8, 8, 40]
    assert volume.low_nm.tolist() == [-24, 160, 280]
    assert volume.high_nm.tolist() == [(40 - 3) * 8, (33 + 20) * 8, (19 + 7) * 40]


def test_cutouts_are_exact_and_tile_the_volume(folder):
    volume, whole = open_volume(folder), np.full(SHAPE, -1, np.int64)
    for chunk in (None, (7, 50, 11)):
        for begin, end in volume.boxes(chunk):
            low, high = begin - volume.begin, end - volume.begin
            whole[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = volume.cutout(begin, end)
        assert np.array_equal(whole.astype(np.uint64), ids_of())
        assert whole.max() == 3 * ROOT


def test_ids_at_points_are_those_of_the_voxels_they_are_in_and_each_chunk_is_read_once(folder, monkeypatch):
    volume = open_volume(folder)
    voxels = np.random.default_rng(1).integers(0, SHAPE, (500, 3))
    inside = np.random.default_rng(2).random((500, 3))
    inside[0] = 0  # on the lower faces, which belong to the voxel
    points = (voxels + volume.begin + inside) * volume.resolution_nm
    read = []
    cutout = type(volume).cutout
    monkeypatch.setattr(type(volume), "cutout", lambda self, begin, end: read.append(tuple(begin)) or cutout(self, begin, end))
    assert np.array_equal(volume.segments_at(points).astype(np.uint64), ids_of()[tuple(voxels.T)])
    assert len(read) == len(set(read)) <= 27
    assert volume.segments_at(np.empty((0, 3))).tolist() == []


def test_points_in_another_unit_are_counted_and_the_unit_is_named(folder):
    volume = open_volume(folder)
    points = np.array([[5.0, 30, 10], [6, 31, 11], [200, 300, 900]])
    with pytest.raises(
        ValueError,
        match=r"volume: 2 of 3 points are outside the volume, first point \[5.0, 30.0, 10.0\]; it has \[-24.0, 160.0, 280.0\] to "
        r"\[296.0, 424.0, 1040.0\] nm. As voxels of this volume \(8 x 8 x 40 nm\), 2 of 3 would be inside: convert them to nm",
    ):
        volume.segments_at(points[[0, 1, 2]])
    with pytest.raises(ValueError, match=r"1 of 1 points .* As um, 1 of 1 would be inside"):
        volume.segments_at(np.array([[0.1, 0.2, 0.5]]))
    with pytest.raises(ValueError, match=r"2 of 2 points .* Leave points outside the volume out"):
        volume.segments_at(np.array([[1e9, 1e9, 1e9], [np.nan, 200, 300]]))


def test_a_cutout_beyond_the_volume_is_refused(folder):
    volume = open_volume(folder)
    with pytest.raises(
        ValueError, match=r"the cutout \[-4, 20, 7\] to \[0, 24, 9\] is not within the voxels \[-3, 20, 7\] to \[37, 53, 26\]"
    ):
        volume.cutout(np.array([-4, 20, 7]), np.array([0, 24, 9]))


def test_a_missing_chunk_is_named(folder):
    first_chunk(folder).unlink()
    with pytest.raises(FileNotFoundError, match=r"the chunk 8_8_40/-3-13_20-36_7-15 is missing, asked for with the voxels \[-3, 20, 7\]"):
        open_volume(folder).segments_at(np.array([[0.0, 200, 300]]))


@pytest.mark.parametrize(
    "spoil", [lambda held: held[: len(held) // 2], lambda held: held[:40] + bytes([held[40] ^ 1]) + held[41:], lambda held: b""]
)
@pytest.mark.parametrize("encoding", ["compressed_segmentation", "raw"])
def test_a_chunk_that_is_cut_short_or_changed_by_one_bit_is_refused(tmp_path, spoil, encoding):
    folder = save(tmp_path / "volume", ids_of(), encoding)
    first_chunk(folder).write_bytes(spoil(first_chunk(folder).read_bytes()))
    with pytest.raises(ValueError, match=r"a chunk of the voxels \[-3, 20, 7\] to \[13, 36, 15\] cannot be decoded .* copy it again"):
        open_volume(folder).segments_at(np.array([[0.0, 200, 300]]))


def test_paths_that_are_no_segmentation_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no info file there. Give the path of precomputed data"):
        open_volume(tmp_path / "nowhere")
    save(tmp_path / "image", np.zeros((16, 16, 8), np.uint8), "raw", "image")
    with pytest.raises(ValueError, match="a volume of type 'image', but a segmentation is needed"):
        open_volume(tmp_path / "image")
    with pytest.raises(ValueError, match=r"no resolution of \[64.0, 64.0, 40.0\] nm; it has \[\[8.0, 8.0, 40.0\]\]"):
        open_volume(folder, (64.0, 64.0, 40.0))
    (folder / "info").write_text("{")
    with pytest.raises(ValueError, match="its info file is no JSON"):
        open_volume(folder)


def test_the_resolution_asked_for_is_opened(folder):
    info = json.loads((folder / "info").read_text())
    half = {**info["scales"][0], "resolution": [16, 16, 40], "key": "16_16_40", "size": [20, 17, 19], "voxel_offset": [-1, 10, 7]}
    (folder / "info").write_text(json.dumps({**info, "scales": [*info["scales"], half]}))
    assert open_volume(folder).resolution_nm.tolist() == [8, 8, 40]
    volume = open_volume(folder, (16.0, 16.0, 40.0))
    assert (volume.resolution_nm.tolist(), volume.begin.tolist()) == ([16, 16, 40], [-1, 10, 7])


def test_ids_that_int64_cannot_hold_are_refused(tmp_path):
    folder = save(tmp_path / "volume", np.full((4, 4, 4), 2**63 + 5, np.uint64))
    volume = open_volume(folder)
    with pytest.raises(ValueError, match="an id of 9223372036854775813 does not fit int64"):
        volume.cutout(volume.begin, volume.end)


def test_cloud_volume_is_asked_for_where_it_is_missing(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudfiles", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"cloud-volume is needed and not installed. Install it: pip install 'graphtwin\[volumes\]'"
    ):
        open_volume(folder)


@pytest.mark.parametrize("encoding", ["compressed_segmentation", "raw"])
@pytest.mark.parametrize(
    "spoil", [lambda held: held[: len(held) // 2], lambda held: b"", lambda held: held[:-1], lambda held: b"\xff" * (len(held) - 4)]
)
def test_a_plain_chunk_that_is_cut_short_is_refused_although_nothing_sums_it_up(tmp_path, spoil, encoding):
    folder = save(tmp_path / "volume", ids_of() // np.uint64(ROOT), encoding)
    packed = first_chunk(folder)
    packed.with_suffix("").write_bytes(spoil(gzip.decompress(packed.read_bytes())))
    packed.unlink()
    with pytest.raises(ValueError, match=r"cannot be decoded .* copy it again"):
        open_volume(folder).segments_at(np.array([[0.0, 200, 300]]))


@pytest.mark.parametrize(
    ("encoding", "dtype"), [("raw", np.uint8), ("raw", np.int64), ("compressed_segmentation", np.uint32), ("npz", np.uint64)]
)
def test_labels_of_every_type_and_encoding_are_read(tmp_path, encoding, dtype):
    ids = (ids_of() // np.uint64(ROOT)).astype(dtype)
    volume = open_volume(save(tmp_path / "volume", ids, encoding))
    assert np.array_equal(volume.cutout(volume.begin, volume.end), ids)
    inner = volume.cutout(volume.begin + 5, volume.begin + np.array([17, 21, 14]))
    assert np.array_equal(inner, ids[5:17, 5:21, 5:14])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_channels": 2}, "2 channels of 'uint64', but a segmentation has one"),
        ({"data_type": "float32"}, "1 channels of 'float32', but a segmentation has one, of uint8"),
        ({"scales": []}, "its info file has no list of scales"),
        ({"resolution": [0, 8, 40]}, r"resolution of a scale is \[0, 8, 40\] in the info file"),
        ({"size": [10, 10]}, "size of a scale"),
        ({"voxel_offset": [0.5, 0, 0]}, "voxel_offset of a scale"),
        ({"chunk_sizes": [[2**40, 16, 8]]}, "chunk_sizes of a scale"),
        ({"encoding": "jpeg"}, "encoding of a scale is 'jpeg'"),
    ],
)
def test_an_info_file_that_makes_no_sense_is_refused_before_anything_is_read(folder, change, words):
    info = json.loads((folder / "info").read_text())
    for place in (info["scales"][0], info):
        place |= {key: value for key, value in change.items() if key in place}
    (folder / "info").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=words):
        open_volume(folder)
