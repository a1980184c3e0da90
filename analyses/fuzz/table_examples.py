"""Small valid tables of a source and tables by themselves, how they are read, and what must hold of what was read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from example_format import IDS, ROOT, Format, require


def tables() -> dict[str, pd.DataFrame]:
    """A volume of six cells, as CAVE exports it."""
    n, rng = 6, np.random.default_rng(0)
    roots = ROOT + np.arange(n)
    voxels = {f"pt_position_{axis}": 100_000 + 1000 * np.arange(n) for axis in "xyz"}
    units = {"session": 1, "scan_idx": 1, "unit_id": np.arange(4)}
    responses = pd.DataFrame(units | {f"direction_{a:03d}_0": rng.gamma(2.0, size=4) for a in (0, 90, 180, 270)})
    return {
        "coregistration": pd.DataFrame(
            units | {"target_id": np.arange(4), "pt_root_id": roots[:4]} | {k: v[:4] for k, v in voxels.items()}
        ),
        "responses": responses,
        "somata": pd.DataFrame({"pt_root_id": roots, "layer": "L4"} | voxels),
        "synapses": pd.DataFrame({"pre_pt_root_id": roots[[0, 1, 2]], "post_pt_root_id": roots[[1, 2, 0]], "size": [10, 20, 30]}),
        "queried_post": pd.DataFrame({"post_pt_root_id": roots[:4]}),
    }


def make_source(suffix: str) -> Callable[[Path], None]:
    """What writes these tables with a suffix, and the TOML that names them."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        lines = ['name = "small"', "[frame]", "voxel_nm = [4.0, 4.0, 40.0]"]
        for role, table in tables().items():
            write(table, folder / f"{role}{suffix}")
            lines += ["[[tables]]", f'role = "{role}"', f'file = "{role}{suffix}"', "materialization = 7"]
        (folder / "tables.toml").write_text("\n".join(lines) + "\n")

    return make


def write(table: pd.DataFrame, path: Path) -> None:
    """A table in the format of its suffix."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".feather":
        table.to_feather(path)
    else:
        table.to_pickle(path)


def read_source(folder: Path) -> Any:
    """The checked tables of the folder."""
    from graphtwin import sources

    return sources.load(folder / "tables.toml")


def check_source(folder: Path, source: Any) -> None:
    """Ids are int64 and those that the file spells."""
    for table in source.tables:
        for name in [name for name in table.frame if name.endswith("_id")]:
            require(table.frame[name].dtype == np.int64 and (table.frame[name] >= 0).all(), f"{table.origin}: {name} is no id")
        spelled = spelled_ids(folder / table.origin)
        if spelled is not None and "root_id" in table.frame:
            require(set(table.frame["root_id"]) <= spelled, f"{table.origin}: a root id is not one that the file spells")


def spelled_ids(path: Path) -> set[int] | None:
    """Every whole number in a text file; None for other files."""
    if path.suffix != ".csv":
        return None
    return {int(number) for number in re.findall(rb"\d{1,19}", path.read_bytes())}


def one_table(name: str, table: pd.DataFrame, reader: Callable[[], Callable[[Path], Any]], suffix: str, share: int) -> Format:
    """A format that is a single table file."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        write(table, folder / f"table{suffix}")

    def check(folder: Path, found: pd.DataFrame) -> None:
        for column in [column for column in found if column in IDS]:
            require(found[column].dtype == np.int64 and (found[column] >= 0).all(), f"{column} is no id")
        spelled = spelled_ids(folder / f"table{suffix}")
        for column in [column for column in found if spelled is not None and column in IDS]:
            require(set(found[column]) <= (spelled or set()), f"an id of {column} is not one that the file spells")

    return Format(name + suffix, share, make, lambda folder: reader()(folder / f"table{suffix}"), check)


