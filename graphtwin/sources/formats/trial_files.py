"""Trials of a circuit in HDF5: what went in, what neurons did and what came out, step by step, with the names of all columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.extras import require_packages
from graphtwin.shapes import Float
from graphtwin.told import told_by_fields

ARRAYS = {"stimulus": "stimulated", "activity": "recorded", "output": "outputs"}  # array -> the names of its columns


@told_by_fields
@dataclass(frozen=True)
class TrialArrays:
    """The content of a file of trials, under the names of neurons.

    Attributes:
        origin: Path of the file.
        dt_s: Seconds a step.
        stimulus: External input.
        stimulated: Names of the neurons that get it.
        activity: Recorded activity, NaN where nothing was recorded.
        recorded: Names of the recorded neurons.
        output: Motor output; 0 columns without.
        outputs: Names of its columns.
        names: Name of each trial.
    """

    origin: str
    dt_s: float
    stimulus: Float[np.ndarray, "trials steps stimulated"]
    stimulated: tuple[str, ...]
    activity: Float[np.ndarray, "trials steps recorded"]
    recorded: tuple[str, ...]
    output: Float[np.ndarray, "trials steps outputs"]
    outputs: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class StimulusFile:
    """The stimulus of an open file of trials, which stays on the disk: a slice of `values` is read when it is asked for.

    Attributes:
        origin: Path of the file.
        dt_s: Seconds a step.
        values: External input, a dataset of trials x steps x stimulated neurons.
        stimulated: Names of the neurons that get it.
        names: Name of each trial.
    """

    origin: str
    dt_s: float
    values: Any
    stimulated: tuple[str, ...]
    names: tuple[str, ...]


def read_trials(path: str | Path) -> TrialArrays:
    """The trials of a file, as `write_trials` and `data/README.md` lay it out.

    Args:
        path: HDF5 file: `stimulus`, `activity` and, where there is one, `output` (trials x steps x columns), the names of their columns
            as `stimulated`, `recorded` and `outputs`, the names of trials as `names`, and seconds a step as the attribute `dt_s`.

    Raises:
        ValueError: It is no HDF5 file, lacks one of these, or arrays and names are of different trials, steps or columns.
    """
    with _opened(Path(path)) as file:
        try:
            return _content(file, str(path))
        except OSError as error:
            raise _cut_short(path, error) from error


@contextmanager
def open_stimulus(path: str | Path) -> Iterator[StimulusFile]:
    """The stimulus of a file of trials, as long as the block goes on; it may be longer than memory, and nothing else need be in the file.

    Args:
        path: HDF5 file: `stimulus` (trials x steps x columns), the names of its columns as `stimulated` and of trials as `names`, and
            seconds a step as the attribute `dt_s`, as in a file of trials.

    Raises:
        ValueError: It is no HDF5 file, lacks one of these, or they are of different trials or columns.
    """
    with _opened(Path(path)) as file:
        origin = str(path)
        _require_there(file, ["stimulus", "stimulated", "names"], origin)
        values, stimulated, names = file["stimulus"], *(_names(file[name], f"{origin}, {name}") for name in ("stimulated", "names"))
        _require_numbers(values, f"{origin}, stimulus")
        if values.shape[0] != len(names) or values.shape[2] != len(stimulated) or not values.shape[1]:
            raise ValueError(
                f"{origin}: stimulus of shape {values.shape} (trials x steps x columns), {len(names)} names of trials, {len(stimulated)} "
                "of columns. Name each trial and each column, and give at least one step."
            )
        yield StimulusFile(origin, float(file.attrs["dt_s"]), values, stimulated, names)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An HDF5 file to read from."""
    require_packages("trials in HDF5 files", "h5py")
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the HDF5 file of trials.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _cut_short(path, error) from error
    with file:
        yield file


def _cut_short(path: str | Path, error: OSError) -> ValueError:
    """The error of a file that HDF5 cannot read."""
    return ValueError(f"{path}: no HDF5 file, or one that was cut short ({error}). Export the trials again.")


def _require_there(file: Any, needed: list[str], origin: str) -> None:
    """Raise where datasets are missing, or the length of a step."""
    missing = [name for name in needed if name not in file]
    if missing:
        raise ValueError(f"{origin}: {len(missing)} of {len(needed)} datasets are missing: {missing}. The file has {sorted(file)}.")
    if "dt_s" not in file.attrs:
        raise ValueError(f"{origin}: nothing says how long a step is. Write the seconds as the attribute `dt_s` of the file.")


def _content(file: Any, origin: str) -> TrialArrays:
    """The arrays and names of an open file, held against each other."""
    _require_there(file, ["stimulus", "stimulated", "activity", "recorded", "names", *(["outputs"] if "output" in file else [])], origin)
    arrays = {name: _array(file[name], f"{origin}, {name}") for name in ARRAYS if name in file}
    arrays.setdefault("output", np.empty((*arrays["stimulus"].shape[:2], 0), np.float32))
    names = {name: _names(file[name], f"{origin}, {name}") if name in file else () for name in (*ARRAYS.values(), "names")}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len({shape[:2] for shape in shapes.values()}) > 1 or shapes["stimulus"][0] != len(names["names"]):
        raise ValueError(
            f"{origin}: trials of unequal number or length: {shapes} (trials x steps x columns), and {len(names['names'])} names of "
            "trials. Cut all to one length, and give every array the same trials."
        )
    for array, column in ARRAYS.items():
        if shapes[array][2] != len(names[column]):
            raise ValueError(
                f"{origin}: {array} has {shapes[array][2]} columns, {column} has {len(names[column])} names. Name each column."
            )
    return TrialArrays(
        origin=origin,
        dt_s=float(file.attrs["dt_s"]),
        stimulus=arrays["stimulus"],
        stimulated=names["stimulated"],
        activity=arrays["activity"],
        recorded=names["recorded"],
        output=arrays["output"],
        outputs=names["outputs"],
        names=names["names"],
    )


def _array(dataset: Any, origin: str) -> np.ndarray:
    """A dataset of numbers in three dimensions."""
    _require_numbers(dataset, origin)
    return np.asarray(dataset, dtype=np.float32)


def _require_numbers(dataset: Any, origin: str) -> None:
    """Raise where a dataset holds no numbers in three dimensions."""
    if dataset.dtype.kind not in "fiu" or dataset.ndim != 3:
        raise ValueError(f"{origin}: {dataset.dtype} of shape {dataset.shape}. Write numbers as trials x steps x columns.")


def _names(dataset: Any, origin: str) -> tuple[str, ...]:
    """A dataset of text, one name an entry."""
    if dataset.ndim != 1 or dataset.dtype.kind not in "SO":
        raise ValueError(f"{origin}: {dataset.dtype} of shape {dataset.shape}. Write one text an entry.")
    return tuple(value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in dataset[()])


def write_trials(trials: TrialArrays, path: Path) -> None:
    """Write a file of trials, whole or not at all.

    Args:
        trials: What is written; `origin` is not.
        path: File to make.
    """
    import h5py

    from graphtwin.artifacts import write_atomic

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file:
            file.attrs["dt_s"] = trials.dt_s
            for array, column in ARRAYS.items():
                if len(getattr(trials, column)) or array != "output":
                    file.create_dataset(array, data=getattr(trials, array).astype(np.float32), compression="gzip", compression_opts=4)
                    file[column] = np.array(getattr(trials, column), dtype=h5py.string_dtype())
            file["names"] = np.array(trials.names, dtype=h5py.string_dtype())

    write_atomic(path, write)
