"""The commands of the in silico laboratory on a fitted circuit: those that make sense run, and the others say what a circuit takes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.insilico.campaign import read_cells
from graphtwin.kinds import TWIN
from graphtwin.pipeline import made_and_judged, responding
from graphtwin.pipeline.motor import load_fitted, load_responders, run_motor
from graphtwin.twin.runs import tune_twin
from tests.motor import command_line
from tests.motor.run_source import write_source
from tests.report.form import require_form
from tests.test_readme import blocks

pytestmark = pytest.mark.slow

KEYS = ["session", "scan_idx", "unit_id", "animal", "neuron"]
FEW = ("--set", "steps=3", "--set", "starts=4")


command = partial(command_line.command, "insilico")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three fits under the name that the page has."""
    out = tmp_path_factory.mktemp("work") / "runs" / "loop"
    few = ["model.fit.epochs=5", "model.fits=3", "replicates=0", "model.window=20"]
    return run_motor(source, out, few, seed=0, workers=1)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place in the visual field for each of the eight senses."""
    file = tmp_path_factory.mktemp("places") / "places.csv"
    at = np.arange(8)
    pd.DataFrame({"neuron": [f"n{one}" for one in at], "x_deg": 6.0 * (at % 4) - 9, "y_deg": 6.0 * (at // 4) - 3}).to_csv(file, index=False)
    return file


def test_tuning_of_a_circuit_is_that_of_its_first_fit_with_the_spread_of_the_others_and_states_no_interval(run, tmp_path):
    code, said = command("tune", run, "--what", "latency", "--what", "contrast", "--what", "adaptation", "--out", tmp_path / "t.csv",
                         "--page", tmp_path / "t.html")  # fmt: skip
    assert code == 0, said
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table)[:5] == KEYS
    assert table["neuron"].tolist() == [*load_fitted(run).circuit.names, "force"]
    assert {"preferred_input", "latency_s", "latency_s_spread", "c50", "adaptation_index", "circuit"} <= set(table)
    assert not [name for name in table if name.endswith(("_low", "_high", "_flag"))]
    assert len(table["circuit"].iloc[0].split("+")) == 3
    assert (tmp_path / "t.html").exists()


def test_directions_of_inputs_without_places_are_refused(run, tmp_path):
    code, said = command("tune", run, "--what", "direction", "--out", tmp_path / "t.csv")
    assert code == 2
    assert "has no tuning to direction: it sees no pictures, but takes numbers into 8 inputs without places (n0, n1, n2, n3, ...)" in said
    assert not (tmp_path / "t.csv").exists()


def test_states_of_behaviour_and_other_animals_are_refused(run, tmp_path):
    told = ("tune", run, "--what", "latency", "--out", tmp_path / "t.csv")
    assert "the responder knows no channel of behaviour" in command(*told, "--state", "running=2")[1]
    assert "is one circuit, 'loop', and none of it is 'lop' (nearest 'loop')" in command(*told, "--animal", "lop")[1]
    assert "can run" not in command(*told, "--animal", "loop")[1]


@pytest.mark.parametrize("method", ["average", "gradient"])
def test_fields_of_a_circuit_are_the_inputs_that_units_answer(run, tmp_path, method, monkeypatch):
    monkeypatch.setattr(
        "graphtwin.insilico.measurements.noise_maps.BY_METHOD", {name: {"patterns": 400} for name in ("average", "gradient")}
    )
    code, said = command("fields", run, "--method", method, "--out", tmp_path / "f.csv", "--page", tmp_path / "f.html")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "f.csv")
    assert table["strongest_input"].tolist()[:8] == [f"n{row}" for row in range(8)]
    assert "answer an input; medians" in said
    assert "has no fields by covariance" in command("fields", run, "--method", "covariance", "--out", tmp_path / "c.csv")[1]


def test_units_are_correlated_over_trials_and_over_clips(run, source, tmp_path):
    rng = np.random.default_rng(0)
    clips = rng.standard_normal((2, 150, 1, 8)).astype(np.float32)
    np.save(tmp_path / "clips.npy", clips)
    code, said = command("correlate", run, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "c.npy", "--page", tmp_path / "c.html")
    assert code == 0, said
    assert "25 x 25 units, responses in 8 bins" in said
    assert np.load(tmp_path / "c_spread.npy").shape == (25, 25)
    assert pd.read_csv(tmp_path / "c.ids.csv")["neuron"].tolist()[-1] == "force"
    code, said = command("correlate", run, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "a.parquet", "--neighbours", 2)
    assert code == 0, said
    assert {"neuron", "neighbour_neuron"} <= set(pd.read_parquet(tmp_path / "a.parquet"))
    trials = source.with_name("trials.h5")
    assert "none of 22 clips is longer than the part of it that does not count" in command(
        "correlate", run, "--stimulus", trials, "--out", tmp_path / "t.npy")[1]  # fmt: skip
    noise = command("correlate", run, "--stimulus", trials, "--what", "noise", "--recording", trials, "--out", tmp_path / "n.npy")
    assert noise[0] == 2
    assert "this is a circuit, whose fits know no noise" in noise[1]


def test_what_went_into_trials_is_shown_again(run, source):
    """The clips of a file of trials are the input of the senses: the same answers as the fits give to the trials."""
    from graphtwin.sources.formats import read_trials
    from graphtwin.twin.runs.in_silico import stimulus_clips

    one = load_responders(run)[0]
    told = read_trials(source.with_name("trials.h5"))
    first = next(iter(stimulus_clips(one, source.with_name("trials.h5"))))
    np.testing.assert_allclose(first[:, 0], told.stimulus[0][:, :8], atol=1e-6)


def test_a_campaign_of_pulses_is_answered_by_named_units(run, tmp_path):
    pulse, here = 'kind = "pulse"\ninputs = ["n0", "n1"]\nseries = {contrast = [-1.0, 1.0]}', tmp_path / "out"
    pd.DataFrame({"neuron": ["force", "n0"]}).to_csv(tmp_path / "units.csv", index=False)
    (tmp_path / "c.toml").write_text(f'units = "{tmp_path / "units.csv"}"\n[[stimuli]]\n{pulse}\n[[stimuli]]\nkind = "blank"\n')
    code, said = command("campaign", run, tmp_path / "c.toml", "--out", here)
    assert code == 0, said
    cells = read_cells(here)
    assert len(cells) == 6
    assert cells["mean_spread"].notna().all()
    sense = cells[cells["scan_idx"] == 1].sort_values("stimulus")["mean"].to_numpy()
    assert sense[0] < sense[2] < sense[1]  # down, nothing, up
    assert set(pd.read_parquet(here / "units.parquet")["neuron"]) == {"force", "n0"}
    (tmp_path / "g.toml").write_text('[[stimuli]]\nkind = "drifting_grating"\n')
    code, said = command("campaign", run, tmp_path / "g.toml", "--out", tmp_path / "refused")
    assert code == 2
    assert "drifting_grating: is drawn in degrees of visual angle, and here are 8 inputs without places" in said
    pd.DataFrame({"neuron": ["farce"]}).to_csv(tmp_path / "units.csv", index=False)
    said = command("campaign", run, tmp_path / "c.toml", "--out", tmp_path / "refused")[1]
    assert "1 of 1 units are not among the 25 that answer, first 'farce' (nearest 'force')" in said


def test_stimuli_are_made_on_some_fits_and_judged_on_the_others(run, tmp_path):
    code, said = command("optimise", run, "--units", 3, *FEW, "--out", tmp_path / "set")
    assert code == 0, said
    assert "stimuli are made on the first of 3 fits, and judged on the other 2" in said
    assert "verified on loop: above all of 1000 candidates for" in said
    about = json.loads((tmp_path / "set" / "set.json").read_text())
    assert about["inputs"] == [f"n{row}" for row in range(8)]
    stimuli = pd.read_csv(tmp_path / "set" / "stimuli.csv")
    assert np.load(tmp_path / "set" / "frames_float32.npy").shape == (len(stimuli), 1, 1, 8)
    named = stimuli.loc[stimuli["role"] == "optimised", "neuron"]
    page = (tmp_path / "set" / "report.html").read_text()
    require_form(page)
    assert all(f'<td class="name">{name}</td>' in page for name in named)
    assert "neurons from the first down, time across" in page
    made, judge = made_and_judged(run, None)
    assert judge is not None
    assert not set(made.stamps["circuit"].split("+")) & set(judge.stamps["circuit"].split("+"))


def test_the_other_questions_of_optimised_stimuli_run(run, tmp_path):
    pd.DataFrame({"neuron": ["n20", "force"]}).to_csv(tmp_path / "drive.csv", index=False)
    pd.DataFrame({"neuron": ["n21"]}).to_csv(tmp_path / "hold.csv", index=False)
    moving = ("optimise", run, "--units", tmp_path / "drive.csv", *FEW, "--set", "moving=true", "--out", tmp_path / "moving")
    code, said = command(*moving)
    assert code == 0, said
    assert np.load(tmp_path / "moving" / "frames_float32.npy").shape[1:] == (25, 1, 8)
    for what in ("inhibiting", "invariant"):
        code, said = command("optimise", run, "--units", 2, "--what", what, *FEW, "--out", tmp_path / what)
        assert code == 0, said
    code, said = command(
        "control", run, "--drive", tmp_path / "drive.csv", "--hold", tmp_path / "hold.csv", *FEW, "--out", tmp_path / "control"
    )
    assert code == 0, said
    assert set(pd.read_csv(tmp_path / "control" / "control.csv")["asked"]) == {"made on", "verified on"}
    said = command("optimise", run, "--units", 2, "--candidates", "dead-leaves", "--out", tmp_path / "refused")[1]
    assert "has no pictures to rank among" in said


def test_fits_that_judge_themselves_are_told(run, tmp_path, caplog):
    command("optimise", run, "--units", 1, "--verify", run, *FEW, "--out", tmp_path / "set")
    assert "3 of 3 fits is one that stimuli are made on; ranking on it verifies nothing" in caplog.text


def test_a_twin_and_a_circuit_do_not_judge_each_other_and_no_stimuli_are_chosen_for_readouts(run, tmp_path):
    other = tmp_path / "twin"
    other.mkdir()
    for name, content in (("kind.json", {"kind": TWIN.name, "format": 2, "command": "", "graphtwin": ""}), ("manifest.json", {})):
        (other / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="one is a circuit, the other is none"):
        made_and_judged(run, other)
    assert "is a fitted circuit of senses and motion" in command("next", run, "--budget", 3, "--out", tmp_path / "n.csv")[1]
    said = command("tune", other, "--places", tmp_path / "p.csv", "--out", tmp_path / "t.csv")[1]
    assert "is of the senses of a circuit" in said


def test_senses_with_places_are_shown_pictures(run, places, tmp_path):
    code, said = command("tune", run, "--places", places, "--out", tmp_path / "t.csv")
    assert code == 0, said
    assert "8 senses see a field of 27 x 15 degrees (across x up), 9 x 5 pixels of 3 degrees" in said
    table = pd.read_csv(tmp_path / "t.csv")
    assert {"direction_deg", "direction_deg_spread", "orientation_q", "neuron"} <= set(table)
    assert table["orientation_deg"].notna().any()  # of those whose mean answer a grating changes
    code, said = command("optimise", run, "--places", places, "--units", 2, *FEW, "--out", tmp_path / "set")
    assert code == 0, said
    assert "inputs" not in json.loads((tmp_path / "set" / "set.json").read_text())


def test_places_that_cannot_be_are_told(run, places, tmp_path):
    table, file = pd.read_csv(places), tmp_path / "p.csv"
    asked = ("tune", run, "--places", file, "--what", "latency", "--out", tmp_path / "t.csv")
    assert "p.csv: no such file" in command(*asked)[1]
    table.assign(neuron=table["neuron"].replace("n3", "x3")).to_csv(file, index=False)
    assert "1 of 8 neurons are not in the circuit, first 'x3'" in command(*asked)[1]
    pd.concat([table, table[:1]]).to_csv(file, index=False)
    assert "1 of 9 rows repeat a neuron, first ['n0']" in command(*asked)[1]
    table[:5].to_csv(file, index=False)
    assert "3 of 8 senses have no place in the visual field: they stay at rest" in command(*asked)[1]
    table.assign(x_deg=["left", *table["x_deg"][1:]]).to_csv(file, index=False)
    assert "p.csv: x_deg is no number in " in (said := command(*asked, "--force")[1]), said
    assert "in 1 of 8 rows, first 'left' of 'n0'" in said


def test_trials_are_no_pictures_and_units_of_a_circuit_are_named(run, source, places, tmp_path):
    said = command("correlate", run, "--places", places, "--stimulus", source.parent / "trials.h5", "--out", tmp_path / "c.npy")[1]
    assert "trials.h5: is no picture, and senses of loop, fit 1 with places see pictures" in said
    pd.DataFrame({"unit_id": [3]}).to_csv(tmp_path / "units.csv", index=False)
    said = command("optimise", run, "--units", tmp_path / "units.csv", *FEW, "--out", tmp_path / "set")[1]
    assert "1 columns are missing: 'neuron'" in said


def test_without_a_word_a_circuit_without_pictures_is_asked_for_contrast_and_latency(run, tmp_path):
    code, said = command("tune", run, "--out", tmp_path / "t.csv")
    assert code == 0, said
    assert {"c50", "latency_s"} <= set(pd.read_csv(tmp_path / "t.csv"))


def test_python_and_the_command_line_tell_the_same(run, tmp_path):
    assert command("tune", run, "--what", "latency", "--out", tmp_path / "t.parquet")[0] == 0
    pd.testing.assert_frame_equal(tune_twin(responding(run), ("latency",)), pd.read_parquet(tmp_path / "t.parquet"))


def test_the_python_of_the_page_of_circuits_runs_in_the_laboratory(run, monkeypatch, capsys):
    code = next(block for block in blocks("python", "docs/motor.md") if "load_responders" in block)
    monkeypatch.chdir(run.parent.parent)
    exec(compile(code.replace("touch_01", "n0"), "docs/motor.md", "exec"), {})
    assert "preferred_input" in capsys.readouterr().out
