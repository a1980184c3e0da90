"""Claims: a null keeps what it promises to keep, destroys the rest, and visits every possible graph equally often."""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.tuning.permutation import permute_embeddings
from graphtwin.wiring.nulls.degree_rewiring import rewire


def bipartite(seed=0, n_pre=80, n_post=60, share=0.1):
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((n_pre, n_post)) < share * rng.lognormal(0, 0.7, (n_pre, 1)))
    return pre * 3 + 1, post * 3 + 1  # ids overlap: a cell can be axon and target


def test_rewiring_keeps_every_degree_and_makes_no_pair_twice_and_no_self_pair():
    pre, post = bipartite()
    pre, post = pre[pre != post], post[pre != post]
    new = rewire(pre, post, seed=1)
    assert Counter(new.tolist()) == Counter(post.tolist())
    assert len(set(zip(pre.tolist(), new.tolist(), strict=True))) == len(pre)
    assert (pre != new).all()


def test_rewiring_forgets_who_was_connected():
    pre, post = bipartite()
    old, new = set(zip(pre.tolist(), post.tolist(), strict=True)), set(zip(pre.tolist(), rewire(pre, post, 1).tolist(), strict=True))
    assert len(old & new) / len(old) < 0.3
    np.testing.assert_array_equal(rewire(pre, post, 1), rewire(pre, post, 1))
    assert (rewire(pre, post, 1) != rewire(pre, post, 1, name=1)).mean() > 0.5


def test_every_graph_with_the_same_degrees_is_equally_likely():
    pre, post = np.array([0, 0, 1, 2, 2]), np.array([10, 11, 10, 11, 12])
    degrees = Counter(post.tolist())
    possible = {
        (a, b, c)
        for a in itertools.combinations((10, 11, 12), 2)
        for b in itertools.combinations((10, 11, 12), 1)
        for c in itertools.combinations((10, 11, 12), 2)
        if Counter((*a, *b, *c)) == degrees
    }
    visited = Counter()
    for name in range(1500):
        new = rewire(pre, post, 0, name=name)
        visited[tuple(sorted(new[:2].tolist())), (int(new[2]),), tuple(sorted(new[3:].tolist()))] += 1
    assert set(visited) == possible
    assert stats.chisquare(list(visited.values())).pvalue > 0.001


def test_rewiring_can_keep_the_distances():
    pre, post = bipartite(share=0.3)
    rng = np.random.default_rng(2)
    place = rng.uniform(0, 300, (1000, 3))
    place[4] = np.nan

    def bins(targets):
        distance = np.linalg.norm(place[pre] - place[targets], axis=1)
        return Counter(np.where(np.isfinite(distance), distance // 25, -1).tolist())

    new = rewire(pre, post, 1, swaps_per_edge=100, position=(place[pre], place[post]))
    assert bins(new) == bins(post)
    assert Counter(new.tolist()) == Counter(post.tolist())
    assert (new != post).mean() > 0.3
    assert bins(rewire(pre, post, 1)) != bins(post)


def test_a_pair_listed_twice_is_refused():
    with pytest.raises(ValueError, match="1 pairs occur more than once"):
        rewire(np.array([1, 1, 2]), np.array([5, 5, 6]), 0)


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(3)
    n = 400
    return pd.DataFrame(
        {
            "session": rng.integers(4, 7, n),
            "scan_idx": rng.integers(1, 3, n),
            "unit_id": np.arange(n),
            "nucleus_id": rng.permutation(n) + 1000,
            "embedding_0": np.arange(n, dtype=np.float32),
            "embedding_1": -np.arange(n, dtype=np.float32),
            "reliability": rng.random(n),
        }
    )


@pytest.fixture
def layer():
    names = np.array(["L2/3", "L4", None], dtype=object)[np.random.default_rng(4).integers(0, 3, 380)]
    return pd.Series(names, index=np.arange(380) + 1000)  # twenty nuclei have no entry at all


def test_embeddings_only_move_inside_their_layer_and_scan_and_stay_whole(embeddings, layer):
    permuted = permute_embeddings(embeddings, layer, 0, 0)
    source = permuted["embedding_0"].astype(int).to_numpy()
    for name in ("session", "scan_idx"):
        np.testing.assert_array_equal(embeddings[name].to_numpy()[source], embeddings[name])
    known = embeddings["nucleus_id"].map(layer).fillna("unknown").to_numpy()
    np.testing.assert_array_equal(known[source], known)
    np.testing.assert_array_equal(permuted["embedding_1"], -permuted["embedding_0"])
    np.testing.assert_array_equal(permuted["reliability"], embeddings["reliability"].to_numpy()[source])
    assert sorted(source) == list(range(400))
    assert (source != np.arange(400)).mean() > 0.9
    pd.testing.assert_series_equal(permuted.dtypes, embeddings.dtypes)


def test_the_permutation_is_named_and_blind_to_the_order_of_rows(embeddings, layer):
    first = permute_embeddings(embeddings, layer, 0, 0)
    shuffled = permute_embeddings(embeddings.sample(frac=1, random_state=5), layer, 0, 0).sort_index()
    pd.testing.assert_frame_equal(first, shuffled)
    assert not first.equals(permute_embeddings(embeddings, layer, 0, 1))
