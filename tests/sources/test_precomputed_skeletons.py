"""Skeletons of volumes written by other programs: transforms, names of labels and folders are read as they were meant, or refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.loaders.skeletons import Skeleton, find_skeletons, read_skeleton

IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
LINE = np.arange(6.0)[:, None] * [100, 0, 0]  # six vertices, 100 nm apart
BIG = 2**63 + 5


def save(
    folder: Path, number: int = 7, attributes: dict[str, np.ndarray] | None = None, declared: object = None, transform: object = IDENTITY
) -> Path:
    """A folder of skeletons with one, and attributes that are declared in its info as they are, or otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    attributes = attributes or {}
    as_they_are = [{"id": name, "data_type": str(values.dtype), "num_components": 1} for name, values in attributes.items()]
    info = {"@type": "neuroglancer_skeletons", "transform": transform, "vertex_attributes": as_they_are if declared is None else declared}
    (folder / "info").write_text(json.dumps({key: value for key, value in info.items() if value != "absent"}))
    edges = np.column_stack([np.arange(5), np.arange(1, 6)]).astype("<u4")
    content = struct.pack("<II", 6, 5) + LINE.astype("<f4").tobytes() + edges.tobytes()
    (folder / str(number)).write_bytes(content + b"".join(values.tobytes() for values in attributes.values()))
    return folder


def only(path: object, compartment: str = "axon") -> Skeleton:
    (skeleton,) = read_skeleton(find_skeletons([path]), compartment)
    return skeleton


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ([4, 4, 4, 0, 4, 4, 4, 0, 40, 40, 40, 0], "it has rank 1 and presses all vertices into a plane or a line"),
        ([0] * 12, "it has rank 0"),
        ([1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], "it has rank 2"),
        ([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0], r"its diagonal \[0.0, 0.0, 1.0\] is not above 0, which swaps or mirrors axes"),
        ([1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0], r"its diagonal \[1.0, -1.0, 1.0\] is not above 0"),
        ([1, 2, 3], "12 finite numbers are needed"),
        ("nm", "12 finite numbers are needed"),
        ([None, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], "12 finite numbers are needed"),
    ],
)
def test_a_transform_that_loses_or_mirrors_an_axis_is_refused_with_its_numbers(tmp_path, transform, words):
    with pytest.raises(ValueError, match=rf"skeletons: the transform of the skeletons is .*: {words}.* correct it in the info file"):
        only(save(tmp_path / "skeletons", transform=transform))


def test_a_transform_scales_shears_and_moves_and_without_one_vertices_are_nm(tmp_path):
    moved = only(save(tmp_path / "a", transform=[4, 0.5, 0, 10, 0, 4, 0, 20, 1, 0, 40, 30])).vertices_nm
    np.testing.assert_allclose(moved[[0, 5]], [[10, 20, 30], [2010, 20, 530]])
    np.testing.assert_allclose(only(save(tmp_path / "b", transform="absent")).vertices_nm, LINE)


