"""The command line of in silico experiments: graphtwin insilico campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, require_files, require_twin
from graphtwin.cli.refusals import words

EXAMPLES = """[bold]Examples[/bold]

graphtwin insilico campaign runs/core campaign.toml --out runs/campaign --workers 4

graphtwin insilico campaign runs/core campaign.toml --out runs/campaign --scheduler tcp://10.0.0.1:8786 --resume

[bold]A campaign.toml[/bold]

units = "units.csv"    # session, scan_idx, unit_id; left out: all units

states = \\[{name = "rest"}, {name = "running", channels = {running = 20.0}}]

stimuli = \\[{kind = "drifting_grating", duration_s = 1.5, series = {direction_deg = \\[0.0, 90.0], contrast = \\[0.25, 1.0]}}]
"""

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="In silico experiments: stimuli shown to the units of a twin.", epilog=EXAMPLES
)


@app.callback()
def _main() -> None:
    """Go on to a command."""


@app.command("campaign", epilog=EXAMPLES)
def _campaign(
    run: Annotated[Path, typer.Argument(help="Folder of a finished `graphtwin twin train` or `transfer`.")],
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", help="Stimuli, states, units, and what is kept of the answers.")],
    out: Annotated[Path, typer.Option(help="Folder to write: cells/ (Parquet, a row a unit, stimulus and state), tables of both.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes of one thread each on this machine; they change no byte.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers answer instead, as tcp://HOST:PORT.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the campaign in the folder: shards that are there stay.")] = False,
    force: Force = False,
) -> None:
    """Show many stimuli in many states to many units; what it costs is told before it starts."""
    with words():
        from graphtwin.kinds import CAMPAIGN, require_place

        if scheduler is not None and workers > 1:
            raise ValueError(f"--workers {workers} and --scheduler {scheduler}: the scheduler has its own workers. Give one of them.")
        require_place(out, CAMPAIGN, resume, force, [run, campaign])
        require_files(campaign)
        require_twin(run)
        from graphtwin.twin.runs import campaign_twin

        folder = campaign_twin(run, campaign, out, workers, scheduler, resume, force, lambda plan: typer.echo(f"{out}: {plan}"), True)
        typer.echo(f"{folder}: done; `graphtwin.insilico.campaign.read_cells` reads the cells, as does whatever reads Parquet")
