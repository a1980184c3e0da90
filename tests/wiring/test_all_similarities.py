"""Claims: a group that a step cannot be done for is left out by name and the others are kept, and what was not tested says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.pairs import outcome_of
from graphtwin.wiring.pairs.planted import Planted, plant
from graphtwin.wiring.questions import Answer, Question, analyse, fit_groups, together
from graphtwin.wiring.questions.all_similarities import without_failing_groups

pytestmark = pytest.mark.slow

NAMES = ["signal_correlation", "unrelated"]


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Two areas of many axons, and a third of one axon alone."""
    world = plant(Planted(n_axons=30, n_targets=150, n_synapses=1200, slope=1.0, projections=True), seed=3).pairs
    world["unrelated"] = np.random.default_rng(0).normal(size=len(world))
    first = world["pre_nucleus_id"] == world["pre_nucleus_id"].min()
    lonely = world[first & (world["l_d_um"] > 0)].assign(proj_hva="LM->LM", pre_nucleus_id=10**6)
    return pd.concat([world, lonely], ignore_index=True)


def steps(pairs: pd.DataFrame) -> tuple[dict, Answer]:
    answer = Answer()
    included = dict.fromkeys(NAMES, pairs[pairs["l_d_um"] > 0])
    return together(pairs, included, None, "synapse_density", "proj_hva", 0, answer), answer


def test_one_small_group_does_not_take_the_joint_model_and_the_held_out_axons_from_the_others(pairs):
    made, answer = steps(pairs)
    others = set(pairs["proj_hva"]) - {"LM->LM"}
    joint, held_out = made["all together, synaptic scale"](), made["held-out axons"]()
    assert set(joint.frames()["joint"]["group"]) == others
    assert any("joint model at the synaptic scale: LM->LM is left out. conditional Poisson: fewer than 2 axons" in n for n in joint.notes)
    assert len(joint.rule) == 1
    assert len(held_out.frames()["held_out"]) == 7  # every rule
    assert any("held-out axons: LM->LM is left out." in note for note in held_out.notes)
    assert answer.absent["common_input"].startswith("no neuron table was given")


def test_groups_that_all_fail_end_in_the_reason_and_work_that_succeeds_leaves_nobody_out():
    pairs = pd.DataFrame({"group": ["a", "a", "b"], "value": [1, 2, 3]})

    def at_least(n):
        def work(table):
            if table.groupby("group").size().min() < n:
                raise ValueError(f"fewer than {n}")
            return len(table)

        return work

    assert without_failing_groups(pairs, "group", at_least(1)) == (3, {})
    assert without_failing_groups(pairs, "group", at_least(2)) == (2, {"b": "fewer than 2"})
    with pytest.raises(ValueError, match="fewer than 3"):
        without_failing_groups(pairs, "group", at_least(3))


def answered(pairs: pd.DataFrame, step: str, n_replicates: int = 39) -> Answer:
    outcome, fit, _ = fit_groups(outcome_of(pairs, "synapse_density", ["signal_correlation"], None))
    return analyse(Question(outcome, fit, n_replicates, 0, 1))[step]()


def test_a_null_that_never_changes_the_slope_has_no_p_and_says_so():
    """The similarity is a part of the axon and a part of the target, whose numbers of partners rewiring keeps: their sum stays."""
    table = pd.DataFrame({"pre_nucleus_id": np.repeat([1, 2, 3, 4], 2), "post_nucleus_id": np.tile([11, 12], 4), "l_d_um": 5.0})
    table["n_synapses"] = [1, 0, 0, 1, 1, 0, 0, 1]
    table["signal_correlation"] = np.where(table["post_nucleus_id"] == 11, 0.2, 0.4) + 0.1 * table["pre_nucleus_id"] ** 0.5
    found = answered(table, "rewired")
    row = found.frames()["nulls"].iloc[0]
    assert row["null_sd"] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(row["p"])
    assert any("no degree of freedom in all: this null never changes the slope there" in note for note in found.notes)


def test_where_the_error_over_axons_and_a_null_disagree_a_note_names_both():
    """Popular targets make axons agree on a similarity that decides nothing."""
    said = []
    for seed in range(12):
        world = plant(Planted(n_axons=25, n_targets=40, n_synapses=900, slope=0.0, popularity=1.2), seed=seed)
        said += [note for note in answered(world.pairs, "rewired").notes if "disagree in all (" in note]
    assert said
    assert all("believe neither alone" in note for note in said)
