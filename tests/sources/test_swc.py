"""SWC files of other programs: their units, offsets, codes and text forms are read as their writers meant them."""

from __future__ import annotations

import codecs
import logging
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.formats.lengths import nm_per_unit_of
from graphtwin.sources.loaders.skeletons import Skeleton, find_skeletons, read_skeleton

# A soma at the origin, a dendrite of 3 + 4 along x, from whose first node an axon leaves along y: 5, then 6.
NODES = [(1, 1, 0, 0, 0, -1), (2, 3, 3, 0, 0, 1), (3, 3, 7, 0, 0, 2), (4, 2, 3, 5, 0, 2), (5, 2, 3, 11, 0, 4)]
AXON, DENDRITE = 11.0, 7.0


def swc(path: Path, header: str = "", nodes: list[tuple] = NODES, separator: str = " ") -> Path:
    rows = [separator.join(map(str, (number, code, x, y, z, 0.5, parent))) for number, code, x, y, z, parent in nodes]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def only(path: Path, compartment: str = "axon", unit: tuple[float, float, float] | None = (1.0, 1.0, 1.0)) -> Skeleton:
    (skeleton,) = read_skeleton(find_skeletons([path]), compartment, unit)
    return skeleton


def length(path: Path, compartment: str = "axon", unit: tuple[float, float, float] | None = (1.0, 1.0, 1.0)) -> float:
    skeleton = only(path, compartment, unit)
    return float(np.linalg.norm(np.diff(skeleton.vertices_nm[skeleton.edges], axis=1), axis=-1).sum())


def coded(*codes: int) -> list[tuple]:
    """A straight line of nodes 1 apart with these codes."""
    return [(i + 1, code, i, 0, 0, i if i else -1) for i, code in enumerate(codes)]


@pytest.mark.parametrize(
    ("header", "nm"),
    [
        ('# Meta: {"id": "1", "name": "a", "units": "8 nanometer"}', (8, 8, 8)),
        ('# Meta: {"id": "1", "units": "1 micrometer"}', (1000, 1000, 1000)),
        ('# Meta: {"units": "[ 4  4 40] nanometer"}', (4, 4, 40)),
        ("# Metadata: {'type': 'cell', 'units': 'um', 'date': datetime.date(2024, 4, 16)}", (1000, 1000, 1000)),
        ("# units: um", (1000, 1000, 1000)),
        ("#Units = microns", (1000, 1000, 1000)),
        ("# Unit: nm", (1, 1, 1)),
        ("# UNITS µm", (1000, 1000, 1000)),
        ("# coordinate units: 4 x 4 x 40 nm", (4, 4, 40)),
        ("# units: 8nm/voxel", (8, 8, 8)),
        ("# All positions and radii in um", (1000, 1000, 1000)),
        ("# coordinates are in nanometers", (1, 1, 1)),
        ("# n type x[um] y[um] z[um] r[um] parent", (1000, 1000, 1000)),
        ("# id type x_um y_um z_um radius_um parent", (1000, 1000, 1000)),
        ("# a program\nid type x_nm y_nm z_nm radius parent", (1, 1, 1)),
        ("# Units in micrometers", (1000, 1000, 1000)),
        ("# All lengths in um.", (1000, 1000, 1000)),
        ('# units: um\n# Meta: {"units": "1 micrometer"}', (1000, 1000, 1000)),
    ],
)
def test_the_unit_of_a_header_is_used(tmp_path, header, nm):
    vertices = only(swc(tmp_path / "n_1.swc", header), unit=None).vertices_nm
    np.testing.assert_allclose(vertices, np.array([node[2:5] for node in NODES]) * nm)
    assert only(swc(tmp_path / "n_1.swc", header), unit=tuple(float(size) for size in nm)).nucleus_id == 1


