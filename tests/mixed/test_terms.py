"""Claims: what is read and coded here is what formulaic makes of it, names, order and entries; the rest is left to formulaic."""

import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design import terms
from graphtwin.mixed.design.patterns import expand
from graphtwin.mixed.design.terms import read_terms

PLAIN = [
    "x + k",
    "0 + k",
    "k - 1",
    "x:k",
    "k:x - x",
    "0 + k:m",
    "k + k:m",
    "m:k + k",
    "x * k * m",
    "(x + k + m)^2",
    "(x + k) ** 2 - x:k",
    "k / m",
    "(k + x) / z",
    "k * m - k",
    "-1 + k + m + k:m:x",
    "C(n) * x - 1",
    "C(k, contr.treatment('b')) * m",
    "C(n,  contr.treatment( base = 2)) + C(n):x",
    "log(z + 9) : k + I(x**2)",
    "one + k",
    "0 + one + k",
    "one:k",
    "`a b` * x + `q k`",
    "x - - 1 + k",
    "k + C(k)",
]
ATOMS = ["x", "z", "k", "m", "one", "C(n)", "C(k)", "C(n, contr.treatment('3'))", "log(z+9)", "I(x ** 2)", "`a b`", "`q k`"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.normal(size=72) for name in ("x", "z", "a b")})
    categories = {name: rng.permutation(np.resize(list(levels), 72)) for name, levels in {"k": "abc", "m": "st", "q k": "uv"}.items()}
    return table.assign(**categories, n=rng.permutation(np.resize([1, 2, 3], 72)), one="only")


