from __future__ import annotations

import numpy as np
import pytest

from graphtwin.synthetic.function.preferences import LAYERS, PARAMETERS, TYPES, TuningConfig, draw_tuning, features_of
from tests.synthetic.planted_neurons import planted_neurons


def test_similarities_of_random_pairs_are_those_of_readout_weights():
    tuning = draw_tuning(planted_neurons(800), TuningConfig(), seed=0, animal=1)
    similarity = tuning.features @ tuning.features.T
    np.testing.assert_allclose(np.diag(similarity), 1.0, atol=1e-5)
    pairs = similarity[np.triu_indices(800, 1)]
    assert 0.05 < pairs.mean() < 0.15
    assert 0.14 < pairs.std() < 0.25


def test_neurons_tuned_alike_have_alike_features_in_any_animal():
    table = draw_tuning(planted_neurons(50), TuningConfig(), seed=0, animal=1).table
    turned = table.assign(direction_deg=(table["direction_deg"] + 5) % 360)
    across = table.assign(direction_deg=(table["direction_deg"] + 90) % 360)
    same, near, far = (np.sum(features_of(table) * features_of(other), axis=1) for other in (table, turned, across))
    np.testing.assert_allclose(same, 1.0, atol=1e-5)
    assert near.mean() > 0.95
    assert far.mean() < 0.5


def test_types_and_layers_differ_by_the_stated_amount():
    neurons = planted_neurons(4000)
    table = draw_tuning(neurons, TuningConfig(), seed=1, animal=1).table
    for kind, layer in (("4P", "L4"), ("BC", "L2/3"), ("5P-PT", "L5")):
        for name in ("complexity", "sf_cpd", "dsi"):
            scale, median, spread, _ = PARAMETERS[name]
            value = table[name][neurons["cell_type"] == kind].to_numpy()
            scaled = np.median(np.log(value) if scale == "log" else np.log(value / (1 - value)))
            stated = np.log(median if scale == "log" else median / (1 - median)) + TYPES[kind].get(name, 0) + LAYERS[layer].get(name, 0)
            assert abs(scaled - stated) < 5 * 1.25 * spread / np.sqrt(len(value))
    median = table.groupby(neurons["cell_type"])[["complexity", "rf_sigma_deg", "cycles"]].median()
    assert median["complexity"]["4P"] < median["complexity"]["23P"]
    assert median["rf_sigma_deg"]["4P"] < median["rf_sigma_deg"]["23P"]
    assert median["cycles"]["BC"] < median["cycles"]["23P"]


def test_place_share_makes_neurons_of_one_place_alike_and_the_default_does_not():
    neurons = planted_neurons(800)
    apart = np.hypot(*(neurons[[name]].to_numpy() - neurons[[name]].to_numpy().T for name in ("rf_x", "rf_y")))
    near, far = (apart > 0) & (apart < 0.1), apart > 0.8
    for share, least, most in ((0.0, -0.03, 0.03), (0.8, 0.1, 0.6)):
        features = draw_tuning(neurons, TuningConfig(place_share=share), seed=0, animal=1).features
        similarity = features @ features.T
        assert least < similarity[near].mean() - similarity[far].mean() < most


def test_tuning_depends_on_seed_and_animal_alone():
    neurons = planted_neurons(30)
    first = draw_tuning(neurons, TuningConfig(), seed=0, animal=1)
    again = draw_tuning(neurons, TuningConfig(), seed=0, animal=1)
    np.testing.assert_array_equal(first.features, again.features)
    assert first.table.equals(again.table)
    assert not first.table["direction_deg"].equals(draw_tuning(neurons, TuningConfig(), seed=0, animal=2).table["direction_deg"])
    assert first.table["nucleus_id"].dtype == np.int64


def test_a_type_without_stated_tuning_is_refused():
    neurons = planted_neurons(5)
    neurons.loc[2, "cell_type"] = "ChC"
    with pytest.raises(ValueError, match=r"neurons to tune: 1 of 5 have cell_type \['ChC'\], for which no tuning is stated\. Use 23P, 4P"):
        draw_tuning(neurons, TuningConfig(), seed=0, animal=1)


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        TuningConfig(place=0.5)
