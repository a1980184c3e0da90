"""A campaign answers each cell once, with the same bytes for any number of workers, whatever stops it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphtwin.folders import alone, changed_files
from graphtwin.insilico import Described
from graphtwin.insilico.campaign import CampaignConfig, plan_of, read_answers, read_campaign, read_cells, run_campaign
from graphtwin.kinds import CAMPAIGN, require_kind

GRATINGS = {
    "kind": "drifting_grating",
    "cycles_per_second": 3.0,
    "cycles_per_degree": 0.01,
    "duration_s": 1.5,
    "series": {"direction_deg": [0.0, 90.0], "contrast": [0.1, 0.25, 1.0]},
}
LONGER = {"kind": "static_grating", "cycles_per_degree": 0.01, "duration_s": 2.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels(Described):
    """Units that answer with the grey level of one pixel each, plus how fast the animal runs; the process is killed once, if asked."""

    mark: Path | None = None
    kills_at: float = np.inf

    def respond(self, video: np.ndarray, progress: bool = False, state: Any = None) -> np.ndarray:
        return self.respond_clips(video[None], state)[0]

    def respond_clips(self, clips: np.ndarray, state: Any = None) -> np.ndarray:
        if self.mark is not None and not self.mark.exists() and (state or {}).get("running", 0.0) > self.kills_at:
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        answers = clips.reshape(*clips.shape[:2], -1)[..., : len(self.units)] + (state or {}).get("running", 0.0)
        return np.asarray(answers, dtype=np.float32)


def pixels(n: int = 3, name: str = "a/b", **more: Any) -> Pixels:
    units = pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": np.arange(n) + 10})
    about = {"frame_rate_hz": 30.0, "size": (6, 8), "grey": (100.0, 20.0), "signed": True, "state_names": ("running",)}
    return Pixels(name=name, units=units, **about, **more)


def asked(**more: Any) -> CampaignConfig:
    states = ({"name": "rest"}, {"name": "running", "channels": {"running": 5.0}})
    return CampaignConfig(**{"stimuli": (GRATINGS, LONGER), "states": states, "frames_a_shard": 130} | more)


def run(config: CampaignConfig, out: Path, responder: Pixels | None = None, **more: Any) -> Path:
    return run_campaign(config, [responder or pixels()], out, identity={"twin": "t1"}, tell=lambda _: None, **more)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that nothing stopped."""
    return run(asked(dense=True, bin_s=0.2), tmp_path_factory.mktemp("campaign") / "whole")


def test_a_unit_that_repeats_the_screen_has_the_grey_level_as_f0_and_the_amplitude_of_the_grating_as_f1(whole):
    cells = read_cells(whole, state="rest")
    drifting = cells[cells["stimulus"] < 6]
    contrast = np.tile(np.repeat([0.1, 0.25, 1.0], 3), 2)
    assert np.allclose(drifting["mean"], 100.0, atol=1e-3)  # whole cycles, whatever the phase of the pixel
    assert np.allclose(drifting["f1"], 2.0 * 20.0 * contrast, atol=1e-3)
    assert cells.loc[cells["stimulus"] == 6, "f1"].isna().all()


def test_every_cell_is_there_once_and_tables_say_what_its_numbers_stand_for(whole):
    cells = read_cells(whole)
    keys = ["responder", "state", "stimulus", "session", "scan_idx", "unit_id"]
    assert len(cells) == 2 * 7 * 3 == len(cells.drop_duplicates(keys))
    assert set(cells["responder"]) == {"a/b"}
    stimuli = pd.read_parquet(whole / "stimuli.parquet")
    assert stimuli["kind"].tolist() == ["drifting_grating"] * 6 + ["static_grating"]
    assert stimuli["contrast"].tolist()[:6] == [0.1, 0.25, 1.0] * 2
    assert pd.read_parquet(whole / "units.parquet")["unit_id"].tolist() == [10, 11, 12]
    assert require_kind(whole, CAMPAIGN) == CAMPAIGN
    assert changed_files(whole) == {}
    assert not (whole / "work").exists()


