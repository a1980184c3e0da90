import numpy as np
import pandas as pd

from graphtwin.tuning.features import features_as_embeddings, node_features, rank_within_scan
from graphtwin.tuning.leakage import scan_leakage
from graphtwin.tuning.learned import learn_embeddings


def features_of(frame):
    return frame[[name for name in frame if name.startswith("feature_")]]


def test_node_features_are_finite_and_carry_no_scan(tilted, learned_tilted):
    frame = node_features(tilted, learned_tilted.embeddings)
    values = features_of(frame)
    assert np.isfinite(values.to_numpy()).all()
    renamed = frame[["session", "scan_idx"]].assign(**{f"embedding_{i}": values[name] for i, name in enumerate(values)})
    leakage = scan_leakage(renamed, permutations=0)
    assert (leakage["low"] <= leakage["chance"]).all()


def test_a_unit_with_a_missing_response_keeps_its_embedding(units, learned):
    spoiled = units.copy()
    spoiled.loc[0, "direction_045_0"] = np.nan
    frame = node_features(spoiled, learned.embeddings)
    assert len(frame) == len(learned.embeddings)
    assert np.isfinite(features_of(frame).to_numpy()).all()


def test_without_responses_the_embedding_is_all_there_is(units, learned):
    frame = node_features(units[["session", "scan_idx", "unit_id", "nucleus_id"]], learned.embeddings)
    assert all(name.startswith("feature_embedding_") for name in features_of(frame))


def test_the_gain_of_a_scan_changes_no_feature(units, learned, small_config):
    louder = units.copy()
    columns = [name for name in units if name.startswith("direction_")]
    louder.loc[louder["session"] == 5, columns] *= 8.0
    again = learn_embeddings(louder, small_config)
    np.testing.assert_allclose(
        features_of(node_features(louder, again.embeddings)), features_of(node_features(units, learned.embeddings)), atol=1e-3
    )


def test_ranks_forget_any_monotone_distortion():
    values = np.random.default_rng(0).normal(size=(60, 2))
    scan = np.repeat([0, 1, 2], 20)
    np.testing.assert_array_equal(rank_within_scan(values, scan), rank_within_scan(np.exp(values), scan))


def orientations_of(units, error_of_scan):
    """Rates to four orientations of every second nucleus; the size of the errors depends on the scan."""
    some = units.iloc[::2]
    rng = np.random.default_rng(5)
    rate = rng.gamma(3.0, size=(len(some), 4))
    error = rate * rng.gamma(9.0, 0.02, rate.shape) * error_of_scan(some["session"].to_numpy())[:, None]
    keys = {"nucleus_id": np.repeat(some["nucleus_id"].to_numpy(), 4), "orientation_index": np.tile(np.arange(4), len(some))}
    return pd.DataFrame({**keys, "rate": rate.ravel(), "rate_error": error.ravel()})


def test_variability_is_there_for_every_unit_and_carries_no_scan(tilted, learned_tilted):
    frame = node_features(tilted, learned_tilted.embeddings, orientations_of(tilted, lambda session: session.astype(float) ** 2))
    names = [name for name in frame if name.startswith("feature_variability_")]
    assert len(names) == 4
    assert np.isfinite(features_of(frame).to_numpy()).all()
    leakage = scan_leakage(features_as_embeddings(frame[["session", "scan_idx", "unit_id", "nucleus_id", *names]]), permutations=0)
    assert (leakage["low"] <= leakage["chance"]).all()


def test_the_responses_of_other_nuclei_add_no_feature(units, learned):
    elsewhere = orientations_of(units, np.ones_like).assign(nucleus_id=lambda frame: frame["nucleus_id"] + 100_000)
    pd.testing.assert_frame_equal(node_features(units, learned.embeddings, elsewhere), node_features(units, learned.embeddings))
