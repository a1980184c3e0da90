"""The command line of simulated cortices: graphtwin simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_one_answer
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin simulate --out simulated

graphtwin simulate --out heavy --rule feature+degree-heavy --neurons 1000 --animals 1 --minutes 5 --seed 1

graphtwin simulate --out mapped --set cells.tuning.place_share=0.8 --set cells.scans.scan_noise=0

graphtwin simulate --out large --neurons 100000 --animals 1 --minutes 0
"""


@app.command("simulate", cls=ToldCommand, epilog=SIMULATE_EXAMPLES)
def _simulate(
    context: typer.Context,
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
    quiet: Quiet = False,
) -> None:
    """Simulate animals with a known wiring rule and write them in the formats of real ones: movies, responses and electron microscopy."""
    with words(quiet, out):
        from graphtwin.kinds import SIMULATION, require_place

        require_one_answer(context, set_, rule="rule", neurons="neurons", animals="animals", minutes="minutes", seed="seed")
        require_place(out, SIMULATION, resume, force)
        from graphtwin.pipeline import simulate

        asked = {"rule": rule, "neurons": neurons, "animals": animals, "minutes": minutes, "seed": seed}
        folder = simulate(out, set_, workers, resume, force, **asked)
        say(f"{folder}: {(folder / 'README.md')} says what is where")
