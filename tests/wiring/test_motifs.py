"""Motifs against known counts, planted reciprocity and graphs without any structure."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from graphtwin.wiring.nulls.motif_counts import TRIADS, motif_counts, motifs


def random_graph(seed: int, n: int = 60, share: float = 0.06) -> tuple[np.ndarray, np.ndarray]:
    """Edges drawn independently, every cell axon and target."""
    drawn = np.random.default_rng(seed).random((n, n)) < share
    np.fill_diagonal(drawn, False)
    return np.nonzero(drawn)


def test_counts_are_those_of_networkx():
    pre, post = random_graph(0)
    cells = np.intersect1d(pre, post)
    graph = nx.DiGraph((int(i), int(j)) for i, j in zip(pre, post, strict=True) if i in cells and j in cells)
    graph.add_nodes_from(cells.tolist())
    census, found = nx.triadic_census(graph), motif_counts(pre, post)
    assert {name: found[name] for name in TRIADS} == {name: census[code] for name, code in TRIADS.items()}
    assert found["reciprocal"] == sum(graph.has_edge(j, i) for i, j in graph.edges) / 2


def test_two_axons_with_three_targets_in_common_share_three_target_pairs():
    found = motif_counts(np.array([1, 1, 1, 2, 2, 2, 3]), np.array([10, 11, 12, 10, 11, 12, 10]))
    assert found["shared targets"] == 3
    assert found["reciprocal"] == 0


def test_planted_reciprocity_is_found():
    pre, post = random_graph(1, share=0.04)
    both = np.unique(np.concatenate([np.stack([pre, post], 1), np.stack([post[:40], pre[:40]], 1)]), axis=0)
    found = motifs(both[:, 0], both[:, 1], seed=0, n_nulls=60).set_index("motif")
    assert found.loc["reciprocal", "ratio"] > 3
    assert found.loc["reciprocal", "q"] < 0.1


def test_a_graph_without_structure_has_motifs_at_the_nominal_rate():
    p = np.concatenate([motifs(*random_graph(seed), seed=seed, n_nulls=39)["p"] for seed in range(20)])
    assert np.mean(p <= 0.05) <= 0.11  # 5 % expected, motifs of a graph are not independent; binomial 99.9 % interval, n = 180


def test_reciprocity_that_is_due_to_distance_is_no_finding_once_distance_is_kept():
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 300, (150, 3))
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    drawn = rng.random((150, 150)) < 0.6 * np.exp(-distance / 30)
    np.fill_diagonal(drawn, False)
    pre, post = np.nonzero(drawn)
    free = motifs(pre, post, seed=0, n_nulls=39).set_index("motif")
    kept = motifs(pre, post, seed=0, n_nulls=39, position=(place[pre], place[post]), bin_um=10.0).set_index("motif")
    assert free.loc["reciprocal", "p"] == 0.025  # the smallest that 39 graphs can show
    assert kept.loc["reciprocal", "p"] > 0.05


@pytest.mark.parametrize(
    ("pre", "post", "words"),
    [
        (np.arange(3), np.arange(3) + 5, "3 edges, but at least 10"),
        (np.arange(12), np.r_[0, 1, np.arange(2, 12) + 5], "2 of 12 edges lead"),
    ],
)
def test_graphs_that_tell_nothing_are_refused(pre: np.ndarray, post: np.ndarray, words: str):
    with pytest.raises(ValueError, match=words):
        motifs(pre, post, seed=0)
