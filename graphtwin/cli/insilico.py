"""The command line of in silico experiments: graphtwin insilico tune | fields | correlate | campaign; others have files of their own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_answering, require_files, require_recordings
from graphtwin.cli.lines import say
from graphtwin.cli.refusals import words
from graphtwin.cli.scored import medians
from graphtwin.cli.twin import Where

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = (
    "tune runs/core --out tuning.csv --page tuning.html",
    "tune runs/core --what direction --what size --what contrast --what latency --state running=20 --out tuning.csv",
    "tune runs/three --animal dynamic1-1-1-Video-0f2a --out with_spread.parquet",
    "tune runs/core --what adaptation --what adapter --out adaptation.csv",
    "tune runs/loop --what contrast --what latency --out circuit.csv",
    "tune runs/eye --places places.csv --out directions.csv",
    "fields runs/core --out fields.csv",
    "fields runs/core --out fields.csv --page fields.html",
    "fields runs/core --method gradient --out fields.csv",
    "fields runs/core --method covariance --state running=20 --out subspaces.csv",
    "fields runs/loop --out inputs.csv",
    "correlate runs/core --stimulus data/dynamic1-1-1-Video-0f2a --out correlations.npy --page correlations.html",
    "correlate runs/core --stimulus data/dynamic1-1-1-Video-0f2a --neighbours 20 --workers 4 --out alike.parquet",
    "correlate runs/core --what noise --recording data/dynamic1-1-1-Video-0f2a --stimulus clips.npy --out noise.npy",
    "correlate runs/loop --stimulus loop/trials.h5 --out circuit.npy",
    "campaign runs/core campaign.toml --out runs/campaign --workers 4",
    "campaign runs/loop pulses.toml --out runs/pulses",
    "campaign runs/core campaign.toml --out runs/campaign --scheduler tcp://10.0.0.1:8786 --resume",
)
CAMPAIGN_FILE = """[bold]A campaign.toml[/bold]

units = "units.csv"    # session, scan_idx, unit_id; left out: all units

states = \\[{name = "rest"}, {name = "running", channels = {running = 20.0}}]

stimuli = \\[{kind = "drifting_grating", duration_s = 1.5, series = {direction_deg = \\[0.0, 90.0], contrast = \\[0.25, 1.0]}}]"""
What = StrEnum("What", ["direction", "size", "contrast", "latency", "adaptation", "adapter"])


def examples_of(command: str | None = None) -> str:
    """The examples of one command, those of all without a name, as text for the end of a help page."""
    chosen = [f"graphtwin insilico {line}" for line in EXAMPLES if command in (None, line.split()[0])]
    return "\n\n".join(["[bold]Examples[/bold]", *chosen, *([CAMPAIGN_FILE] if command in (None, "campaign") else [])])


Run = Annotated[
    Path,
    typer.Argument(help="Folder of a finished `graphtwin twin train`, `transfer` or `motor fit`, or one that `--seeds` filled."),
]
Animal = Annotated[str | None, typer.Option(help="Only animal whose units answer (default: all of the run).")]
States = Annotated[
    list[str] | None,
    typer.Option(metavar="CHANNEL=NUMBER", help="State in which all is seen, as running=20 (default: rest); may be repeated."),
]
Places = Annotated[
    Path | None,
    typer.Option(
        help="Of a circuit: table of where in the visual field its senses lie (neuron, x_deg, y_deg); without it they have no places."
    ),
]
Table = Annotated[Path, typer.Option(help="File for the table, a row a unit: .parquet or .csv.")]
Page = Annotated[Path | None, typer.Option(help="File for a page of the table, .html: numbers, maps over cortex and screen.")]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="In silico experiments: stimuli shown to the units of a twin, or to the senses of a circuit. Of several twins (train --seeds) or "
    "fits the mean answers, and beside "
    "each number X stand X_spread, how far they differ, where known its 95 % interval X_low, X_high, and X_flag, why not to rely on it.",
    epilog=examples_of(),
)


@app.command("tune", epilog=examples_of("tune"))
def _tune(
    run: Run,
    out: Table,
    what: Annotated[
        list[What] | None,
        typer.Option(
            help="What is measured; may be repeated (default: direction, with orientation, frequencies and F1/F0; of a circuit "
            "that sees no pictures contrast and latency)."
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL=NUMBER", help="A state, as running=20: what it changes from rest is measured as well; may be repeated."
        ),
    ] = None,
    animal: Animal = None,
    page: Page = None,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure the tuning of units to gratings: direction and orientation with tests of selectivity, frequencies, size, contrast, time.

    Time is latency, adaptation (how answers to a grating that stays or comes again decay), adapter (what a long one does to tuning).

    Size and contrast are measured at each unit's field, which noise maps first, and with the grating that it prefers.
    """
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table

        require_new(out, force=force)
        _require_page(page, force)
        channels = _channels(state or [])
        require_answering(run, device=device, places=places)
        from graphtwin.kinds import MOTOR, kind_of
        from graphtwin.pipeline import responding
        from graphtwin.twin.runs import tune_twin

        usual = ["contrast", "latency"] if kind_of(run) == MOTOR and places is None else ["direction"]
        chosen = [str(one) for one in what] if what else usual
        table = tune_twin(responding(run, animal, device, places), chosen, channels, progress=True)
        write_table(table, out)
        _write_page(table, out, page)
        say(f"{out}: {len(table)} units; {_told(table)}")


