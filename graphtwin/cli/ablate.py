"""The command line of ablations: graphtwin twin ablate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_device, require_recordings
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.scored import interval
from graphtwin.cli.twin import Resume, Run, Threads, Where
from graphtwin.cli.twin_examples import examples_of

app = typer.Typer(rich_markup_mode="rich")


Part = StrEnum(
    "Part",
    ["gaze", "gaze_error", "saccades", "behaviour", "feature_gains", "recurrence", "normalisation", "prior", "location", "pretraining"],
)


@app.command("ablate", epilog=examples_of("ablate"))
def _ablate(
    run: Run,
    recordings: Annotated[list[Path], typer.Argument(help="Every recording that the twin was fitted on.")],
    out: Annotated[Path, typer.Option(help="Folder to write: a refit a part, and ablations.csv.")],
    without: Annotated[
        list[Part] | None,
        typer.Option(help="What is left out; may be repeated (default: all that the twin has)."),
    ] = None,
    tier: Annotated[list[str] | None, typer.Option(help="Tiers to score; may be repeated (default: test and oracle).")] = None,
    resume: Resume = False,
    threads: Threads = 2,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fit a twin again without some of its parts, each alone, and print what they are worth on held-out trials.

    Without gaze the eye counts as not recorded, or its view stays on the screen where gaze is declared; without gaze_error declared gaze is
    taken to be exact, without saccades eye movements modulate nothing; without behaviour its channels count as not recorded, without
    feature_gains behaviour and eye movements give channels of the core no gains; without recurrence the core has no gated memory and sees
    nine frames alone, without normalisation its channels are not divided by what all of them do nearby; without prior readouts stay as
    gradients left them, without location neighbours in cortex tell nothing; without pretraining the core begins anew. Intervals hold for
    these two fits: another seed is in none of them.
    """
    with words(quiet, out):
        from graphtwin.kinds import ABLATION, TWIN, require_kind, require_place

        require_kind(run, TWIN)
        require_place(out, ABLATION, resume, force, [run, *recordings])
        require_recordings(*recordings)
        require_device(device)
        from graphtwin.twin.runs import ablate_twin

        parts = [str(part) for part in without] if without else None
        found = ablate_twin(run, recordings, out, parts, tuple(tier) if tier else None, resume, threads, device, force)
        say(f"{out}: {found['without'].nunique()} refits and ablations.csv; cc_abs of the whole twin less that without")
        for row in found.query("kind == 'all' and score == 'cc_abs'").itertuples():
            say(
                f"  {row.animal}, {row.without}: {row.difference:+.3f} {interval(row.units_low, row.units_high, 3)} over {row.n_units} "
                f"units, {interval(row.stimuli_low, row.stimuli_high, 3)} over stimuli ({row.median_whole:.3f} and "
                f"{row.median_without:.3f}); {row.verdict}"
            )
