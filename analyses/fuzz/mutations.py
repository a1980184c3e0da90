"""Ways in which bytes, words of a text and values of a document are spoiled: functions of the content and a generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

# Numbers of a header that readers trip over: none, signs, the edges of integers, NaN and infinity as float32.
EDGES = [0, 1, 2**7, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 0x7FC00000, 0x7F800000]
# Words that a table or a header may hold where a number belongs.
WORDS = [b"", b"nan", b"inf", b"-1", b"0", b"1e400", b"9223372036854775808", b"864691135000000001", b"8.64691E+17", b"1,5", b"x", b"None"]
WORDS += [b"true", b"\xef\xbb\xbf", b"\xe9", b"\x00", b"1" * 400, b'"', b";", b"\t", b"0x1f", b"1_000", b"-0", b"1.5", b"#", b"[1, 2"]
VALUES: list[Any] = [None, True, 0, -1, 1.5, 1e300, 2**63, 2**70, "", "x", "1", [], [0], [0, 0, 0], [1e9] * 3, {}, {"x": 1}, "../x", "a/b"]
SEPARATORS = b",; \t"


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes are others."""
    spoiled = bytearray(content)
    for place in rng.integers(0, len(spoiled), rng.integers(1, 9)):
        spoiled[place] = rng.integers(256)
    return bytes(spoiled)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return content[: int(rng.integers(0, len(content)))]


def splice(content: bytes, rng: np.random.Generator) -> bytes:
    """A stretch is taken out, doubled, zeroed, or stands elsewhere."""
    first, last = np.sort(rng.integers(0, len(content) + 1, 2))
    last = min(last, first + int(rng.integers(1, 4096)))
    stretch = content[first:last]
    place = int(rng.integers(0, len(content) + 1))
    middle = [b"", stretch * 2, bytes(len(stretch))][rng.integers(3)]
    if rng.random() < 0.25:
        return content[:place] + stretch + content[place:]
    return content[:first] + middle + content[last:]


def edge_number(content: bytes, rng: np.random.Generator) -> bytes:
    """A number of two, four or eight bytes is one at an edge of its type."""
    width = int(rng.choice([2, 4, 8]))
    if len(content) < width:
        return flip(content, rng)
    place = int(rng.integers(0, (len(content) - width) // 2 + 1)) * 2
    value = EDGES[rng.integers(len(EDGES))] % 2 ** (8 * width)
    return content[:place] + value.to_bytes(width, "little") + content[place + width :]


def word(content: bytes, rng: np.random.Generator) -> bytes:
    """A word of a text is another."""
    lines = content.split(b"\n")
    row = int(rng.integers(0, max(min(len(lines), 1 if rng.random() < 0.2 else len(lines)), 1)))
    separator = next((bytes([s]) for s in SEPARATORS if bytes([s]) in lines[row]), b",")
    cells = lines[row].split(separator)
    cells[rng.integers(len(cells))] = WORDS[rng.integers(len(WORDS))]
    lines[row] = separator.join(cells)
    return b"\n".join(lines)


def rows(content: bytes, rng: np.random.Generator) -> bytes:
    """A line of a text is lost, doubled, or moved, or all have another separator or ending."""
    lines = content.split(b"\n")
    row, kind = int(rng.integers(len(lines))), rng.integers(5)
    if kind == 0:
        return b"\n".join(lines[:row] + lines[row + 1 :])
    if kind == 1:
        return b"\n".join(lines[: row + 1] + lines[row:])
    if kind == 2:
        return b"\n".join([*lines[:row], *lines[row + 1 :], lines[row]])
    if kind == 3:
        return content.replace(b"\n", [b"\r\n", b"\r", b"\n\n"][rng.integers(3)])
    present = [bytes([s]) for s in SEPARATORS if bytes([s]) in content] or [b","]
    return content.replace(present[0], bytes([SEPARATORS[rng.integers(len(SEPARATORS))]]))


def document(content: bytes, rng: np.random.Generator) -> bytes:
    """A value of a JSON document is another, or its key is missing."""
    try:
        held = json.loads(content)
    except ValueError:
        return flip(content, rng)
    places = list(places_of(held))
    if not places:
        return flip(content, rng)
    within, key = places[rng.integers(len(places))]
    if rng.random() < 0.2:
        del within[key]
    else:
        within[key] = VALUES[rng.integers(len(VALUES))]
    return json.dumps(held).encode()


def places_of(held: Any) -> Any:
    """Each container in a document with each of its keys."""
    for key, value in list(held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()):
        yield held, key
        yield from places_of(value)


BINARY: tuple[Mutation, ...] = (flip, cut, splice, edge_number)
TEXT: tuple[Mutation, ...] = (flip, cut, splice, word, word, rows)
DOCUMENT: tuple[Mutation, ...] = (document, document, document, flip, cut)
