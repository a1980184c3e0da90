"""The command line: graphtwin run | twin | predict | like-to-like | proximity | simulate | check | report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from graphtwin.cli import twin as cli_twin

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Graph twins of cortex: functional responses and a connectome to validated predictions of cell type, position and connectivity.",
)

app.add_typer(cli_twin.app, name="twin")

EXAMPLES = """[bold]Examples[/bold]

graphtwin run

graphtwin predict runs/minnie65 --pairs pairs.parquet --out predicted.parquet

graphtwin run --help
"""

RUN_EXAMPLES = """[bold]Examples[/bold]

graphtwin run

graphtwin run --source my_lab.toml --out runs/my_lab --seed 1

graphtwin run --embeddings readout.npy --set permutations=20 --set preset=full
"""

PREDICT_EXAMPLES = """[bold]Examples[/bold]

graphtwin predict runs/minnie65 --pairs pairs.parquet --out predicted.parquet

graphtwin predict runs/minnie65 --pairs roots.csv --materialization 661 --out predicted.csv

graphtwin predict runs/minnie65 --neurons neurons.csv --out predicted.csv
"""

PROXIMITY_EXAMPLES = """[bold]Examples[/bold]

graphtwin proximity --axons axons/*.npz --dendrites dendrites/ --out proximity.parquet

graphtwin proximity --axons more/*.swc --index dendrites.index --out more.csv --nm-per-unit 1000 1000 1000 --workers 4

graphtwin proximity --axons file:///data/em#864691135,864691136 --dendrites gs://bucket/em --out all.parquet --all-pairs
"""

LIKE_TO_LIKE_EXAMPLES = """[bold]Examples[/bold]

graphtwin like-to-like edge_data_v1.pkl --neurons node_data_v1.pkl --similarity in_silico_sig_corr_cvt --out runs/like

graphtwin like-to-like pairs.parquet --similarity feature_similarity --similarity rf_distance --inclusion none --out runs/joint

graphtwin like-to-like pairs.csv --similarity signal_correlation --outcome co_travel --by none --out runs/co_travel

graphtwin like-to-like edges.pkl --neurons nodes.pkl --embeddings embeddings.parquet --similarity feature_similarity --out runs/twin
"""

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin simulate --out simulated

graphtwin simulate --out heavy --rule feature+degree-heavy --neurons 1000 --animals 1 --minutes 5 --seed 1

graphtwin simulate --out large --neurons 100000 --animals 1 --minutes 0
"""

CHECK_EXAMPLES = """[bold]Examples[/bold]

graphtwin check simulated

graphtwin check simulated --out disagreements.csv
"""


def show_version(wanted: bool) -> bool:
    """Print the version and stop, before a command is asked for."""
    if wanted:
        from graphtwin import __version__

        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback(epilog=EXAMPLES)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True)] = False,
) -> None:
    """Go on to a command."""


@app.command(epilog=RUN_EXAMPLES)
def run(
    source: Annotated[
        str, typer.Option(help="minnie65, synthetic (simulated first), or a TOML that names the tables of a folder.")
    ] = "minnie65",
    embeddings: Annotated[
        Path | None, typer.Option(help="Embeddings to use: a table with embedding_* columns, or .npy with ids beside it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder (default: runs/ and the name of the source).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as pairs.fit.epochs=20; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Embed, fit, validate against the connectome and report, in one go."""
    with words():
        from graphtwin.pipeline.graph.run import run as run_pipeline
        from graphtwin.report.pages.run_page import write_run
        from graphtwin.report.tables import print_results

        given = {"source": source, "seed": seed, "out": out or Path("runs") / Path(source).stem}
        folder = run_pipeline(set_, resume=resume, **given, **({"embeddings_file": embeddings} if embeddings else {}))
        if not (folder / "report.html").exists():
            write_run(folder)
        print_results(folder)
        if (folder / "like_to_like").exists():
            from graphtwin.report.pages import like_to_like_page

            like_to_like_page.write_like_to_like(folder / "like_to_like")
            print_findings(folder / "like_to_like")


@app.command(epilog=PREDICT_EXAMPLES)
def predict(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    out: Annotated[Path, typer.Option(help="Where the table goes: .parquet or .csv.")],
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs (Parquet or CSV): pre_nucleus_id, post_nucleus_id, or pre_pt_root_id, post_pt_root_id.")
    ] = None,
    neurons: Annotated[Path | None, typer.Option(help="Neurons (Parquet or CSV): nucleus_id.")] = None,
    materialization: Annotated[int | None, typer.Option(help="Of the root ids.")] = None,
) -> None:
    """Predict pairs or neurons with the graph twin of a run: every row is answered, in its order."""
    with words():
        if (pairs is None) == (neurons is None):
            raise ValueError("predict: give either --pairs or --neurons.")
        from graphtwin.artifacts import write_table
        from graphtwin.graph.runs.final import predict_neurons, predict_pairs
        from graphtwin.sources.formats.export import read_asked

        asked = read_asked(pairs or neurons)  # type: ignore[arg-type]
        if out.suffix not in (".parquet", ".csv"):
            raise ValueError(f"{out}: {out.suffix or 'no suffix'} is no table this writes. Name a .parquet or .csv file.")
        table = predict_pairs(run, asked, materialization, str(pairs)) if pairs else predict_neurons(run, asked, str(neurons))
        write_table(table, out)
        noted = int((table["note"] != "").sum())
        typer.echo(f"{out}: {len(table)} rows, {noted} of them with a note")


@app.command("like-to-like", epilog=LIKE_TO_LIKE_EXAMPLES)
def like_to_like(
    pairs: Annotated[Path, typer.Argument(help="Pair table: .pkl as published, .parquet, .feather or .csv.")],
    similarity: Annotated[
        list[str], typer.Option(help="A column of the pairs, or one that is computed from the neurons; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    neurons: Annotated[Path | None, typer.Option(help="Neuron table, for similarities, reliability, positions and responses.")] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Of `graphtwin twin embed`: function of the neurons, in place of what both tables say of it.")
    ] = None,
    outcome: Annotated[str, typer.Option(help="synapse_density, co_travel or size.")] = "synapse_density",
    by: Annotated[str, typer.Option(help="proj_hva, proj_hva_layer or none.")] = "proj_hva",
    inclusion: Annotated[str, typer.Option(help="published or none.")] = "published",
    nulls: Annotated[int, typer.Option(min=0, help="Replicates of every null and bootstrap.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
) -> None:
    """Which similarity decides who connects: slopes, nulls, curves and a page from a table of pairs."""
    with words():
        from graphtwin.config import validate
        from graphtwin.pipeline.pairs.like_to_like import LikeToLikeConfig, run_like_to_like
        from graphtwin.report.pages.like_to_like_page import write_like_to_like

        asked: dict[str, Any] = {"pairs": pairs, "neurons": neurons, "embeddings": embeddings, "similarity": tuple(similarity)}
        asked |= {"outcome": outcome, "by": by, "inclusion": inclusion, "nulls": nulls, "seed": seed, "workers": workers}
        folder = run_like_to_like(validate(LikeToLikeConfig, asked, "like-to-like"), out)
        write_like_to_like(folder)
        print_findings(folder)


@app.command(epilog=SIMULATE_EXAMPLES)
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    rule: Annotated[
        str, typer.Option(help="geometry, type, feature, rf-confounded, degree-heavy, or a sum such as feature+degree-heavy.")
    ] = "feature",
    neurons: Annotated[int, typer.Option(help="Of each animal.")] = 2000,
    animals: Annotated[int, typer.Option(help="All have recordings, the first has electron microscopy too.")] = 2,
    minutes: Annotated[float, typer.Option(help="Of movies to train on, each animal; 0 leaves out recordings.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The root of every random draw.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the files are the same for any number.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the simulation in the folder.")] = False,
) -> None:
    """Simulate animals with a known wiring rule and write them in the formats of real ones: movies, responses and electron microscopy."""
    with words():
        from graphtwin.config import validate
        from graphtwin.pipeline.simulate import simulate as run_simulation
        from graphtwin.synthetic.steps import SimulateConfig

        asked = {"rule": rule, "neurons": neurons, "animals": animals, "minutes": minutes, "seed": seed}
        folder = run_simulation(validate(SimulateConfig, asked, "simulate"), out, workers, resume)
        typer.echo(f"{folder}: {(folder / 'README.md')} says what is where")


@app.command(epilog=CHECK_EXAMPLES)
def check(
    folder: Annotated[Path, typer.Argument(help="A simulation.")],
    out: Annotated[Path | None, typer.Option(help="Where the disagreements go: .parquet or .csv.")] = None,
) -> None:
    """Look for files that were changed since they were written, and for places where the EM volume and the tables disagree.

    Exit code 1 if a file was changed. Disagreements are findings: fragments without a nucleus are in every reconstruction.
    """
    with words():
        from graphtwin.artifacts import write_table
        from graphtwin.pipeline.simulate import changed_files, check_anatomy

        changed = changed_files(folder)
        for row in changed.itertuples():
            typer.echo(f"{folder / row.file}: {row.finding}")
        try:
            found = check_anatomy(folder)
        except (OSError, ValueError) as error:
            if changed.empty:
                raise
            typer.echo(f"{len(changed)} files are not as written; volume and tables cannot be compared: {error}")
            raise typer.Exit(1) from error
        if out is not None:
            write_table(found, out)
        typer.echo(f"{len(changed)} files are not as written; volume and tables disagree in {len(found)} places")
        for kind, n in found["kind"].value_counts().items():
            typer.echo(f"  {n} x {kind}")
        if len(changed):
            raise typer.Exit(1)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A finished run folder.")]) -> None:
    """Write the report of a run again."""
    with words():
        from graphtwin.report.pages.run_page import write_run

        typer.echo(write_run(run))


class ManyValues(TyperCommand):
    """A command whose list options take all values up to the next option: --axons a.npz b.npz is --axons a.npz --axons b.npz."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat a list option before each of its values."""
        lists = {name for option in self.params if option.multiple for name in option.opts}
        given: list[str] = []
        current = ""
        for word in args:
            if word.startswith("--"):
                current = word if word in lists else ""
            elif current and given[-1] != current:
                given.append(current)
            given.append(word)
        return super().parse_args(ctx, given)


@app.command(cls=ManyValues, epilog=PROXIMITY_EXAMPLES)
def proximity(
    axons: Annotated[
        list[str], typer.Option(metavar="F...", help="Skeletons: .npz, .swc, folders, or precomputed volumes (path#ID,ID for some).")
    ],
    out: Annotated[Path, typer.Option(help="Where the pairs go: .parquet or .csv.")],
    dendrites: Annotated[list[str] | None, typer.Option(metavar="F...", help="Skeletons, as for --axons.")] = None,
    radius_nm: Annotated[int | None, typer.Option(min=1, help="Points this near are proximal (default: 5000, or as in the index).")] = None,
    max_edge_nm: Annotated[float | None, typer.Option(help="Longer edges are split (default: 1000, or as in the index).")] = None,
    nm_per_unit: Annotated[
        tuple[float, float, float] | None, typer.Option(help="One unit of the files along x, y and z, as 4 4 40 for voxels (default: nm).")
    ] = None,
    index: Annotated[Path | None, typer.Option(help="Index of the dendrites: read if it is there, else written.")] = None,
    vertices: Annotated[Path | None, typer.Option(help="Where the proximal points go: .parquet or .csv.")] = None,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Also pairs without proximity, with their distance.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Threads; the table is the same for any number.")] = 1,
) -> None:
    """Measure how much dendrite runs within reach of each axon (L_d): a row a pair.

    The nucleus id is the number in a file's name, or the skeleton's id in a precomputed volume. Vertices may be labelled by compartment
    (compartment in .npz and volumes, the type of SWC: 2 axon, 3 and 4 dendrite); without labels a file is what it was given as.
    """
    with words():
        from graphtwin.pipeline.pairs.proximities import write_proximities

        found = write_proximities(
            axons, dendrites or [], out, radius_nm, max_edge_nm, nm_per_unit, index, vertices, all_pairs=all_pairs, workers=workers
        )
        asked = f"{found.n_axons} axons and {found.n_dendrites} dendrites"
        typer.echo(f"{out}: {found.n_pairs} pairs of {asked}, {found.n_proximal} of them within reach")


@contextmanager
def words() -> Iterator[None]:
    """Errors that a person can mend end in one message and exit code 2, without a traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.secho(f"graphtwin: {error}", err=True, fg="red")
        raise typer.Exit(2) from error


def print_findings(folder: Path) -> None:
    """The slopes, the rule in words, what to beware of, and where the page is."""
    import json

    import pandas as pd

    if (folder / "slopes.csv").exists():
        columns = ["group", "similarity", "estimate", "se", "p_adj", "n_pairs", "n_axons"]
        typer.echo(pd.read_csv(folder / "slopes.csv")[columns].to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (said["rule"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        typer.echo(line)
