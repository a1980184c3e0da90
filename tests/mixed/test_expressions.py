"""Claims: an expression is a number of its row alone; what depends on other rows is refused by name, and ^ is a power."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design.expressions import numeric


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    n = 600
    found = pd.DataFrame({"x": rng.normal(5, 1, n), "k": rng.integers(1, 5, n), "g": rng.integers(0, 20, n), "l.d": rng.random(n) + 1.0})
    return found.assign(y=rng.poisson(np.exp(0.3 * (found["x"] - 5))), **{"my size": rng.random(n) + 1.0})


@pytest.mark.parametrize(
    ("expression", "by_hand"),
    [
        ("x", lambda t: t.x),
        ("I(k^2)", lambda t: t.k**2),
        ("I(k^2 + 1)", lambda t: t.k**2 + 1),
        ("-k**2", lambda t: -(t.k**2)),
        ("log(x) / np.log(10)", lambda t: np.log10(t.x)),
        ("log(`my size` + l.d)", lambda t: np.log(t["my size"] + t["l.d"])),
        ("numpy.maximum(x, 5) - np.pi", lambda t: np.maximum(t.x, 5) - np.pi),
        ("where(x > 5, x - 5, 0)", lambda t: np.where(t.x > 5, t.x - 5, 0)),
        ("(x > 5) & ~(k == 2)", lambda t: (t.x > 5) & (t.k != 2)),
        ("x % 2 + x // 2", lambda t: t.x % 2 + t.x // 2),
        ("clip(x, 4, 6)", lambda t: t.x.clip(4, 6)),
        ("3", lambda t: np.full(len(t), 3.0)),
    ],
)
def test_an_expression_is_that_of_numpy_row_by_row(table, expression, by_hand):
    whole = numeric(table, expression)
    np.testing.assert_allclose(whole, np.asarray(by_hand(table), dtype=np.float64), rtol=1e-14)
    np.testing.assert_array_equal(numeric(table.iloc[7:9], expression), whole[7:9])


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("x - x.mean()", r"x\.mean\(\)"),
        ("x.rank()", r"x\.rank\(\)"),
        ("(x - np.mean(x)) / np.std(x)", r"np\.mean\(x\)"),
        ("np.log(x / x.max())", r"x\.max\(\)"),
        ("log(x / max(x))", r"max\(x\)"),
        ("poly(x, 2)", r"poly\(x, 2\)"),
        ("bs(x, df=4)", r"bs\(x, df=4\)"),
        ("center(x)", r"center\(x\)"),
        ("standardize(x)", r"standardize\(x\)"),
        ("cumsum(x)", r"cumsum\(x\)"),
        ("x[::-1]", r"x\[::-1\]"),
        ("log(x, k)", r"log\(x, k\)"),
        ("[v for v in x]", r"\[v for v in x\]"),
        ("(lambda: 1)()", r"\(lambda: 1\)\(\)"),
    ],
)
def test_what_is_no_number_of_a_single_row_is_refused_by_name(table, expression, named):
    words = rf"can't be computed \({named} is no number of a single row, as log\(x\).* Compute it first and name the new column"
    with pytest.raises(ValueError, match=words):
        numeric(table, expression)


@pytest.mark.parametrize(
    "formula", ["y ~ I(x - x.mean()) + (1 | g)", "y ~ x + offset(x - x.mean()) + (1 | g)", "y ~ x + (1 + x.rank() | g)"]
)
def test_no_part_of_a_formula_may_depend_on_the_whole_column(table, formula):
    with pytest.raises(ValueError, match=r"x\.(mean|rank)\(\) is no number of a single row"):
        fit_mixed(formula, table)


def test_the_same_row_has_the_same_prediction_in_any_table(table):
    fit = fit_mixed("y ~ I(x^2) + log(`my size`) + C(k) + offset(log(l.d)) + (1 | g)", table)
    np.testing.assert_allclose(fit.predict(table.iloc[5:9]), fit.predict()[5:9], rtol=1e-14)
    power = fit_mixed("y ~ squared + log(`my size`) + C(k) + offset(log(l.d)) + (1 | g)", table.assign(squared=table["x"] ** 2))
    np.testing.assert_allclose(fit.estimate, power.estimate, rtol=1e-9)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ C(k > 2) + (1 | g)", r"C\(k > 2\): C\( \) makes a category of one column"),
        ("y ~ C(x.rank()) + (1 | g)", r"C\( \) makes a category of one column"),
        ("y ~ x +* k + (1 | g)", r"can't be read \(Operator `\+\*` is incorrectly used\)"),
        ("y ~ . + (1 | g)", r"\. can't be read"),
        ("y ~ offset() + x + (1 | g)", r"nothing stands in offset\(\)"),
        ("y ~ offset(log(x k)) + x + (1 | g)", r"log\(x k\) can't be read as an expression of columns"),
        ("y ~ x + log(y + 1) + (1 | g)", "y also stands after ~. A response can't explain itself"),
    ],
)
def test_a_formula_without_a_meaning_is_refused_in_a_sentence(table, formula, words):
    with pytest.raises(ValueError, match=words):
        fit_mixed(formula, table)
