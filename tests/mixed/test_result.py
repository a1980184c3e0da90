"""Claims: slopes, contrasts and tables say what the model says, and a saved model says the same."""

import json

import numpy as np
import pytest
from scipy import stats

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed import load, slope_contrasts, slopes
from graphtwin.statistics import benjamini_hochberg

FORMULA = "n_synapses ~ similarity * proj + distance + offset(log(l_d)) + (1 + similarity | pre_nucleus_id:proj)"


@pytest.fixture(scope="module")
def pairs():
    table = planted_pairs(4000, Rule("poisson", slope_sd=1.0), seed=2, n_axons=32)
    return table.assign(distance=np.random.default_rng(0).uniform(0, 100, len(table)))


@pytest.fixture(scope="module")
def fit(pairs):
    return fit_mixed(FORMULA, pairs)


def test_a_slope_is_its_combination_of_coefficients(fit):
    found = slopes(fit, "similarity", "proj").set_index("group")
    assert list(found.index) == ["V1->V1", "HVA->HVA", "V1->HVA", "HVA->V1"]
    assert found.loc["V1->V1", "estimate"] == fit.estimate[fit.names.index("similarity")]
    by_hand = fit.contrast({"similarity": 1.0, "similarity:proj[T.HVA->V1]": 1.0})
    assert found.loc["HVA->V1", ["estimate", "se", "z", "p", "low", "high"]].tolist() == pytest.approx(by_hand.tolist())
    assert found["n_rows"].sum() == fit.n_rows
    assert found["p"].to_numpy() == pytest.approx(2 * stats.norm.sf(np.abs(found["z"])))


def test_a_slope_is_the_change_of_the_expected_log_rate(fit, pairs):
    step = 1e-3
    stranger = pairs.assign(pre_nucleus_id=-1)  # no axon of the model: it has no effect of its own
    without = fit_mixed(FORMULA.replace("(1 + similarity | pre_nucleus_id:proj)", "(1 | pre_nucleus_id:proj)"), pairs)
    moved = stranger.assign(similarity=pairs["similarity"] + step)
    change = np.log(without.predict(moved, unseen="zero") / without.predict(stranger, unseen="zero")) / step
    found = slopes(without, "similarity", "proj").set_index("group")["estimate"]
    np.testing.assert_allclose(change, found.loc[pairs["proj"].astype(str)].to_numpy(), rtol=1e-6)


def test_contrasts_are_differences_of_slopes_with_their_covariance(fit):
    found = slope_contrasts(fit, "similarity", "proj")
    assert len(found) == 6
    first = found[(found["group"] == "HVA->HVA") & (found["reference"] == "V1->V1")].iloc[0]
    assert first["estimate"] == pytest.approx(fit.estimate[fit.names.index("similarity:proj[T.HVA->HVA]")])
    assert first["se"] == pytest.approx(fit.se[fit.names.index("similarity:proj[T.HVA->HVA]")])
    assert (found["q"] >= found["p"]).all()


def test_one_slope_over_all_levels_is_their_mean(fit):
    each = slopes(fit, "similarity", "proj")
    assert slopes(fit, "similarity")["estimate"].iloc[0] == pytest.approx(each["estimate"].mean())
    assert slopes(fit, "distance", "proj")["estimate"].nunique() == 1


def test_numbers_that_interact_are_held_at_their_mean(pairs):
    fit = fit_mixed("n_synapses ~ similarity * distance + offset(log(l_d)) + (1 | pre_nucleus_id)", pairs)
    by_hand = fit.contrast({"similarity": 1.0, "similarity:distance": pairs["distance"].mean()})
    assert slopes(fit, "similarity")[["estimate", "se"]].iloc[0].tolist() == pytest.approx(by_hand[["estimate", "se"]].tolist())


@pytest.mark.parametrize(
    ("similarity", "by", "words"),
    [
        ("simil", None, "slope of simil: the numbers of the model are distance, similarity"),
        ("similarity", "layer", "slopes by layer: it is no category of the fixed effects, which have proj"),
    ],
)
def test_slopes_of_what_is_not_in_the_model_are_refused(fit, similarity, by, words):
    with pytest.raises(ValueError, match=words):
        slopes(fit, similarity, by)


def test_other_questions_without_an_answer_are_refused(fit, pairs):
    with pytest.raises(ValueError, match=r"contrast: similar is no fixed effect of this model. It has Intercept, similarity"):
        fit.contrast({"similar": 1.0})
    with pytest.raises(ValueError, match=r"the same in all levels of proj by the formula. Let them interact: distance \* proj"):
        slope_contrasts(fit, "distance", "proj")
    with pytest.raises(ValueError, match="grouping 'pre': this model has pre_nucleus_id:proj"):
        fit.grouping("pre")
    bent = fit_mixed("n_synapses ~ I(similarity ** 2) + offset(log(l_d)) + (1 | pre_nucleus_id)", pairs)
    with pytest.raises(ValueError, match=r"it enters as I\(similarity \*\* 2\)"):
        slopes(bent, "similarity")


def test_a_saved_model_says_the_same(fit, pairs, tmp_path):
    again = load(fit.save(tmp_path / "model.json"))
    assert again.summary() == fit.summary()
    assert slopes(again, "similarity", "proj").equals(slopes(fit, "similarity", "proj"))
    np.testing.assert_array_equal(again.predict(pairs), fit.predict(pairs))
    assert again.groupings[0].to_frame().equals(fit.groupings[0].to_frame())


def test_a_file_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"formula": "y ~ x"}))
    with pytest.raises(ValueError, match=r"other.json: this is no mixed model; \d+ of its entries are missing: absorbed, covariance"):
        load(tmp_path / "other.json")


def test_the_summary_tells_the_model(fit):
    text = fit.summary()
    assert text.startswith(FORMULA)
    assert "family poisson, log link; 4,000 rows" in text
    assert f"log-likelihood {fit.log_likelihood:.3f}, 12 parameters, AIC {fit.aic:.3f}" in text
    assert fit.aic == pytest.approx(24 - 2 * fit.log_likelihood)
    assert list(fit.to_frame()) == ["effect", "estimate", "se", "z", "p", "low", "high", "per_sd"]
    random = fit.random_frame()
    assert list(random["effect"]) == ["Intercept", "similarity"]
    assert random["corr_1"].iloc[1] == fit.groupings[0].correlation[1, 0]


def test_benjamini_hochberg_is_that_of_scipy():
    p = np.random.default_rng(0).random(40) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))
