"""Claims: what is written is what the loader returns, to the last digit; merges, fragments and self pairs are counted, not hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphtwin import sources
from graphtwin.artifacts import sha256
from graphtwin.coordinates import MINNIE65, pia_from_voxels, voxels_from_pia
from graphtwin.cortex import cortex as cortex_room
from graphtwin.synthetic.files.cave_tables import matches, write_cave_tables
from tests.synthetic.planted_volume import FIRST, MERGED, planted_volume, root

pytestmark = pytest.mark.slow


VOLUME = planted_volume()
POSITION = ["x_um", "depth_um", "z_um"]


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    return write_cave_tables(VOLUME, tmp_path_factory.mktemp("cortex"))[-1]


@pytest.fixture(scope="module")
def source(toml):
    return sources.load(toml)


@pytest.fixture(scope="module")
def cortex(source):
    return cortex_room.build(source)


def steps(cortex, table):
    rows = cortex.funnel[cortex.funnel["table"] == table]
    return dict(zip(rows["step"], zip(rows["n_before"], rows["n_after"], strict=True), strict=True))


def test_nuclei_labels_and_positions_come_back_as_written(source):
    voxels = np.rint(voxels_from_pia(VOLUME.neurons[POSITION].to_numpy(), MINNIE65))
    for role in ("nuclei", "cell_types_fine", "cell_types_coarse"):
        (table,) = source.of(role)
        assert table.materialization == 661
        assert table.frame["nucleus_id"].tolist() == VOLUME.neurons["nucleus_id"].tolist()
        assert table.frame["root_id"].tolist() == root(np.arange(30)).tolist()
        np.testing.assert_array_equal(table.frame[POSITION], pia_from_voxels(voxels, MINNIE65))
    np.testing.assert_allclose(table.frame[POSITION], VOLUME.neurons[POSITION], atol=0.021)  # half a voxel is 2, 2 and 20 nm
    (fine,), (coarse,) = source.of("cell_types_fine"), source.of("cell_types_coarse")
    assert fine.frame["cell_type"].tolist() == VOLUME.neurons["cell_type"].tolist()
    assert coarse.frame["cell_class"].tolist() == VOLUME.neurons["cell_class"].tolist()


def test_units_responses_and_areas_come_back_as_written(source):
    pd.testing.assert_frame_equal(
        source.of("responses")[0].frame, VOLUME.responses.astype(dict.fromkeys(VOLUME.responses.columns[3:], float))
    )
    found = source.of("coregistration")[0].frame
    expected = VOLUME.units[VOLUME.units["coregistered"]]
    for name in ("session", "scan_idx", "unit_id", "nucleus_id"):
        assert found[name].tolist() == expected[name].tolist()
    areas = source.of("areas")[0].frame["brain_area"]
    assert areas.tolist() == VOLUME.neurons.set_index("nucleus_id").loc[VOLUME.units["nucleus_id"], "brain_area"].tolist()


def test_synapses_come_back_one_by_one_and_are_summed_to_pairs(source, cortex):
    (table,) = source.of("synapse_list")
    written = VOLUME.synapses[["synapse_id", "pre_root_id", "post_root_id", "size"]]
    pd.testing.assert_frame_equal(table.frame, written.astype({"size": float}))
    pairs = cortex.synapses.set_index(["pre_nucleus_id", "post_nucleus_id"])
    assert pairs["size"].to_dict() == {
        (FIRST, FIRST + 3): 600.0,
        (FIRST, FIRST + 12): 400.0,
        (FIRST + 3, FIRST): 500.0,
    }
    assert pairs["n_synapses"].tolist() == [3, 1, 1]
    assert pairs["n_synapses"].dtype == "Int64"


def test_self_pairs_fragments_and_merges_are_counted_in_the_funnel(cortex):
    found = steps(cortex, "synapses 661")
    assert found["distinct pairs of root ids"] == (11, 8)
    assert found["not onto itself"] == (8, 7)
    assert found["postsynaptic cell queried"] == (7, 6)
    assert found["presynaptic nucleus known"] == (6, 4)
    assert found["postsynaptic nucleus known"] == (4, 3)
    assert steps(cortex, "tables/nucleus_detection_v0.parquet")["one nucleus a root"] == (30, 28)
    assert not set(VOLUME.neurons["nucleus_id"].iloc[list(MERGED)]) & set(cortex.root_ids.query("materialization == 661")["nucleus_id"])


def test_root_ids_of_the_earlier_materialization_reach_their_nuclei_through_units_alone(source, cortex):
    (table,) = source.of("unit_roots")
    assert table.materialization == 343
    assert not set(table.frame["root_id"]) & set(root(np.arange(30)))
    mapped = cortex.root_ids.query("materialization == 343").set_index("root_id")["nucleus_id"]
    truth = VOLUME.roots.query("materialization == 343").set_index("root_id")["nucleus_id"]
    assert len(mapped) == 19
    assert mapped.to_dict() == truth.loc[mapped.index].to_dict()


def test_tables_of_the_wrong_materialization_are_noticed(toml, tmp_path):
    earlier = VOLUME.synapses.copy()
    for side in ("pre_root_id", "post_root_id"):
        earlier[side] += 1_000_000
    found = write_cave_tables(replace(VOLUME, synapses=earlier), tmp_path)[-1]
    with pytest.raises(ValueError, match=r"only 0 of 7 values of post_root_id in tables/synapses_pni_2.parquet are among the queried"):
        sources.load(found)


def test_root_ids_saved_as_floats_are_refused(toml, tmp_path):
    path = write_cave_tables(VOLUME, tmp_path)[-1]
    table = path.parent / "tables" / "synapses_pni_2.parquet"
    pd.read_parquet(table).astype({"pre_pt_root_id": float}).to_parquet(table, index=False)
    with pytest.raises(ValueError, match=r"synapses_pni_2.parquet, column pre_root_id: ids are floats.*11 of 11 ids lie above"):
        sources.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename(columns={"id": "synapse"}), "'synapse_id' .nearest here: 'synapse'"),
        (lambda t: t.rename(columns={"post_pt_root_id": "post_pt_root"}), "'post_root_id' .nearest here: 'pre_root_id'"),
        (lambda t: pd.concat([t, t.tail(1)]), r"1 of 12 rows repeat the key \['synapse_id'\]"),
        (lambda t: t.assign(size=-1), "11 values do not fit the schema"),
    ],
)
def test_a_spoilt_list_of_synapses_is_refused(change, message, tmp_path):
    path = write_cave_tables(VOLUME, tmp_path)[-1]
    table = path.parent / "tables" / "synapses_pni_2.parquet"
    change(pd.read_parquet(table)).to_parquet(table, index=False)
    with pytest.raises(ValueError, match=message):
        sources.load(path)


def test_only_cells_whose_inputs_were_looked_for_are_in_the_mask(tmp_path):
    queried = VOLUME.neurons["nucleus_id"].to_numpy()[:2]
    cortex = cortex_room.build(
        sources.load(write_cave_tables(replace(VOLUME, queried=queried, synapses=VOLUME.synapses[:5]), tmp_path)[-1])
    )
    assert cortex.queried.query("side == 'post'")["nucleus_id"].tolist() == queried.tolist()
    assert cortex.synapses["n_synapses"].tolist() == [3, 1]


def test_parts_make_the_table_of_the_whole_and_one_seed_the_same_bytes(toml, tmp_path):
    parts = replace(VOLUME, synapses=(VOLUME.synapses.iloc[start : start + 4] for start in range(0, 11, 4)))
    paths = write_cave_tables(parts, tmp_path / "parts")
    pd.testing.assert_frame_equal(pd.read_parquet(paths[-2]), pd.read_parquet(toml.parent / "tables" / "synapses_pni_2.parquet"))
    again = write_cave_tables(planted_volume(), tmp_path / "again")
    assert [sha256(path) for path in again] == [sha256(toml.parent / path.relative_to(tmp_path / "again")) for path in again]


def test_a_nucleus_without_a_segment_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1 of 30 nuclei have no root id at materialization 661, first \[100001\]"):
        write_cave_tables(replace(VOLUME, roots=VOLUME.roots.drop(index=30)), tmp_path)
    assert matches(VOLUME.units, VOLUME.neurons, VOLUME.roots, 343)["pt_root_id"].dtype == np.int64
