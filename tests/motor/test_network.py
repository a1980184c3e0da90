"""Dynamics of circuits whose answer is known, and gradients that equal those of plain torch."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model import CircuitNetwork, MotorConfig, Scales, columns_of, stream, windows
from graphtwin.motor.model.rows import sum_inputs
from graphtwin.motor.model.single_loop import HELD
from graphtwin.motor.model.strips import STRIP
from graphtwin.motor.model.wiring import wiring_of
from tests.motor.small_circuits import UNITS, circuit


def activity(network: CircuitNetwork, stimulus: np.ndarray, stimulated: list[int], window: int = 1000) -> np.ndarray:
    rows = np.arange(len(network.circuit.names))
    parts = [part for part, _ in stream(network, windows(stimulus, window), np.array(stimulated), rows)]
    return np.concatenate(parts, axis=1)


def test_a_leaky_neuron_follows_a_step_with_its_time_constant():
    network = CircuitNetwork(circuit(2, [(0, 1, 1)]), MotorConfig(tau_s=0.1), 0.001, UNITS, torch.float64)
    seen = activity(network, np.ones((1, 500, 1)), [0])[0, :, 0]
    time = np.arange(1, 501) * 0.001
    np.testing.assert_allclose(seen, 1 - np.exp(-time / 0.1), atol=3e-3)


def test_two_neurons_with_a_gap_junction_share_their_input():
    """At rest g (a - b) = b and a + b = 1, so that a = (1 + g) / (1 + 2 g): the junction of the typical count has g = 1."""
    network = CircuitNetwork(circuit(2, [], [(0, 1, 3)]), MotorConfig(), 0.01, UNITS, torch.float64)
    seen = activity(network, np.ones((1, 400, 1)), [0])[0, -1]
    np.testing.assert_allclose(seen, [2 / 3, 1 / 3], atol=1e-6)


def test_a_chain_delays_by_a_time_constant_a_neuron():
    """An input that rises evenly is followed evenly, later by tau a neuron."""
    network = CircuitNetwork(circuit(5, [(i, i + 1, 1) for i in range(4)]), MotorConfig(tau_s=0.05), 0.001, UNITS, torch.float64)
    ramp = np.arange(1, 1001)[None, :, None] * 0.001
    seen = activity(network, ramp, [0])[0, -1]
    np.testing.assert_allclose(1.0 - seen, 0.05 * np.arange(1, 6) - 0.001, atol=1e-5)  # what comes in during a step counts at its end


def test_an_inhibitory_neuron_takes_away_what_its_weight_says():
    network = CircuitNetwork(circuit(2, [(0, 1, 2)], sign=np.array([-1, 1])), MotorConfig(), 0.01, UNITS, torch.float64)
    seen = activity(network, np.full((1, 400, 1), 0.5), [0])[0, -1]
    np.testing.assert_allclose(seen, [0.5, -0.5], atol=1e-6)


def test_a_neuron_of_unknown_sign_has_one_sign_unless_receptors_decide():
    edges = [(0, 1, 1.0), (0, 2, 3.0), (1, 2, 2.0)]
    unknown = circuit(3, edges, sign=np.array([0, -1, 1]))
    network = CircuitNetwork(unknown, MotorConfig(), 0.02, UNITS, torch.float64)
    with torch.no_grad():
        network.sender += 0.5
    np.testing.assert_allclose(network.weights().detach(), np.array([np.tanh(0.5), 3 * np.tanh(0.5), -2]) / 3)  # the median total is 3
    told = replace(unknown, receptor_sign=np.array([1, 0, -1]))
    free = CircuitNetwork(told, MotorConfig(), 0.02, UNITS, torch.float64)
    with torch.no_grad():
        free.edge += torch.tensor([0.0, -0.4, 0.0])
    np.testing.assert_allclose(free.weights().detach(), np.array([1, -0.4 * 3, -2]) / 3)


def test_edges_of_a_pair_of_types_share_their_strength_and_neurons_of_unknown_type_share_nothing():
    typed = circuit(5, [(0, 2, 1), (1, 2, 1), (1, 3, 1), (4, 3, 1)], types=("a", "a", "b", "b", ""))
    network = CircuitNetwork(typed, MotorConfig(weights="types", neurons="types"), 0.02, UNITS)
    assert network.edges.names == ("a+ -> b", "n4+ -> b")
    np.testing.assert_array_equal(network.edges.of, [0, 0, 0, 1])
    assert network.neurons.names == ("a", "b", "n4")


def random_circuit(n: int, seed: int, gaps: bool = True) -> Any:
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((n, n)) < 0.4)
    edges = [(int(a), int(b), float(rng.integers(1, 6))) for a, b in pairs]
    joined = [(0, 2, 1.0), (1, n - 1, 2.0)] if gaps else []
    return circuit(n, edges, joined, sign=rng.choice([-1, 0, 1], n))


def dense(network: CircuitNetwork, drive: torch.Tensor, stimulated: list[int], state: torch.Tensor) -> torch.Tensor:
    """The same dynamics, written with full matrices."""
    found, n, config = network.circuit, len(network.circuit.names), network.config
    w = torch.zeros(n, n, dtype=torch.float64).index_put((torch.tensor(found.post), torch.tensor(found.pre)), network.weights())
    a, b = torch.tensor(found.gap_a), torch.tensor(found.gap_b)
    g = torch.zeros(n, n, dtype=torch.float64).index_put((a, b), network.conductances())
    g = g + g.T
    alpha = torch.minimum(network.dt_s / config.substeps / network.time_constants(), 1 / (1 + g.sum(1)))[:, None]
    function = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus}[config.response]
    given = torch.zeros(len(drive), n, drive.shape[2], dtype=torch.float64)
    given[:, stimulated] = drive * torch.exp(network.input[stimulated])[None, :, None]
    threshold = network.threshold[:, None] if config.state == "graded" else 0.0
    states = []
    for step in range(len(drive)):
        for _ in range(config.substeps):
            flow = network.bias[:, None] + given[step] + g @ state - g.sum(1)[:, None] * state
            flow = function(flow + w @ state) if config.state == "rate" else flow + w @ function(state - threshold)
            state = state + alpha * (flow - state)
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("batch", [1, 5])
def test_gradients_of_a_window_that_is_longer_than_errors_wait_are_those_of_full_matrices(batch):
    rng = np.random.default_rng(4)
    network = CircuitNetwork(random_circuit(23, 8), MotorConfig(response="softplus"), 0.02, UNITS, torch.float64)
    drive, rows = columns_of(rng.standard_normal((batch, 2 * HELD + 3, 2)), torch.float64), np.arange(23)
    found, _ = network.window(network.initial(batch), drive, np.array([0, 4]), rows)
    expected = dense(network, drive, [0, 4], network.initial(batch)[torch.from_numpy(network.wiring.place)])
    weights = torch.from_numpy(rng.standard_normal(tuple(found.shape)))
    ours, theirs = (
        torch.autograd.grad((states * weights).sum(), [network.edge, network.tau, network.gain]) for states in (found, expected)
    )
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("width", [np.uint16, np.uint32])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_what_arrives_is_the_same_however_wide_the_numbers_of_senders_are(width, real):
    @njit
    def arrives(pre: Any, weight: Any, sent: Any, begin: Any, end: Any) -> Any:
        return sum_inputs(pre, weight, sent, begin, end)

    rng = np.random.default_rng(0)
    weight, sent, pre = rng.standard_normal(40).astype(real), rng.standard_normal(60000).astype(real), rng.integers(0, 60000, 40)
    for begin, end in ((0, 40), (3, 40), (5, 5), (7, 9), (1, 38)):
        expected = weight[begin:end] @ sent[pre[begin:end]]
        assert arrives(pre.astype(width), weight, sent, begin, end) == pytest.approx(float(expected), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("batch", [1, 5, 20])
@pytest.mark.parametrize(("state", "response"), [("leaky", "relu"), ("graded", "sigmoid"), ("rate", "tanh"), ("graded", "softplus")])
def test_states_and_gradients_are_those_of_full_matrices(state, response, batch):
    rng = np.random.default_rng(1)
    config = MotorConfig(state=state, response=response, substeps=2)
    network = CircuitNetwork(random_circuit(7, 3), config, 0.02, UNITS, torch.float64)
    with torch.no_grad():
        for value in network.parameters():
            value += 0.3 * torch.from_numpy(rng.standard_normal(tuple(value.shape)))
    drive = columns_of(rng.standard_normal((batch, 6, 2)), torch.float64).requires_grad_()
    wanted = [(name, value) for name, value in network.named_parameters() if "noise" not in name] + [("drive", drive)]
    order, rows = torch.from_numpy(network.wiring.place), np.arange(7)
    found, last = network.window(network.initial(batch), drive, np.array([0, 4]), rows)
    expected = dense(network, drive, [0, 4], network.initial(batch)[order])
    found, expected = torch.cat([found, last[None, order]]), torch.cat([expected, expected[-1:]])
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-10, atol=1e-12)
    with_weights = torch.from_numpy(rng.standard_normal(tuple(found.shape)))
    ours, theirs = [torch.autograd.grad((states * with_weights).sum(), [value for _, value in wanted]) for states in (found, expected)]
    for (name, _), own, other in zip(wanted, ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-9, err_msg=name)


def test_a_window_is_the_same_in_pieces():
    network = CircuitNetwork(random_circuit(7, 3), MotorConfig(response="tanh"), 0.02, UNITS, torch.float64)
    stimulus = np.random.default_rng(0).standard_normal((3, 40, 1))
    np.testing.assert_array_equal(activity(network, stimulus, [2]), activity(network, stimulus, [2], window=7))


def test_an_order_of_neurons_changes_nothing(monkeypatch):
    stimulus = np.random.default_rng(0).standard_normal((3, 20, 1))
    seen = []
    for in_cache in (4096, 1):
        monkeypatch.setattr("graphtwin.motor.model.wiring.IN_CACHE", in_cache)
        network = CircuitNetwork(random_circuit(9, 5), MotorConfig(response="tanh"), 0.02, UNITS, torch.float64)
        seen.append(activity(network, stimulus, [2]))
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-12)


def test_a_step_longer_than_a_time_constant_is_refused_in_words():
    with pytest.raises(ValueError, match=r"0.05 s a step, .* longer than the smallest time constant, 0.02 s of 'n0'.*substeps = 5"):
        CircuitNetwork(circuit(2, [(0, 1, 1)]), MotorConfig(tau_s=0.02), 0.05, UNITS)
    with pytest.raises(ValueError, match=r"0.05 s \(of 0.1 s, with what leaves through its gap junctions\) of 'n0'"):
        CircuitNetwork(circuit(2, [], [(0, 1, 1)]), MotorConfig(tau_s=0.1), 0.06, UNITS)
    CircuitNetwork(circuit(2, [(0, 1, 1)]), MotorConfig(tau_s=0.02, substeps=5), 0.05, UNITS)


def test_a_state_that_explodes_names_the_neuron_and_the_edge_and_stops():
    network = CircuitNetwork(circuit(3, [(0, 1, 1), (1, 2, 9), (2, 1, 4)]), MotorConfig(bound=100), 0.02, UNITS)
    with torch.no_grad():
        network.gain += 2
    with pytest.raises(FloatingPointError, match=r"state of 'n2' passed 100 at step \d+ of the window \(.* s\): most comes from 'n1'"):
        activity(network, np.ones((2, 500, 1)), [0])


def test_a_state_that_a_gap_junction_drives_beyond_the_bound_names_the_junction():
    """n2 excites itself without end; n0 reaches n1 by a chemical edge, n2 by a gap junction."""
    network = CircuitNetwork(circuit(3, [(0, 1, 1), (2, 2, 9)], [(1, 2, 3)]), MotorConfig(bound=100), 0.02, UNITS)
    with torch.no_grad():
        network.gap_gain += 1
        network.start[2], network.start[1], network.start[0] = 99, 99, 1
    stimulus = np.zeros((1, 5, 1))
    with pytest.raises(FloatingPointError, match=r"of 'n2' passed 100 .* most comes from 'n2', by an edge of weight"):
        activity(network, stimulus, [0])
    with torch.no_grad():
        network.start[2], network.start[1] = -99, 99
        network.bias[2] = -500
    words = r"of 'n2' passed 100 at step 2 .*: most comes from 'n1', through a gap junction of conductance 2.72 \(count 3\)"
    with pytest.raises(FloatingPointError, match=words):
        activity(network, stimulus, [0])


def held_bytes() -> int:
    """Bytes of all tensors that are alive."""
    gc.collect()
    return sum(one.untyped_storage().nbytes() for one in gc.get_objects() if type(one) is torch.Tensor)


def test_memory_does_not_grow_with_the_steps_of_a_stimulus():
    network = CircuitNetwork(random_circuit(60, 0, gaps=False), MotorConfig(response="tanh"), 0.02, UNITS)
    held = [held_bytes() for _ in stream(network, (np.ones((4, 50, 1)) for _ in range(5)), np.array([0]), np.arange(5))]
    assert held[-1] == held[1]


def test_output_is_read_from_motor_neurons_alone():
    network = CircuitNetwork(circuit(3, [(0, 1, 1), (1, 2, 1)]), MotorConfig(), 0.02, Scales(1.0, (2.0,), (5.0,)), torch.float64)
    with torch.no_grad():
        network.readout += 3.0
    motor = torch.full((1, 1, 1), 0.5, dtype=torch.float64)
    assert float(network.output(motor).detach()) == pytest.approx(2 * 3 * 0.5)


@pytest.mark.parametrize(("shuffled", "share"), [(False, 1.0), (True, 0.3)])
def test_neurons_of_a_large_circuit_are_never_read_from_more_places_than_in_its_own_order(shuffled, share):
    """Types one after the other, each over the same columns, as in an eye: a row reads what the row before read, one column further."""
    types, columns, rng = 12, 500, np.random.default_rng(0)
    links, at, n = rng.permutation(types * types)[:60], np.arange(columns), types * columns
    name = rng.permutation(n) if shuffled else np.arange(n)
    pre, post = (name[np.concatenate([kind * columns + at for kind in kinds])] for kinds in (links // types, links % types))
    nothing, none = np.zeros(0, dtype=np.int64), np.zeros(n, dtype=bool)
    kinds = ("",) * n, np.ones(n, dtype=np.int64), ~none, none, np.full((n, 3), np.nan)
    wiring = wiring_of(Circuit(tuple(map(str, range(n))), *kinds, pre, post, np.ones(len(pre)), nothing, nothing, np.zeros(0)))
    assert sorted(wiring.order) == list(range(n))
    own, ours = (len(np.unique(row // 64 * n + partner // 16)) for row, partner in ((post, pre), (wiring.place[post], wiring.place[pre])))
    assert ours <= share * own


def repeating_circuit(columns: int, seed: int) -> Circuit:
    """Types one after the other over the same columns, joined at whole distances of columns, and some edges anywhere."""
    rng, types = np.random.default_rng(seed), 6
    at, n = np.arange(columns), types * columns
    pairs = []
    for source, target, shift in zip(rng.integers(0, types, 20), rng.integers(0, types, 20), rng.integers(-3, 4, 20), strict=True):
        there = at[(at + shift >= 0) & (at + shift < columns) & (rng.random(columns) < 0.95)]
        pairs.append(np.stack([source * columns + there + shift, target * columns + there], axis=1))
    pairs.append(rng.integers(0, n, (n // 4, 2)))
    edges = rng.permutation(np.unique(np.concatenate(pairs), axis=0))
    return circuit(n, [(int(a), int(b), float(rng.integers(1, 6))) for a, b in edges], sign=rng.choice([-1, 1], n))


@pytest.mark.parametrize(("of_strip", "where"), [(0.0, "strips"), (3.0, "both"), (1e9, "rows")])
@pytest.mark.parametrize(("state", "response"), [("leaky", "relu"), ("graded", "softplus"), ("rate", "tanh")])
def test_a_circuit_that_repeats_moves_and_learns_as_full_matrices_do_wherever_its_edges_are_read(
    monkeypatch, state, response, of_strip, where
):
    monkeypatch.setattr("graphtwin.motor.model.wiring.IN_CACHE", 1)
    monkeypatch.setattr("graphtwin.motor.model.wiring.OF_STRIP", of_strip)
    monkeypatch.setattr("graphtwin.motor.model.wiring.OF_ROW", 0.0)  # so that strips of few edges are left to rows
    network = CircuitNetwork(repeating_circuit(43, 0), MotorConfig(state=state, response=response), 0.02, UNITS, torch.float64)
    for edges in (network.wiring.into_alone, network.wiring.out_alone):
        assert (len(edges.first) > 0, len(edges.partner) > 0) == (where != "rows", where != "strips")
    n, rng = len(network.circuit.names), np.random.default_rng(1)
    with torch.no_grad():
        for value in network.parameters():
            value += 0.3 * torch.from_numpy(rng.standard_normal(tuple(value.shape)))
        network.gain -= 1.5
    drive = columns_of(rng.standard_normal((1, HELD + 5, 2)), torch.float64).requires_grad_()
    wanted = [(name, value) for name, value in network.named_parameters() if "noise" not in name] + [("drive", drive)]
    found, _ = network.window(network.initial(1), drive, np.array([0, n - 1]), np.arange(n))
    expected = dense(network, drive, [0, n - 1], network.initial(1)[torch.from_numpy(network.wiring.place)])
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-10, atol=1e-12)
    with_weights = torch.from_numpy(rng.standard_normal(tuple(found.shape)))
    ours, theirs = [torch.autograd.grad((states * with_weights).sum(), [value for _, value in wanted]) for states in (found, expected)]
    for (name, _), own, other in zip(wanted, ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("way", ["into_alone", "out_alone"])
def test_every_edge_is_read_once_between_its_own_neurons(monkeypatch, way):
    monkeypatch.setattr("graphtwin.motor.model.wiring.IN_CACHE", 1)
    monkeypatch.setattr("graphtwin.motor.model.wiring.OF_ROW", 0.0)  # so that strips of few edges are left to rows
    found = repeating_circuit(120, 1)
    wiring = wiring_of(found)
    edges, n = getattr(wiring, way), len(found.names)
    assert min(len(edges.first), len(edges.partner)) > 0
    row, partner = (found.post, found.pre) if way == "into_alone" else (found.pre, found.post)
    slots, strip = edges.edge[: len(edges.first) * STRIP].reshape(-1, STRIP), np.arange(len(edges.first))
    block = np.searchsorted(edges.strips, strip, side="right") - 1
    at, lane = np.nonzero(slots < len(row))
    rows = np.repeat(edges.row, np.diff(edges.begin))
    told = np.concatenate([slots[at, lane], edges.edge[len(edges.first) * STRIP :]])
    np.testing.assert_array_equal(np.sort(told), np.arange(len(row)))
    np.testing.assert_array_equal(wiring.place[row[told]], np.concatenate([block[at] * STRIP + lane, rows]))
    np.testing.assert_array_equal(wiring.place[partner[told]], np.concatenate([edges.first[at].astype(int) - STRIP + lane, edges.partner]))
    assert edges.first.max() + STRIP <= n + 2 * STRIP
