"""The command line of circuits of senses and motion: graphtwin motor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, ToldCommand, require_one_answer
from graphtwin.cli.refusals import words

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Circuits of senses and motion: from a wiring diagram to activity and motor output."
)

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor simulate --out loop

graphtwin motor simulate --out loop --neurons 300 --seed 1 --set recorded=0.25 --set transmitters=1

graphtwin motor simulate --out misread --set missing=0.05 --set added=1
"""


@app.command("simulate", cls=ToldCommand, epilog=SIMULATE_EXAMPLES)
def _simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    neurons: Annotated[int, typer.Option(help="Number of neurons.")] = 120,
    seed: Annotated[int, typer.Option(help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as recorded=0.25 (`graphtwin settings loop`).")
    ] = None,
    force: Force = False,
) -> None:
    """Simulate a sensorimotor loop with known weights: senses, neurons between, motor neurons, and a body that they move and that is felt.

    OUT/loop.toml names its tables of cells and synapses and its trials (stimuli, activity of half of the neurons, tension of muscles);
    OUT/truth has what was planted: weights, time constants, activity of all neurons, and what muscles do without single neurons and types.
    """
    with words():
        from graphtwin.extras import require_packages
        from graphtwin.kinds import LOOP, require_place

        require_one_answer(context, set_, neurons="neurons", seed="seed")
        require_place(out, LOOP, force=force)
        require_packages("graphtwin motor simulate", "h5py")
        from graphtwin.pipeline import simulate_loop

        folder = simulate_loop(out, set_, force, neurons=neurons, seed=seed)
        typer.echo(f"{folder}: {folder / 'README.md'} says what is where")