def test_a_state_and_bins_are_kept_apart(whole):
    with pytest.raises(ValueError, match="has no cells of responder 'zz' in state None"):
        read_cells(whole, "zz")
    rest, running = (read_cells(whole, "a/b", state) for state in ("rest", "running"))
    assert np.allclose(running["mean"] - rest["mean"], 5.0, atol=1e-3)
    assert [len(bins) for bins in rest["binned"]] == [5] * 18 + [7] * 3  # of 6 frames, in 30 and 45 after the onset
    drifting = rest[rest["stimulus"] < 6]
    assert np.allclose([bins.mean() for bins in drifting["binned"]], drifting["mean"], atol=1e-3)
    assert min(np.ptp(bins) for bins in drifting["binned"]) > 1.0


def test_the_dense_array_holds_the_mean_of_every_cell(whole):
    zarr = pytest.importorskip("zarr")
    dense = zarr.open_group(whole / "dense.zarr", mode="r")["a%2Fb"]
    assert dense.metadata.dimension_names == ("state", "stimulus", "unit")
    cells = read_cells(whole).sort_values(["state", "stimulus", "unit_id"])  # "rest" before "running", as asked
    assert np.array_equal(dense[:], cells["mean"].to_numpy().reshape(2, 7, 3))


def test_only_the_units_of_a_table_are_kept(tmp_path):
    pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": [12, 10]}).to_csv(tmp_path / "units.csv", index=False)
    cells = read_cells(run(asked(units=tmp_path / "units.csv"), tmp_path / "out"))
    assert sorted(set(cells["unit_id"])) == [10, 12]
    pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": [12, 99]}).to_csv(tmp_path / "units.csv", index=False)
    with pytest.raises(ValueError, match=r"units.csv: 1 of 2 units are not among the 3 of 1 responders \(a/b\)"):
        run(asked(units=tmp_path / "units.csv"), tmp_path / "other")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "units.csv: no such file"),
        ("", "units.csv: .*0 bytes"),
        ("session,scan_idx\n1,2\n", "units.csv: .*unit_id"),
        ("session,scan_idx,unit_id\n1,2,ten\n", "units.csv: unit_id: .*ten"),
    ],
)
def test_a_table_of_units_that_cannot_be_read_is_named_with_what_it_lacks(tmp_path, text, told):
    if text is not None:
        (tmp_path / "units.csv").write_text(text)
    with pytest.raises((ValueError, OSError), match=told):
        run(asked(units=tmp_path / "units.csv"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_write_the_same_bytes_as_one(tmp_path, whole, caplog):
    responder = pixels(mark=tmp_path / "mark", kills_at=1.0)
    out = run(asked(dense=True, bin_s=0.2), tmp_path / "out", responder, workers=2)
    assert (tmp_path / "mark").exists()
    assert "a process was killed" in caplog.text
    assert files(out) == files(whole)


@pytest.mark.slow
def test_a_campaign_whose_own_process_is_killed_goes_on_to_the_same_bytes(tmp_path, whole):
    code = (
        "from pathlib import Path\nfrom tests.insilico.test_campaign import asked, pixels, run\n"
        f"place = Path({str(tmp_path)!r})\n"
        "run(asked(dense=True, bin_s=0.2), place / 'out', pixels(mark=place / 'mark', kills_at=1.0))"
    )
    root = str(Path(__file__).parents[2])
    killed = subprocess.run([sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": root}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("shard-*.parquet"))) == 3  # those at rest, which come first
    run(asked(dense=True, bin_s=0.2), tmp_path / "out", resume=True)
    assert files(tmp_path / "out") == files(whole)


def test_a_campaign_that_was_stopped_goes_on_and_shows_nothing_again(tmp_path, whole, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        if len(list(tmp_path.rglob("shard-*.parquet"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        with path.open("wb") as file:
            file.write(content)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match=r"shard-\d+.parquet: cannot be written: No space left on device. Make room"):
            run(asked(dense=True, bin_s=0.2), tmp_path / "out")
    done = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("shard-*.parquet")}
    assert len(done) == 2
    with pytest.raises(FileExistsError, match="Give --resume to go on with it"):
        run(asked(dense=True, bin_s=0.2), tmp_path / "out")
    run(asked(dense=True, bin_s=0.2), tmp_path / "out", resume=True)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert files(tmp_path / "out") == files(whole)


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    at = len(content) // 3
    path.write_bytes(content[: len(content) // 2] if how == "cut in half" else content[:at] + b"spoilt!" + content[at + 7 :])


@pytest.mark.parametrize("how", ["cut in half", "other bytes"])
def test_a_damaged_shard_is_told_and_answered_again(tmp_path, whole, how, monkeypatch, caplog):
    monkeypatch.setattr("graphtwin.insilico.campaign.campaign_folder._write_tables", lambda *_: 1 / 0)  # stopped after the last shard
    with pytest.raises(ZeroDivisionError):
        run(asked(dense=True, bin_s=0.2), tmp_path / "out")
    monkeypatch.undo()
    damaged(sorted(tmp_path.rglob("shard-*.parquet"))[0], how)
    run(asked(dense=True, bin_s=0.2), tmp_path / "out", resume=True)
    assert "shard-00000.parquet: is cut short or damaged" in caplog.text
    assert files(tmp_path / "out") == files(whole)


@pytest.mark.parametrize("lost", ["cells", "dense.zarr"])
def test_a_finished_campaign_of_which_something_is_damaged_is_mended_by_resume(tmp_path, whole, lost, caplog):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    with pytest.raises(FileExistsError, match="a campaign is already there"):
        run(asked(dense=True, bin_s=0.2), out, resume=True)
    damaged(max((out / lost).rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0), "cut in half")
    with pytest.raises(ValueError, match=r"different now: settings.grey_s was 0.5, is 0.25\. Use the same"):
        run(asked(dense=True, bin_s=0.2, grey_s=0.25), out, resume=True)
    assert (out / "manifest.json").exists()
    run(asked(dense=True, bin_s=0.2), out, resume=True)
    assert f"1 files of a finished campaign are not as they were written ({lost}/" in caplog.text
    assert files(out) == files(whole)


@pytest.mark.parametrize("state", ["rest", "running"])
def test_a_campaign_that_lost_a_shard_gives_no_shifted_answers(tmp_path, state):
    folder = run(asked(), tmp_path / "out")
    assert read_answers(folder, "a/b", state).shape == (7, 3)
    shard = sorted(folder.rglob(f"state={state}/shard-*.parquet"))[1]
    damaged(shard, "cut in half")
    for read in (read_cells, lambda folder: read_answers(folder, "a/b", state)):
        with pytest.raises(ValueError, match=r"shard-00001.parquet: is cut short or damaged \(\d+ bytes\)"):
            read(folder)
    shard.unlink()
    with pytest.raises(ValueError, match=r"out: holds 3\d of 42 cells: shards are missing"):
        read_cells(folder)
    with pytest.raises(ValueError, match=r"responder 'a/b' in state '\w+' has \d of 7 stimuli: shards are missing"):
        read_answers(folder, "a/b", state)


def test_two_campaigns_in_one_folder_are_refused(tmp_path, whole, monkeypatch):
    with pytest.raises(FileExistsError, match="a campaign is already there"):
        run(asked(), whole)
    with alone(tmp_path / "busy"), pytest.raises(FileExistsError, match="another graphtwin is writing there"):
        run(asked(), tmp_path / "busy")
    monkeypatch.setattr("graphtwin.insilico.campaign.campaign_folder._write_tables", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(asked(), tmp_path / "out")
    with pytest.raises(ValueError, match=r"begun with another campaign; different now: settings.grey_s was 0.5, is 0.25\. Use the same"):
        run(asked(grey_s=0.25), tmp_path / "out", resume=True)
    with pytest.raises(ValueError, match=r"different now: the units of a/b\."):
        run(asked(), tmp_path / "out", pixels(2), resume=True)


def test_the_plan_counts_cells_frames_and_shards_before_anything_is_shown():
    plan = plan_of(asked(), [pixels()])
    assert (plan.n_cells, plan.n_frames, len(plan.shards)) == (42, 2 * (6 * 60 + 75), 2 * 3)
    assert str(plan).startswith("42 cells (7 stimuli, 2 states, 1 responder), 870 frames, 6 shards, ")
    assert plan.n_bytes > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[stimuli]]\nkind = 'blank'\n[[state]]\nname = 'a'", r"unknown key 'state', nearest 'states'"),
        ("[[stimuli]]\nkind = 'driftin_grating'", r"stimulus 1: kind 'driftin_grating' is not known \(nearest 'drifting_grating'\)"),
        ("[[stimuli]]\nkind = 'drifting_grating'\ncontrats = 1.0", r"unknown key 'contrats', nearest 'contrast'"),
        ("seed = 1", "stimuli: give a value"),
        ("onset_s = inf\n[[stimuli]]\nkind = 'blank'", "onset_s = inf: give "),
        ("[[stimuli]]\nkind = 'blank'\nseries = [1.0]", r"stimulus 1: series = \[1.0\] names no parameter. Give a table of lists"),
        ("[[stimuli]]\nkind = 'blank'\nseries = {base = [1.0]}", "unknown key 'base'"),
        ("states = [{name = 'a'}, {name = 'a'}]\n[[stimuli]]\nkind = 'blank'", "states: a: 1 names are given twice"),
    ],
)
def test_a_campaign_file_that_is_wrong_is_told_with_what_comes_near(tmp_path, text, told):
    (tmp_path / "campaign.toml").write_text(text)
    with pytest.raises(ValueError, match=rf"campaign\.toml: .*{told}"):
        read_campaign(tmp_path / "campaign.toml")


def test_random_stimuli_without_a_seed_take_that_of_the_campaign(tmp_path):
    (tmp_path / "campaign.toml").write_text("seed = 7\nunits = 'u.csv'\n[[stimuli]]\nkind = 'monet'\n[[stimuli]]\nkind = 'monet'\nseed = 2")
    config = read_campaign(tmp_path / "campaign.toml")
    assert [stimulus.seed for stimulus in config.shown()] == [7, 2]
    assert config.units == tmp_path / "u.csv"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"responders": ("a/c",)}, r"responders: 'a/c' is none of 1 \(nearest 'a/b'\)"),
        ({"states": ({"name": "x", "channels": {"runing": 1.0}},)}, "state names 'runing' .nearest 'running'"),
        ({"onset_s": 2.0}, r"stimulus 0 of 7 to a/b: drifting_grating: lasts 1.5 s, of which the first 2 \(onset_s\) do not count"),
        (
            {"stimuli": ({"kind": "drifting_grating", "cycles_per_second": 15.0, "cycles_per_degree": 0.01},)},
            "campaign: stimulus 0 of 1 to a/b: .*not below half of the 30",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused_before_the_folder_is_begun(tmp_path, more, told):
    with pytest.raises(ValueError, match=told):
        run(asked(**more), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stimulus_that_cannot_be_shown_is_told_with_the_file_that_asks_for_it(tmp_path):
    with pytest.raises(ValueError, match=r"two\.toml: stimulus 0 of 7 to a/b: drifting_grating: lasts 1\.5 s"):
        plan_of(asked(onset_s=2.0), [pixels()], "two.toml")


def test_a_column_that_cells_lack_is_told_with_those_that_they_have(whole):
    with pytest.raises(ValueError, match=r"shard-00000\.parquet: has no column 'meen' \(nearest 'mean'\); it has stimulus, .*mean"):
        read_answers(whole, "a/b", "rest", column="meen")
    with pytest.raises(ValueError, match=r"has no column 'mean_spread'.* several twins give mean_spread"):
        read_answers(whole, "a/b", "rest", column="mean_spread")


def test_pictures_that_a_file_lacks_are_told_before_anything_is_shown(tmp_path):
    album = str(tmp_path / "album.npy")
    pictures = {"kind": "natural_image", "path": album, "duration_s": 1.0, "series": {"number": [0, 1, 5]}}
    with pytest.raises(FileNotFoundError, match=r"album\.npy: no such file"):
        run(asked(stimuli=(pictures,)), tmp_path / "out")
    np.save(album, np.zeros((4, 6, 8)))
    with pytest.raises(ValueError, match=r"stimulus 2 of 3 to a/b: .*no picture of number 5 .1 of 1 asked for., of 4 from 0"):
        run(asked(stimuli=(pictures,)), tmp_path / "out")
    clips = {"kind": "natural_clip", "path": album, "duration_s": 1.0}
    with pytest.raises(ValueError, match=r"stimulus 0 of 1 to a/b: .*pictures up to number 29 are asked for, of 4"):
        run(asked(stimuli=(clips,)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_none_is_refused_before_the_folder_is_begun(tmp_path):
    with pytest.raises(ValueError, match=r"scheduler '127.0.0.1:1': neither an address, as tcp://HOST:PORT, nor a backend"):
        run(asked(), tmp_path / "out", scheduler="127.0.0.1:1")
    assert not (tmp_path / "out").exists()


def test_dense_arrays_without_the_package_are_refused_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ModuleNotFoundError, match=r"dense = true: .*pip install 'graphtwin\[zarr\]'"):
        run(asked(dense=True), tmp_path / "out")
