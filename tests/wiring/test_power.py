"""Power of simulated designs: known from the information where counts are plain, nominal without a rule, and drawn as the table is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed import slopes
from graphtwin.wiring.conditional import expected_synapses, fit_conditional
from graphtwin.wiring.pairs import outcome_of
from graphtwin.wiring.power import (
    ESTIMATES,
    POWER,
    Cell,
    Clustering,
    Design,
    Supposed,
    axons_around,
    cells_of,
    clustering_of,
    design_of,
    draw_table,
    estimates_of,
    fit_curve,
    information_per_axon,
    power_by_information,
    power_table,
    slopes_of_cell,
    supposed_design,
)

NAME = "signal_correlation"
PLAIN = Clustering()


def design(n_axons: int = 30, n_targets: int = 40, synapses: float = 20.0, axon_sd: float = 0.5, clustering: Clustering = PLAIN) -> Design:
    return supposed_design(Supposed(n_axons, n_targets, synapses, axon_sd, 0.0, clustering), seed=1)


def within_binomial(found: int, n: int, share: float) -> bool:
    """Whether a count is in the central 99 % of its binomial distribution."""
    low, high = stats.binom.ppf([0.005, 0.995], n, share)
    return bool(low <= found <= high)


def test_power_of_plain_poisson_counts_is_that_of_their_information():
    plain, n = design(), 150
    slope = float(np.sqrt(1 / (30 * information_per_axon(plain))) * 2.3)
    known = power_by_information(plain, 30, slope)
    assert 0.6 < known < 0.67  # Phi(2.3 - 1.96)
    found = np.zeros(2, dtype=int)
    for number in range(n):
        outcome = outcome_of(draw_table(plain, 30, slope, 0, number).pairs, "synapse_density", [NAME])
        fit = fit_conditional(outcome.choices)
        mixed = slopes(fit_mixed(outcome.formula, outcome.pairs, "poisson"), NAME, None).iloc[0]
        found += np.array([fit.slope[0, 0] / fit.se_model[0, 0] > 1.96, mixed["z"] > 1.96])
    assert within_binomial(int(found[0]), n, known)
    assert within_binomial(int(found[1]), n, known)


@pytest.mark.slow
def test_no_rule_is_found_at_the_nominal_rate_and_power_rises_with_axons_and_slope():
    plain, n = design(), 40
    slope = float(np.sqrt(1 / (30 * information_per_axon(plain))) * 2.0)
    cells = [Cell(15, 0.0), Cell(30, 0.0), Cell(15, slope), Cell(30, slope), Cell(15, 2 * slope), Cell(30, 2 * slope)]
    columns = ["n_axons", "planted", "number", "estimate", "slope", "p"]
    found = pd.DataFrame([row for cell in cells for row in slopes_of_cell(plain, cell, 0, 0, n)], columns=columns)
    table, curves = power_table(found, plain, [slope])
    assert list(table["estimate"].unique()) == list(ESTIMATES) == list(curves["estimate"].unique())
    for name, rows in table.groupby("estimate"):
        share = rows.set_index(["n_axons", "effect"])["power"]
        for axons in (15, 30):
            wrong = int(share[axons, 0.0] * n)
            assert within_binomial(wrong, n, 0.05) or (wrong < 5 and "claim" in name)  # a claim needs two p
            assert share[axons, 0.0] < share[axons, slope] < share[axons, 2 * slope]
        assert share[15, slope] < share[30, slope]
    assert (table["low"] <= table["power"]).all()
    assert (table["power"] <= table["high"]).all()
    smallest = table.drop_duplicates(["estimate", "n_axons"]).set_index(["estimate", "n_axons"])["smallest_slope"].unstack()
    assert (smallest[30] < smallest[15]).all()
    by_information = (1.96 + stats.norm.ppf(POWER)) / np.sqrt(30 * information_per_axon(plain))
    assert smallest.loc["mixed model, as published", 30] == pytest.approx(by_information, rel=0.2)


def test_intervals_of_power_are_exact_binomial_ones():
    proportion_confint = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    hits = {0.0: 0, 0.5: 7, 1.0: 20}
    rows = [
        (n, slope, number, ESTIMATES[1], 1.0, 0.01 if number < found else 0.9)
        for n in (10, 20)
        for slope, found in hits.items()
        for number in range(20)
    ]
    frame = pd.DataFrame(rows, columns=["n_axons", "planted", "number", "estimate", "slope", "p"])
    table, _ = power_table(frame, design(), [0.5])
    for row in table.itertuples():
        assert (row.low, row.high) == pytest.approx(proportion_confint(hits[row.effect], 20, method="beta"))
    assert table.loc[table["effect"] == 0.5, "asked"].all()
    assert not table.loc[table["effect"] == 1.0, "asked"].any()


def test_a_slope_of_the_wrong_sign_is_not_found_and_one_that_is_missing_neither():
    cases = {0: (1.0, 0.01), 1: (-1.0, 0.01), 2: (np.nan, np.nan), 3: (1.0, 0.2)}
    rows = [(n, planted, number, ESTIMATES[1], *case) for n in (10, 20) for planted in (0.0, 0.7) for number, case in cases.items()]
    table, _ = power_table(pd.DataFrame(rows, columns=["n_axons", "planted", "number", "estimate", "slope", "p"]), design(), [0.7])
    shares = table.set_index(["n_axons", "effect"])
    assert shares.loc[(10, 0.7), "power"] == 0.25
    assert shares.loc[(10, 0.0), "power"] == 0.5  # without a rule either sign is wrong
    assert (table["n_undefined"] == 1).all()


def test_the_curve_through_counts_that_follow_it_is_found_with_what_is_needed():
    k, growth, threshold = 0.9, 0.4, 2.1
    slope, axons = (grid.ravel() for grid in np.meshgrid([0.0, 0.2, 0.4, 0.8], [20, 40, 80]))
    tables = np.full(len(slope), 100_000)
    share = np.where(slope > 0, stats.norm.cdf(k * axons**growth * slope - threshold), 2 * stats.norm.cdf(-threshold))
    curve = fit_curve(slope, axons, np.rint(share * tables).astype(int), tables)
    np.testing.assert_allclose(curve.power(slope, axons.astype(float)), share, atol=2e-3)
    smallest, low, high = curve.smallest(40.0)
    truth = (threshold + stats.norm.ppf(0.8)) / (k * 40**growth)
    assert smallest == pytest.approx(truth, rel=5e-3)
    assert low < truth < high
    needed, low, high = curve.needed(-0.4)  # the sign of a slope plays no part
    assert needed == pytest.approx(((threshold + stats.norm.ppf(0.8)) / (k * 0.4)) ** (1 / growth), rel=2e-2)
    assert low < needed < high


def test_with_one_number_of_axons_errors_are_supposed_to_fall_with_their_root():
    slope, tables = np.array([0.0, 0.5, 1.0]), np.full(3, 200)
    curve = fit_curve(slope, np.full(3, 30), np.array([10, 100, 195]), tables)
    assert curve.smallest(120.0)[0] == pytest.approx(curve.smallest(30.0)[0] / 2, rel=1e-3)


def test_where_nothing_is_ever_found_no_number_is_given():
    slope, axons = np.array([0.0, 0.1, 0.2, 0.0, 0.1, 0.2]), np.array([10, 10, 10, 20, 20, 20])
    curve = fit_curve(slope, axons, np.zeros(6, dtype=int), np.full(6, 50))
    assert not np.isfinite(curve.needed(0.1)).any()


def test_the_planted_slope_is_the_mean_of_the_estimates_and_shares_out_the_same_totals():
    drawn = design(axon_sd=0.0, clustering=Clustering(pair=0.3, target=0.1))
    found = [fit_conditional(outcome_of(draw_table(drawn, 30, 0.8, 3, k).pairs, "synapse_density", [NAME]).choices) for k in range(60)]
    slope = np.array([fit.slope[0, 0] for fit in found])
    assert abs(slope.mean() - 0.8) < 3.5 * slope.std() / np.sqrt(60)
    for planted in (-2.0, 0.0, 2.0):
        made = [draw_table(drawn, 30, planted, 3, k).pairs["n_synapses"].sum() for k in range(60)]
        assert np.mean(made) == pytest.approx(drawn.total.sum(), rel=0.03)


def test_axons_are_drawn_once_before_any_is_drawn_twice_and_a_number_names_a_table():
    drawn = design()
    key = [tuple(drawn.l_d_um[begin:end]) for begin, end in zip(drawn.start[:-1], drawn.start[1:], strict=True)]
    for n, most in ((12, 1), (30, 1), (75, 3)):
        pairs = draw_table(drawn, n, 0.5, 0, 0).pairs
        times = np.array([key.index(tuple(part)) for _, part in pairs.groupby("pre_nucleus_id")["l_d_um"]])
        counts = np.bincount(times, minlength=30)
        assert pairs["pre_nucleus_id"].nunique() == n
        assert counts.max() == most
        assert counts.max() - counts.min() <= 1
    first, again, other = (draw_table(drawn, 12, 0.5, 0, number).pairs for number in (4, 4, 5))
    pd.testing.assert_frame_equal(first, again)
    assert not first["n_synapses"].equals(other["n_synapses"])


CASES = {
    "none": PLAIN,
    "pair": Clustering(pair=1.0),
    "target": Clustering(target=0.6),
    "own": Clustering(own=1.0, own_range_um=80.0),
    "shared": Clustering(shared=1.0, shared_range_um=80.0),
}


@pytest.mark.parametrize("case", CASES)
def test_the_clustering_that_was_planted_is_found_in_the_table_and_no_other(case):
    planted = CASES[case]
    drawn = supposed_design(Supposed(80, 200, 60.0, 0.3, 0.0, planted), seed=2)
    found = {name: [] for name in ("pair", "target", "own", "shared")}
    for number in range(4):
        table = draw_table(drawn, 80, 0.0, 5, number)
        choices = outcome_of(table.pairs, "synapse_density", [NAME]).choices
        expected = expected_synapses(choices, fit_conditional(choices).standardised)
        got = clustering_of(choices, expected, table.places.of(choices.targets), seed=0)
        for name, values in found.items():
            values.append(getattr(got, name))
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    for name, value in mean.items():
        truth = getattr(planted, name)
        if truth:
            assert 0.4 * truth < value < 1.8 * truth, (name, mean)
        else:
            assert value < 0.3, (name, mean)
    if case != "none":
        assert max(mean, key=mean.get) == case


def test_a_design_is_that_of_the_table_it_was_fitted_to():
    tissue = supposed_design(Supposed(60, 80, 25.0, 0.6, 0.5, PLAIN), seed=4)
    table = draw_table(tissue, 60, 1.0, 0, 0)
    fitted, notes = design_of(table.pairs, NAME, table.places)
    made = table.pairs.groupby("pre_nucleus_id")["n_synapses"].sum().to_numpy()
    assert notes == []
    assert fitted.total.sum() == pytest.approx(made.sum(), rel=0.05)
    assert np.corrcoef(fitted.total, made)[0, 1] > 0.95
    assert np.std(fitted.total) < np.std(made)  # what chance alone makes of rates is not taken for rates
    assert not fitted.held.any()
    np.testing.assert_allclose(np.sort(fitted.x), np.sort(tissue.x))
    np.testing.assert_allclose(np.sort(fitted.l_d_um), np.sort(tissue.l_d_um))


def test_distance_beyond_l_d_that_a_table_clearly_has_is_planted_too():
    tissue = supposed_design(Supposed(60, 80, 25.0, 0.3, 0.5, PLAIN), seed=4)
    pre, post = (np.repeat(tissue.axon_um, 80, axis=0), tissue.target_um[tissue.target])
    falls = replace(tissue, held=-np.linalg.norm(pre - post, axis=1) / 100)
    table = draw_table(falls, 60, 0.0, 0, 0)
    fitted, notes = design_of(table.pairs, NAME, table.places)
    assert notes == ["Synapses go with distance beyond L_d in the table, which is planted too."]
    distance = np.linalg.norm(fitted.axon_um[np.repeat(np.arange(60), np.diff(fitted.start))] - fitted.target_um[fitted.target], axis=1)
    assert np.polyfit(distance, fitted.held, 1)[0] == pytest.approx(-0.01, rel=0.2)


def test_without_positions_there_is_no_claim_and_a_reader_is_told():
    table = draw_table(design(), 30, 1.0, 0, 0)
    blind, notes = design_of(table.pairs, NAME, None)
    assert any("no claim can be made, which needs the spatial p" in note for note in notes)
    found = estimates_of(draw_table(blind, 30, 1.0, 0, 0), NAME, 0)
    assert tuple(found) == ESTIMATES[1:]


def test_pairs_of_unknown_similarity_or_place_are_left_out_and_counted():
    table = draw_table(design(), 30, 1.0, 0, 0)
    gaps = table.pairs.copy()
    gaps.loc[::4, NAME] = np.nan
    fitted, notes = design_of(gaps, NAME, table.places)
    assert len(fitted.x) == 900
    assert notes == [f"300 of 1,200 pairs with L_d > 0 are left out, for {NAME} is not known there."]
    places = replace(table.places, nucleus_id=table.places.nucleus_id[1:], position_um=table.places.position_um[1:])
    fitted, notes = design_of(table.pairs, NAME, places)
    assert len(fitted.x) == 1170
    assert notes == ["30 pairs are left out, for a cell of theirs has no position."]


def test_tables_that_cannot_be_drawn_are_refused_in_words():
    table = draw_table(design(), 30, 1.0, 0, 0)
    with pytest.raises(ValueError, match=r"none of 1,200 pairs has a synapse: rates of axons cannot be learned"):
        design_of(table.pairs.assign(n_synapses=0), NAME, table.places)
    with pytest.raises(ValueError, match=r"--axons 1: an error over axons needs two"):
        design().require(1)
    with pytest.raises(ValueError, match=r"--axons 301: more than 10 times the 30 axons of the table.*at most 300"):
        design().require(301)
    with pytest.raises(ValueError, match=r"--axons 3000 --targets 2000: tables of 6,000,000 pairs"):
        supposed_design(Supposed(3000, 2000, 10.0, 0.5, 0.5, PLAIN), 0)


def test_cells_hold_no_slope_those_asked_for_and_the_region_where_power_rises():
    assert axons_around(40) == (20, 40, 80)
    assert axons_around(8) == (5, 8, 16)
    cells = cells_of(design(), [10, 40], [-0.5])
    for n in (10, 40):
        mine = [cell.slope for cell in cells if cell.n_axons == n]
        assert {0.0, -0.5} < set(mine)
        assert len(mine) == 4
        assert max(mine) == 0.0
        power = [power_by_information(design(), n, slope) for slope in mine if slope not in (0.0, -0.5)]
        assert min(power) == pytest.approx(0.55, abs=0.03)
        assert max(power) == pytest.approx(0.99, abs=0.01)
