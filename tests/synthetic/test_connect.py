from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from graphtwin.cortex.proximity.cable import Cable
from graphtwin.cortex.proximity.dendrite_index import DendriteIndex
from graphtwin.synthetic.brain.anatomy import grow_anatomy
from graphtwin.synthetic.brain.neurites import grow_axon, grow_dendrite, locate_on_neurites
from graphtwin.synthetic.brain.tiles import grow_parts, lay_tiles
from graphtwin.synthetic.brain.tissue import Tissue
from graphtwin.synthetic.wiring.connections import connect
from graphtwin.synthetic.wiring.planted_rules import rule_of
from graphtwin.wiring.conditional.conditional_fit import fit_conditional
from graphtwin.wiring.pairs.candidate_set import candidates
from tests.cortex.planted_skeletons import proximities
from tests.synthetic.tissues import tissue

pytestmark = pytest.mark.slow


SMALL = tissue(120)


@pytest.fixture(scope="module")
def small():
    return connect(SMALL, rule_of("feature+degree-heavy", base=-4.0))


@pytest.fixture(scope="module")
def larger():
    """Geometry alone: other rules are drawn on its pairs."""
    return connect(tissue(500, seed=1, targeting_slope=0.0), rule_of("geometry"))


def test_l_d_is_that_of_proximity_on_the_skeletons(small):
    parts = pd.concat([part.skeletons for part in grow_parts(SMALL)])
    cables = {"axon": [], "dendrite": []}
    for (nucleus_id, compartment), vertices in parts.groupby(["nucleus_id", "compartment"], observed=True):
        edges = vertices[["parent", "vertex"]].to_numpy()[1:].astype(np.int64)
        points = vertices[["x_nm", "y_nm", "z_nm"]].to_numpy(np.float64)
        cables[compartment].append(Cable.from_skeleton(int(nucleus_id), points, edges))
    index = DendriteIndex.build(cables["dendrite"])
    expected = pd.concat([met.to_frame() for met in proximities(cables["axon"], index)])
    expected = expected.sort_values(["pre_nucleus_id", "post_nucleus_id"], ignore_index=True)
    columns = ["pre_nucleus_id", "post_nucleus_id", "l_d_um"]
    assert_frame_equal(small.pairs[columns], expected[columns], rtol=1e-12)


@pytest.mark.parametrize("workers", [1, 2])
def test_tiles_and_workers_change_nothing(small, workers):
    tiles = lay_tiles(SMALL, grow_parts(SMALL, skeletons=False), tile_um=150.0)
    assert len(tiles) == 4
    again = connect(SMALL, rule_of("feature+degree-heavy", base=-4.0), workers=workers, tiles=tiles)
    assert_frame_equal(small.pairs, again.pairs)
    assert_frame_equal(small.synapses, again.synapses)


def test_every_synapse_is_within_5_um_on_both_neurites_and_counts_add_up(small):
    counted = small.synapses.groupby(["pre_nucleus_id", "post_nucleus_id"]).size()
    made = small.pairs[small.pairs["n_synapses"] > 0].set_index(["pre_nucleus_id", "post_nucleus_id"])["n_synapses"]
    assert (counted == made).all()
    assert small.synapses["synapse_id"].is_unique
    assert (small.synapses["size"] > 0).all()
    pre, post = (small.synapses[[f"{side}_{axis}_nm" for axis in "xyz"]].to_numpy() for side in ("pre", "post"))
    assert np.linalg.norm(pre - post, axis=1).max() <= 5000
    for nucleus_id, rows in list(small.synapses.groupby("pre_nucleus_id").indices.items())[:10]:
        axon = grow_axon(SMALL, int(nucleus_id))
        child, path = locate_on_neurites(axon, pre[rows])
        ends = axon.vertices_nm[axon.edges[child - 1]]
        longer = np.linalg.norm(pre[rows] - ends[:, 0], axis=1) + np.linalg.norm(pre[rows] - ends[:, 1], axis=1)
        np.testing.assert_allclose(longer, np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1), atol=5.0)  # rounded to whole nm
        np.testing.assert_allclose(path, small.synapses["axon_distance_um"].to_numpy()[rows])
    for nucleus_id, rows in list(small.synapses.groupby("post_nucleus_id").indices.items())[:10]:
        assert np.isfinite(locate_on_neurites(grow_dendrite(SMALL, int(nucleus_id)), post[rows])[1]).all()


def test_no_neuron_is_its_own_target(small):
    assert (small.pairs["pre_nucleus_id"] != small.pairs["post_nucleus_id"]).all()


def test_3_percent_of_near_pairs_connect(larger):
    assert 0.025 < (larger.pairs["n_synapses"] > 0).mean() < 0.035
    assert larger.pairs["n_synapses"].sum() == pytest.approx(larger.pairs["expected"].sum(), rel=0.08)


def test_the_planted_slope_is_found_by_the_conditional_model_and_none_where_none_was_planted(larger):
    rng = np.random.default_rng(0)
    for slope in (0.0, 3.0):
        made = larger.pairs.assign(n_synapses=rule_of("feature", slope=slope, base=-6.0).sample(larger.pairs, rng))
        row = fit_conditional(candidates(made, ["feature_similarity"])).to_frame().iloc[0]
        assert abs(row["estimate"] - slope) < 4 * row["se"]
        assert row["se"] < 0.3
    own = fit_conditional(candidates(larger.pairs, ["feature_similarity"])).to_frame().iloc[0]
    assert abs(own["estimate"]) < 4 * own["se"]


def test_targeting_brings_axons_to_similar_cells_and_geometry_does_not(larger):
    """L_d of all pairs of the cortex, those that never come near too."""

    def difference(pairs: pd.DataFrame, of: Tissue) -> float:
        every = of.features @ of.features.T
        return float(np.average(pairs["feature_similarity"], weights=pairs["l_d_um"]) - every[~np.eye(len(every), dtype=bool)].mean())

    towards = connect(tissue(250, seed=1), rule_of("geometry"))
    assert difference(towards.pairs, tissue(250, seed=1)) > 0.01
    assert abs(difference(larger.pairs, tissue(500, seed=1))) < 0.003


def test_similar_pairs_have_larger_synapses_where_that_is_asked(small):
    grown = connect(SMALL, rule_of("feature+degree-heavy", base=-4.0), size_slope=1.0)
    similarity = small.synapses.merge(small.pairs, on=["pre_nucleus_id", "post_nucleus_id"])["feature_similarity"]
    ratio = np.log(grown.synapses["size"] / small.synapses["size"])
    np.testing.assert_allclose(ratio, similarity, atol=0.05)  # sizes are whole voxels


def test_a_rule_of_features_needs_features():
    with pytest.raises(ValueError, match=r"rule feature: it asks for feature similarity, but the tissue has no features"):
        connect(tissue(20, features=False), rule_of("feature"))


def test_ten_neurons_are_enough():
    few = connect(Tissue.of(grow_anatomy(10, 0, 0)), rule_of("geometry"))
    assert few.pairs["feature_similarity"].isna().all()
    assert (few.pairs["l_d_um"] > 0).all()
