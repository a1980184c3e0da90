"""What the comments of an SWC file declare: the unit of its coordinates, an offset and a scale, and what its codes stand for.

The format itself has no such keys; these are what programs write. OFFSET (Janelia workstation): coordinates are relative to it, in their
own unit. SCALE (Southampton archive, NeuronStudio, cloud-volume): factors of the coordinates. `Meta` with `units` (navis), `units: um`
and `All positions and radii in um` (SNT): the unit. `Labels: 2 = axon; 4 = Presynapse`: the codes. A unit of "voxels" is none.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

from graphtwin.sources.formats.compartments import code_of_name
from graphtwin.sources.formats.lengths import Nm, nm_per_unit_of, says_no_unit

# `"units": "8 nanometer"` in a dictionary, or a line `units: um`; a bare word `unit` within a sentence is none.
IN_DICTIONARY = re.compile(
    r"""["'](?:units?|coordinate_units?|spatial_units?)["']\s*:\s*("[^"]{0,80}"|'[^']{0,80}'|\[[^\]]{0,80}\]|[^,}]{0,80})""",
    re.IGNORECASE,
)
AS_LINE = re.compile(
    r"^(?:(?:coordinates?|positions?|spatial|lengths?|xyz|swc)[ _-]*)?units?(?:\s+of\s+[\w ]+?)?\s*(?:[:=]\s*|\s+is\s+|\s+are\s+|\s+)(.*)$",
    re.IGNORECASE,
)
# `All positions and radii in um`, `coordinates are in nanometers`, `X [um]`, `x_um`: taken where the word after it is a unit.
IN_SENTENCE = re.compile(r"\b(?:coordinates?|positions?|xyz)\b[^.:;#]{0,80}?\bin\s+\(?([^\s,;.)]+)", re.IGNORECASE)
# `All lengths in um`: the unit ends the line, for `total length in mm: 3.2` says something of a number of its own.
OF_LENGTHS = re.compile(r"^(?:all\s+)?(?:lengths|distances|values)\b[^.:;#\d]{0,80}?\bin\s+([^\s,;.)]+)[.\s]*$", re.IGNORECASE)
IN_BRACKETS = re.compile(r"(?<!\w)[xyz]\s*[\[(]\s*([^\])]{1,40}?)\s*[\])]", re.IGNORECASE)
IN_NAMES = re.compile(r"(?<![A-Za-z])[xyz]_([A-Za-zµμ]{1,12})(?![A-Za-z\d])", re.IGNORECASE)
CODE = r"(-?\d+)\s*[=:]\s*([A-Za-z][^=:,;\d]*?)"
CODES = re.compile(
    rf"^(?:(?:labels?|types?|codes?|structures?|compartments?)\s*[:=]?\s*)?{CODE}(?:\s*[,;|]\s*{CODE})*\s*[,;.]?$", re.IGNORECASE
)

SHRINKAGE = re.compile(r"SHRINKAGE_CORRECTION\b[ :=]*(?!(?:1(?:\.0*)?[\s,]*)*$)[-+.\d]", re.IGNORECASE)


class SwcHeader(NamedTuple):
    """What the comments of an SWC file declare.

    Attributes:
        nm_per_unit: Size of one unit of the coordinates along x, y and z, nm; None where none is declared.
        offset: What is added to the coordinates, in their unit.
        scale: Factors of the coordinates.
        codes: SWC code of each code that the file gives a meaning of its own.
        names: Name of each of these codes, as the file has it.
        shrinkage: Whether there is a SHRINKAGE_CORRECTION other than 1, which archives apply before they write it.
    """

    nm_per_unit: Nm | None
    offset: tuple[float, float, float]
    scale: tuple[float, float, float]
    codes: dict[int, int]
    names: dict[int, str]
    shrinkage: bool


def read_header(comments: list[str], path: Path) -> SwcHeader:
    """The declarations of some comments, or an error where two of them disagree or one cannot be understood.

    Args:
        comments: Text of the comments, without # and outer blanks.
        path: Path of the file, for errors.
    """
    offset = _three_numbers(comments, "OFFSET", (0.0, 0.0, 0.0), path)
    scale = _three_numbers(comments, "SCALE", (1.0, 1.0, 1.0), path)
    if min(scale) <= 0:
        raise ValueError(f"{path}: the header's SCALE is {_words(scale)}, but factors of coordinates are above 0. Correct it there.")
    if any(offset) and scale != (1.0, 1.0, 1.0):
        raise ValueError(
            f"{path}: the header has OFFSET {_words(offset)} and SCALE {_words(scale)}, and does not say which comes first. "
            "Apply both, and remove them from the header."
        )
    names = _names_of_codes(comments)
    codes = {code: code_of_name(name) for code, name in names.items()}
    return SwcHeader(_unit(comments, path), offset, scale, codes, names, any(SHRINKAGE.match(line) for line in comments))


def _three_numbers(comments: list[str], key: str, default: tuple[float, float, float], path: Path) -> tuple[float, float, float]:
    """The three numbers after a key; one number holds for all axes of a SCALE. A key with nothing after it says nothing."""
    found = set()
    for line in comments:
        match = re.match(rf"{key}\b\s*[:=]?\s*(.*)$", line, re.IGNORECASE)
        if match is None or not match[1]:
            continue
        try:
            numbers = [float(word) for word in match[1].strip("()[] ").replace(",", " ").split()]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and key == "SCALE":
            numbers *= 3
        if len(numbers) == 3 and all(map(math.isfinite, numbers)):
            found.add((numbers[0], numbers[1], numbers[2]))
        elif line.startswith(key):
            raise ValueError(f"{path}: the header's {line[:60]!r} has no three numbers (x y z). Correct it, or export again.")
    if len(found) > 1:
        raise ValueError(f"{path}: the header has {len(found)} different {key}: {sorted(found)}. Leave the right one.")
    return found.pop() if found else default


def _unit(comments: list[str], path: Path) -> Nm | None:
    """The declared unit; None where there is none."""
    declared: dict[Nm, str] = {}
    for line in comments:
        for text, must_be_unit in _candidates(line):
            nm = nm_per_unit_of(text)
            if nm is not None:
                declared[nm] = text
            elif must_be_unit and not says_no_unit(text):
                raise ValueError(
                    f"{path}: the header declares the unit {text[:40]!r}, which is no length known here (8 nanometer, um, [4 4 40] nm). "
                    "Correct it there."
                )
    if len(declared) > 1:
        raise ValueError(f"{path}: the header declares {len(declared)} units: {', '.join(declared.values())}. Leave the right one.")
    return next(iter(declared), None)


def _candidates(line: str) -> list[tuple[str, bool]]:
    """What may be a unit in a line, and whether it can be nothing else."""
    dictionary = IN_DICTIONARY.findall(line) if "unit" in line.lower() else []
    if dictionary:
        return [(text.strip(" \"'"), True) for text in dictionary]
    whole = AS_LINE.match(line)
    if whole:
        return [(whole[1].strip(" .\"'").removeprefix("in "), bool(re.match(r"[^:=]*[:=]", line)))]
    if "usual" in line.lower():  # SNT warns that positions "usually" are in another unit than those of the file
        return []
    sentence = IN_SENTENCE.findall(line) + OF_LENGTHS.findall(line) if re.search(r"\sin\s", line) else []
    return [(text, False) for text in sentence + IN_BRACKETS.findall(line) + IN_NAMES.findall(line)]


def _names_of_codes(comments: list[str]) -> dict[int, str]:
    """Names of the codes in lines that hold nothing else, such as `Labels: 0 = undefined; 4 = Presynapse`."""
    names: dict[int, str] = {}
    for line in comments:
        if CODES.match(line):
            names |= {int(code): name.strip() for code, name in re.findall(CODE + r"\s*(?=[,;|.]|$)", line)}
    return names


def _words(numbers: tuple[float, float, float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)
