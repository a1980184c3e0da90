"""Claims: array shapes are jaxtyping's where tests check them, and cost nothing in a process that doesn't have jaxtyping."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float, Int

from graphtwin import shapes
from graphtwin.statistics import percentile_interval


def test_here_they_are_those_of_jaxtyping_and_are_checked():
    assert all(getattr(shapes, name) is getattr(jaxtyping, name) for name in shapes.__all__)
    with pytest.raises(jaxtyping.TypeCheckError):
        percentile_interval(np.zeros((5, 2)), 4)


def test_in_production_they_are_the_arrays_themselves():
    code = """if True:
        import sys, numpy as np
        from graphtwin import shapes
        assert all(getattr(shapes, name)[np.ndarray, " rows"] is np.ndarray for name in shapes.__all__)
        from graphtwin.mixed import fit as fit_mixed, slopes
        print("jaxtyping" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


checked = jaxtyping.jaxtyped(typechecker=beartype)  # what every function of the package is wrapped in here


@checked
def cut(x: Float[np.ndarray, " rows"], y: Float[np.ndarray, "rows columns"], less: int = 0) -> Float[np.ndarray, " rows"]:
    return x[less:] if less < 5 else x.astype(int)


@checked
def first(x: Float[np.ndarray, " rows"], n: int) -> Float[np.ndarray, "{n}"]:
    return x[:n]


@checked
@dataclass(frozen=True)
class Held:
    x: Float[np.ndarray, " rows"]
    number: Int[np.ndarray, " rows"]

    @property
    @checked
    def doubled(self) -> Float[np.ndarray, "rows two"]:
        return self.x


@checked
def taken(how: Literal["first", "last"], several: list[int], of: tuple[int, str] = (1, "a"), number: int = 0) -> int:
    return several[0]


ROWS, PAIRS = np.zeros(3), np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cut(ROWS.astype(int), PAIRS), "parameters of .*cut"),
        (lambda: cut(ROWS[:2], PAIRS), "parameters of .*cut"),
        (lambda: cut(ROWS, y=PAIRS[:, 0]), "parameters of .*cut"),
        (lambda: cut(ROWS, PAIRS, less="1"), "parameters of .*cut"),
        (lambda: cut(ROWS, PAIRS, less=1), "return value of .*cut"),
        (lambda: cut(ROWS, PAIRS, less=5), "return value of .*cut"),
        (lambda: first(ROWS, 4), "return value of .*first"),
        (lambda: Held(ROWS, np.zeros(2, dtype=int)), "parameters of .*Held"),
        (lambda: Held(ROWS, np.zeros(3, dtype=int)).doubled, "return value of .*doubled"),
    ],
)
def test_a_wrong_argument_and_a_wrong_answer_are_told_and_forgotten(call, words):
    with pytest.raises(jaxtyping.TypeCheckError, match=words):
        call()
    assert len(cut(np.zeros(7), np.zeros((7, 1)))) == 7  # no size stays from the call that failed
    assert len(first(ROWS, 2)) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: taken("middle", [1]),
        lambda: taken("first", ["1"]),
        lambda: taken("first", [1], (1, 2)),
        lambda: taken("first", [1], number=int),
        lambda: cut(ROWS.astype(complex), PAIRS),
        lambda: cut(ROWS, np.zeros((4, 2))),
    ],
)
def test_a_call_is_checked_unless_all_values_look_as_they_did_before(call):
    assert len(cut(ROWS, PAIRS)) == 3
    assert taken("first", [1]) == taken("last", [1], (2, "b"), number=3) == 1
    for _ in range(2):
        with pytest.raises(jaxtyping.TypeCheckError, match="parameters of"):
            call()


def test_arguments_that_a_function_does_not_take_are_a_type_error_as_in_production():
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        cut(ROWS)
