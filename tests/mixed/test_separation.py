"""Claims: perfect separation is found exactly when it is there, before the fit, and the sentence names the column and the category."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from graphtwin.mixed import NotConverged
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design import orthogonal, parse_formula, prepare, separated_direction
from graphtwin.mixed.families import family_named


def overlapping(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.poisson(1.0, n),
            "x": rng.normal(2010, 5, n),
            "z": rng.normal(size=n),
            "proj": rng.choice(["HVA", "LM", "V1"], n),
            "layer": rng.choice(["L2", "L4"], n),
            "g": rng.integers(0, 20, n),
        }
    )


def separated(proj):
    """Only the pair of the largest x in one projection has synapses."""
    table = overlapping()
    here = table["proj"] == proj
    return table.assign(y=table["y"].where(~here, (table["x"] == table["x"][here].max()).astype(int)))


@pytest.mark.parametrize("proj", ["HVA", "LM", "V1"])
@pytest.mark.parametrize("formula", ["y ~ x * proj + (1 | g)", "y ~ x * proj + z + (1 | g)", "y ~ 0 + proj + x:proj + (1 | g)"])
@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_separation_in_one_category_alone_names_the_column_and_the_category(proj, formula, family):
    """Whether that category is the base of the contrasts or not."""
    words = rf"all responses lie at one end of x in proj {proj} \(perfect separation\), so that its slope would be infinite"
    with pytest.raises(NotConverged, match=words):
        fit_mixed(formula, separated(proj), family)


@pytest.mark.parametrize("proj", ["HVA", "LM", "V1"])
@pytest.mark.parametrize("formula", ["y ~ x * proj + (1 | g)", "y ~ x * proj + z + (1 | g:proj)", "y ~ 0 + proj + x:proj + (1 | g)"])
@pytest.mark.parametrize("cut", [2004.0, 2011.0])
def test_trials_that_all_succeed_beyond_a_value_in_one_category_alone_name_it(proj, formula, cut):
    """In the other categories successes are mixed, with finite slopes and levels of their own."""
    table = overlapping()
    mixed = (np.random.default_rng(1).random(len(table)) < 0.3 + 0.1 * (table["layer"] == "L2")).astype(int)
    table["y"] = mixed.where(table["proj"] != proj, (table["x"] > cut).astype(int))
    with pytest.raises(NotConverged, match=rf"by x in proj {proj} .* lie at one end of it \(separation\)"):
        fit_mixed(formula, table, "binomial")


def test_separation_that_the_formula_cannot_follow_is_none():
    fit = fit_mixed("y ~ x + proj + (1 | g)", separated("LM"))
    assert np.isfinite(fit.estimate).all()
    assert fit.se[1] < 0.1


def test_several_directions_of_separation_are_found():
    table = overlapping().assign(a=lambda t: (t["z"] > 1) * 1.0, b=lambda t: (t["z"] < -1) * 1.0)
    table["y"] = table["y"].where(np.abs(table["z"]) < 1, 0)
    with pytest.raises(NotConverged, match=r"one end of (a|b|a, b) \(perfect separation\)"):
        fit_mixed("y ~ a + b + (1 | g)", table)


def rare(seed, n=30):
    """Few rows and rare responses, so that about half of the tables are separated."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"x": rng.integers(0, 6, n) + 0.0, "z": rng.integers(0, 4, n) + 0.0, "k": rng.choice(list("ab"), n)})
    table["y"] = rng.poisson(0.08, n)
    table.loc[[0, 1], ["y", "k"]] = [[1, "a"], [1, "b"]]
    return table


def separated_by_rows(table):
    """Albert and Anderson's definition, as a linear programme with one constraint a row."""
    b, silent = (table["k"] == "b").to_numpy(float), table["y"].to_numpy() == 0
    columns = np.column_stack([np.ones(len(table)), table["x"], b, b * table["x"], table["z"]])
    still, falling = columns[~silent], columns[silent]
    zero = np.zeros(len(table))
    found = linprog(falling.sum(axis=0), falling, zero[silent], still, zero[~silent], bounds=(-1, 1))
    return found.fun < -1e-7


def test_separation_is_that_of_a_linear_programme_over_all_rows():
    by_rows, found = [], []
    for table in map(rare, range(60)):
        design = prepare(parse_formula("y ~ x * k + z"), table, family_named("poisson"), None).design
        found.append(separated_direction(orthogonal(design).design) is not None)
        by_rows.append(separated_by_rows(table))
    assert found == by_rows
    assert 10 < sum(found) < 50
