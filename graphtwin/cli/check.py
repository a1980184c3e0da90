"""The command line of checks: graphtwin check, of recordings, tables, volumes and what the package wrote."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words

if TYPE_CHECKING:
    from graphtwin.checks import Finding

app = typer.Typer(rich_markup_mode="rich")
CLOUD = re.compile(r"^([a-z0-9+]+):/+")  # beginning of a cloud path, of which `Path` keeps one slash

EXAMPLES = """[bold]Examples[/bold]

graphtwin check data/dynamic1-1-1-Video-0f2a

graphtwin check my_lab.toml --json > findings.json

graphtwin check simulated --out disagreements.csv
"""


@app.command("check", epilog=EXAMPLES)
def _check(
    path: Annotated[
        Path,
        typer.Argument(
            help="A recording (folder, .zip, .nwb), tables (a TOML or its folder), a precomputed volume, or a folder that graphtwin wrote."
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print findings as JSON, and nothing else.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the disagreements of a simulation: .parquet or .csv.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Look for faults that reading does not show, before data are believed.

    Of a recording: tiers in different units, copies and averages among single trials, a clip in two tiers, zeros in place of responses,
    frames and trials that were shifted, dropped or swapped, units in another order, behaviour of another trial, turned pictures, responses
    that no stimulus predicts. Of tables: places, scans, ids and tunings that cannot be. Of a volume: bounds, transforms and voxels that
    disagree. Of what graphtwin wrote: files that were changed; of a simulation also places where tables and files disagree.

    Each finding says what, where, how sure, what it would do to a result, and what to do. Exit code 0 if nothing was found but notes, 1 if
    something was, 2 if nothing could be looked at. Disagreements of a simulation are notes: fragments without a nucleus are in every
    reconstruction.
    """
    with words(quiet):
        if out is not None:
            from graphtwin.artifacts import require_new
            from graphtwin.kinds import SIMULATION, require_kind

            require_new(out, force=force)
            require_kind(path, SIMULATION)
        kind = _kind(path)
        if kind == "simulation":
            _of_simulation(path, out, force, json_)
            return
        _tell(path, kind, _findings(path, kind), json_)


def _kind(path: Path) -> str:
    """What a path is: recording, tables, volume, or the kind that a folder of this package says it is."""
    from graphtwin.kinds import SIMULATION, kind_of
    from graphtwin.sources import BUNDLED

    if path.suffix.lower() == ".toml" or (str(path) in BUNDLED and not path.exists()):
        return "tables"
    if CLOUD.match(str(path)):
        return "volume"
    if not path.is_dir():
        return "recording"
    written = kind_of(path)
    if written == SIMULATION:
        return "simulation"
    if written is not None:
        return written.name
    if (path / "data").is_dir() or (path / "meta").is_dir():
        return "recording"
    if len(list(path.glob("*.toml"))) == 1:
        return "tables"
    if (path / "info").is_file() or any((inner / "info").is_file() for inner in path.iterdir() if inner.is_dir()):
        return "volume"
    found = sorted(inner.name for inner in path.iterdir())[:10]
    raise ValueError(
        f"{path}: neither a recording (data/ and meta/), nor tables (one TOML), nor a volume (info), nor written by graphtwin; "
        f"it has {found}. Give the folder of one of them."
    )


def _findings(path: Path, kind: str) -> list[Finding]:
    from graphtwin.checks import check_recording, check_tables, check_volume, refused

    if kind not in ("recording", "tables", "volume"):
        from graphtwin.folders import changed_files

        return [_changed(path, name, what) for name, what in changed_files(path).items()]
    if kind == "tables":
        tomls = list(path.glob("*.toml")) if path.is_dir() else [path]
        return check_tables(tomls[0])
    if kind == "volume":
        from graphtwin.extras import require_packages

        require_packages("a look at a volume", "cloudvolume")
        return check_volume(CLOUD.sub(r"\1://", str(path)))
    from graphtwin.cli.beforehand import require_recordings
    from graphtwin.sources import open_recording

    require_recordings(path)
    try:
        return check_recording(open_recording(path))
    except ValueError as error:
        return [refused(error, str(path))]


def _changed(folder: Path, name: str, what: str) -> Finding:
    """A file that is not as it was written."""
    from graphtwin.checks import Finding

    return Finding(
        "file not as written",
        "fault",
        what,
        str(folder / name),
        "certain: sha256",
        "what is read is not what was computed",
        "make the folder again, or copy it again",
    )


def _tell(path: Path, kind: str, found: list[Finding], as_json: bool) -> None:
    """Print findings, and leave with exit code 1 if there are any but notes."""
    from dataclasses import asdict

    from graphtwin.checks import is_faulty

    if as_json:
        sys.stdout.write(json.dumps({"path": str(path), "kind": kind, "findings": [asdict(one) for one in found]}, indent=1) + "\n")
    else:
        for one in found:
            say(str(one))
        notes = sum(one.severity == "note" for one in found)
        counts = {"finding": len(found) - notes, "note": notes}
        say(f"{path}: {', '.join(f'{n} {word}' + 's' * (n != 1) for word, n in counts.items())}")
    if is_faulty(found):
        raise typer.Exit(1)


def _of_simulation(folder: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """Hold the files of a simulation against its registry, and its tables against volume and recordings."""
    from graphtwin.artifacts import require_new, write_table
    from graphtwin.checks import Finding
    from graphtwin.extras import require_packages
    from graphtwin.pipeline import changed_files, check_anatomy

    if out is not None:
        require_new(out, force=force)
    require_packages("a comparison with a volume", "cloudvolume", *(("h5py",) if (folder / "nwb").is_dir() else ()))
    changed = changed_files(folder)
    told = [_changed(folder, str(row.file), str(row.finding)) for row in changed.itertuples()]
    if not as_json:
        for row in changed.itertuples():
            say(f"{folder / row.file}: {row.finding}")
    try:
        found = check_anatomy(folder)
    except (OSError, ValueError) as error:
        if changed.empty:
            raise
        if as_json:
            _tell(folder, "simulation", told, as_json)
        say(f"{len(changed)} files are not as written; volume and tables cannot be compared: {error}")
        raise typer.Exit(1) from error
    if out is not None:
        write_table(found, out)
    if as_json:
        kinds = found["kind"].value_counts().items()
        notes = [
            Finding(str(kind), "note", f"{n} places", str(folder), "counted", "none: reconstructions have them", "nothing")
            for kind, n in kinds
        ]
        _tell(folder, "simulation", told + notes, as_json)
        return
    say(f"{len(changed)} files are not as written; volume and tables disagree in {len(found)} places")
    for kind, n in found["kind"].value_counts().items():
        say(f"  {n} x {kind}")
    if len(changed):
        raise typer.Exit(1)
