"""The command line of types that are found: graphtwin types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_files
from graphtwin.cli.findings import print_types
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

EXAMPLES = """[bold]Examples[/bold]

graphtwin types runs/minnie65 --out runs/types

graphtwin types embeddings.parquet --source my_volume.toml --out runs/types

graphtwin types readout.npy --known cell_types.csv --column cluster --out runs/types

graphtwin types embeddings.parquet --out runs/types --set continua=99 --set seeds=10
"""


@app.command("types", epilog=EXAMPLES)
def _types(
    embeddings: Annotated[Path, typer.Argument(help="Table with embedding_* columns, .npy with ids beside it, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    known: Annotated[
        Path | None, typer.Option(help="Table of known types: nucleus_id, or session, scan_idx and unit_id, and the type of each neuron.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="A source that knows the types, in the place of --known: minnie65 or a TOML.")] = None,
    column: Annotated[str, typer.Option(help="Column of known types.")] = "cell_type",
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as continua=99 (`graphtwin settings types`).")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Types found, not given: do neurons fall into clusters by their embeddings, or is function a continuum?

    Clusters are modes of the density with valleys between them that a continuum of as many neurons lacks; a mixture of normals is
    fitted beside, with its agreement over starts and over halves of the neurons. Types that are known, of a run or by --known or
    --source, are compared with what was found, and with a classifier that is given them. The answer may be that there are no clusters.
    """
    with words(quiet, out):
        from graphtwin.config import overridden
        from graphtwin.extras import require_packages
        from graphtwin.kinds import RUN, TYPES, require_kind, require_place

        if known is not None and source is not None:
            raise ValueError(f"types from {known} and from {source}: Give one of --known and --source.")
        is_table = bool(embeddings.suffix) and not embeddings.is_dir()
        if not is_table:
            require_kind(embeddings, RUN)
        require_files(known, embeddings if is_table else None)
        require_place(out, TYPES, force=force, inputs=(embeddings, known))
        require_packages("graphtwin types", "matplotlib", "jinja2")
        from graphtwin.clusters import TypesConfig
        from graphtwin.report import find_types

        overridden(TypesConfig, {"seed": seed}, set_, "types")
        print_types(find_types(embeddings, out, known, source, column, set_, force, seed=seed))
