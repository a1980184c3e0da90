"""The study of functional twins goes on where it stopped, compares the same units, and says which numbers are off."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphtwin.sources.formats.recording import Recording
from graphtwin.training import FitConfig
from graphtwin.twin.fitting.foundation import FoundationConfig
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.dense_lstm import DenseLstmConfig
from graphtwin.twin.model.network import TwinConfig
from graphtwin.twin.scores import generalisation
from tests.twin.planted_recording import plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]


FOLDER = Path(__file__).parents[2] / "analyses" / "functional_twin"
UNITS = 30
KEYS = ["session", "scan_idx", "unit_id"]


def animal(number: int, kinds: list[str]) -> Recording:
    """A planted recording whose repeated clips are called by the kinds of the study."""
    recording = plant(units=UNITS, train=6, test=len(kinds), repeats=2, frames=60, seed=number, name=f"animal{number}").recording
    trials = recording.trials
    kind = np.array(["dead_leaves"] * 6 + [name for name in kinds for _ in range(2)])
    tier = np.where(trials["tier"] == "train", "train", np.where(kind == "dead_leaves", "oracle", "final_test_bonus"))
    units = recording.units.assign(z_um=np.random.default_rng(number).uniform(100, 300, UNITS))
    return replace(recording, units=units, trials=trials.assign(kind=kind, tier=tier))


def second_scan(recordings: list[Recording]) -> Recording:
    """A recording of the first animal's units in another session."""
    first = recordings[0]
    return replace(first, name="animal0 again", units=first.units.assign(session=first.units["session"] + 1))