@pytest.mark.parametrize("name", ["compartment", "vertex_types", "vertex_type", "node_types", "Compartment", "swc_type"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int16"])
def test_labels_are_found_under_every_name_and_dtype_that_writers_use(tmp_path, name, dtype):
    attributes = {"radius": np.ones(6, "float32"), name: np.array([1, 2, 2, 2, 3, 3], dtype)}
    path = save(tmp_path / "skeletons", attributes=attributes)
    assert [len(only(path, compartment).edges) for compartment in ("axon", "dendrite")] == [4, 1]


@pytest.mark.parametrize(
    ("attributes", "n_edges"),
    [
        ({"type": [1, 2, 2, 2, 3, 3]}, [4, 1]),  # SWC's codes
        ({"structure_id": [0, 2, 2, 2, 3, 4]}, [4, 1]),
        ({"is_axon": [0, 1, 1, 1, 0, 0]}, [4, 1]),
        ({"axon": [1, 1, 1, 0, 0, 0], "dendrite": [0, 0, 0, 0, 1, 1]}, [3, 2]),
        ({"is_axon": [0, 1, 1, 1, 0, 0], "compartment": [1, 2, 2, 2, 4, 4]}, [4, 1]),
        ({"is_axon": [0, 1, 1, 1, 0, 0], "compartment": [0, 0, 0, 0, 0, 0]}, [4, 1]),
        ({"type": [0, 0, 0, 0, 0, 0]}, [5, 5]),  # says nothing
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_names_that_may_mean_a_compartment_are_read_where_their_values_say_so(tmp_path, attributes, n_edges, dtype):
    path = save(tmp_path / "skeletons", attributes={name: np.array(values, dtype) for name, values in attributes.items()})
    assert [len(only(path, compartment).edges) for compartment in ("axon", "dendrite")] == n_edges


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"type": [7, 7, 8, 8, 2, 2]}, "the vertex attribute 'type' has the values 2, 7, 8, of which it cannot be told whether they are"),
        ({"type": [0, 1, 1, 1, 0, 0]}, "the vertex attribute 'type' has the values 0, 1, of which it cannot be told"),
        ({"Type": [-1, 2, 2, 2, 3, 3]}, "the vertex attribute 'Type' has the values -1, 2, 3, of which"),
        ({"is_axon": [0, 1, 2, 1, 0, 0]}, "is_axon: 1 of 6 values for 6 vertices are neither 0 nor 1, first 2"),
        ({"is_axon": [0, 1, 1, 1, 0, 0], "compartment": [2, 2, 2, 2, 3, 3]}, "is_axon and its labels of compartments differ at 1 vertices"),
        ({"is_axon": [0, 1, 1, 1, 0, 0], "dendrite": [0, 0, 0, 1, 1, 1]}, "1 of 6 vertices are axon and dendrite at once"),
        ({"is_dendrite": [0, 0, 0, 1, 1, 1]}, "'is_dendrite' says what is dendrite, but nothing says what of the rest is axon"),
    ],
)
def test_names_that_may_mean_a_compartment_are_refused_where_their_values_do_not_say_so(tmp_path, attributes, words):
    path = save(tmp_path / "skeletons", attributes={name: np.array(values, "int16") for name, values in attributes.items()})
    with pytest.raises(ValueError, match=rf"#7: .*{words}"):
        only(path)


def test_an_archive_has_the_same_names_and_one_word_of_what_it_is_labels_nothing(tmp_path):
    edges = np.column_stack([np.arange(5), np.arange(1, 6)])
    np.savez(tmp_path / "7.npz", vertices=LINE, edges=edges, is_axon=np.arange(6) < 3, nm_per_unit=1)
    assert [len(only(tmp_path / "7.npz", compartment).edges) for compartment in ("axon", "dendrite")] == [3, 2]
    np.savez(tmp_path / "8.npz", vertices=LINE, edges=edges, type="skeleton", nm_per_unit=1)
    assert len(only(tmp_path / "8.npz").edges) == 5


def test_without_labels_or_with_labels_of_zero_the_skeleton_is_whole(tmp_path):
    types = np.zeros(6, "uint8")
    radius = np.ones(6, "float32")
    for i, attributes in enumerate(({}, {"radius": radius}, {"radius": radius, "vertex_types": types}, {"compartment": types})):
        assert len(only(save(tmp_path / str(i), attributes=attributes)).edges) == 5
    declared = [{"id": "compartment", "data_type": "uint8", "num_components": 1}]
    assert len(only(save(tmp_path / "bare", declared=declared)).edges) == 5  # declared for all, written for none


def test_attributes_that_cloud_volume_writes_without_declaring_them_are_read(tmp_path):
    types = np.array([1, 2, 2, 2, 3, 3], "uint8")
    path = save(tmp_path / "a", attributes={"radius": np.ones(6, "float32"), "types": types}, declared="absent")
    assert len(only(path, "dendrite").edges) == 1
    assert len(only(save(tmp_path / "b", attributes={"radius": np.ones(6, "float32")}, declared="absent")).edges) == 5


def test_two_labellings_that_differ_are_refused_and_one_of_zeros_is_none(tmp_path):
    given = {"compartment": np.array([2, 2, 2, 2, 3, 3], "uint8"), "vertex_types": np.zeros(6, "uint8")}
    assert len(only(save(tmp_path / "a", attributes=given), "dendrite").edges) == 2 - 1
    given["vertex_types"] = np.array([2, 2, 2, 3, 3, 3], "uint8")
    with pytest.raises(ValueError, match=r"#7: compartment and vertex_types differ at 1 of 6 vertices"):
        only(save(tmp_path / "b", attributes=given))


