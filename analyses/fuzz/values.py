"""Values that no byte would turn into: whole columns, arrays, datasets and parts of documents replaced by what Hypothesis draws."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mutations import places_of
from table_examples import write

SUFFIXES = {".npy", ".npz", ".csv", ".parquet", ".feather", ".pkl", ".json", ".nwb"}  # files whose values are replaced
DTYPES = ["<f8", "<f4", ">f4", "<i8", "<u8", "<i2", "u1", "?", "<c8", "<U3", "<M8[s]"]
INTEGERS = st.integers(-5, 20) | st.integers(-(2**63), 2**64) | st.sampled_from([2**53 + 1, 864691135000000001, 2**63, 2**31])
FLOATS = st.floats(width=32) | st.sampled_from([0.5, -1.0, 1e30, 864691135000000001.0])
TEXT = st.text(max_size=6) | st.sampled_from(["864691135000000001", "1,5", " 7", "7.0", "nan", "True", "1e3", "[1, 2]", "8.64691E+17"])
CELLS = st.none() | INTEGERS | FLOATS | TEXT | st.booleans()
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "id", "key", "@type"]) | TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def columns(draw: st.DrawFn, rows: int) -> list[Any]:
    """As many cells of one kind, or of any kinds, as a table has rows."""
    kind = draw(st.sampled_from([INTEGERS, st.integers(0, 9), FLOATS, TEXT, st.booleans(), CELLS, st.lists(FLOATS, max_size=3)]))
    return draw(st.lists(kind, min_size=rows, max_size=rows))


def array(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """An array of any plain dtype, of a shape like the one given or of another."""
    shapes = st.just(shape) | st.permutations(shape).map(tuple) | arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6)
    return st.sampled_from(DTYPES).flatmap(lambda dtype: arrays.arrays(np.dtype(dtype), shapes))


def files_with_values(folder: Path) -> list[Path]:
    """The files of an example of which this knows the values."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and (path.suffix in SUFFIXES or path.name == "info"))


def has_values(folder: Path) -> bool:
    """Whether `replace` knows any file of an example."""
    return bool(files_with_values(folder))


def replace(draw: st.DrawFn, valid: Path, folder: Path) -> None:
    """Copy an example and replace one value of it by a drawn one.

    Args:
        draw: Hypothesis' way to draw.
        valid: Folder of the example.
        folder: Folder to write.
    """
    shutil.copytree(valid, folder)
    files = files_with_values(folder)
    file = draw(st.sampled_from(files))
    if file.suffix == ".npy":
        np.save(file, draw(array(np.load(file).shape)))
    elif file.suffix == ".npz":
        with np.load(file) as held:
            content = dict(held)
        name = draw(st.sampled_from(sorted(content)))
        np.savez(file, **{**content, name: draw(array(content[name].shape))})
    elif file.suffix == ".nwb":
        _replace_dataset(draw, file)
    elif file.suffix in {".csv", ".parquet", ".feather", ".pkl"}:
        _replace_column(draw, file)
    else:
        held = json.loads(file.read_text())
        within, key = draw(st.sampled_from(list(places_of(held))))
        within[key] = draw(JSON)
        file.write_text(json.dumps(held))


def _replace_column(draw: st.DrawFn, file: Path) -> None:
    """A column of a table, or its name, is another."""
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".feather": pd.read_feather, ".pkl": pd.read_pickle}
    table = readers[file.suffix](file)
    name = draw(st.sampled_from(list(table.columns)))
    if draw(st.booleans()):
        table = table.rename(columns={name: draw(TEXT)})
    else:
        table[name] = pd.Series(draw(columns(len(table))), dtype=None if draw(st.booleans()) else object)
    try:
        write(table, file)
    except (ValueError, TypeError, OverflowError, NotImplementedError):  # a table that its format cannot hold: as text, which holds all
        write(table.astype(str), file)


def _replace_dataset(draw: st.DrawFn, file: Path) -> None:
    """A dataset of numbers in an HDF5 file is another."""
    with h5py.File(file, "r+") as held:
        names: list[str] = []
        held.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" else None)
        name = draw(st.sampled_from(sorted(names)))
        drawn = draw(array(held[name].shape))
        about = dict(held[name].attrs)
        del held[name]
        held[name] = drawn if drawn.dtype.kind in "iufbc" else np.char.encode(drawn.astype(str), "utf-8")
        for key, value in about.items():
            held[name].attrs[key] = value
