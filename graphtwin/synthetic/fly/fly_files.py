"""A recording of the fly's motion pathway on disk: tables and trials of a source, and beside them the network's own numbers and lesions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet, write_text
from graphtwin.execute import rng_for
from graphtwin.shapes import Float, Int
from graphtwin.sources.formats import TrialArrays, write_trials
from graphtwin.sources.loaders import fly
from graphtwin.synthetic.fly.eyes import Eye, eye
from graphtwin.synthetic.fly.settings import FlyConfig
from graphtwin.synthetic.fly.shown import OUTPUTS, Shown, edges_shown, lesions_shown, trials_shown

SOURCE = "fly.toml"  # name of the file that names the tables
TRUTH = "truth"  # folder of the network's own numbers, which no command reads of itself
CELLS = ("circuit_cells", "cell_types_fine", "queried_post", "queried_pre")  # roles of cells.csv
README = """# Network {network} of the fly's motion pathway

`fly.toml` names the tables, as `--source` reads them: `cells.csv`, `synapses.csv` (mean numbers of synapses, with the signs of their
receptors) and `trials.h5`: {trials} trials, the light of {receptors} photoreceptors and currents into {pulsed} other neurons, potentials
of {recorded} of {neurons} neurons with noise, and what each subtype of T4 and T5 sends on. Types recorded, {n_types} of {all_types}:
{types}. Trials are films (`film_`), films that one type of photoreceptors sees while the others are in the dark (`R1_alone_` and so on),
and grey with two pulses of current into all cells of one recorded type (`pulses_`).

`truth/` is for tests of methods alone:

- `types.parquet`, `edges.parquet`: resting potential and time constant of each type; every edge with its weight
- `moving_edges.h5`: brighter and darker edges in twelve directions, which `trials.h5` has none of: potentials of all neurons, without
  noise
- `lesions.npz`: outputs during these edges where one type is silenced, of every type but T4 and T5

tau dV/dt = -V + bias + sum of weight max(V_pre, 0) + light; an output is the mean of max(V, 0) over the cells of a subtype.

Network: flycns {version} (MIT), of Lappalainen et al. 2024, doi:10.1038/s41586-024-07939-3. The eye here ends at {columns} columns.
"""


def write_fly(config: FlyConfig, folder: Path) -> None:
    """Simulate a network during films, edges and lesions and write all files.

    Args:
        config: What is simulated.
        folder: Folder to write into.
    """
    of = eye(config.network, config.extent)
    recorded = recorded_types(of, config)
    trials, edges = trials_shown(of, config, recorded), edges_shown(of, config)
    write_trials(_recorded(of, trials, np.flatnonzero(np.isin(of.types, recorded)), config), folder / "trials.h5")
    _write_tables(of, config, folder)
    _write_truth(of, edges, config, folder / TRUTH)
    told: dict[str, Any] = {"trials": len(trials.names), "receptors": len(of.receptor), "pulsed": len(_pulsed(trials))}
    told |= {"recorded": int(np.isin(of.types, recorded).sum()), "neurons": len(of.bias)}
    told |= {"n_types": len(recorded), "all_types": len(of.lattice.types), "types": ", ".join(recorded)}
    told |= {"columns": len(np.unique(np.column_stack([of.lattice.u, of.lattice.v]), axis=0))}
    write_text(README.format(network=config.network, version=fly.FLYCNS, **told), folder / "README.md")


def recorded_types(of: Eye, config: FlyConfig) -> tuple[str, ...]:
    """Types whose cells are recorded: T4, T5 and others drawn, in the order of the network."""
    types = of.lattice.types
    others = [name for name in types if name not in OUTPUTS]
    more = max(round(config.recorded * len(types)) - (len(types) - len(others)), 0)
    drawn = rng_for(config.seed, "recorded types of a fly").permutation(others)[:more]
    return tuple(name for name in types if name in OUTPUTS or name in drawn)


def _recorded(of: Eye, shown: Shown, recorded: Int[np.ndarray, " recorded"], config: FlyConfig) -> TrialArrays:
    """What a laboratory has of the trials: all input, cells of some types and all outputs, with noise."""
    rng, names = rng_for(config.seed, "noise of a fly", config.network), np.array(fly.names_of(of.lattice))
    pulsed = _pulsed(shown)
    return TrialArrays(
        origin=SOURCE,
        dt_s=config.dt_s,
        stimulus=np.concatenate([shown.light, shown.current[:, :, pulsed]], axis=2),
        stimulated=tuple(names[np.r_[of.receptor, pulsed]].tolist()),
        activity=_noisy(shown.activity[..., recorded], config.noise, rng),
        recorded=tuple(names[recorded].tolist()),
        output=_noisy(shown.output, config.noise, rng),
        outputs=OUTPUTS,
        names=shown.names,
    )


def _pulsed(shown: Shown) -> Int[np.ndarray, " pulsed"]:
    """Neurons that get current in some trial."""
    return np.flatnonzero(shown.current.any(axis=(0, 1)))


def _noisy(values: Float[np.ndarray, "trials steps columns"], noise: float, rng: np.random.Generator) -> np.ndarray:
    """Values with noise of a share of each column's own SD."""
    return values + noise * values.std(axis=(0, 1)) * rng.standard_normal(values.shape).astype(np.float32)


