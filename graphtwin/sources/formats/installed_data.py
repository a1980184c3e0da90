"""Data that installed packages bring: files are found and hashed where they lie, and no code of the package is run."""

from __future__ import annotations

import importlib.util
import logging
from importlib import metadata
from pathlib import Path

from graphtwin.artifacts import sha256
from graphtwin.extras import in_words

log = logging.getLogger("graphtwin")


def package_folder(module: str, tested: str, what_for: str, install: str = "") -> Path:
    """The folder of an installed package, which is not imported; a version other than the one tested is said.

    Args:
        module: Name that would be imported; it is the package's name as well.
        tested: Version whose files were looked at.
        what_for: Words for what needs the package, for the error where it is missing.
        install: What installs it, where that is no extra.
    """
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    if not places:
        missing = f"{what_for}: {module} is needed and not installed. Install it: {install}." if install else in_words(what_for, [module])
        raise ModuleNotFoundError(missing, name=module)
    found = metadata.version(module)
    if found != tested:
        log.warning("%s: %s %s is installed, %s was tested; its files may mean something else.", what_for, module, found, tested)
    return Path(places[0])


def hashes(folder: Path, files: list[str]) -> dict[str, str]:
    """The sha256 of each file, by its path in the folder; an error where one is missing."""
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(files)} files are missing, first {missing[0]}. The installed version does not bring them, "
            "or the package was installed in part: install the version that was tested."
        )
    return {f"{folder.name}/{file}": sha256(folder / file) for file in files}
