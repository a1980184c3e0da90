"""A folder is written by one command at a time, says when it is done and what it holds, and what a killed command left is cleared away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphtwin import artifacts
from graphtwin.folders import WORK, amended, as_written, changed_files, clear_finished, require_as_written, written
from graphtwin.kinds import FILE, LIKE_TO_LIKE, LOCK, MANIFEST, REPLACED, RUN, TWIN, is_finished, require_kind, require_place, write_kind


def finished(folder: Path, **texts: str) -> Path:
    with written(folder, RUN) as begin:
        begin()
        for name, text in texts.items():
            artifacts.write_text(text, folder / name)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_kind_comes_first_and_the_manifest_last(tmp_path):
    with written(tmp_path / "it", RUN) as begin:
        assert names(tmp_path / "it") == [LOCK]
        begin()
        assert names(tmp_path / "it") == [LOCK, FILE]
        artifacts.write_text("a", tmp_path / "it" / "deep" / "a.txt")
        assert not is_finished(tmp_path / "it")
    assert names(tmp_path / "it") == ["deep/a.txt", FILE, MANIFEST]
    said = json.loads((tmp_path / "it" / MANIFEST).read_text())
    assert said["deep/a.txt"] == {"bytes": 1, "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}
    assert set(said) == {"deep/a.txt", FILE}


def test_going_on_where_nothing_is_begins_a_new_folder_and_says_so(tmp_path, caplog):
    with pytest.raises(ValueError, match="'x'"), written(tmp_path / "it", RUN, resume=True) as begin:
        int(begin() or artifacts.write_text("x", tmp_path / "it" / WORK / "a.txt").read_text())
    assert [record.getMessage() for record in caplog.records] == [f"{tmp_path / 'it'}: nothing to go on with there: a new run."]
    caplog.clear()
    with written(tmp_path / "it", RUN, resume=True) as begin:  # it has something
        begin()
    with written(tmp_path / "other", RUN) as begin:  # nobody asked to go on
        begin()
    assert caplog.records == []


def test_a_command_that_fails_before_it_wrote_leaves_nothing_and_one_that_fails_later_what_it_wrote(tmp_path):
    with pytest.raises(ValueError, match="bad input"), written(tmp_path / "runs" / "it", RUN):
        raise ValueError("bad input")
    with pytest.raises(ZeroDivisionError), written(tmp_path / "it", RUN) as begin:
        1 / (begin() or 0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="'x'"), written(tmp_path / "it", RUN) as begin:
        int(begin() or artifacts.write_text("x", tmp_path / "it" / "work" / "a.txt").read_text())
    assert names(tmp_path / "it") == [FILE, "work/a.txt"]
    with (
        pytest.raises(FileExistsError, match="was begun there and has not finished"),
        written(tmp_path / "it", RUN),
    ):
        pass
    with written(tmp_path / "it", RUN, resume=True) as begin:
        begin()
    assert is_finished(tmp_path / "it")


@pytest.mark.parametrize("left", [[LOCK], [".writing-0a1b2c3d-kind.json", LOCK], [FILE, LOCK], [FILE, ".writing-0a1b2c3d-config.toml"]])
def test_what_is_left_of_a_command_killed_before_its_first_file_counts_as_nothing(tmp_path, left):
    write_kind(tmp_path / "it", RUN) if FILE in left else (tmp_path / "it").mkdir()
    for name in left:
        (tmp_path / "it" / name).touch()
    assert not require_place(tmp_path / "it", RUN)
    finished(tmp_path / "it")
    assert names(tmp_path / "it") == [FILE, MANIFEST]


def test_half_files_and_half_folders_of_a_killed_process_go_and_nobody_else_s_hidden_files(tmp_path):
    begun = tmp_path / "it"
    write_kind(begun, RUN)
    for name in (".writing-0a1b2c3d-x.csv", "deep/.writing-0a1b2c3d-y/half", "work/.writing-0a1b2c3d-z.ckpt", ".mine", "config.toml"):
        artifacts.write_text("", begun / name)
    with written(begun, RUN, resume=True) as begin:
        begin()
        assert names(begun) == [LOCK, ".mine", "config.toml", FILE]
    assert not (begun / WORK).exists()


def test_a_command_killed_after_its_end_left_a_finished_folder(tmp_path):
    folder = finished(tmp_path / "it")
    for name in (LOCK, f"{WORK}/piece.parquet", ".writing-0a1b2c3d-report.html"):
        artifacts.write_text("", folder / name)
    assert is_finished(folder)
    assert changed_files(folder) == {".writing-0a1b2c3d-report.html": "not registered"}
    clear_finished(folder)
    assert names(folder) == [FILE, MANIFEST]


def test_the_second_of_two_commands_on_a_folder_is_refused_and_changes_nothing(tmp_path):
    with written(tmp_path / "it", RUN) as begin:
        begin()
        before = names(tmp_path / "it")
        for resume in (False, True):
            with pytest.raises(FileExistsError, match="another graphtwin is writing there"), written(tmp_path / "it", RUN, resume):
                pass
        assert names(tmp_path / "it") == before
    assert is_finished(tmp_path / "it")


def test_a_killed_command_holds_its_folder_no_longer(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from graphtwin.folders import written; from graphtwin.kinds import RUN\n"
        "with written(Path(sys.argv[1]), RUN) as begin: begin(), os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "it"], check=False).returncode == -9
    assert names(tmp_path / "it") == [LOCK, FILE]
    finished(tmp_path / "it", result="1")
    assert names(tmp_path / "it") == [FILE, MANIFEST, "result"]


def test_a_finished_folder_is_not_written_again(tmp_path):
    folder = finished(tmp_path / "it", result="1")
    for resume in (False, True):
        with pytest.raises(FileExistsError, match="a run is already there"), written(folder, RUN, resume):
            pass
    assert names(folder) == [FILE, MANIFEST, "result"]


def test_a_folder_that_is_begun_anew_keeps_what_it_holds_till_the_inputs_are_known_to_be_good(tmp_path):
    folder = finished(tmp_path / "it", result="1", old="2")
    with pytest.raises(ValueError, match="bad input"), written(folder, RUN, force=True):
        raise ValueError("bad input")
    assert changed_files(folder) == {}
    with written(folder, RUN, force=True) as begin:
        begin()
        assert [name for name in names(folder) if not name.startswith(REPLACED)] == [LOCK, FILE]
        artifacts.write_text("3", folder / "result")
    assert names(folder) == [FILE, MANIFEST, "result"]
    with pytest.raises(ValueError, match="--force would remove what is read"), written(folder, RUN, force=True, inputs=[folder / "result"]):
        pass
    with pytest.raises(FileExistsError, match="is a run of the graph model"), written(folder, TWIN, force=True):
        pass


def test_what_was_half_removed_when_a_command_was_killed_is_removed_by_the_next(tmp_path):
    begun = tmp_path / "it"
    write_kind(begun, RUN)
    for name in (".emptying", "of_old_settings.parquet"):
        artifacts.write_text("", begun / name)
    with written(begun, RUN, resume=True) as begin:
        begin()
        assert names(begun) == [LOCK, FILE]


def test_a_kind_that_does_not_resume_is_begun_anew(tmp_path):
    write_kind(tmp_path / "it", LIKE_TO_LIKE)
    for name in ("slopes.csv", "notes.json", "report.html", "thesis.tex"):
        artifacts.write_text("of the first try", tmp_path / "it" / name)
    with written(tmp_path / "it", LIKE_TO_LIKE) as begin:
        begin()
        assert names(tmp_path / "it") == [LOCK, FILE, "thesis.tex"]


def test_files_that_are_not_as_they_were_are_named(tmp_path):
    folder = finished(tmp_path / "it", a="1", b="2", c="3")
    finished(folder / "inside", d="4")  # has its own manifest
    assert changed_files(folder) == {}
    (folder / "a").write_text("9")
    (folder / "b").unlink()
    (folder / "new").touch()
    assert changed_files(folder) == {"a": "changed", "b": "missing", "new": "not registered"}
    assert [as_written(folder, name) for name in ("a", "b", "c", "new")] == [False, False, True, False]
    require_as_written(folder, "c")
    with pytest.raises(
        ValueError, match=r"2 of 3 files that are read here are not as they were written \(manifest\.json\): a, b\. Restore"
    ):
        require_as_written(folder, "a", "b", "c")


def test_what_is_added_to_a_finished_folder_is_registered_and_what_was_damaged_stays_so(tmp_path):
    folder = finished(tmp_path / "it", a="1")
    (folder / "a").write_text("9")
    with amended(folder, "page"):
        (folder / "page").write_text("drawn")
    assert as_written(folder, "page")
    assert changed_files(folder) == {"a": "changed"}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"bytes": "many", "sha256": ""}}'])
def test_a_damaged_manifest_is_told(tmp_path, text):
    folder = finished(tmp_path / "it")
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: does not say what the files were"):
        changed_files(folder)


def test_a_folder_that_has_not_finished_is_read_by_no_command(tmp_path):
    write_kind(tmp_path / "it", TWIN)
    with pytest.raises(ValueError, match=r"a functional twin that has not finished\. Go on with it first: .* once more, with --resume"):
        require_kind(tmp_path / "it", TWIN)


def test_a_link_to_a_folder_is_followed_also_where_the_folder_is_new(tmp_path):
    (tmp_path / "there").mkdir()
    for name, target in {"old": "there", "dangling": "elsewhere/new"}.items():
        (tmp_path / name).symlink_to(tmp_path / target)
        finished(tmp_path / name, result="1")
        assert (tmp_path / name).is_symlink()
        assert names(tmp_path / target) == [FILE, MANIFEST, "result"]


def test_files_have_the_rights_that_the_process_gives_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        folder = finished(tmp_path / "it", result="1")
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o640"}
