"""The fly's visual motion pathway from the package flycns: 65 cell types in hexagonal columns, each with the wiring of its type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.sources.formats import SourceTables, Table, hashes, package_folder, verified_sha256

FLYCNS = "0.7.0"  # version whose files were looked at
ENSEMBLE = "data/flyvis-1.2.0-ensemble"
WIRING = (
    "manifest.json",
    "pair_source.bin",
    "pair_target.bin",
    "pair_sign.bin",
    "group_pair.bin",
    "group_du.bin",
    "group_dv.bin",
    "group_n_syn.bin",
)
# Columns from the central one to the edge: 37 columns, 2,345 neurons. The whole eye of the published networks (15) has 45,669 neurons,
# whose two billion pairs of an axon and a cell no run holds.
EXTENT = 3
# Types that sit in one column of six: every third along u and every second along v. The package's table does not say so, the published
# connectome file does (flyvis 1.2.0, fib25-fib19_v2.2); with one in every column they would count six times.
SENSORY = tuple(f"R{number}" for number in range(1, 9))  # types of photoreceptors
SPARSE = {"Lawf1": (3, 2), "Lawf2": (3, 2)}
AXES = ("horizontal", "out of the plane", "vertical")  # of the eye, in the order of the columns of positions
M = 1  # one materialization
CREDITS = {
    "files": f"flycns {FLYCNS}; MIT; as installed",
    "connectome": "Lappalainen et al. 2024, doi:10.1038/s41586-024-07939-3, flyvis 1.2.0 (MIT): one wiring a pair of types, mean synapses "
    "by offset of columns, repeated over the eye; medulla and lobula after FIB-25 and FIB-19",
}


@dataclass(frozen=True)
class Lattice:
    """Neurons of all types in their columns, and their connections.

    Attributes:
        types: Names of the 65 types.
        neuron_type: Number of each neuron's type.
        u: Column of each neuron along the first hexagonal axis.
        v: Column along the second.
        source: Presynaptic neuron of each connection.
        target: Postsynaptic neuron.
        pair: Number of the pair of types of each connection, the key of trained strengths.
        n_synapses: Mean number of synapses of the connection.
        sign: What the connection does, by the receptors of its target: 1 excites, -1 inhibits.
    """

    types: tuple[str, ...]
    neuron_type: Int[np.ndarray, " neurons"]
    u: Int[np.ndarray, " neurons"]
    v: Int[np.ndarray, " neurons"]
    source: Int[np.ndarray, " connections"]
    target: Int[np.ndarray, " connections"]
    pair: Int[np.ndarray, " connections"]
    n_synapses: Float[np.ndarray, " connections"]
    sign: Int[np.ndarray, " connections"]


def load_fly(extent: int = EXTENT, folder: str | Path | None = None) -> SourceTables:
    """Wiring, types and columns of the motion pathway, completely known. Function is not in it: bring that of a network as embeddings.

    Positions are places of columns on the eye, in distances between neighbouring columns (5.8 degrees of visual angle), written where
    others have um; all neurons lie in one plane. A pair has the mean number of its synapses as size, and the sign of its pair of types: R8,
    Am, C2 and C3 excite some types and inhibit others. The circuit's input goes to the photoreceptors; it has no motor neurons.

    Args:
        extent: Columns from the central one to the edge: 3 has 37 columns, 15 the 721 of the published networks.
        folder: Folder of the package flycns; None finds the installed one.
    """
    folder = Path(folder) if folder is not None else _installed()
    sha256 = hashes(folder, [f"{ENSEMBLE}/{file}" for file in WIRING])
    lattice = lattice_of(extent, read_arrays(folder))
    ids = np.arange(len(lattice.u)) + 1
    x, y = on_eye(lattice.u, lattice.v)
    names = names_of(lattice)
    cells = pd.DataFrame({"nucleus_id": ids, "root_id": ids, "name": names, "x_um": x, "depth_um": 0.0, "z_um": y})
    typed = cells.assign(cell_type=np.array(lattice.types, dtype=object)[lattice.neuron_type])
    pairs = pd.DataFrame(
        {
            "pre_root_id": ids[lattice.source],
            "post_root_id": ids[lattice.target],
            "size": lattice.n_synapses,
            "sign": lattice.sign.astype(np.float64),
        }
    )
    ends = ["pre_root_id", "post_root_id"]
    frames = {
        "cell_types_fine": typed,
        "nuclei": cells,
        "synapses": pairs.groupby(ends, as_index=False).agg({"size": "sum", "sign": "first"}),
        "circuit_cells": typed.drop(columns="name").assign(sensory=typed["cell_type"].isin(SENSORY), motor=False),
        "queried_post": pd.DataFrame({"post_root_id": ids}),
        "queried_pre": pd.DataFrame({"pre_root_id": ids}),
    }
    tables = tuple(Table(role, M, ENSEMBLE, frame) for role, frame in frames.items())
    return SourceTables(
        "fly", tables, sha256, axes=AXES, names=tuple(names), credits=CREDITS | {"extent": f"{extent} columns from the central one"}
    )


def read_arrays(folder: str | Path | None = None) -> dict[str, Any]:
    """The arrays of the trained networks by name, and the names of types as `type`; one whose sha256 is not the stated one is an error.

    Args:
        folder: Folder of the package flycns; None finds the installed one.
    """
    place = (Path(folder) if folder is not None else _installed()) / ENSEMBLE
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    arrays: dict[str, Any] = {"type": tuple(manifest["strings"]["type"])}
    for entry in manifest["arrays"]:
        verified_sha256(place / entry["file"], entry["file"], {entry["file"]: entry["sha256"]})
        arrays[entry["name"]] = np.fromfile(place / entry["file"], dtype=entry["dtype"]).reshape(entry["shape"])
    return arrays


def lattice_of(extent: int, arrays: dict[str, Any]) -> Lattice:
    """The neurons and connections of an eye of some extent: target column = source column + offset, wherever both columns are there.

    Args:
        extent: Columns from the central one to the edge.
        arrays: The package's arrays, as `read_arrays` gives them.
    """
    if extent < 1:
        raise ValueError(
            f"extent = {extent}: an eye has at least the central column and its neighbours. Give 1 or more; 15 gives 721 columns."
        )
    neuron_type, u, v = _neurons(arrays["type"], extent)
    index = np.full((len(arrays["type"]), 2 * extent + 1, 2 * extent + 1), -1)
    index[neuron_type, u + extent, v + extent] = np.arange(len(u))
    found = []
    groups = (arrays[name].tolist() for name in ("group_pair", "group_du", "group_dv", "group_n_syn"))
    for pair, du, dv, n in zip(*groups, strict=True):
        senders = np.flatnonzero(neuron_type == arrays["pair_source"][pair])
        to_u, to_v = u[senders] + du + extent, v[senders] + dv + extent
        inside = (to_u >= 0) & (to_u <= 2 * extent) & (to_v >= 0) & (to_v <= 2 * extent)
        receivers = np.full(len(senders), -1)
        receivers[inside] = index[arrays["pair_target"][pair], to_u[inside], to_v[inside]]
        there = receivers >= 0
        found.append((senders[there], receivers[there], np.full(there.sum(), pair), np.full(there.sum(), n)))
    source, target, pairs, n_synapses = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Lattice(arrays["type"], neuron_type, u, v, source, target, pairs, n_synapses, arrays["pair_sign"][pairs])


def _installed() -> Path:
    """The folder of the installed package."""
    return package_folder("flycns", FLYCNS, "the source 'fly'")


def _neurons(types: tuple[str, ...], extent: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Type, u and v of every neuron: types in order, columns row by row."""
    u, v = np.mgrid[-extent : extent + 1, -extent : extent + 1].reshape(2, -1)
    hexagon = np.abs(u + v) <= extent
    u, v = u[hexagon], v[hexagon]
    rows = []
    for number, name in enumerate(types):
        along_u, along_v = SPARSE.get(name, (1, 1))
        here = (u % along_u == 0) & (v % along_v == 0)
        rows.append((np.full(here.sum(), number), u[here], v[here]))
    neuron_type, u, v = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return neuron_type, u, v


def on_eye(u: Int[np.ndarray, " neurons"], v: Int[np.ndarray, " neurons"]) -> tuple[np.ndarray, np.ndarray]:
    """Places of columns on the eye, horizontal and vertical, in distances between neighbouring columns, as flyvis lays them out."""
    return np.sqrt(3) / 2 * v, -(u + v / 2)


def names_of(lattice: Lattice) -> list[str]:
    """A name for each neuron: its type and its column, as T4a_0_-3."""
    types = [lattice.types[number] for number in lattice.neuron_type]
    return [f"{name}_{u}_{v}" for name, u, v in zip(types, lattice.u.tolist(), lattice.v.tolist(), strict=True)]
