from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ortho_group, spearmanr

from graphtwin.coordinates import MINNIE65_MONITOR
from graphtwin.twin.agreement import QUANTITIES, WARNING, Derived, certify, summarise
from graphtwin.twin.agreement.unit_agreement import similarity_agreement

UNITS = 300


def fit(seed: int, name: str = "a", units: int = UNITS, animals: tuple[str, ...] = ("one",)) -> Derived:
    """What a twin of nothing says: every quantity drawn anew."""
    rng = np.random.default_rng(seed)
    tables = [pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units), "animal": animal}) for animal in animals]
    n = units * len(animals)
    values = {
        "embedding": unit_length(rng.normal(size=(n, 12))),
        "in_silico_correlation": unit_length(rng.normal(size=(n, 40))),
        "preferred_orientation": rng.uniform(0, 180, n),
        "preferred_direction": rng.uniform(0, 360, n),
        "gosi": rng.uniform(0, 1, n),
        "gdsi": rng.uniform(0, 1, n),
        "rf_position": rng.uniform(-0.8, 0.8, (n, 2)),
        "predicted_response": rng.normal(size=(n, 50)),
    }
    return Derived(name, {}, pd.concat(tables, ignore_index=True), dict.fromkeys(animals, MINNIE65_MONITOR), values, {})