def table_formats() -> list[Format]:
    """Tables that a command takes by themselves."""
    import graphtwin.sources.loaders as loaders

    n = np.arange(1, 7)
    pairs = pd.DataFrame({"pre_nucleus_id": n, "post_nucleus_id": n[::-1] + 9, "n_synapses": n % 2, "l_d_um": n * 1.5, "similarity": 0.1})
    places = {f"pt_position_{axis}": 100_000 + 10 * n for axis in "xyz"}
    neurons = pd.DataFrame(
        {"nucleus_id": n, "session": 1, "scan_idx": 2, "unit_id": n, "nucleus_x": 4e5, "nucleus_y": 5e5, "nucleus_z": 6e5}
    )
    connections = pd.DataFrame({"pre_pt_root_id": ROOT + n, "post_pt_root_id": ROOT + n[::-1] + 10, "size": 10.0 * n})
    proximities = pd.DataFrame({"pre_nucleus_id": n, "post_nucleus_id": n[::-1] + 9, "l_d_um": 2.5 * n})
    units = {"session": 1, "scan_idx": 2, "unit_id": n}
    embeddings = pd.DataFrame(units | {f"embedding_{i}": 0.5 * n for i in range(3)})
    nuclei = pd.DataFrame({"id": n, "pt_root_id": ROOT + n} | places)
    matches = pd.DataFrame(units | {"target_id": n, "pt_root_id": ROOT + n} | places)
    sides = {f"{side}_pt_position_{axis}": 100_000 + n for side in ("pre", "ctr", "post") for axis in "xyz"}
    synapses = pd.DataFrame({"id": n, "pre_pt_root_id": ROOT + n, "post_pt_root_id": ROOT + n + 10, "size": 9} | sides)
    return [
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".csv", 4),
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".parquet", 3),
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".pkl", 6),
        one_table("neurons", neurons, lambda: loaders.read_neurons, ".csv", 3),
        one_table("neurons", neurons, lambda: loaders.read_neurons, ".pkl", 4),
        one_table("connections", connections, lambda: loaders.read_connections, ".csv", 4),
        one_table("connections", connections, lambda: loaders.read_connections, ".parquet", 3),
        one_table("proximities", proximities, lambda: loaders.read_proximities, ".csv", 3),
        one_table("embeddings", embeddings, lambda: read_embeddings, ".parquet", 3),
        one_table("embeddings", embeddings, lambda: read_embeddings, ".csv", 3),
        one_table("nuclei", nuclei, lambda: loaders.em_tables.read_nuclei, ".csv", 3),
        one_table("matches", matches, lambda: loaders.read_matches, ".csv", 3),
        one_table("synapses", synapses, lambda: loaders.em_tables.read_synapses, ".csv", 3),
    ]


def read_embeddings(path: Path) -> pd.DataFrame:
    """The embeddings of a table or matrix, joined to the units of a cortex."""
    import graphtwin.sources.loaders as loaders
    from graphtwin import tuning

    n = np.arange(1, 7)
    units = pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": n, "nucleus_id": n})
    return tuning.check_embeddings(loaders.read_embeddings(path), units, str(path))[0]


def make_matrix(folder: Path) -> None:
    """Embeddings as a matrix with ids beside it."""
    folder.mkdir(parents=True)
    np.save(folder / "X.npy", np.random.default_rng(0).normal(size=(5, 3)))
    pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": 1 + np.arange(5)}).to_csv(folder / "X.ids.csv", index=False)


def check_matrix(folder: Path, found: pd.DataFrame) -> None:
    """Each unit has the row of the matrix that the ids name."""
    matrix = np.load(folder / "X.npy", mmap_mode="r")
    vectors = found[[name for name in found if name.startswith("embedding_")]].to_numpy()
    require(len(found) <= len(matrix) and np.isfinite(vectors).all(), "rows are added, or are not finite")
    known = np.asarray(matrix, np.float32)
    require(all((known == vector).all(axis=1).any() for vector in vectors), "a vector is none of the matrix")
