"""A folder is begun whole or not at all: what fails before any work leaves nothing, and what is begun anew is back where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphtwin.artifacts import require_new
from graphtwin.kinds import LIKE_TO_LIKE, RUN, SIMULATION, TWIN, begun, require_place, write_kind


def finished(folder: Path, kind=TWIN, result: str = "weeks of work") -> Path:
    write_kind(folder, kind)
    (folder / "result.txt").write_text(result)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fail_in(folder: Path, kind=TWIN, work: str | None = None, **asked: bool) -> None:
    """Begin a folder and fail; with some work done where it is named."""
    with begun(folder, kind, **asked):
        write_kind(folder, kind)
        if work is not None:
            (folder / work).parent.mkdir(exist_ok=True)
            (folder / work).write_text("done")
        raise ValueError("the source is wrong")


def test_a_command_that_fails_before_any_work_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "empty")
    assert names(tmp_path) == ["empty"]


@pytest.mark.parametrize(("kind", "work"), [(RUN, "work/pairs.parquet"), (TWIN, "work/fit.pt"), (SIMULATION, "truth/pairs.parquet")])
def test_work_that_was_done_stays_to_go_on_with(tmp_path, kind, work):
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "it", kind, work)
    assert (tmp_path / "it" / work).read_text() == "done"
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(tmp_path / "it", kind, resume=True)
    assert (tmp_path / "it" / work).read_text() == "done"


def test_a_folder_that_is_begun_anew_holds_nothing_of_the_old_one(tmp_path):
    folder = finished(tmp_path / "it")
    with begun(folder, TWIN, force=True):
        assert not folder.exists()
        finished(folder, result="new")
        (folder / "result.txt").rename(folder / "other.txt")
    assert names(tmp_path) == ["it", "it/kind.json", "it/other.txt"]


@pytest.mark.parametrize("kind", [RUN, TWIN, LIKE_TO_LIKE])
def test_what_was_there_is_back_where_beginning_anew_fails(tmp_path, kind):
    folder = finished(tmp_path / "it", kind)
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(folder, kind, force=True)
    assert (folder / "result.txt").read_text() == "weeks of work"
    assert names(tmp_path) == ["it", "it/kind.json", "it/result.txt"]


def test_an_analysis_that_cannot_go_on_is_back_even_where_tables_were_written(tmp_path):
    folder = finished(tmp_path / "it", LIKE_TO_LIKE)
    with pytest.raises(ValueError, match="the source is wrong"):
        fail_in(folder, LIKE_TO_LIKE, "slopes.csv", force=True)
    assert names(folder) == ["kind.json", "result.txt"]


@pytest.mark.parametrize("began", [False, True])
def test_what_a_killed_command_had_set_aside_is_back(tmp_path, began):
    finished(tmp_path / ".it.replaced")
    if began:
        write_kind(tmp_path / "it", TWIN)
        (tmp_path / "it" / "unfinished").write_text("")
    with pytest.raises(FileExistsError, match="a twin is already there"), begun(tmp_path / "it", TWIN):
        pass
    assert names(tmp_path) == ["it", "it/kind.json", "it/result.txt"]


@pytest.mark.parametrize("work", ["work/fit.pt", None])
def test_what_a_killed_command_had_set_aside_goes_where_the_new_folder_has_work_or_is_whole(tmp_path, work):
    finished(tmp_path / ".it.replaced")
    finished(tmp_path / "it", result="new")
    if work is not None:
        (tmp_path / "it" / "unfinished").write_text("")
        (tmp_path / "it" / work).parent.mkdir()
        (tmp_path / "it" / work).write_text("done")
    with begun(tmp_path / "it", TWIN, resume=True):
        pass
    assert (tmp_path / "it" / "result.txt").read_text() == "new"
    assert not (tmp_path / ".it.replaced").exists()


def test_a_link_to_a_folder_is_followed(tmp_path):
    finished(tmp_path / "disk" / "it")
    (tmp_path / "it").symlink_to(tmp_path / "disk" / "it")
    with begun(tmp_path / "it", TWIN, force=True):
        (tmp_path / "disk" / "it").mkdir()
        (tmp_path / "it" / "new.txt").write_text("new")
    assert (tmp_path / "it").is_symlink()
    assert names(tmp_path / "disk") == ["it", "it/new.txt"]


def test_somebody_s_folder_and_one_of_another_kind_are_never_begun_anew(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    finished(tmp_path / "run", RUN)
    for name, told in (("mine", "holds 1 file and is no twin"), ("run", "is a run of the graph model")):
        with pytest.raises(FileExistsError, match=told), begun(tmp_path / name, TWIN, force=True):
            pass
    assert names(tmp_path) == ["mine", "mine/thesis.txt", "run", "run/kind.json", "run/result.txt"]


def test_a_folder_that_holds_what_is_read_is_not_begun_anew(tmp_path):
    folder = finished(tmp_path / "it")
    with pytest.raises(ValueError, match=r"--force would remove what is read: .*result\.txt"):
        require_place(folder, TWIN, force=True, inputs=(None, folder / "result.txt"))
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
