"""The circuit of a simulated loop: ten types of neurons in segments, who synapses on whom, and what each synapse does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import eigs

from graphtwin.execute import rng_for
from graphtwin.shapes import Float, Int
from graphtwin.synthetic.loop.settings import LoopConfig

# Type: share of the neurons, sign, transmitter. Senses of touch and light, of the stretch of each side; the rest lies between or moves.
TYPES: dict[str, tuple[float, int, str]] = {
    "touch": (0.10, 1, "acetylcholine"),
    "light": (0.08, 1, "acetylcholine"),
    "stretch_dorsal": (0.08, 1, "acetylcholine"),
    "stretch_ventral": (0.08, 1, "acetylcholine"),
    "local_excitatory": (0.16, 1, "acetylcholine"),
    "local_inhibitory": (0.12, -1, "GABA"),
    "premotor_excitatory": (0.12, 1, "acetylcholine"),
    "premotor_inhibitory": (0.08, -1, "glutamate"),
    "motor_dorsal": (0.09, 1, "acetylcholine"),
    "motor_ventral": (0.09, 1, "acetylcholine"),
}
STATED = {"acetylcholine": 1, "GABA": -1, "glutamate": -1}  # what these transmitters do in this animal
OUTSIDE, STRETCH = ("touch", "light"), ("stretch_dorsal", "stretch_ventral")  # senses of the world, and of the body itself
MOTOR = ("motor_dorsal", "motor_ventral")
# How often an axon of the first type meets a cell of the second, beside other pairs of types; pairs that are not here have no synapses.
MEETS: dict[str, dict[str, float]] = {
    "touch": {"local_excitatory": 2, "local_inhibitory": 1.5, "premotor_excitatory": 1},
    "light": {"local_excitatory": 2, "local_inhibitory": 1, "premotor_inhibitory": 0.5},
    "stretch_dorsal": {"local_inhibitory": 1, "premotor_inhibitory": 2, "motor_dorsal": 1.5, "premotor_excitatory": 0.5},
    "stretch_ventral": {"local_inhibitory": 1, "premotor_inhibitory": 2, "motor_ventral": 1.5, "premotor_excitatory": 0.5},
    "local_excitatory": {"local_excitatory": 0.7, "local_inhibitory": 1, "premotor_excitatory": 2, "premotor_inhibitory": 1.5},
    "local_inhibitory": {"local_excitatory": 1.5, "local_inhibitory": 0.7, "premotor_excitatory": 1, "premotor_inhibitory": 1},
    "premotor_excitatory": {"motor_dorsal": 2.5, "motor_ventral": 2.5, "premotor_excitatory": 0.5, "local_inhibitory": 0.3},
    "premotor_inhibitory": {"motor_dorsal": 2, "motor_ventral": 2, "premotor_excitatory": 1, "premotor_inhibitory": 0.5},
    "motor_dorsal": {"local_inhibitory": 0.3, "premotor_inhibitory": 0.3},
    "motor_ventral": {"local_inhibitory": 0.3, "premotor_inhibitory": 0.3},
}
SIDES = {"motor_dorsal": 1, "motor_ventral": 2}  # a motor neuron of one side is met by some premotor neurons more than by others
REACH_UM, SEGMENT_UM = 150.0, 100.0  # distance over which meetings fall by e; length of a segment
COUNT_LOG_MEAN, COUNT_LOG_SD = 1.4, 0.8  # of the number of synapses of a pair, at least 1: heavy-tailed, as in any connectome
TAU_S, TAU_LOG_SD = 0.1, 0.3  # median time constant, seconds, and the SD of its log
REST = (0.3, 0.8)  # potentials at rest, where a synapse releases in proportion to what lies above 0: all neurons are active then
GAP = 0.05  # conductance of a plaque of a gap junction, over that of the leak
MOST_PLAQUES = 4


@dataclass(frozen=True)
class TrueCircuit:
    """What was planted: neurons, edges and what they do.

    Attributes:
        neurons: name, cell_type, segment, x_um, y_um, z_um, sign, transmitter, tau_s, rest, bias; a row a neuron.
        edges: pre, post (rows of neurons), count, efficacy, weight; a row a chemical edge.
        gaps: a, b (a < b), count, conductance; a row a gap junction.
    """

    neurons: pd.DataFrame
    edges: pd.DataFrame
    gaps: pd.DataFrame

    def of(self, *types: str) -> Int[np.ndarray, " found"]:
        """The rows of the neurons of some types."""
        return np.flatnonzero(self.neurons["cell_type"].isin(types))


def grow_circuit(config: LoopConfig) -> TrueCircuit:
    """Neurons, chemical edges and gap junctions of a loop; w = sign x count x efficacy x one unit for all, which sets the loop's gain."""
    neurons = _neurons(config)
    edges, gaps = _edges(neurons, config), _gaps(neurons, config)
    return TrueCircuit(neurons.assign(bias=_bias(neurons["rest"].to_numpy(), edges, gaps)), edges, gaps)


