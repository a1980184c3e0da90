"""Controls keep what they say they keep, and forget the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse.csgraph

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.controls import of_another_animal, permuted, rewired, static_responses
from tests.motor.small_circuits import circuit


@pytest.fixture
def typed() -> Circuit:
    """Sixty neurons of four types in a box, with gap junctions, some of them of one pair with a synapse."""
    rng = np.random.default_rng(0)
    n = 60
    joined = np.argwhere((rng.random((n, n)) < 0.15) & ~np.eye(n, dtype=bool))
    edges = [(int(a), int(b), float(rng.geometric(0.3))) for a, b in joined] + [(5, 5, 3.0)]
    gaps = [(a, b, 1.0) for a in range(n) for b in range(a + 1, n) if rng.random() < 0.1]
    return circuit(
        n,
        edges,
        gaps,
        types=tuple("abc "[i % 4].strip() for i in range(n)),
        sign=rng.choice([1, -1], n),
        position=rng.uniform(0, 300, (n, 3)),
        sensory=np.arange(n) < 20,
        motor=np.arange(n) >= 50,
    )


def pairs_of_types(one: Circuit) -> Counter:
    return Counter((int(a), one.types[b], "out") for a, b in zip(one.pre, one.post, strict=True)) + Counter(
        (int(b), one.types[a], "in") for a, b in zip(one.pre, one.post, strict=True)
    )


def gap_partners(one: Circuit, by_type: bool) -> Counter:
    ends = [*zip(one.gap_a, one.gap_b, strict=True), *zip(one.gap_b, one.gap_a, strict=True)]
    return Counter((int(a), one.types[b] if by_type else "") for a, b in ends)


def distances(one: Circuit, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(one.position[a] - one.position[b], axis=1)


@pytest.mark.parametrize("keep", ["degrees", "types", "distance"])
def test_rewiring_keeps_every_degree_what_is_sent_and_makes_no_autapse(typed, keep):
    other = rewired(typed, np.random.default_rng(1), keep)
    n = len(typed.names)
    for end in ("pre", "post"):
        np.testing.assert_array_equal(np.bincount(getattr(other, end), minlength=n), np.bincount(getattr(typed, end), minlength=n))
    np.testing.assert_array_equal(np.bincount(other.pre, other.count, n), np.bincount(typed.pre, typed.count, n))
    assert gap_partners(other, False) == gap_partners(typed, False)
    assert other.autapses <= typed.autapses
    old, new = set(zip(typed.pre, typed.post, strict=True)), set(zip(other.pre, other.post, strict=True))
    assert len(new) == len(old)
    assert len(new - old) > 0.5 * len(old)
    junctions = set(zip(typed.gap_a, typed.gap_b, strict=True)), set(zip(other.gap_a, other.gap_b, strict=True))
    assert len(junctions[1] - junctions[0]) > 0.4 * len(junctions[0])
    np.testing.assert_array_equal(other.sign, typed.sign)


def test_rewiring_keeps_partners_of_each_type_only_where_asked(typed):
    kept, free = (rewired(typed, np.random.default_rng(1), keep) for keep in ("types", "degrees"))
    assert pairs_of_types(kept) == pairs_of_types(typed)
    assert gap_partners(kept, True) == gap_partners(typed, True)
    assert pairs_of_types(free) != pairs_of_types(typed)


def test_rewiring_keeps_distances_only_where_asked(typed):
    kept, free = (rewired(typed, np.random.default_rng(1), keep) for keep in ("distance", "degrees"))
    every = np.r_[distances(typed, typed.pre, typed.post), distances(typed, typed.gap_a, typed.gap_b)]
    width = np.median(every[every > 0]) / 4

    def binned(one: Circuit) -> tuple[Counter, Counter]:
        ends = (one.pre, one.post), (one.gap_a, one.gap_b)
        return tuple(Counter((distances(one, *pair) // width).tolist()) for pair in ends)

    assert binned(kept) == binned(typed)
    assert binned(free) != binned(typed)


def test_the_sign_of_an_edge_goes_with_its_sender(typed):
    mixed = replace(typed, sign=np.zeros_like(typed.sign), receptor_sign=np.where(typed.post % 2, 1, -1))
    other = rewired(mixed, np.random.default_rng(0))
    for row in range(len(mixed.names)):
        assert Counter(other.edge_sign[other.pre == row].tolist()) == Counter(mixed.edge_sign[mixed.pre == row].tolist())


def test_rewiring_is_refused_without_what_it_shall_keep(typed):
    nowhere = replace(typed, position=np.full_like(typed.position, np.nan))
    with pytest.raises(ValueError, match=r"None of \d+ edges has a known distance.* or keep degrees"):
        rewired(nowhere, np.random.default_rng(0), "distance")
    with pytest.raises(ValueError, match=r"None of 60 neurons has a type.* or keep degrees"):
        rewired(replace(typed, types=("",) * 60), np.random.default_rng(0), "types")
    with pytest.raises(ValueError, match=r"None of \d+ edges can be exchanged .* Keep less"):
        rewired(replace(typed, types=typed.names), np.random.default_rng(0), "types")


def test_permuting_names_leaves_the_graph_and_the_kinds_of_neurons(typed):
    other = permuted(typed, np.random.default_rng(0))
    np.testing.assert_array_equal(other.sensory, typed.sensory)
    np.testing.assert_array_equal(other.motor, typed.motor)
    assert other.names == typed.names

    def described(one: Circuit) -> list[tuple]:
        """Each edge by what its ends are, names aside."""
        node = [(one.types[i], int(one.sign[i]), *one.position[i], bool(one.sensory[i]), bool(one.motor[i])) for i in range(60)]
        edges = [(node[a], node[b], c) for a, b, c in zip(one.pre, one.post, one.count, strict=True)]
        gaps = [(*sorted([node[a], node[b]]), c) for a, b, c in zip(one.gap_a, one.gap_b, one.gap_count, strict=True)]
        return sorted(edges), sorted(gaps)

    assert described(other) == described(typed)
    moved = np.mean([before != after for before, after in zip(typed.position[:, 0], other.position[:, 0], strict=True)])
    assert moved > 0.8


def test_static_readings_of_a_chain_with_an_inhibitory_neuron_are_known():
    chain = circuit(4, [(0, 1, 2), (1, 2, 3), (2, 3, 5)], [(0, 3, 1)], sign=np.array([1, -1, 1, 1]))
    found = static_responses(chain)
    np.testing.assert_array_equal(found["weight"][0], [0, 2, 0, 1])
    np.testing.assert_array_equal(found["signed weight"][1], [0, 0, -3, 0])
    assert found["two steps"][0, 2] == 6
    assert found["signed two steps"][0, 2] == -6
    assert found["three steps"][0, 3] == 30 + 1  # along the chain, and there and back and there by the gap junction
    np.testing.assert_allclose(found["path length"][0], [np.inf, 2, 6 / 5, 1])
    isolated = circuit(3, [(0, 1, 1)])
    assert static_responses(isolated)["path length"][0, 2] == 0


def test_communicability_is_the_exponential_of_the_normalised_graph_and_rows_may_be_asked_for_alone(typed):
    import scipy.linalg

    n = len(typed.names)
    size = np.zeros((n, n))
    size[typed.pre, typed.post] = typed.count
    size[typed.gap_a, typed.gap_b] += typed.gap_count
    size[typed.gap_b, typed.gap_a] += typed.gap_count
    both = (size + size.T) / 2
    root = np.diag(1 / np.sqrt(both.sum(axis=1)))
    found = static_responses(typed)
    np.testing.assert_allclose(found["communicability"], scipy.linalg.expm(root @ both @ root), atol=1e-10)
    some = static_responses(typed, np.array([7, 3]))
    for name, matrix in found.items():
        np.testing.assert_allclose(some[name], matrix[[7, 3]], atol=1e-10)


def test_anatomy_of_some_rows_and_columns_a_few_at_a_time_is_that_of_all_pairs(typed, monkeypatch):
    n = len(typed.names)
    sign = np.where(typed.edge_sign < 0, -1.0, 1.0)
    dense = {"": np.zeros((n, n)), "signed ": np.zeros((n, n))}
    for name, matrix in dense.items():
        matrix[typed.pre, typed.post] = typed.count * (sign if name else 1)
        for ends in ((typed.gap_a, typed.gap_b), (typed.gap_b, typed.gap_a)):
            np.add.at(matrix, ends, typed.gap_count)
    lengths = scipy.sparse.csgraph.shortest_path(np.where(dense[""] > 0, 1 / np.where(dense[""] > 0, dense[""], 1), np.inf))
    known = {f"{name}{steps}": np.linalg.matrix_power(matrix, at) for name, matrix in dense.items()
             for at, steps in enumerate(("weight", "two steps", "three steps"), 1)}  # fmt: skip
    known["path length"] = np.divide(1, lengths, out=np.full((n, n), np.inf), where=lengths > 0)
    exposure = scipy.sparse.random(n, n, 0.3, random_state=0, format="csr")
    known |= {"exposure": exposure.toarray(), "communicability": static_responses(typed)["communicability"]}
    monkeypatch.setattr("graphtwin.motor.controls.static.TOGETHER", 3)
    rows, columns = np.array([5, 1, 9, 4, 0, 11, 3]), np.array([2, 7, 0])
    found = static_responses(typed, rows, exposure, columns)
    assert set(found) == set(known)
    for name, matrix in known.items():
        np.testing.assert_allclose(found[name], matrix[np.ix_(rows, columns)], atol=1e-10, err_msg=name)


def test_another_animal_is_joined_by_name(typed):
    found = of_another_animal(typed, ("n3", "x"), ("n1", "n2", "y"), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    np.testing.assert_array_equal(found[3, [1, 2]], [1, 2])
    assert np.isfinite(found).sum() == 2
    with pytest.raises(ValueError, match=r"0 of 1 stimulated and 1 of 1 recorded neurons of another animal"):
        of_another_animal(typed, ("x",), ("n1",), np.ones((1, 1)))
