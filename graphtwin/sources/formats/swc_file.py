"""SWC: a neuron as a table of nodes, one a line: number, type, x, y, z, radius, number of the parent; # begins a comment.

Read as programs write it: any of blank, tab, comma and semicolon between the columns, a decimal comma beside tabs or semicolons, a mark of
the byte order, Latin-1 in the comments, a line of column names, more columns behind the seventh.
"""

from __future__ import annotations

import codecs
import re
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64

from graphtwin.sources.formats.compartments import SYNAPSE, RawSkeleton
from graphtwin.sources.formats.swc_header import SwcHeader, read_header

COLUMNS = ["node", "type", "x", "y", "z", "radius", "parent"]  # columns of SWC, in its order
NODE, TYPE, XYZ, PARENT = 0, 1, slice(2, 5), 5  # columns of the table, in which the radius is left out
NAMES = re.compile(r"\A(?:\s*#[^\r\n]*)*\s*([A-Za-z\"'][^\r\n]*)")  # a line of column names above the nodes, which may have units
LARGEST = 2.0**53  # numbers of nodes below it are exact as float64


def read_swc(path: Path) -> RawSkeleton:
    """The neuron of an SWC file, with offset and scale of its header applied, and the unit that it declares.

    A node whose parent is negative or itself is a root, and so is one with parent 0 where no node is 0.

    Args:
        path: Path of the file.
    """
    text, encoding = _text(path)
    header = read_header([*_comments(text), *NAMES.findall(text)], path)
    nodes = _table(text, encoding, path)
    labels, notes = _labels(nodes[:, TYPE], header)
    vertices = nodes[:, XYZ] * header.scale + header.offset
    return RawSkeleton(vertices, _edges(nodes, path), labels, header.nm_per_unit, directed=True, notes=notes)


def _text(path: Path) -> tuple[str, str]:
    """The text of a file and its encoding: UTF-8, UTF-16 with a mark, or Latin-1."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace"), "utf-16"
    try:
        return content.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError:
        return content.removeprefix(codecs.BOM_UTF8).decode("latin-1"), "latin-1"


def _comments(text: str) -> list[str]:
    """The lines that begin with #, without it; comments behind a node say something of the node alone."""
    found = []
    for match in re.finditer(r"#[^\r\n]*", text):
        before = max(text.rfind("\n", 0, match.start()), text.rfind("\r", 0, match.start())) + 1
        if not text[before : match.start()].strip():
            found.append(match[0].strip("# \t"))
    return found


def _table(text: str, encoding: str, path: Path) -> Float[np.ndarray, "nodes 6"]:
    """Number, type, x, y, z and parent of each node, straight from the file where its lines are as SWC has them."""
    try:
        nodes = _numbers(str(path), encoding)
    except (ValueError, OverflowError) as error:
        nodes = _from_lines(text.splitlines(), path, error)
    return _whole_numbers(nodes, path) if nodes.size else np.empty((0, 6))


def _from_lines(lines: list[str], path: Path, error: Exception) -> np.ndarray:
    """The numbers of lines that have a line of column names above them, or other separators than blanks."""
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines))
    lines = lines[first:]
    if lines and re.match(r"\s*[A-Za-z_\"']", lines[0]) and not re.match(r"\s*(nan|inf)\b", lines[0], re.IGNORECASE):
        names = [name.strip("\"' ").lower() for name in re.split(r"[\s,;]+", lines.pop(0).strip())]
        if [name[:1] for name in names[2:5]] != ["x", "y", "z"]:
            raise ValueError(f"{path}: the line of column names is {names}, but SWC has {', '.join(COLUMNS)} in this order. Write them so.")
    odd = next((line for line in lines if re.match(r"[^#]*[,;]", line)), None)
    try:
        return _numbers(_with_blanks(lines, odd) if odd else lines)
    except (ValueError, OverflowError):
        raise ValueError(f"{path}: no SWC that can be read ({error}). Each line needs {', '.join(COLUMNS)}.") from error