def unit_length(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def with_values(of: Derived, **values: np.ndarray) -> Derived:
    return replace(of, values=of.values | values)


def agreement(*fits: Derived) -> pd.DataFrame:
    """Agreement of each unit, a column a quantity."""
    return certify(fits).pivot(index="unit_id", columns="quantity", values="agreement")


def test_copies_of_one_twin_agree_exactly_and_differ_by_nothing():
    found = certify([fit(0), fit(0, "b"), fit(0, "c")])
    assert set(found["quantity"]) == set(QUANTITIES)
    assert (found["agreement"] == 1).all()
    assert found["difference"].to_numpy() == pytest.approx(0, abs=1e-6)
    promised = found["quantity"].map(lambda name: np.isfinite(QUANTITIES[name].least))
    assert not found.loc[promised, "flagged"].any()
    assert found.loc[~promised, "note"].str.startswith(f"{WARNING}: on simulated animals no agreement kept its error below").all()


def test_twins_of_nothing_agree_at_chance_and_are_flagged():
    found = certify([fit(seed, str(seed)) for seed in range(3)])
    of = found.groupby("quantity")["agreement"]
    assert of.mean().abs().max() < 4 * (of.std() / np.sqrt(UNITS)).max()
    assert found.groupby("quantity")["flagged"].mean().min() > 0.8
    assert found.loc[found["flagged"], "note"].str.startswith(WARNING).all()
    of_fields = found["quantity"] == "rf_position"
    assert found.loc[of_fields, "caveat"].str.startswith("in part the agreement of their starts").all()
    assert (found.loc[~of_fields, "caveat"] == "").all()
    assert (summarise(found)["caveat"] != "").tolist() == (summarise(found)["quantity"] == "rf_position").tolist()


def test_turned_axes_of_an_embedding_change_no_agreement():
    one = fit(0)
    turn = ortho_group.rvs(12, random_state=1)
    noisy = unit_length(one.values["embedding"] + 0.3 * np.random.default_rng(1).normal(size=(UNITS, 12)))
    straight, turned = (agreement(one, with_values(one, embedding=vectors))["embedding"] for vectors in (noisy, noisy @ turn))
    assert agreement(one, with_values(one, embedding=one.values["embedding"] @ turn))["embedding"].to_numpy() == pytest.approx(1)
    assert turned.to_numpy() == pytest.approx(straight.to_numpy())
    assert straight.median() < 0.95


def test_units_that_change_places_disagree_and_the_others_do_not():
    one = fit(0)
    rows = np.arange(UNITS)
    rows[:20] = np.roll(rows[:20], 7)
    found = agreement(one, replace(one, values={name: values[rows] for name, values in one.values.items()}))
    assert found.iloc[20:].min().min() > 0.8  # their similarities to the twenty have changed as well
    assert found.iloc[:20].mean().abs().max() < 0.5


def test_the_similarities_of_a_unit_are_correlated_over_the_others_as_numpy_does():
    rng = np.random.default_rng(0)
    first, second = (unit_length(rng.normal(size=(1100, 5)) + 1) for _ in range(2))  # of more rows than lie in memory at once
    second += first
    found = similarity_agreement(first, second)
    for unit in (0, 7, 1099):
        others = np.arange(len(first)) != unit
        expected = np.corrcoef((first @ first[unit])[others], (second @ second[unit])[others])[0, 1]
        assert found[unit] == pytest.approx(expected)


def test_known_differences_are_measured_in_the_quantitys_own_unit():
    one = fit(0)
    turned = with_values(
        one,
        preferred_orientation=(one.values["preferred_orientation"] + 30) % 180,
        preferred_direction=(one.values["preferred_direction"] + 180) % 360,
        gosi=one.values["gosi"] + 0.05,
        rf_position=np.column_stack([one.values["rf_position"][:, 0], one.values["rf_position"][:, 1] + 0.02]),
    )
    found = certify([one, turned]).set_index("quantity")
    assert found.loc["preferred_orientation", "difference"].to_numpy() == pytest.approx(30)
    assert found.loc["preferred_orientation", "agreement"].to_numpy() == pytest.approx(0.5)
    assert found.loc["preferred_direction", "agreement"].to_numpy() == pytest.approx(-1)
    assert found.loc["gosi", "difference"].to_numpy() == pytest.approx(0.05)
    apart = np.abs(one.values["gosi"][:, None] - turned.values["gosi"])[~np.eye(UNITS, dtype=bool)].mean()
    assert found.loc["gosi", "agreement"].to_numpy() == pytest.approx(1 - 0.05 / apart, abs=0.01)
    central = np.abs(one.values["rf_position"]).max(1) < 0.2
    degrees = np.degrees(np.arctan(0.02 * MINNIE65_MONITOR.height_cm / 2 / MINNIE65_MONITOR.distance_cm))
    assert found.loc["rf_position", "difference"].to_numpy()[central] == pytest.approx(degrees, rel=0.1)


def test_the_noisier_a_unit_the_less_its_fits_agree():
    rng, noise = np.random.default_rng(0), np.linspace(0, 2, UNITS)
    true = rng.uniform(0, 180, UNITS)
    fits = [with_values(fit(0, str(seed)), preferred_orientation=true + 20 * noise * rng.normal(size=UNITS)) for seed in range(3)]
    found = agreement(*fits)["preferred_orientation"]
    assert spearmanr(found, noise).statistic < -0.5


def test_units_that_a_fit_does_not_know_are_counted_flagged_and_named():
    one, two, three = (fit(0, name) for name in "abc")
    one.values["gdsi"][[4, 9]] = np.nan
    two.values["gdsi"][9] = np.nan
    three.values["in_silico_correlation"][5] = np.nan
    found = certify([one, two, three]).set_index(["quantity", "unit_id"])
    assert found.loc[("gdsi", 4), ["n_fits", "agreement", "flagged"]].tolist() == [2, 1, True]
    assert found.loc[("gdsi", 4), "note"] == f"{WARNING}: 2 of 3 fits say something of this unit"
    assert found.loc[("gdsi", 9), "n_fits"] == 1
    assert np.isnan(found.loc[("gdsi", 9), "agreement"])
    assert found.loc[["gdsi", "in_silico_correlation", "rf_position"], "flagged"].sum() == 3
    said = summarise(found.reset_index()).set_index("quantity")
    assert said.loc["gdsi", ["n_units", "n_known", "n_flagged"]].tolist() == [UNITS, UNITS - 1, 2]
    assert said.loc["in_silico_correlation", ["n_units", "n_known", "n_flagged"]].tolist() == [UNITS, UNITS, 1]


def test_a_quantity_that_no_unit_can_be_compared_on_is_summarised_without_a_number():
    one, two = fit(0, "a"), fit(0, "b")
    one.values["gdsi"][:] = np.nan
    said = summarise(certify([one, two])).set_index("quantity").loc["gdsi"]
    assert said["n_known"] == 0
    assert np.isnan([said["agreement"], said["difference"]]).all()
    assert said["n_flagged"] == UNITS


def test_too_few_units_have_no_similarity_to_others_and_one_unit_no_chance():
    for units in (1, 2, 5):
        found = certify([fit(0, units=units), fit(0, units=units)]).set_index("quantity")
        assert np.isnan(found.loc[["embedding", "in_silico_correlation"], "agreement"]).all()
        assert "too few other units" in found.loc[["embedding"], "note"].iloc[0]
        assert (found.loc["preferred_orientation", "agreement"] == 1).all()
    assert np.isnan(certify([fit(0, units=1), fit(0, units=1)]).set_index("quantity").loc["gosi", "agreement"])


def test_animals_are_compared_each_among_its_own_units():
    both = [fit(seed, str(seed), animals=("one", "two")) for seed in (0, 1)]
    alone = [
        replace(of, units=of.units[:UNITS], monitors={"one": MINNIE65_MONITOR}, values={name: v[:UNITS] for name, v in of.values.items()})
        for of in both
    ]
    pd.testing.assert_frame_equal(certify(both).query("animal == 'one'").reset_index(drop=True), certify(alone))


def test_twins_may_have_their_animals_in_another_order():
    one = fit(0, animals=("one", "two"))
    rows = np.roll(np.arange(2 * UNITS), UNITS)
    units = one.units.iloc[rows].reset_index(drop=True)
    other = replace(one, units=units, monitors=dict(reversed(one.monitors.items())), values={k: v[rows] for k, v in one.values.items()})
    assert (certify([one, other])["agreement"] == 1).all()


def test_fits_of_other_animals_or_units_and_a_fit_alone_are_refused_in_words():
    one = fit(0)
    with pytest.raises(ValueError, match=r"b: lacks one and has two as well, of the 1 animals of a \(one\).*twins of the same recordings"):
        certify([one, fit(0, "b", animals=("two",))])
    with pytest.raises(ValueError, match=r"b: one has 8 units, not the 300 of a in the same order"):
        certify([one, fit(0, "b", units=8)])
    with pytest.raises(ValueError, match=r"1 fit of these animals: agreement is between two or more"):
        certify([one])
