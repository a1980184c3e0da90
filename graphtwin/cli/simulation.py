"""The command line of simulated cortices: graphtwin simulate | check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin simulate --out simulated

graphtwin simulate --out heavy --rule feature+degree-heavy --neurons 1000 --animals 1 --minutes 5 --seed 1

graphtwin simulate --out mapped --set cells.tuning.place_share=0.8 --set cells.scans.scan_noise=0

graphtwin simulate --out large --neurons 100000 --animals 1 --minutes 0
"""

CHECK_EXAMPLES = """[bold]Examples[/bold]

graphtwin check simulated

graphtwin check simulated --out disagreements.csv
"""


@app.command("simulate", epilog=SIMULATE_EXAMPLES)
def _simulate(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    rule: Annotated[
        str, typer.Option(help="geometry, type, feature, rf-confounded, degree-heavy, or a sum such as feature+degree-heavy.")
    ] = "feature",
    neurons: Annotated[int, typer.Option(help="Number of neurons of each animal.")] = 2000,
    animals: Annotated[int, typer.Option(help="Number of animals: all have recordings, the first has electron microscopy too.")] = 2,
    minutes: Annotated[float, typer.Option(help="Minutes of movies to train on, for each animal; 0 leaves out recordings.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, as cells.tuning.place_share=0.8 (`graphtwin settings simulate`)."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; the files are the same for any number.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the simulation in the folder.")] = False,
    force: Force = False,
) -> None:
    """Simulate animals with a known wiring rule and write them in the formats of real ones: movies, responses and electron microscopy."""
    with words():
        from graphtwin.kinds import SIMULATION, require_place

        require_place(out, SIMULATION, resume, force)
        from graphtwin.pipeline import simulate

        asked = {"rule": rule, "neurons": neurons, "animals": animals, "minutes": minutes, "seed": seed}
        folder = simulate(out, set_, workers, resume, force, **asked)
        typer.echo(f"{folder}: {(folder / 'README.md')} says what is where")


@app.command("check", epilog=CHECK_EXAMPLES)
def _check(
    folder: Annotated[Path, typer.Argument(help="Folder of a simulation.")],
    out: Annotated[Path | None, typer.Option(help="File for the disagreements: .parquet or .csv.")] = None,
    force: Force = False,
) -> None:
    """Look for files that were changed since they were written, and for places where tables and the files they speak of disagree.

    Nuclei, synapses and contacts are held against the voxels of the volume, synapses against its point annotations, and matches of units
    and nuclei against those in the NWB recordings.

    Exit code 1 if a file was changed. Disagreements are findings: fragments without a nucleus are in every reconstruction.
    """
    with words():
        from graphtwin.artifacts import require_new, write_table
        from graphtwin.extras import require_packages
        from graphtwin.pipeline import changed_files, check_anatomy

        if out is not None:
            require_new(out, force=force)
        require_packages("a comparison with a volume", "cloudvolume", *(("h5py",) if (folder / "nwb").is_dir() else ()))
        changed = changed_files(folder)
        for row in changed.itertuples():
            typer.echo(f"{folder / row.file}: {row.finding}")
        try:
            found = check_anatomy(folder)
        except (OSError, ValueError) as error:
            if changed.empty:
                raise
            typer.echo(f"{len(changed)} files are not as written; volume and tables cannot be compared: {error}")
            raise typer.Exit(1) from error
        if out is not None:
            write_table(found, out)
        typer.echo(f"{len(changed)} files are not as written; volume and tables disagree in {len(found)} places")
        for kind, n in found["kind"].value_counts().items():
            typer.echo(f"  {n} x {kind}")
        if len(changed):
            raise typer.Exit(1)
