"""`--source synthetic` with embeddings that are brought uses these, and trains no twin."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin import sources
from graphtwin.graph.runs.study import read_study
from graphtwin.pipeline.graph import demonstration as synthetic_source
from graphtwin.pipeline.graph import main_job as stages
from graphtwin.schema import UNIT_KEY
from graphtwin.synthetic.volume.block import VolumeConfig
from graphtwin.tuning.curves import TOLD_BY_GRATINGS

pytestmark = pytest.mark.slow


# Without minutes there are no movies, so that a twin could not be trained.
SMALL = {"NEURONS": 150, "MINUTES": 0.0, "BLOCK": VolumeConfig(size_um=(10, 10, 10), n_meshes=0), "REPLICATES": 0}


class Stopped(Exception):
    """What a test raises to kill a run."""


@pytest.fixture(scope="module")
def small() -> object:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(synthetic_source, name, value)
        yield patch


@pytest.fixture(scope="module")
def brought(small, tmp_path_factory) -> tuple[Path, Path, object]:
    """The run folder, embeddings of all units of the main scan, and the study of a run up to its fits."""
    out = tmp_path_factory.mktemp("synthetic") / "run"
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(1, 200)})
    vectors = np.random.default_rng(0).normal(size=(len(units), 3))
    path = out.with_name("mine.parquet")
    units.join(pd.DataFrame(vectors, columns=[f"embedding_{at}" for at in range(3)])).to_parquet(path)
    seen = []

    def stop(_, folder, *rest):
        seen.append(read_study(folder))
        (folder / "work").mkdir()
        (folder / "work" / "a_piece.parquet").touch()  # with which a later run could go on: without one, nothing is left
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "run_jobs", stop)
        with pytest.raises(Stopped):
            graphtwin.run(["preset=short", "threads=1"], source="synthetic", embeddings_file=path, out=out)
    return out, path, seen[0]


def test_brought_embeddings_are_used_and_no_twin_is_trained(brought):
    out, path, study = brought
    assert sorted(place.name for place in out.parent.iterdir()) == ["mine.parquet", "run", "run_cortex", "run_measured"]
    used, mine = pd.read_parquet(out / "embeddings_uncorrected.parquet"), pd.read_parquet(path)
    assert set(used["session"]) == {1}
    both = used[UNIT_KEY].merge(mine, on=UNIT_KEY)
    np.testing.assert_allclose(used.filter(like="embedding_"), both.filter(like="embedding_"), atol=1e-6)
    assert study.features["nucleus_id"].is_unique


def test_tuning_beside_brought_embeddings_is_what_narrow_scans_measured_of_the_same_nuclei(brought):
    out, _, study = brought
    measured = sources.load(out.with_name("run_cortex") / "source.toml")
    (matched,), (narrow,) = measured.of("coregistration"), measured.of("responses")
    every = matched.frame[[*UNIT_KEY, "nucleus_id"]].merge(narrow.frame, on=UNIT_KEY).sort_values(UNIT_KEY)
    expected = every.drop_duplicates("nucleus_id").set_index("nucleus_id").drop(columns=UNIT_KEY)
    units = study.cortex.units.set_index("nucleus_id")
    assert 10 < len(units) < (matched.frame["session"] == 1).sum()
    np.testing.assert_allclose(units[list(expected)], expected.loc[units.index], rtol=1e-6)


def test_like_to_like_asks_for_the_similarities_that_brought_embeddings_have(brought, caplog):
    out, path, _ = brought
    with caplog.at_level(logging.WARNING, "graphtwin"):
        folder = synthetic_source.ask_like_to_like(out, 0, 1, path)
    assert set(pd.read_parquet(folder / "conditional.parquet")["similarity"]) == {"feature_similarity"}
    assert "no column in_silico_resp, so that signal_correlation is not asked for" in caplog.text
    assert "no column rf_x, rf_y, so that rf_distance is not asked for" in caplog.text


def test_embeddings_that_are_not_there_are_told_before_a_cortex_is_simulated(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.parquet: no such file"):
        graphtwin.run(["threads=1"], source="synthetic", embeddings_file=tmp_path / "none.parquet", out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_twin_s_own_embeddings_have_all_similarities(tmp_path):
    told = dict.fromkeys([*TOLD_BY_GRATINGS, "rf_x", "rf_y"], 0.5)
    pd.DataFrame({"embedding_0": [1.0], "in_silico_resp": [[1.0]], **told}).to_parquet(tmp_path / "e.parquet")
    assert synthetic_source.similarities_of(tmp_path / "e.parquet") == tuple(synthetic_source.SIMILARITIES)