def test_labels_that_are_no_codes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"#7: compartment: 1 of 6 compartment labels are no whole numbers, first 2.5"):
        only(save(tmp_path / "a", attributes={"compartment": np.array([2, 2, 2.5, 2, 2, 2], "float32")}))
    with pytest.raises(ValueError, match="the vertex attribute 'compartment' has no known data_type"):
        only(save(tmp_path / "b", declared=[{"id": "compartment", "data_type": "text", "num_components": 1}]))


def test_bytes_that_no_attribute_accounts_for_are_refused(tmp_path):
    path = save(tmp_path / "skeletons", attributes={"radius": np.ones(6, "float32")}, declared=[])
    with pytest.raises(ValueError, match=r"#7: 144 bytes, but 6 vertices and 5 edges need 120, and 120 with the attributes \[\]"):
        only(path)


def test_ids_of_2_63_and_more_are_one_sentence(tmp_path):
    folder = save(tmp_path / "skeletons", number=BIG)
    for given in (folder, f"file://{folder}#{BIG}", f"{folder}#{BIG}"):
        with pytest.raises(ValueError, match=rf"the skeleton's id {BIG} is 2\^63 or more, which int64 cannot hold"):
            find_skeletons([given])
    save(folder, number=7)
    assert only(f"{folder}#7").nucleus_id == 7


def test_a_volume_is_found_behind_links_beside_other_layers_and_by_its_plain_path(tmp_path):
    save(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "._7").write_bytes(b"x")
    (tmp_path / "elsewhere" / "0-64_0-64_0-64.spatial").write_text("{}")
    volume = tmp_path / "volume"
    (volume / "segment_properties").mkdir(parents=True)
    (volume / "segment_properties" / "info").write_text('{"@type": "neuroglancer_segment_properties"}')
    (volume / "info").write_text(json.dumps({"type": "segmentation", "skeletons": "skeletons", "segment_properties": "segment_properties"}))
    (volume / "skeletons").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(volume)
    for given in (volume, tmp_path / "link", f"{tmp_path}/link#7", f"precomputed://file://{volume}", volume / "skeletons"):
        assert only(given).nucleus_id == 7
    with pytest.raises(ValueError, match="a volume without skeletons"):
        find_skeletons([volume / "segment_properties"])


def test_sharded_skeletons_are_read_by_their_ids(tmp_path):
    from cloudvolume import CloudVolume, Skeleton
    from cloudvolume.datasource.precomputed.sharding import ShardingSpecification, synthesize_shard_files

    spec = ShardingSpecification(
        "neuroglancer_uint64_sharded_v1", preshift_bits=0, hash="murmurhash3_x86_128", minishard_bits=1, shard_bits=0
    )
    tree = Skeleton(LINE.astype("f4"), np.column_stack([np.arange(5), np.arange(1, 6)]).astype("u4"))
    tree.extra_attributes = []
    folder = tmp_path / "volume" / "skeletons"
    folder.mkdir(parents=True)
    for name, content in synthesize_shard_files(spec, {7: tree.to_precomputed(), 9: tree.to_precomputed()}).items():
        (folder / name).write_bytes(content)
    info = {"@type": "neuroglancer_skeletons", "transform": IDENTITY, "vertex_attributes": [], "sharding": spec.to_dict()}
    (folder / "info").write_text(json.dumps(info, default=int))
    size = {"resolution": [1, 1, 1], "voxel_offset": [0, 0, 0], "volume_size": [64, 64, 64]}
    whole = CloudVolume.create_new_info(1, "segmentation", "uint64", "raw", **size, skeletons="skeletons")
    (folder.parent / "info").write_text(json.dumps(whole))
    found = list(read_skeleton(find_skeletons([f"{folder.parent}#9,7"]), "axon"))
    assert [skeleton.nucleus_id for skeleton in found] == [7, 9]
    np.testing.assert_allclose(found[0].vertices_nm, LINE)
    with pytest.raises(ValueError, match=r"cannot be listed .* sharded or empty"):
        find_skeletons([folder.parent])
    with pytest.raises(ValueError, match=r"1 are missing, first .*skeletons/8"):
        list(read_skeleton(find_skeletons([f"{folder.parent}#7,8"]), "axon"))
