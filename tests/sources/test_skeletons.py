"""Skeletons of every format arrive as the same vertices and edges in nm; what cannot be measured is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.loaders.skeletons import Skeleton, find_skeletons, read_skeleton

pytestmark = pytest.mark.slow


DATA = Path(__file__).resolve().parents[2] / "data" / "skeletons"
ROOT = 864691135000000007  # ids of segments lie far above 2^53

VERTICES = np.array([[0.0, 0, 0], [1000, 0, 0], [2500, 7, 3], [1000, 900, 0], [1000, 1800, 0]])
EDGES = np.array([[0, 1], [1, 2], [1, 3], [3, 4]])
LABELS = np.array([1, 2, 2, 3, 4])


def only(*given: object, compartment: str = "axon", **more: object) -> Skeleton:
    (skeleton,) = read_skeleton(find_skeletons(list(given)), compartment, **more)
    return skeleton


def save(
    path: Path, vertices: np.ndarray = VERTICES, edges: np.ndarray = EDGES, nm_per_unit: float | None = 1.0, **more: np.ndarray
) -> Path:
    np.savez(path, vertices=vertices, edges=edges, **({} if nm_per_unit is None else {"nm_per_unit": nm_per_unit}), **more)
    return path


def save_swc(path: Path, labels: np.ndarray = LABELS, vertices: np.ndarray = VERTICES) -> Path:
    """The labelled tree as SWC, rooted at its first vertex, nodes numbered from 1 and listed backwards."""
    parents = [-1, 1, 2, 2, 4]
    lines = [f"{i + 1} {labels[i]} {x} {y} {z} 1.0 {parents[i]}" for i, (x, y, z) in enumerate(vertices)]
    path.write_text("# a comment\n# units: nm\n" + "\n".join(lines[::-1]) + "\n")
    return path


def save_volume(
    folder: Path, ids: list[int], scale: float = 1.0, labels: np.ndarray | None = None, drawn: tuple[np.ndarray, np.ndarray] | None = None
) -> str:
    """A precomputed segmentation with skeletons, the tree above shifted by their id where none is given; `scale` is of their transform."""
    from cloudvolume import CloudVolume
    from cloudvolume import Skeleton as Precomputed

    size = {"resolution": [4, 4, 40], "voxel_offset": [0, 0, 0], "volume_size": [64, 64, 64]}
    info = CloudVolume.create_new_info(1, "segmentation", "uint64", "raw", **size, skeletons="skeletons")
    volume = CloudVolume(f"file://{folder}", info=info, progress=False)
    volume.commit_info()
    attributes = [] if labels is None else [{"id": "compartment", "data_type": "uint8", "num_components": 1}]
    transform = [scale, 0, 0, 0, 0, scale, 0, 0, 0, 0, scale, 0]
    volume.skeleton.meta.info = {"@type": "neuroglancer_skeletons", "transform": transform, "vertex_attributes": attributes}
    volume.skeleton.meta.commit_info()
    for number in ids:
        vertices, edges = drawn or (VERTICES / scale + [number % 100, 0, 0], EDGES)
        skeleton = Precomputed(vertices.astype(np.float32), edges.astype(np.uint32), segid=number, extra_attributes=attributes)
        if labels is not None:
            skeleton.compartment = labels.astype(np.uint8)
        volume.skeleton.upload(skeleton)
    return f"file://{folder}"


def lines(skeleton: Skeleton) -> set[frozenset]:
    """The edges as pairs of places, whatever their order and direction."""
    return {frozenset(tuple(np.round(end, 3)) for end in skeleton.vertices_nm[edge]) for edge in skeleton.edges}


def test_the_bundled_skeletons_are_the_published_ones():
    found = {place.nucleus_id: place.where for place in find_skeletons([DATA])}
    assert sorted(found) == [292965, 327859, 560530, 587885]
    axon = only(DATA / "skeleton_axon_327859.npz")
    assert (len(axon.vertices_nm), len(axon.edges), axon.nucleus_id) == (4931, 4930, 327859)
    length = np.linalg.norm(np.diff(axon.vertices_nm[axon.edges], axis=1), axis=-1).sum()
    assert length == pytest.approx(9779907.220128158, abs=1e-3)


def test_every_format_gives_the_same_skeleton(tmp_path):
    volume = save_volume(tmp_path / "volume", [ROOT])
    drawn = lines(only(save(tmp_path / "axon_7.npz")))
    assert len(drawn) == len(EDGES)
    assert lines(only(save_swc(tmp_path / "axon_7.swc", labels=np.zeros(5, int)))) == drawn
    shifted = only(volume)
    assert shifted.nucleus_id == ROOT
    moved = Skeleton(ROOT, "", shifted.vertices_nm - [ROOT % 100, 0, 0], shifted.edges)
    assert lines(moved) == drawn


def test_a_compartment_is_the_edges_that_end_in_it_in_every_format(tmp_path):
    names = np.array(["soma", "axon", "Axon", "basal", "apical dendrite"])
    given = [
        save(tmp_path / "codes_1.npz", compartment=LABELS),
        save(tmp_path / "names_2.npz", compartment=names),
        save_swc(tmp_path / "type_3.swc"),
        save_volume(tmp_path / "volume", [100], labels=LABELS),
    ]
    for path in given:
        axon = {frozenset([(0.0, 0.0, 0.0), (1000.0, 0.0, 0.0)]), frozenset([(1000.0, 0.0, 0.0), (2500.0, 7.0, 3.0)])}
        assert lines(only(path, compartment="axon")) >= axon  # from the soma to its tip
        assert frozenset([(1000.0, 900.0, 0.0), (1000.0, 1800.0, 0.0)]) in lines(only(path, compartment="dendrite"))
        axon, dendrite = (lines(only(path, compartment=name)) for name in ("axon", "dendrite"))
        assert (len(axon | dendrite), axon & dendrite) == (4, set())  # the edge between both counts once


def test_a_file_without_the_compartment_is_refused_with_the_labels_it_has(tmp_path):
    path = save(tmp_path / "n_1.npz", compartment=np.array([1, 3, 3, 3, 3]))
    with pytest.raises(ValueError, match=r"n_1\.npz: none of 5 vertices is labelled axon .*\{1: 1, 3: 4\}"):
        only(path, compartment="axon")


def test_labels_that_fit_no_vertex_or_have_no_meaning_are_refused(tmp_path):
    with pytest.raises(ValueError, match="3 compartment labels for 5 vertices"):
        only(save(tmp_path / "n_1.npz", compartment=np.array([1, 2, 2])))
    with pytest.raises(ValueError, match=r"labels \['axxon'\] are unknown \(nearest 'axon'"):
        only(save(tmp_path / "n_2.npz", compartment=np.array(["axxon"] * 5)))


def test_precomputed_skeletons_are_in_nm_by_their_transform_and_keep_their_ids(tmp_path):
    volume = save_volume(tmp_path / "volume", [5, ROOT, 12], scale=4.0)
    places = find_skeletons([volume])
    assert [place.nucleus_id for place in places] == [5, 12, ROOT]
    for skeleton in read_skeleton(places, "axon"):
        np.testing.assert_allclose(skeleton.vertices_nm[0], [4.0 * (skeleton.nucleus_id % 100), 0, 0])


def test_a_volume_may_be_named_as_folder_by_its_skeletons_alone_or_by_ids(tmp_path):
    volume = save_volume(tmp_path / "volume", [5, ROOT, 12])
    ways = [volume, f"precomputed://{volume}", str(tmp_path / "volume"), f"{volume}/skeletons", str(tmp_path / "volume" / "skeletons")]
    for way in ways:
        assert [skeleton.nucleus_id for skeleton in read_skeleton(find_skeletons([way]), "axon")] == [5, 12, ROOT]
    assert [skeleton.nucleus_id for skeleton in read_skeleton(find_skeletons([f"{volume}#{ROOT},5"]), "axon")] == [5, ROOT]


def test_volumes_that_are_not_there_or_lack_the_skeleton_are_told(tmp_path):
    volume = save_volume(tmp_path / "volume", [5])
    with pytest.raises(FileNotFoundError, match="nothing: no info file there"):
        find_skeletons([f"file://{tmp_path}/nothing"])
    with pytest.raises(ValueError, match=r"volume: of 2 skeletons asked for, 1 are missing, first .*skeletons/6"):
        list(read_skeleton(find_skeletons([f"{volume}#5,6"]), "axon"))
    with pytest.raises(ValueError, match=r"'x' after the # is no id"):
        find_skeletons([f"{volume}#5,x"])


def test_a_volume_without_skeletons_or_without_their_list_is_told(tmp_path):
    volume = save_volume(tmp_path / "volume", [])
    with pytest.raises(ValueError, match=r"cannot be listed \(1 files, none named by an id: sharded or empty\)"):
        find_skeletons([volume])
    info = tmp_path / "volume" / "info"
    info.write_text(info.read_text().replace('"skeletons": "skeletons"', '"mesh": "mesh"'))
    with pytest.raises(ValueError, match="bare: a volume without skeletons"):
        find_skeletons([f"file://{(tmp_path / 'volume').rename(tmp_path / 'bare')}"])


def test_a_precomputed_skeleton_that_cannot_be_decoded_is_told(tmp_path):
    volume = save_volume(tmp_path / "volume", [5])
    (tmp_path / "volume" / "skeletons" / "7").write_bytes(b"123")
    with pytest.raises(ValueError, match=r"volume#7: 3 bytes, but .* The skeleton cannot be decoded: copy it again"):
        list(read_skeleton(find_skeletons([volume]), "axon"))


def test_the_unit_of_the_files_scales_every_axis(tmp_path):
    path = save(tmp_path / "n_1.npz", VERTICES / [4, 4, 40], nm_per_unit=None)
    np.testing.assert_allclose(only(path, nm_per_unit=(4.0, 4.0, 40.0)).vertices_nm, VERTICES)


@pytest.mark.parametrize("name", ["skeleton_axon_327859", "skeleton_axon_560530", "skeleton_dend_292965", "skeleton_dend_587885"])
def test_real_skeletons_without_a_unit_are_asked_for_it_and_what_it_looks_like_is_said(tmp_path, name):
    held = np.load(DATA / f"{name}.npz")
    vertices, edges = held["vertices"], held["edges"]
    only(DATA / f"{name}.npz")
    for unit in ([4, 4, 40], [8, 8, 40], [3.58, 3.58, 40]):
        with pytest.raises(ValueError, match=r"does not say in which unit .*; along z it changes \d+\.\d times less .*--nm-per-unit"):
            only(save(tmp_path / "voxels_1.npz", vertices / unit, edges, nm_per_unit=None))
    micrometres = save(tmp_path / "um_1.npz", vertices / 1000, edges, nm_per_unit=None)
    with pytest.raises(ValueError, match=r"does not say in which unit .*; half of its \d+ edges are shorter than .*finer than any volume"):
        only(micrometres)
    np.testing.assert_allclose(only(micrometres, nm_per_unit=(1000.0, 1000.0, 1000.0)).vertices_nm, vertices)
    with pytest.raises(ValueError, match=r"does not say in which unit its coordinates are\. Say what one unit is along x, y and z"):
        only(save(tmp_path / "nm_1.npz", vertices, edges, nm_per_unit=None))


def test_a_volume_in_voxels_is_suspected_and_a_straight_or_flat_neurite_is_not(tmp_path):
    steps, chain = np.arange(200.0), np.column_stack([np.arange(199), np.arange(1, 200)])
    for number, step in enumerate(([1000, 20, 5], [700, 700, 0])):
        (skeleton,) = read_skeleton(
            find_skeletons([save_volume(tmp_path / str(number), [1], drawn=(np.outer(steps, step), chain))]), "axon"
        )
        assert len(skeleton.edges) == 199
    thick = save_volume(tmp_path / "thick", [1], drawn=(np.outer(steps, [70, 70, 7]), chain))
    with pytest.raises(
        ValueError, match=r"#1: the coordinates do not look like nm: along z .* Correct the transform .*--nm-per-unit 1 1 1"
    ):
        only(thick)
    assert len(only(thick, nm_per_unit=(1.0, 1.0, 1.0)).edges) == 199


def spoil_nan(vertices, edges):
    return np.where(np.arange(5)[:, None] == 3, np.nan, vertices), edges


def spoil_edge(vertices, edges):
    return vertices, np.vstack([edges, [[4, 5]]])


def spoil_negative(vertices, edges):
    return vertices, edges - 1


def spoil_empty(vertices, edges):
    return np.empty((0, 3)), np.empty((0, 2), int)


def spoil_edgeless(vertices, edges):
    return vertices, np.empty((0, 2), int)


def spoil_columns(vertices, edges):
    return vertices[:, :2], edges


def spoil_floats(vertices, edges):
    return vertices, edges.astype(float)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_nan, r"1 of 5 vertices are NaN or infinite, first vertex 3"),
        (spoil_edge, r"1 of 5 edges name a vertex that is not there, first \[4, 5\] of 5 vertices"),
        (spoil_negative, r"1 of 4 edges name a vertex that is not there, first \[-1, 0\]"),
        (
            spoil_empty,
            r"an empty skeleton \(0 vertices, 0 edges, none of them in the axon\)\. It would pass for a neuron that comes close to nobody",
        ),
        (spoil_edgeless, r"an empty skeleton \(5 vertices, 0 edges, none"),
        (spoil_columns, r"vertices have shape \(5, 2\) and dtype float64; \(n, 3\) of numbers is needed"),
        (spoil_floats, r"edges have shape \(4, 2\) and dtype float64; \(n, 2\) of integers is needed"),
    ],
)
def test_a_skeleton_that_cannot_be_measured_is_refused_with_what_is_wrong(tmp_path, spoil, words):
    with pytest.raises(ValueError, match=rf"axon_7\.npz.* {words}"):
        only(save(tmp_path / "axon_7.npz", *spoil(VERTICES, EDGES)))


def test_an_archive_that_is_cut_short_or_holds_something_else_is_refused(tmp_path):
    path = save(tmp_path / "axon_7.npz")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match=r"axon_7\.npz: 600 bytes that cannot be read as \.npz .*cut short"):
        only(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"0 bytes that cannot be read"):
        only(path)
    np.savez(path, points=VERTICES)
    with pytest.raises(ValueError, match=r"it holds \['points'\], but a skeleton is `vertices` \(n, 3\) and `edges` \(m, 2\)"):
        only(path)


def test_an_archive_that_wants_to_run_code_is_refused(tmp_path):
    np.savez(tmp_path / "axon_7.npz", vertices=np.array([print, print, print], dtype=object), edges=EDGES)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        only(tmp_path / "axon_7.npz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 0 0 0 1 -1\n2 2 x 0 0 1 1\n", "no SWC that can be read"),
        ("1 2 0 0 0 1\n", "no SWC that can be read"),
        ("1 2 0 0 0 1 -1\n1 2 9 0 0 1 1\n", "1 of 2 nodes have the number of another one"),
        ("1 2 0 0 0 1 -1\n2 2 9 0 0 1 5\n", "1 of 2 nodes have a parent that is not in the file, first node 2 with parent 5"),
        ("# nothing\n", r"an empty skeleton \(0 vertices, 0 edges, none"),
    ],
)
def test_an_swc_that_is_no_tree_is_refused(tmp_path, text, words):
    (tmp_path / "n_1.swc").write_text("# units: nm\n" + text)
    with pytest.raises(ValueError, match=rf"n_1\.swc: {words}"):
        only(tmp_path / "n_1.swc")


def test_two_skeletons_of_one_neuron_are_refused_by_name(tmp_path):
    (tmp_path / "more").mkdir()
    paths = [save(tmp_path / "axon_7.npz"), save(tmp_path / "axon_8.npz"), save_swc(tmp_path / "more" / "again_7.swc")]
    with pytest.raises(ValueError, match=r"1 of 3 skeletons have the nucleus id of another one, first 7: .*axon_7\.npz and .*again_7\.swc"):
        find_skeletons(paths)


@pytest.mark.parametrize("name", ["axon.npz", "axon_327859_v661.npz", "axon_99999999999999999999.npz"])
def test_a_name_that_is_no_nucleus_id_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"but the nucleus id is read from it\. Name each file with one number"):
        find_skeletons([save(tmp_path / name)])


def test_files_that_are_not_there_or_are_no_skeletons_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"axon_7\.npz: no such file"):
        find_skeletons([tmp_path / "axon_7.npz"])
    with pytest.raises(FileNotFoundError, match=r"axons: no such file"):
        find_skeletons([tmp_path / "axons"])
    (tmp_path / "axon_7.obj").write_text("")
    with pytest.raises(ValueError, match=r"\.obj is no skeleton this reads\. Give \.npz"):
        find_skeletons([tmp_path / "axon_7.obj"])
    with pytest.raises(ValueError, match=r"no skeleton in this folder \(it has \['axon_7\.obj'\]\)"):
        find_skeletons([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no skeleton in this folder \(it is empty\)"):
        find_skeletons([tmp_path / "empty"])


def test_without_cloud_volume_the_extra_to_install_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cloudfiles", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'graphtwin\[volumes\]'"):
        find_skeletons([f"file://{tmp_path}/volume"])
