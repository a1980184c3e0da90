"""Steps a second of a circuit of the size of the fly's visual motion system, against a loop of SciPy's sparse products.

python benchmarks/bench_circuit.py [NEURONS] [EDGES] [ROUNDS]

46,865 neurons and 1.6 million edges between neurons that lie near each other. The loop does the same Euler steps in float32: SciPy's
product with a matrix in compressed rows, and NumPy for the rest. Both run in turn, one thread each, and the ratio is that of the medians
of their rounds in processor time. Training is a window forward and back, with the gradients of all weights, against the same window
without.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.sparse
import torch

from graphtwin.execute import rng_for, threads
from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model import CircuitNetwork, MotorConfig, Scales, columns_of, stream

STEPS, SENSORY = 50, 1000
REACH = 300  # SD of the distance between partners, in neurons
DT, TAU = 0.02, 0.1


def local_circuit(n: int, n_edges: int) -> Circuit:
    rng = rng_for(0, "circuit of a benchmark")
    post = rng.integers(0, n, n_edges)
    pre = np.clip(post + np.round(rng.normal(0, REACH, n_edges)).astype(np.int64), 0, n - 1)
    pairs = np.unique(post * n + pre)
    post, pre = pairs // n, pairs % n
    nothing = np.zeros(0, dtype=np.int64)
    names = tuple(f"n{i}" for i in range(n))
    sensory = np.arange(n) < SENSORY
    sign = rng.choice([-1, 1], n)
    count = rng.geometric(0.3, len(pre)).astype(np.float64)
    return Circuit(names, ("",) * n, sign, sensory, ~sensory, np.full((n, 3), np.nan), pre, post, count, nothing, nothing, np.zeros(0))


def matrix_of(network: CircuitNetwork) -> scipy.sparse.csr_matrix:
    circuit, n = network.circuit, len(network.circuit.names)
    return scipy.sparse.csr_matrix((network.weights().detach().numpy(), (circuit.post, circuit.pre)), shape=(n, n))


def scipy_loop(network: CircuitNetwork, drive: np.ndarray) -> Callable[[], np.ndarray]:
    n, matrix = len(network.circuit.names), matrix_of(network)
    alpha = np.float32(DT / TAU)

    def run() -> np.ndarray:
        state = np.zeros((n, drive.shape[2]), dtype=np.float32)
        for step in range(len(drive)):
            flow = matrix @ np.maximum(state, 0)
            flow[:SENSORY] += drive[step]
            flow -= state
            flow *= alpha
            state += flow
        return state

    return run


def seconds(runs: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """Processor time of each run in each round, run in turn."""
    for run in runs:
        run()
    found = np.empty((rounds, len(runs)))
    for turn in range(rounds):
        for at, run in enumerate(runs):
            begun = time.process_time()
            run()
            found[turn, at] = time.process_time() - begun
    return found


def compare(network: CircuitNetwork, batch: int, rounds: int) -> None:
    rng = rng_for(0, "input of a benchmark", batch)
    stimulus = rng.standard_normal((batch, STEPS, SENSORY)).astype(np.float32)
    rows, seen = np.arange(SENSORY), np.arange(0, len(network.circuit.names), 10)
    drive = columns_of(stimulus)
    matrix = matrix_of(network)
    loop = scipy_loop(network, drive[..., :batch].numpy())

    def ours() -> np.ndarray:
        return next(stream(network, [stimulus], rows, np.arange(len(network.circuit.names))))[0][:, -1]

    with torch.no_grad():
        numbers = network.numbers()

    def inference() -> torch.Tensor:
        with torch.no_grad():
            return network.window(network.initial(batch), drive, rows, seen, numbers)[0]

    def training() -> None:
        network.zero_grad(set_to_none=True)
        network.window(network.initial(batch), drive, rows, seen)[0].square().sum().backward()

    def product_alone() -> None:
        state = np.ones((len(network.circuit.names), batch), dtype=np.float32)
        for _ in range(STEPS):
            matrix @ state

    apart = np.abs(ours().T - loop()).max()
    spent = seconds([loop, product_alone, inference, training], rounds)
    rate = batch * STEPS / np.median(spent, axis=0)
    ratios = np.median(spent, axis=0)
    print(
        f"{batch:2d} stimuli: {rate[2]:7.0f} steps x stimuli a second; SciPy {rate[0]:7.0f} (product alone {rate[1]:.0f}): "
        f"{ratios[0] / ratios[2]:.2f} x (product alone {ratios[1] / ratios[2]:.2f} x); "
        f"training {ratios[3] / ratios[2]:.2f} x inference; states differ by {apart:.1e}"
    )


def memory(network: CircuitNetwork) -> None:
    """Peak memory after windows of the same stimulus, over and over."""
    peaks = []
    stimulus = np.ones((12, STEPS, SENSORY), dtype=np.float32)
    for number, _ in enumerate(stream(network, (stimulus for _ in range(12)), np.arange(SENSORY), np.arange(10))):
        if number in (1, 11):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"peak memory {peaks[0]:.0f} MB after {2 * STEPS} steps of 12 stimuli, {peaks[1]:.0f} MB after {12 * STEPS}")


def main(neurons: int = 46_865, edges: int = 1_600_000, rounds: int = 5) -> None:
    with threads(1):
        begun = time.process_time()
        circuit = local_circuit(neurons, edges)
        network = CircuitNetwork(circuit, MotorConfig(tau_s=TAU, weights="edges", window=STEPS), DT, Scales(1.0, (), ()))
        print(f"{neurons} neurons, {len(circuit.pre)} edges, made in {time.process_time() - begun:.1f} s")
        memory(network)
        for batch in (1, 12):
            compare(network, batch, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
