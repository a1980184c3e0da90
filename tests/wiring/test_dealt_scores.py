"""Claims: scores dealt many at once are the sums that their definition says, also with gaps, groups and several draws of the maps."""

from dataclasses import replace

import numpy as np

from graphtwin.wiring.spatial import match_variogram, similarity_maps, variogram_surrogates
from graphtwin.wiring.spatial.dealt_scores import dealt_scores, group_weights, similarities_of
from tests.wiring.smooth_tissue import SIMILARITY, smooth_tissue


def grouped_maps(seed=0):
    tissue = smooth_tissue(seed, synapses_an_axon=20)
    table = tissue.outcome.table
    halves = np.where(table["post_nucleus_id"] % 2, "odd", "even")
    outcome = replace(tissue.outcome, table=table.assign(half=halves), by="half")
    return similarity_maps(outcome, SIMILARITY, tissue.places, seed)


def test_dealt_scores_are_sums_of_weight_times_the_similarity_of_the_source():
    maps, rng = grouped_maps(), np.random.default_rng(0)
    maps = replace(maps, value=np.concatenate([maps.value, rng.normal(size=maps.value.shape)]))
    source = np.stack([rng.permutation(maps.value.shape[2]) for _ in range(5)])
    weights = group_weights(maps)
    for value, similarities in zip(maps.value, similarities_of(maps, weights), strict=True):
        wanted = [[(maps.residual(g) * value[:, one]).sum() for g in range(2)] for one in source]
        np.testing.assert_allclose(dealt_scores(weights, similarities, source), wanted, rtol=1e-9, atol=1e-9)


def test_weights_leave_out_only_axons_and_targets_without_a_residual():
    maps = grouped_maps()
    for g, group in enumerate(group_weights(maps)):
        back = np.zeros_like(maps.value[0])
        back[np.ix_(group.axon, group.target)] = group.weight.T
        np.testing.assert_array_equal(back, maps.residual(g))
        assert len(group.target) < back.shape[1]  # each half has its own targets


def test_weights_against_the_kernel_are_those_of_the_smoothed_map():
    maps = grouped_maps(1)
    smoothed = variogram_surrogates._against_kernel(group_weights(maps), maps.target_um, 60.0)
    kernel = variogram_surrogates._kernel(maps.target_um, np.arange(len(maps.target_um)), 60.0)
    square = ((maps.target_um[:, None] - maps.target_um[None]) ** 2).sum(-1)
    plain = np.exp(-square / (2 * 60.0**2))
    np.testing.assert_allclose(kernel, plain / plain.sum(1, keepdims=True), rtol=1e-10)
    for g, group in enumerate(smoothed):
        np.testing.assert_allclose(group.weight.T, (maps.residual(g) @ kernel)[group.axon], rtol=1e-9, atol=1e-12)


def test_fits_of_a_batch_are_those_of_one_replicate_at_a_time(monkeypatch):
    maps = grouped_maps(2)
    together = match_variogram(maps, 0, 20).null_z
    monkeypatch.setattr(variogram_surrogates, "TOGETHER", 1)
    np.testing.assert_allclose(match_variogram(maps, 0, 20).null_z, together, rtol=1e-4, atol=1e-5)