def by_formulaic(formula: str, frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Names and entries of formulaic's own model matrix of the whole table."""
    from formulaic import model_matrix

    matrix = model_matrix(formula, frame, output="pandas")
    return list(matrix.columns), matrix.to_numpy(np.float64)


def made_here(formula: str, frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Names and entries of the columns that are made here, rows put together again from features and patterns."""
    expansion = expand(frame, [formula])
    features = np.vstack([np.ones(len(frame)), expansion.values])
    side = expansion.sides[0]
    return list(side.names), np.einsum("kn,nkj->nj", features, side.weight[expansion.pattern])


@pytest.fixture
def without_formulaic(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulaic", None)  # importing it is an error now


@pytest.mark.parametrize("formula", PLAIN)
def test_a_plain_formula_gives_the_columns_of_formulaic(frame, formula, monkeypatch):
    names, entries = by_formulaic(formula, frame)
    monkeypatch.setitem(sys.modules, "formulaic", None)
    found, made = made_here(formula, frame)
    assert [name.replace("'2'", "2") for name in found] == names
    np.testing.assert_allclose(made, entries, rtol=1e-13)


def written(rng: random.Random, depth: int) -> str:
    """A formula by chance."""
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(ATOMS)
    if rng.random() < 0.8:
        return written(rng, depth - 1) + rng.choice([" + ", "-", " * ", ":", "+", "*", " / "]) + written(rng, depth - 1)
    return f"({written(rng, depth - 1)})" + rng.choice(["", "", "^2", " ** 3"])


def test_formulas_written_by_chance_give_the_terms_and_columns_of_formulaic(frame):
    rng = random.Random(0)
    for _ in range(150):
        formula = rng.choice(["", "", "0 + ", "-1 +", "1 + "]) + written(rng, 2) + rng.choice(["", "", " - 1", " + 0"])
        try:
            read = read_terms(formula)
        except ValueError:  # formulaic takes away a call that isn't there in silence
            with pytest.raises(ValueError, match="leaves out a term that isn't there"):
                read_terms(formula)
            continue
        assert read == terms._by_formulaic(formula), formula
        if len(read) > 30:
            continue
        try:
            names, entries = by_formulaic(formula.replace("'3'", "3"), frame)
        except KeyError:  # formulaic writes no table without columns
            names, entries = [], np.zeros((len(frame), 0))
        found, made = made_here(formula, frame)
        assert [name.replace("'3'", "3") for name in found] == names, formula
        np.testing.assert_allclose(made, entries, rtol=1e-13, err_msg=formula)


@pytest.mark.parametrize(
    "formula",
    [
        "C(k, contr.sum)",
        "C(k, contr.helmert) * x",
        "C(k, contr.treatment) + x",
        "0 + C(k, contr.poly):x",
        "2:x + k",
        "k %in% m",
        "log(`a b` + 9) + k",
    ],
)
def test_other_contrasts_and_operators_are_those_of_formulaic(frame, formula):
    frame = frame.assign(**{"a b": np.abs(frame["a b"])})
    names, entries = by_formulaic(formula, frame)
    found, made = made_here(formula, frame)
    assert found == names
    np.testing.assert_allclose(made, entries, rtol=1e-12, atol=1e-14)


def test_levels_of_a_categorical_stand_in_its_order_and_the_first_that_occurs_is_the_base(frame, without_formulaic):
    ordered = frame.assign(k=pd.Categorical(frame["k"], categories=["c", "absent", "a", "b"], ordered=True))
    assert made_here("k", ordered)[0] == ["Intercept", "k[T.a]", "k[T.b]"]
    assert made_here("0 + k", ordered)[0] == ["k[c]", "k[a]", "k[b]"]


def test_missing_values_of_a_category_or_a_number_are_refused(frame, without_formulaic):
    for name in ("k", "x"):
        gaps = frame.assign(**{name: frame[name].where(frame.index >= 4)})
        with pytest.raises(ValueError, match=f"column {name}: 4 of 72 rows have no value"):
            made_here("x * k", gaps)


@pytest.mark.parametrize("formula", ["x +", "x * ", "x ) + k", "x k", "(x", "log(x", "x ** k", "2", "x + 'a'"])
def test_what_cannot_be_read_is_the_error_of_formulaic_in_one_sentence(frame, formula):
    with pytest.raises(ValueError, match=r"can't be read \(.*Write it as in `x \* kind \+ log\(size\)`"):
        expand(frame, [formula])


@pytest.mark.parametrize("formula", ["x - x.mean()", "x + k - log(z)", "(x - I(z ** 2)) * k"])
def test_a_difference_that_would_leave_out_nothing_is_refused(frame, formula):
    with pytest.raises(ValueError, match=r"leaves out a term that isn't there, so nothing is subtracted. Write a difference as in I\(x - "):
        expand(frame, [formula])


def test_levels_that_are_listed_without_one_that_occurs_are_refused_and_all_of_them_are_in_their_order(frame):
    assert made_here("C(k, levels=['c', 'a', 'b'])", frame)[0][1:] == [f"C(k, levels=['c', 'a', 'b'])[T.{level}]" for level in "ab"]
    for written, lacking in (
        ("C(k, levels=['c', 'b'])", "a, 1 of 3 that k"),
        ("C(n, contr.sum, levels=[1, 2, 3])", "1, 2, 3, 3 of 3 that n"),
    ):
        with pytest.raises(ValueError, match=f"its levels lack {lacking} has"):
            expand(frame, [f"x + {written}"])


@pytest.mark.parametrize(
    ("formula", "words"),
    [("C(k, levels=m)", "levels must be a list of texts"), ("C(k, contr.treatment('zz'))", "'zz'"), ("C(k, nonsense)", "nonsense")],
)
def test_a_category_that_cannot_be_coded_is_named_in_a_sentence(frame, formula, words):
    with pytest.raises(ValueError, match=r"formula: C\(k") as told:
        expand(frame, [formula])
    assert words in str(told.value)


def test_a_call_and_a_column_of_its_name_are_one_factor():
    formula = "(a + `log(a)`):log(a)"
    assert [[factor.written for factor in term] for term in read_terms(formula)] == [["1"], ["log(a)"], ["a", "log(a)"]]
    assert [[factor.written for factor in term] for term in terms._by_formulaic(formula)] == [["1"], ["log(a)"], ["a", "log(a)"]]


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "gaussian"])
def test_a_plain_fit_of_counts_or_measures_loads_neither_formulaic_nor_scipy_special(family):
    code = f"""if True:
        import sys, numpy as np, pandas as pd
        from graphtwin.mixed import fit as fit_mixed
        rng = np.random.default_rng(0)
        table = pd.DataFrame(dict(x=rng.normal(size=300), kind=np.resize(list("ab"), 300), g=rng.integers(0, 12, 300)))
        table["y"] = rng.poisson(np.exp(0.3 * table["x"]) * rng.gamma(1.0, 1.0, 300)).astype(float)
        fit_mixed("y ~ x * kind + offset(x) + (1 | g)", table, "{family}")
        print(set(("formulaic", "scipy.special", "numba", "graphtwin.mixed.mundlak")) & set(sys.modules))
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_fit_of_other_contrasts_is_the_same_model():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=400), "kind": rng.choice(list("abc"), 400), "g": rng.integers(0, 20, 400)})
    table["y"] = rng.poisson(np.exp(0.5 * table["x"] + 0.4 * (table["kind"] == "b")))
    treatment, sums = fit_mixed("y ~ x * kind + (1 | g)", table), fit_mixed("y ~ x * C(kind, contr.sum) + (1 | g)", table)
    assert sums.names[2] == "C(kind, contr.sum)[S.a]"
    assert sums.log_likelihood == pytest.approx(treatment.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(sums.predict(table), treatment.predict(table), rtol=1e-5)
