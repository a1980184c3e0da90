"""Licences of all that graphtwin and its extras bring, from what installed packages say of themselves.

`python -m tests.licences` prints the table of docs/licences.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BASE = ""  # the extra of what comes along anyway

# Licences that ask for no more than their text and a notice, by their SPDX names.
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Zlib",
    "ZPL-2.1",
}
# Licences that ask for more, of the packages that may come for this reason.
ALLOWED = {
    "certifi": "files of certificates, which only changes to these files concern",
    "orjson": "some files of it, which only changes to these files concern",
    "tqdm": "some files of it, which only changes to these files concern",
    "crc32c": "a library beside ours, which users can exchange",
    "fastremap": "a library beside ours, which users can exchange",
    "microviewer": "a library beside ours, which users can exchange",
    "zmesh": "a library beside ours, which users can exchange",
    "oasis-deconv": "a library under the GPL, in an extra of its own",
}
COPYLEFT = re.compile(r"\bA?GPL-")  # of a whole program, and not of a library or a file
# What torch brings where it is built for graphics cards of NVIDIA, under licences of its own: docs/licences.md says so.
OF_CUDA = re.compile(r"^(nvidia|cuda)-|^triton$")
# How packages write the names of licences.
SPELLED = {
    "2-clause BSD": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD-3 Clause": "BSD-3-Clause",
    "GPL-3.0": "GPL-3.0-only",
    "ISC License": "ISC",
    "LGPL-3.0": "LGPL-3.0-only",
    "MIT License": "MIT",
}
# Of packages whose own words are none, or too many: what stands in the file of their licence.
READ = {
    "compressed-segmentation": "BSD-3-Clause AND Apache-2.0",
    "cycler": "BSD-3-Clause",
    "deflate": "MIT",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "matplotlib": "PSF-2.0",
    "mdurl": "MIT",
    "microviewer": "LGPL-2.1-or-later",
    "mpmath": "BSD-3-Clause",
    "numba": "BSD-2-Clause",
    "partd": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pysimdjson": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "tomli-w": "MIT",
    "zict": "BSD-3-Clause",
}
# Packages that tests do without, for their photographs would be other stimuli: what they bring, and under which licence.
ABSENT = {
    "scikit-image": (("imageio", "lazy-loader", "networkx", "numpy", "packaging", "pillow", "scipy", "tifffile"), "BSD-3-Clause"),
    "imageio": ((), "BSD-2-Clause"),
    "lazy-loader": ((), "BSD-3-Clause"),
    "tifffile": ((), "BSD-3-Clause"),
}


@dataclass(frozen=True)
class Brought:
    """A package that comes with graphtwin.

    Attributes:
        name: Its name in the registry, in its normal form.
        licence: SPDX expression; the package's own words where they are not known here.
        extras: Extras that bring it; empty where it comes along anyway.
    """

    name: str
    licence: str
    extras: tuple[str, ...]


def brought() -> list[Brought]:
    """All packages of the base and of every extra, by name."""
    by_extra = {extra: within(extra) for extra in (BASE, *extras())}
    names = sorted(set().union(*by_extra.values()))
    alone = {name: tuple(extra for extra, has in by_extra.items() if extra not in (BASE, "all") and name in has) for name in names}
    return [Brought(name, licence_of(name), () if name in by_extra[BASE] else alone[name]) for name in names]


@cache
def project() -> dict:
    """What pyproject.toml says of the package."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def extras() -> list[str]:
    """Names of the extras that users ask for."""
    return sorted(set(project()["optional-dependencies"]) - {"dev", "docs"})


def within(extra: str) -> set[str]:
    """All packages that an extra brings, those that its packages bring among them."""
    asked = project()["dependencies"] if extra == BASE else project()["optional-dependencies"][extra]
    todo, found = [Requirement(text) for text in asked], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name == "graphtwin":
            found |= set().union(*(within(inner) for inner in requirement.extras))
        elif (name, frozenset(requirement.extras)) not in found:
            found.add((name, frozenset(requirement.extras)))
            todo += _needed(name, requirement.extras)
    return {one if isinstance(one, str) else one[0] for one in found}


def _needed(name: str, extras: Iterable[str]) -> list[Requirement]:
    """What a package asks for on this machine."""
    if name in ABSENT:
        return [Requirement(inner) for inner in ABSENT[name][0]]
    asked = [Requirement(text) for text in distribution(name).requires or ()]
    asked = [one for one in asked if not OF_CUDA.match(canonicalize_name(one.name))]
    return [one for one in asked if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))]


def licence_of(name: str) -> str:
    """The licence of a package as an SPDX expression, or in its own words."""
    try:
        says = distribution(name).metadata
    except PackageNotFoundError:
        return ABSENT[name][1]
    words = says.get("License-Expression") or READ.get(name) or (says.get("License") or "").strip() or "none stated"
    return SPELLED.get(words.splitlines()[0], words.splitlines()[0])


def parts(licence: str) -> set[str]:
    """Each licence of an expression."""
    return {part.strip("() ") for part in re.split(r" AND | OR ", licence)}


def table(rows: Iterable[Brought]) -> str:
    """The table as it stands in the docs."""
    lines = ["| package | licence | comes with |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.licence} | {', '.join(f'`{extra}`' for extra in row.extras) or 'graphtwin'} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(brought()), end="")
