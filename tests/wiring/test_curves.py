"""Binned curves: known sums, a planted slope seen, and bands that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.pairs.outcomes import Outcome, outcome_of
from graphtwin.wiring.questions.binned_curves import curves


def planted(slope: float, seed: int, n_axons: int = 40, n_targets: int = 200) -> pd.DataFrame:
    """Axons of unequal activity whose synapses follow co-travel and exp(slope x similarity)."""
    rng = np.random.default_rng(seed)
    n = n_axons * n_targets
    similarity = rng.uniform(-1, 1, n)
    l_d = np.where(rng.random(n) < 0.5, rng.gamma(2.0, 10.0, n), 0.0)
    rate = np.repeat(rng.gamma(4.0, 0.25, n_axons), n_targets)
    synapses = rng.poisson(0.02 * l_d * rate * np.exp(slope * similarity))
    columns = {"pre_nucleus_id": np.repeat(np.arange(n_axons), n_targets), "post_nucleus_id": np.tile(1000 + np.arange(n_targets), n_axons)}
    columns |= {"n_synapses": synapses, "l_d_um": l_d, "mean_synapse_size": np.where(synapses > 0, 100.0, np.nan), "likeness": similarity}
    return pd.DataFrame(columns)


def of(pairs: pd.DataFrame, name: str = "synapse_density", by: str | None = None) -> Outcome:
    return outcome_of(pairs, name, ["likeness"], by)


def test_values_are_sums_of_the_bin():
    outcome = of(planted(1.0, 0))
    found = curves(outcome, n_bins=4, n_replicates=50)
    near = outcome.pairs
    inside = near[near["likeness"] < found.loc[0, "bin_high"]]
    assert found.loc[0, "value"] == pytest.approx(inside["n_synapses"].sum() / (inside["l_d_um"].sum() / 1000))
    assert found["n_pairs"].sum() == len(near)


def test_a_planted_slope_is_seen():
    found = curves(of(planted(1.5, 1)), n_replicates=100)
    centre = (found["bin_low"] + found["bin_high"]) / 2
    slope = np.polyfit(centre, np.log(found["relative"]), 1)[0]
    assert slope == pytest.approx(1.5, abs=0.2)


def test_without_a_rule_bands_cover_the_flat_line():
    covered = []
    for seed in range(25):
        found = curves(of(planted(0.0, seed)), n_bins=6, n_replicates=200, seed=seed)
        covered.append((found["low"] <= 1) & (found["high"] >= 1))
    assert 0.88 <= np.mean(covered) <= 0.99  # 95 % expected; percentile bands of 40 axons are a little narrow


def test_groups_are_curves_of_their_own_on_the_same_bins():
    pairs = planted(0.0, 2)
    pairs["proj_hva"] = np.where(pairs["pre_nucleus_id"] < 20, "V1->V1", "V1->HVA")
    found = curves(of(pairs, "co_travel", "proj_hva"), n_replicates=50)
    one, other = (found[found["group"] == group] for group in ("V1->HVA", "V1->V1"))
    np.testing.assert_array_equal(one["bin_low"], other["bin_low"])
    alone = curves(of(pairs[pairs["pre_nucleus_id"] < 20], "co_travel"), n_replicates=50)
    assert other["n_pairs"].sum() == alone["n_pairs"].sum()


def test_bins_of_few_axons_have_no_band():
    found = curves(of(planted(0.0, 3, n_axons=4)), n_replicates=50)
    assert found["low"].isna().all()
    assert found["value"].notna().all()


def test_size_is_a_mean_over_connected_pairs():
    found = curves(of(planted(0.0, 4), "size"), n_replicates=50)
    np.testing.assert_allclose(found["value"].dropna(), 100.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"likeness": 0.5}, "one and the same similarity"), ({"likeness": np.nan}, "none of 8000 pairs has a known likeness")],
)
def test_similarities_without_a_curve_are_refused(change: dict[str, float], words: str):
    with pytest.raises(ValueError, match=words):
        curves(of(planted(0.0, 0).assign(**change)))


def test_an_unknown_outcome_is_named():
    with pytest.raises(ValueError, match=r"outcome 'strength': unknown. There are synapse_density"):
        of(planted(0.0, 0), "strength")
