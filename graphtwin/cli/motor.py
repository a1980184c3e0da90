"""The command line of circuits of senses and motion: graphtwin motor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from graphtwin.cli.beforehand import Force, Quiet, ToldCommand, require_files, require_one_answer
from graphtwin.cli.findings import print_motor
from graphtwin.cli.lines import numbers, say
from graphtwin.cli.refusals import words

EXAMPLES = """[bold]Examples[/bold]

graphtwin motor simulate --out loop

graphtwin motor fit loop/loop.toml --out runs/loop

graphtwin motor ablate runs/loop --all-neurons --out ranked.csv
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Circuits of senses and motion: from a wiring diagram to activity and motor output.",
    epilog=EXAMPLES,
)

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor simulate --out loop

graphtwin motor simulate --out loop --neurons 300 --seed 1 --set recorded=0.25 --set transmitters=1

graphtwin motor simulate --out misread --set missing=0.05 --set added=1

graphtwin motor simulate --circuit fly --out fly --set network=1 --set recorded=0.25
"""

FIT_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor fit loop/loop.toml --out runs/loop

graphtwin motor fit loop/loop.toml --out runs/loop --seed 1 --set model.fits=2 --set replicates=0

graphtwin motor fit worm --out runs/worm --set model.batch=64

graphtwin motor fit larva.h5 --out runs/larva

graphtwin motor fit my_circuit.toml --out runs/mine --set model.response=tanh --set model.fit.epochs=50 --workers 4

graphtwin motor fit loop/loop.toml --out runs/loop --resume

graphtwin motor fit fly/fly.toml --out runs/fly --set model.weights=types --set model.neurons=types
"""

SCORE_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor score runs/loop

graphtwin motor score runs/loop --lesions lesions.npz
"""

PREDICT_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor predict runs/loop --stimulate touch_01,light_02 --out touched.csv

graphtwin motor predict runs/loop --stimulate touch_01 --strength -1 --out touched.parquet

graphtwin motor predict runs/loop --stimulus loop/trials.h5 --out predicted.h5

graphtwin motor predict runs/larva --out places.csv
"""

ABLATE_EXAMPLES = """[bold]Examples[/bold]

graphtwin motor ablate runs/loop --all-neurons --out lesions.csv

graphtwin motor ablate runs/loop --types premotor_inhibitory,touch --out types.csv

graphtwin motor ablate runs/loop --neurons touch_01 --edges touch_01:inter_02 --out some.csv

graphtwin motor ablate runs/loop --all-edges --out edges.parquet
"""

Run = Annotated[Path, typer.Argument(help="Folder of a fitted circuit.")]