@app.command("fields", epilog=examples_of("fields"))
def _fields(
    run: Run,
    out: Table,
    method: Annotated[
        Literal["average", "ridge", "gradient", "covariance"],
        typer.Option(
            help="How fields are told: by averages of noise, a ridge regression on it, gradients (slow: once a unit), or the covariance of "
            "what is answered, which tells the patterns that a unit squares as well (a tenth of a second a unit more)."
        ),
    ] = "average",
    state: States = None,
    animal: Animal = None,
    page: Page = None,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure the receptive field of each unit with noise: place, size and elongation in degrees; empty for a unit without one."""
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table

        require_new(out, force=force)
        _require_page(page, force)
        require_answering(run, device=device, places=places)
        from graphtwin.pipeline import responding
        from graphtwin.twin.runs import fields_twin

        table = fields_twin(responding(run, animal, device, places), method, progress=True, state=_channels(state or []))
        write_table(table, out)
        _write_page(table, out, page)
        if "strongest_input" in table:
            seen = int(table["strongest_input"].notna().sum())
            say(f"{out}: {seen} of {len(table)} units answer an input; {medians(table, ('input_share', 'input_lag_s'))}")
            return
        known = int(table["field_x_deg"].notna().sum())
        told = f"; {medians(table, ('field_sd_major_deg', 'field_sd_minor_deg'))}" if known else ""
        say(f"{out}: {known} of {len(table)} units have a field{told}")
        if method == "covariance":
            excited, suppressed = (int((table[f"{name}_dimensions"] > 0).sum()) for name in ("excitatory", "suppressive"))
            say(f"  {excited} units square patterns that excite them, {suppressed} some that suppress them")


@app.command("correlate", epilog=examples_of("correlate"))
def _correlate(
    run: Run,
    stimulus: Annotated[
        Path, typer.Option(help="Clips: .npy (frames, height, width), or a recording, or trials of a circuit (.h5), the first 40.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="File: .npy for the matrix (units, units), ids beside it as .ids.csv, of several twins X_spread.npy; "
            ".parquet for the most alike of each unit."
        ),
    ],
    what: Annotated[
        Literal["signal", "noise"], typer.Option(help="Correlations of mean answers, or of responses given the stimulus.")
    ] = "signal",
    recording: Annotated[
        Path | None, typer.Option(help="Recording of an animal, whose training trials tell what noise its units share (noise only).")
    ] = None,
    state: States = None,
    neighbours: Annotated[int, typer.Option(min=1, help="Most alike units of each unit in a .parquet.")] = 50,
    precision: Annotated[Literal["float32", "float16"], typer.Option(help="Numbers of a .npy; the second is right to .0005.")] = "float32",
    workers: Annotated[int, typer.Option(min=1, help="Processes of one thread each on this machine.")] = 1,
    animal: Animal = None,
    page: Annotated[Path | None, typer.Option(help="File for a page of a .npy, .html: histogram, and by distance in cortex.")] = None,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Correlate all pairs of units: their mean answers to the same clips, or what noise they share.

    A matrix is written tile by tile and need not fit memory. Noise is what the latent population model of `twin population` expects.
    """
    with words(quiet, out):
        from graphtwin.artifacts import ARRAYS, require_new
        from graphtwin.kinds import MOTOR, kind_of

        require_new(out, (*ARRAYS, ".parquet"), force, (stimulus, recording))
        if out.suffix in ARRAYS:
            require_new(out.with_suffix(".ids.csv"), force=force, inputs=(stimulus, recording))
        elif page is not None:
            raise ValueError(
                f"--page {page}: is drawn of a matrix, and {out} is a table of neighbours. Name an .npy, or leave the page out."
            )
        _require_page(page, force)
        channels = _channels(state or [])
        if what == "noise" and recording is None:
            raise ValueError(
                "--what noise: a twin alone tells each unit's noise apart from that of the others. Give --recording, whose training trials "
                "tell what its units share."
            )
        if what == "noise" and kind_of(run) == MOTOR:
            raise ValueError(
                f"{run}: noise correlations are of what recorded units share beside a twin, and this is a circuit, whose fits know no "
                "noise. Ask for signal correlations, or give a twin."
            )
        require_answering(run, stimulus, device, places)
        if recording is not None:
            require_recordings(recording)
        from graphtwin.pipeline import responding
        from graphtwin.twin.runs import CorrelateConfig, correlate_twin

        config = CorrelateConfig(what, recording, precision, neighbours, workers)
        asked = run if what == "noise" else responding(run, animal, device, places)  # noise is of the recording's animal, if none is named
        n_units, n_told = correlate_twin(asked, stimulus, out, animal, device, True, force, channels, config)
        if page is not None:
            import pandas as pd

            from graphtwin.report import write_correlated

            write_correlated(out, pd.read_csv(out.with_suffix(".ids.csv")), what, page)
            say(f"{page}: shows it")
        of = f"{n_units} x {n_units} units" if out.suffix in ARRAYS else f"the most alike of {n_units} units"
        say(f"{out}: {of}, " + (f"responses in {n_told} bins" if what == "signal" else f"noise at {n_told} samples of the stimulus"))


@app.command("campaign", epilog=examples_of("campaign"))
def _campaign(
    run: Run,
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", help="Stimuli, states, units, and what is kept of the answers.")],
    out: Annotated[
        Path, typer.Option(help="Folder to write: cells/ (Parquet, a row a unit, stimulus and state), tables of both, report.html.")
    ],
    workers: Annotated[int, typer.Option(min=1, help="Processes of one thread each on this machine; they change no byte.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers answer instead, as tcp://HOST:PORT.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the campaign in the folder: shards that are there stay.")] = False,
    places: Places = None,
    device: Where = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Show many stimuli in many states to many units; what it costs is told before it starts."""
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.folders import as_written
        from graphtwin.kinds import CAMPAIGN, require_place

        if scheduler is not None and workers > 1:
            raise ValueError(f"--workers {workers} and --scheduler {scheduler}: the scheduler has its own workers. Give one of them.")
        require_place(out, CAMPAIGN, resume, force, [run, campaign])
        require_files(campaign)
        require_answering(run, device=device, places=places)
        require_packages("graphtwin insilico campaign", "matplotlib", "jinja2")
        if scheduler is not None and "://" in scheduler:
            require_packages(f"--scheduler {scheduler}", "dask", "distributed")
        from graphtwin.pipeline import responding
        from graphtwin.report import write_report
        from graphtwin.twin.runs import campaign_twin

        at = "cpu" if scheduler is not None and device == "auto" else device  # workers elsewhere may have no GPU
        folder = campaign_twin(
            responding(run, None, at, places),
            campaign,
            out,
            workers,
            scheduler,
            resume,
            force,
            device,
            lambda plan: say(f"{out}: {plan}"),
            True,
        )
        page = folder / "report.html" if as_written(folder, "report.html") else write_report(folder)
        say(f"{folder}: done; {page} shows it, and `graphtwin.insilico.campaign.read_cells` reads the cells")


def _require_page(page: Path | None, force: bool) -> None:
    """Raise, before anything is measured, where a page that is asked for cannot be drawn or is there already."""
    if page is not None:
        from graphtwin.artifacts import PAGES, require_new
        from graphtwin.extras import require_packages

        require_new(page, PAGES, force)
        require_packages("--page", "matplotlib", "jinja2")


def _write_page(table: pd.DataFrame, out: Path, page: Path | None) -> None:
    if page is not None:
        from graphtwin.report import write_measured

        write_measured(table, out.name, page)
        say(f"{page}: shows it")


def _channels(state: list[str]) -> dict[str, float] | None:
    """The state that --state gives, by channel; None where it was not given."""
    found: dict[str, float] = {}
    for given in state:
        channel, _, number = given.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not channel or value - value != 0:  # no number, infinite or NaN
            raise ValueError(f"--state {given}: is no channel and number. Give one as running=20.")
        if channel in found:
            raise ValueError(f"--state {given}: {channel} is given twice. Give it once.")
        found[channel] = value
    return found or None


def _told(table: pd.DataFrame) -> str:
    """Medians of what was measured, and how many units are selective."""
    from graphtwin.insilico import SELECTIVE_Q

    of_gratings = ("gosi", "gdsi", "preferred_size_deg", "surround_suppression", "c50")
    of_time = ("latency_s", "adaptation_index", "adaptation_tau_s", "adapter_shift_deg")
    named = (*of_gratings, *of_time, "gain", "shift")
    parts = [medians(table, tuple(name for name in named if name in table))]
    for name in ("orientation", "direction"):
        if f"{name}_q" in table:
            parts.append(f"{int((table[f'{name}_q'] <= SELECTIVE_Q).sum())} select {name} (q <= {SELECTIVE_Q})")
    return "; ".join(parts)