def _write_tables(of: Eye, config: FlyConfig, folder: Path) -> None:
    """The tables of cells and synapses, and the TOML that names them."""
    names = np.array(fly.names_of(of.lattice))
    x, y = fly.on_eye(of.lattice.u, of.lattice.v)
    places = {"x_um": x.round(4), "y_um": 0.0, "z_um": y.round(4)}
    marks = {"sensory": np.isin(np.arange(len(names)), of.receptor), "motor": np.isin(of.types, OUTPUTS)}
    _write_csv(pd.DataFrame({"name": names, "cell_type": of.types, **places, **marks}), folder / "cells.csv")
    lattice = of.lattice
    ends = {"pre_name": names[lattice.source], "post_name": names[lattice.target]}
    _write_csv(pd.DataFrame({**ends, "size": lattice.n_synapses, "sign": lattice.sign}), folder / "synapses.csv")
    tables = [
        f'[[tables]]\nrole = "{role}"\nfile = "{file}.csv"\nmaterialization = 1'
        for role, file in [*((role, "cells") for role in CELLS), ("synapses", "synapses")]
    ]
    head = f'name = "fly{config.network:03d}"\n\n[frame]\naxes = ["x", "y", "z"]'
    write_text("\n\n".join([head, *tables, '[[trials]]\nfile = "trials.h5"']) + "\n", folder / SOURCE)


def _write_truth(of: Eye, edges: Shown, config: FlyConfig, folder: Path) -> None:
    """The network's own numbers, what it does during moving edges, and lesions."""
    names, lattice = np.array(fly.names_of(of.lattice)), of.lattice
    first = np.unique(lattice.neuron_type, return_index=True)[1]
    numbers = {"cell_type": of.types[first], "bias": of.bias[first], "tau_s": 1 / of.rate[first]}
    write_parquet(pd.DataFrame(numbers), folder / "types.parquet")
    weight = of.matrix[lattice.target, lattice.source]
    ends = {"pre": lattice.source, "post": lattice.target, "pair": lattice.pair}
    write_parquet(pd.DataFrame({**ends, "weight": np.asarray(weight).ravel()}), folder / "edges.parquet")
    told = config.model_copy(update={"noise": 0.0})
    write_trials(_recorded(of, edges, np.arange(len(names)), told), folder / "moving_edges.h5")
    lesions, removed, after = lesions_shown(of, edges, config)
    stimulus = np.zeros((*edges.light.shape[:2], len(names)), np.float32)
    stimulus[:, :, of.receptor] = edges.light
    content = {
        "names": np.array([f"all {name}" for name in lesions]), "neurons": names, "removed": removed, "stimulus": stimulus,
        "outputs": np.array(OUTPUTS), "intact": edges.output, "open_loop": after,
    }  # fmt: skip
    write_atomic(folder / "lesions.npz", partial(_write_arrays, content))


def _write_arrays(content: dict[str, np.ndarray], path: Path) -> None:
    """Arrays by name in one file."""
    np.savez_compressed(path, **content)  # type: ignore[arg-type]  # its stub takes every name for allow_pickle


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """A table as text."""
    write_atomic(path, lambda temporary: table.to_csv(temporary, index=False))
