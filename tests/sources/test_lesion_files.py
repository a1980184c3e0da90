"""Files of lesions whose content stands for two things, or says nothing, are refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.formats import read_lesions


def arrays(**other: object) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found: dict[str, object] = {
        "names": np.array(["without a", "without b"]),
        "neurons": np.array(["a", "b", "c"]),
        "removed": np.array([[True, False, False], [False, True, False]]),
        "stimulus": rng.random((2, 5, 3)),
        "outputs": np.array(["left"]),
        "intact": rng.random((2, 5, 1)),
        "open_loop": rng.random((2, 2, 5, 1)),
    }
    return found | other


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"neurons": np.array(["a", "a", "c"])}, "neurons has 1 of 2 names more than once, first 'a'"),
        ({"names": np.array(["without a", "without a"])}, "names has 1 of 1 names more than once"),
        ({"removed": np.array([[0.5, 0, 0], [0, 1, 0]])}, r"removed has values other than 0 and 1, such as \[0.5\]"),
        ({"removed": np.array([[1, 0, 0], [0, 0, 0]])}, "1 of 2 lesions remove no neuron, first 'without b'"),
        ({"names": np.zeros(0, str), "removed": np.zeros((0, 3)), "open_loop": np.zeros((0, 2, 5, 1))}, "holds no lesion"),
        ({"open_loop": np.broadcast_to(arrays()["intact"], (2, 2, 5, 1))}, "no output changes after any of 2 lesions"),
    ],
)
def test_a_file_that_stands_for_two_things_or_says_nothing_is_refused(tmp_path: Path, other: dict, said: str):
    np.savez(tmp_path / "lesions.npz", **arrays())
    assert read_lesions(tmp_path / "lesions.npz").names == ("without a", "without b")
    np.savez(tmp_path / "lesions.npz", **arrays(**other))
    with pytest.raises(ValueError, match=f"lesions.npz: {said}"):
        read_lesions(tmp_path / "lesions.npz")
