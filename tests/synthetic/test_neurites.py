from __future__ import annotations

import numpy as np
import pytest

from graphtwin.synthetic.brain.anatomy import pia_um
from graphtwin.synthetic.brain.neurites import grow_axon, grow_dendrite, kept, locate_on_neurites, severed
from tests.synthetic.tissues import tissue

TISSUE = tissue()
GROW = pytest.mark.parametrize("grow", [grow_dendrite, grow_axon])


@GROW
def test_a_neurite_is_one_tree_that_begins_at_the_soma_with_parents_first(grow):
    for row in range(60):
        neurite = grow(TISSUE, int(TISSUE.nucleus_id[row]))
        n = len(neurite.vertices_nm)
        assert (neurite.edges[:, 1] == np.arange(1, n)).all()
        assert (neurite.edges[:, 0] < neurite.edges[:, 1]).all()  # so each vertex leads to vertex 0, and there is one piece
        assert np.abs(pia_um(neurite.vertices_nm[:1])[0] - TISSUE.soma_um[row]).max() < 0.001
        assert (neurite.vertices_nm == neurite.vertices_nm.astype(np.float32)).all()
        assert neurite.radius_nm.min() >= 80


@GROW
def test_a_neurite_is_the_same_bytes_in_any_order_and_in_any_tissue_object(grow):
    ids = TISSUE.nucleus_id[:10].tolist()
    first = {each: grow(TISSUE, each) for each in ids}
    again = tissue()
    for each in reversed(ids):
        repeated = grow(again, each)
        assert first[each].vertices_nm.tobytes() == repeated.vertices_nm.tobytes()
        assert first[each].edges.tobytes() == repeated.edges.tobytes()


def test_dendrites_have_2_to_4_mm_and_axons_3_to_10():
    rows = range(len(TISSUE.nucleus_id))
    dendrites = [grow_dendrite(TISSUE, int(TISSUE.nucleus_id[row])).length_um for row in rows]
    axons = [grow_axon(TISSUE, int(TISSUE.nucleus_id[row])).length_um for row in rows]
    assert 1400 < min(dendrites) < np.mean(dendrites) < 3500 < max(dendrites) < 5200
    assert 2500 < min(axons) < np.mean(axons) < 8000 < max(axons) < 12_500


def test_apical_dendrites_of_layer_2_3_reach_the_first_layer_and_martinotti_axons_too():
    depth = {}
    for row in np.flatnonzero(np.isin(TISSUE.cell_type, ["23P", "MC", "6P-IT"])):
        grow = grow_axon if TISSUE.cell_type[row] == "MC" else grow_dendrite
        depth.setdefault(TISSUE.cell_type[row], []).append(pia_um(grow(TISSUE, int(TISSUE.nucleus_id[row])).vertices_nm)[:, 1].min())
    assert np.median(depth["23P"]) < 71
    assert np.median(depth["MC"]) < 71
    assert np.median(depth["6P-IT"]) > 150


def test_features_move_axons_only_where_targeting_asks_and_never_dendrites():
    with_none, without, targeted = tissue(features=False), tissue(targeting_slope=0.0), tissue(targeting_slope=5.0)
    each = int(TISSUE.nucleus_id[3])
    assert grow_axon(with_none, each).vertices_nm.tobytes() == grow_axon(without, each).vertices_nm.tobytes()
    assert grow_axon(targeted, each).vertices_nm.tobytes() != grow_axon(without, each).vertices_nm.tobytes()
    assert grow_dendrite(targeted, each).vertices_nm.tobytes() == grow_dendrite(without, each).vertices_nm.tobytes()


def test_what_is_kept_and_the_severed_pieces_make_up_the_whole_axon():
    axon = grow_axon(TISSUE, int(TISSUE.nucleus_id[0]))
    piece, near = severed(axon, 200.0), kept(axon, 200.0)
    assert (piece == 0).sum() == len(near.vertices_nm)
    assert near.path_um().max() <= 200
    assert axon.path_um()[piece > 0].min() > 200
    for number in range(1, piece.max() + 1):  # each piece hangs together: all its vertices but the first have their parent in it
        members = np.flatnonzero(piece == number)
        assert (piece[axon.edges[members - 1, 0]] == number).sum() == len(members) - 1
    assert kept(axon, np.inf).length_um == axon.length_um


def test_a_point_in_the_middle_of_an_edge_is_found_there_with_its_path():
    axon = grow_axon(TISSUE, int(TISSUE.nucleus_id[0]))
    middle = axon.vertices_nm[axon.edges].mean(axis=1)
    child, path = locate_on_neurites(axon, middle)
    assert (child == axon.edges[:, 1]).mean() > 0.99  # elsewhere two branches run through the same point
    np.testing.assert_allclose(path, axon.path_um()[axon.edges].mean(axis=1)[child - 1], atol=1e-9)


def test_an_unknown_nucleus_is_named():
    with pytest.raises(ValueError, match=r"nucleus 5 is none of the 120 of animal 0"):
        grow_axon(TISSUE, 5)
