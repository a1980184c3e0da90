"""The command line of the graph model: graphtwin run | predict | report."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_files, require_one_answer
from graphtwin.cli.findings import print_findings, print_predicted
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

RUN_EXAMPLES = """[bold]Examples[/bold]

graphtwin run

graphtwin run --source my_lab.toml --out runs/my_lab --seed 1

graphtwin run --embeddings readout.npy --set permutations=20 --set preset=full
"""

PREDICT_EXAMPLES = """[bold]Examples[/bold]

graphtwin predict runs/minnie65 --pairs pairs.parquet --out predicted.parquet

graphtwin predict runs/minnie65 --pairs roots.csv --materialization 661 --out predicted.csv

graphtwin predict runs/minnie65 --neurons neurons.csv --out predicted.csv --force
"""

REPORT_EXAMPLES = """[bold]Examples[/bold]

graphtwin report runs/minnie65

graphtwin report runs/like
"""


def _sources(begun: str) -> list[str]:
    """Names of sources, folders and TOML files that begin as what was typed."""
    from graphtwin.sources import BUNDLED

    named = [name for name in (*BUNDLED, "synthetic") if name.startswith(begun)]
    there = sorted(Path().glob(f"{escape(begun)}*"))
    return named + [f"{path}/" for path in there if path.is_dir()] + [str(path) for path in there if path.suffix == ".toml"]


@app.command("run", cls=ToldCommand, epilog=RUN_EXAMPLES)
def _run(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            help="minnie65, worm, fly, synthetic (simulated first), or a TOML that names the tables of a folder.", autocompletion=_sources
        ),
    ] = "minnie65",
    embeddings: Annotated[
        Path | None, typer.Option(help="Embeddings to use: a table with embedding_* columns, or .npy with ids beside it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder (default: runs/ and the name of the source).")] = None,
    ceiling: Annotated[
        Path | None, typer.Option(help="TOML of another animal of the same neurons: its wiring is the ceiling of predictions.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as pairs.fit.epochs=20; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Embed, fit, validate against the connectome and report, in one go."""
    place = out or Path("runs") / Path(source).stem
    with words(quiet, place):
        from graphtwin.extras import require_packages
        from graphtwin.folders import as_written
        from graphtwin.kinds import RUN, require_place
        from graphtwin.sources import require_source

        require_source(source, ("synthetic",))
        require_files(embeddings, ceiling)
        require_one_answer(context, set_, source="source", embeddings_file="embeddings", ceiling="ceiling", seed="seed")
        if any(setting.partition("=")[0].strip() == "out" for setting in set_ or ()):
            raise ValueError("--set out: the folder is named by --out.")
        require_place(place, RUN, resume, force, (source, embeddings))
        require_packages("graphtwin run", "torch", "torch_geometric", "sklearn", "matplotlib", "jinja2")
        if source == "synthetic" and not place.with_name(f"{place.name}_cortex").exists():
            require_packages("--source synthetic", "h5py", "pynwb", "cloudvolume", "zmesh")
        from graphtwin.graph.settings import load_settings

        given = {"source": source, "seed": seed, "out": place, **({"embeddings_file": embeddings} if embeddings else {})}
        given |= {"ceiling": ceiling} if ceiling else {}
        load_settings(set_, **given)  # a slip is told before torch is loaded
        from graphtwin.pipeline.graph import run as run_pipeline
        from graphtwin.report import print_results, write_report

        folder = run_pipeline(set_, resume=resume, force=force, **given)
        if not as_written(folder, "report.html"):
            write_report(folder)
        print_results(folder)
        if (folder / "like_to_like").exists():
            write_report(folder / "like_to_like")
            print_findings(folder / "like_to_like")


@app.command("predict", epilog=PREDICT_EXAMPLES)
def _predict(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv.")],
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs (Parquet or CSV): pre_nucleus_id, post_nucleus_id, or pre_root_id, post_root_id, or pre_name, post_name."),
    ] = None,
    neurons: Annotated[Path | None, typer.Option(help="Neurons (Parquet or CSV): nucleus_id, root_id (also pt_root_id), or name.")] = None,
    materialization: Annotated[
        int | None, typer.Option(help="Materialization of the root ids (default: that of the run, if it has one).")
    ] = None,
    fill_unknown: Annotated[
        bool, typer.Option("--fill-unknown", help="Give rows that the run knows nothing of the overall rate or class frequencies.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Predict pairs or neurons with the best model of a run: every row is answered, in its order.

    The model is the one that did best on held-out axons (average precision) or neurons (balanced accuracy, R2 of a place), baselines among
    them: it is printed, and named in the table. Pairs and neurons that it was fitted on are marked in the column fitted_on.
    """
    with words(quiet, out):
        if (pairs is None) == (neurons is None):
            raise ValueError("predict: give either --pairs or --neurons.")
        from graphtwin.artifacts import require_new
        from graphtwin.kinds import RUN, require_kind

        given = pairs or neurons or Path()
        require_new(out, force=force, inputs=(given,))
        require_kind(run, RUN)
        require_files(given)
        from graphtwin.artifacts import write_table
        from graphtwin.graph.runs import load_graph, predict_neurons, predict_pairs
        from graphtwin.sources.formats import read_asked

        asked, graph = read_asked(given), load_graph(run)
        if pairs:
            table = predict_pairs(graph, asked, materialization, str(pairs), fill_unknown)
        else:
            table = predict_neurons(graph, asked, str(neurons), materialization, fill_unknown)
        write_table(table, out)
        print_predicted(table, graph, out)


@app.command("report", epilog=REPORT_EXAMPLES)
def _report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished `run`, `motor fit`, `like-to-like`, `power`, `types`, `campaign` or `optimise`.")
    ],
    quiet: Quiet = False,
) -> None:
    """Write the page of a finished folder again."""
    with words(quiet, folder / "report.html"):
        from graphtwin.kinds import CAMPAIGN, LIKE_TO_LIKE, MOTOR, POWER, RUN, STIMULUS_SET, TYPES, require_kind

        require_kind(folder, RUN, LIKE_TO_LIKE, POWER, TYPES, CAMPAIGN, STIMULUS_SET, MOTOR)
        from graphtwin.report import write_report

        typer.echo(write_report(folder))
