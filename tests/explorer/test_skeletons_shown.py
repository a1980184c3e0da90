"""Skeletons are drawn in the frame in which somata lie on them, thinned but not cut; where there is none they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.coordinates import MINNIE65, voxels_from_pia
from graphtwin.explorer.contents import contents_of
from graphtwin.explorer.skeletons_shown import skeletons_shown, thinned
from graphtwin.report import RunFolder
from graphtwin.schema import POSITION
from tests.explorer.reading import unpacked

STEP_UM = 0.5


def walk(start: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A neurite of n steps from a place, um."""
    steps = np.random.default_rng(seed).normal(size=(n - 1, 3)) + 3.0
    steps *= STEP_UM / np.linalg.norm(steps, axis=1, keepdims=True)
    return np.vstack([start, start + np.cumsum(steps, axis=0)]), np.column_stack([np.arange(n - 1), np.arange(1, n)])


def test_a_thinned_skeleton_is_as_long_and_in_one_piece():
    points, edges = walk(np.array([3.0, -200.0, 40.0]), 2000, 0)
    thin, joined = thinned(points, edges)
    assert len(thin) < 0.6 * len(points)
    pieces = np.arange(len(thin))
    for a, b in joined:
        pieces[pieces == pieces[b]] = pieces[a]
    assert len(np.unique(pieces)) == 1
    length = np.linalg.norm(thin[joined[:, 0]] - thin[joined[:, 1]], axis=1).sum()
    assert 0.9 < length / (STEP_UM * 1999) < 1.1
    assert np.linalg.norm(points[:, None] - thin[None], axis=2).min(1).max() < 2 * np.sqrt(3)


@pytest.fixture
def arbors(finished: Path, tmp_path: Path):
    """Folders of an axon and a dendrite of two of the run's neurons, in nm of the volume, and of one that it does not have."""
    neurons = pd.read_parquet(finished / "tables/neurons.parquet").dropna(subset=POSITION)
    chosen = neurons.iloc[[3, 30]]
    for name, row, seed in (("axons", 0, 1), ("dendrites", 1, 2)):
        (tmp_path / name).mkdir()
        points, edges = walk(chosen[POSITION].to_numpy(float)[row] + 5.0, 300, seed)
        voxels = voxels_from_pia(points, MINNIE65)
        for number in (int(chosen["nucleus_id"].iloc[row]), 999_999_999 - row):
            place = tmp_path / name / f"neuron_{number}.npz"
            np.savez(place, vertices=voxels * np.array(MINNIE65.voxel_nm), edges=edges, nm_per_unit=np.array([1.0, 1.0, 1.0]))
    return tmp_path, chosen


def test_skeletons_are_brought_to_the_frame_of_the_run_and_packed_by_neuron(finished: Path, arbors, caplog):
    folder, chosen = arbors
    found = skeletons_shown(RunFolder.open(finished), [folder / "axons"], [folder / "dendrites"])
    assert found.parts[:, :2].tolist() == [[chosen["nucleus_id"].iloc[0], 0], [chosen["nucleus_id"].iloc[1], 1]]
    assert "1 of 2 are of no neuron of the run" in caplog.text
    _, arrays = unpacked(contents_of(str(finished), skeletons=found))
    for (neuron, _, first, n), soma in zip(arrays["skeletons"], chosen[POSITION].to_numpy(float), strict=True):
        ends = arrays["skeleton points"][arrays["skeleton edges"][first : first + n]].reshape(-1, 3)
        assert arrays["nucleus_id"][neuron] in chosen["nucleus_id"].to_numpy()
        assert 5 < np.linalg.norm(ends - soma, axis=1).min() < 12


def test_skeletons_that_no_frame_brings_to_their_somata_are_refused(finished: Path, arbors):
    folder, _ = arbors
    for file in (folder / "axons").iterdir():
        stored = dict(np.load(file))
        np.savez(file, **stored | {"vertices": stored["vertices"] + 300_000})
    with pytest.raises(ValueError, match=r"somata are \d+ um as they are and \d+ um in the pia frame of minnie65"):
        skeletons_shown(RunFolder.open(finished), [folder / "axons"])


def test_skeletons_of_other_neurons_alone_are_refused(finished: Path, arbors):
    folder, chosen = arbors
    (folder / "axons" / f"neuron_{chosen['nucleus_id'].iloc[0]}.npz").unlink()
    with pytest.raises(ValueError, match="none of the skeletons is of a neuron of the run"):
        skeletons_shown(RunFolder.open(finished), [folder / "axons"])
