"""The crawling circuit of the larval fly: premotor neurons, motor neurons of a segment and the order in which they are recruited."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import sha256
from graphtwin.extras import require_packages
from graphtwin.shapes import Float
from graphtwin.sources.formats import RECRUITMENT, SourceTables, Table, describe_columns, with_signs

DATASETS = ("Jpm", "Jpp", "p", "m", "nt", "mnorder")
SIGNS = {"exc": 1, "inh": -1}  # words of the published file, which states what a premotor neuron does and not what it releases
ORDERS = ("forward", "backward")  # rows of mnorder
M = 1  # one materialization
SHOWN = 8  # words that a note shows
WHAT = "place in the order in which motor neurons of a segment are recruited, by crawling; a motor neuron without one was not seen"
CREDITS = {"connectome": "Zarin et al. 2019, doi:10.7554/eLife.51781; a file of the user's own, in the layout of its model"}

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class CrawlingFile:
    """The content of a file.

    Attributes:
        motor_input: Synapses of each motor neuron (rows) from each premotor neuron.
        premotor_input: Synapses of each premotor neuron (rows) from each other.
        premotor: Names of premotor neurons.
        motor: Names of motor neurons.
        transmitter: What the file says of each premotor neuron.
        order: Place of each motor neuron in each order, 0 unknown; NaN, too, where the file has it.
    """

    motor_input: Float[np.ndarray, "motor premotor"]
    premotor_input: Float[np.ndarray, "premotor premotor"]
    premotor: tuple[str, ...]
    motor: tuple[str, ...]
    transmitter: tuple[str, ...]
    order: Float[np.ndarray, "orders motor"]


def load_larva(path: str | Path, transmitters: Mapping[str, int] | None = None) -> SourceTables:
    """Premotor and motor neurons of one segment, their synapses and what is known of signs, and as function the order of recruitment.

    The second half of the file's motor neurons is a second segment. Where its order is a copy of that of the first, it is left out, which
    is said with the number of its neurons. Motor neurons have no synapses on others there. All premotor neurons are kept.

    Args:
        path: HDF5 file with `Jpm` (motor x premotor), `Jpp` (premotor x premotor, rows receive), the names `p` and `m`, `nt` of each
            premotor neuron and `mnorder` (forward and backward x motor, 0 or NaN unknown). Where `Jpm` is premotor x motor, both are
            turned, and where `mnorder` is motor x 2, that; nothing can tell that `Jpp` alone is turned, whose rows must receive.
        transmitters: What a transmitter in `nt` does: 1 excites, -1 inhibits. The words exc and inh need none; all others have no sign.

    Raises:
        ValueError: A dataset is missing, or shapes do not fit the names, or a place is negative or infinite.
    """
    path = Path(path)
    read = _first_segment(_read(path), str(path))
    names = tuple(sorted({*read.premotor, *read.motor}))
    every = (*read.premotor, *read.motor)
    if len(names) < len(every):
        repeated = sorted({name for name in every if every.count(name) > 1})
        raise ValueError(
            f"{path}: {len(every) - len(names)} of {len(every)} neurons have the name of another, first {repeated[:4]}. Two neurons of "
            "one name cannot be told apart: name each differently."
        )
    ids = np.searchsorted(np.array(names), np.array(every)) + 1
    cells = _cells(read, ids, transmitters or {}, str(path))
    tables = [
        Table("circuit_cells", M, path.name, cells),
        Table("cell_types_fine", M, path.name, cells[["nucleus_id", "root_id", "cell_type"]]),
        Table("synapses", M, path.name, _synapses(read, ids)),
        *(Table(f"queried_{side}", M, path.name, pd.DataFrame({f"{side}_root_id": ids})) for side in ("post", "pre")),
        *_recruitment(read, ids, path.name),
    ]
    return SourceTables("larva", tuple(tables), {path.name: sha256(path)}, names=names, credits=CREDITS)


def _read(path: Path) -> CrawlingFile:
    """The file's content, rows receiving."""
    require_packages("the crawling circuit", "h5py")
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the HDF5 file of the crawling circuit.")
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in DATASETS if name not in file]
            if missing:
                raise ValueError(
                    f"{path}: {len(missing)} of {len(DATASETS)} datasets are missing: {missing}. The file has {sorted(file)}; the layout "
                    "of the crawling circuit is described in data/README.md."
                )
            groups = [name for name in DATASETS if not isinstance(file[name], h5py.Dataset)]
            if groups:
                raise ValueError(
                    f"{path}: {groups} are groups and no datasets. Write the matrix, or the names, themselves under this name."
                )
            arrays = {name: np.asarray(file[name][()]) for name in DATASETS}
    except OSError as error:
        raise ValueError(f"{path}: no HDF5 file, or one that was cut short ({error}). Export it again.") from error
    premotor, motor, transmitter = (_text(arrays[name], name, path) for name in ("p", "m", "nt"))
    n, m = len(premotor), len(motor)
    counts, among, order = (_numbers(arrays[name], name, path) for name in ("Jpm", "Jpp", "mnorder"))
    if counts.shape == (n, m) and n != m:  # written with the axes the other way round
        log.warning("%s: Jpm is %d premotor x %d motor neurons: it and Jpp are turned, so that rows receive in both.", path, n, m)
        counts, among = counts.T, among.T
    if order.shape == (m, len(ORDERS)) and m != len(ORDERS):
        log.warning("%s: mnorder is %d motor neurons x %d orders: it is turned.", path, m, len(ORDERS))
        order = order.T
    wanted = {"Jpm": (counts, (m, n)), "Jpp": (among, (n, n)), "mnorder": (order, (len(ORDERS), m))}
    wrong = [f"{name} {array.shape} for {shape}" for name, (array, shape) in wanted.items() if array.shape != shape]
    if wrong or len(transmitter) != n:
        raise ValueError(
            f"{path}: {n} premotor neurons, {m} motor neurons and {len(transmitter)} transmitters do not fit: {'; '.join(wrong)}. Export "
            "names and matrices of the same neurons."
        )
    _require_places(order, motor, str(path))
    return CrawlingFile(counts, among, premotor, motor, transmitter, order)


