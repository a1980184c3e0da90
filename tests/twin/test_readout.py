from __future__ import annotations

import pytest
import torch

from graphtwin.twin.model.readout import Readout, bilinear_corners, read_out, sort_into_buckets


def readout_of(units: int, outputs: int = 1, crowded: bool = False, channels: int = 8) -> Readout:
    torch.manual_seed(1)
    positions = torch.rand(units, 2) * 2.4 - 1.2
    return Readout(positions * 0.05 if crowded else positions, channels, outputs, 0.1).eval()


def maps(frames: int = 5, height: int = 4, width: int = 6) -> torch.Tensor:
    torch.manual_seed(2)
    return torch.randn(frames, 8, height, width, requires_grad=True)


def by_grid_sample(readout: Readout, features: torch.Tensor) -> torch.Tensor:
    """The reference at mean positions, which holds frames x channels x units in memory; frames x units x outputs."""
    return torch.einsum("fuc,uoc->fuo", readout.seen(features), readout.weights) + readout.bias


@pytest.mark.parametrize(("units", "outputs", "crowded"), [(1, 1, False), (50, 1, False), (50, 3, False), (200, 2, True)])
def test_buckets_give_what_grid_sample_gives_with_the_same_gradients(units: int, outputs: int, crowded: bool):
    found = {}
    for how in ("buckets", "grid_sample"):
        readout, features = readout_of(units, outputs, crowded), maps()
        out = readout(features) if how == "buckets" else by_grid_sample(readout, features)
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
        found[how] = [out, features.grad, readout.weights.grad, readout.bias.grad, readout.residual.grad]
    for ours, theirs in zip(*found.values(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (4, 1)])
def test_maps_of_one_row_or_column_are_read(height: int, width: int):
    readout, features = readout_of(7), maps(3, height, width)
    assert torch.allclose(readout(features), by_grid_sample(readout, features), atol=1e-5)


def test_every_corner_has_a_slot_of_its_own_at_its_position():
    index, weights = bilinear_corners(torch.rand(100, 2) * 2 - 1, 4, 6)
    buckets = sort_into_buckets(index, 24)
    assert torch.allclose(weights.sum(0), torch.ones(100))
    assert len(buckets.slot.unique()) == 400
    rows = buckets.slot // buckets.unit.shape[1]
    assert torch.equal(buckets.position[rows], index)
    assert torch.equal(buckets.unit.flatten()[buckets.slot], torch.arange(100).expand(4, -1))


def test_units_in_one_place_cost_slots_in_proportion_to_their_number():
    index, _ = bilinear_corners(torch.full((1000, 2), 0.3), 9, 16)
    assert sort_into_buckets(index, 144).unit.numel() <= 4000 + 4 * 28


def test_positions_are_drawn_while_training_and_at_their_mean_at_test():
    readout, features = readout_of(10), maps()
    assert torch.equal(readout(features), readout(features))
    readout.train()
    torch.manual_seed(0)
    assert not torch.allclose(readout(features), readout(features))


def test_a_unit_between_two_places_reads_their_mean():
    features = torch.zeros(1, 1, 1, 2)
    features[..., 1] = 4.0
    assert read_out(features, torch.zeros(1, 2), torch.ones(1, 1, 1)).item() == pytest.approx(2.0)
