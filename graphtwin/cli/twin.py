"""The command line of the functional twin: graphtwin twin train | transfer | score | population; see `twin_made` for what a twin makes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_device, require_files, require_recordings, require_twin, require_twins
from graphtwin.cli.lines import say
from graphtwin.cli.monitor import Screen, monitor_in
from graphtwin.cli.refusals import words
from graphtwin.cli.scored import say_population, say_scores
from graphtwin.cli.twin_examples import examples_of

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="The functional twin: from video to the responses of neurons.", epilog=examples_of()
)

Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as fit.epochs=20; may be repeated.")]
Minutes = Annotated[float | None, typer.Option(min=0.0, help="Minutes of each recording's training trials (default: all).")]
Images = Annotated[int | None, typer.Option(min=1, help="Pictures of each recording's training trials, with all repeats (default: all).")]
Seed = Annotated[int, typer.Option(min=0, help="The root of every random draw.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the numerical libraries.")]
Where = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where torch computes; auto takes a GPU where there is one.")]
Run = Annotated[Path, typer.Argument(help="Folder of a finished `graphtwin twin train` or `transfer`.")]


@app.command("train", epilog=examples_of("train"))
def _train(
    recordings: Annotated[list[Path], typer.Argument(help="Sensorium folders (dynamic*, static*) or NWB files.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    minutes: Minutes = None,
    images: Images = None,
    seed: Seed = 0,
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Twins to train one after the other, in seed-0, seed-1 ... of --out, for `agree` and `score`."),
    ] = 1,
    set_: Overrides = None,
    resume: Resume = False,
    threads: Threads = 2,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train one core for all animals, and for each the rest; with --seeds several such twins."""
    with words(quiet, out):
        for place in [out] if seeds == 1 else [out / f"seed-{seed + at}" for at in range(seeds)]:
            _require_place(place, resume, force, recordings)
        require_recordings(*recordings)
        require_device(device)
        from graphtwin.twin.runs import fit_twin, fit_twins

        if seeds > 1:
            fit_twins(recordings, out, seeds, set_, minutes, seed, resume, threads, device, force, images)
            say(f"{out}: {seeds} twins; `graphtwin twin agree {out} --out agreement.csv` says what they agree on")
            return
        fit_twin(recordings, out, set_, minutes, seed, resume, threads, device, force, images)
        say(f"{out}: twin of {len(recordings)} recordings; `graphtwin twin score {out} {recordings[0]} --out scores.csv` scores it")


@app.command("transfer", epilog=examples_of("transfer"))
def _transfer(
    run: Run,
    recording: Annotated[Path, typer.Argument(help="The new animal.")],
    out: Annotated[Path, typer.Option(help="Folder to write for the new animal.")],
    minutes: Minutes = None,
    images: Images = None,
    seed: Seed = 0,
    resume: Resume = False,
    threads: Threads = 2,
    device: Where = "auto",
    monitor: Screen = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fit a new animal onto the core of a run, which stays as it is."""
    with words(quiet, out):
        from graphtwin.kinds import TWIN, require_kind

        require_kind(run, TWIN)
        _require_place(out, resume, force, [run, recording])
        require_recordings(recording)
        require_device(device)
        from graphtwin.twin.runs import transfer_twin

        transfer_twin(run, recording, out, minutes, seed, resume, threads, device, monitor_in(monitor), force, images)
        say(f"{out}: {recording.name} on the core of {run}")


@app.command("score", epilog=examples_of("score"))
def _score(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] RECORDING",
            help="Folder of a finished `graphtwin twin train` or `transfer` (of `--seeds`: the mean of the twins is scored), left out with "
            "--predictions; a recording whose animal it has.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv.")],
    predictions: Annotated[
        Path | None,
        typer.Option(help="Score these of any model instead: .npy (trials, units) of pictures, (trials, frames, units) of movies."),
    ] = None,
    tier: Annotated[list[str] | None, typer.Option(help="Tiers to score; may be repeated (default: test and oracle).")] = None,
    left_out_s: Annotated[
        float | None, typer.Option(min=0, help="Seconds at the start of each clip that do not count (default: 1.667).")
    ] = None,
    seed: Seed = 0,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Score held-out trials beside a ridge on energies and the mean response: units, kinds of stimulus, and who wins, a file each."""
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table

        recording = _recording_of(paths, predictions)
        files = [out, *(out.with_name(f"{out.stem}_{name}{out.suffix}") for name in ("by_kind", "baselines"))]
        for file in files:
            require_new(file, force=force, inputs=(recording, predictions))
        chosen = tuple(tier) if tier else None
        if predictions is not None:
            require_files(predictions)
            require_recordings(recording)
            from graphtwin.twin.runs import score_predictions

            scored = score_predictions(predictions, recording, chosen, left_out_s, seed, progress=True)
        else:
            require_twins(paths[0], recording, device)
            from graphtwin.twin.runs import score_twin

            scored = score_twin(paths[0], recording, chosen, left_out_s, seed, device, progress=True)
        for table, file in zip((scored.units, scored.kinds, scored.baselines), files, strict=True):
            write_table(table, file)
        say_scores(scored, files)


def _recording_of(paths: list[Path], predictions: Path | None) -> Path:
    """The recording among the arguments of `score`."""
    wanted = 1 if predictions is not None else 2
    if len(paths) != wanted:
        needed = "the recording alone, for --predictions need no twin" if predictions is not None else "a twin and a recording"
        raise ValueError(f"score: {len(paths)} path{'s'[: len(paths) != 1]} given ({', '.join(map(str, paths))}). Give {needed}.")
    return paths[-1]


@app.command("population", epilog=examples_of("population"))
def _population(
    run: Run,
    recording: Annotated[Path, typer.Argument(help="A recording whose animal the twin has, with repeated stimuli.")],
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv.")],
    tier: Annotated[list[str] | None, typer.Option(help="Tiers of repeated stimuli; may be repeated (default: test and oracle).")] = None,
    seed: Seed = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as population.kind=counts; may be repeated.")
    ] = None,
    threads: Threads = 2,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fit what units share beyond stimulus and behaviour, and score it: likelihood, units told from others, noise correlations."""
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table

        require_new(out, force=force, inputs=(recording,))
        require_twin(run, recording, device)
        from graphtwin import execute
        from graphtwin.twin.runs import score_population

        with execute.threads(threads):
            found = score_population(run, recording, tuple(tier) if tier else None, set_, seed, device, progress=True)
        write_table(found.scores, out)
        say_population(found, out)


def _require_place(out: Path, resume: bool, force: bool, inputs: list[Path]) -> None:
    """Look at the folder of a training; of several processes that torchrun started, the first does."""
    from graphtwin.kinds import TWIN, require_place

    if _is_first():
        require_place(out, TWIN, resume, force, inputs)


def _is_first() -> bool:
    """Whether this is the first of the processes that torchrun started, or a process alone."""
    return os.environ.get("RANK", "0") == "0"
