"""Claims: a field is fitted by the Laplace likelihood of its covariance, and a slope is right though rate and covariate are smooth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import optimize, stats
from scipy.spatial.distance import cdist

from graphtwin.mixed import anova, load
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design.design import build_design, with_weights
from graphtwin.mixed.design.field_term import FieldTerm
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.design.kernels import KERNELS
from graphtwin.mixed.families import Weighted, family_named
from graphtwin.mixed.families.counts import FAMILIES
from graphtwin.mixed.likelihood.field import WithFields
from graphtwin.mixed.likelihood.laplace import evaluate

INNER = {"poisson": [], "negative_binomial": [-0.2], "tweedie": [-0.8, -0.3], "gamma": [-0.7]}
CORRELATION = {
    "exponential": lambda d: np.exp(-d),
    "matern": lambda d: (1 + np.sqrt(3) * d) * np.exp(-np.sqrt(3) * d),
    "squared_exponential": lambda d: np.exp(-(d**2) / 2),
}


NEWER = {"nb1": [-0.3], "zero_inflated_negative_binomial": [-0.2, -1.0], "binomial": [], "gaussian": [0.2]}


def tiny_table(n=150, seed=0):
    """Six axons at places in a plane, 15 targets in space, two of them at one place."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, 6, n), rng.integers(0, 15, n)
    targets, axons = rng.uniform(0, 300, (15, 3)), rng.uniform(0, 300, (6, 2))
    targets[1] = targets[0]
    columns = {"px": targets[post, 0], "py": targets[post, 1], "pz": targets[post, 2], "ax": axons[pre, 0], "ay": axons[pre, 1]}
    y = rng.poisson(1.5, n) + 1.0
    return pd.DataFrame({"y": y, "x": rng.normal(size=n), "pre": pre, "post": post, "proj": np.array(["a", "b"])[pre % 2]} | columns)


def model_of(name, random, table):
    """The model, its design and a normaliser that takes the log ranges too."""
    design, family = build_design(parse_formula(f"y ~ x * proj + {random}"), table), family_named(name)
    model, plain, n = WithFields(design, family), family.normaliser(design.y), len(family.shape_names)

    def normaliser(inner):
        value, slope = plain(inner[:n])
        return value, np.r_[slope, np.zeros(len(design.fields))]

    return model, design, normaliser


ARRANGEMENTS = [
    "field(px, py, pz)",
    "(1 | pre) + field(px, py, pz, knots=8)",
    "(1 + x | pre) + (1 | post) + field(px, py, pz, kernel=exponential, knots=10) + field(ax, ay, kernel=squared_exponential)",
]


