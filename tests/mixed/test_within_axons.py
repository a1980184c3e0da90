"""Claims: where similarity goes with an axon's rate a random intercept is biased, the slopes within axons are not, and it is said."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from graphtwin.mixed import compare_mundlak, slopes, with_group_mean
from graphtwin.mixed import fit as fit_mixed
from graphtwin.wiring.conditional.conditional_fit import fit_conditional
from graphtwin.wiring.pairs.candidate_set import candidates

RATE = "n_synapses ~ similarity + offset(log(l_d)) + (1 | pre_nucleus_id)"
FREE = "n_synapses ~ similarity + offset(log(l_d))"
ABSORBED = "n_synapses ~ similarity * proj + offset(log(l_d))"
SAME_SLOPE = Rule("poisson", slopes=(1.5,) * 4, confound=0.1)


def test_a_confounded_slope_is_biased_and_the_one_within_axons_is_not():
    plain, within, free = [], [], []
    for seed in range(5):
        pairs = planted_pairs(6000, SAME_SLOPE, seed, n_axons=60)
        found = compare_mundlak(RATE, pairs, "similarity")
        plain.append(found.table["plain"].iloc[0])
        within.append(found.table["within"].iloc[0])
        free.append(conditional(pairs).slope[0, 0])
        assert "so that the random intercept alone is biased. Report the slopes within: all" in found.warning
    spread = np.std(within, ddof=1) / np.sqrt(5)
    assert np.mean(plain) > 1.5 + 3 * spread
    assert np.mean(within) == pytest.approx(1.5, abs=3 * spread)
    assert np.mean(free) == pytest.approx(1.5, abs=3 * spread)
    np.testing.assert_allclose(within, free, atol=3 * np.std(free))


def test_without_a_confound_there_is_rarely_a_warning():
    rule = Rule("poisson", slopes=(1.5,) * 4)
    warned = [bool(compare_mundlak(RATE, planted_pairs(1500, rule, seed, n_axons=30), "similarity").warning) for seed in range(6)]
    assert sum(warned) <= stats.binom.ppf(0.9995, 6, 0.05)


def test_projections_are_compared_one_by_one():
    pairs = planted_pairs(12_000, SAME_SLOPE, 3, n_axons=80)
    found = compare_mundlak("n_synapses ~ similarity * proj + offset(log(l_d)) + (1 | pre_nucleus_id:proj)", pairs, "similarity", "proj")
    assert list(found.table["group"]) == list(pairs["proj"].cat.categories)
    assert (found.table["difference"] == found.table["plain"] - found.table["within"]).all()
    assert (found.table["q"] < 0.05).all()


def test_the_mean_is_that_of_the_groups_pairs():
    pairs = planted_pairs(500, SAME_SLOPE, 0, n_axons=8)
    expected = pairs.groupby("pre_nucleus_id")["similarity"].transform("mean")
    np.testing.assert_allclose(with_group_mean(pairs, "similarity", ("pre_nucleus_id",))["similarity_mean"], expected)


def test_a_model_without_groups_has_nothing_to_compare():
    with pytest.raises(ValueError, match="it has no random term, so that there are no groups to average similarity over"):
        compare_mundlak(FREE, planted_pairs(500, SAME_SLOPE, 0), "similarity")


@pytest.fixture(scope="module")
def pairs():
    return planted_pairs(2500, Rule("poisson", axon_sd=1.0), 5, n_axons=30)


def conditional(pairs, by=None):
    """The conditional model; targets are numbered anew, as the planted table lists some pairs twice."""
    table = pairs.assign(l_d_um=1000 * pairs["l_d"], post_nucleus_id=np.arange(len(pairs)))
    return fit_conditional(candidates(table, ["similarity"], by))


def test_absorbed_poisson_slopes_are_the_conditional_ones(pairs):
    absorbed = fit_mixed(FREE, pairs, absorb="pre_nucleus_id")
    given = conditional(pairs)
    assert absorbed.estimate[0] == pytest.approx(given.slope[0, 0], abs=1e-4 * absorbed.se[0])
    assert absorbed.se[0] == pytest.approx(given.se_model[0, 0], rel=1e-4)


def test_absorbed_poisson_slopes_are_the_conditional_ones_in_every_projection(pairs):
    table = pairs.assign(proj=pairs["proj"].astype(str))
    absorbed = slopes(fit_mixed(ABSORBED, table, absorb="pre_nucleus_id:proj"), "similarity", "proj").set_index("group")
    given = conditional(table, "proj")
    for row, group in enumerate(given.choices.groups):
        assert absorbed.loc[group, "estimate"] == pytest.approx(given.slope[row, 0], abs=1e-4 * absorbed.loc[group, "se"])
        assert absorbed.loc[group, "se"] == pytest.approx(given.se_model[row, 0], rel=1e-4)


def test_absorbed_intercepts_are_those_of_dummies():
    for family, seed in (("poisson", 5), ("negative_binomial", 6)):
        pairs = planted_pairs(2500, Rule(family, axon_sd=1.0), seed, n_axons=30)
        with_synapses = pairs.groupby("pre_nucleus_id")["n_synapses"].transform("sum") > 0
        free = fit_mixed(FREE, pairs, family, absorb="pre_nucleus_id")
        dummies = fit_mixed(f"{FREE} + C(pre_nucleus_id)", pairs[with_synapses], family)
        j = dummies.names.index("similarity")
        assert free.estimate[0] == pytest.approx(dummies.estimate[j], abs=1e-4)
        assert free.se[0] == pytest.approx(dummies.se[j], rel=1e-3)
        assert free.log_likelihood == pytest.approx(dummies.log_likelihood, abs=1e-5)
        assert free.n_parameters == dummies.n_parameters


def test_what_was_absorbed_and_who_was_silent_is_said(pairs):
    table = pairs.assign(n_synapses=pairs["n_synapses"].where(pairs["pre_nucleus_id"] > 100_002, 0))
    silent = table.groupby("pre_nucleus_id")["n_synapses"].sum() == 0
    fit = fit_mixed("n_synapses ~ similarity * proj + offset(log(l_d))", table, absorb="pre_nucleus_id")
    rows = int(table["pre_nucleus_id"].isin(silent.index[silent]).sum())
    assert fit.notes[0] == f"{silent.sum()} of 30 groups of pre_nucleus_id ({rows} rows) have no response and say nothing here."
    assert fit.notes[1].startswith("constant within pre_nucleus_id and absorbed by its intercepts: Intercept, proj[T.HVA->HVA]")
    assert fit.n_rows == len(table) - rows


@pytest.mark.slow
def test_eight_axons_are_not_warned_of_by_chance():
    rule = Rule("poisson", slopes=(1.5,) * 4)
    found = [compare_mundlak(RATE, planted_pairs(600, rule, seed, n_axons=8), "similarity").table.iloc[0] for seed in range(60)]
    assert {row["df"] for row in found} == {6.0}
    by_t, by_z = sum(row["p"] < 0.05 for row in found), sum(abs(row["t"]) > 1.96 for row in found)
    assert by_t <= stats.binom.ppf(0.9995, 60, 0.05)
    assert by_t < by_z
