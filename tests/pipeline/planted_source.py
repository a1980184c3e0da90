"""A tiny volume with a planted rule, as a folder of exports: near cells connect more often, and tuning differs between layers.

180 functional neurons in four scans, 6 of them "blind" (no position, no label), one a basket cell; 40 neurons with anatomy only.
Materialization 7 holds the synapses onto 60 queried cells of L4; materialization 9 gives the same nuclei other root ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.evaluation import neuron_baselines, pair_baselines
from tests.conftest import ROOT, Export, made_once

N, FUNCTIONAL, BLIND, POSTS = 220, 180, 6, 60
LATER = 5_000_000  # added to the root ids at materialization 9
DIRECTIONS = [f"direction_{degrees:03d}_0" for degrees in range(0, 360, 45)]
# Settings small enough for a test; everything else is the `short` preset.
SMALL = [
    "preset=short",
    "threads=1",
    "neurons.fit.epochs=2",
    "neurons.hidden=8",
    "pairs.hidden=8",
    "pairs.negatives=0.3",
    "directions.ranks=[2]",
    "directions.smoothness=[0.1]",
]
BLIND_IDS = np.arange(FUNCTIONAL - BLIND, FUNCTIONAL)
UNKNOWN_ID = N + 500
BASKET_ID = 10  # alone in its class


def planted_export(folder: Path, seed: int = 0) -> Export:
    """The volume's tables, ready to be spoiled and written."""
    rng = np.random.default_rng(seed)
    ids = np.arange(N)
    layer = np.where(ids % 2 == 0, "L2/3", "L4")
    place = np.column_stack([rng.uniform(0, 400, N), np.where(ids % 2 == 0, 200, 350) + rng.normal(0, 30, N), rng.uniform(0, 400, N)])
    seen = np.isin(ids, BLIND_IDS, invert=True)
    named = pd.DataFrame({"target_id": ids, "pt_root_id": ROOT + ids})
    named[["pial_x_um", "pial_y_um", "pial_z_um"]] = place
    named.loc[~seen, ["pial_x_um", "pial_y_um", "pial_z_um"]] = np.nan
    units = pd.DataFrame({"session": 1 + ids // 90, "scan_idx": 1 + ids // 45 % 2, "unit_id": ids})[:FUNCTIONAL]
    labelled = named[seen]
    frames = {
        "coregistration": pd.concat([units, named[:FUNCTIONAL]], axis=1),
        "responses": pd.concat([units, _responses(layer[:FUNCTIONAL], rng)], axis=1),
        "cell_types_fine": labelled.assign(cell_type=np.where(ids == BASKET_ID, "BC", np.where(layer == "L4", "4P", "23P"))[seen]),
        "cell_types_coarse": labelled.assign(cell_type="excitatory"),
        "somata": labelled.drop(columns="target_id").assign(layer=layer[seen]),
        "proofreading": pd.DataFrame({"pt_root_id": ROOT + ids[:20], "status_axon": "clean", "status_dendrite": "extended"}),
        "queried_post": pd.DataFrame({"post_pt_root_id": ROOT + posts()}),
        "queried_pre": pd.DataFrame({"pre_pt_root_id": ROOT + ids}),
        "synapses": _synapses(place, rng),
        "nuclei": named[["target_id"]].assign(pt_root_id=ROOT + LATER + ids),
        "orientation_responses": _orientation_responses(ids[:FUNCTIONAL:3], np.random.default_rng(seed + 1)),
    }
    return Export(folder, frames, materialization={"nuclei": 9, "orientation_responses": 9})


def posts() -> np.ndarray:
    """Nuclei whose inputs were queried: the first cells of L4, and two blind ones."""
    return np.r_[np.arange(1, 2 * (POSTS - 2), 2), BLIND_IDS[:2]]


def _responses(layer: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """One peak a neuron, sharper in L4."""
    angles = np.radians(45.0 * np.arange(8))
    preferred = rng.uniform(0, 2 * np.pi, len(layer))
    width = np.where(layer == "L4", 2.5, 0.8)[:, None]
    curves = 1.0 + 3.0 * np.exp(width * (np.cos(angles - preferred[:, None]) - 1.0))
    return pd.DataFrame(curves * rng.gamma(10.0, 0.1, curves.shape), columns=DIRECTIONS)


def _orientation_responses(ids: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Rates of some neurons to four orientations, with errors that tell nothing."""
    rate, noise = rng.gamma(4.0, size=(len(ids), 4)), rng.gamma(20.0, 0.05, (len(ids), 4))
    keys = {"target_id": np.repeat(ids, 4), "orientation_index": np.tile(np.arange(4), len(ids))}
    return pd.DataFrame({**keys, "rate": rate.ravel(), "rate_error": (0.1 * rate**0.9 * noise).ravel()})


def _synapses(place: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Connections at a rate that falls with distance, and one artefact of a cell onto itself."""
    target = posts()
    distance = np.linalg.norm(place[:, None] - place[None, target], axis=-1)
    pre, column = np.nonzero((rng.random(distance.shape) < 0.4 * np.exp(-distance / 120.0)) & (distance > 0))
    pre, post = np.r_[pre, target[0]], np.r_[target[column], target[0]]
    size = np.round(np.exp(rng.normal(6.0, 0.7, len(pre)))).clip(1)
    return pd.DataFrame({"pre_pt_root_id": ROOT + pre, "post_pt_root_id": ROOT + post, "size": size})


@contextmanager
def few_trees() -> Iterator[None]:
    """Boosted baselines of five trees and few bins: how strong they are is tested where they live."""
    with pytest.MonkeyPatch.context() as patch:
        classifier, regressor = "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"
        for room, name in ((pair_baselines, classifier), (neuron_baselines, classifier), (neuron_baselines, regressor)):
            made = getattr(room, name)
            patch.setattr(room, name, lambda made=made, **settings: made(**{**settings, "max_iter": 5, "max_bins": 16}))
        patch.setattr(pair_baselines, "TRIED_TREES", (2, 5))
        yield


@dataclass(frozen=True)
class Finished:
    """A run of the planted volume by the command line: its folder, its source and what the terminal said."""

    folder: Path
    toml: Path
    terminal: str


def finished_run(session_folder: Path) -> Finished:
    """Made once a test session."""
    folder = made_once(session_folder / "planted", _run_by_command)
    return Finished(folder / "run", folder / "export" / "tables.toml", (folder / "terminal.txt").read_text(encoding="utf-8"))


def _run_by_command(folder: Path) -> None:
    toml = planted_export(folder / "export").write(".parquet")
    settings = [part for setting in SMALL for part in ("--set", setting)]
    with few_trees():
        result = CliRunner().invoke(app, ["run", "--source", str(toml), "--out", str(folder / "run"), *settings])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    (folder / "terminal.txt").write_text(result.output, encoding="utf-8")
