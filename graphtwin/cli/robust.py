"""The command line of robustness: graphtwin robust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_files, require_one_answer, require_twins
from graphtwin.cli.findings import print_robust
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.twin import Where

EXAMPLES = """[bold]Examples[/bold]

graphtwin robust simulate --out shortcut

graphtwin robust train shortcut/pictures --responses shortcut/responses.parquet --out runs/robust
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Does function make classifiers robust? Those that are drawn to a twin's similarity or code, beside those of pixels and others.",
    epilog=EXAMPLES,
)

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin robust simulate --out shortcut

graphtwin robust simulate --out other --seed 1 --set shuffled=true
"""

TRAIN_EXAMPLES = """[bold]Examples[/bold]

graphtwin robust train digits --twin runs/core --out runs/robust

graphtwin robust train photographs --twin runs/core --out runs/photographs --seeds 5

graphtwin robust train shortcut/pictures --responses shortcut/responses.parquet --out runs/shortcut --workers 4

graphtwin robust train cifar --twin runs/core --out runs/cifar --set pictures=5000 --set fit.epochs=40

graphtwin robust train digits --twin runs/core --out runs/robust --resume
"""

SCORE_EXAMPLES = """[bold]Examples[/bold]

graphtwin robust score runs/robust
"""

REPORT_EXAMPLES = """[bold]Examples[/bold]

graphtwin robust report runs/robust
"""

Run = Annotated[Path, typer.Argument(help="Folder that `graphtwin robust train` wrote.")]


@app.command("simulate", cls=ToldCommand, epilog=SIMULATE_EXAMPLES)
def _simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as fine=0.05 (`graphtwin settings shortcut`).")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw pictures whose classes are told by coarse gratings and by a fine shortcut, and responses of units that see the coarse alone.

    OUT/pictures has a folder of images a class, OUT/responses.parquet what 24 units answer to each: `robust train` takes both.
    """
    with words(quiet, out):
        from graphtwin.kinds import SHORTCUT, require_place

        require_one_answer(context, set_, seed="seed")
        require_place(out, SHORTCUT, force=force)
        from graphtwin.pipeline import simulate_shortcut

        folder = simulate_shortcut(out, set_, force, seed=seed)
        say(f"{folder}: {folder / 'README.md'} says what is where")


@app.command("train", cls=ToldCommand, epilog=TRAIN_EXAMPLES)
def _train(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="digits, photographs, or a folder with a folder of images for each class (or train and test of these).")
    ],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    twin: Annotated[
        Path | None, typer.Option(help="Folder of a finished `graphtwin twin train` or `transfer`, or one that `--seeds` filled.")
    ] = None,
    responses: Annotated[
        Path | None,
        typer.Option(help="Table of responses to the pictures, in the place of a twin: `picture` (file or number) and a column a unit."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Classifiers of each kind, over which intervals are.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as fit.epochs=40 (`graphtwin settings robust`).")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; the numbers are the same for any.")] = 2,
    device: Where = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the classifiers in the folder.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train classifiers with a twin's similarity and code, with those of controls and without, and test all of them.

    Strengths are chosen by validation accuracy alone. Tests are noise, blur, contrast, brightness, JPEG, elastic changes, FGSM and PGD,
    each at several strengths. Controls are pixels, low-passed pixels, responses to other pictures, an untrained twin, smoothed labels
    and noise.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import ROBUST, require_place

        if (twin is None) == (responses is None):
            raise ValueError("robust train: give either --twin or --responses.")
        require_files(responses)
        if twin is not None:
            require_twins(twin, device=device)
        require_one_answer(context, set_, seed="seed", seeds="seeds", workers="workers")
        require_place(out, ROBUST, resume, force, (twin, responses))
        require_packages("graphtwin robust train", "torch", "sklearn", "PIL", "matplotlib", "jinja2")
        from graphtwin.pipeline.robust import run_robust
        from graphtwin.report import write_report

        folder = run_robust(source, out, twin, responses, set_, resume, force, device, seed=seed, seeds=seeds, workers=workers)
        print_robust(folder, write_report(folder))


@app.command("score", epilog=SCORE_EXAMPLES)
def _score(run: Run, quiet: Quiet = False) -> None:
    """Test the classifiers of a run again; write its tables, verdicts and page anew."""
    with words(quiet, run / "report.html"):
        from graphtwin.kinds import ROBUST, require_kind

        require_kind(run, ROBUST)
        from graphtwin.pipeline.robust import score_robust
        from graphtwin.report import write_report

        score_robust(run)
        print_robust(run, write_report(run))


@app.command("report", epilog=REPORT_EXAMPLES)
def _report(run: Run, quiet: Quiet = False) -> None:
    """Write the page of a run again from its tables."""
    with words(quiet, run / "report.html"):
        from graphtwin.kinds import ROBUST, require_kind

        require_kind(run, ROBUST)
        from graphtwin.report import write_report

        say(f"Report: {write_report(run)}")