@pytest.mark.parametrize(
    "header",
    [
        "",
        "# total length in mm: 3.2",
        "# step distance in nm between nodes 500",
        "# SWC of a program",
        "# units: voxels",
        '# Meta: {"units": "1 dimensionless"}',
        '# {"units": null}',
    ],
)
def test_without_a_unit_the_command_asks_for_it_and_takes_what_it_is_told(tmp_path, header):
    path = swc(tmp_path / "n_1.swc", header)
    with pytest.raises(ValueError, match=r"n_1\.swc: the file does not say in which unit .*--nm-per-unit 1 1 1 .*# units: um"):
        only(path, unit=None)
    assert length(path, unit=(8.0, 8.0, 8.0)) == pytest.approx(8 * AXON)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('# Meta: {"units": "8 nanometer"}', "the file says that one unit is 8 8 8 nm, but --nm-per-unit says 4 4 40"),
        ("# units: um\n# All positions in nm", "the header declares 2 units: um, nm"),
        ("# units: furlongs", "the header declares the unit 'furlongs', which is no length known here"),
        ('# Meta: {"units": 8}', "the header declares the unit '8', which is no length"),
        ("# units: 0 nm", "the header declares the unit '0 nm'"),
        ("# OFFSET 1 2", r"the header's 'OFFSET 1 2' has no three numbers \(x y z\)"),
        ("# OFFSET 1 2 nan", "the header's 'OFFSET 1 2 nan' has no three numbers"),
        ("# OFFSET 1 2 3\n# OFFSET 1 2 4", "the header has 2 different OFFSET"),
        ("# SCALE 1 0 1", "the header's SCALE is 1 0 1, but factors of coordinates are above 0"),
        ("# SCALE 2 2 2\n# OFFSET 1 2 3", "the header has OFFSET 1 2 3 and SCALE 2 2 2, and does not say which comes first"),
    ],
)
def test_declarations_that_disagree_or_make_no_sense_are_refused(tmp_path, header, words):
    with pytest.raises(ValueError, match=rf"n_1\.swc: {words}"):
        only(swc(tmp_path / "n_1.swc", header), unit=(4.0, 4.0, 40.0))


@pytest.mark.parametrize(
    ("text", "nm"),
    [("8 nm, 8 nm, 40 nm", (8, 8, 40)), ("1e-9 m", (1, 1, 1)), ("nanometres", (1, 1, 1)), ("Mm", (1e15,) * 3), ("mm", (1e6,) * 3)]
    + [(text, None) for text in ("1,5 um", "nm^2", "4 40 nm", "s", "-8 nm", "8", "um nm", "1e400 nm")],
)
def test_a_length_is_read_as_written_or_not_at_all(text, nm):
    found = nm_per_unit_of(text)
    assert found == (nm if nm is None else pytest.approx(nm))


def test_an_offset_is_added_and_a_scale_multiplied_and_both_are_said(tmp_path, caplog):
    janelia = "# ORIGINAL_SOURCE Janelia Workstation Large Volume Viewer\n# OFFSET 1000.5 2000 3000\n# COLOR 1,0,0"
    assert only(swc(tmp_path / "n_1.swc", janelia)).vertices_nm[1].tolist() == [1003.5, 2000, 3000]
    neuromorpho = "# ORIGINAL_SOURCE Neurolucida\n# CREATURE mouse\n# SHRINKAGE_CORRECTION 1.0 1.0 1.0\n# SCALE 2.0 2.0 5.0\n# SOMA_AREA"
    assert only(swc(tmp_path / "n_1.swc", neuromorpho)).vertices_nm[4].tolist() == [6, 22, 0]
    plain = "# OFFSET\n# SCALE 1.0 1.0 1.0\n# SHRINKAGE_CORRECTION 1.0\n# offset by hand"
    assert only(swc(tmp_path / "n_1.swc", plain)).vertices_nm[4].tolist() == [3, 11, 0]
    said = [message.split(";")[0] for message in caplog.messages]
    assert said == [
        "axons: 1 files with an OFFSET in the header, which was added",
        "axons: 1 files with a SCALE in the header, by which coordinates were multiplied",
    ]
    only(swc(tmp_path / "n_1.swc", "# SHRINKAGE_CORRECTION 1.0 1.0 1.3"))
    assert "SHRINKAGE_CORRECTION in the header, which is taken for applied" in caplog.messages[-1]


def test_an_edge_belongs_to_its_far_end(tmp_path):
    path = swc(tmp_path / "n_1.swc")
    assert (length(path), length(path, "dendrite")) == (AXON, DENDRITE)
    backwards = swc(tmp_path / "n_1.swc", nodes=NODES[::-1])
    assert (length(backwards), length(backwards, "dendrite")) == (AXON, DENDRITE)


@pytest.mark.parametrize("codes", [[0, 0, 5, 0, 6], [1, 0, 5, 0, 6], [0, 0, 0], [7, 8, 0, 5], [5, 5, 6]])
def test_a_file_that_labels_neither_axon_nor_dendrite_is_whole(tmp_path, codes):
    path = swc(tmp_path / "n_1.swc", nodes=coded(*codes))
    assert (length(path), length(path, "dendrite")) == (len(codes) - 1, len(codes) - 1)


