"""A simulated loop on disk: the tables and trials of a source, as a laboratory would have them, and beside them what was planted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet, write_text
from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.sources.formats import TrialArrays, write_trials
from graphtwin.synthetic.loop.body import Body, grow_body
from graphtwin.synthetic.loop.dynamics import Motion, move
from graphtwin.synthetic.loop.lesions import Lesions, lesion
from graphtwin.synthetic.loop.settings import LoopConfig
from graphtwin.synthetic.loop.stimuli import stimuli
from graphtwin.synthetic.loop.wiring import MOTOR, OUTSIDE, STATED, STRETCH, TrueCircuit, grow_circuit

SOURCE = "loop.toml"  # name of the file that names the tables
TRUTH = "truth"  # folder of what was planted, which no command reads of itself
README = """# A simulated sensorimotor loop

`loop.toml` names the tables, as `--source` reads them: `cells.csv`, `synapses.csv` and `trials.h5`. Of {neurons} neurons {recorded} are
recorded. The input of stretch receptors is what they felt of the body, and is among the stimuli. `truth/` is for tests of methods alone:

- `neurons.parquet`, `edges.parquet`, `gaps.parquet`: every neuron with its time constant and constant input, every edge with its weight
- `body.npz`: what each neuron's rate adds to each muscle (`drive`), what each feels of each segment's bend (`feeling`), `muscles`
- `motion.npz`: activity of all neurons, tension and bends in all trials, without noise
- `lesions.npz`: muscles without single neurons and types, after a second of rest (`between`); `open_loop` under the input of the whole
  animal (`stimulus`), `closed_loop` where the animal feels its own body

tau dv/dt = -v + bias + sum of weight max(v_pre, 0) + sum of conductance (v_other - v) + stimulus; tension = drive max(v, 0).
"""


def write_loop(config: LoopConfig, folder: Path) -> None:
    """Simulate a loop and write all its files.

    Args:
        config: What is simulated.
        folder: Folder to write into.
    """
    circuit = grow_circuit(config)
    body = grow_body(circuit, config)
    given, names = stimuli(circuit, config, config.trials, "trial")
    motion = move(circuit, body, given, config.dt_s)
    recorded = _recorded(circuit, config)
    write_trials(_trials(given, names, motion, body, circuit, recorded, config), folder / "trials.h5")
    _write_tables(circuit, config, folder)
    write_text(README.format(recorded=len(recorded), neurons=config.neurons), folder / "README.md")
    _write_truth(circuit, body, motion, lesion(circuit, body, config), folder / TRUTH)


def _recorded(circuit: TrueCircuit, config: LoopConfig) -> np.ndarray:
    """Rows of the recorded neurons, a share of all whatever their type, in order."""
    rng = rng_for(config.seed, "recorded neurons of a loop")
    n = len(circuit.neurons)
    return np.sort(rng.permutation(n)[: max(round(config.recorded * n), 1)])


def _trials(
    given: np.ndarray, names: list[str], motion: Motion, body: Body, circuit: TrueCircuit, recorded: np.ndarray, config: LoopConfig
) -> TrialArrays:
    """What a laboratory has of the trials: all inputs, some neurons and all muscles, with noise."""
    rng = rng_for(config.seed, "noise of a loop")
    stimulus = given + motion.felt
    stimulated = np.flatnonzero((stimulus != 0).any(axis=(0, 1)))
    of = circuit.neurons["name"].to_numpy()
    return TrialArrays(
        origin=str(SOURCE),
        dt_s=config.dt_s,
        stimulus=stimulus[..., stimulated],
        stimulated=tuple(of[stimulated]),
        activity=_noisy(motion.activity[..., recorded], config.noise, rng),
        recorded=tuple(of[recorded]),
        output=_noisy(motion.tension, config.noise, rng),
        outputs=body.muscles,
        names=tuple(names),
    )


def _noisy(values: Float[np.ndarray, "trials steps columns"], noise: float, rng: np.random.Generator) -> np.ndarray:
    """Values with noise of a share of each column's own SD."""
    return values + noise * values.std(axis=(0, 1)) * rng.standard_normal(values.shape).astype(np.float32)