@pytest.mark.parametrize("name", INNER | NEWER)
@pytest.mark.parametrize("random", ARRANGEMENTS)
@pytest.mark.parametrize("counted", [False, True])
def test_the_gradient_is_that_of_the_likelihood_by_ranges_too(name, random, counted):
    table = tiny_table()
    if name == "binomial":
        table = table.assign(y=(table["y"] > 2) * 1.0)
    elif name in NEWER:
        table = table.assign(y=table["y"] - 1.0)
    model, design, normaliser = model_of(name, random, table)
    if counted:
        times = np.random.default_rng(2).uniform(0.5, 3.0, len(table))
        design = with_weights(replace(design, weights=times))
        plain = family_named(name).normaliser(design.y[:, 0], times)
        model, n = WithFields(design, Weighted(family_named(name))), model.n_shapes

        def normaliser(inner):
            value, slope = plain(inner[:n])
            return value, np.r_[slope, np.zeros(len(design.fields))]

    roots = np.random.default_rng(1).uniform(0.2, 0.7, model.layout.n_roots)
    vector = np.r_[0.3, 0.2, -0.2, 0.1, roots, (INNER | NEWER)[name], np.log([90.0, 140.0][: len(design.fields)])]
    here, h = evaluate(model, normaliser, vector, np.zeros(model.n_modes)), 1e-5
    for j, step in enumerate(h * np.eye(len(vector))):
        up, down = (evaluate(model, normaliser, vector + sign * step, here.point.modes).value for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(here.gradient[j], rel=2e-6, abs=2e-5)


def dense_laplace(name, design, log_mean, covariance):
    """Laplace's log-likelihood of a Gaussian process with a covariance of every two rows, which may be singular.

    With f = S a at the mode it is l(f) - a'f / 2 - log det(I + W S) / 2. Source: Rasmussen and Williams 2006, algorithm 3.1.
    """
    family, inner, n = FAMILIES[name], np.array(INNER[name]), len(log_mean)
    f, score, weight = np.zeros(n), np.empty(n), np.empty(n)
    for _ in range(100):
        family.rows(log_mean + f, design.y, inner, score, weight)
        a = np.linalg.solve(np.eye(n) + weight[:, None] * covariance, weight * f + score)
        f = covariance @ a
    value = family.rows(log_mean + f, design.y, inner, score, weight) + family.normaliser(design.y)(inner)[0]
    return value - 0.5 * a @ f - 0.5 * np.linalg.slogdet(np.eye(n) + weight[:, None] * covariance)[1]


@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize(("kernel", "knots"), [("exponential", 99), ("matern", 99), ("matern", 7), ("squared_exponential", 6)])
def test_the_likelihood_is_that_of_the_covariance_written_out(name, kernel, knots):
    term = f"(1 + x | pre) + (1 | post) + field(px, py, pz, kernel={kernel}, knots={knots}) + field(ax, ay)"
    model, design, normaliser = model_of(name, term, tiny_table())
    pre, post = design.crossed[0], np.repeat(design.cell_group, np.diff(design.cell_start))
    assert (design.inner.name, pre.name) == ("post", "pre")
    roots = [0.4, 0.6, -0.2, 0.3, 0.8, 0.5]  # of targets, of axons (three), of the fields
    vector = np.r_[0.3, 0.2, -0.2, 0.1, roots, INNER[name], np.log([90.0, 140.0])]
    here = evaluate(model, normaliser, vector, np.zeros(model.n_modes))
    covariance = 0.4**2 * (post[:, None] == post)
    loads = np.column_stack([np.ones(len(design.y)), design.values[0]]) @ np.array([[0.6, 0.0], [-0.2, 0.3]])
    covariance = covariance + (loads @ loads.T) * (pre.code[:, None] == pre.code)
    for field, sd, length in zip(design.fields, (0.8, 0.5), (90.0, 140.0), strict=True):
        correlation = CORRELATION[field.term.kernel]
        across, among = correlation(cdist(field.places, field.knots) / length), correlation(cdist(field.knots, field.knots) / length)
        written_out = across @ np.linalg.solve(among, across.T)
        if len(field.knots) == len(field.places):
            written_out = correlation(cdist(field.places, field.places) / length)
        covariance = covariance + sd**2 * written_out[np.ix_(field.code, field.code)]
    log_mean = design.offset + model.columns @ vector[:4]
    assert here.value == pytest.approx(dense_laplace(name, design, log_mean, covariance), abs=1e-8)


def test_the_likelihood_approaches_the_integral_as_counts_grow():
    rng, places = np.random.default_rng(3), np.array([[0.0], [40.0], [100.0], [130.0]])
    code = np.repeat(np.arange(4), 5)
    covariance = 0.7**2 * CORRELATION["matern"](cdist(places, places) / 60.0)
    errors = []
    for scale in (1.0, 40.0):
        table = pd.DataFrame({"y": rng.poisson(scale * np.exp(0.5 * rng.standard_normal(4)[code])) * 1.0, "px": places[code, 0]})
        design = build_design(parse_formula("y ~ 1 + field(px)"), table)
        model, family = WithFields(design, FAMILIES["poisson"]), FAMILIES["poisson"]
        plain = family.normaliser(design.y)
        vector = np.array([np.log(scale), 0.7, np.log(60.0)])
        found = evaluate(model, lambda inner, plain=plain: (plain(inner[:0])[0], np.zeros(1)), vector, np.zeros(4)).value
        totals = np.bincount(code, weights=table["y"])

        def minus(f, totals=totals, scale=scale):
            value = totals @ (f + np.log(scale)) - 5 * scale * np.exp(f).sum() - 0.5 * f @ np.linalg.solve(covariance, f)
            return -value

        mode = optimize.minimize(minus, np.zeros(4), method="BFGS", options={"gtol": 1e-10}).x
        root = np.linalg.inv(np.linalg.cholesky(np.diag(5 * scale * np.exp(mode)) + np.linalg.inv(covariance))).T
        nodes, weights = hermegauss(12)
        grid = np.stack(np.meshgrid(*[nodes] * 4, indexing="ij"), -1).reshape(-1, 4)
        mass = np.prod(np.stack(np.meshgrid(*[weights] * 4, indexing="ij"), -1).reshape(-1, 4), axis=1)
        points = mode + grid @ root.T
        values = np.array([-minus(f) for f in points]) + 0.5 * (grid**2).sum(axis=1)
        largest = values.max()
        constant = plain(np.zeros(0))[0] - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1] + np.log(abs(np.linalg.det(root)))
        errors.append(abs(found - (largest + np.log(mass @ np.exp(values - largest)) + constant)))
    assert errors[0] < 0.1
    assert errors[1] < 0.002


