"""A folder is begun whole or not at all: what fails before any work leaves nothing, and what is begun anew is back where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphtwin.artifacts import require_new
from graphtwin.folders import written
from graphtwin.kinds import FILE, LIKE_TO_LIKE, LOCK, MANIFEST, REPLACED, RUN, SIMULATION, TWIN, Kind, require_place, write_kind


def finished(folder: Path, kind: Kind = TWIN, result: str = "weeks of work") -> Path:
    with written(folder, kind) as begin:
        begin()
        (folder / "result").write_text(result)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fail_in(folder: Path, kind: Kind = TWIN, *made: str, **asked: bool) -> None:
    """Begin a folder, write some files, and fail."""
    with written(folder, kind, **asked) as begin:
        begin()
        for name in ("config.toml", *made):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("done")
        raise ValueError("the source is wrong")


def killed_in(folder: Path, *made: str, said: bool = True) -> None:
    """What a command leaves that began a finished folder anew and was killed."""
    (folder / REPLACED).mkdir()
    for name in (FILE, "result", MANIFEST):
        (folder / name).rename(folder / REPLACED / name)
    if said:
        write_kind(folder, TWIN)
    for name in made:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("done")


def test_a_command_that_fails_before_any_work_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(ValueError, match="the source is wrong"):
            fail_in(tmp_path / name)
    assert names(tmp_path) == ["empty"]


@pytest.mark.parametrize(("kind", "work"), [(RUN, "work/pairs.parquet"), (TWIN, "work/fit.pt"), (SIMULATION, "work/steps/animal.done")])
def test_work_that_was_done_stays_to_go_on_with(tmp_path, kind, work):
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "it", kind, work)
    assert (tmp_path / "it" / work).read_text() == "done"
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "it", kind, resume=True)
    assert (tmp_path / "it" / work).read_text() == "done"


def test_a_folder_that_is_begun_anew_holds_nothing_of_the_old_one(tmp_path):
    folder = finished(tmp_path / "it")
    with written(folder, TWIN, force=True) as begin:
        begin()
        (folder / "other").write_text("new")
    assert names(tmp_path) == ["it", f"it/{FILE}", f"it/{MANIFEST}", "it/other"]


@pytest.mark.parametrize(("kind", "made"), [(RUN, "tables"), (TWIN, "provenance.json"), (LIKE_TO_LIKE, "slopes.csv")])
def test_what_was_there_is_back_where_beginning_anew_fails(tmp_path, kind, made):
    folder = finished(tmp_path / "it", kind)
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(folder, kind, made, force=True)
    assert (folder / "result").read_text() == "weeks of work"
    assert names(folder) == [FILE, MANIFEST, "result"]


def test_what_was_there_goes_once_work_was_done_in_its_place(tmp_path):
    folder = finished(tmp_path / "it")
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(folder, TWIN, "work/fit.pt", force=True)
    assert names(folder) == ["config.toml", FILE, "work", "work/fit.pt"]


@pytest.mark.parametrize(("made", "said"), [(("config.toml",), True), ((), True), ((), False)])
def test_what_a_killed_command_had_set_aside_is_back(tmp_path, made, said):
    killed_in(finished(tmp_path / "it"), *made, said=said)
    with pytest.raises(FileExistsError, match="a twin is already there"), written(tmp_path / "it", TWIN, resume=True):
        pass
    assert names(tmp_path / "it") == [FILE, MANIFEST, "result"]


def test_what_a_command_had_not_set_aside_when_it_was_killed_stays_too(tmp_path):
    folder = finished(tmp_path / "it")
    (folder / REPLACED).mkdir()
    (folder / "truth").mkdir()  # as of a simulation: no work of a new one
    (folder / "truth" / "pairs").write_text("years")
    for name in (MANIFEST, "result"):
        (folder / name).rename(folder / REPLACED / name)
    with pytest.raises(FileExistsError, match="a twin is already there"), written(folder, TWIN):
        pass
    assert names(folder) == [FILE, MANIFEST, "result", "truth", "truth/pairs"]


def test_what_a_killed_command_had_set_aside_goes_where_work_was_done_in_its_place(tmp_path):
    killed_in(finished(tmp_path / "it"), "work/fit.pt")
    with written(tmp_path / "it", TWIN, resume=True) as begin:
        begin()
        (tmp_path / "it" / "new").write_text("new")
    assert names(tmp_path / "it") == [FILE, MANIFEST, "new"]


def test_a_link_to_a_folder_is_followed(tmp_path):
    finished(tmp_path / "disk" / "it")
    (tmp_path / "it").symlink_to(tmp_path / "disk" / "it")
    with written(tmp_path / "it", TWIN, force=True) as begin:
        begin()
        (tmp_path / "it" / "new").write_text("new")
    assert (tmp_path / "it").is_symlink()
    assert names(tmp_path / "disk" / "it") == [FILE, MANIFEST, "new"]


@pytest.mark.parametrize("made", ["predicted.csv", "other/kind.json", "figures/mine.svg"])
def test_files_that_the_command_did_not_write_are_not_removed(tmp_path, made):
    folder = finished(tmp_path / "it", RUN)
    (folder / made).parent.mkdir(exist_ok=True)
    (folder / made).write_text("{}")
    before = names(folder)
    with (
        pytest.raises(ValueError, match=r"holds 1 files or folders that are not of the run .*Move them away"),
        written(folder, RUN, force=True),
    ):
        pass
    assert names(folder) == before


def test_somebody_s_folder_and_one_of_another_kind_are_never_begun_anew(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    finished(tmp_path / "run", RUN)
    for name, told in (("mine", "holds 1 file and is no twin"), ("run", "is a run of the graph model")):
        with pytest.raises(FileExistsError, match=told), written(tmp_path / name, TWIN, force=True):
            pass
    assert names(tmp_path) == ["mine", "mine/thesis.txt", "run", f"run/{FILE}", f"run/{MANIFEST}", "run/result"]
    assert LOCK not in names(tmp_path / "run")


def test_a_folder_that_holds_what_is_read_is_not_begun_anew(tmp_path):
    folder = finished(tmp_path / "it")
    with pytest.raises(ValueError, match=r"--force would remove what is read: .*result"):
        require_place(folder, TWIN, force=True, inputs=(None, folder / "result"))
    with pytest.raises(ValueError, match=r"--resume goes on with what is there, --force begins anew\. Give one"):
        require_place(folder, TWIN, resume=True, force=True)


def test_a_place_in_which_nothing_can_be_written_is_told_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "it", tmp_path / "file" / "deep" / "it"):
        with pytest.raises(NotADirectoryError, match=r"file is a file, in which nothing can be written"):
            require_place(place, TWIN)
        with pytest.raises(NotADirectoryError, match=r"it\.csv: .*file is a file"):
            require_new(place.with_suffix(".csv"))
    with pytest.raises(OSError, match=r"/proc/it: nothing can be written in /proc"):
        require_place("/proc/it", TWIN)
    require_new(tmp_path / "new" / "deep" / "it.csv")
    assert names(tmp_path) == ["file"]


def test_a_file_is_replaced_where_that_is_asked_for_but_not_one_that_is_read(tmp_path):
    taken = tmp_path / "it.csv"
    taken.write_text("old")
    with pytest.raises(FileExistsError, match=r"exists, and nothing is written over\. Name another file, or give --force"):
        require_new(taken)
    require_new(taken, force=True)
    (tmp_path / "link.csv").symlink_to(taken)
    with pytest.raises(ValueError, match="is read by this command, which cannot write over it"):
        require_new(taken, force=True, inputs=(None, tmp_path / "link.csv"))
    assert taken.read_text() == "old"
