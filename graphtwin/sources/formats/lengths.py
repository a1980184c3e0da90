"""Units of length as files write them: `8 nanometer`, `um`, `[4 4 40] nm`, `4 x 4 x 40 nm`, `1e-9 m`; in nm."""

from __future__ import annotations

import math
import re

Nm = tuple[float, float, float]

# Powers of ten of the SI prefixes by symbol; both code points of the Greek letter mu are in use.
PREFIXES = {"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "": 0, "d": -1, "c": -2, "m": -3}
PREFIXES |= {"u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24}
SYMBOLS_NM = {f"{prefix}m": 10.0 ** (power + 9) for prefix, power in PREFIXES.items()}  # nm in one unit, by the unit's symbol
NAMES_NM = {"meter": 1e9, "centimeter": 1e7, "millimeter": 1e6, "micrometer": 1e3, "micron": 1e3, "nanometer": 1.0, "picometer": 1e-3}
NAMES_NM |= {"mum": 1e3, "angstrom": 0.1, "ångström": 0.1, "inch": 2.54e7}
# What stands where a unit should, and says that there is none.
NO_UNIT = {"", "none", "null", "nan", "na", "n/a", "unknown", "dimensionless", "1 dimensionless", "arbitrary", "a.u."}
VOXELS = re.compile(r"/?\b(isotropic|voxels?|vox|vx|pixels?|px|per|of|each|size|a)\b", re.IGNORECASE)
BETWEEN_NUMBERS = re.compile(r"(?<=\d)\s*[x×*]\s*(?=\d)|[,;]")
NUMBER = re.compile(r"(?<![A-Za-z\d.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def nm_of_unit(text: str) -> float | None:
    """Number of nm in a unit by its symbol (as nm, um, m) or its name (as nanometer, microns); None for what is no length.

    Symbols are told apart by case, as SI does: Mm is no mm.

    Args:
        text: Symbol or name.
    """
    text = text.strip()
    if text in SYMBOLS_NM:
        return SYMBOLS_NM[text]
    name = re.sub(r"metre", "meter", text.lower())
    return NAMES_NM.get(name, NAMES_NM.get(name.removesuffix("s"), {"nm": 1.0, "um": 1e3}.get(name)))


def nm_per_unit_of(text: str) -> Nm | None:
    """Size of one unit of a file along x, y and z, nm, from how the file writes it; None for what is no length.

    One number holds for all axes, three are for x, y and z, none is 1. Words for voxels beside a length say nothing more.

    Args:
        text: The unit, as `8 nanometer`, `um`, `[4 4 40] nm` or `4 nm, 4 nm, 40 nm`.
    """
    if re.search(r"\d,\d", text) and text.count(",") == 1:
        return None  # a decimal comma, or two of three numbers
    parts = BETWEEN_NUMBERS.sub(" ", VOXELS.sub(" ", re.sub(r"[\[\](){}\"']", " ", text)).strip(" .,;:/"))
    numbers = [float(number) for number in NUMBER.findall(parts)]
    units = {nm_of_unit(word) for word in NUMBER.sub(" ", parts).split()}
    (nm,) = units if len(units) == 1 else (None,)
    if nm is None or len(numbers) not in (0, 1, 3) or any(not math.isfinite(number) or number <= 0 for number in numbers):
        return None
    x, y, z = numbers if len(numbers) == 3 else (numbers or [1.0]) * 3
    return x * nm, y * nm, z * nm


def says_no_unit(text: str) -> bool:
    """Whether a declaration says that there is no unit, or that the unit are voxels of a size it does not give.

    Args:
        text: What stands where a unit should.
    """
    return VOXELS.sub(" ", text.strip().lower()).strip(" ()[]") in NO_UNIT or text.strip().lower().endswith("dimensionless")
