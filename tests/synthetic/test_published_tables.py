"""Claims: the reader of the published tables returns what was written, in house units; equal tables give equal bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import sha256
from graphtwin.coordinates import MINNIE65, pia_from_voxels, voxels_from_pia
from graphtwin.sources.loaders.published import read_neurons, read_pairs
from graphtwin.synthetic.files.published_tables import PUBLISHED, node_table, write_published
from graphtwin.tuning.similarity import rf_distance, signal_correlation
from tests.synthetic.planted_volume import planted_volume

NEURONS = planted_volume().neurons
PROOFREADING = pd.DataFrame({"nucleus_id": NEURONS["nucleus_id"][:2], "status_axon": ["extended", "clean"]})


def planted_pairs() -> pd.DataFrame:
    """Every pair of the first two cells; synapses on every fifth, L_d on every second."""
    ids = NEURONS["nucleus_id"].to_numpy()
    pairs = pd.DataFrame({"pre_nucleus_id": np.repeat(ids[:2], 29), "post_nucleus_id": np.r_[ids[1:], ids[0], ids[2:]]})
    count = np.where(np.arange(58) % 5 == 0, 1 + np.arange(58) % 3, 0)
    near = np.where((count > 0) | (np.arange(58) % 2 == 0), 0.1 + np.arange(58) * 1.7, 0.0)
    return pairs.assign(l_d_um=near, n_synapses=count, synapse_size=100 * count, distance_um=1.0)


def planted_function(seed: int = 0) -> pd.DataFrame:
    """Twenty of the cells, one without a receptive field from reverse correlation."""
    rng = np.random.default_rng(seed)
    n = 20
    table = pd.DataFrame({"nucleus_id": NEURONS["nucleus_id"][:n], "session": 1, "scan_idx": 1, "unit_id": 1 + np.arange(n)})
    table["cc_abs_cvt"] = rng.uniform(0.2, 0.9, n)
    table["pref_ori_iv"] = rng.uniform(0, 180, n)
    for name, length, dtype in (("readout_cvt", 8, np.float32), ("in_silico_resp", 30, np.float64), ("position_stim_cvt", 2, np.float64)):
        table[name] = list(rng.normal(size=(n, length)).clip(-1, 1).astype(dtype))
    table["sta_mu_comb"] = [None, *list(rng.uniform(-1, 1, (n - 1, 2)))]
    return table


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_published(planted_pairs(), NEURONS, PROOFREADING, planted_function(), tmp_path_factory.mktemp("published"))


def test_neurons_come_back_as_written(written):
    found, function = read_neurons(written[1]), planted_function()
    for name in ("nucleus_id", "session", "scan_idx", "unit_id", "cc_abs_cvt", "pref_ori_iv"):
        assert found[name].tolist() == function[name].tolist()
    voxels = np.rint(voxels_from_pia(NEURONS[["x_um", "depth_um", "z_um"]].to_numpy()[:20], MINNIE65))
    np.testing.assert_allclose(found[["x_um", "depth_um", "z_um"]], pia_from_voxels(voxels, MINNIE65), atol=1e-9)
    assert found["hva"].tolist() == ["V1" if area == "V1" else "HVA" for area in NEURONS["brain_area"][:20]]
    assert found["proofread_status"].tolist() == ["extended", "clean"] + ["non"] * 18
    np.testing.assert_array_equal(np.stack(found["readout_cvt"]), np.stack(function["readout_cvt"]))
    np.testing.assert_array_equal(np.stack(found["in_silico_resp"]), np.stack(function["in_silico_resp"]).astype(np.float32))
    np.testing.assert_array_equal(np.stack(found["position_stim_cvt"]), np.stack(function["position_stim_cvt"]))
    assert np.isnan(found["sta_mu_comb"][0]).all()
    assert "osi_iv" not in found


def test_pairs_come_back_in_um_with_their_counts_sizes_and_populations(written):
    found = read_pairs(written[0])
    pairs = planted_pairs()
    expected = pairs[pairs["post_nucleus_id"].isin(planted_function()["nucleus_id"])].reset_index(drop=True)
    for name in ("pre_nucleus_id", "post_nucleus_id", "n_synapses"):
        assert found[name].tolist() == expected[name].tolist()
        assert found[name].dtype == np.int64
    np.testing.assert_allclose(found["l_d_um"], expected["l_d_um"], rtol=1e-15)
    np.testing.assert_array_equal(found["synapse_size"], expected["synapse_size"])
    np.testing.assert_array_equal(found["mean_synapse_size"], np.where(expected["n_synapses"] > 0, 100.0, np.nan))
    assert set(found["population"]) == {"Connected", "ADP", "Same region"}
    assert found["proj_hva"][0] == "HVA->V1"
    assert found["proj_hva_layer"][0] == "HVAL2/3->V1L4"
    assert (pd.read_pickle(written[0])["dend_len"] * 1000).max() == pytest.approx(expected["l_d_um"].max())


def test_similarities_are_those_of_the_vectors_in_the_neuron_table(written):
    pairs, neurons = read_pairs(written[0]), read_neurons(written[1])
    rows = pd.Index(neurons["nucleus_id"])
    a, b = (rows.get_indexer(pairs[name]) for name in ("pre_nucleus_id", "post_nucleus_id"))
    np.testing.assert_array_equal(pairs["in_silico_sig_corr_cvt"], signal_correlation(np.stack(neurons["in_silico_resp"]), a, b))
    np.testing.assert_array_equal(pairs["readout_location_distance_cvt"], rf_distance(np.stack(neurons["position_stim_cvt"]), a, b))
    unknown = (a == 0) | (b == 0)
    np.testing.assert_array_equal(pairs["readout_location_distance_sta"].isna(), unknown)
    assert pairs["delta_ori_iv"].between(0, 90).all()
    assert [name for name in PUBLISHED if name in pairs] == [
        "in_silico_sig_corr_cvt",
        "readout_similarity_cvt",
        "readout_location_distance_cvt",
        "readout_location_distance_sta",
        "delta_ori_iv",
    ]


def test_equal_tables_give_equal_bytes_however_their_texts_were_made(written, tmp_path):
    apart = {name: ["".join(list(text)) for text in NEURONS[name]] for name in ("brain_area", "layer")}
    other = NEURONS.assign(**apart)
    pairs = planted_pairs().sample(frac=1, random_state=0).sort_index()
    again = write_published(pairs, other[list(reversed(other.columns))], PROOFREADING, planted_function(), tmp_path)
    assert [sha256(path) for path in again] == [sha256(path) for path in written]


def test_neurons_that_the_anatomy_lacks_or_that_are_listed_twice_are_refused():
    function = planted_function()
    with pytest.raises(ValueError, match=r"20 of 20 neurons with a function are no neurons of the anatomy, first \[10"):
        node_table(NEURONS.iloc[20:], PROOFREADING, function)
    with pytest.raises(ValueError, match=r"1 of 21 rows repeat the key \['nucleus_id'\]"):
        node_table(NEURONS, PROOFREADING, pd.concat([function, function.tail(1)]))
    with pytest.raises(ValueError, match=r"'session' \(nearest here: 'sessions'\)"):
        node_table(NEURONS, PROOFREADING, function.rename(columns={"session": "sessions"}))


def test_no_pairs_among_functional_neurons_is_a_table_without_rows(tmp_path):
    few = NEURONS["nucleus_id"].to_numpy()[25:27]
    pairs = pd.DataFrame({"pre_nucleus_id": few, "post_nucleus_id": few[::-1], "l_d_um": 1.0, "n_synapses": 0, "synapse_size": 0})
    path = write_published(pairs, NEURONS, PROOFREADING, planted_function(), tmp_path)[0]
    with pytest.raises(ValueError, match="no rows"):
        read_pairs(path)
