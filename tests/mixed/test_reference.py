"""Claims: the same model on the same 20,000 pairs gives what glmmTMB (and lme4) gave; its answers are kept in `fixtures/`."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.glmmtmb.cases import SMALL
from benchmarks.glmmtmb.reference import fingerprint
from graphtwin.mixed import fit as fit_mixed

pytestmark = pytest.mark.slow


FIXTURES = Path(__file__).parent / "fixtures"
CASES = {f"{case.name}_{package}": case for case in SMALL for package in case.packages}


@pytest.fixture(scope="module", params=CASES)
def both(request):
    case, reference = CASES[request.param], json.loads((FIXTURES / f"{request.param}.json").read_text())
    table = case.table()
    assert fingerprint(table) == pytest.approx(reference["table"], rel=1e-9), "the planted table is not the one the reference was fitted to"
    assert reference["converged"], "only a reference that converged is one"
    return reference, fit_mixed(case.formula, table, case.rule.family, reml=case.reml)


def test_likelihood_and_slopes_agree(both):
    reference, fit = both
    loose = reference["package"] == "lme4"  # its optimiser stops earlier: log-likelihood below ours
    assert fit.log_likelihood == pytest.approx(reference["log_likelihood"], abs=0.01)
    assert fit.log_likelihood > reference["log_likelihood"] - 1e-4
    assert fit.aic == pytest.approx(reference["aic"], abs=0.02)
    distance = np.abs(fit.estimate - reference["estimate"]) / reference["se"]
    assert distance.max() < (1e-2 if loose else 1e-3)
    np.testing.assert_allclose(fit.se, reference["se"], rtol=2e-2 if loose else 1e-3)


def test_variances_and_shapes_agree(both):
    reference, fit = both
    for name, value in (reference["shape"] or {}).items():
        assert fit.shape[name] == pytest.approx(value, rel=1e-3)
    singular = any("singular" in note for note in fit.notes)
    for grouping in fit.groupings:
        found = _grouping(reference["random"], grouping.name)
        np.testing.assert_allclose(grouping.sd, np.atleast_1d(found["sd"]), rtol=2e-3, atol=2e-2 if singular else 1e-4)


def test_random_effects_agree(both):
    reference, fit = both
    for grouping in fit.groupings:
        found = _grouping(reference["effects"], grouping.name)
        ours = {":".join(str(grouping.levels[name][g]) for name in grouping.levels): modes for g, modes in enumerate(grouping.modes)}
        first = [i for i, effect in enumerate(found["effect"]) if effect == "(Intercept)"]
        theirs = np.array([found["mode"][i] for i in first])
        assert np.array([ours[_in_our_order(found["group"][i], grouping)][0] for i in first]) == pytest.approx(theirs, abs=2e-3)


def test_conditional_errors_of_random_effects_are_those_of_lme4():
    reference = json.loads((FIXTURES / "poisson_lme4.json").read_text())
    case = CASES["poisson_lme4"]
    fit = fit_mixed(case.formula, case.table(), "poisson")
    found = _grouping(reference["effects"], "pre_nucleus_id:proj")
    theirs = dict(zip(found["group"], found["sd"], strict=True))
    grouping = fit.groupings[0]
    names = [f"{pre}:{proj}" for pre, proj in zip(grouping.levels["pre_nucleus_id"], grouping.levels["proj"], strict=True)]
    np.testing.assert_allclose(grouping.mode_sd[:, 0], [theirs[name] for name in names], rtol=5e-3)


def _grouping(found, name):
    """R may write a:b as b:a where one is nested in the other."""
    return found.get(name) or found[":".join(reversed(name.split(":")))]


def _in_our_order(group, grouping):
    """A group's name with its columns in our order."""
    parts = group.split(":")
    first = next(iter(grouping.levels))
    return group if parts[0] in map(str, grouping.levels[first]) else ":".join(reversed(parts))
