"""What fails on the way ends in one sentence: which exit code, what was needed, what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import typer

from graphtwin.cli.refusals import words
from graphtwin.execute import WorkersKilled


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and message of a command that ends in an error."""
    with pytest.raises(typer.Exit) as ended, words():
        raise error
    return ended.value.exit_code, capsys.readouterr().err.strip()


def raised(work: object) -> BaseException:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        work()
    return caught.value


def test_memory_that_was_not_enough_is_told_with_what_was_asked_for(capsys):
    code, said = told(raised(lambda: np.zeros((1 << 27, 1 << 27))), capsys)
    assert code == 1
    assert said.startswith("graphtwin: the memory is not enough (Unable to allocate 128. PiB")
    assert "--resume goes on with it" in said
    assert told(MemoryError(), capsys) == (1, said.replace(said[said.index(" (") : said.index("). ") + 1], ""))


def test_torch_s_own_word_for_lack_of_memory_is_told_alike(capsys):
    code, said = told(raised(lambda: torch.zeros(1 << 57)), capsys)
    assert (code, said.startswith("graphtwin: the memory is not enough (576460752303423488 bytes were asked for at once). Free")) == (
        1,
        True,
    )
    of_gpu = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB")
    assert "(20.00 GiB were asked for at once)" in told(of_gpu, capsys)[1]


@pytest.mark.parametrize(
    ("error", "code"), [(WorkersKilled("killed"), 1), (FloatingPointError("killed"), 2), (ValueError("killed"), 2), (OSError("killed"), 2)]
)
def test_the_exit_code_tells_what_was_asked_for_from_what_failed_on_the_way(capsys, error, code):
    assert told(error, capsys) == (code, "graphtwin: killed")


def test_an_error_of_ours_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="a bug"), words():
        raise RuntimeError("a bug")
