from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.synthetic.wiring.planted_rules import BASE, FEATURE_SLOPES, RULES, TYPICAL_SIMILARITY, rule_of

PAIRS = pd.DataFrame(
    {
        "l_d_um": [10.0, 20.0],
        "feature_similarity": [0.5, -0.2],
        "rf_distance": [10.0, 60.0],
        "proj_hva": ["V1->V1", "HVA->V1"],
        "pre_inhibitory": [0.0, 1.0],
        "post_inhibitory": [0.0, 0.0],
        "both_inhibitory": [0.0, 0.0],
        "axon_log_rate": [1.0, 1.0],
        "target_log_rate": [0.0, 0.0],
    }
)


def test_the_feature_rule_has_the_published_slope_of_each_projection():
    slopes = {term.group: term.slope for term in rule_of("feature").terms if term.feature}
    assert slopes == FEATURE_SLOPES == {"V1->V1": 2.22, "HVA->HVA": 1.40, "V1->HVA": 1.75, "HVA->V1": 1.95}


@pytest.mark.parametrize("name", [*RULES, "feature+degree-heavy", "type+feature+rf-confounded+degree-heavy+geometry"])
def test_log_rates_of_a_sum_are_sums_of_log_rates(name):
    parts = [rule_of(part).log_rate(PAIRS) - BASE for part in name.split("+")]
    assert rule_of(name).log_rate(PAIRS) - BASE == pytest.approx(sum(parts))
    assert rule_of(name).name == name


def test_a_slope_of_its_own_replaces_the_published_ones():
    assert rule_of("feature", slope=0.0).log_rate(PAIRS) == pytest.approx([BASE, BASE])
    only = {term.group: term.slope for term in rule_of("feature", slope={"V1->V1": 5.0}).terms if term.feature}
    assert only == {**FEATURE_SLOPES, "V1->V1": 5.0}
    assert rule_of("rf-confounded+geometry", slope=0.0).log_rate(PAIRS) == pytest.approx([BASE, BASE])


def test_a_typical_axon_makes_as_many_synapses_with_the_feature_rule_as_without():
    n = 200_000
    similarity = np.random.default_rng(0).normal(*TYPICAL_SIMILARITY, n)
    pairs = pd.DataFrame({"l_d_um": 1.0, "feature_similarity": similarity, "proj_hva": "V1->V1"})
    assert rule_of("feature").expected(pairs).mean() == pytest.approx(np.exp(BASE), rel=0.01)


@pytest.mark.parametrize(
    ("name", "slope", "message"),
    [
        ("featur", None, r"rule 'featur': there is no 'featur', nearest 'feature'\. Rules are geometry, type"),
        ("feature+degree", None, r"there is no 'degree', nearest 'degree-heavy'"),
        ("feature+feature", None, r"a part occurs twice"),
        ("geometry", 1.0, r"slope = 1.0, but only feature and rf-confounded have one"),
        ("feature", {"V1->LM": 1.0}, r"slopes for \['V1->LM'\], but projections are V1->V1"),
        ("rf-confounded", {"V1->V1": 1.0}, r"it has one slope for all pairs"),
    ],
)
def test_a_rule_that_is_none_says_why(name, slope, message):
    with pytest.raises(ValueError, match=message):
        rule_of(name, slope)
