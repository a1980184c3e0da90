"""Claims: without a rule, every null and every interval finds one in 5 % of tables where its assumptions hold, and where they fail, more.

Model: synapses Poisson given L_d, axon rates lognormal. Hypothesis: similarity plays no part. Each scenario is a set of small tables that
all methods share; `analyses/planted_pairs` repeats this with more of everything.
"""

import functools

import numpy as np
import pytest
from scipy import stats

from graphtwin.wiring.conditional.axon_bootstrap import bootstrap_axons, bootstrap_axons_and_targets, target_degrees, two_way_errors
from graphtwin.wiring.conditional.conditional_fit import fit_conditional
from graphtwin.wiring.conditional.within_axon import rank_within_axons, summarise_ranking
from graphtwin.wiring.nulls.pair_rewiring import rewire_pairs
from graphtwin.wiring.nulls.permutations import permute_neurons, permute_within_axons
from graphtwin.wiring.pairs.candidate_set import candidates, quantile_bins
from graphtwin.wiring.pairs.measure import Measure
from graphtwin.wiring.pairs.planted import Planted, plant

pytestmark = pytest.mark.slow


SIMILARITY = "signal_correlation"
N_TABLES = 100
SCENARIOS = {
    "no rule": Planted(n_axons=25, n_targets=150, n_synapses=200, axon_sd=0.8, retinotopy=0.0),
    "similarity follows L_d": Planted(n_axons=25, n_targets=150, n_synapses=200, l_d_slope=1.5),
    "popular targets": Planted(n_axons=120, n_targets=120, n_synapses=1400, popularity=0.9, common=0.7),
    "distance confounds": Planted(n_axons=40, n_targets=200, n_synapses=600, distance_slope=-0.6, retinotopy=1.2),
}


@functools.cache
def table(scenario, number):
    """Planted data and its candidates."""
    data = plant(SCENARIOS[scenario], 6, number)
    return data, candidates(data.pairs, [SIMILARITY])


def outside(low, high, value=0.0):
    return not low <= value <= high


def sandwich(data, choices, number):
    return fit_conditional(choices).to_frame()["p"][0] <= 0.05


def two_way_sandwich(data, choices, number):
    fit = fit_conditional(choices)
    z = fit.standardised[0, 0] / two_way_errors(fit)[0][0, 0]
    return abs(z) > stats.t.ppf(0.975, min(fit.degrees[0, 0], target_degrees(choices)[0]))


def resampled_axons(data, choices, number):
    return outside(*bootstrap_axons(fit_conditional(choices), number, 59).to_frame()[["low", "high"]].iloc[0])


def resampled_axons_and_targets(data, choices, number):
    return outside(*bootstrap_axons_and_targets(fit_conditional(choices), number, 59).to_frame()[["low", "high"]].iloc[0])


def auc(data, choices, number):
    return outside(*summarise_ranking(rank_within_axons(choices, SIMILARITY), number, 99).iloc[0][["low", "high"]], 0.5)


def within_axons(data, choices, number):
    return permute_within_axons(choices, SIMILARITY, number, 19).p_value()[0] <= 0.05


def within_strata(data, choices, number):
    stratum = quantile_bins(data.pairs, ["post_layer"], {"distance_um": 6})
    return permute_within_axons(choices, SIMILARITY, number, 19, stratum).p_value()[0] <= 0.05


def neurons(data, choices, number):
    measure = Measure(SIMILARITY, data.nucleus_id, lambda a, b: np.einsum("ij,ij->i", data.function[a], data.function[b]), data.layer)
    return permute_neurons(choices, measure, number, 19).p_value()[0] <= 0.05


def rewired(data, choices, number):
    return rewire_pairs(choices, SIMILARITY, number, 19).p_value()[0] <= 0.05


def rewired_in_bins(data, choices, number):
    return rewire_pairs(choices, SIMILARITY, number, 19, "binned", 4, 60).p_value()[0] <= 0.05


def rewired_freely(data, choices, number):
    return rewire_pairs(choices, SIMILARITY, number, 19, "free").p_value()[0] <= 0.05


def sandwich_given_distance(data, choices, number):
    return sandwich(data, candidates(data.pairs, [SIMILARITY, "distance_um"]), number)


def within_axons_given_distance(data, choices, number):
    return within_axons(data, candidates(data.pairs, [SIMILARITY, "distance_um"]), number)


def rewired_given_distance(data, choices, number):
    return rewired(data, candidates(data.pairs, [SIMILARITY, "distance_um"]), number)


@functools.cache
def times_found(method, scenario):
    return sum(bool(method(*table(scenario, number), number)) for number in range(N_TABLES))


MOST = stats.binom.ppf(0.995, N_TABLES, 0.05)  # upper end of the 99 % interval


@pytest.mark.parametrize(
    ("scenario", "method"),
    [
        *(("no rule", m) for m in (sandwich, resampled_axons, resampled_axons_and_targets, auc)),
        *(("no rule", m) for m in (within_axons, within_strata, neurons, rewired, rewired_in_bins)),
        *(("similarity follows L_d", m) for m in (sandwich, within_axons, neurons, rewired)),
        *(("popular targets", m) for m in (two_way_sandwich, neurons, rewired)),
        *(("distance confounds", m) for m in (within_strata, sandwich_given_distance, within_axons_given_distance, rewired_given_distance)),
    ],
)
def test_no_rule_is_found_at_the_nominal_rate(scenario, method):
    assert times_found(method, scenario) <= MOST


@pytest.mark.parametrize(
    ("scenario", "method"),
    [
        ("similarity follows L_d", auc),
        ("similarity follows L_d", rewired_freely),
        ("popular targets", sandwich),
        ("popular targets", within_axons),
        ("distance confounds", sandwich),
        ("distance confounds", within_axons),
        ("distance confounds", neurons),
        ("distance confounds", rewired),
    ],
)
def test_a_method_whose_assumption_fails_finds_rules_that_are_not_there(scenario, method):
    assert times_found(method, scenario) > MOST


def test_altogether_nulls_and_intervals_are_not_too_timid():
    methods = (sandwich, within_axons, within_strata, neurons, rewired)
    found = sum(times_found(method, "no rule") for method in methods)
    assert found >= 0.025 * N_TABLES * len(methods)
