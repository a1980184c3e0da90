"""Claims: counts of millions to a million millions are fitted like others: no overflow, no false failure, the limits that theory gives."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed

SIZES = [1e3, 1e7, 1e9, 1e12]


def table(size, phi=None, seed=0, n=600):
    rng = np.random.default_rng(seed)
    found = pd.DataFrame({"x": rng.normal(size=n), "g": rng.integers(0, 30, n), "h": rng.integers(0, 12, n)})
    rate = np.exp(0.3 * found["x"] + rng.normal(0, 0.4, 30)[found["g"]] + rng.normal(0, 0.3, 12)[found["h"]])
    mean = size * rate.to_numpy() * (1.0 if phi is None else rng.gamma(phi, 1 / phi, n))
    return found.assign(y=np.random.default_rng(1).poisson(mean), rate=rate)


@pytest.mark.parametrize("size", SIZES)
def test_group_rates_that_are_known_exactly_have_the_normal_distribution_of_their_logarithms(size):
    """With counts this large the groups' log rates are data: their mean and variance are those of a normal sample."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(25), 8)
    log_rate = rng.normal(0, 0.5, 25)
    y = rng.poisson(size * np.exp(log_rate)[group])
    fit = fit_mixed("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": group}))
    known = np.log(np.bincount(group, weights=y) / 8)
    within = 4 / np.sqrt(size)  # the groups' own counting error
    assert fit.estimate[0] == pytest.approx(known.mean(), abs=1e-6 + within**2)
    assert fit.groupings[0].sd[0] == pytest.approx(known.std(), abs=1e-6 + within**2)
    assert fit.se[0] == pytest.approx(known.std() / 5, rel=1e-4 + within**2)
    np.testing.assert_allclose(fit.estimate[0] + fit.groupings[0].modes[:, 0], known, atol=1e-6 + within**2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("random", ["(1 | g)", "(1 | g) + (1 | h)"])
def test_overdispersed_counts_become_gamma(size, random):
    """NB2 of a large mean is a gamma of phi: Poisson's share of the variance is phi / mean."""
    data = table(size, phi=5.0)
    counts, limit = (fit_mixed(f"y ~ x + {random}", data[data["y"] > 0], family) for family in ("negative_binomial", "gamma"))
    far = 1e-4 * 1e3 / size + 1e-6
    np.testing.assert_allclose(counts.estimate, limit.estimate, atol=far)
    np.testing.assert_allclose(counts.se, limit.se, rtol=10 * far)
    assert counts.log_likelihood == pytest.approx(limit.log_likelihood, abs=0.2 * 1e3 / size + 1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_poisson_slopes_within_crossed_groups_are_recovered_to_their_tiny_errors(size):
    fit = fit_mixed("y ~ x + (1 | g) + (1 | h)", table(size))
    assert fit.se[1] == pytest.approx(1.33e-3 * np.sqrt(1e3 / size), rel=0.05)
    assert abs(fit.estimate[1] - 0.3) < 4 * fit.se[1]
    assert [grouping.sd[0] for grouping in fit.groupings] == pytest.approx([0.3515, 0.269], abs=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_a_model_without_random_effects_is_that_of_statsmodels(size):
    sm = pytest.importorskip("statsmodels.api")
    data = table(size)
    fit = fit_mixed("y ~ x + offset(log(rate))", data)
    response, columns, offset = data["y"].to_numpy(float), sm.add_constant(data["x"].to_numpy()), np.log(data["rate"].to_numpy())
    reference = sm.GLM(response, columns, family=sm.families.Poisson(), offset=offset).fit(tol=1e-15, maxiter=100)
    np.testing.assert_allclose(fit.estimate, reference.params, atol=1e-3 * reference.bse.max())
    np.testing.assert_allclose(fit.se, reference.bse, rtol=1e-4)  # at 1e12 differences of the gradient keep five digits


def test_ten_thousand_levels_as_fixed_effects_are_refused_with_the_way_to_fit_them():
    level = np.arange(40_000) % 10_000
    data = pd.DataFrame({"y": np.random.default_rng(0).poisson(1.0, 40_000), "cell": level, "g": np.arange(40_000) % 17})
    with pytest.raises(ValueError, match=r"10000 combinations of cell; 2000 fit\. Give a category with many levels a random effect"):
        fit_mixed("y ~ C(cell) + (1 | g)", data)
