"""Claims: what can't be fitted is refused in words that say how much, where and what to do; what finds no maximum is no result."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from graphtwin.mixed import NotConverged
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design import require_names

RATE = "n_synapses ~ similarity * proj + offset(log(l_d)) + (1 | pre_nucleus_id:proj)"
PLAIN = "n_synapses ~ similarity + offset(log(l_d)) + (1 | pre_nucleus_id)"


@pytest.fixture(scope="module")
def pairs():
    return planted_pairs(3000, Rule("poisson"), seed=4, n_axons=24)


def refused(formula, table, words, family="poisson", **options):
    with pytest.raises(ValueError, match=words):
        fit_mixed(formula, table, family, **options)


def test_a_response_without_exposure_is_refused_by_the_labels_of_its_rows(pairs):
    table = pairs.set_index(["pre_nucleus_id", "post_nucleus_id"], drop=False)
    rows = np.flatnonzero(table["n_synapses"] > 0)[:7]
    empty = np.flatnonzero(table["n_synapses"] == 0)[:4]
    exposure = table["l_d"].to_numpy().copy()
    exposure[np.r_[rows, empty]] = 0.0
    first = f"{table['pre_nucleus_id'].iloc[rows[0]]}-{table['post_nucleus_id'].iloc[rows[0]]}"
    refused(
        RATE,
        table.assign(l_d=exposure),
        rf"l_d is 0 or below in 11 of 3000 rows, and 7 of these have n_synapses > 0: row {first}, .* and 2 more.* mend or drop these",
    )


def test_rows_without_exposure_and_without_response_are_refused_too(pairs):
    table = pairs.copy()
    row = int(np.flatnonzero(table["n_synapses"] == 0)[0])
    table.loc[table.index[row], "l_d"] = 0.0
    refused(RATE, table, rf"in 1 of 3000 rows, and 0 of these have n_synapses > 0: row {table.index[row]}\. .* Keep rows with l_d > 0 only")


def test_gaps_unknown_columns_and_an_empty_table_are_refused(pairs):
    refused(
        RATE,
        pairs.assign(similarity=pairs["similarity"].where(pairs["similarity"] > 0)),
        r"column similarity: \d+ of 3000 rows have no value",
    )
    refused(RATE.replace("proj", "projection"), pairs, "no column 'projection'. Did you mean 'proj'")
    refused(RATE, pairs.iloc[:0], "the table has no rows")
    refused(RATE.replace("pre_nucleus_id", "pre_nucleus"), pairs, "no column 'pre_nucleus'. Did you mean 'pre_nucleus_id'")


def test_responses_that_the_family_cannot_have_are_refused(pairs):
    refused(RATE, pairs.assign(n_synapses=pairs["n_synapses"] + 0.5), "3000 broken .* The poisson family needs counts")
    refused(RATE, pairs.assign(n_synapses=-pairs["l_d"]), "3000 negative values among 3000 rows. The tweedie family", "tweedie")
    refused(RATE, pairs.assign(n_synapses=0), "n_synapses: 0 in all 3000 rows")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (lambda y: y > 0, r"n_synapses: true or false in all 3000 rows\. Use family binomial, or make counts of them with astype\(int\)"),
        (lambda y: y.astype(str), r"column n_synapses: its 3000 values are texts, not numbers\. Make numbers of them, as with pandas"),
        (lambda y: y.astype(object), r"column n_synapses: its 3000 values are of type int, not numbers"),
        (lambda y: y + 0j, r"column n_synapses: its 3000 values are of type complex128, not numbers"),
        (
            lambda y: pd.to_datetime(y, unit="D"),
            r"its 3000 values are dates, not numbers\. Make a number of them, such as days since the first",
        ),
        (lambda y: pd.to_timedelta(y, unit="D"), r"its 3000 values are spans of time, not numbers\. Make a number of them"),
        (lambda y: y.where(y.index > 3, np.nan), r"column n_synapses: 4 of 3000 rows have no value\. Drop these rows first"),
        (lambda y: y.astype(float).where(y.index > 3, np.inf), r"0 negative, 0 broken, 4 infinite values among 3000 rows\. The poisson"),
    ],
)
def test_a_response_of_another_kind_is_refused_in_a_sentence(pairs, kind, words):
    refused(RATE, pairs.assign(n_synapses=kind(pairs["n_synapses"])), words)


def test_infinite_sizes_are_refused_as_such(pairs):
    endless = pairs.assign(n_synapses=pairs["l_d"].where(pairs.index > 3, np.inf))
    refused(
        RATE, endless, r"0 negative, 4 infinite values among 3000 rows\. The tweedie family needs finite values of 0 or more", "tweedie"
    )


def test_a_covariate_of_another_kind_is_refused_in_a_sentence(pairs):
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(pairs)) % 90, "D")
    formula = "n_synapses ~ new + (1 | pre_nucleus_id)"
    refused(formula, pairs.assign(new=when), r"column new: its 3000 values are dates\. Make a number of them, such as days")
    refused(formula, pairs.assign(new=pairs["similarity"].astype(object)), "column new: its 3000 values are of type float. Make numbers")
    refused(formula.replace("new", "log(new)"), pairs.assign(new="a"), "column new: its 3000 values are texts, not numbers")
    fitted = fit_mixed("n_synapses ~ similarity + (1 | day)", pairs.assign(day=when))
    assert len(fitted.groupings[0].modes) == 90  # a day is a good group


def test_what_is_no_family_is_answered_with_those_there_are(pairs):
    refused(RATE, pairs, "family 'possion' is unknown. There are poisson, negative_binomial", "possion")


def test_a_constant_similarity_is_refused_by_name(pairs):
    refused(RATE, pairs.assign(similarity=0.3), "similarity follows from Intercept. A number that is constant")


def test_a_similarity_that_is_zero_is_refused(pairs):
    refused(PLAIN, pairs.assign(similarity=0.0), "fixed effects: similarity is 0 in all rows")


def test_a_category_that_follows_from_another_is_refused(pairs):
    table = pairs.assign(area=np.where(pairs["proj"].isin(["V1->V1", "V1->HVA"]), "V1", "HVA"))
    refused(PLAIN + " + proj + area", table, r"area\[T.V1\] follows from Intercept, proj\[T.HVA->HVA\], proj\[T.HVA->V1\]")


def test_a_projection_without_synapses_is_refused_as_separation(pairs):
    silent = pairs["n_synapses"].where(pairs["proj"] != "HVA->V1", 0)
    words = r"n_synapses: 0 in all rows of proj HVA->V1 \(\d+ rows\)\. .*perfect separation"
    refused(RATE, pairs.assign(n_synapses=silent), words)
    refused(
        RATE, pairs.assign(n_synapses=silent, proj=pairs["proj"].cat.reorder_categories(list(pairs["proj"].cat.categories)[::-1])), words
    )


def test_a_silent_category_with_a_random_effect_alone_is_no_separation(pairs):
    silent = pairs.assign(n_synapses=pairs["n_synapses"].where(pairs["pre_nucleus_id"] != pairs["pre_nucleus_id"].iloc[0], 0))
    assert np.isfinite(fit_mixed(PLAIN, silent).estimate).all()


def test_separation_along_a_number_finds_no_maximum(pairs):
    """All pairs of positive z lack synapses: the rate falls without end."""
    z = np.where((pairs["n_synapses"] == 0) & (np.arange(len(pairs)) % 3 == 0), np.arange(len(pairs)) % 7, 0.0)
    with pytest.raises(NotConverged, match=r"not converged, so there is no result: .*\bz\b"):
        fit_mixed(PLAIN + " + z", pairs.assign(z=z))


def test_one_group_is_refused(pairs):
    refused("n_synapses ~ similarity + (1 | one)", pairs.assign(one="a"), "there is 1 group, and a variance between groups needs 2")


def test_ids_as_floats_are_refused(pairs):
    refused(
        PLAIN, pairs.assign(pre_nucleus_id=pairs["pre_nucleus_id"].astype(np.float64)), "group pre_nucleus_id: its 3000 values are floats"
    )


def test_an_effect_named_twice_is_refused(pairs):
    refused(PLAIN + " + (similarity | pre_nucleus_id)", pairs, "Intercept occurs twice")


def test_absorbing_beside_random_effects_is_refused(pairs):
    refused(PLAIN, pairs, "absorb pre_nucleus_id: the formula also has random effects", absorb="pre_nucleus_id")


def test_absorbing_everything_is_refused(pairs):
    refused("n_synapses ~ proj", pairs, "no fixed effect varies within its groups", absorb="pre_nucleus_id")


def test_too_many_crossed_coefficients_are_refused():
    rng = np.random.default_rng(0)
    n = 20_000
    table = pd.DataFrame({"y": rng.poisson(1.0, n), "pre": np.arange(n) % 7000, "post": rng.permutation(np.arange(n) % 7001)})
    refused("y ~ 1 + (1 | pre) + (1 | post)", table, r"beside post there are 7000 coefficients of pre \(7000\), solved together; 6000 fit")


def test_ten_thousand_groups_are_a_random_effect_or_absorbed_and_no_fixed_effect():
    rng = np.random.default_rng(0)
    n = 40_000
    table = pd.DataFrame({"x": rng.normal(size=n), "axon": rng.permutation(np.arange(n) % 10_000)})
    table["y"] = rng.poisson(np.exp(0.3 * table["x"] + rng.normal(0, 0.5, 10_000)[table["axon"]]))
    random, free = fit_mixed("y ~ x + (1 | axon)", table), fit_mixed("y ~ x", table, absorb="axon")
    for fit in (random, free):
        row = fit.to_frame().set_index("effect").loc["x"]
        assert abs(row["estimate"] - 0.3) < 4 * row["se"]
    assert random.groupings[0].sd[0] == pytest.approx(0.5, abs=0.03)
    assert len(random.groupings[0].modes) == 10_000
    for formula in ("y ~ x + C(axon)", "y ~ x + (1 + C(axon) | half)"):
        with pytest.raises(ValueError, match=r"10000 combinations of axon; 2000 fit\. Give a category with many levels a random effect"):
            fit_mixed(formula, table.assign(half=np.arange(n) % 2))


def test_poisson_counts_have_no_negative_binomial_fit():
    table = planted_pairs(4000, Rule("poisson", axon_sd=0.3), seed=1, n_axons=30)
    table["n_synapses"] = np.minimum(table["n_synapses"], 1)  # less variable than Poisson
    with pytest.raises(NotConverged, match=r"phi grows without end .* Use family poisson"):
        fit_mixed(RATE, table, "negative_binomial")


def test_halved_counts_have_no_tweedie_fit():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": 0.5 * rng.poisson(1.0, 800), "pre": np.arange(800) % 20, "x": rng.normal(size=800)})
    with pytest.raises(NotConverged, match="the power runs to 1: the response takes few values, like a count"):
        fit_mixed("y ~ x + (1 | pre)", table, "tweedie")


def test_sizes_of_0_and_sizes_that_are_all_alike_have_no_gamma_fit():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.gamma(2.0, 0.5, 400), "pre": np.arange(400) % 20, "x": rng.normal(size=400)})
    some = table.assign(y=table["y"].where(table.index >= 3, 0.0))
    with pytest.raises(ValueError, match=r"y: 0 in 3 of 400 rows\. The gamma family needs values above 0: leave these rows out"):
        fit_mixed("y ~ x + (1 | pre)", some, "gamma")
    with pytest.raises(NotConverged, match="phi runs to 0: the response is its mean in every row"):
        fit_mixed("y ~ x + (1 | pre)", table.assign(y=2.0), "gamma")


def test_a_search_that_is_cut_short_reports_nothing(pairs, monkeypatch):
    monkeypatch.setattr("graphtwin.mixed.likelihood.maximise.MAX_ITERATIONS", 2)
    with pytest.raises(
        NotConverged,
        match=r"not converged, so there is no result: .* standard errors from a maximum after 2 steps\. The steepest parameter",
    ):
        fit_mixed(RATE, pairs)


def test_what_R_writes_otherwise_is_answered_with_how_it_is_written_here(pairs):
    refused(
        "n_synapses ~ similarity + 1|pre_nucleus_id", pairs, r"1\|pre_nucleus_id has a bar outside parentheses. Write .* as \(1 \| group\)"
    )
    refused("n_synapses ~ factor(proj) + (1 | pre_nucleus_id)", pairs, r"factor\(proj\) is written C\(proj\) here")
    refused("n_synapses ~ as.factor(proj) + (1 | pre_nucleus_id)", pairs, r"as.factor\(proj\) is written C\(proj\) here")
    refused("n_synapses ~ squared(l_d) + (1 | pre_nucleus_id)", pairs, r"squared\(l_d\) can't be computed .* Compute it first")


def test_a_formula_without_a_fixed_effect_is_refused(pairs):
    refused("n_synapses ~ 0 + (1 | pre_nucleus_id)", pairs, "it has no fixed effect, not even an intercept. Leave `0 \\+` out")


def test_a_column_that_the_table_has_twice_is_refused_where_it_is_named(pairs):
    refused(PLAIN, pd.concat([pairs, pairs[["similarity"]]], axis=1), "column similarity: the table has it 2 times. Keep one")
    refused(PLAIN, pd.concat([pairs, pairs[["l_d"]]], axis=1), "column l_d: the table has it 2 times")
    assert fit_mixed(PLAIN, pd.concat([pairs, pairs[["proj", "proj"]]], axis=1)).n_rows == 3000


def test_a_combination_of_categories_without_a_row_is_answered_with_the_way_to_fit_the_others(pairs):
    table = pairs.assign(proj=pairs["proj"].astype(str), half=np.where(np.arange(len(pairs)) % 2, "a", "b"))
    kept = table[(table["proj"] != table["proj"].max()) | (table["half"] == "a")]
    refused(
        "n_synapses ~ proj * half + (1 | pre_nucleus_id)",
        kept,
        "is 0 in all rows. Where that is a combination of categories without a row, put one column of combinations in place",
    )
    both = kept.assign(both=kept["proj"] + " " + kept["half"])
    assert len(fit_mixed("n_synapses ~ both + (1 | pre_nucleus_id)", both).names) == both["both"].nunique()


def test_arguments_that_are_no_names_and_draws_that_are_no_number_are_refused_in_words(pairs):
    for given, kind in ((np.ones(3), "ndarray"), (["pre_nucleus_id"], "list")):
        with pytest.raises(ValueError, match=f"weights: a {kind} was given. Put the values into a column of the table, and give its name"):
            require_names(absorb=None, weights=given)
    require_names(absorb="pre_nucleus_id", weights=None)
    fit = fit_mixed(PLAIN, pairs)
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"simulate: {n} draws. Take a whole number from 1"):
            fit.simulate(n, seed=0)
