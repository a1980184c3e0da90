"""The command line of the explorer: graphtwin view."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Quiet
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

EXAMPLES = """[bold]Examples[/bold]

graphtwin view runs/minnie65

graphtwin view runs/minnie65 --export minnie65.html

graphtwin view runs/minnie65 runs/types scores.csv agreement.csv

graphtwin view runs/minnie65 --axons axons/ --dendrites dendrites/

graphtwin view runs/minnie65 --host 0.0.0.0 --port 8080
"""


@app.command("view", epilog=EXAMPLES)
def _view(
    run: Annotated[Path, typer.Argument(help="Folder of a finished `graphtwin run`.")],
    further: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FURTHER]...",
            help="Finished folders with a page, and tables of units (`twin score | agree | fields`), to show beside.",
        ),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write one .html that opens without a server, and end.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen at, this machine alone by default; beyond it the page asks for a token.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; one that is free by default.")] = None,
    axons: Annotated[
        list[str] | None, typer.Option(metavar="F", help="Skeletons to draw, as `graphtwin proximity` takes them; may be repeated.")
    ] = None,
    dendrites: Annotated[list[str] | None, typer.Option(metavar="F", help="Skeletons, as for --axons.")] = None,
    nm_per_unit: Annotated[
        tuple[float, float, float] | None, typer.Option(help="One unit along x, y and z in nm, as 4 4 40, of skeletons that do not say it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an --export that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Look around in a run: its neurons in the tissue and on the map of embeddings, each with what is known and was predicted of it.

    A page is served to this machine until Ctrl-C, or written as one file. Click a neuron for its card and its partners; drag over two
    groups to ask whether one connects to the other more often than to others at the same distance. The run's report and further folders
    are pages in the same frame; skeletons are drawn where somata lie on them. Nothing is asked of another host.
    """
    with words(quiet, *([export] if export else []), works=export is not None):
        from graphtwin.artifacts import PAGES, require_new
        from graphtwin.extras import require_packages
        from graphtwin.kinds import RUN, require_kind

        require_kind(run, RUN)
        require_packages("graphtwin view", "matplotlib", "jinja2")
        from graphtwin.explorer import serve, write_explorer

        skeletons = (axons or (), dendrites or (), nm_per_unit)
        if export is not None:
            if host is not None or port is not None:
                raise ValueError("--host and --port are of a page that is served, and --export writes one: give one or the other.")
            require_new(export, PAGES, force)
            typer.echo(write_explorer(run, export, further or (), *skeletons))
            return
        try:
            serve(run, host or "127.0.0.1", port or 0, _say, further or (), *skeletons)
        except KeyboardInterrupt:
            return


def _say(address: str) -> None:
    typer.echo(f"{address}\nCtrl-C ends it.")
