"""Claims: formulas are taken apart as R takes them, and what can't be read is said."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design.formula import RandomTerm, parse_formula
from graphtwin.mixed.design.patterns import expand


def test_the_published_model_is_taken_apart():
    parsed = parse_formula("n_synapses ~ x * proj + offset(log(l_d)) + (1 | pre:proj)")
    assert (parsed.response, parsed.fixed, parsed.offsets) == ("n_synapses", "x * proj", ("log(l_d)",))
    assert parsed.random == (RandomTerm("1", ("pre", "proj")),)


def test_nested_groups_double_bars_and_several_offsets():
    parsed = parse_formula("y ~ 0 + x - z + offset(a) + offset(log(b + 1)) + (1 + x || area/pre) + (x | post)")
    assert parsed.fixed == "0 + x - z"
    assert parsed.offsets == ("a", "log(b + 1)")
    assert parsed.random == (
        RandomTerm("1 + x", ("area",), correlated=False),
        RandomTerm("1 + x", ("area", "pre"), correlated=False),
        RandomTerm("x", ("post",)),
    )


def test_random_terms_alone_leave_an_intercept():
    assert parse_formula("y ~ (1 | pre)").fixed == "1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y x", "the part before a single ~ must be one column"),
        ("log(y) ~ x", "the part before a single ~ must be one column"),
        ("y ~ (1 | pre", "its parentheses don't match"),
        ("y ~ x)", "its parentheses don't match"),
        ("y ~ ", "nothing stands after ~"),
        ("y ~ x + (1 | log(pre))", "needs effects before the bar and columns after it"),
        ("y ~ x + ( | pre)", "needs effects before the bar"),
        ("y ~ x - (1 | pre)", "can't be subtracted"),
        ("y ~ offset(x) * z", "is not a sum of an offset and other terms"),
    ],
)
def test_a_formula_that_cannot_be_read_says_where(text, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        parse_formula(text)


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.normal(3, 1, 60),
            "l_d": rng.random(60) + 1,
            "proj": list("abc") * 20,
            "layer": [1, 1, 1, 2, 2, 2] * 10,
            "proofread": [True, False] * 30,
        }
    )


@pytest.mark.parametrize(
    "formula",
    [
        "x * proj",
        "0 + proj + proj:x",
        "x * proj - x",
        "log(l_d) * proj + C(layer):x + x:l_d",
        "C(proj, contr.treatment('b')) * x + I(x ** 2)",
        "x * proj * C(layer)",
        "1",
        "x + proofread",
    ],
)
def test_features_times_patterns_are_the_design_matrix_of_formulaic(frame, formula):
    from formulaic import model_matrix

    expansion = expand(frame, [formula, "1 + x"])
    features = np.vstack([np.ones(len(frame)), expansion.values])
    ours = np.einsum("kn,nkj->nj", features, expansion.sides[0].weight[expansion.pattern])
    theirs = model_matrix(formula, frame.astype({"proofread": str}))
    np.testing.assert_allclose(ours, theirs.to_numpy(np.float64), rtol=1e-13)
    assert expansion.sides[0].names == tuple(theirs.columns)
    assert expansion.sides[1].names == ("Intercept", "x")


def test_levels_of_a_categorical_keep_their_order_and_absent_ones_vanish(frame):
    frame["proj"] = pd.Categorical(frame["proj"], categories=["c", "z", "a", "b"])
    assert expand(frame, ["proj"]).sides[0].names == ("Intercept", "proj[T.a]", "proj[T.b]")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("similarty", "no column 'similarty'"),
        ("x_", "Did you mean 'x'"),
        ("scale(x)", "depends on the whole column"),
        ("bs(x, df=4)", "depends on the whole column"),
        ("gap", "column gap: 3 of 60 rows have no value"),
        ("log(zero)", r"log\(zero\) is not finite in 60 of 60 rows"),
    ],
)
def test_what_cannot_become_a_column_is_refused(frame, formula, words):
    frame = frame.assign(gap=[np.nan] * 3 + [1.0] * 57, zero=0.0)
    with pytest.raises(ValueError, match=words):
        expand(frame, [formula])


def test_thousands_of_levels_in_the_fixed_effects_are_refused(frame):
    frame = pd.DataFrame({"x": np.arange(6000.0), "pre": [f"axon {i}" for i in range(6000)]})
    with pytest.raises(ValueError, match=r"6000 combinations of pre; 2000 fit\. Give a category with many levels a random effect"):
        expand(frame, ["x * pre"])


def test_ordered_categories_get_treatment_contrasts_and_a_base_may_be_a_number():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"k": rng.integers(0, 3, 400), "g": rng.integers(0, 20, 400), "y": rng.poisson(2.0, 400)})
    ordered = table.assign(k=pd.Categorical(table["k"], ordered=True))
    assert fit_mixed("y ~ k + (1 | g)", ordered).names == ("Intercept", "k[T.1]", "k[T.2]")
    first, last = (fit_mixed(f"y ~ C(k, contr.treatment({base})) + (1 | g)", table) for base in ("0", "2"))
    assert [name[-5:] for name in last.names[1:]] == ["[T.0]", "[T.1]"]
    assert last.estimate[1] == pytest.approx(-first.estimate[2], abs=1e-4)
    with pytest.raises(ValueError, match=r"contr.treatment\(7\)\): 7 is no level of k, which has 0, 1, 2"):
        fit_mixed("y ~ C(k, contr.treatment(7)) + (1 | g)", table)


def test_a_category_may_have_the_name_that_numbers_are_given_inside():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"number_0_": rng.choice(list("abc"), 400), "x": rng.normal(size=400), "g": rng.integers(0, 20, 400)})
    table["y"] = rng.poisson(np.exp(0.5 * table["x"] + 0.3 * (table["number_0_"] == "c")))
    found, plain = (fit_mixed(f"y ~ {name} + x + (1 | g)", table.assign(kind=table["number_0_"])) for name in ("number_0_", "kind"))
    np.testing.assert_allclose(found.estimate, plain.estimate)
    assert found.names == ("Intercept", "number_0_[T.b]", "number_0_[T.c]", "x")
