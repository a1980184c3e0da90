"""The command line of what a twin makes: graphtwin twin predict | embed | agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_recordings, require_twin
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Run, Where
from graphtwin.cli.twin_examples import examples_of

app = typer.Typer(rich_markup_mode="rich")


@app.command("predict", epilog=examples_of("predict"))
def _predict(
    run: Run,
    stimulus: Annotated[Path, typer.Option(help="Grey levels, .npy (frames, height, width), a frame for each of the twin's.")],
    out: Annotated[Path, typer.Option(help="File for the responses: .npy (frames, units).")],
    animal: Annotated[str | None, typer.Option(help="Animal whose units answer (default: the first of the run).")] = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Predict responses to a video, of an animal at rest."""
    with words(quiet, out):
        from graphtwin.artifacts import ARRAYS, require_new

        require_new(out, ARRAYS, force, (stimulus,))
        require_twin(run, stimulus, device)
        from graphtwin.twin.runs import write_prediction

        n_frames, n_units = write_prediction(run, stimulus, out, animal, device, True, force)
        say(f"{out}: {n_frames} frames, {n_units} units; beside it .made.json says which twin made it")


@app.command("embed", epilog=examples_of("embed"))
def _embed(
    run: Run,
    out: Annotated[Path, typer.Option(help="File for the table: .parquet, or .csv without --stimulus.")],
    stimulus: Annotated[Path | None, typer.Option(help="Clips whose responses are written as well: .npy or a recording.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write what each unit's readout weighs and its tuning, for `graphtwin run --embeddings` and `graphtwin like-to-like --embeddings`."""
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table

        if stimulus is not None and out.suffix != ".parquet":
            raise ValueError(f"{out}: responses are vectors, which {out.suffix or 'no suffix'} does not hold. Name a .parquet file.")
        require_new(out, force=force, inputs=(stimulus,))
        require_twin(run, stimulus)
        from graphtwin.twin.runs import embed_twin

        table = embed_twin(run, stimulus, progress=True)
        write_table(table, out)
        say(f"{out}: {len(table)} units")


@app.command("agree", epilog=examples_of("agree"))
def _agree(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two or more twins of the same animals, or one that --seeds filled.")],
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv; twins and provenance beside it as .made.json.")],
    recording: Annotated[
        list[Path] | None, typer.Option(help="Recording whose held-out trials are predicted; may be repeated (default: none are).")
    ] = None,
    stimulus: Annotated[
        Path | None,
        typer.Option(help="Clips over which units are correlated, as for `insilico correlate` (default: moving discs)."),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Certify what twins of several seeds agree on: a row a unit and quantity, and what is not to be taken to an experiment.

    Fits of a recording begin with the same receptive fields (reverse correlation): that their rf_position agrees is in part that of their
    starts, and says less of the error than the other numbers do.
    """
    with words(quiet, out):
        from graphtwin.artifacts import require_new

        recordings = recording or []
        require_new(out, force=force, inputs=(stimulus, *recordings))
        require_recordings(*recordings)
        from graphtwin.twin.runs import twins_in, write_certificate

        for run in twins_in(runs):
            require_twin(run, stimulus)
        found = write_certificate(runs, out, recordings, stimulus, True, force)
        say(f"{out}: {len(found.twins)} twins, {found.summary['n_units'].max()} units")
        for row in found.summary.itertuples():
            say(f"  {row.quantity}: {_agreed(row)}; {row.n_flagged} of {row.n_units} units are not to be taken to an experiment")
        for name, why in found.untold.items():
            say(f"  {name}: not compared, for {why}")


def _agreed(row: Any) -> str:
    """How far twins agree on a quantity, or that nobody can say."""
    if not row.n_known:
        return "cannot be compared (similarities need 6 units at least, and values that differ)"
    told = f"agreement {row.agreement:.3f}, difference {row.difference:.3g} {row.difference_in} (medians over {row.n_known})"
    return f"{told}, {row.caveat}" if row.caveat else told
