"""The command line of power: graphtwin power."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphtwin.cli.beforehand import Force, Quiet, require_files
from graphtwin.cli.findings import print_power
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

POWER_EXAMPLES = """[bold]Examples[/bold]

graphtwin power pairs.parquet --neurons neurons.parquet --similarity feature_similarity --effect 0.5 --out runs/power

graphtwin power pairs.parquet --similarity signal_correlation --effect 0.3 --effect 0.6 --axons 30 --axons 60 --axons 120 --out more

graphtwin power --axons 30 --targets 150 --synapses 10 --effect 0.5 --workers 2 --out planned

graphtwin power --axons 30 --effect 0.5 --set tissue.hot_spots=0 --set tissue.shared_hot_spots=0 --out plain
"""


@app.command("power", epilog=POWER_EXAMPLES)
def _power(
    effect: Annotated[list[float], typer.Option(help="Slope to detect, per unit of the similarity; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    pairs: Annotated[
        Path | None, typer.Argument(help="Pair table: .pkl as published, .parquet, .feather or .csv; none simulates geometry.")
    ] = None,
    neurons: Annotated[Path | None, typer.Option(help="Neuron table, for positions, similarities and reliability.")] = None,
    similarity: Annotated[str | None, typer.Option(help="A column of the pairs, or one that is computed from the neurons.")] = None,
    axons: Annotated[
        list[int] | None, typer.Option(help="Number of axons; may be repeated. One alone is simulated with half and twice as many.")
    ] = None,
    targets: Annotated[int, typer.Option(min=2, help="Candidates of each axon, without a table.")] = 150,
    synapses: Annotated[float, typer.Option(min=0, help="Mean synapses of an axon on its candidates, without a table.")] = 10.0,
    inclusion: Annotated[str, typer.Option(help="published or none: which pairs of the table are used, as in like-to-like.")] = "published",
    tables: Annotated[int, typer.Option(min=20, help="Simulated tables for each number of axons and slope.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; the tables are the same for any number.")] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as tissue.hot_spots=0 (`graphtwin settings power`).")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Power before an experiment: how often each estimate finds a slope with a design, and how many axons that needs for .8.

    Tables are drawn from the axons of your pair table, with their candidates, L_d, positions and similarities; synapses vary as in it. Each
    is given to the robust slope, to the claim that needs it and the spatial p, to the conditional and the published mixed model, and to the
    null within axons. Tables without a rule are drawn too: an estimate that finds one in more than 5 % of these has no power to speak of.
    """
    with words(quiet, out):
        from graphtwin.config import overridden
        from graphtwin.extras import require_packages
        from graphtwin.kinds import POWER, require_place
        from graphtwin.pipeline import PowerConfig, require_design

        asked: dict[str, Any] = {"neurons": neurons, "similarity": similarity, "axons": tuple(axons or ()), "targets": targets}
        asked |= {"synapses": synapses, "inclusion": inclusion, "tables": tables, "seed": seed, "workers": workers}
        require_files(pairs, neurons)
        require_place(out, POWER, force=force, inputs=(pairs, neurons))
        require_design(overridden(PowerConfig, {"pairs": pairs, "effect": tuple(effect), **asked}, set_, "power"))
        require_packages("graphtwin power", "matplotlib", "jinja2")
        from graphtwin.report import power

        print_power(power(effect, out, pairs, set_, force, **asked))
