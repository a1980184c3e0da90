"""The command line: graphtwin run | twin | insilico | motor | robust | predict | like-to-like | power | types | proximity | pairs ..."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from graphtwin.cli import (
    ablate,
    check,
    graph,
    insilico,
    insilico_control,
    insilico_next,
    insilico_optimise,
    motor,
    pairs,
    power,
    robust,
    settings_table,
    simulation,
    twin,
    twin_made,
    twin_simulate,
    types,
    view,
)
from graphtwin.cli.refusals import ToldGroup

app = typer.Typer(
    cls=ToldGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A digital twin of cortex on its graph: functional responses and a connectome to cell type, position and connectivity.\n\n"
    "Nothing is written over without --force: an output that exists is refused, but for what --resume goes on with and the page that "
    "report writes again. With --force a file is replaced once the new one is whole, and a folder of the same kind is removed and begun "
    "anew; a folder of any other kind is left alone. Each folder says in its kind.json what it is.\n\n"
    "Exit codes: 0 done, 1 the machine failed (or `check` found faults), 2 refused (what was asked for cannot be done), 130 stopped.",
)

for family in (graph, pairs, power, types, view, simulation, check, settings_table):
    app.add_typer(family.app)
twin.app.add_typer(twin_made.app)
twin.app.add_typer(ablate.app)
twin.app.add_typer(twin_simulate.app)
app.add_typer(twin.app, name="twin")
insilico.app.add_typer(insilico_optimise.app)
insilico.app.add_typer(insilico_control.app)
insilico.app.add_typer(insilico_next.app)
app.add_typer(insilico.app, name="insilico")
app.add_typer(motor.app, name="motor")
app.add_typer(robust.app, name="robust")


def _in_paragraphs(family: typer.Typer) -> None:
    """Let the terminal break the lines of each command's description: those of a docstring are as long as lines of code."""
    for command in family.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    for group in family.registered_groups:
        if group.typer_instance is not None:
            _in_paragraphs(group.typer_instance)


_in_paragraphs(app)

EXAMPLES = """[bold]Examples[/bold]

graphtwin run

graphtwin predict runs/minnie65 --pairs pairs.parquet --out predicted.parquet

graphtwin run --help
"""


def _show_version(wanted: bool) -> bool:
    """Print the version and stop, before a command is asked for."""
    if wanted:
        from graphtwin import __version__

        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback(epilog=EXAMPLES)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Go on to a command."""
