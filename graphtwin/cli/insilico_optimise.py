"""The command line of optimised stimuli: graphtwin insilico optimise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from graphtwin.cli.beforehand import DEAD_LEAVES, Force, Quiet, require_answering, require_candidates, require_files
from graphtwin.cli.insilico import Places
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Where

EXAMPLES = """[bold]Examples[/bold]

graphtwin insilico optimise runs/core --units 50 --out sets/exciting

graphtwin insilico optimise runs/three --units units.csv --verify runs/other_seed --candidates pictures --out sets/checked

graphtwin insilico optimise runs/core --units 20 --set moving=true --set duration_s=1.0 --set contrast_sd=0.4 --out sets/videos

graphtwin insilico optimise runs/core --units units.csv --what inhibiting --seeds 3 --out sets/inhibiting

graphtwin insilico optimise runs/core --units 20 --what invariant --verify runs/other_seed --out sets/paths

graphtwin insilico optimise runs/loop --units motor.csv --set moving=true --out sets/inputs

[bold]Settings[/bold] (--set KEY=VALUE): contrast_sd, darkest, brightest, cycles_a_pixel, cycles_a_frame, moving, duration_s, onset_s,
starts, steps, tolerance, batch, seed
"""

app = typer.Typer()


@app.command("optimise", epilog=EXAMPLES)
def _optimise(
    run: Annotated[
        Path, typer.Argument(help="A finished twin, a folder that `train --seeds` filled or a fitted circuit: then the mean answers.")
    ],
    units: Annotated[
        str,
        typer.Option(
            metavar="FILE|N",
            help="Table with session, scan_idx, unit_id, or neuron of a circuit (.csv, .parquet), or how many units to draw.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write: frames, order, expected answers, checks, contact_sheet.png, set.json.")],
    what: Annotated[
        Literal["exciting", "inhibiting", "invariant"],
        typer.Option(help="What stimuli do to their unit; invariant: paths of stimuli that change while the unit answers as before."),
    ] = "exciting",
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Twins of the animal of other seeds, on which stimuli are chosen and ranked too (default of a circuit: half of its fits).",
        ),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER|dead-leaves",
            help="Pictures to rank among, 5,000 at most: .npy (pictures, rows, columns) of grey levels, a folder of images, a recording, "
            "or dead-leaves, a stand-in for natural pictures (default: 1,000 Gabors).",
        ),
    ] = None,
    animal: Annotated[str | None, typer.Option(help="Animal of the twin (default: the only one).")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds that are compared; the stimuli of the first are kept.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="How often each stimulus is in the order, once a block.")] = 10,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be repeated.")] = None,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Optimise stimuli of units, check them, and write a set that a lab can show: frames, order, controls, expected answers."""
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import STIMULUS_SET, require_place

        require_place(out, STIMULUS_SET, force=force, inputs=[path for path in (run, verify, candidates) if path])
        number = int(units) if units.lstrip("+-").isdecimal() else None
        require_files(Path(units) if number is None else None)
        if candidates is not None and str(candidates) != DEAD_LEAVES:
            require_candidates(candidates)
        require_packages("graphtwin insilico optimise", "matplotlib", "jinja2")
        for twin in (run, verify):
            if twin is not None:
                require_answering(twin, device=device, places=places)
        from graphtwin.insilico.optimised import share_above
        from graphtwin.pipeline import made_and_judged
        from graphtwin.report import write_report
        from graphtwin.twin.runs import optimise_twin

        wanted = Path(units) if number is None else number
        asked, judge = made_and_judged(run, verify, animal, device, places)
        made = optimise_twin(asked, wanted, out, what, judge, candidates, animal, seeds, repeats, set_, device, True, force)
        kept = made.found.optimised
        say(f"{out}: {int(kept.sum())} of {len(kept)} units have a stimulus; {write_report(made.folder)} shows them")
        for how, table in made.ranked.groupby("asked", sort=False):
            share, low, high = share_above(table)
            known = table["ratio"].dropna()
            times = f", {known.median():.2f} x what the best adds to rest (median)" if len(known) else ""
            told = f"above all of {table['candidates'].iloc[0]} candidates for {share:.0%} of units [{low:.0%}, {high:.0%}]{times}"
            say(f"  {how} {table['responder'].iloc[0]}: {told}")
        if made.paths is not None:
            arcs = made.paths["arc_deg"].dropna()
            say(
                f"  paths: {int((arcs == 360).sum())} of {len(arcs)} units keep 85 % of their answer all the way round; half keep it for "
                f"{arcs.median():.0f} degrees of 360 or more (a linear unit: 64)"
            )
        if judge is None:
            say(
                "  not ranked on another twin or fit: an optimum may be a fault of the one it was made on. Give --verify RUN before an "
                "experiment."
            )
