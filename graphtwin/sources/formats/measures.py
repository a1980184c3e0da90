"""Units of measure as files write them: how many metres, seconds, metres a second or degrees one of them is."""

from __future__ import annotations

import math
import re

_METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "dm": 0.1, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "micron": 1e-6, "nm": 1e-9, "km": 1e3}
_LARGE = {"centi": 1e-2, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "kilo": 1e3}
_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "us": 1e-6,
    "usec": 1e-6,
    "ns": 1e-9,
    "min": 60.0,
    "minute": 60.0,
}
_DEGREES = {"deg": 1.0, "degree": 1.0, "°": 1.0, "rad": 180 / math.pi, "radian": 180 / math.pi}
_SECONDS |= {"h": 3600.0, "hr": 3600.0, "hour": 3600.0}


def metres(unit: str) -> float | None:
    """Metres that a unit of length is, as "um", "micrometers" or "Meters"; None where the text is no such unit."""
    return _of(_plain(unit), _METRES, ("meter", "metre"))


def seconds(unit: str) -> float | None:
    """Seconds that a unit of time is, as "seconds" or "ms"; None where the text is no such unit."""
    return _of(_plain(unit), _SECONDS, ("second",))


def degrees(unit: str) -> float | None:
    """Degrees that a unit of angle is, as "degrees", "deg of visual angle" or "rad"; None where the text is no such unit."""
    return _of(_plain(unit).removesuffix("of visual angle").strip(), _DEGREES, ())


def metres_a_second(unit: str) -> float | None:
    """Metres a second that a unit of speed is, as "cm/s", "meters per second" or "mm s^-1"; None where the text is no such unit."""
    text = _plain_signs(unit.strip().lower().replace("_", " "))
    over = re.fullmatch(r"(\w+)\s*(?:/|\bper\b)\s*(\w+)", text)
    found = over or re.fullmatch(r"(\w+)[\s*.·]+([a-z]+)\s*\^?\s*\(?-1\)?", text)
    if not found:
        return None
    length, time = metres(found[1]), seconds(found[2])
    return None if length is None or time is None else length / time


def _of(text: str, known: dict[str, float], words: tuple[str, ...]) -> float | None:
    """The factor of a unit: its sign, or its word in singular or plural behind a prefix."""
    if text in known:
        return known[text]
    singular = text.removesuffix("s")
    for word in words:
        if singular.endswith(word) and singular.removesuffix(word) in _LARGE:
            return _LARGE[singular.removesuffix(word)]
    return known.get(singular) if len(singular) > 2 else None


def _plain_signs(text: str) -> str:
    return text.replace("µ", "u").replace("μ", "u").replace("−", "-").replace("⁻", "-").replace("¹", "1")


def _plain(unit: str) -> str:
    return _plain_signs(unit.strip().lower()).rstrip(".")
