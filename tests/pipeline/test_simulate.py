"""A simulated cortex on disk: the same bytes again, whole or resumed; what is damaged is named; the loaders of real data read it."""

from __future__ import annotations

import json
import resource
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin import sources
from graphtwin.cli.app import app
from graphtwin.cortex.cortex import build
from graphtwin.kinds import is_finished
from graphtwin.pipeline import simulated_cortex as simulation
from graphtwin.pipeline.simulated_cortex import changed_files, check_anatomy, write_simulation
from graphtwin.sources.loaders.annotations import read_points
from graphtwin.sources.loaders.nwb import read_nwb
from graphtwin.sources.loaders.published import read_neurons, read_pairs
from graphtwin.sources.loaders.sensorium import read_sensorium
from graphtwin.synthetic import steps, truth
from graphtwin.synthetic.brain import tiles
from graphtwin.synthetic.steps import SimulateConfig
from graphtwin.synthetic.wiring import parts

pytestmark = pytest.mark.slow


TINY = SimulateConfig.model_validate(
    {
        "neurons": 80,
        "animals": 2,
        "minutes": 0.2,
        "cells": {"scans": {"depth_scans": 1}},
        "films": {"clip_s": 3.0, "oracle_clips": 1, "oracle_repeats": 2, "test_clips": 1, "test_repeats": 1, "novel_repeats": 1},
        "pictures": {"train": 6, "validation": 2, "test": 1, "test_repeats": 2},
        "block": {"size_um": [10, 10, 10], "n_meshes": 2},
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_simulation(TINY, tmp_path_factory.mktemp("simulated") / "cortex", workers=1)


def registry(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_another_number_of_workers_writes_the_same_bytes(folder, tmp_path):
    assert registry(write_simulation(TINY, tmp_path / "cortex", workers=2)) == registry(folder)


def test_a_killed_simulation_goes_on_to_the_same_bytes_and_does_nothing_twice(folder, tmp_path, monkeypatch):
    done = []
    real = simulation._do

    def killed(step, config, place):
        if step.name == "published":
            raise KeyboardInterrupt
        done.append(step.name)
        return real(step, config, place)

    monkeypatch.setattr(simulation, "_do", killed)
    with pytest.raises(KeyboardInterrupt):
        write_simulation(TINY, tmp_path / "cortex", workers=1)
    assert not is_finished(tmp_path / "cortex")
    before = set(done)
    monkeypatch.setattr(simulation, "_do", lambda step, config, place: done.append(step.name) or real(step, config, place))
    resumed = write_simulation(TINY, tmp_path / "cortex", workers=1, resume=True)
    assert "wiring" in before
    assert len(done) == len(set(done))
    assert registry(resumed) == registry(folder)


def test_a_large_wiring_that_was_killed_keeps_its_whole_parts_and_ends_in_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "LARGE", 20)
    monkeypatch.setattr(tiles, "GROWN_TOGETHER", 10)
    large = TINY.model_copy(update={"neurons": 30, "animals": 1, "minutes": 0})
    real, grown = parts.grow_block, []
    monkeypatch.setattr(parts, "grow_block", lambda *given, **more: grown.append(given) or real(*given, **more))
    unbroken = write_simulation(large, tmp_path / "unbroken", workers=1)
    assert len(grown) == 3

    def killed(*given):
        raise KeyboardInterrupt

    place = tmp_path / "killed"
    with monkeypatch.context() as stopped:
        stopped.setattr(parts, "connect_tile", killed)
        with pytest.raises(KeyboardInterrupt):
            write_simulation(large, place, workers=1)
    (place / "truth" / "skeletons" / "part-00001.parquet").unlink()
    (place / "truth" / "skeletons" / ".writing-00000000-part-00001.parquet").write_text("half of it")
    resumed = write_simulation(large, place, workers=1, resume=True)
    assert len(grown) == 3 + 3 + 1
    assert registry(resumed) == registry(unbroken)
    assert sorted(registry(resumed)) == [
        "README.md",
        "config.toml",
        "kind.json",
        *(f"truth/animal0_{name}" for name in ("features.npy", "neurons.parquet", "tuning.parquet", "units.parquet")),
        "truth/pairs/part-00000.parquet",
        "truth/rule.json",
        *(f"truth/skeletons/part-{number:05d}.parquet" for number in range(3)),
        "truth/synapses/part-00000.parquet",
    ]


def test_a_full_disk_is_said_and_the_simulation_goes_on_when_there_is_room(folder, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OSError):  # noqa: PT011 the words are the system's
            write_simulation(TINY, tmp_path / "cortex", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((tmp_path / "cortex").glob("dynamic*"))
    assert registry(write_simulation(TINY, tmp_path / "cortex", workers=1, resume=True)) == registry(folder)


def test_a_changed_byte_is_named_with_its_file(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "cortex")
    assert changed_files(copy).empty
    victim = copy / "published" / "edge_data_v1.pkl"
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    (copy / "tables" / "somata.parquet").unlink()
    (copy / "new.txt").write_text("")
    found = changed_files(copy)
    assert found.to_numpy().tolist() == [
        ["new.txt", "not registered"],
        ["published/edge_data_v1.pkl", "changed"],
        ["tables/somata.parquet", "missing"],
    ]
    told = CliRunner().invoke(app, ["check", str(copy)])
    assert told.exit_code == 1
    assert "edge_data_v1.pkl: changed" in told.stdout


def test_a_chunk_that_no_longer_decodes_is_named_too(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "cortex")
    chunk = sorted((copy / "volume" / "segmentation").glob("64_64_64/*"))[0]
    chunk.write_bytes(chunk.read_bytes()[:20])
    told = CliRunner().invoke(app, ["check", str(copy)])
    assert told.exit_code == 1
    assert f"{chunk.name}: changed" in told.stdout
    assert "1 files are not as written; volume and tables cannot be compared" in told.stdout


def test_the_folder_says_which_photographs_were_shown(folder):
    assert "china.jpg, flower.jpg" in (folder / "README.md").read_text()


def test_a_folder_that_exists_is_refused_and_so_is_another_configuration(folder, tmp_path):
    with pytest.raises(FileExistsError, match="a simulation is already there"):
        write_simulation(TINY, folder)
    with pytest.raises(ValueError, match=r"begun with other settings; different now: seed was \d+, is 5\. Use the same"):
        write_simulation(TINY.model_copy(update={"seed": 5}), folder, resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="is no simulation"):
        write_simulation(TINY, tmp_path / "mine", resume=True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--rule", "featur"], "nearest 'feature'"),
        (["--neurons", "2"], "neurons = 2"),
        (["--animals", "0"], "animals = 0"),
        (["--minutes", "-1"], "minutes = -1"),
        (["--neurons", "50000"], "above 20000 neurons"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_anything_is_written(tmp_path, asked, words):
    told = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path / "cortex"), *asked])
    assert told.exit_code == 2
    assert words in told.stderr
    assert not (tmp_path / "cortex").exists()


def test_the_loaders_of_real_data_read_what_was_planted(folder):
    rule, connections, reconstruction = truth.read_wiring(folder)
    neurons = pd.read_parquet(folder / "truth" / "animal0_neurons.parquet")
    cortex = build(sources.load(folder / "source.toml"))
    joined = cortex.neurons.merge(neurons, on="nucleus_id", suffixes=("", "_true"))
    assert len(joined) == len(neurons) == TINY.neurons
    assert (joined["cell_type"] == joined["cell_type_true"]).all()
    assert np.abs(joined["depth_um"] - joined["depth_um_true"]).max() < 0.05  # whole voxels
    pairs = read_pairs(folder / "published" / "edge_data_v1.pkl")
    both = pairs.merge(reconstruction.pairs, on=["pre_nucleus_id", "post_nucleus_id"], suffixes=("", "_true"))
    assert len(both) == len(pairs)
    assert (both["n_synapses"] == both["n_synapses_true"]).all()
    assert set(pairs["pre_nucleus_id"]) <= set(read_neurons(folder / "published" / "node_data_v1.pkl")["nucleus_id"])
    assert rule.name == "feature"
    assert connections.synapses["synapse_id"].is_unique


def test_one_session_is_the_same_in_both_formats_of_recordings(folder):
    video = read_sensorium(next(folder.glob("dynamic0-*")))
    scan = read_nwb(folder / "nwb" / "sub-0_ses-1-scan-1.nwb")
    shown = video.trials["has_responses"]
    assert len(list(folder.glob("dynamic*"))) == len(list(folder.glob("static*"))) == TINY.animals
    assert int(shown.sum()) == len(scan.trials)
    assert len(video.units) == len(scan.units)


def test_volume_and_tables_disagree_in_nothing_but_fragments(folder):
    found = check_anatomy(folder)
    assert set(found["kind"]) <= {"root id without a nucleus"}


def spoil(path, change):
    change(pd.read_parquet(path)).to_parquet(path)


def test_tables_that_annotations_and_recordings_contradict_are_found(folder, tmp_path):
    """A synapse moved by 80 nm, and a match of the main scan that the recording does not have: each is named, and nothing else."""
    copy = shutil.copytree(folder, tmp_path / "cortex")
    (moved, *_) = read_points(copy / "volume" / "synapses")["annotation_id"].tolist()
    spoil(copy / "tables" / "synapses_pni_2.parquet", lambda t: t.assign(ctr_pt_position_x=t.ctr_pt_position_x + 20 * (t["id"] == moved)))
    units, matched = (pd.read_parquet(copy / "tables" / f"{name}.parquet") for name in ("scan_unit", "coregistration_manual_v3"))
    here = matched[matched["session"] == 1]
    free = units.loc[(units["session"] == 1) & ~units["unit_id"].isin(here["unit_id"]), "unit_id"].iloc[0]
    spoil(copy / "tables" / "coregistration_manual_v3.parquet", lambda t: pd.concat([t, here[:1].assign(unit_id=free)]))
    found = check_anatomy(copy)
    found = found[found["kind"] != "root id without a nucleus"]
    assert dict(zip(found["kind"], found["reason"], strict=True)) == {
        "annotation elsewhere": "its point lies 80 nm from the centre that the table states",
        "match not in the recording": f"the table matches unit {free} of scan 1-1, the recording does not",
    }
    assert len(found) == 2


def test_matches_in_an_order_that_nothing_tells_are_refused_in_words(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "cortex")
    spoil(copy / "tables" / "coregistration_manual_v3.parquet", lambda t: t.assign(pt_position_x=t["pt_position_x"] + 5000))
    told = CliRunner().invoke(app, ["check", str(copy)])
    assert told.exit_code == 1
    assert "volume and tables cannot be compared" in told.stdout
    assert "positions of matched cells agree with the coregistration table for 0 of" in told.stdout