@pytest.mark.parametrize(
    ("codes", "axon", "dendrite"),
    [
        (
            [
                1,
                3,
                5,
                3,
                6,
            ],
            0,
            4,
        ),  # a fork and an end within a dendrite
        ([1, 5, 3, 3], 0, 3),  # a fork right at the soma belongs to what follows
        ([5, 5, 2, 2], 3, 0),  # and so does one at a root
        ([3, 5, 2, 2], 2, 1),  # an axon that leaves a dendrite at a fork: the fork is the dendrite's
        ([2, 7, 2, 42, 6], 4, 0),  # codes of a lab within an axon
        ([3, 4, 3], 0, 2),  # apical and basal are both dendrite
        ([3, 0, 3, 3], 0, 2),  # 0 beside labels says nothing, and is counted
        ([3, 3, 0, 5, 6], 0, 1),  # nor do forks and ends on such a stretch
        ([1, 1, 1, 3], 0, 1),
    ],
)
def test_forks_ends_and_codes_of_a_lab_belong_to_the_neurite_they_lie_on(tmp_path, codes, axon, dendrite):
    path = swc(tmp_path / "n_1.swc", nodes=coded(*codes))
    for compartment, expected in (("axon", axon), ("dendrite", dendrite)):
        if expected:
            assert length(path, compartment) == expected
        else:
            with pytest.raises(ValueError, match=f"none of {len(codes)} vertices is labelled {compartment}"):
                only(path, compartment)


def test_codes_that_a_lab_uses_for_synapses_are_pointed_out_with_their_number(tmp_path, caplog):
    labels = "# Labels: 0 = undefined; 1 = soma; 2 = axon; 3 = dendrite; 4 = Presynapse; 5 = Postsynapse"
    nodes = [*coded(2, 2, 2, 2), (5, 4, 1, 0.5, 0, 2), (6, 4, 2, 0.5, 0, 3), (7, 5, 3, 0, 2, 4)]
    path = swc(tmp_path / "n_1.swc", labels, nodes)
    assert length(path) == pytest.approx(3 + 0.5 + 0.5 + 2)  # nothing is dropped
    assert any(message.startswith("axons: 2 vertices of code 4 (Presynapse by the header)") for message in caplog.messages)
    assert any(message.startswith("axons: 1 vertices of code 5 (Postsynapse by the header)") for message in caplog.messages)
    caplog.clear()
    assert length(swc(path, "", nodes)) == 5  # without the list of codes, 4 is a dendrite that hangs on an axon, which is doubted
    assert any("2 vertices of code 4 (apical dendrite) right below an axon" in message for message in caplog.messages)
    assert any("1 vertices of code 5 (fork) that are no fork" in message for message in caplog.messages)
    caplog.clear()
    only(swc(path, "# 2 = axon, 4 = pre{x}", coded(2, 4, 2)))
    assert caplog.messages[-1].startswith("axons: 1 vertices of code 4 (pre{x} by the header)")
    caplog.clear()
    only(swc(path, "", coded(2, 7, 2, 8, 7)))
    assert any(message.startswith("axons: 2 vertices of code 7, which belong where their parents do") for message in caplog.messages)


def test_what_many_files_share_is_said_once_with_the_number_of_files(tmp_path, caplog):
    for number in (1, 2, 3):
        swc(tmp_path / f"n_{number}.swc", "# units: um", coded(3, 0, *[7] * number, 3))
    with caplog.at_level(logging.WARNING):
        list(read_skeleton(find_skeletons([tmp_path]), "dendrite"))
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith(
        "dendrites: 6 vertices of code 7, which belong where their parents do; in 3 of 3 skeletons, first "
    )
    assert caplog.messages[1].startswith("dendrites: 9 edges have no compartment (code 0 beside labelled vertices)")


def test_the_codes_of_a_header_are_used_where_they_are_not_swc(tmp_path):
    header = "# Labels:\n# 2 = dendrite, 3 = axon\n# 1 = soma"
    path = swc(tmp_path / "n_1.swc", header)
    assert (length(path), length(path, "dendrite")) == (7.0, 11.0)
    usual = "# Labels:\n# 0 = undefined, 1 = soma, 5 = fork point, 6 = end point\n# 7 = presynapses, 8 = postsynapses"
    assert length(swc(tmp_path / "n_1.swc", usual, coded(0, 7, 5, 6))) == 3


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: b"# by Ram\xf3n, 1 \xb5m\n" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace(" ", ",").encode(),
        lambda text: text.replace(" ", ", ").encode(),
        lambda text: text.replace(" ", " ,").encode(),
        lambda text: text.replace(" ", "\t").encode(),
        lambda text: text.replace(" ", ";").encode(),
        lambda text: text.replace(" ", ";").replace(".", ",").encode(),
        lambda text: text.replace(" ", "\t").replace(".", ",").encode(),
        lambda text: text.replace("\n", "   \n\n  ").encode(),
        lambda text: text.replace("\n", " 7 8.5\n").encode(),
        lambda text: text.replace("\n", " # inline\n").encode(),
        lambda text: ("id type x y z radius parent\n" + text).encode(),
        lambda text: ('"id","type","x","y","z","r","pid"\n' + text.replace(" ", ",")).encode(),
        lambda text: text.replace("1 1 0", "1.0 1.0 0").replace(" 2\n", " 2.0\n").encode(),
        lambda text: text.replace(" 0.5 ", " NA ").encode(),
        lambda text: text.encode().rstrip(),
    ],
)
def test_the_text_may_be_written_as_programs_write_it(tmp_path, spelled):
    path = swc(tmp_path / "n_1.swc", nodes=[(*node[:2], *(x + 0.25 for x in node[2:5]), node[5]) for node in NODES])
    path.write_bytes(spelled(path.read_text().lstrip("\n")))
    assert only(path).vertices_nm[4].tolist() == [3.25, 11.25, 0.25]
    assert (length(path), length(path, "dendrite")) == (AXON, DENDRITE)


