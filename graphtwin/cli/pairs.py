"""The command line of tables of pairs: graphtwin proximity | pairs | like-to-like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_files, require_one_answer
from graphtwin.cli.findings import print_findings
from graphtwin.cli.lines import say
from graphtwin.cli.monitor import Screen, monitor_in
from graphtwin.cli.refusals import words

app = typer.Typer(rich_markup_mode="rich")

PROXIMITY_EXAMPLES = """[bold]Examples[/bold]

graphtwin proximity --axons axons/*.npz --dendrites dendrites/ --out proximity.parquet

graphtwin proximity --axons more/*.swc --index dendrites.index --out more.csv --nm-per-unit 1000 1000 1000 --workers 4

graphtwin proximity --axons file:///data/em#864691135,864691136 --dendrites gs://bucket/em --out all.parquet --all-pairs
"""

PAIRS_EXAMPLES = """[bold]From skeletons to a rule[/bold]

1. graphtwin proximity --axons axons/*.npz --dendrites dendrites/ --out proximity.parquet

2. graphtwin pairs synapses.parquet proximity.parquet --neurons neurons.parquet --out pairs.parquet

3. graphtwin like-to-like pairs.parquet --neurons neurons.parquet --similarity feature_similarity --out runs/like

[bold]With root ids[/bold], as CAVE exports synapses (neurons.csv then has a column root_id)

graphtwin pairs synapses_pni_2.feather proximity.parquet --neurons neurons.csv --out pairs.csv
"""

CONTACTS_EXAMPLES = """[bold]Examples[/bold]

graphtwin contacts file:///data/segmentation --out contacts.parquet

graphtwin contacts gs://bucket/seg --mip 2 --axons axons.csv --cells cells.csv --least 0.05 --out contacts.parquet
"""

# Parameters of like-to-like that are settings too.
ASKED = ("pairs", "similarity", "neurons", "embeddings", "function", "outcome", "by", "inclusion", "nulls", "seed", "workers", "monitor")
LIKE_TO_LIKE_EXAMPLES = """[bold]Examples[/bold]

graphtwin like-to-like edge_data_v1.pkl --neurons node_data_v1.pkl --similarity in_silico_sig_corr_cvt --out runs/like

graphtwin like-to-like pairs.parquet --similarity feature_similarity --similarity rf_distance --inclusion none --out runs/joint

graphtwin like-to-like pairs.csv --similarity signal_correlation --outcome co_travel --by none --out runs/co_travel

graphtwin like-to-like edges.pkl --neurons nodes.pkl --embeddings embeddings.parquet --similarity feature_similarity --out runs/twin
"""


@app.command("like-to-like", cls=ToldCommand, epilog=LIKE_TO_LIKE_EXAMPLES)
def _like_to_like(
    context: typer.Context,
    pairs: Annotated[Path, typer.Argument(help="Pair table: .pkl as published, .parquet, .feather or .csv.")],
    similarity: Annotated[
        list[str], typer.Option(help="A column of the pairs, or one that is computed from the neurons; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    neurons: Annotated[Path | None, typer.Option(help="Neuron table, for similarities, reliability, positions and responses.")] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Table of `graphtwin twin embed`: function of the neurons, in place of what both tables say of it.")
    ] = None,
    function: Annotated[
        Path | None, typer.Option(help="Table of responses to anything, by unit or nucleus_id, in place of what both tables say of it.")
    ] = None,
    outcome: Annotated[str, typer.Option(help="synapse_density, co_travel or size.")] = "synapse_density",
    by: Annotated[str, typer.Option(help="proj_hva, proj_hva_layer or none.")] = "proj_hva",
    inclusion: Annotated[str, typer.Option(help="published or none.")] = "published",
    nulls: Annotated[int, typer.Option(min=0, help="Replicates of every null and bootstrap.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 1,
    monitor: Screen = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as nulls=1000 (`graphtwin settings like-to-like`).")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Which similarity decides who connects: slopes, nulls, curves and a page from a table of pairs."""
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import LIKE_TO_LIKE, require_place

        require_files(pairs, neurons, embeddings, function)
        require_one_answer(context, set_, **{name: name for name in ASKED})
        require_place(out, LIKE_TO_LIKE, force=force, inputs=(pairs, neurons, embeddings, function))
        require_packages("graphtwin like-to-like", "matplotlib", "jinja2")
        from graphtwin.report import like_to_like

        asked: dict[str, Any] = {"neurons": neurons, "embeddings": embeddings, "function": function, "outcome": outcome, "by": by}
        asked |= {"inclusion": inclusion, "nulls": nulls, "seed": seed, "workers": workers, "monitor": monitor_in(monitor)}
        print_findings(like_to_like(pairs, similarity, out, set_, force, **asked))


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


@app.command("contacts", epilog=CONTACTS_EXAMPLES)
def _contacts(
    volume: Annotated[str, typer.Argument(help="Precomputed segmentation: a folder, or a path with file://, gs://, s3:// or https://.")],
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv.")],
    axons: Annotated[Path | None, typer.Option(help="Table of root ids of axons (default: all segments).")] = None,
    cells: Annotated[Path | None, typer.Option(help="Table of root ids of cells (default: all segments).")] = None,
    mip: Annotated[int, typer.Option(min=0, help="Number of the resolution, 0 for the finest.")] = 0,
    least: Annotated[float, typer.Option(min=0, help="Smallest area that is written, um2.")] = 0.0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Contact area of segments, for an exposure: who touches whom, and how much, from voxels alone.

    The area corrects for the staircase of voxels, which stands beside it. The table is read as the role exposure of a source by
    columns = { exposure = "contact_area_um2" }, with symmetric = true where neither axons nor cells are given. A measurement that was
    stopped goes on when it is asked again.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages

        require_files(axons, cells)
        require_packages("contacts of a volume", "cloudvolume")
        from graphtwin.pipeline import write_contacts

        table = write_contacts(volume, out, axons, cells, mip, least, force)
        say(f"{out}: {len(table)} pairs, {table['contact_area_um2'].sum():,.4g} um2 of contact")


@app.command("proximity", cls=ManyValues, epilog=PROXIMITY_EXAMPLES)
def _proximity(
    axons: Annotated[
        list[str], typer.Option(metavar="F...", help="Skeletons: .npz, .swc, folders, or precomputed volumes (PATH#ID,ID for some).")
    ],
    out: Annotated[Path, typer.Option(help="File for the pairs: .parquet or .csv.")],
    dendrites: Annotated[list[str] | None, typer.Option(metavar="F...", help="Skeletons, as for --axons.")] = None,
    radius_nm: Annotated[int | None, typer.Option(min=1, help="Points this near are proximal (default: 5000, or as in the index).")] = None,
    max_edge_nm: Annotated[float | None, typer.Option(help="Longer edges are split (default: 1000, or as in the index).")] = None,
    nm_per_unit: Annotated[
        tuple[float, float, float] | None, typer.Option(help="One unit along x, y and z in nm, as 4 4 40, of files that do not say it.")
    ] = None,
    index: Annotated[Path | None, typer.Option(help="Index of the dendrites: read if it is there, else written.")] = None,
    vertices: Annotated[Path | None, typer.Option(help="File for the proximal points: .parquet or .csv.")] = None,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Also pairs without proximity, with their distance.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Number of threads; the table is the same for any number.")] = 1,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure how much dendrite runs within reach of each axon (L_d): a row a pair.

    The nucleus id is the number in a file's name, or the skeleton's id in a precomputed volume. The unit is what a file declares (units in
    the comments of SWC, nm_per_unit of .npz; volumes are in nm) or --nm-per-unit. Vertices may be labelled by compartment (in .npz and
    volumes compartment, vertex_types, or type if its values are SWC's, 2 axon, 3 and 4 dendrite; or is_axon, 1 and 0; the type of SWC); a
    file that labels neither is what it was given as.
    """
    with words(quiet, out):
        from graphtwin.pipeline.pairs import write_proximities

        places = axons, dendrites or []
        found = write_proximities(
            *places, out, radius_nm, max_edge_nm, nm_per_unit, index, vertices, all_pairs=all_pairs, workers=workers, force=force
        )
        asked = f"{found.n_axons} axons and {found.n_dendrites} dendrites"
        say(f"{out}: {found.n_pairs} pairs of {asked}, {found.n_proximal} of them within reach")


@app.command("pairs", epilog=PAIRS_EXAMPLES)
def _pairs(
    synapses: Annotated[Path, typer.Argument(help="A row a synapse, or a row a connected pair with n_synapses: .parquet, .feather, .csv.")],
    proximities: Annotated[
        Path,
        typer.Argument(help="Table of `graphtwin proximity` (l_d_um) or `graphtwin contacts` (contact_area_um2)."),
    ],
    neurons: Annotated[Path, typer.Option(help="A row a neuron: nucleus_id, queried_pre, queried_post, and what else is known.")],
    out: Annotated[Path, typer.Option(help="File for the pair table: .parquet or .csv.")],
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Join synapses, proximities and neurons to the table that like-to-like reads: a row a pair of cells that was looked at.

    Every axon that was queried (queried_pre: traced, and measured by `graphtwin proximity`) is paired with every target that was
    (queried_post: its inputs were looked for). Without a synapse such a pair counts as unconnected, without a proximity its L_d is 0.
    Cells that nobody looked at are left out and counted: of them an absent synapse says nothing.

    Cells are named by nucleus ids, or by root ids (pre_root_id and post_root_id, in CAVE pre_pt_root_id and post_pt_root_id) if the neuron
    table has root_id. Sizes are summed over the synapses of a pair.

    Of the neurons hva or brain_area, and layer, give the projections of --by; x_um, depth_um, z_um (or nucleus_x, nucleus_y, nucleus_z in
    nm) the distance of somata; axon_status counts axons that nobody proofread. Function may stand in the same table, for like-to-like.

    What was lost at each step is printed, and kept in OUT.made.json with the sha256 of what was read.
    """
    with words(quiet, out):
        require_files(synapses, proximities, neurons)
        from graphtwin.pipeline.pairs import write_pairs

        funnel = write_pairs(synapses, proximities, neurons, out, force)
        for row in funnel.itertuples():
            lost = f": {row.n_dropped:,} {row.unit} not ({row.reason})" if row.n_dropped else ""
            say(f"{row.table}, {row.step}: {row.n_after:,} of {row.n_before:,}{lost}")
        say(f"{out}: ready for graphtwin like-to-like {out} --neurons {neurons}")