def smooth(rng, xyz, length, kernel="squared_exponential"):
    """A field of SD 1."""
    among = CORRELATION[kernel](cdist(xyz, xyz) / length) + 1e-8 * np.eye(len(xyz))
    return np.linalg.cholesky(among) @ rng.standard_normal(len(xyz))


def smooth_table(seed, slope=0.0, kernel="squared_exponential", n_axons=12, n_targets=200, sd=1.0, base=-0.5):
    """Pairs whose rate follows a field of SD 1 and 100 um over targets, and whose covariate one of 120 um, but for the slope unrelated."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, 1, (n_targets, 3)) * np.array([600.0, 500.0, 300.0])
    field, of_target = sd * smooth(rng, xyz, 100.0, kernel), smooth(rng, xyz, 120.0)
    pre, post = np.nonzero(rng.random((n_axons, n_targets)) < 0.4)
    x = np.sqrt(0.7) * of_target[post] + np.sqrt(0.3) * rng.standard_normal(len(pre))
    rate = np.exp(base + slope * x + field[post] + 0.5 * rng.standard_normal(n_axons)[pre])
    places = {"px": xyz[post, 0], "py": xyz[post, 1], "pz": xyz[post, 2]}
    return pd.DataFrame({"y": rng.poisson(rate), "x": x, "pre": pre, "post": post} | places)


def small_smooth_table(seed):
    """About 600 pairs."""
    return smooth_table(seed, n_axons=10, n_targets=150)


FIELD = "y ~ x + (1 | pre) + field(px, py, pz)"


def test_a_slope_is_found_at_the_nominal_rate_under_smooth_confounds_and_far_more_often_without_the_field():
    n = 60
    formulas = ("y ~ x + (1 | pre)", "y ~ x + (1 | pre) + field(px, py, pz, knots=40)")
    z = np.array([[fit_mixed(formula, table).to_frame()["z"][1] for formula in formulas] for table in map(small_smooth_table, range(n))])
    without, with_field = (np.abs(z) > 1.96).sum(axis=0)
    assert with_field <= stats.binom.ppf(0.999, n, 0.05)  # 9 of 60; in 100 tables there were 5, and 59 without the field
    assert without >= 0.4 * n


def test_a_planted_slope_sd_and_range_are_recovered():
    table = smooth_table(5, slope=0.4, kernel="exponential", n_axons=25, n_targets=500)
    fit = fit_mixed("y ~ x + (1 | pre) + field(px, py, pz, kernel=exponential, knots=250)", table)
    assert abs(fit.estimate[1] - 0.4) < 3 * fit.se[1]
    assert 0.7 < fit.fields[0].sd < 1.4
    assert 60 < fit.fields[0].range < 170


def test_units_shifts_and_turns_of_space_change_nothing_but_the_unit_of_the_range():
    table = smooth_table(7)
    fit = fit_mixed(FIELD, table)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    turned = table.assign(**dict(zip(["px", "py", "pz"], 1000 * (table[["px", "py", "pz"]].to_numpy() @ turn).T + 5e5, strict=True)))
    other = fit_mixed(FIELD, turned)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-4)
    np.testing.assert_allclose(other.estimate, fit.estimate, atol=1e-4)
    assert other.fields[0].range == pytest.approx(1000 * fit.fields[0].range, rel=1e-3)


def test_targets_at_one_place_share_their_value_and_an_intercept_a_target_tells_them_apart():
    table = smooth_table(8, n_targets=60, n_axons=30)
    table.loc[table["post"] == 1, ["px", "py", "pz"]] = table.loc[table["post"] == 0, ["px", "py", "pz"]].to_numpy()[0]
    fit = fit_mixed(f"{FIELD} + (1 | post)", table)
    assert fit.fields[0].n_places == table["post"].nunique() - 1
    assert {grouping.name for grouping in fit.groupings} == {"pre", "post"}


def test_a_field_is_reported_with_sd_range_and_knots_and_survives_json(tmp_path):
    fit = fit_mixed(FIELD, smooth_table(9))
    row, field, n_places = fit.random_frame().iloc[-1], fit.fields[0], smooth_table(9)["post"].nunique()
    assert (row["grouping"], row["effect"], row["n_groups"], row["n_knots"]) == ("field(px, py, pz)", "matern", n_places, 100)
    assert (row["sd"], row["range"]) == (field.sd, field.range)
    assert "field(px, py, pz)" in fit.summary()
    assert fit.n_parameters == 5  # intercept, x, SD of axons, SD and range of the field
    again = load(fit.save(tmp_path / "fit.json"))
    np.testing.assert_array_equal(again.fields[0].modes, field.modes)
    np.testing.assert_allclose(again.predict(smooth_table(9)), fit.predict(smooth_table(9)), rtol=1e-12)


def test_predictions_follow_the_field_and_rows_without_a_place_are_drawn_from_it():
    table = smooth_table(10, n_axons=40, base=1.0)
    fit = fit_mixed(FIELD, table)
    mean = fit.predict(table)
    assert np.corrcoef(np.log(mean), np.log(table["y"] + 0.5))[0, 1] > 0.8
    lost = table.assign(py=np.nan)
    zero, average = (fit.predict(lost, unseen=unseen) for unseen in ("zero", "average"))
    np.testing.assert_allclose(np.log(mean / zero), fit.fields[0].effect(table), atol=1e-10)
    np.testing.assert_allclose(average / zero, np.exp(0.5 * fit.fields[0].sd ** 2), rtol=1e-12)
    np.testing.assert_array_equal(zero, fit.predict(table.drop(columns=["px", "py", "pz"]), unseen="zero"))
    fixed = fit.predict(kind="link", random=False)
    of_axon = fit.groupings[0].modes[table["pre"].map(fit.groupings[0].levels["pre"].index), 0]
    np.testing.assert_allclose(fit.predict(kind="link"), fixed + of_axon + fit.fields[0].effect(table), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(fit.predict(lost, kind="link", random=False), fixed)
    near = table.assign(px=table["px"] + 1.0)
    np.testing.assert_allclose(fit.predict(near), mean, rtol=0.1)


def test_places_that_are_unknown_are_refused_unless_something_is_asked_for():
    table = smooth_table(10)
    fit = fit_mixed(FIELD, table)
    lost = table.assign(py=table["py"].where(table.index != 5))
    for asked in (lambda: fit.predict(lost), lambda: fit.simulate(1, 0, lost), lambda: fit.simulate(1, 0, lost, new_groups=True)):
        with pytest.raises(ValueError, match=rf"field\(px, py, pz\) is unknown in 1 of {len(table)} rows.*say unseen='zero'"):
            asked()
    known = np.arange(len(table)) != 5
    np.testing.assert_allclose(fit.predict(lost, unseen="average")[known], fit.predict()[known], rtol=1e-12)


def test_draws_keep_the_field_or_draw_it_anew_with_its_variance():
    table = smooth_table(10, n_axons=40, base=3.0)
    fit = fit_mixed("y ~ x + field(px, py, pz, knots=200)", table)
    drawn, kept = fit.simulate(300, 0, new_groups=True), fit.simulate(300, 0)
    assert fit.fields[0].kept > 0.999
    np.testing.assert_allclose(kept.mean(axis=0).sum() / fit.predict().sum(), 1.0, rtol=0.01)
    anywhere = fit.predict(table.drop(columns="px"), unseen="average")
    assert drawn.sum() / (300 * anywhere.sum()) == pytest.approx(1.0, abs=0.1)
    first = table["post"] == 0
    log_rate = np.log(drawn[:, first].sum(axis=1) / fit.predict(random=False)[first].sum())
    assert log_rate.std() == pytest.approx(fit.fields[0].sd, rel=0.15)


def test_no_field_in_the_data_leaves_the_slope_as_it_is():
    gone = 0
    for seed in range(11, 15):
        table = smooth_table(seed, sd=0.0, slope=0.3)
        with_field, without = fit_mixed(FIELD, table), fit_mixed("y ~ x + (1 | pre)", table)
        assert -1e-6 < with_field.log_likelihood - without.log_likelihood < 6.9  # half of chi-square's 99.9 % point of two parameters
        assert with_field.estimate[1] == pytest.approx(without.estimate[1], abs=0.5 * without.se[1])
        gone += with_field.fields[0].sd < 1e-6 and "standard deviation of 0 (singular)" in " ".join(with_field.notes)
    assert gone >= 1  # a variance that is 0 is estimated as 0 in about half of all tables


def test_fields_of_axons_and_of_targets_stand_side_by_side():
    table = smooth_table(12, n_axons=40, n_targets=120)
    axons = np.random.default_rng(0).uniform(0, 500, (40, 2))
    table = table.assign(ax=axons[table["pre"], 0], ay=axons[table["pre"], 1])
    fit = fit_mixed("y ~ x + (1 | pre) + field(px, py, pz) + field(ax, ay, kernel=squared_exponential)", table)
    assert [field.name for field in fit.fields] == ["field(px, py, pz)", "field(ax, ay)"]
    assert fit.fields[1].n_places == 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y ~ x + field()", "neither a column nor kernel="),
        ("y ~ x + field(a, b, c, d)", "one to 3 different columns"),
        ("y ~ x + field(a, a)", "one to 3 different columns"),
        ("y ~ x + field(knots=4)", "one to 3 different columns"),
        ("y ~ x + field(a, kernel=round)", "kernel 'round' is unknown. There are matern, exponential, squared_exponential"),
        ("y ~ x + field(a, knots=1)", "knots=1 is no number of knots"),
        ("y ~ x + field(a, knots=many)", "knots=many is no number of knots"),
        ("y ~ x + field(a, range=3)", "'range=3' inside field"),
        ("y ~ x + field(log(a))", r"'log\(a\)' inside field"),
        ("y ~ x - field(a)", "can't be subtracted"),
        ("y ~ field(a) * x", "is not a sum of a field and other terms"),
    ],
)
def test_a_field_that_cannot_be_read_says_where(text, words):
    with pytest.raises(ValueError, match=words):
        parse_formula(text)


def test_a_field_is_read_with_its_kernel_and_knots():
    parsed = parse_formula("y ~ x + field(a, b, kernel='exponential', knots=12) + field")
    assert parsed.fields == (FieldTerm(("a", "b"), "exponential", 12),)
    assert parsed.fixed == "x + field"
    assert set(KERNELS) == set(CORRELATION)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(px=t["px"].where(t["post"] % 2 == 0)), r"px is missing or no finite number in \d+ of \d+ rows"),
        (lambda t: t.assign(py=np.inf), "py is missing or no finite number in"),
        (lambda t: t.assign(pz="deep"), "pz is missing or no finite number in"),
        (lambda t: t.assign(px=1.0, py=2.0, pz=3.0), r"\d+ rows lie at 1 place, and a field needs 4 or more"),
        (lambda t: t.drop(columns="pz"), "the table has no column 'pz'"),
    ],
)
def test_places_that_are_missing_or_one_are_told_in_a_sentence(change, words):
    with pytest.raises(ValueError, match=words):
        fit_mixed(FIELD, change(smooth_table(0)))


def test_a_field_named_twice_or_beside_absorbed_groups_is_refused():
    table = smooth_table(0)
    with pytest.raises(ValueError, match="occurs twice"):
        fit_mixed(f"{FIELD} + field(px, py, pz, knots=5)", table)
    with pytest.raises(ValueError, match="Take one or the other"):
        fit_mixed("y ~ x + field(px, py, pz)", table, absorb="pre")


def test_knots_too_few_and_a_range_too_short_for_them_are_said():
    rng = np.random.default_rng(0)
    xyz, post = rng.uniform(0, 1000, (400, 3)), np.repeat(np.arange(400), 8)
    table = pd.DataFrame({"y": rng.poisson(np.exp(rng.standard_normal(400))[post]), "px": xyz[post, 0], "py": xyz[post, 1]})
    assert "its 20 knots carry" in " ".join(fit_mixed("y ~ 1 + field(px, py, knots=20)", table).notes)
    held = fit_mixed(FIELD, smooth_table(11, sd=0.0, slope=0.3))
    assert "its range is held at" in " ".join(held.notes)
    assert held.n_parameters == 4  # a range that is held is none


def test_a_gaussian_field_has_the_likelihood_of_a_normal_vector_in_whatever_unit_the_response_is():
    rng, table = np.random.default_rng(4), smooth_table(4, n_axons=3, n_targets=120)
    field = smooth(rng, table[["px", "py", "pz"]].to_numpy() + rng.normal(0, 0.1, (len(table), 3)), 100.0)
    for unit in (1.0, 1e6):
        data = table.assign(y=unit * (0.4 * table["x"] + field + 0.5 * rng.standard_normal(len(table))))
        fit = fit_mixed("y ~ x + field(px, py, pz, knots=120)", data, "gaussian")
        places = data[["px", "py", "pz"]].to_numpy()
        covariance = fit.fields[0].sd ** 2 * CORRELATION["matern"](cdist(places, places) / fit.fields[0].range)
        covariance += fit.shape["sigma"] ** 2 * np.eye(len(data))
        mean = np.column_stack([np.ones(len(data)), data["x"]]) @ fit.estimate
        wanted = stats.multivariate_normal(mean, covariance).logpdf(data["y"])
        assert fit.log_likelihood == pytest.approx(wanted, abs=1e-4)
        assert abs(fit.estimate[1] - 0.4 * unit) < 3.5 * fit.se[1]


def test_weights_and_trials_beside_a_field_are_rows_written_out():
    table = smooth_table(6, n_axons=8, n_targets=120)
    times = np.random.default_rng(0).integers(1, 4, len(table))
    written_out = table.loc[table.index.repeat(times)]
    formula = "y ~ x + (1 | pre) + field(px, py, pz, knots=30)"
    counted, repeated = fit_mixed(formula, table.assign(w=times), weights="w"), fit_mixed(formula, written_out)
    assert counted.log_likelihood == pytest.approx(repeated.log_likelihood, abs=1e-5)
    np.testing.assert_allclose(counted.estimate, repeated.estimate, atol=1e-5)
    shares = table.assign(y=np.minimum(table["y"], 3), n=3)
    singly = pd.concat([shares.assign(y=(shares["y"] > i) * 1) for i in range(3)])
    trials, single = fit_mixed(formula, shares, "binomial", trials="n"), fit_mixed(formula, singly, "binomial")
    np.testing.assert_allclose(trials.estimate, single.estimate, atol=1e-5)
    assert trials.fields[0].range == pytest.approx(single.fields[0].range, rel=1e-3)
    np.testing.assert_allclose(trials.predict(), 3 * single.predict(shares), rtol=1e-4)


def test_covariates_far_from_0_change_nothing_beside_a_field():
    table = smooth_table(7, slope=0.3)
    near, far = (fit_mixed("y ~ x + (1 + x | pre) + field(px, py, pz, knots=40)", table.assign(x=table["x"] + c)) for c in (0.0, 1e5))
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-4)
    np.testing.assert_allclose([far.estimate[1], far.se[1]], [near.estimate[1], near.se[1]], rtol=1e-4)
    assert far.fields[0].range == pytest.approx(near.fields[0].range, rel=1e-3)


def test_a_profile_with_a_field_is_where_the_refitted_likelihood_has_fallen_by_half_the_quantile():
    table = smooth_table(2, slope=0.3, n_axons=8, n_targets=80)
    fit = fit_mixed("y ~ 1 + x + field(px, py, pz, knots=20)", table)
    bounds = fit.conf_int(method="profile").loc["x"].astype(float)
    for bound in bounds:
        fallen = fit.log_likelihood - fit_mixed(f"y ~ 1 + offset({bound} * x) + field(px, py, pz, knots=20)", table).log_likelihood
        assert 2 * fallen == pytest.approx(stats.chi2(1).ppf(0.95), rel=1e-3)
    assert bounds["low"] < fit.estimate[1] < bounds["high"]
    assert (bounds["high"] - bounds["low"]) / (3.92 * fit.se[1]) == pytest.approx(1.0, abs=0.1)


def test_a_profile_of_the_only_fixed_effect_holds_it_beside_a_field():
    fit = fit_mixed("y ~ 1 + field(px, py, pz, knots=10)", smooth_table(2, n_axons=8, n_targets=40))
    low, high = fit.conf_int(method="profile").loc["Intercept"]
    assert low < fit.conf_int().loc["Intercept", "low"] + fit.se[0]
    assert high > fit.conf_int().loc["Intercept", "high"] - fit.se[0]


def test_fields_are_compared_by_the_likelihood_ratio_where_they_are_nested():
    table, empty = smooth_table(3), smooth_table(11, sd=0.0, slope=0.3)
    plain, field = fit_mixed("y ~ x + (1 | pre)", table), fit_mixed(FIELD, table)
    found = anova(plain, field)
    assert (found["df"][1], found["chi2"][1]) == (2, pytest.approx(2 * (field.log_likelihood - plain.log_likelihood)))
    assert anova(fit_mixed("y ~ 1 + (1 | pre) + field(px, py, pz)", table), field)["df"][1] == 1
    held = fit_mixed(FIELD, empty)
    assert held.fields[0].range_held
    assert not field.fields[0].range_held
    assert anova(fit_mixed("y ~ x + (1 | pre)", empty), held)["df"][1] == 2
    for other in ("field(px, py, pz, knots=20)", "field(px, py, pz, kernel=exponential)", "field(px, py)"):
        with pytest.raises(ValueError, match=r"field\(px, py(, pz)?\) of the first is no part of the second"):
            anova(fit_mixed(f"y ~ 1 + {other}", table), field)


def test_reml_and_quadrature_beside_a_field_are_refused_in_a_sentence():
    table = smooth_table(0)
    with pytest.raises(ValueError, match=r"reml and quadrature: field\(px, py, pz\) is fitted by Laplace\. Leave them out"):
        fit_mixed(FIELD, table.assign(y=table["y"] + 0.5), "gaussian", reml=True)
    with pytest.raises(ValueError, match=r"reml and quadrature: field\(px, py, pz\) is fitted by Laplace\. Leave them out"):
        fit_mixed(FIELD, table, quadrature=5)


def test_standard_errors_beside_a_field_of_long_range_are_the_curvature_of_the_profile():
    table = smooth_table(5, n_axons=60, n_targets=150, base=1.0)
    fit = fit_mixed("y ~ x + field(px, py, pz, knots=30)", table)
    held, centre, step = fit.source.held(fit.source.table), fit.estimate[0], 0.05 * fit.se[0]
    fallen = 2 * held(0, centre) - held(0, centre + step) - held(0, centre - step)
    assert np.sqrt(step**2 / fallen) == pytest.approx(fit.se[0], rel=5e-3)


def test_the_search_takes_few_steps_beside_a_field_whose_coefficients_turn_with_its_range():
    table = smooth_table(5, n_axons=100, n_targets=400, base=0.0)
    assert fit_mixed("y ~ x + field(px, py, pz, knots=40)", table).iterations < 20  # 10; 29 if a mode is taken to be one step away
