"""Claims: a profile's bounds are where the likelihood ratio is the chi-squared quantile; Wald's are the estimate and its errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed import load
from graphtwin.mixed.result.profile import profile_bounds


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 500
    found = pd.DataFrame(
        {"x": rng.normal(2010, 5, n), "k": rng.choice(list("ab"), n), "g": rng.integers(0, 15, n), "size": rng.random(n) + 0.5}
    )
    rate = found["size"] * np.exp(0.06 * (found["x"] - 2010) + rng.normal(0, 0.5, 15)[found["g"]])
    return found.assign(y=rng.poisson(rate))


@pytest.mark.parametrize(("family", "level"), [("poisson", 0.95), ("negative_binomial", 0.8)])
def test_a_model_refitted_at_a_bound_has_lost_half_the_quantile(table, family, level):
    """The refit is written by hand: the slope held at the bound, as an offset of the formula."""
    data = table.assign(y=table["y"] * (1 + table["y"] % 3)) if family == "negative_binomial" else table
    fit = fit_mixed("y ~ x + k + offset(log(size)) + (1 | g)", data, family)
    bounds = fit.conf_int(level, method="profile")
    for bound in bounds.loc["x"]:
        held = fit_mixed("y ~ k + offset(log(size) + held) + (1 | g)", data.assign(held=bound * data["x"]), family)
        assert 2 * (fit.log_likelihood - held.log_likelihood) == pytest.approx(stats.chi2.ppf(level, 1), abs=1e-3)
    assert ((bounds["low"] < fit.estimate) & (fit.estimate < bounds["high"])).all()


def test_the_profile_of_one_rate_is_that_of_the_poisson_likelihood():
    """Closed form: y log rate - n rate, with few counts, where it is far from symmetric."""
    y = np.array([0, 1, 0, 2, 0, 1])
    fit = fit_mixed("y ~ 1", pd.DataFrame({"y": y}))
    fall = stats.chi2.ppf(0.95, 1) / 2

    def loss(b):
        return y.sum() * (fit.estimate[0] - b) - 6 * (np.exp(fit.estimate[0]) - np.exp(b)) - fall

    by_hand = optimize.brentq(loss, -9, fit.estimate[0]), optimize.brentq(loss, fit.estimate[0], 5)
    np.testing.assert_allclose(fit.conf_int(method="profile").loc["Intercept"], by_hand, atol=1e-4)


def test_a_sole_fixed_effect_beside_absorbed_or_random_groups_has_a_profile_too(table):
    absorbed = fit_mixed("y ~ x + offset(log(size))", table, absorb="g")
    within, wald = absorbed.conf_int(method="profile"), absorbed.conf_int()
    np.testing.assert_allclose(within, wald, rtol=0.01)
    rate = fit_mixed("y ~ 1 + (1 | g)", table)
    assert np.ptp(rate.conf_int(method="profile")) > np.ptp(rate.conf_int())  # 15 groups: their variance isn't known


def test_wald_intervals_are_the_estimate_and_its_errors(table):
    fit = fit_mixed("y ~ x * k + offset(log(size)) + (1 | g)", table)
    wide = stats.norm.ppf(0.95) * fit.bse
    found = fit.conf_int(0.9)
    np.testing.assert_allclose(found["low"], fit.params - wide)
    np.testing.assert_allclose(found["high"], fit.params + wide)
    frame = fit.to_frame().set_index("effect")
    assert frame["low"].equals(fit.conf_int()["low"])
    assert frame.loc["x", "per_sd"] == pytest.approx(fit.params["x"] * table["x"].std(ddof=0))
    assert frame.loc[["Intercept", "k[T.b]"], "per_sd"].isna().all()


def test_a_bound_that_is_never_reached_is_infinite():
    """A likelihood that falls by 1 at most to the left: the half of 3.84 is never lost there."""

    def held(effect, value):
        return -0.5 * value**2 if value > 0 else -1.0 + np.exp(value)

    bounds = profile_bounds(held, np.zeros(1), np.ones(1), 0.0, 0.95)
    assert bounds[0, 0] == -np.inf
    assert bounds[0, 1] == pytest.approx(1.95996, abs=1e-3)


def test_what_has_no_interval_says_so(table, tmp_path):
    fit = fit_mixed("y ~ x + (1 | g)", table)
    with pytest.raises(ValueError, match=r"level 95.0: it is a share of the intervals, between 0 and 1. Write 0.95"):
        fit.conf_int(95.0)
    with pytest.raises(ValueError, match=r"method 'score' is unknown\. There are wald and profile"):
        fit.conf_int(method="score")
    with pytest.raises(ValueError, match="a profile fits the model again"):
        load(fit.save(tmp_path / "fit.json")).conf_int(method="profile")
    fit.source.table.loc[:50, "y"] = 9
    with pytest.raises(ValueError, match=r"profile: the table gives a log-likelihood of .* Fit it anew"):
        fit.conf_int(method="profile")