def _write_tables(circuit: TrueCircuit, config: LoopConfig, folder: Path) -> None:
    """The tables of cells and synapses, and the TOML that names them."""
    rng = rng_for(config.seed, "what is known of a loop")
    neurons, types = circuit.neurons, circuit.neurons["cell_type"]
    known = rng.permutation(len(neurons)) < round(config.transmitters * len(neurons))
    cells = neurons[["name", "cell_type", "x_um", "y_um", "z_um"]].round(2)
    transmitter = neurons["transmitter"].where(known, "")
    cells = cells.assign(transmitter=transmitter, sensory=types.isin([*OUTSIDE, *STRETCH]), motor=types.isin(MOTOR))
    _write_csv(cells, folder / "cells.csv")
    _write_csv(_synapses(circuit, config), folder / "synapses.csv")
    met = [f"{name} = {sign}" for name, sign in STATED.items() if (transmitter == name).any()]
    stated = f"transmitters = {{ {', '.join(met)} }}" if met else ""
    entries = [
        ("circuit_cells", "cells.csv", stated),
        ("cell_types_fine", "cells.csv", ""),
        ("synapses", "synapses.csv", ""),
        ("queried_post", "cells.csv", ""),
        ("queried_pre", "cells.csv", ""),
    ]
    tables = [
        "\n".join(line for line in ("[[tables]]", f'role = "{role}"', f'file = "{file}"', "materialization = 1", more) if line)
        for role, file, more in entries
    ]
    head = 'name = "loop"\n\n[frame]\naxes = ["x", "y", "z"]'
    write_text("\n\n".join([head, *tables, '[[trials]]\nfile = "trials.h5"']) + "\n", folder / SOURCE)


def _synapses(circuit: TrueCircuit, config: LoopConfig) -> pd.DataFrame:
    """Chemical synapses and gap junctions by name: without some, and with false ones, where that is asked for."""
    rng = rng_for(config.seed, "errors of a loop's wiring")
    edges, n = circuit.edges, len(circuit.neurons)
    free = np.setdiff1d(np.flatnonzero(~np.eye(n, dtype=bool)), edges["pre"].to_numpy() * n + edges["post"].to_numpy())
    false = np.sort(rng.permutation(free)[: round(config.added * len(edges))])
    kept = edges[rng.permutation(len(edges)) >= round(config.missing * len(edges))]
    count = rng.permutation(np.resize(edges["count"].to_numpy(), len(false)))  # false ones look like true ones
    made = pd.DataFrame({"pre": false // n, "post": false % n, "count": count})
    parts = [
        pd.concat([kept, made])[["pre", "post", "count"]].assign(kind="chemical"),
        circuit.gaps.rename(columns={"a": "pre", "b": "post"})[["pre", "post", "count"]].assign(kind="gap"),
    ]
    table = pd.concat(parts).sort_values(["kind", "pre", "post"])
    names = circuit.neurons["name"].to_numpy()
    named = {f"{side}_name": names[table[side].to_numpy()] for side in ("pre", "post")}
    return pd.DataFrame({**named, "size": table["count"].to_numpy().astype(int), "kind": table["kind"].to_numpy()})


def _write_truth(circuit: TrueCircuit, body: Body, motion: Motion, lesions: Lesions, folder: Path) -> None:
    """What was planted."""
    for name in ("neurons", "edges", "gaps"):
        write_parquet(getattr(circuit, name), folder / f"{name}.parquet")
    arrays = {
        "body": {"muscles": np.array(body.muscles), "drive": body.drive, "feeling": body.feeling},
        "motion": {"activity": motion.activity, "tension": motion.tension, "bend": motion.bend},
        "lesions": {
            "names": np.array(lesions.names),
            "neurons": np.array(circuit.neurons["name"], dtype=str),
            "outputs": np.array(body.muscles),
            "removed": lesions.removed,
            "trials": np.array(lesions.trials),
            "stimulus": lesions.stimulus,
            "intact": lesions.intact.tension,
            "intact_activity": lesions.intact.activity,
            "between": lesions.between,
            "open_loop": lesions.open_loop,
            "closed_loop": lesions.closed_loop,
        },
    }
    for name, content in arrays.items():
        write_atomic(folder / f"{name}.npz", partial(_write_arrays, content))


def _write_arrays(content: dict[str, np.ndarray], path: Path) -> None:
    """Arrays by name in one file."""
    np.savez_compressed(path, **content)  # type: ignore[arg-type]  # its stub takes every name for allow_pickle


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """A table as text."""
    write_atomic(path, lambda temporary: table.to_csv(temporary, index=False))
