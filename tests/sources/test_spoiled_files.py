"""Claim: a file of any format that was spoiled in its bytes or its values ends in what it says, or in one sentence that names it.

The counts over 100,000 inputs are in `analyses/fuzz`; this reads a few of each format.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOLDER = Path(__file__).parents[2] / "analyses" / "fuzz"
IN_BYTES, IN_VALUES = 25, 15  # inputs of a format
TAKES_SECONDS = {"NWB", "annotations", "precomputed skeletons"}


def module(name: str) -> ModuleType:
    """A module of the analysis, under the name by which its neighbours import it."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


for neighbour in ("mutations", "example_format", "recording_examples", "anatomy_examples", "table_examples", "folder_examples"):
    module(neighbour)
all_formats = module("formats").all_formats
reading, values = module("reading"), module("values")
FORMATS = [pytest.param(form, id=form.name, marks=[pytest.mark.slow] * (form.name in TAKES_SECONDS)) for form in all_formats()]
pytestmark = pytest.mark.filterwarnings("ignore")  # what libraries say of spoiled files


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the valid examples."""
    return tmp_path_factory.mktemp("examples")


def example(form, examples: Path) -> Path:
    """The valid example of a format, which is read and holds."""
    folder = examples / form.name
    if not folder.exists():
        form.make(folder)
        form.check(folder, form.read(folder))
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_bytes_that_were_spoiled_are_read_as_they_stand_or_refused_in_a_sentence(form, examples, tmp_path):
    valid = example(form, examples)
    ends = [reading.ended(form, reading.spoil(form, valid, tmp_path / f"input_{number}", number)) for number in range(IN_BYTES)]
    assert [end for end in ends if end[0] not in ("read", "refused")] == []
    assert "refused" in dict(ends)


@pytest.mark.parametrize("form", FORMATS)
def test_values_that_were_replaced_are_read_as_they_stand_or_refused_in_a_sentence(form, examples, tmp_path):
    valid = example(form, examples)
    if not values.has_values(valid):
        pytest.skip("its values are not replaced one by one")
    numbers = iter(range(10**6))

    @settings(max_examples=IN_VALUES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def read(data: st.DataObject) -> None:
        folder = tmp_path / f"drawn_{next(numbers)}"
        values.replace(data.draw, valid, folder)
        assert reading.ended(form, folder)[0] in ("read", "refused"), reading.ended(form, folder)

    read()