def annotate(folder: Path, units: pd.DataFrame) -> None:
    """EM tables in the names a simulation has: cells lie in another order than units, two units were not matched, a cell has no type."""
    cells = pd.DataFrame({"target_id": np.arange(UNITS) + 100, "pt_root_id": np.arange(UNITS) + 1000})
    matched = units[KEYS].join(cells).drop(index=[0, 1])
    typed = cells.assign(cell_type=["23P", "BC"] * (UNITS // 2)).iloc[:2:-1]
    responses = units[KEYS].assign(direction_000_0=1.0 + np.arange(UNITS), direction_180_0=2.0 + np.arange(UNITS) % 3)
    folder.mkdir(parents=True)
    lines = ['name = "annotated"']
    for role, table in {"coregistration": matched, "cell_types_fine": typed, "responses": responses}.items():
        table.to_parquet(folder / f"{role}.parquet")
        lines += ["[[tables]]", f'role = "{role}"', "materialization = 661", f'file = "{role}.parquet"']
    (folder / "source.toml").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    """The modules of the study, which find each other in their folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        import embedded
        import fits
        import run
    finally:
        sys.path.remove(str(FOLDER))
    run.DENSE = DenseLstmConfig(growth=4, layers=1, hidden=8, heads=2, features=8)
    run.PROTOTYPE = ConvolutionalConfig(first=6, hidden=8, blocks=1, features=12)
    with pytest.MonkeyPatch.context() as few:
        few.setattr(generalisation, "REPLICATES", 8)
        few.setattr(embedded, "REPLICATES", 8)
        few.setattr(run, "TURNS", 2)
        yield run, fits, embedded


@pytest.fixture(scope="module")
def studied(modules: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    run, fits, _ = modules
    folder = tmp_path_factory.mktemp("study")
    core = ConvolutionalConfig(first=6, hidden=8, blocks=1, features=8)
    fit = FitConfig(epochs=2, patience=2, learning_rate=3e-3, weight_decay=0.0)
    config = FoundationConfig(twin=TwinConfig(core=core, bf16=False), fit=fit, windows=2, window_s=0.8, left_out_s=0.2)
    recordings = [animal(number, ["dead_leaves"] * 2 + ["drifting_gratings"] * 2 + ["gabors"] * (number == 0)) for number in range(3)]
    annotate(folder / "data", recordings[0].units)
    study = fits.Study(folder, config, seconds=0.1)
    return study, recordings, run.all_tables(study, recordings, second_scan(recordings), folder / "data"), folder


def test_every_table_has_the_rows_it_promises_and_every_figure_is_drawn(modules: Any, studied: Any):
    run, _, _ = modules
    tables = studied[2]
    assert set(tables["generalisation"]["kind"]) == {"dead_leaves", "drifting_gratings", "gabors"}
    assert set(tables["transfer"]["kind"]) == {"dead_leaves", "drifting_gratings"}
    assert len(tables["transfer_differences"]) == 2 * 7
    assert set(tables["cores"]["core"]) == {"recurrent", "feedforward", "dense_lstm", "prototype"}
    assert tables["left_out"].groupby("animal").size().to_dict() == {"animal0": 4, "animal1": 4}
    assert set(tables["family_differences"]["score"]) == {"binned_bits_per_response", "bits_per_response", "cc_norm"}
    assert len(tables["agreement"]) == 4 * 5
    assert set(tables["decoded"]["vectors"]) >= {"features, trained alone", "raw responses, components"}
    assert set(run.drawn_from(tables)) == {"generalisation", "transfer", "models", "embeddings", "population"}


def test_types_reach_units_through_the_coregistration_and_the_rest_have_none(modules: Any, studied: Any):
    _, fits, _ = modules
    units = studied[1][0].units
    named = fits.cell_types_of(studied[3] / "data", units)
    assert named.tolist() == ["", "", "", *["BC", "23P"] * (UNITS // 2 - 2), "BC"]
    np.testing.assert_array_equal(fits.cell_types_of(studied[3] / "data", units.iloc[::-1]), named[::-1])


def test_a_study_that_goes_on_fits_nothing_again_and_ends_in_the_same_tables(modules: Any, studied: Any, monkeypatch: pytest.MonkeyPatch):
    run, fits, _ = modules
    study, recordings, tables, folder = studied
    monkeypatch.setattr(fits, "train_foundation", None)
    monkeypatch.setattr(fits, "sums_of", None)
    again = run.all_tables(fits.Study(folder, study.config, study.seconds), recordings, second_scan(recordings), folder / "data")
    for name, table in tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_a_number_outside_its_range_is_named(modules: Any):
    run, _, _ = modules
    tables = {"cores": pd.DataFrame({"core": ["recurrent"], "median": [0.5]})}
    entry = {"table": "cores", "row": {"core": "recurrent"}, "column": "median", "low": 0.6, "high": 1.0}
    assert run.compare(tables, [entry]) == ["cores, recurrent, median: 0.5000 does not lie between 0.6 and 1.0"]
    assert "0 rows, one is needed" in run.compare(tables, [entry | {"row": {"core": "none"}}])[0]


def test_embeddings_agree_with_themselves_and_not_with_those_of_units_dealt_anew(modules: Any):
    embedded = modules[2]
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((80, 6))
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(80), "rf_x": rng.random(80), "rf_y": rng.random(80)})
    one = keys.join(pd.DataFrame(vectors, columns=[f"embedding_{at}" for at in range(6)]))
    found = pd.DataFrame(embedded.agreement(one, one, "itself")).set_index("measure")
    assert found.loc["cosine", "value"] == pytest.approx(1)
    assert abs(found.loc["cosine", "null"]) < 0.3
    assert found.loc["own match is the nearest of all", "value"] == pytest.approx(found.loc["correlation of similarity matrices", "value"])
    with pytest.raises(ValueError, match="not the same units in the same order"):
        list(embedded.agreement(one, one.iloc[::-1].reset_index(drop=True), "turned"))


def test_types_that_vectors_hold_are_read_and_others_are_not(modules: Any):
    embedded = modules[2]
    rng = np.random.default_rng(1)
    named = np.repeat(["23P", "BC", "MC", ""], [150, 40, 5, 60])
    vectors = rng.standard_normal((len(named), 4))
    vectors[:, 0] += 4.0 * (named == "BC")
    told = embedded.types(vectors, named)
    assert told["value"] > 0.9
    assert told["chance"] == 0.5  # five of a type are too few, and those without one are no type
    assert told["n"] == 190
    assert abs(told["null"] - 0.5) < 0.15
