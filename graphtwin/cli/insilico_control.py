"""The command line of population control: graphtwin insilico control."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_answering, require_files
from graphtwin.cli.insilico import Places
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Where

EXAMPLES = """[bold]Examples[/bold]

graphtwin insilico control runs/core --drive layer5.csv --hold layer23.csv --out sets/control

graphtwin insilico control runs/three --drive five.csv --verify runs/other_seed --within 0.3 --seeds 3 --out sets/checked

graphtwin insilico control runs/core --drive five.csv --set contrast_sd=0.4 --set moving=true --out sets/videos

graphtwin insilico control runs/loop --drive left.csv --hold right.csv --out sets/inputs

[bold]Settings[/bold] (--set KEY=VALUE): those of `graphtwin insilico optimise`
"""

app = typer.Typer()


@app.command("control", epilog=EXAMPLES)
def _control(
    run: Annotated[
        Path, typer.Argument(help="Folder of a finished `graphtwin twin train`, `transfer` or `motor fit`, or one that `--seeds` filled.")
    ],
    drive: Annotated[
        Path,
        typer.Option(help="Units to drive, all at once: table with session, scan_idx, unit_id, or neuron of a circuit (.csv, .parquet)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write: frames, order, expected answers, control.csv, contact_sheet.png, set.json.")],
    hold: Annotated[Path | None, typer.Option(help="Units to hold at what they answer to grey (default: all others).")] = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Another twin of the animal, such as one of another seed, that judges too (default of a circuit: half of its fits).",
        ),
    ] = None,
    within: Annotated[
        float, typer.Option(help="How far a held unit may go, in standard deviations of its answers to noise of the same contrast.")
    ] = 0.5,
    animal: Annotated[str | None, typer.Option(help="Animal of the twin (default: the only one).")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds, of each of which there is a stimulus.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="How often each stimulus is in the order, once a block.")] = 10,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be repeated.")] = None,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Seek stimuli that drive some units and hold others, check them, and write a set that a lab can show.

    Beside each there is one that drives the same units and holds none, to compare with.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import STIMULUS_SET, require_place

        require_place(out, STIMULUS_SET, force=force, inputs=[path for path in (run, verify, drive, hold) if path])
        require_files(drive, hold)
        require_packages("graphtwin insilico control", "matplotlib", "jinja2")
        for twin in (run, verify):
            if twin is not None:
                require_answering(twin, device=device, places=places)
        from graphtwin.pipeline import made_and_judged
        from graphtwin.report import write_report
        from graphtwin.twin.runs import control_twin

        asked, judge = made_and_judged(run, verify, animal, device, places)
        made = control_twin(asked, drive, out, hold, judge, within, animal, seeds, repeats, set_, device, True, force)
        say(f"{out}: {len(made.judged) // (1 + (judge is not None))} stimuli; {write_report(made.folder)} shows them")
        for by, objective, name, driven, away, share in made.judged[
            ["asked", "objective", "responder", "driven", "held_away", "held_share"]
        ].itertuples(index=False):
            how = "held by nothing" if objective == "driving" else "held"
            held = f"{share:.0%} of those {how} within {within:g}, the farthest {away:.2f}"
            say(f"  {by} {name}, {objective}: driven units {driven:+.2f} spreads from rest; {held}")
        if judge is None:
            say("  judged on no other twin or fit: an optimum may be a fault of the one it was made on. Give --verify RUN.")
