"""The command line of the graph model: graphtwin run | predict | report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.findings import print_findings
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

graphtwin predict runs/minnie65 --neurons neurons.csv --out predicted.csv
"""


@app.command("run", epilog=RUN_EXAMPLES)
def _run(
    source: Annotated[
        str, typer.Option(help="minnie65, synthetic (simulated first), or a TOML that names the tables of a folder.")
    ] = "minnie65",
    embeddings: Annotated[
        Path | None, typer.Option(help="Embeddings to use: a table with embedding_* columns, or .npy with ids beside it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder, new or empty (default: runs/ and the name of the source).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as pairs.fit.epochs=20; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Embed, fit, validate against the connectome and report, in one go."""
    with words():
        from graphtwin.folders import as_written
        from graphtwin.pipeline.graph import run as run_pipeline
        from graphtwin.report import print_results, write_report

        given = {"source": source, "seed": seed, "out": out or Path("runs") / Path(source).stem}
        folder = run_pipeline(set_, resume=resume, **given, **({"embeddings_file": embeddings} if embeddings else {}))
        if not as_written(folder, "report.html"):
            write_report(folder)
        print_results(folder)
        if (folder / "like_to_like").exists():
            write_report(folder / "like_to_like")
            print_findings(folder / "like_to_like")


@app.command("predict", epilog=PREDICT_EXAMPLES)
def _predict(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    out: Annotated[Path, typer.Option(help="New file for the table: .parquet or .csv.")],
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs (Parquet or CSV): pre_nucleus_id, post_nucleus_id, or pre_pt_root_id, post_pt_root_id.")
    ] = None,
    neurons: Annotated[Path | None, typer.Option(help="Neurons (Parquet or CSV): nucleus_id.")] = None,
    materialization: Annotated[int | None, typer.Option(help="Materialization of the root ids.")] = None,
) -> None:
    """Predict pairs or neurons with the graph model of a run: every row is answered, in its order."""
    with words():
        if (pairs is None) == (neurons is None):
            raise ValueError("predict: give either --pairs or --neurons.")
        from graphtwin.artifacts import require_new, write_table
        from graphtwin.graph.runs import predict_neurons, predict_pairs
        from graphtwin.sources.formats import read_asked

        require_new(out)
        asked = read_asked(pairs or neurons)  # type: ignore[arg-type]
        table = predict_pairs(run, asked, materialization, str(pairs)) if pairs else predict_neurons(run, asked, str(neurons))
        write_table(table, out)
        noted = int((table["note"] != "").sum())
        typer.echo(f"{out}: {len(table)} rows, {noted} of them with a note")


@app.command("report")
def _report(folder: Annotated[Path, typer.Argument(help="Folder of a finished `graphtwin run` or `graphtwin like-to-like`.")]) -> None:
    """Write the report of a run, or of a like-to-like analysis, again."""
    with words():
        from graphtwin.report import write_report

        typer.echo(write_report(folder))
