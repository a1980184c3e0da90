"""What a user holds says in a few lines what it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from graphtwin.sources.formats.gaze import Gaze
from graphtwin.told import told_by_fields
from graphtwin.training import FitConfig
from graphtwin.twin.fitting import FoundationConfig, fitted_of, train_foundation
from graphtwin.twin.model import ConvolutionalConfig, TwinConfig
from tests.twin.planted_recording import plant

CORE = ConvolutionalConfig(first=4, hidden=6, features=8)


def test_a_twin_says_its_core_and_its_animals():
    config = FoundationConfig(twin=TwinConfig(core=CORE), fit=FitConfig(epochs=1, patience=1), steps=1)
    recording = plant(units=3, train=4, name="mouse").recording
    told = repr(fitted_of(train_foundation([recording], config)))
    assert told == (
        "FittedTwin: recurrent core of 8 features, 1 animals\n"
        "  mouse: 3 units, videos at 30 Hz of 16 x 24 pixels, 4 stimuli, pupil_size, running"
    )


def rows_in(html: str) -> list[list[str]]:
    """The cells of each row of a table, which is read as XML: nothing in it is left open or unescaped."""
    return [["".join(cell.itertext()) for cell in row] for row in ElementTree.fromstring(html).iter("tr")]


@told_by_fields
@dataclass(frozen=True)
class Held:
    """One of each thing that a field may hold."""

    name: str
    values: np.ndarray
    table: pd.DataFrame
    names: tuple[str, ...]
    place: Path | None


def test_what_is_told_is_a_table_in_notebooks_with_sizes_in_the_place_of_values_and_nothing_unescaped():
    held = Held("<script>a & b</script>", np.zeros((1200, 3)), pd.DataFrame({"x": [1, 2]}), tuple(f"n{at}" for at in range(500)), None)
    assert rows_in(held._repr_html_()) == [
        ["name", "<script>a & b</script>"],
        ["values", "array of 1,200 x 3"],
        ["table", "table of 2 rows x 1 columns"],
        ["names", "500: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n ..."],
        ["place", "None"],
    ]
    assert "<script" not in held._repr_html_()
    assert "color" not in held._repr_html_()  # those of the notebook, light or dark
    assert len(repr(held)) < 300


def test_a_recording_says_its_units_and_trials():
    recording = plant(units=3, train=4, name="mouse").recording
    assert repr(replace(recording, gaze=Gaze(), behaviour=())).startswith("Recording mouse: 3 units, videos at 30 Hz, gaze\n  ")
    assert "train 4" in repr(recording)
    assert rows_in(recording._repr_html_())[:3] == [["3 units"], ["videos at 30 Hz"], ["pupil_size"]]


def test_tables_and_cortex_say_how_many_rows_they_have(bundle, cortex):
    assert repr(bundle).splitlines()[0] == f"SourceTables minnie65: {len(bundle.tables)} tables"
    assert len(repr(bundle).splitlines()) == 1 + len(bundle.tables)
    assert len(rows_in(bundle._repr_html_())) == 1 + len(bundle.tables)
    assert ["62,129 neurons"] in rows_in(cortex._repr_html_())
    assert repr(cortex) == "Cortex minnie65: 62,129 neurons, 6,269 units, 57,948 synapses; looked for: outputs of 17,359, inputs of 2,892"