def _numbers(lines: list[str] | str, encoding: str | None = None) -> np.ndarray:
    """Numbers between blanks, all columns but the radius, of lines or of the file of that name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # numpy's, of lines that hold a comment alone
        return np.loadtxt(lines, ndmin=2, usecols=(0, 1, 2, 3, 4, 6), encoding=encoding)


def _with_blanks(lines: list[str], odd: str) -> list[str]:
    """Lines with blanks between their columns and a point in their decimals, as one line shows what stands there now."""
    odd = odd.split("#")[0]
    words = odd.split()
    decimal = ";" in odd or (len(words) >= len(COLUMNS) and not any(word[0] == "," or word[-1] == "," for word in words))
    table = str.maketrans(",;", ". ") if decimal else str.maketrans(",", " ")
    return [line.translate(table) for line in lines]


def _whole_numbers(nodes: Float[np.ndarray, "nodes 6"], path: Path) -> Float[np.ndarray, "nodes 6"]:
    """The nodes, if numbers, types and parents are whole."""
    for column, name in ((NODE, "number"), (TYPE, "type"), (PARENT, "parent")):
        values = nodes[:, column]
        good = (np.abs(values) < LARGEST) & (values == np.rint(values))
        if not good.all():
            wrong = ~good
            raise ValueError(
                f"{path}: the {name} of {int(wrong.sum())} of {len(nodes)} nodes is no whole number below 2^53, first "
                f"{nodes[wrong, column][0]:g} at node {int(np.argmax(wrong)) + 1} of the file. Each line needs {', '.join(COLUMNS)}."
            )
    return nodes


def _labels(types: Float[np.ndarray, " nodes"], header: SwcHeader) -> tuple[Int64[np.ndarray, " nodes"], tuple[tuple[str, int], ...]]:
    """SWC code of each node, by the header's own list of codes where there is one; and what of the header was used."""
    given = types.astype(np.int64)
    labels = given.copy()
    notes = []
    for code, meaning in header.codes.items():
        labels[given == code] = meaning
        n = int((given == code).sum())
        if n and meaning == SYNAPSE:
            notes.append((f"{{n}} vertices of code {code} ({header.names[code]} by the header), which belong where their parents do", n))
    if any(header.offset):
        notes.append(("{n} files with an OFFSET in the header, which was added", 1))
    if header.scale != (1.0, 1.0, 1.0):
        notes.append(("{n} files with a SCALE in the header, by which coordinates were multiplied", 1))
    if header.shrinkage:
        notes.append(("{n} files with a SHRINKAGE_CORRECTION in the header, which is taken for applied", 1))
    return labels, tuple(notes)


def _edges(nodes: Float[np.ndarray, "nodes 6"], path: Path) -> Int64[np.ndarray, "edges 2"]:
    """Places of each node that has a parent and of that parent."""
    number, parent = nodes[:, NODE].astype(np.int64), nodes[:, PARENT].astype(np.int64)
    root = (parent < 0) | (parent == number) | ((parent == 0) & ~(number == 0).any())
    child = np.flatnonzero(~root)
    place = _places(number, parent[child], path)
    lost = number[place] != parent[child]
    if lost.any():
        raise ValueError(
            f"{path}: {int(lost.sum())} of {len(nodes)} nodes have a parent that is not in the file, first node {number[child[lost]][0]} "
            f"with parent {parent[child[lost]][0]}. Export the whole tree, or make them roots (parent -1)."
        )
    rootless = np.zeros(0, bool) if (place < child).all() else _rootless(child, place, len(nodes))
    if rootless.any():
        raise ValueError(
            f"{path}: {int(rootless.sum())} of {len(nodes)} nodes have no root above them, first node {number[np.argmax(rootless)]}: "
            "their parents form a circle. Export the tree again."
        )
    return np.column_stack([child, place])


def _places(number: Int64[np.ndarray, " nodes"], asked: Int64[np.ndarray, " edges"], path: Path) -> Int64[np.ndarray, " edges"]:
    """Place of each asked number among those of the nodes; any place for a number that is not there."""
    last = len(number) - 1
    if (number == number[:1] + np.arange(len(number))).all():  # as most files number them
        return np.clip(asked - number[:1], 0, last)
    order = np.argsort(number, kind="stable")
    repeated = int((np.diff(number[order]) == 0).sum())
    if repeated:
        raise ValueError(f"{path}: {repeated} of {len(number)} nodes have the number of another one. Number every node once.")
    return order[np.minimum(np.searchsorted(number[order], asked), last)]


def _rootless(child: Int64[np.ndarray, " edges"], parent: Int64[np.ndarray, " edges"], n_nodes: int) -> Bool[np.ndarray, " nodes"]:
    """Whether the parents of a node lead to no root: after as many steps as there are nodes, it is still below another one."""
    up = np.arange(n_nodes)
    up[child] = parent
    has_parent = np.zeros(n_nodes, bool)
    has_parent[child] = True
    for _ in range(max(n_nodes, 1).bit_length()):
        up = up[up]
    return has_parent[up]