def _neurons(config: LoopConfig) -> pd.DataFrame:
    """Neurons by type, spread over the segments, each with its time constant and constant input."""
    rng = rng_for(config.seed, "neurons of a loop")
    numbers = np.maximum(np.floor(np.array([share for share, _, _ in TYPES.values()]) * config.neurons).astype(int), 1)
    numbers[4] += config.neurons - numbers.sum()  # the rest are local excitatory neurons, which are most anyway
    of = np.repeat(np.arange(len(TYPES)), numbers)
    within = np.concatenate([np.arange(n) for n in numbers])
    names, parts = list(TYPES), list(TYPES.values())
    segment = within % config.segments
    places = np.column_stack([segment * SEGMENT_UM, of * 10.0, np.zeros(len(of))]) + rng.uniform(0, [SEGMENT_UM, 10.0, 30.0], (len(of), 3))
    return pd.DataFrame(
        {
            "name": [f"{names[kind]}_{place + 1:02d}" for kind, place in zip(of, within, strict=True)],
            "cell_type": [names[kind] for kind in of],
            "segment": segment,
            **dict(zip(("x_um", "y_um", "z_um"), places.T, strict=True)),
            "sign": [parts[kind][1] for kind in of],
            "transmitter": [parts[kind][2] for kind in of],
            "tau_s": TAU_S * np.exp(TAU_LOG_SD * rng.standard_normal(len(of))),
            "rest": rng.uniform(*REST, len(of)),
        }
    )


def _edges(neurons: pd.DataFrame, config: LoopConfig) -> pd.DataFrame:
    """Who synapses on whom, with how many synapses and what effect."""
    rng = rng_for(config.seed, "synapses of a loop")
    types = neurons["cell_type"].to_numpy()
    meets = np.array([[MEETS[a].get(b, 0.0) for b in TYPES] for a in TYPES])
    number = pd.Series(range(len(TYPES)), index=list(TYPES))[types].to_numpy()
    distance = np.abs(neurons["x_um"].to_numpy()[:, None] - neurons["x_um"].to_numpy())
    expected = meets[number[:, None], number] * np.exp(-distance / REACH_UM) * _preference(types, rng)
    np.fill_diagonal(expected, 0)
    scale = config.partners * len(neurons) / expected.sum()
    pre, post = np.nonzero(rng.uniform(size=expected.shape) < np.minimum(scale * expected, 0.9))
    count = np.maximum(np.round(np.exp(COUNT_LOG_MEAN + COUNT_LOG_SD * rng.standard_normal(len(pre)))), 1)
    efficacy = np.exp(config.efficacy * rng.standard_normal(len(pre)))
    strength = count * efficacy
    unit = config.loop_gain / _spectral_radius(pre, post, strength, len(neurons))
    weight = neurons["sign"].to_numpy()[pre] * strength * unit
    return pd.DataFrame({"pre": pre, "post": post, "count": count, "efficacy": efficacy, "weight": weight})


def _bias(rest: Float[np.ndarray, " neurons"], edges: pd.DataFrame, gaps: pd.DataFrame) -> Float[np.ndarray, " neurons"]:
    """The constant input of each neuron that keeps all at their potentials at rest, while nothing comes in from outside."""
    n = len(rest)
    arrives = np.bincount(edges["post"], edges["weight"] * rest[edges["pre"]], minlength=n)
    flow = gaps["conductance"].to_numpy() * (rest[gaps["b"]] - rest[gaps["a"]])
    return rest - arrives - np.bincount(gaps["a"], flow, minlength=n) + np.bincount(gaps["b"], flow, minlength=n)


def _preference(types: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, "pre post"]:
    """How much each premotor neuron prefers motor neurons of one side: half of them meet one side four times as often as the other."""
    factor = np.ones((len(types), len(types)))
    premotor = np.flatnonzero(np.char.startswith(types.astype(str), "premotor"))
    side = rng.permutation(np.arange(len(premotor)) % 2) + 1
    for name, number in SIDES.items():
        factor[np.ix_(premotor, types == name)] = np.where(side == number, 1.6, 0.4)[:, None]
    return factor


def _spectral_radius(pre: np.ndarray, post: np.ndarray, strength: np.ndarray, n: int) -> float:
    """The largest eigenvalue of a matrix of magnitudes."""
    matrix = sparse.csr_matrix((strength, (post, pre)), shape=(n, n))
    found = eigs(matrix, k=1, which="LM", return_eigenvectors=False, v0=np.ones(n))
    return float(np.abs(found[0]))


def _gaps(neurons: pd.DataFrame, config: LoopConfig) -> pd.DataFrame:
    """Gap junctions between neurons of one type that lie beside each other."""
    rng = rng_for(config.seed, "gap junctions of a loop")
    types, x = neurons["cell_type"].to_numpy(), neurons["x_um"].to_numpy()
    near = np.where(types[:, None] == types, np.exp(-np.abs(x[:, None] - x) / SEGMENT_UM), 0.0)
    near = np.triu(near, 1)
    share = min(config.gap_junctions * len(neurons) / near.sum(), 1.0)
    a, b = np.nonzero(rng.uniform(size=near.shape) < share * near)
    count = rng.integers(1, MOST_PLAQUES + 1, len(a)).astype(float)
    return pd.DataFrame({"a": a, "b": b, "count": count, "conductance": GAP * count})
