"""A written volume agrees with its tables; each planted disagreement is found, with its reason, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex.em.disagreements import compare_matches
from graphtwin.pipeline.check_records import check_annotations
from graphtwin.pipeline.check_volume import VolumeCheck, check_volume
from graphtwin.synthetic.volume.volume_files import write_volume
from tests import small_tissue
from tests.small_tissue import FRAGMENT, A, B, C

pytestmark = pytest.mark.slow


@dataclass
class Tables:
    """What the volume is held against; a test spoils it."""

    nuclei: pd.DataFrame
    synapses: pd.DataFrame
    contacts: pd.DataFrame


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("checked") / "volume"
    return folder, write_volume(small_tissue.content(), folder, n_meshes=0).contacts


@pytest.fixture
def tables(volume) -> Tables:
    return Tables(small_tissue.nucleus_rows(), small_tissue.synapses(11, 12), volume[1].copy())


def check(volume: tuple[Path, pd.DataFrame], tables: Tables, chunk: tuple[int, int, int] | None = None) -> VolumeCheck:
    folder = volume[0]
    return check_volume(folder / "segmentation", folder / "nuclei", tables.nuclei, tables.synapses, tables.contacts, chunk)


def place(table: pd.DataFrame, row: int, side: str, where_um: tuple[float, float, float]) -> None:
    table.loc[row, [f"{side}{axis}_nm" for axis in "xyz"]] = small_tissue.nm(where_um)


def test_the_volume_agrees_with_the_tables_it_was_painted_from(volume, tables):
    found = check(volume, tables)
    assert found.disagreements.empty
    assert list(found.disagreements.columns) == ["kind", "synapse_id", "nucleus_id", "root_id", "x_nm", "y_nm", "z_nm", "reason"]
    assert found.nuclei["root_id"].tolist() == [A, B, C]
    radius = np.array([1.0, 0.9, 0.8])
    assert found.nuclei["volume_um3"].to_numpy() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    assert np.abs(found.nuclei[["x_nm", "y_nm", "z_nm"]].to_numpy() - small_tissue.nm(small_tissue.SOMA_UM)).max() < 30
    assert found.synapses["pre_segment"].tolist() == [A, C]
    assert found.synapses["post_segment"].tolist() == [B, B]
    assert found.contacts["area_um2"].tolist() == pytest.approx(tables.contacts["area_um2"].tolist())


@pytest.mark.parametrize("chunk", [(120, 120, 120), (37, 61, 44)])
def test_the_boxes_it_is_read_in_change_nothing(volume, tables, chunk):
    stored, other = check(volume, tables), check(volume, tables, chunk=chunk)
    assert stored.contacts.equals(other.contacts)
    pd.testing.assert_frame_equal(stored.nuclei, other.nuclei, rtol=1e-12)


def on_background(tables: Tables) -> None:
    place(tables.synapses, 0, "pre_", (1.0, 11.0, 1.0))


def on_another_root(tables: Tables) -> None:
    tables.synapses.loc[1, "post_root_id"] = A


def missing_contact(tables: Tables) -> None:
    tables.synapses.loc[1, "post_root_id"] = A
    place(tables.synapses, 1, "post_", (3, 3, 6))


def fragment(tables: Tables) -> None:
    tables.synapses = small_tissue.synapses(11, 12, 13)


def other_segment(tables: Tables) -> None:
    tables.nuclei.loc[2, "root_id"] = C + 100
    tables.synapses = tables.synapses[tables.synapses["pre_root_id"] != C]


def elsewhere(tables: Tables) -> None:
    place(tables.nuclei, 0, "", (3, 3, 3.8))


def no_nucleus(tables: Tables) -> None:
    extra = tables.nuclei[:1].assign(nucleus_id=200009)
    tables.nuclei = pd.concat([tables.nuclei, extra], ignore_index=True)


def unknown_nucleus(tables: Tables) -> None:
    tables.nuclei = tables.nuclei[tables.nuclei["nucleus_id"] != 200001]
    tables.synapses = tables.synapses[tables.synapses["pre_root_id"] != A]


def other_area(tables: Tables) -> None:
    tables.contacts.loc[0, "area_um2"] *= 1.05


@pytest.mark.parametrize(
    ("plant", "kind", "ids", "words"),
    [
        (on_background, "synapse on background", (11, -1, A), f"no segment within 150 nm of its presynaptic point; the table says {A}"),
        (on_another_root, "synapse on another root id", (12, -1, A), f"its postsynaptic point lies in {B}; the table says {A}"),
        (missing_contact, "contact missing for a synapse", (12, -1, C), f"{C} and {A}, touch nowhere in the volume"),
        (fragment, "root id without a nucleus", (-1, -1, FRAGMENT), "1 ends of synapses are on it, and no nucleus has it"),
        (other_segment, "nucleus outside its segment", (-1, 200003, C + 100), f"100 % of its voxels are in segment {C}; the table says"),
        (elsewhere, "nucleus elsewhere", (-1, 200001, A), "its centroid lies 8.. nm from where the table says"),
        (no_nucleus, "nucleus missing", (-1, 200009, A), "no voxel of the nucleus volume has its id"),
        (unknown_nucleus, "nucleus not in the table", (-1, 200001, A), r"the volume has this nucleus \(4.2 um\^3\), the table"),
        (other_area, "contact area differs", (-1, -1, A), f"{A} and {B}: the table says .* um\\^2, the volume"),
    ],
)  # fmt: skip
def test_a_planted_disagreement_is_found_and_nothing_else(
    volume, tables, plant: Callable[[Tables], None], kind: str, ids: tuple[int, int, int], words: str
):
    plant(tables)
    (row,) = check(volume, tables).disagreements.itertuples()
    assert row.kind == kind
    assert (row.synapse_id, row.nucleus_id, row.root_id) == ids
    assert pd.Series([row.reason]).str.contains(words).all(), row.reason


def test_synapses_with_a_point_outside_are_counted_and_all_outside_is_an_error(volume, tables):
    tables.synapses = small_tissue.synapses(11, 14)
    found = check(volume, tables)
    assert (found.synapses["synapse_id"].tolist(), found.n_synapses_outside) == ([11], 1)
    columns = [name for name in tables.synapses if name.endswith("_nm")]
    tables.synapses[columns] = tables.synapses[columns] / 100
    with pytest.raises(ValueError, match=r"2 of 2 points are outside .* As voxels of this volume \(100 x 100 x 100 nm\), 2 of 2 would be"):
        check(volume, tables)


def test_nuclei_on_other_voxels_are_refused(volume, tables, tmp_path):
    write_volume(small_tissue.content(small_tissue.block((200, 200, 200))), tmp_path / "coarse", n_meshes=0)
    with pytest.raises(ValueError, match=r"coarse/nuclei: resolution \[200.0, 200.0, 200.0\] nm, .* Give nuclei on the voxels"):
        check_volume(volume[0] / "segmentation", tmp_path / "coarse/nuclei", tables.nuclei, tables.synapses)


@pytest.mark.parametrize(
    ("spoil", "finding", "reason"),
    [
        (
            lambda t: t.assign(size=t["size"] + (t["synapse_id"] == 12)),
            ("annotation of another size", 12),
            "size 4000, .* says 4001",
        ),
        (lambda t: t.assign(ctr_y_nm=t["ctr_y_nm"] + 60.0 * (t["synapse_id"] == 13)), ("annotation elsewhere", 13), "lies 60 nm from"),
        (lambda t: t[t["synapse_id"] != 11], ("annotation not in the table", 11), "a point of this id, the table no synapse"),
        (lambda t: pd.concat([t, t[:1].assign(synapse_id=99)]), ("synapse not annotated", 99), "no point of the volume has its id"),
    ],
)
def test_points_and_a_table_of_synapses_that_contradict_each_other_are_found(volume, spoil, finding, reason):
    paths = volume[0] / "segmentation", volume[0] / "synapses"
    assert check_annotations(*paths, small_tissue.synapses()).empty
    found = check_annotations(*paths, spoil(small_tissue.synapses()))
    assert list(zip(found["kind"], found["synapse_id"], strict=True)) == [finding]
    assert re.search(reason, found["reason"].iloc[0])


def test_a_synapse_outside_the_volume_needs_no_point(volume):
    far = small_tissue.synapses(11).assign(synapse_id=98, ctr_x_nm=lambda t: t["ctr_x_nm"] + 10**6)
    table = pd.concat([small_tissue.synapses(), far])
    assert check_annotations(volume[0] / "segmentation", volume[0] / "synapses", table).empty


def test_matches_that_only_one_side_has_or_that_lie_elsewhere_are_found():
    table = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [2, 3, 4], "nucleus_id": [6, 7, 8], "root_id": [C, A, B]})
    table = table.assign(x_nm=[500.0, 0, 1000], y_nm=0.0, z_nm=0.0)
    seen = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [3, 4, 5], "x_nm": [0.0, 1000, 9], "y_nm": [4000.0, 6000, 9], "z_nm": 0.0})
    found = compare_matches(table, seen, 5000.0).set_index("kind")
    assert found[["nucleus_id", "root_id"]].T.to_dict("list") == {
        "match not in the recording": [6, C],
        "match elsewhere": [8, B],
        "match not in the table": [-1, -1],
    }
    assert found["reason"]["match elsewhere"] == "the recording has unit 4 of scan 1-1 6000 nm from where the table says"
    assert found["reason"]["match not in the table"] == "the recording matches unit 5 of scan 1-1, the table does not"
