"""The command line of simulated animals that look around: graphtwin twin simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_one_answer
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Seed
from graphtwin.cli.twin_examples import examples_of

app = typer.Typer(rich_markup_mode="rich")


@app.command("simulate", cls=ToldCommand, epilog=examples_of("simulate"))
def _simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    area: Annotated[Literal["V1", "LM", "V4"], typer.Option(help="Area of the units.")] = "V1",
    animals: Annotated[int, typer.Option(min=1, help="Number of animals.")] = 1,
    units: Annotated[int, typer.Option(min=2, help="Number of units of each animal.")] = 60,
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of films to train on, for each animal.")] = 10.0,
    seed: Seed = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, as gaze.error_deg=1.0 (`graphtwin settings viewing`)."),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Simulate animals that look around on a screen while they see films: fixations, saccades, drift and blinks.

    OUT/recordings has a recording for each animal, whose config.json states that eye positions are gaze in degrees; OUT/nwb the training
    films of the first with eye traces at their own rate; OUT/truth fields, preferences, gaze without error and answers without noise.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import VIEWING, require_place

        require_one_answer(context, set_, **{name: name for name in ("area", "animals", "units", "minutes", "seed")})
        require_place(out, VIEWING, force=force)
        require_packages("graphtwin twin simulate", "h5py", "pynwb")
        from graphtwin.pipeline import simulate_viewing

        folder = simulate_viewing(out, set_, force, area=area, animals=animals, units=units, minutes=minutes, seed=seed)
        say(f"{folder}: {folder / 'README.md'} says what is where")
