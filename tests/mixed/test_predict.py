"""Claims: predictions are the formula's arithmetic, also of combinations and groups that were not fitted; draws have their moments."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed import load


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(2)
    n = 900
    found = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "k": rng.choice(list("cab"), n),
            "l": rng.integers(0, 3, n),
            "g": rng.integers(0, 30, n),
            "size": rng.random(n) + 0.5,
        }
    )
    rate = found["size"] * np.exp(0.3 * found["x"] + rng.normal(0, 0.5, 30)[found["g"]])
    return found.assign(y=rng.poisson(rate))


@pytest.fixture(scope="module")
def fit(table):
    return fit_mixed("y ~ x * k + C(l) + offset(log(size)) + (1 + x | g)", table)


def by_hand(fit, row):
    """Linear predictor of a row by the names of the effects, without random effects."""
    p = fit.params.to_dict()
    level, layer = f"[T.{row.k}]", f"C(l)[T.{row.l}]"
    return p["Intercept"] + np.log(row.size) + (p["x"] + p.get(f"x:k{level}", 0.0)) * row.x + p.get(f"k{level}", 0.0) + p.get(layer, 0.0)


def effects_of(fit, group):
    return fit.groupings[0].modes[fit.groupings[0].levels["g"].index(group)]


def test_a_prediction_is_the_sum_that_the_formula_writes(fit, table):
    rows = [row._replace() for row in table.head(40).itertuples(index=False, name="Row")]
    fixed = np.array([by_hand(fit, row) for row in rows])
    with_groups = fixed + [effects_of(fit, row.g) @ [1.0, row.x] for row in rows]
    some = table.head(40)
    np.testing.assert_allclose(fit.predict(some, kind="link", random=False), fixed, rtol=1e-12)
    np.testing.assert_allclose(fit.predict(some, kind="link"), with_groups, rtol=1e-12)
    np.testing.assert_allclose(fit.predict(some), np.exp(with_groups), rtol=1e-12)
    np.testing.assert_array_equal(fit.predict()[:40], fit.predict(some))


def test_a_model_without_random_effects_predicts_as_statsmodels_does(table):
    sm = pytest.importorskip("statsmodels.api")
    smf = pytest.importorskip("statsmodels.formula.api")
    offset = np.log(table["size"])
    reference = smf.glm("y ~ x * C(k)", table, family=sm.families.Poisson(), offset=offset).fit(tol=1e-12)
    found = fit_mixed("y ~ x * k + offset(log(size))", table)
    np.testing.assert_allclose(found.predict(table), reference.predict(table, offset=offset), rtol=1e-6)
    np.testing.assert_allclose(found.params, reference.params[[name.replace("k[", "C(k)[") for name in found.names]], atol=1e-6)


def test_combinations_of_known_levels_are_predicted_from_their_effects(table):
    seen = table[(table["k"] != "c") | (table["l"] != 2)]
    new = table[(table["k"] == "c") & (table["l"] == 2)]
    found = fit_mixed("y ~ x * k + C(l) + offset(log(size)) + (1 + x | g)", seen)
    rows = list(new.itertuples(index=False, name="Row"))
    wanted = [by_hand(found, row) + effects_of(found, row.g) @ [1.0, row.x] for row in rows]
    np.testing.assert_allclose(found.predict(new, kind="link"), wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.predict(table)[np.flatnonzero((table["k"] != "c") | (table["l"] != 2))], found.predict())


def test_levels_keep_their_places_when_a_table_lacks_some(fit, table):
    for level in ("a", "b", "c"):
        here = (table["k"] == level).to_numpy()
        np.testing.assert_array_equal(fit.predict(table[here]), fit.predict()[here])
    assert fit.levels == {"k": ["a", "b", "c"], "l": ["0", "1", "2"]}


def test_groups_that_were_not_fitted_are_refused_or_get_what_is_asked_for(fit, table):
    strange = table.assign(g=table["g"] + 15)
    known = (strange["g"] < 30).to_numpy()
    with pytest.raises(
        ValueError, match=r"15 of 30 groups of g are not among those fitted: 30, 31, 32, 33, 34 and more\. Say unseen='zero'"
    ):
        fit.predict(strange)
    zero, average = (fit.predict(strange, unseen=unseen) for unseen in ("zero", "average"))
    np.testing.assert_array_equal(zero[~known], fit.predict(strange, random=False)[~known])
    np.testing.assert_array_equal(zero[known], average[known])
    z = np.stack([np.ones(len(table)), table["x"]])
    variance = np.einsum("an,ab,bn->n", z, fit.groupings[0].covariance, z)
    np.testing.assert_allclose((average / zero)[~known], np.exp(variance / 2)[~known], rtol=1e-12)
    np.testing.assert_allclose(fit.predict(strange.drop(columns="g"), random=False), fit.predict(random=False), rtol=1e-14)


def test_wrong_requests_are_refused_in_a_sentence(fit, table, tmp_path):
    for words, options in (
        ("kind 'mean' is unknown. There are response", {"kind": "mean"}),
        ("unseen 'drop' is unknown", {"unseen": "drop"}),
    ):
        with pytest.raises(ValueError, match=words):
            fit.predict(table, **options)
    with pytest.raises(ValueError, match=r"k: the model was fitted without d\. It knows a, b, c"):
        fit.predict(table.assign(k="d"))
    with pytest.raises(ValueError, match="the table has no column 'x'"):
        fit.predict(table.drop(columns="x"))
    saved = load(fit.save(tmp_path / "fit.json"))
    with pytest.raises(ValueError, match=r"simulate: this model was read from a file, without its table\. Give the table"):
        saved.simulate(1, 0)
    np.testing.assert_array_equal(saved.predict(table), fit.predict())
    assert fit.predict(table.iloc[:0]).shape == (0,)


def test_draws_have_the_mean_and_the_variance_of_the_model(fit, table):
    drawn, mean = fit.simulate(400, 0), fit.predict()
    assert drawn.shape == (400, len(table))
    z = (drawn.mean(axis=0) - mean) / np.sqrt(mean / 400)
    assert abs(z.mean()) < 4 / np.sqrt(len(table))
    assert z.std() == pytest.approx(1.0, abs=0.1)
    assert (drawn.var(axis=0) / mean).mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(fit.simulate(2, 0), drawn[:2])
    assert not np.array_equal(fit.simulate(1, 1)[0], drawn[0])


def test_draws_with_new_groups_have_the_mean_over_groups(fit, table):
    drawn = fit.simulate(1500, 0, new_groups=True).mean(axis=0)
    over_groups = fit.predict(table.assign(g=-1), unseen="average")
    assert drawn.sum() / over_groups.sum() == pytest.approx(1.0, abs=0.03)
