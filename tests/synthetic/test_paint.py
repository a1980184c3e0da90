"""Painted tissue has the volumes, contacts and unbroken axons it was made of, whatever chunks it is painted in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from graphtwin.synthetic.volume.block import VolumeConfig, choose_block, disc_radius_nm
from graphtwin.synthetic.volume.paint import AXON, AXON_CORE, DENDRITE, DENDRITE_CORE, SOMA, Block, Strokes, contact_table, paint
from tests import small_tissue

CUBE = Block((100, 100, 100), (10, -20, 30), (70, 40, 90), (60, 60, 60))


def whole(strokes: Strokes, block: Block) -> np.ndarray:
    labels = np.zeros(np.subtract(block.end, block.begin), np.int64)
    for chunk in paint(strokes, block):
        first = np.subtract(chunk.begin, block.begin)
        labels[tuple(slice(at, at + n) for at, n in zip(first, chunk.labels.shape, strict=True))] = chunk.labels
    return labels


def contacts(strokes: Strokes, block: Block):
    return contact_table([chunk.faces for chunk in paint(strokes, block)], block.voxel_nm)


def tube(layer: int, label: int, start: object, end: object, radius: tuple[float, float], block: Block = CUBE) -> Strokes:
    """One stroke, its ends counted from the corner of the block."""
    ends = [np.asarray([place], np.float64) + block.low_nm for place in (start, end)]
    return Strokes.of(layer, label, *ends, np.array([radius], np.float64))


@pytest.mark.parametrize("voxel_nm", [(100, 100, 100), (64, 64, 160), (40, 80, 120)])
def test_a_sphere_and_a_tapered_tube_have_their_volume_in_voxels_of_any_shape(voxel_nm):
    block = Block(voxel_nm, (0, 0, 0), tuple((9000 // np.asarray(voxel_nm)).tolist()), (64, 64, 64))
    ball = tube(SOMA, 5, (4510, 4470, 4500), (4510, 4470, 4500), (2000, 2000), block)
    voxel_um3 = np.prod(voxel_nm) / 1e9
    assert (whole(ball, block) == 5).sum() * voxel_um3 == pytest.approx(4 / 3 * np.pi * 8, rel=0.01)
    cone = tube(DENDRITE, 6, (1500, 1500, 1500), (6500, 7000, 6000), (900, 400), block)
    length, ends = np.linalg.norm([5, 5.5, 4.5]), 2 / 3 * np.pi * (0.9**3 + 0.4**3)
    expected = np.pi / 3 * length * (0.81 + 0.36 + 0.16) + ends
    assert (whole(cone, block) == 6).sum() * voxel_um3 == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("chunk", [(120, 120, 120), (50, 64, 70), (33, 40, 17)])
def test_labels_and_contacts_do_not_depend_on_the_chunks(chunk):
    content = small_tissue.content()
    other = small_tissue.block(chunk=chunk)
    one = Block(other.voxel_nm, other.begin, other.end, (120, 120, 120))
    assert np.array_equal(whole(content.strokes, other), whole(content.strokes, one))
    assert contacts(content.strokes, other).equals(contacts(content.strokes, one))


@pytest.mark.parametrize("voxel_nm", [(100, 100, 100), (64, 64, 160)])
def test_an_axon_thinner_than_a_voxel_is_one_piece_through_somata_and_dendrites(voxel_nm):
    block = Block(voxel_nm, (0, 0, 0), tuple((6000 // np.asarray(voxel_nm)).tolist()), (32, 32, 32))
    core = (block.core_radius_nm,) * 2
    line = (300, 500, 700), (5700, 5200, 5500)
    parts = [
        tube(AXON_CORE, 9, *line, core, block),
        tube(AXON, 9, *line, core, block),
        tube(SOMA, 1, (3000, 3000, 3000), (3000, 3000, 3000), (1000, 1000), block),
        tube(DENDRITE_CORE, 2, (4500, 300, 4500), (4500, 5700, 4500), core, block),
        tube(DENDRITE, 2, (4500, 300, 4500), (4500, 5700, 4500), (600, 600), block),
    ]
    labels = whole(Strokes.join(parts), block)
    assert ndimage.label(labels == 9)[1] == 1
    assert ndimage.label(labels == 2)[1] == 1
    on_line = np.linspace(*line, 500) // voxel_nm
    assert set(labels[tuple(on_line.astype(int).T)]) == {9}


def test_the_segments_of_a_synapse_touch_at_its_position_and_have_its_points():
    content = small_tissue.content()
    labels, block = whole(content.strokes, content.block), content.block
    for row in small_tissue.synapses(11, 12, 13).itertuples():
        pre, post, centre = (np.array([getattr(row, f"{side}_{axis}_nm") for axis in "xyz"]) for side in ("pre", "post", "ctr"))
        step = (post - pre) / np.linalg.norm(post - pre) * 110  # one voxel from the plane between them
        at = np.floor((np.array([pre, post, centre - step, centre + step]) - block.low_nm) / block.voxel_nm).astype(int)
        assert labels[tuple(at.T)].tolist() == [row.pre_root_id, row.post_root_id] * 2
    touching = set(zip(*contacts(content.strokes, block)[["root_id_a", "root_id_b"]].to_numpy().T.tolist(), strict=True))
    assert {(small_tissue.A, small_tissue.B), (small_tissue.B, small_tissue.C), (small_tissue.A, small_tissue.FRAGMENT)} <= touching


@pytest.mark.parametrize("direction", [(1.0, 0, 0), (1, 1, 0), (1, 2, 3)])
def test_two_half_balls_touch_in_a_disc_whose_faces_are_its_projections(direction):
    normal = np.array([direction]) / np.linalg.norm(direction)
    block = Block((20, 20, 20), (0, 0, 0), (60, 60, 60), (32, 32, 32))
    at, radius = np.full((1, 3), 597.0), np.full((1, 2), 400.0)
    halves = [Strokes.of(0, label, at, at, radius, normal=sign * normal, at=at) for label, sign in ((1, 1), (2, -1))]
    table = contacts(Strokes.join(halves), block)
    assert table["area_um2"].tolist() == pytest.approx([np.pi * 0.16 * np.abs(normal).sum()], rel=0.04)


def test_a_stroke_that_comes_later_leaves_taken_voxels_alone():
    soma = tube(SOMA, 8, (3000, 3000, 3000), (3000, 3000, 3000), (1000, 1000))
    dendrite = tube(DENDRITE, 7, (3000, 3000, 3000), (5000, 3000, 3000), (500, 500))
    alone, both = whole(soma, CUBE), whole(Strokes.join([dendrite, soma]), CUBE)
    assert np.array_equal(both == 8, alone == 8)
    assert (both == 7).any()


def test_the_block_is_around_the_nucleus_with_the_most_synapses_and_whole_in_voxels():
    config = VolumeConfig(size_um=(4.0, 4.0, 4.1), voxel_nm=(64, 64, 40))
    synapses = small_tissue.synapses(11, 12).assign(ctr_x_nm=small_tissue.nm(small_tissue.SOMA_UM[1])[0] + 900)
    synapses[["ctr_y_nm", "ctr_z_nm"]] = small_tissue.nm(small_tissue.SOMA_UM[1])[1:]
    block = choose_block(small_tissue.neurons(), synapses, config)
    assert np.subtract(block.end, block.begin).tolist() == [62, 62, 102]
    assert np.abs((block.low_nm + block.high_nm) / 2 - small_tissue.nm(small_tissue.SOMA_UM[1])).max() <= 64
    with pytest.raises(ValueError, match="no neurons: a block of tissue is chosen around a nucleus"):
        choose_block(small_tissue.neurons()[:0], synapses, config)


def test_larger_synapses_have_larger_contacts_within_bounds():
    radius = disc_radius_nm(np.array([1.0, 9000, 15000, 1e9]), small_tissue.block((32, 32, 32)))
    assert radius == pytest.approx([96, np.sqrt(9000 * 640 / (np.pi * 20)), np.sqrt(15000 * 640 / (np.pi * 20)), 500])


def test_nuclei_without_a_root_and_synapses_without_length_are_refused():
    from graphtwin.synthetic.volume.block import fill_block

    block, neurons, synapses = small_tissue.block(), small_tissue.neurons(), small_tissue.synapses()
    with pytest.raises(ValueError, match="2 of 3 nuclei have no root id, first 200001"):
        fill_block(block, neurons, {200002: 1}, [], synapses)
    for axis in "xyz":
        synapses[f"post_{axis}_nm"] = synapses[f"pre_{axis}_nm"].where(synapses["synapse_id"] == 12, synapses[f"post_{axis}_nm"])
    with pytest.raises(ValueError, match="1 of 4 synapses of two segments have both points at one place, first synapse 12"):
        fill_block(block, neurons, small_tissue.ROOT_OF, [], synapses)
