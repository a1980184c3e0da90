"""Parameters shared by type, on a recorded motion detector of five types: what films tell of weights, edges and silenced types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin import sources
from graphtwin.motor import MotorConfig, circuit_of, trials_of
from graphtwin.motor import fit as fit_circuit
from graphtwin.motor.controls import fit_low_rank, rewired
from graphtwin.motor.controls.low_rank import LowRankNetwork
from graphtwin.motor.model import CircuitNetwork, Scales
from graphtwin.motor.questions import Lesion, changes
from graphtwin.sources.formats import read_lesions, read_trials
from graphtwin.synthetic.fly import FlyConfig, selectivity, write_fly
from tests.synthetic.small_fly import plant

CONFIG = MotorConfig.model_validate(
    {
        "weights": "types",
        "neurons": "types",
        "fits": 1,
        "tau_s": 0.03,
        "priors": {"log_weight": 1.5, "bias": 3.0},
        "fit": {"epochs": 150, "patience": 50, "learning_rate": 0.05, "weight_decay": 0.0},
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Files of 19 columns, of which the slow type is not recorded."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        folder = tmp_path_factory.mktemp("fly")
        write_fly(FlyConfig(extent=2, films=12, film_s=0.6, recorded=0.8, noise=0.02), folder)
        return folder


@pytest.fixture(scope="module")
def circuit(place):
    return circuit_of(sources.load(place / "fly.toml"))


@pytest.fixture(scope="module")
def trials(place, circuit):
    return trials_of(sources.load(place / "fly.toml"), circuit)


@pytest.fixture(scope="module")
def fitted(circuit, trials):
    return fit_circuit(circuit, trials, CONFIG)


def test_the_slow_type_is_the_one_that_no_trial_has(circuit, trials):
    assert set(circuit.types) - {circuit.types[row] for row in trials.recorded} == {"Mi4"}


def test_cells_of_a_type_share_all_but_what_their_first_states_differ_by(circuit):
    network = CircuitNetwork(circuit, CONFIG, 0.01, Scales(1.0, (1.0, 1.0), (0.0, 0.0)))
    sizes = {name: value.numel() for name, value in network.named_parameters()}
    assert sizes["edge"] == 5  # pairs of types
    assert sizes["tau"] == sizes["bias"] == sizes["input"] == 5
    assert sizes["readout"] == 2 * 2  # outputs x types of motor neurons
    assert sizes["start"] == 5
    assert sizes["own_start"] == 5 * 19


def test_neurons_begin_and_rest_at_the_constant_input_that_is_expected(circuit):
    config = CONFIG.model_copy(update={"priors": CONFIG.priors.model_copy(update={"bias_mean": 2.0})})
    network = CircuitNetwork(circuit, config, 0.01, Scales(0.5, (), ()))
    assert network.numbers().bias.tolist() == [1.0] * len(circuit.names)
    assert set(network.initial(1)[:, 0].tolist()) == {1.0}
    without = LowRankNetwork(circuit, config, 0.01, Scales(0.5, (), ()), rank=1)
    assert without.numbers()[2].tolist() == [1.0] * len(circuit.names)


def test_an_output_is_read_from_the_mean_of_a_type(circuit):
    network = CircuitNetwork(circuit, CONFIG, 0.01, Scales(1.0, (1.0,), (0.0,)))
    types = np.array(circuit.types)[network.motor]
    with torch.no_grad():
        network.readout[0, list(np.unique(types)).index("T4a")] = 2.0
        states = torch.from_numpy(np.where(types == "T4a", np.arange(len(types)), 7.0)).float()[None, :, None]
        assert float(network.output(states)) == pytest.approx(2 * np.flatnonzero(types == "T4a").mean())


def test_weights_are_recovered_and_of_a_hidden_type_those_into_it_times_those_out_of_it(place, circuit, fitted):
    edges = pd.read_parquet(place / "truth/edges.parquet")
    true = np.zeros((len(circuit.names),) * 2)
    true[edges["pre"], edges["post"]] = edges["weight"]
    groups = fitted.networks[0].edges
    means = [np.bincount(groups.of, values) / np.bincount(groups.of) for values in (fitted.weights[0], true[circuit.pre, circuit.post])]
    found, planted = (dict(zip(groups.names, values, strict=True)) for values in means)
    for pair in ("R1+ -> Mi1", "Mi1+ -> T4a"):  # both recorded
        assert found[pair] == pytest.approx(planted[pair], rel=0.03)
    for out in ("Mi4- -> T4a", "Mi4+ -> T5a"):  # no recording tells in what unit a hidden type releases
        assert found["R1+ -> Mi4"] * found[out] == pytest.approx(planted["R1+ -> Mi4"] * planted[out], rel=0.1)


def test_direction_selectivity_is_predicted_from_films_without_any_edge(place, circuit, fitted):
    seen = read_trials(place / "truth/moving_edges.h5")
    rows = circuit.rows_of(seen.recorded, "neurons")
    said = fitted.predict(seen.stimulus, circuit.rows_of(seen.stimulated, "photoreceptors"), rows).activity[0]
    types = np.array(circuit.types, dtype=object)[rows]
    own, found = (
        selectivity(np.maximum(rate[:, 20:] - rate[:, :1], 0).max(axis=1), types)
        for rate in (np.maximum(seen.activity, 0), np.maximum(said, 0))
    )
    detector = (own["cell_type"] == "T4a").to_numpy()
    assert np.corrcoef(own["dsi"][detector], found["dsi"][detector])[0, 1] > 0.99
    assert np.abs(own["dsi"] - found["dsi"]).mean() < 0.02
    turned = (own["direction_deg"] - found["direction_deg"] + 180) % 360 - 180
    assert np.abs(turned[detector & (own["dsi"] > 0.1)]).max() < 5


def test_silenced_types_are_predicted_by_the_wiring_and_by_no_control(place, circuit, trials, fitted):
    told = read_lesions(place / "truth/lesions.npz")
    names = np.array(told.neurons)
    lesions = [Lesion(name, tuple(names[gone].tolist())) for name, gone in zip(told.names, told.removed, strict=True)]
    given = (told.stimulus != 0).any(axis=(0, 1))
    rows = circuit.rows_of(tuple(names[given].tolist()), "photoreceptors")
    t4 = told.outputs.index("T4a")
    true = (told.lesioned - told.intact)[..., t4].ravel()

    def agreement(model):
        said = changes(model, lesions, told.stimulus[..., given], rows).mean(axis=1)[..., t4]
        return np.corrcoef(said.ravel(), true)[0, 1] if said.std() > 0 else 0.0

    own = agreement(fitted)
    assert own > 0.9
    elsewhere = rewired(circuit, np.random.default_rng(0))  # partners of any type
    brief = CONFIG.model_copy(update={"fit": CONFIG.fit.model_copy(update={"epochs": 60})})
    assert agreement(fit_circuit(elsewhere, trials, brief)) < own - 0.2
    assert agreement(fit_low_rank(circuit, trials, brief)) < own - 0.2


def test_a_type_that_is_no_type_of_the_circuit_is_refused_in_words(fitted):
    from graphtwin.motor import lesions_of

    with pytest.raises(ValueError, match=r"1 of 1 types to remove have no neuron, first 'Mi9'. The circuit has \['Mi1', 'Mi4', 'R1'"):
        lesions_of(fitted, types=["Mi9"])