@pytest.mark.parametrize("root", [-1, -2, 0, 1])
def test_a_root_has_a_negative_parent_none_or_itself(tmp_path, root):
    path = swc(tmp_path / "n_1.swc", nodes=[(1, 1, 0, 0, 0, root), *NODES[1:]])
    assert (length(path), length(path, "dendrite")) == (AXON, DENDRITE)


def test_several_roots_are_several_pieces_and_node_zero_may_be_a_parent(tmp_path):
    assert length(swc(tmp_path / "n_1.swc", nodes=[(0, 2, 0, 0, 0, -1), (1, 2, 1, 0, 0, 0), (7, 2, 9, 0, 0, -1), (6, 2, 9, 2, 0, 7)])) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "1 2 0 0 0 1 2\n2 2 1 0 0 1 1\n3 2 2 0 0 1 -1\n",
            "2 of 3 nodes have no root above them, first node 1: their parents form a circle",
        ),
        ("1.5 2 0 0 0 1 -1\n", "the number of 1 of 1 nodes is no whole number below 2"),
        ("99999999999999999999 2 0 0 0 1 -1\n", "the number of 1 of 1 nodes is no whole number below 2"),
        ("1 2 0 0 0 1 nan\n", "the parent of 1 of 1 nodes is no whole number"),
        ("1 2 0 nan 0 1 -1\n2 2 0 0 0 1 1\n", "1 of 2 vertices are NaN or infinite"),
        ("id x y z radius type parent\n1 0 0 0 1 2 -1\n", r"the line of column names is \['id', 'x', .* but SWC has node, type, x"),
        ("1 2 0 0 0\n", r"no SWC that can be read .* Each line needs node, type, x, y, z, radius, parent"),
        ("\x00\x01\x02", "no SWC that can be read"),
    ],
)
def test_what_is_no_tree_of_nodes_is_refused(tmp_path, text, words):
    (tmp_path / "n_1.swc").write_text("# units: nm\n" + text)
    with pytest.raises(ValueError, match=rf"n_1\.swc: {words}"):
        only(tmp_path / "n_1.swc", unit=None)


def test_a_folder_gives_files_in_capitals_and_behind_links_and_names_what_it_passes_over(tmp_path, caplog):
    (tmp_path / "real" / ".ipynb_checkpoints").mkdir(parents=True)
    for name in ("axon_1.swc", "axon_2.SWC", "._axon_1.swc", ".ipynb_checkpoints/axon_1-checkpoint.swc", "notes.txt"):
        swc(tmp_path / "real" / name)
    np.savez(tmp_path / "a.npz", vertices=np.zeros((2, 3)), edges=np.array([[0, 1]]))
    (tmp_path / "a.npz").rename(tmp_path / "real" / "axon_3.NPZ")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [place.nucleus_id for place in find_skeletons([tmp_path / "link"])] == [1, 2, 3]
    assert "3 of 6 entries are no .npz or .swc file and were passed over, first ._axon_1.swc" in caplog.text
    assert [place.nucleus_id for place in find_skeletons([f"{tmp_path}/link#3,1"])] == [1, 3]
    assert [place.nucleus_id for place in find_skeletons([f"{tmp_path}/real/axon_2.SWC#2"])] == [2]
    with pytest.raises(ValueError, match="1 of 2 ids after the # have no file there, first 9"):
        find_skeletons([f"{tmp_path}/real#1,9"])
    with pytest.raises(ValueError, match=r"the skeleton's id 9223372036854775813 is 2\^63 or more"):
        find_skeletons([f"{tmp_path}/real#9223372036854775813"])
    (tmp_path / "real" / "axon_4.swc").symlink_to(tmp_path / "gone.swc")
    with pytest.raises(FileNotFoundError, match=r"axon_4\.swc: no such file"):
        find_skeletons([tmp_path / "link"])
