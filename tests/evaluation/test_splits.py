"""Claims: nobody stands on both sides, and a side depends on who you are, not on where your row is."""

import numpy as np
import pytest

from graphtwin.evaluation import splits

IDS = np.random.default_rng(0).choice(10**6, 3000, replace=False)


@pytest.mark.parametrize("label", [None, np.array(["23P", "4P", None], dtype=object)[np.random.default_rng(1).integers(0, 3, 3000)]])
def test_neuron_folds_do_not_depend_on_the_order_of_rows(label):
    folds = splits.folds_by_neuron(IDS, 5, 7, label)
    shuffled = np.random.default_rng(2).permutation(3000)
    again = splits.folds_by_neuron(IDS[shuffled], 5, 7, None if label is None else label[shuffled])
    np.testing.assert_array_equal(again, folds[shuffled])
    assert (np.bincount(folds, minlength=5) > 480).all()
    assert (folds != splits.folds_by_neuron(IDS, 5, 8, label)).mean() > 0.7  # another seed, another split


def test_an_axon_is_on_the_same_side_in_every_materialization():
    first, second = np.repeat(IDS, 3), IDS[::-1][:500]
    of_first = dict(zip(first.tolist(), splits.folds_by_axon(first, 5, 0).tolist(), strict=True))
    assert all(len({of_first[a]}) == 1 for a in IDS.tolist())
    assert [of_first[a] for a in second.tolist()] == splits.folds_by_axon(second, 5, 0).tolist()


def test_every_fold_gets_its_share_of_a_rare_label():
    label = np.array(["common"] * 2985 + ["rare"] * 15, dtype=object)
    folds = splits.folds_by_neuron(IDS, 5, 3, label)
    np.testing.assert_array_equal(np.bincount(folds[label == "rare"], minlength=5), 3)
    single = np.array(["common"] * 2999 + ["alone"], dtype=object)
    assert splits.folds_by_neuron(IDS, 5, 3, single).min() >= 0  # a class with one member has a fold like any other


def test_a_neuron_with_two_rows_has_one_fold():
    ids, label = np.r_[IDS, IDS], np.array(["a", "b"], dtype=object)[np.random.default_rng(3).integers(0, 2, 6000)]
    folds = splits.folds_by_neuron(ids, 4, 0, label)
    np.testing.assert_array_equal(folds[:3000], folds[3000:])


def test_a_scan_is_never_divided_and_as_many_folds_as_scans_leave_one_out():
    session, scan = np.repeat([4, 5, 6, 9], 50), np.tile(np.repeat([2, 7], 25), 4)
    folds = splits.folds_by_scan(session, scan, 8, 0)
    assert len(set(zip(session, scan, folds, strict=True))) == 8
    assert len(set(folds)) == 8
    with pytest.raises(ValueError, match="8 scans cannot fill 9 folds"):
        splits.folds_by_scan(session, scan, 9, 0)


def test_scans_of_large_numbers_are_told_apart():
    folds = splits.folds_by_scan(np.array([1, 2, 1, 2]), np.array([1000, 0, 1000, 0]), 2, 0)
    assert folds[0] == folds[2] != folds[1] == folds[3]


@pytest.mark.parametrize("n_folds", [2, 4, 5])
def test_blocks_of_tissue_are_equally_full_and_connected(n_folds):
    rng = np.random.default_rng(4)
    x, z = rng.uniform(0, 1000, 4000), rng.uniform(0, 500, 4000)
    x[:7] = np.nan
    folds = splits.folds_by_block(np.column_stack([x, z]), n_folds)
    assert (folds[:7] == -1).all()
    sizes = np.bincount(folds[7:])
    assert len(sizes) == n_folds
    assert np.ptp(sizes) <= n_folds
    boxes = [(x[folds == f].min(), x[folds == f].max(), z[folds == f].min(), z[folds == f].max()) for f in range(n_folds)]
    for f, (x0, x1, z0, z1) in enumerate(boxes):  # no neuron of another block lies inside a block's box
        inside = (x >= x0) & (x <= x1) & (z >= z0) & (z <= z1)
        assert (folds[inside] == f).all()


def test_a_tile_holds_neurons_of_one_square_of_tissue_at_any_depth():
    x, z = np.array([-1.0, 5.0, 99.0, 101.0, 5.0, np.nan, 5.0]), np.array([5.0, 5.0, 99.0, 5.0, 205.0, 5.0, np.nan])
    tile = splits.tiles(np.column_stack([x, z]), 100.0)
    assert tile[1] == tile[2]
    assert len(set(tile[[0, 1, 3, 4]])) == 4
    assert (tile[5:] == -1).all()


def test_a_worm_is_cut_across_its_length_whatever_axis_that_is():
    rng = np.random.default_rng(5)
    for longest in range(3):
        position = rng.uniform(0, 60, (90, 3))
        position[:, longest] = np.linspace(0, 1000, 90)
        np.testing.assert_array_equal(splits.folds_by_block(position, 3), np.repeat([0, 1, 2], 30))


@pytest.mark.parametrize("extent_um", [(1000, 0), (0, 1000), (700, 500)])
def test_neurons_in_a_plane_or_on_a_line_fill_every_block(extent_um):
    position = np.random.default_rng(6).uniform(0, 1, (60, 2)) * extent_um
    assert np.ptp(np.bincount(splits.folds_by_block(position, 3))) <= 3


@pytest.mark.parametrize(
    ("n", "extent_um", "side_um"),
    [(18_000, (1200, 500), 100.0), (400, (600, 450), 100.0), (400, (60, 45), 10.0), (300, (1000, 0), 50.0), (50_000, (1200, 500), 50.0)],
)
def test_tiles_hold_about_300_neurons_or_a_twentieth_of_a_small_source(n, extent_um, side_um):
    position = np.random.default_rng(7).uniform(0, 1, (n, 2)) * extent_um
    assert splits.tile_side_um(position) == side_um
    assert splits.tile_side_um(np.concatenate([position, np.full((9, 2), np.nan)])) == side_um


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="needs at least 2"):
        splits.folds_by_axon(IDS, 1, 0)