@app.command("simulate", cls=ToldCommand, epilog=SIMULATE_EXAMPLES)
def _simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    circuit: Annotated[
        Literal["loop", "fly"], typer.Option(help="loop: a sensorimotor loop; fly: a trained network of the fly's motion pathway.")
    ] = "loop",
    neurons: Annotated[int, typer.Option(help="Number of neurons of a loop.")] = 120,
    seed: Annotated[int, typer.Option(help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as recorded=0.25 (`graphtwin settings loop`, `fly`).")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a circuit with known weights: a sensorimotor loop in a body that it moves and feels, or the motion pathway of the fly.

    OUT/loop.toml names its tables of cells and synapses and its trials (stimuli, activity of half of the neurons, tension of muscles);
    OUT/truth has what was planted: weights, time constants, activity of all neurons, and what muscles do without single neurons and types.

    Of the fly (`pip install 'graphtwin\\[fly]'`), OUT/fly.toml names the wiring of 37 columns and what a trained network does during films:
    potentials of the cells of half of the types, and what T4 and T5 send on. OUT/truth has its weights, and outputs without each type.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import LOOP, RECORDED_FLY, require_place

        is_fly = circuit == "fly"
        given = context.get_parameter_source("neurons")
        if is_fly and given is not None and given.name == "COMMANDLINE":
            raise ValueError(f"--neurons {neurons}: the fly has as many as its columns. Give --set extent=2 for fewer, or leave it out.")
        require_one_answer(context, set_, seed="seed", **({} if is_fly else {"neurons": "neurons"}))
        require_place(out, RECORDED_FLY if is_fly else LOOP, force=force)
        require_packages("graphtwin motor simulate", "h5py", *(["flycns"] if is_fly else []))
        from graphtwin.pipeline import simulate_fly, simulate_loop

        folder = simulate_fly(out, set_, force, seed=seed) if is_fly else simulate_loop(out, set_, force, neurons=neurons, seed=seed)
        say(f"{folder}: {folder / 'README.md'} says what is where")


@app.command("fit", cls=ToldCommand, epilog=FIT_EXAMPLES)
def _fit(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="TOML that names the tables and trials of a circuit, or worm, fly, a published circuit.")],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    seed: Annotated[int, typer.Option(min=0, help="The root of every random draw.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as model.fits=2 (`graphtwin settings motor`).")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; the numbers are the same for any.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the fits in the folder.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fit a circuit and its controls to trials, responses to stimulation or orders of recruitment, and score all on what none has seen.

    Kept from all fits are all trials that stimulate some neurons alone, the activity of some recorded neurons, and some of the other
    trials; of a source that has responses and no trials every stimulated neuron, fold by fold; of one that has orders of recruitment alone
    every motor neuron, and every pair of them. Controls are the same circuit rewired or
    with other names, dynamics without a connectome, and what anatomy alone says.
    """
    with words(quiet, out):
        from graphtwin.extras import require_packages
        from graphtwin.kinds import MOTOR, require_place
        from graphtwin.sources import require_source

        require_source(source)
        require_one_answer(context, set_, seed="seed", workers="workers")
        require_place(out, MOTOR, resume, force, (source,))
        require_packages("graphtwin motor fit", "torch", "h5py", "matplotlib", "jinja2")
        from graphtwin.pipeline.motor import run_motor
        from graphtwin.report import write_report

        folder = run_motor(source, out, set_, resume, force, seed=seed, workers=workers)
        print_motor(folder, write_report(folder))


@app.command("score", epilog=SCORE_EXAMPLES)
def _score(
    run: Run,
    lesions: Annotated[
        Path | None, typer.Option(help="Output that was measured after lesions (.npz, docs/motor.md): predicted ones are held against it.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Score the circuit, its controls, anatomy alone and the ceiling on what no fit has seen; write the tables and the page again."""
    with words(quiet, run / "report.html"):
        from graphtwin.kinds import MOTOR, require_kind

        require_kind(run, MOTOR)
        require_files(lesions)
        from graphtwin.pipeline.motor import score_motor
        from graphtwin.report import write_report

        score_motor(run, lesions)
        print_motor(run, write_report(run))


@app.command("predict", epilog=PREDICT_EXAMPLES)
def _predict(
    run: Run,
    out: Annotated[Path, typer.Option(help="File to write: .h5 as a file of trials, .parquet or .csv a row a trial, step and name.")],
    stimulate: Annotated[
        str | None, typer.Option(help="Neurons that get a constant input for .5 s together, by name: A,B; .5 s before and behind it.")
    ] = None,
    strength: Annotated[float | None, typer.Option(help="Strength of that input, in units of the trials' stimulus (default: 1).")] = None,
    stimulus: Annotated[Path | None, typer.Option(help="HDF5 file with a stimulus, as a file of trials has it.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Predict the activity of all neurons and motor output under a stimulus, however long it is, and how far that may be off.

    Of a run that was fitted to orders of recruitment, without a stimulus: the place of every motor neuron, those without an order too.
    """
    with words(quiet, out):
        from graphtwin.artifacts import TABLES, require_new
        from graphtwin.extras import require_packages
        from graphtwin.kinds import MOTOR, require_kind

        if strength is not None and stimulate is None:
            raise ValueError(f"--strength {strength:g}: is of --stimulate alone; a stimulus of a file has its own. Leave it out.")
        if stimulate is None and stimulus is None and _places(run, out, force):
            return
        if (stimulate is None) == (stimulus is None):
            raise ValueError("motor predict: give either --stimulate or --stimulus.")
        require_new(out, (*TABLES, ".h5"), force, (stimulus,))
        require_kind(run, MOTOR)
        require_files(stimulus)
        require_packages("graphtwin motor predict", "h5py")
        from graphtwin.pipeline.motor import load_fitted, write_predicted

        trials, steps = write_predicted(
            load_fitted(run), out, _listed(stimulate, "--stimulate"), stimulus, 1.0 if strength is None else strength
        )
        say(f"{out}: {trials} trial{'s' * (trials != 1)} of {steps} steps")


def _places(run: Path, out: Path, force: bool) -> bool:
    """Write places of motor neurons where a run was fitted to orders of recruitment, and say whether it was."""
    from graphtwin.artifacts import require_new
    from graphtwin.kinds import MOTOR, require_kind
    from graphtwin.pipeline.motor import asks_orders, write_places

    require_kind(run, MOTOR)
    if not asks_orders(run):
        return False
    require_new(out, force=force)
    for sentence in write_places(run, out):
        say(sentence)
    say(f"{out}: a row a condition and motor neuron")
    return True


@app.command("ablate", epilog=ABLATE_EXAMPLES)
def _ablate(
    run: Run,
    out: Annotated[Path, typer.Option(help="File for the table: .parquet or .csv.")],
    neurons: Annotated[str | None, typer.Option(help="Neurons to remove, one at a time, by name: A,B.")] = None,
    types: Annotated[str | None, typer.Option(help="Types to remove, each as a whole: T,U.")] = None,
    edges: Annotated[str | None, typer.Option(help="Chemical edges to remove, one at a time: A:B,C:D.")] = None,
    all_neurons: Annotated[bool, typer.Option("--all-neurons", help="Remove every neuron in turn.")] = False,
    all_edges: Annotated[
        bool, typer.Option("--all-edges", help="Rank all edges by the gradient of the output, and remove the first twenty in turn.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Rank neurons, types or edges by what motor output loses without them, with intervals over the trials that no fit has seen.

    Of a run that was fitted to responses to stimulation: by what the responses lose, with intervals over the stimulated neurons.
    """
    with words(quiet, out):
        from graphtwin.artifacts import require_new, write_table
        from graphtwin.kinds import MOTOR, require_kind

        listed = {name: _listed(value, f"--{name}") for name, value in (("neurons", neurons), ("types", types), ("edges", edges))}
        if all_edges and (all_neurons or any(listed.values())):
            raise ValueError("--all-edges: its table has a row an edge and other columns. Ask for it alone.")
        if all_neurons and listed["neurons"]:
            raise ValueError("--all-neurons and --neurons: give one of them.")
        if not (all_edges or all_neurons or any(listed.values())):
            raise ValueError("motor ablate: nothing is removed. Give --neurons, --types, --edges, --all-neurons or --all-edges.")
        require_new(out, force=force)
        require_kind(run, MOTOR)
        from graphtwin.pipeline.motor import ablate_run

        table = ablate_run(run, **listed, all_neurons=all_neurons, all_edges=all_edges)
        write_table(table, out)
        say(f"{out}: {len(table)} rows, the largest effect first")
        typer.echo(numbers(table.head(10), [name for name in table if table[name].dtype == object]))


def _listed(text: str | None, option: str) -> tuple[str, ...]:
    """Names that are parted by commas; none where the option was not given."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and not names:
        raise ValueError(f"{option} {text!r}: no name. Give names parted by commas.")
    return names
