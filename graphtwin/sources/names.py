"""What a source may be called: looked at before anything is loaded, so that a slip of the pen costs no time."""

from __future__ import annotations

from pathlib import Path

from graphtwin.config import nearest_of

OCULOMOTOR = "ConnMatrix*.mat"  # files by which a folder of the oculomotor integrator is known
HDF5 = (".h5", ".hdf5")  # endings of a file of the larval crawling circuit
BUNDLED = ("minnie65", "worm", "fly")  # sources known by name: the repository brings the first, packages bring the others


def require_source(source: str | Path, others: tuple[str, ...] = ()) -> None:
    """Raise where a source is neither a bundled one, nor a TOML file that is there, nor the file or folder of a published circuit.

    Args:
        source: The name of a bundled source, or the path of a TOML that names the tables of a folder, or of a circuit as `load` takes it.
        others: Names that the caller knows beside the bundled ones.
    """
    path, known = Path(source), (*BUNDLED, *others)
    if str(source) in known or circuit_in(path):
        return
    if path.is_dir():
        found = sorted(inner.name for inner in path.iterdir())
        raise ValueError(
            f"source {str(source)!r} is a folder ({f'it has {found[:10]}' if found else 'it is empty'}). Give the TOML that names "
            "its tables: its format, with an example, is in data/README.md."
        )
    if path.suffix.lower() != ".toml":
        raise ValueError(
            f"source {str(source)!r} is neither a bundled source ({', '.join(known)}{nearest_of(str(source), known, '; nearest {}')}) "
            "nor a .toml file. For a folder of exports, give the path of the TOML that names its tables."
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such TOML file. Give the path of an existing one.")


def circuit_in(path: Path) -> str:
    """Which published circuit a path is of, by its name alone: larva for an HDF5 file, oculomotor for a folder with its matrix, else "".

    Args:
        path: File or folder.
    """
    if path.is_dir():
        return "oculomotor" if any(path.glob(OCULOMOTOR)) else ""
    return "larva" if path.suffix.lower() in HDF5 and path.is_file() else ""
