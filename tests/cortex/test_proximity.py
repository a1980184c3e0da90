"""L_d is what its definition says, pair by pair, and depends on nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graphtwin.cortex.proximity.dendrite_index import Cable, DendriteIndex, Encounters, discretise, in_order
from tests.cortex.planted_skeletons import (
    AXONS,
    DENDRITES,
    PUBLISHED,
    Slow,
    measure_slowly,
    proximities,
    real,
    skeletons,
    split_slowly,
)

slowly = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def axons() -> list[Cable]:
    return [Cable.from_skeleton(number, *real(number)) for number in AXONS]


@pytest.fixture(scope="module")
def dendrites() -> list[Cable]:
    return [Cable.from_skeleton(number, *real(number)) for number in DENDRITES]


@pytest.fixture(scope="module")
def index(dendrites) -> DendriteIndex:
    return DendriteIndex.build(dendrites)


def frame(found: Encounters) -> pd.DataFrame:
    return found.to_frame().set_index("post_nucleus_id")


def one(axon: Cable, dendrite: Cable, radius_nm: int = 5000) -> pd.Series:
    """The row of a single pair."""
    (found,) = proximities([axon], DendriteIndex.build([dendrite], radius_nm), all_pairs=True)
    return frame(found).loc[dendrite.nucleus_id]


def line(number: int, *points: tuple[float, float, float]) -> Cable:
    steps = np.arange(len(points) - 1)
    return Cable.from_skeleton(number, np.array(points, dtype=float), np.column_stack([steps, steps + 1]))


def shifted(cable: Cable, number: int, by: object) -> Cable:
    return Cable(number, cable.points_nm + np.asarray(by, dtype=np.int32), cable.edges)


def test_the_real_pairs_have_the_published_values(axons, index):
    for axon, found in zip(axons, proximities(axons, index, all_pairs=True), strict=True):
        rows = frame(found)
        for number, other, l_d, length, _, distance in PUBLISHED:
            if number == axon.nucleus_id:
                got = rows.loc[other, ["l_d_um", "axon_length_um", "min_distance_um"]].to_numpy(dtype=float)
                np.testing.assert_allclose(1000 * got, [l_d, length, distance], atol=1e-4, rtol=0)  # four decimals, not all of them rounded


def test_the_real_pairs_equal_two_trees_a_pair_to_a_millionth_of_a_nm(axons, dendrites, index):
    slow_axons = {number: split_slowly(*real(number)) for number in AXONS[:1]}
    slow_dendrites = {cable.nucleus_id: (cable.points_nm.astype(float), cable.edges) for cable in dendrites}
    for found in proximities(axons[:1], index, all_pairs=True, vertices=True):
        for number, slow_dendrite in slow_dendrites.items():
            require_equal(found, number, measure_slowly(slow_axons[found.pre_nucleus_id], slow_dendrite))


def require_equal(found: Encounters, number: int, slow: Slow) -> None:
    """A row and its proximal points against the definition."""
    row = 1000 * frame(found).loc[number]
    assert row["l_d_um"] == pytest.approx(slow.l_d, abs=1e-6)
    assert row["axon_length_um"] == pytest.approx(slow.axon_length, abs=1e-6)
    assert row["min_distance_um"] == pytest.approx(slow.min_distance, rel=1e-12)
    points = pd.DataFrame(found.vertices)
    for side, expected in (("axon", slow.axon_points), ("dendrite", slow.dendrite_points)):
        rows = points[(points["side"] == side) & (points["post_nucleus_id"] == number)]
        assert len(rows) == len(expected)
        assert set(map(tuple, rows[["x_nm", "y_nm", "z_nm"]].to_numpy(dtype=float))) == expected


@slowly
@given(skeletons(), st.sampled_from([300.0, 1000.0, 2500.0]))
def test_any_skeleton_is_discretised_as_in_exact_fractions(skeleton, max_edge):
    points, edges = discretise(*skeleton, max_edge)
    slow_points, slow_edges = split_slowly(*skeleton, max_edge)
    drawn = {tuple(sorted(map(tuple, points[edge].tolist()))) for edge in edges}
    assert drawn == {tuple(sorted(map(tuple, slow_points[edge].astype(int).tolist()))) for edge in slow_edges}
    assert len(edges) == len(slow_edges)
    assert len(points) == len(slow_points)
    assert (edges[:, 0] < edges[:, 1]).all()


@slowly
@given(st.lists(skeletons(), min_size=2, max_size=4), st.sampled_from([700, 5000, 9000]), st.integers(-(10**8), 10**8))
def test_any_skeletons_equal_two_trees_a_pair(drawn, radius, offset):
    slow = [split_slowly(vertices + offset, edges) for vertices, edges in drawn]
    assume(all(len(points) for points, _ in slow))
    cables = [Cable.from_skeleton(i, vertices + offset, edges) for i, (vertices, edges) in enumerate(drawn)]
    built = DendriteIndex.build(cables[1:], radius)
    (found,) = proximities(cables[:1], built, all_pairs=True, vertices=True)
    (near,) = proximities(cables[:1], built)
    for number in range(1, len(cables)):
        require_equal(found, number, measure_slowly(slow[0], slow[number], radius))
    pd.testing.assert_frame_equal(near.to_frame(), found.to_frame().query("l_d_um > 0").reset_index(drop=True))


def test_an_edge_is_split_into_the_fewest_equal_parts_and_halves_go_to_the_even_side():
    points, edges = discretise(np.array([[0.0, 0, 0], [2001, 0, 5], [2001, 1000, 5]]), np.array([[0, 1], [1, 2]]))
    assert points.tolist() == [[0, 0, 0], [667, 0, 2], [1334, 0, 3], [2001, 0, 5], [2001, 1000, 5]]
    assert edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    middle = discretise(np.array([[0.0, 1, 2], [1001, 1002, 3]]), np.array([[0, 1]]))[0][1]
    assert middle.tolist() == [500, 502, 2]  # of 500.5, 501.5 and 2.5


def test_points_become_one_where_rounding_makes_them_equal_and_cable_counts_once():
    vertices = np.array([[0.0, 0, 0], [900, 0, 0], [900.3, 0.2, 0], [1800, 0, 0], [7, 7, 7]])
    cable = Cable.from_skeleton(1, vertices, np.array([[0, 1], [1, 2], [2, 3], [3, 1], [1, 0]]))
    assert sorted(cable.points_nm.tolist()) == [[0, 0, 0], [900, 0, 0], [1800, 0, 0]]
    assert cable.length_um == pytest.approx(1.8)


def test_the_radius_itself_is_near_and_one_nm_more_is_not():
    axon = line(1, (0, 0, 0), (0, 0, -900))
    assert one(axon, line(2, (3000, 4000, 0), (3000, 4900, 0)))["l_d_um"] == pytest.approx(0.9)
    beyond = one(axon, line(2, (3000, 4001, 0), (3000, 4900, 0)))
    assert beyond["l_d_um"] == 0
    assert beyond["min_distance_um"] == pytest.approx(np.hypot(3000, 4001) / 1000)


def test_one_end_within_reach_keeps_the_whole_edge():
    row = one(line(1, (0, 0, 0), (0, 800, 0)), line(2, (4900, 0, 0), (5800, 0, 0), (6700, 0, 0)))
    assert row["l_d_um"] == pytest.approx(0.9)
    assert row["axon_length_um"] == pytest.approx(0.8)


def test_a_dendrite_passed_twice_counts_once():
    dendrite = line(2, (0, 0, 0), (900, 0, 0), (1800, 0, 0))
    once = one(line(1, (0, 2000, 0), (900, 2000, 0)), dendrite)
    twice = one(line(1, (0, 2000, 0), (900, 2000, 0), (900, 2000, 900), (0, 2000, 900)), dendrite)
    assert twice["l_d_um"] == once["l_d_um"] == pytest.approx(1.8)
    assert twice["axon_length_um"] == pytest.approx(2.7)


def test_moving_everything_by_whole_nm_changes_nothing(axons, dendrites, index):
    by = np.array([-1234567, 7654321, 13])
    moved = DendriteIndex.build([shifted(cable, cable.nucleus_id, by) for cable in dendrites])
    for here, there in zip(
        proximities(axons, index), proximities([shifted(axon, axon.nucleus_id, by) for axon in axons], moved), strict=True
    ):
        pd.testing.assert_frame_equal(here.to_frame(), there.to_frame(), rtol=1e-12)


def test_moving_the_skeletons_themselves_by_an_even_number_of_nm_changes_nothing(axons, dendrites, index):
    """An odd number takes halves of a nm, of which axons have thousands, to the other side."""
    by = np.array([200_000.0, -4_000.0, 16.0])
    vertices, edges = real(AXONS[0])
    moved = Cable.from_skeleton(AXONS[0], vertices + by, edges)
    np.testing.assert_array_equal(moved.points_nm - by.astype(int), axons[0].points_nm)


def test_neither_the_order_of_vertices_and_edges_nor_their_direction_matters(axons, dendrites, index):
    rng = np.random.default_rng(0)

    def shuffled(number: int) -> Cable:
        vertices, edges = real(number)
        order = rng.permutation(len(vertices))
        renamed = np.argsort(order)[edges][rng.permutation(len(edges))]
        return Cable.from_skeleton(number, vertices[order], np.where(rng.random((len(edges), 1)) < 0.5, renamed, renamed[:, ::-1]))

    other = DendriteIndex.build([shuffled(number) for number in DENDRITES])
    for here, there in zip(proximities(axons, index), proximities([shuffled(number) for number in AXONS], other), strict=True):
        pd.testing.assert_frame_equal(here.to_frame(), there.to_frame(), rtol=1e-12)


def test_a_pair_is_measured_alike_to_the_last_bit_among_any_other_dendrites(axons, dendrites, index):
    crowd = [shifted(dendrites[i % 2], 1000 + i, (20_000 * (i - 3), 9_000, -7_000)) for i in range(6)]
    many = DendriteIndex.build([*crowd[:3], dendrites[1], *crowd[3:], dendrites[0]])
    for alone, among in zip(proximities(axons, index, all_pairs=True), proximities(axons, many, all_pairs=True), strict=True):
        pd.testing.assert_frame_equal(frame(among).loc[list(DENDRITES)], frame(alone).loc[list(DENDRITES)], check_exact=True)


def test_workers_and_an_index_from_a_file_change_nothing(axons, index, tmp_path):
    crowd = [shifted(axons[i % 2], i, (5_000 * i, 0, 0)) for i in range(9)]
    expected = list(proximities(crowd, index, all_pairs=True))
    assert [found.pre_nucleus_id for found in expected] == list(range(9))
    again = DendriteIndex.load(index.save(tmp_path / "dendrites.index"))
    for workers in (1, 2, 5):
        for found, wanted in zip(proximities(crowd, again, all_pairs=True, workers=workers), expected, strict=True):
            pd.testing.assert_frame_equal(found.to_frame(), wanted.to_frame(), check_exact=True)


def test_a_neuron_is_no_pair_with_itself(dendrites, index):
    axon = shifted(dendrites[0], dendrites[0].nucleus_id, (10, 10, 10))
    (found,) = proximities([axon], index, all_pairs=True, vertices=True)
    assert found.post_nucleus_id.tolist() == [dendrites[1].nucleus_id]
    assert set(found.vertices["post_nucleus_id"]) <= {dendrites[1].nucleus_id}


def test_pieces_are_counted_and_all_of_them_measured(dendrites):
    assert [cable.n_pieces for cable in dendrites] == [6, 7]
    vertices = np.array([[0.0, 0, 0], [900, 0, 0], [0, 9000, 0], [900, 9000, 0]])
    apart = Cable.from_skeleton(2, vertices, np.array([[0, 1], [2, 3]]))
    assert apart.n_pieces == 2
    assert one(line(1, (0, 4500, 0), (900, 4500, 0)), apart)["l_d_um"] == pytest.approx(1.8)


def test_axons_are_taken_only_as_they_are_needed(axons, index):
    taken = []

    def stream():
        for i in range(100):
            taken.append(i)
            yield shifted(axons[0], i, (i, 0, 0))

    for workers, ahead in ((1, 1), (2, 6)):
        taken.clear()
        next(proximities(stream(), index, workers=workers))
        assert len(taken) <= ahead


def test_what_fails_in_the_stream_or_in_the_work_is_raised_with_any_number_of_workers():
    def stream():
        yield from range(10)
        raise ValueError("axon 10 cannot be read")

    for workers in (1, 3):
        with pytest.raises(ValueError, match="axon 10 cannot be read"):
            list(in_order(lambda item: item, stream(), workers))
        with pytest.raises(ZeroDivisionError):
            list(in_order(lambda item: 1 // (5 - item), range(10), workers))
    with pytest.raises(ValueError, match="workers = 0: give 1 or more"):
        list(in_order(lambda item: item, [], 0))


def test_a_skeleton_without_cable_is_refused_not_measured_as_far_away():
    for vertices, edges in ((np.empty((0, 3)), np.empty((0, 2), int)), (np.array([[0.0, 0, 0], [0.2, 0, 0]]), np.array([[0, 1]]))):
        with pytest.raises(ValueError, match=r"none with a length\. It would pass for a neuron that comes close to nobody"):
            Cable.from_skeleton(5, vertices, edges)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0**30])
def test_coordinates_that_are_no_place_are_refused(bad):
    with pytest.raises(ValueError, match=r"1 of 2 vertices have coordinates that are not finite or beyond 1.07e\+09 nm, first vertex 1"):
        discretise(np.array([[0.0, 0, 0], [0, bad, 0]]), np.array([[0, 1]]))


@pytest.mark.parametrize("edge", [(0, 2), (-1, 0)])
def test_edges_of_vertices_that_are_not_there_are_refused(edge):
    with pytest.raises(ValueError, match="but there are 2, counted from 0"):
        discretise(np.zeros((2, 3)), np.array([edge]))


def test_settings_that_measure_nothing_are_refused():
    dendrite = line(2, (0, 0, 0), (900, 0, 0))
    for radius in (0, -5, 2_000_000):
        with pytest.raises(ValueError, match=f"radius_nm = {radius}: give a radius above 0 and up to 1000000 nm"):
            DendriteIndex.build([dendrite], radius)
    for max_edge in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="edges are split into parts of a positive length"):
            discretise(np.zeros((2, 3)), np.array([[0, 1]]), max_edge)


def test_an_index_of_nothing_or_of_a_neuron_twice_is_refused():
    with pytest.raises(ValueError, match="an index needs at least one skeleton"):
        DendriteIndex.build([])
    with pytest.raises(ValueError, match=r"1 neurons have several dendrites, first \[2\]"):
        DendriteIndex.build([line(2, (0, 0, 0), (900, 0, 0)), line(3, (0, 0, 0), (900, 0, 0)), line(2, (0, 9, 0), (900, 0, 0))])


def test_a_file_that_is_no_index_is_refused(tmp_path):
    path = DendriteIndex.build([line(2, (0, 0, 0), (900, 0, 0))]).save(tmp_path / "dendrites.index")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"dendrites\.index: no index of dendrites that can be read"):
        DendriteIndex.load(path)
    with path.open("wb") as file:
        np.savez(file, vertices=np.zeros((2, 3)), edges=np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"an index of version None with \['edges', 'vertices'\].*Remove the file and build it again"):
        DendriteIndex.load(path)
    with pytest.raises(FileNotFoundError, match=r"no such index\. Give the dendrites too"):
        DendriteIndex.load(tmp_path / "none.index")


def test_an_index_of_another_version_is_refused(tmp_path, monkeypatch):
    from graphtwin.cortex.proximity import dendrite_index as proximity

    monkeypatch.setattr(proximity, "INDEX_VERSION", 0)
    path = DendriteIndex.build([line(2, (0, 0, 0), (900, 0, 0))]).save(tmp_path / "dendrites.index")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="an index of version 0"):
        DendriteIndex.load(path)
