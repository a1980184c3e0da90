"""Claims: a rule expects what its formula says, survives sampling, fitting, saving and adding, and says itself in words."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.execute import rng_for
from graphtwin.wiring.conditional.held_out_axons import L_D_ALONE, held_out_scores
from graphtwin.wiring.conditional.wiring_rule import Term, WiringRule, fit_rule, load_rule, quantity
from graphtwin.wiring.pairs.planted import Planted, plant

PAIRS = pd.DataFrame(
    {"pre_nucleus_id": [1, 1, 2], "post_nucleus_id": [5, 6, 5], "l_d_um": [2.0, 0.0, 4.0], "n_synapses": [1, 0, 2]}
).assign(signal_correlation=[0.5, 0.1, np.nan], proj_hva=["V1->V1", "V1->HVA", "V1->HVA"], distance_um=[100.0, 50.0, 10.0])
RULE = WiringRule(
    name="feature",
    intercept=np.log(0.01),
    terms=(Term(feature="signal_correlation", slope=2.0, group="V1->V1"), Term(feature="distance_um", slope=-0.01)),
    by="proj_hva",
)


def test_expected_synapses_follow_the_formula():
    expected = RULE.expected(PAIRS)
    np.testing.assert_allclose(expected, [2 * 0.01 * np.exp(1.0 - 1.0), 0, 4 * 0.01 * np.exp(-0.1)])
    without_l_d = WiringRule(name="constant", intercept=np.log(0.2), exposure=None)
    np.testing.assert_allclose(without_l_d.expected(PAIRS), 0.2)


def test_an_unknown_feature_leaves_the_expectation_unknown_and_cannot_be_sampled():
    everywhere = WiringRule(name="feature", terms=(Term(feature="signal_correlation", slope=2.0),))
    assert np.isnan(everywhere.expected(PAIRS)).tolist() == [False, False, True]
    with pytest.raises(ValueError, match="rule feature: 1 of 3 pairs have no expectation"):
        everywhere.sample(PAIRS, np.random.default_rng(0))


@pytest.mark.parametrize("dispersion", [0.0, 2.0])
def test_samples_have_the_mean_and_the_variance_of_the_rule(dispersion):
    rule = WiringRule(name="geometry", intercept=np.log(0.5), dispersion=dispersion)
    pairs = pd.DataFrame({"l_d_um": np.full(100_000, 3.0)})
    drawn = rule.sample(pairs, rng_for(0, "rule"))
    assert drawn.mean() == pytest.approx(1.5, rel=0.03)
    assert drawn.var() == pytest.approx(1.5 + dispersion * 1.5**2, rel=0.06)
    np.testing.assert_array_equal(drawn, rule.sample(pairs, rng_for(0, "rule")))


def test_a_rule_that_was_sampled_is_fitted_again():
    pairs = plant(Planted(n_axons=60, n_targets=400, projections=True), 0).pairs
    truth = WiringRule(
        name="truth", intercept=-3.0, terms=(Term(feature="signal_correlation", slope=1.2), Term(feature="distance_um", slope=-0.004))
    )
    inside = []
    for replicate in range(40):
        fitted = fit_rule(pairs.assign(n_synapses=truth.sample(pairs, rng_for(replicate, "rule"))), ["signal_correlation", "distance_um"])
        inside += [term.low <= true.slope <= term.high for term, true in zip(fitted.terms, truth.terms, strict=True)]
        assert fitted.intercept == pytest.approx(-3.0, abs=0.5)
    assert 0.87 <= np.mean(inside) <= 1.0


@pytest.mark.parametrize("by", [None, "proj_hva"])
def test_a_fitted_rule_expects_as_many_synapses_as_were_seen(by):
    pairs = plant(Planted(projections=True, n_synapses=900, slope=1.0), 1).pairs
    rule = fit_rule(pairs, ["signal_correlation"], by=by)
    pairs["expected"] = rule.expected(pairs)
    assert pairs["expected"].sum() == pytest.approx(pairs["n_synapses"].sum())
    if by:
        sums = pairs.groupby(by)[["expected", "n_synapses"]].sum()
        np.testing.assert_allclose(sums["expected"], sums["n_synapses"])


def test_a_rule_is_scored_like_a_held_out_one():
    pairs = plant(Planted(), 2).pairs
    of_rule = WiringRule(name="L_d", intercept=1.0).log_likelihood(pairs)
    of_fold = held_out_scores(pairs, [L_D_ALONE], 0)
    assert of_rule["pre_nucleus_id"].tolist() == of_fold["pre_nucleus_id"].tolist()
    np.testing.assert_allclose(of_rule["log_likelihood"], of_fold["log_likelihood"])
    better = fit_rule(plant(Planted(slope=2.0), 2).pairs, ["signal_correlation"]).log_likelihood(plant(Planted(slope=2.0), 2).pairs)
    plain = WiringRule(name="L_d").log_likelihood(plant(Planted(slope=2.0), 2).pairs)
    assert better["log_likelihood"].sum() > plain["log_likelihood"].sum() + 5


def test_rules_survive_a_file(tmp_path):
    rule = fit_rule(plant(Planted(projections=True, n_synapses=900), 3).pairs, ["signal_correlation"], by="proj_hva")
    assert load_rule(rule.save(tmp_path / "rule.json")) == rule
    assert load_rule(RULE.save(tmp_path / "other.json")) == RULE


def test_a_file_that_is_no_rule_is_refused(tmp_path):
    path = tmp_path / "rule.json"
    path.write_text('{"name": "x", "intercpt": 1.0}', encoding="utf-8")
    with pytest.raises(ValueError, match="unknown key 'intercpt', nearest 'intercept'"):
        load_rule(path)
    path.write_text("name = x", encoding="utf-8")
    with pytest.raises(ValueError, match="no JSON"):
        load_rule(path)


def test_the_sum_of_rules_multiplies_their_rates():
    geometry = WiringRule(name="geometry", intercept=-2.0, terms=(Term(feature="distance_um", slope=-0.01),))
    feature = WiringRule(name="feature", terms=(Term(feature="distance_um", slope=0.002), Term(feature=None, slope=0.3)), dispersion=0.5)
    both = geometry + feature
    assert (both.name, both.dispersion) == ("geometry + feature", 0.5)
    np.testing.assert_allclose(both.log_rate(PAIRS), geometry.log_rate(PAIRS) + feature.log_rate(PAIRS))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (WiringRule(name="b", exposure=None), "exposures l_d_um and None differ"),
        (WiringRule(name="b", by="proj_hva_layer"), "groups by proj_hva and by proj_hva_layer"),
        (WiringRule(name="b", dispersion=1.0), "both have a dispersion"),
    ],
)
def test_rules_that_do_not_fit_together_are_refused(other, words):
    with pytest.raises(ValueError, match=words):
        WiringRule(name="a", by="proj_hva", dispersion=0.5) + other


def test_a_rule_says_itself_in_words():
    term = Term(feature="signal_correlation", slope=np.log(2.3) / 0.2, low=np.log(2.0) / 0.2, high=np.log(2.6) / 0.2, step=0.2)
    rule = WiringRule(name="like to like", intercept=np.log(0.0125), terms=(term,))
    assert str(rule) == (
        "like to like: 0.0125 synapses per um of proximity where all features are 0. "
        "A pair makes 2.3 (95 % 2-2.6) times as many synapses per um of proximity for every 0.2 more of signal_correlation."
    )
    grouped = Term(feature="rf_distance", slope=np.log(0.5) / 20, group="V1->V1", step=20)
    assert grouped.sentence(None) == "In V1->V1, a pair makes 0.5 times as many synapses for every 20 degrees more of rf_distance."
    assert (
        Term(feature=None, slope=np.log(3), group="V1->V1").sentence(None)
        == "In V1->V1, a pair makes 3 times as many synapses as elsewhere."
    )
    assert str(WiringRule(name="L_d", intercept=0.0)) == "L_d: 1 synapses per um of proximity."


def test_quantities_have_their_units():
    assert quantity("distance_um", 50.0) == "50 um more of distance"
    assert quantity("readout_location_distance_cvt", 10.0) == "10 degrees more of readout_location_distance_cvt"
    assert quantity("feature_similarity", 0.1) == "0.1 more of feature_similarity"


def test_the_sentence_speaks_of_about_one_sd():
    pairs = plant(Planted(), 4).pairs
    near = pairs.loc[pairs["l_d_um"] > 0, "signal_correlation"]
    assert fit_rule(pairs, ["signal_correlation"]).terms[0].step == pytest.approx(near.std(), rel=0.35)


def test_missing_columns_and_wrong_units_are_refused():
    with pytest.raises(ValueError, match="no column 'distance_um', nearest 'distance_mm'"):
        RULE.expected(PAIRS.rename(columns={"distance_um": "distance_mm"}))
    with pytest.raises(ValueError, match="terms are for groups of 'proj_hva', which the pairs lack"):
        RULE.expected(PAIRS.drop(columns="proj_hva"))
    with pytest.raises(ValueError, match="3 of 3 pairs have a log rate above 700"):
        WiringRule(name="wrong", terms=(Term(feature="distance_um", slope=100.0),)).expected(PAIRS)


def test_a_rule_without_a_number_is_refused():
    with pytest.raises(ValueError, match="finite number"):
        Term(feature="signal_correlation", slope=np.nan)
