"""A reconstructed tissue hands out all of its cable, each stretch under the root id that synapses on it have."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from graphtwin.synthetic.brain.anatomy import grow_anatomy
from graphtwin.synthetic.brain.neurites import Neurite, grow_axon, grow_dendrite, locate_on_neurites
from graphtwin.synthetic.brain.tissue import Tissue
from graphtwin.synthetic.volume.pieces import pieces_of, root_of_nuclei, split
from graphtwin.synthetic.wiring.connections import connect
from graphtwin.synthetic.wiring.planted_rules import rule_of
from graphtwin.synthetic.wiring.reconstruction import ReconstructConfig, reconstruct

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made():
    tissue = Tissue.of(grow_anatomy(40, 3, 1))
    config = ReconstructConfig(merged=0.1, broken_dendrites=0.5)
    return tissue, reconstruct(tissue, connect(tissue, rule_of("geometry")), config)


def test_a_cut_tree_falls_into_pieces_that_hold_all_of_its_edges():
    vertices = np.arange(18.0).reshape(6, 3)
    tree = Neurite(vertices, np.array([[0, 1], [1, 2], [1, 3], [3, 4], [2, 5]]), np.arange(6, dtype=np.float32))
    parts = dict(split(tree, np.array([0, 0, 1, 2, 2, 1])))
    assert sorted(parts) == [0, 1, 2]
    assert parts[1].vertices_nm.tolist() == vertices[[1, 2, 5]].tolist()
    assert parts[1].edges.tolist() == [[0, 1], [1, 2]]
    assert parts[2].radius_nm.tolist() == [1, 3, 4]
    assert len(dict(split(tree, np.zeros(6, np.int64)))[0].edges) == 5


def test_all_cable_is_handed_out_once(made):
    tissue, reconstruction = made
    handed = sum(
        np.linalg.norm(np.subtract(*piece.vertices_nm[piece.edges.T]), axis=1).sum() for piece in pieces_of(tissue, reconstruction)
    )
    grown = sum(grow(tissue, number).length_um for number in tissue.nucleus_id.tolist() for grow in (grow_axon, grow_dendrite))
    assert handed / 1000 == pytest.approx(grown)


def test_pieces_of_one_root_id_follow_each_other_those_of_merged_cells_too(made):
    tissue, reconstruction = made
    roots = [piece.root_id for piece in pieces_of(tissue, reconstruction)]
    assert len([root for root, _ in groupby(roots)]) == len(set(roots))
    merged = len(tissue.nucleus_id) - len(set(root_of_nuclei(reconstruction).values()))
    assert merged > 0


def test_a_synapse_lies_on_a_piece_with_its_root_id(made):
    tissue, reconstruction = made
    by_root: dict[tuple[int, str], list[Neurite]] = {}
    for piece in pieces_of(tissue, reconstruction):
        by_root.setdefault((piece.root_id, piece.compartment), []).append(Neurite(*piece[2:]))
    synapses = reconstruction.synapses[~reconstruction.synapses["is_artefact"]]
    assert len(synapses) > 20
    for row in synapses.itertuples():
        for side, compartment in (("pre", "axon"), ("post", "dendrite")):
            point = np.array([[getattr(row, f"{side}_{axis}_nm") for axis in "xyz"]])
            candidates = by_root[getattr(row, f"{side}_root_id"), compartment]
            assert min(_distance(neurite, point) for neurite in candidates) < 2
    assert set(root_of_nuclei(reconstruction)) == set(tissue.nucleus_id.tolist())


def _distance(neurite: Neurite, point: np.ndarray) -> float:
    child = locate_on_neurites(neurite, point)[0][0]
    start, end = neurite.vertices_nm[neurite.edges[neurite.edges[:, 1] == child][0]]
    along = np.clip(((point[0] - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
    return float(np.linalg.norm(point[0] - start - along * (end - start)))