def _require_places(order: Float[np.ndarray, "orders motor"], motor: tuple[str, ...], origin: str) -> None:
    """Raise where a place is infinite or negative; say in the log how many are NaN."""
    wrong = np.isinf(order) | (order < 0)
    if wrong.any():
        which, of = np.argwhere(wrong)[0]
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {order.size} places in mnorder are infinite or negative, first {order[which, of]:g} of "
            f"{motor[of]}, {ORDERS[which]}. Places are 1, 2, ...; write 0 where a motor neuron was not seen."
        )
    unknown = np.isnan(order)
    if unknown.any():
        named = motor[np.flatnonzero(unknown.any(axis=0))[0]]
        log.warning("%s: %d of %d places in mnorder are NaN, first of %s: unknown, as 0 is.", origin, unknown.sum(), order.size, named)


def _text(values: np.ndarray, name: str, path: Path) -> tuple[str, ...]:
    """Words of a dataset as text."""
    try:
        return tuple(value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values.ravel())
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: {name} has {error.object!r}, which is no text in UTF-8. Write its {values.size} words in UTF-8."
        ) from error


def _numbers(values: np.ndarray, name: str, path: Path) -> Float[np.ndarray, "*shape"]:
    """Numbers of a dataset."""
    try:
        return np.asarray(values.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: {name} is of {values.dtype}, first {values.ravel()[0]!r}, and not of numbers. Write {values.shape} numbers."
        ) from error


def _first_segment(read: CrawlingFile, origin: str) -> CrawlingFile:
    """The file without its second segment, where that one's order is a copy of the first's; a NaN of either may be what the other has."""
    half, odd = divmod(len(read.motor), 2)
    if odd or not half:
        return read
    first, second = read.order[:, :half], read.order[:, half:]
    both = ~np.isnan(first) & ~np.isnan(second)
    if not both.any() or (first != second)[both].any():
        return read
    differ = int((read.motor_input[:half] != read.motor_input[half:]).any(axis=1).sum())
    log.warning(
        "%s: the second segment, %d of %d motor neurons, has a copy of the first's order of recruitment (%d other inputs): one is read.",
        origin,
        half,
        len(read.motor),
        differ,
    )
    return CrawlingFile(
        read.motor_input[:half],
        read.premotor_input,
        read.premotor,
        read.motor[:half],
        read.transmitter,
        np.where(np.isnan(first), second, first),
    )


def _cells(read: CrawlingFile, ids: np.ndarray, transmitters: Mapping[str, int], origin: str) -> pd.DataFrame:
    """All neurons, premotor ones first."""
    n = len(read.premotor)
    met = {name.casefold() for name in read.transmitter}
    frame = pd.DataFrame(
        {
            "nucleus_id": ids,
            "root_id": ids,
            "cell_type": ["premotor"] * n + ["motor"] * len(read.motor),
            "transmitter": [name or None for name in read.transmitter] + [None] * len(read.motor),
            "sensory": np.zeros(len(ids), bool),
            "motor": np.arange(len(ids)) >= n,
        }
    )
    signed = with_signs(frame, {name: sign for name, sign in SIGNS.items() if name in met} | dict(transmitters), origin)
    other = [name for name, sign in zip(read.transmitter, signed["sign"], strict=False) if name.strip() and not sign]
    if other:
        words = ", ".join(sorted(set(other))[:SHOWN])
        log.warning(
            "%s: nt of %d of %d premotor neurons is neither exc nor inh (%s), and no sign follows. Write exc and inh, or state what a "
            "transmitter does: load_larva(file, transmitters={'ach': 1}).",
            origin,
            len(other),
            n,
            words,
        )
    return signed


def _synapses(read: CrawlingFile, ids: np.ndarray) -> pd.DataFrame:
    """Connected pairs of both matrices."""
    counts = np.concatenate([read.premotor_input, read.motor_input])
    post, pre = np.nonzero(counts)
    return pd.DataFrame({"pre_root_id": ids[pre], "post_root_id": ids[post], "size": counts[post, pre]})


def _recruitment(read: CrawlingFile, ids: np.ndarray, origin: str) -> list[Table]:
    """The order of recruitment: as function of motor neurons, NaN where one has no place, and as rows of neuron and condition."""
    if not (read.order > 0).any():
        log.warning("%s: none of %d motor neurons has a place in an order of recruitment (mnorder is 0).", origin, len(read.motor))
        return []
    places = pd.DataFrame(np.where(read.order > 0, read.order, np.nan).T, columns=[f"recruited_{name}" for name in ORDERS])
    seen = places.notna().any(axis=1).to_numpy()
    log.info("%s: %d of %d motor neurons have a place in an order of recruitment.", origin, seen.sum(), len(seen))
    places, of = places[seen].reset_index(drop=True), ids[len(read.premotor) :][seen]
    told = describe_columns(places, "gaussian", None, {}, None, WHAT, origin)
    function = Table("function", M, origin, pd.concat([pd.DataFrame({"nucleus_id": of}), places], axis=1), columns=told)
    at, condition = np.nonzero(places.notna().to_numpy())
    words = np.array(ORDERS, dtype=object)[condition]
    rows = pd.DataFrame({"root_id": of[at], "condition": words, "order": places.to_numpy(np.float64)[at, condition]})
    return [function, Table(RECRUITMENT, M, origin, rows)]
