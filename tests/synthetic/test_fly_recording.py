"""A recorded eye of five types: what is written, what is shown, and what silenced types take away."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin import sources
from graphtwin.cli.app import app
from graphtwin.motor import circuit_of, trials_of
from graphtwin.pipeline import simulate_fly
from graphtwin.sources.formats import read_lesions, read_trials
from graphtwin.sources.loaders import fly
from graphtwin.synthetic.fly import FlyConfig, eye, selectivity, write_fly
from graphtwin.synthetic.fly.fly_files import recorded_types
from graphtwin.synthetic.fly.shown import trials_shown
from tests.synthetic.small_fly import plant, small_fly

CONFIG = FlyConfig(extent=2, films=6, film_s=0.4, recorded=0.8, noise=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of a recording."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        place = tmp_path_factory.mktemp("fly")
        write_fly(CONFIG, place)
        return place


@pytest.fixture
def small(monkeypatch):
    plant(monkeypatch)


def test_what_is_written_is_the_circuit_of_the_source_with_trials(folder):
    source = sources.load(folder / "fly.toml")
    circuit = circuit_of(source)
    trials = trials_of(source, circuit)
    types = np.array(circuit.types)
    assert set(types[circuit.sensory]) == {"R1"}
    assert set(types[circuit.motor]) == {"T4a", "T5a"}
    assert trials.activity.shape == (8, 40, 4 * 19)  # six films, one for R1 alone, pulses of the one recorded type that may get some
    recorded = set(types[trials.recorded])
    assert {"T4a", "T5a"} < recorded
    assert len(recorded) == 4
    for kind in recorded:
        assert (types == kind).sum() == (types[trials.recorded] == kind).sum()  # all columns of a type, or none
    assert set(circuit.edge_sign[types[circuit.pre] == "Mi4"]) == {-1, 1}  # receptors decide: it holds T4a down and drives T5a
    assert trials.stimulus.max() <= 1


def test_pulses_go_into_all_cells_of_one_recorded_type_in_grey_and_lift_its_potential(folder):
    source = sources.load(folder / "fly.toml")
    circuit = circuit_of(source)
    trials = trials_of(source, circuit)
    name = trials.names[-1]
    put = np.array(circuit.types)[trials.stimulated] == name.removeprefix("pulses_")
    assert put.sum() == 19
    assert not trials.stimulus[:-1, :, put].any()  # films are shown to photoreceptors alone
    assert np.unique(trials.stimulus[-1][:, ~put]).tolist() == [0.5]
    current = trials.stimulus[-1][:, put]
    assert np.unique(current).tolist() == [0, 0.5, 1]
    activity = trials.activity[-1][:, np.isin(trials.recorded, trials.stimulated[put])]
    assert (activity[current[:, 0] == 1][-1] > activity[0] + 0.5).all()


def test_one_type_of_photoreceptors_sees_a_film_and_the_others_nothing(monkeypatch):
    arrays = small_fly()
    arrays["type"] = ("R1", "R2", "R3", "T4a", "T5a")
    monkeypatch.setattr(fly, "read_arrays", lambda folder=None: arrays)
    of, config = eye(0, 1), FlyConfig(films=6, film_s=0.2, alone=2, pulses=0)
    shown = trials_shown(of, config, ())
    kinds = of.types[of.receptor]
    assert len(shown.names) == 6 + 2 * 3
    assert not shown.current.any()
    for name, light in list(zip(shown.names, shown.light, strict=True))[6:]:
        seen = kinds == name.split("_")[0]
        assert not light[:, ~seen].any()
        assert light[:, seen].std() > 0


def test_the_equations_of_the_readme_give_the_potentials_that_are_written(folder):
    edges, types = pd.read_parquet(folder / "truth/edges.parquet"), pd.read_parquet(folder / "truth/types.parquet")
    seen = read_trials(folder / "truth/moving_edges.h5")
    n = len(seen.recorded)
    weight = np.zeros((n, n))
    weight[edges["post"], edges["pre"]] = edges["weight"]
    kind = np.array([name.split("_")[0] for name in seen.recorded])
    of = types.set_index("cell_type").loc[kind]
    light = np.zeros((seen.stimulus.shape[1], n))
    light[:, np.isin(seen.recorded, seen.stimulated)] = seen.stimulus[0]
    state, inner = seen.activity[0, 0].astype(float), 3  # Euler steps a step, of 4.8 ms at most
    for step in range(1, 100):
        for _ in range(inner):
            change = weight @ np.maximum(state, 0) - state + of["bias"].to_numpy() + light[step]
            state = state + change * seen.dt_s / inner / of["tau_s"].to_numpy()
        assert np.abs(state - seen.activity[0, step]).max() < 1e-4


def test_the_planted_detector_prefers_motion_to_the_left(folder):
    seen = read_trials(folder / "truth/moving_edges.h5")
    rates = np.maximum(seen.activity, 0)
    types = np.array([name.split("_")[0] for name in seen.recorded], dtype=object)
    cells = selectivity(np.maximum(rates[:, 20:] - rates[:, :1], 0).max(axis=1), types)
    t4 = cells[cells["cell_type"] == "T4a"]
    assert t4["dsi"].median() > 0.2
    assert t4["as_known"].mean() > 0.6  # cells at the left margin have no column to their left
    assert t4["prefers_brighter"].all()
    assert cells.loc[cells["cell_type"] == "T5a", "dsi"].max() < 0.05


def test_without_the_slow_type_the_detector_is_not_held_down_and_without_the_fast_one_it_is_silent(folder):
    lesions = read_lesions(folder / "truth/lesions.npz")
    assert lesions.names == ("all R1", "all Mi1", "all Mi4")
    of = dict(zip(lesions.names, lesions.lesioned, strict=True))
    t4 = lesions.outputs.index("T4a")
    assert (of["all Mi4"][..., t4] >= lesions.intact[..., t4] - 1e-6).all()
    late = slice(60, None)  # silenced from the first step on: what was on its way has arrived
    assert of["all Mi1"][:, late, t4].max() < 0.25 * lesions.intact[:, late, t4].max()
    np.testing.assert_allclose(of["all Mi1"][..., lesions.outputs.index("T5a")], lesions.intact[..., lesions.outputs.index("T5a")])


def test_light_of_a_step_is_that_between_frames_and_begins_at_grey(small):
    of = eye(0, 1)
    film = np.full((1, 3, 36, 64), 255, np.float32)
    light = of.light(film, 1 / 60)
    np.testing.assert_allclose(light[0, :, 0], [0.75, 1, 1, 1, 1, 1], rtol=1e-5)


def test_more_types_are_recorded_where_a_larger_share_is_asked_for(small):
    of = eye(0, 1)
    shares = [recorded_types(of, FlyConfig(recorded=share)) for share in (0.1, 0.6, 1.0)]
    assert shares[0] == ("T4a", "T5a")
    assert len(shares[1]) == 3
    assert shares[2] == of.lattice.types


def test_a_recording_is_a_folder_of_its_kind_with_the_settings_that_were_asked_for(small, tmp_path):
    folder = simulate_fly(tmp_path / "fly", ["extent=1", "films=6", "film_s=0.2"], seed=3)
    assert "seed = 3" in (folder / "config.toml").read_text()
    assert '"kind": "recorded fly"' in (folder / "kind.json").read_text()
    with pytest.raises(FileExistsError, match="recorded fly"):
        simulate_fly(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--neurons", "50"], "--neurons 50: the fly has as many as its columns. Give --set extent=2"),
        (["--set", "network=50"], "network"),
        (["--set", "neurons=50"], "neurons"),
        (["--set", "recorded=0"], "recorded"),
    ],
)
def test_what_a_fly_cannot_have_is_refused_in_words(words, said, tmp_path):
    result = CliRunner().invoke(app, ["motor", "simulate", "--circuit", "fly", "--out", str(tmp_path / "fly"), *words])
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "fly").exists()


def test_the_source_by_name_says_where_trials_come_from(tmp_path):
    result = CliRunner().invoke(app, ["motor", "fit", "fly", "--out", str(tmp_path / "run")])
    assert result.exit_code != 0
    assert "neither trials nor responses" in " ".join(result.output.split())
    assert "graphtwin motor simulate --circuit fly" in " ".join(result.output.split())
