"""The command line of what to do next: graphtwin insilico next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_files, require_recordings, require_twin
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Where

EXAMPLES = """[bold]Examples[/bold]

graphtwin insilico next runs/core --recording data/dynamic1-1-1-Video-0f2a --candidates films.toml --budget 20 --out next.csv

graphtwin insilico next runs/minnie65 --candidates pairs.csv --budget 500 --out proofread.csv

graphtwin insilico next runs/minnie65 --what neurons --budget 50 --out record.csv"""
What = Literal["stimuli", "pairs", "neurons"]

app = typer.Typer()


@app.command("next", epilog=EXAMPLES)
def _next(
    run: Annotated[Path, typer.Argument(help="A twin (what to show), or a run of the graph model (what to proofread, whom to record).")],
    budget: Annotated[int, typer.Option(help="Number of stimuli, pairs or neurons to choose.")],
    out: Annotated[Path, typer.Option(help="File for the table, a row a choice, the first one first: .parquet or .csv.")],
    what: Annotated[What | None, typer.Option(help="What is chosen (default: stimuli of a twin, pairs of a run).")] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            help="Stimuli: a recording, .toml, or .npy of clips. Pairs: table with pre_nucleus_id, post_nucleus_id, and cost if they "
            "differ. Neurons: table with nucleus_id (default: all without a recording)."
        ),
    ] = None,
    recording: Annotated[Path | None, typer.Option(help="Recording that the twin was trained on: what is known already.")] = None,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Stimuli may be chosen more than once, and those that were trained on again.")
    ] = False,
    materialization: Annotated[int | None, typer.Option(help="Materialization of root ids, where candidates have these.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random choices that are compared.")] = 0,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Choose what to do next: stimuli to show, pairs to proofread or neurons to record, those that are expected to tell most.

    Stimuli: for the readouts of a twin's units. Pairs and neurons: for the like-to-like rule of a run.
    """
    with words(quiet, out):
        from graphtwin.artifacts import require_new
        from graphtwin.kinds import RUN, TWIN, require_kind

        require_new(out, force=force, inputs=(candidates,))
        kind = require_kind(run, TWIN, RUN)
        chosen = what or ("stimuli" if kind == TWIN else "pairs")
        if (chosen == "stimuli") != (kind == TWIN):
            needed = TWIN if chosen == "stimuli" else RUN
            raise ValueError(f"{run}: is {kind.is_a}, and {chosen} are chosen by {needed.is_a}. Give one, or another --what.")
        if budget < 1:
            raise ValueError(f"--budget {budget}: chooses nothing. Give 1 or more.")
        if chosen == "stimuli":
            if candidates is not None and candidates.suffix == ".toml":
                require_new(out.with_suffix(".toml"), (".toml",), force, (candidates,))
            _stimuli(run, out, budget, candidates, recording, repeats, seed, device)
        else:
            _of_run(run, out, budget, chosen, candidates, materialization, seed)


def _stimuli(
    run: Path, out: Path, budget: int, candidates: Path | None, recording: Path | None, repeats: bool, seed: int, device: Where
) -> None:
    """Stimuli to show: the table, and beside it the stimuli as TOML where candidates were."""
    if candidates is None or recording is None:
        lacking = "--candidates, the stimuli that could be shown" if candidates is None else "--recording, which the twin was trained on"
        raise ValueError(f"stimuli of {run}: are chosen with {lacking}. Name it.")
    require_twin(run, recording, device)
    if candidates.suffix in (".toml", ".npy"):
        require_files(candidates)
    else:
        require_recordings(candidates)
    from graphtwin.artifacts import write_table, write_text
    from graphtwin.twin.runs import next_stimuli

    found = next_stimuli(run, recording, candidates, budget, repeats, device, seed, progress=True)
    write_table(found.experiments.table, out)
    shown = ""
    if found.toml is not None:
        shown = f"; {write_text(found.toml, out.with_suffix('.toml'))} has them to show"
    say(f"{out}: stimuli: {found.experiments} (a unit, mean of {found.n_units}){shown}")


def _of_run(run: Path, out: Path, budget: int, chosen: str, candidates: Path | None, materialization: int | None, seed: int) -> None:
    """Pairs to proofread, or neurons to record."""
    if candidates is None and chosen == "pairs":
        raise ValueError(f"pairs of {run}: are chosen with --candidates, a table of pairs that could be proofread. Name it.")
    require_files(candidates)
    from graphtwin.artifacts import write_table
    from graphtwin.graph.runs import next_neurons, next_pairs
    from graphtwin.sources.formats import read_asked

    table = None if candidates is None else read_asked(candidates)
    origin = str(candidates or "neurons")
    if chosen == "pairs":
        assert table is not None  # refused above
        found = next_pairs(run, budget, table, materialization, origin, seed)
    else:
        found = next_neurons(run, budget, table, materialization, origin, seed)
    write_table(found.table, out)
    say(f"{out}: {chosen}: {found} of the slope of similarity")
