"""What a user holds says in a few lines what it is."""

from __future__ import annotations

from dataclasses import replace

from graphtwin.sources.formats.gaze import Gaze
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


def test_a_recording_says_its_units_and_trials():
    recording = plant(units=3, train=4, name="mouse").recording
    assert repr(replace(recording, gaze=Gaze(), behaviour=())).startswith("Recording mouse: 3 units, videos at 30 Hz, gaze\n  ")
    assert "train 4" in repr(recording)


def test_tables_and_cortex_say_how_many_rows_they_have(bundle, cortex):
    assert repr(bundle).splitlines()[0] == f"SourceTables minnie65: {len(bundle.tables)} tables"
    assert len(repr(bundle).splitlines()) == 1 + len(bundle.tables)
    assert repr(cortex) == "Cortex minnie65: 62,129 neurons, 6,269 units, 57,948 synapses; looked for: outputs of 17,359, inputs of 2,892"
