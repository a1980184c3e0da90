"""Claims: each similarity is the published formula, whatever the size, order and precision; unknown stays unknown; memory stays flat."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphtwin.coordinates import Monitor
from graphtwin.tuning import similarity
from graphtwin.tuning.similarity import (
    add_similarities,
    feature_similarity,
    orientation_difference,
    rf_distance,
    signal_correlation,
    stacked,
    unit_vectors,
)


def all_pairs(n):
    return tuple(grid.ravel() for grid in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-7)])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_signal_correlation_is_pearson(dtype, tolerance, offset):
    responses = (np.random.default_rng(0).gamma(1, 1, (30, 700)) + offset).astype(dtype)
    expected = np.corrcoef(responses.astype(np.float64)).ravel()
    np.testing.assert_allclose(signal_correlation(responses, *all_pairs(30)), expected, atol=tolerance * (1 + offset))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 5e-7)])
def test_feature_similarity_is_the_cosine(dtype, tolerance):
    weights = np.random.default_rng(1).normal(size=(20, 512)).astype(dtype)
    unit = weights.astype(np.float64) / np.linalg.norm(weights.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(feature_similarity(weights, *all_pairs(20)), (unit @ unit.T).ravel(), atol=tolerance)


@given(
    hnp.arrays(np.float64, (3, 8), elements=st.floats(-100, 100).filter(lambda value: value == 0 or abs(value) > 1e-3)),
    st.floats(0.1, 10),
    st.floats(-50, 50),
)
def test_signal_correlation_does_not_see_gain_or_baseline(responses, gain, baseline):
    responses = responses + np.arange(8) ** 2  # no row is constant
    a, b = all_pairs(3)
    np.testing.assert_allclose(signal_correlation(gain * responses + baseline, a, b), signal_correlation(responses, a, b), atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_or_missing_vector_has_no_similarity(dtype):
    responses = np.random.default_rng(2).normal(size=(4, 9)).astype(dtype)
    responses[1] = 0.1
    responses[2, 3] = np.nan
    a, b = all_pairs(4)
    unknown = np.isin(a, [1, 2]) | np.isin(b, [1, 2])
    assert (np.isnan(signal_correlation(responses, a, b)) == unknown).all()
    responses[1] = 0
    assert (np.isnan(feature_similarity(responses, a, b)) == unknown).all()


@pytest.mark.parametrize("gain", [1.0, 1e-9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_unit_vectors_are_signal_correlations_and_a_constant_row_has_none(dtype, gain):
    responses = (gain * np.random.default_rng(4).gamma(0.5, size=(12, 40))).astype(dtype)
    responses[3], responses[5, 7] = 0.3 * gain, np.nan
    a, b = np.divmod(np.arange(144), 12)
    vectors = unit_vectors(responses)
    np.testing.assert_allclose((vectors @ vectors.T).ravel(), signal_correlation(responses, a, b), atol=1e-6)
    assert np.isnan(vectors[[3, 5]]).all()
    assert np.isfinite(np.delete(vectors, [3, 5], axis=0)).all()


def test_a_large_table_gives_the_numbers_of_a_small_one_in_any_order(monkeypatch):
    rng = np.random.default_rng(3)
    responses, (a, b) = rng.normal(size=(200, 40)).astype(np.float32), rng.integers(200, size=(2, 3000))
    small = signal_correlation(responses, a, b)
    monkeypatch.setattr(similarity, "CACHE_BYTES", 0)
    np.testing.assert_array_equal(signal_correlation(responses, a, b), small)
    shuffled = rng.permutation(3000)
    np.testing.assert_array_equal(signal_correlation(responses, a[shuffled], b[shuffled]), small[shuffled])


def test_memory_is_a_few_numbers_a_pair():
    rng = np.random.default_rng(4)
    responses, (a, b) = rng.normal(size=(800, 2000)).astype(np.float32), rng.integers(800, size=(2, 200_000))
    signal_correlation(responses[:2], a[:1] * 0, b[:1] * 0)  # compiled
    tracemalloc.start()
    signal_correlation(responses, a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * len(a)  # bytes; both vectors of every pair would take 16,000 a pair


def test_rf_distance_has_the_published_check_values():
    points = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.3, 0.2], [0.1, -0.1], [-0.5, 0.5], [0.5, -0.5]])
    found = rf_distance(points, np.array([0, 0, 3, 5]), np.array([1, 2, 4, 6]))
    np.testing.assert_allclose(found, [10.42581, 5.89962, 24.42044, 93.07440], atol=1e-4)


def test_rf_distance_is_a_metric_that_knows_its_monitor():
    points = np.random.default_rng(5).uniform(-1, 1, (40, 2))
    a, b = all_pairs(40)
    square = rf_distance(points, a, b).reshape(40, 40)
    np.testing.assert_allclose(square, square.T)
    assert (np.diag(square) == 0).all()
    assert (square[:, :, None] <= square[:, None, :] + square.T[None] + 1e-9).all()
    far = rf_distance(points, a, b, Monitor(distance_cm=1500)).reshape(40, 40)
    flat = points * [55.2 / 2, 31 / 2] / 1500
    np.testing.assert_allclose(far, np.degrees(np.linalg.norm(flat[:, None] - flat[None], axis=2)), rtol=2e-3)


def test_tiny_rf_distances_keep_their_digits():
    found = rf_distance(np.array([[0.0, 0.0], [1e-8, 0.0]]), np.array([0]), np.array([1]))
    np.testing.assert_allclose(found, np.degrees(1e-8 * 55.2 / 2 / 15), rtol=1e-6)


def test_an_unknown_receptive_field_stays_unknown_and_pixels_are_refused():
    points = np.array([[0.0, 0.0], [np.nan, 0.1], [0.2, 0.3]])
    assert np.isnan(rf_distance(points, np.array([0, 0, 1]), np.array([1, 2, 2]))).tolist() == [True, False, True]
    with pytest.raises(ValueError, match=r"1 of 3 positions lie beyond 2, .*largest 960\)"):
        rf_distance(np.array([[0.0, 0.0], [960, 0.1], [0.2, 0.3]]), np.array([0]), np.array([2]))
    with pytest.raises(ValueError, match="greater than 0"):
        Monitor(distance_cm=0)


def test_orientations_differ_by_at_most_ninety_degrees():
    a, b = np.array([0.0, 179.0, 10.0, 90.0]), np.array([90.0, 1.0, 350.0, 271.0])
    np.testing.assert_allclose(orientation_difference(a, b), [90.0, 2.0, 20.0, 1.0])


def neurons() -> pd.DataFrame:
    """Four neurons; 13 has neither responses nor an orientation."""
    rng = np.random.default_rng(6)
    return pd.DataFrame(
        {
            "nucleus_id": [10, 11, 12, 13],
            "in_silico_resp": [*rng.normal(size=(3, 50)).astype(np.float32), None],
            "in_vivo_mean_resp": list(rng.normal(size=(4, 12)).astype(np.float32)),
            "readout_cvt": list(rng.normal(size=(4, 20)).astype(np.float32)),
            "position_stim_cvt": list(rng.uniform(-1, 1, (4, 2))),
            "sta_mu_comb": list(rng.uniform(-1, 1, (4, 2))),
            "pref_ori_cvt_monet_full": [10.0, 170.0, 95.0, np.nan],
            "pref_ori_iv": [0.0, 30.0, 60.0, 90.0],
        }
    )


PAIRS = pd.DataFrame({"pre_nucleus_id": [12, 10, 10, 11, 99], "post_nucleus_id": [10, 11, 13, 12, 10], "n_synapses": [1, 0, 0, 2, 0]})


def test_similarities_join_by_nucleus_and_unknown_neurons_are_nan():
    found = add_similarities(PAIRS, neurons(), ["signal_correlation", "orientation_difference", "rf_distance", "feature_similarity"])
    table = neurons().set_index("nucleus_id")
    expected = np.corrcoef(table["in_silico_resp"][12], table["in_silico_resp"][10])[0, 1]
    assert found["signal_correlation"][0] == pytest.approx(expected, abs=1e-6)
    assert found["signal_correlation"].isna().tolist() == [False, False, True, False, True]
    np.testing.assert_array_equal(found["orientation_difference"], [85.0, 20.0, np.nan, 75.0, np.nan])
    assert found["rf_distance"].isna().tolist() == [False, False, False, False, True]
    u, v = table["readout_cvt"][10].astype(float), table["readout_cvt"][13].astype(float)
    assert found["feature_similarity"][2] == pytest.approx(u @ v / np.linalg.norm(u) / np.linalg.norm(v), abs=1e-6)
    pd.testing.assert_frame_equal(found[list(PAIRS)], PAIRS)


def test_published_names_are_the_same_numbers_from_the_published_columns():
    pairs = {
        "signal_correlation": "in_silico_sig_corr_cvt",
        "in_vivo_signal_correlation": "in_vivo_sig_corr",
        "feature_similarity": "readout_similarity_cvt",
        "rf_distance": "readout_location_distance_cvt",
        "orientation_difference": "delta_ori_cvt_monet_full",
    }
    found = add_similarities(PAIRS, neurons(), [*pairs, *pairs.values(), "delta_ori_iv", "readout_location_distance_sta"])
    for ours, theirs in pairs.items():
        np.testing.assert_array_equal(found[ours], found[theirs])
    assert found["delta_ori_iv"][:4].tolist() == [60.0, 30.0, 90.0, 30.0]
    assert (found["readout_location_distance_sta"][:4] != found["rf_distance"][:4]).all()


def test_a_similarity_that_is_there_is_kept_even_without_its_neurons():
    given_ = PAIRS.assign(in_vivo_sig_corr=0.5, ours=0.25)
    pd.testing.assert_frame_equal(add_similarities(given_, neurons()[["nucleus_id"]], ["in_vivo_sig_corr", "ours"]), given_)


@pytest.mark.parametrize(
    ("names", "change", "message"),
    [
        (["signal_corelation"], lambda table: table, "'signal_corelation' is no column .*nearest 'signal_correlation'"),
        (["rf_distance"], lambda table: table.rename(columns={"position_stim_cvt": "position_stim"}), "nearest here: 'position_stim'"),
        (["rf_distance"], lambda table: pd.concat([table, table[:1]]), "1 of 5 rows repeat the key"),
        (["rf_distance"], lambda table: table.assign(nucleus_id=table["nucleus_id"] + 1000), "none of 5 pairs has both neurons"),
        (
            ["delta_ori_iv"],
            lambda table: table.assign(pref_ori_iv=[0.0, 0.5, 3.0, 1.0]),
            "all 4 known values lie within 3.000 of 0",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(names, change, message):
    with pytest.raises(ValueError, match=message):
        add_similarities(PAIRS, change(neurons()), names)


def test_a_column_in_which_every_cell_is_empty_gives_no_similarity():
    found = add_similarities(PAIRS, neurons().assign(in_silico_resp=None), ["signal_correlation"])
    assert found["signal_correlation"].isna().all()


def test_no_pairs_are_an_empty_answer():
    found = add_similarities(PAIRS[:0], neurons(), ["signal_correlation", "rf_distance"])
    assert len(found) == 0
    assert list(found)[-2:] == ["signal_correlation", "rf_distance"]


def test_lists_whole_numbers_and_numbers_beside_none_are_read_as_they_are():
    table = neurons()
    wanted = ["in_vivo_signal_correlation", "orientation_difference"]
    usual = add_similarities(PAIRS, table, wanted)
    table["in_vivo_mean_resp"] = pd.Series([cell.tolist() for cell in table["in_vivo_mean_resp"]], dtype=object)
    table["pref_ori_cvt_monet_full"] = pd.Series([10.0, 170.0, 95.0, None], dtype=object)
    pd.testing.assert_frame_equal(add_similarities(PAIRS, table, wanted), usual, atol=1e-6)
    counts = pd.Series([np.array([1, 2, 4]), None, np.array([2, 4, 8])])
    np.testing.assert_array_equal(stacked(counts), [[1, 2, 4], [np.nan] * 3, [2, 4, 8]])


def test_vectors_of_two_lengths_are_refused():
    table = neurons()
    table["readout_cvt"] = [*table["readout_cvt"][:3], np.zeros(7)]
    with pytest.raises(ValueError, match=r"readout_cvt: vectors have lengths \{7: 1, 20: 3\}"):
        add_similarities(PAIRS.assign(post_nucleus_id=[10, 11, 13, 12, 10]), table, ["feature_similarity"])
