"""`graphtwin simulate`: a cortex with a known rule, in every format. Each step is written whole; a stopped run goes on."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphtwin import artifacts
from graphtwin.begun import require_same_settings
from graphtwin.config import dump_toml, overridden
from graphtwin.execute import map_jobs, threads
from graphtwin.extras import require_packages
from graphtwin.folders import changed_files as files_changed
from graphtwin.folders import clear_finished, written
from graphtwin.kinds import SIMULATION, is_finished, require_kind, require_place
from graphtwin.pipeline.check_records import check_annotations, check_matches
from graphtwin.pipeline.check_volume import check_volume
from graphtwin.sources.loaders import em_tables
from graphtwin.synthetic import SimulateConfig, steps
from graphtwin.synthetic.wiring import rule_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Step:
    """A part of the folder.

    Attributes:
        name: Name of the step's mark in `work/`.
        work: Function that writes the part, given the configuration, the folder and the arguments.
        arguments: Further arguments of `work`, by name.
        makes: Patterns below the folder of what goes before the step is done again: all it writes; nothing where it goes on.
        wave: Number of the step's wave: steps of a wave need only those of the waves before.
        cost: Rough duration of the step, relative to others: the longest start first.
    """

    name: str
    work: Callable[..., None]
    arguments: dict[str, Any]
    makes: tuple[str, ...]
    wave: int
    cost: int


def simulate(
    out: str | Path, overrides: list[str] | None = None, workers: int = 2, resume: bool = False, force: bool = False, **asked: Any
) -> Path:
    """Simulate animals with a known wiring rule and write them in the formats of real ones, as `graphtwin simulate` does.

    Args:
        out: Folder to write, as `write_simulation` takes it.
        overrides: Settings of `SimulateConfig` as `key=value`.
        workers: Number of processes; the files are the same for any number.
        resume: Go on with the steps that are missing.
        force: Take away a simulation that is in the folder and begin anew.
        asked: Settings of `SimulateConfig` by name: rule, neurons, animals, minutes, seed.

    Returns:
        The folder.

    Examples:
        >>> graphtwin.simulate("cortex", neurons=300, animals=1, minutes=1.0)  # doctest: +SKIP
        >>> graphtwin.simulate("cortex", neurons=0)
        Traceback (most recent call last):
            ...
        ValueError: simulate: 1 setting is wrong: neurons = 0: give 10 or more and at most 1000000, or leave it out
    """
    return write_simulation(overridden(SimulateConfig, asked, overrides, "simulate"), out, workers, resume, force)


def write_simulation(config: SimulateConfig, out: str | Path, workers: int = 2, resume: bool = False, force: bool = False) -> Path:
    """Simulate animals and write them in the formats of the real ones; returns the folder.

    Args:
        config: Configuration of the simulation.
        out: Folder to write; it must not exist, or, to resume, hold an unfinished simulation of the same configuration.
        workers: Number of processes; the files are the same for any number.
        resume: Go on with the steps that are missing.
        force: Take away a simulation that is in the folder and begin anew.
    """
    folder = Path(out)
    _require_possible(config)
    _require_place(folder, config, resume, force)
    if is_finished(folder) and not force:
        clear_finished(folder)
        log.warning("%s: finished already; nothing was done.", folder)
        return folder
    with written(folder, SIMULATION, resume, force) as begin:
        begin()
        artifacts.write_text(dump_toml(config), folder / "config.toml")
        _do_steps(_steps(config, workers), config, folder, workers)
        steps.write_readme(config, folder)
    return folder


def _require_possible(config: SimulateConfig) -> None:
    """Raise for a rule that does not exist, recordings of a cortex too large for them, and packages that are not installed."""
    rule_of(config.rule)
    if config.neurons > steps.LARGE and (config.minutes > 0 or config.animals > 1):
        raise ValueError(
            f"{config.neurons} neurons, {config.animals} animals, {config.minutes:g} minutes: above {steps.LARGE} neurons a cortex has no "
            "recordings and one animal. Give --minutes 0 --animals 1, or fewer neurons."
        )
    if config.minutes > 0:
        require_packages("simulated recordings", "h5py", "pynwb")
    if config.neurons <= steps.LARGE:
        require_packages("a simulated volume", "cloudvolume", "zmesh")


def _steps(config: SimulateConfig, workers: int) -> list[Step]:
    """All steps; without movies the wiring has all workers, else films are made beside it."""
    if config.neurons > steps.LARGE:
        cells = Step("animal0", steps.plant_animal, {"animal": 0}, ("truth/animal0_*",), 1, 1)
        return [Step("wiring", steps.wire_large, {"workers": workers}, (), 0, 10), cells]  # whole parts of one that was stopped stay
    filmed = config.minutes > 0
    animals = range(config.animals)
    every = [Step("wiring", steps.wire, {"workers": 1 if filmed else workers}, ("truth/*.parquet", "truth/rule.json"), 0, 10)]
    for animal in animals if filmed else ():
        given = {"animal": animal}
        every += [
            Step(
                f"film{animal}", steps.film_animal, given, (f"dynamic{animal}-*", f"truth/dynamic{animal}-*"), 0, 2 + round(config.minutes)
            ),
            Step(f"pictures{animal}", steps.show_pictures, given, (f"static{animal}-*", f"truth/static{animal}-*"), 0, 3),
        ]
    every += [Step(f"animal{n}", steps.plant_animal, {"animal": n}, (f"truth/animal{n}_*",), 1, 1) for n in animals]
    every += [
        Step("tables", steps.table_volume, {}, ("tables/*.parquet", "source.toml"), 1, 4),
        Step("published", steps.publish_tables, {}, ("published",), 1, 5),
        *([Step("nwb", steps.archive_scans, {}, ("nwb",), 1, 2 + round(config.minutes))] if filmed else []),
        Step("volume", steps.cut_block, {}, ("volume",), 1, 30),
    ]
    return every


def _do_steps(every: list[Step], config: SimulateConfig, folder: Path, workers: int) -> None:
    """Do the steps that are missing, wave after wave, the steps of a wave side by side."""
    from graphtwin.progress import tqdm

    missing = [step for step in every if not _mark(folder, step).exists()]
    with tqdm(total=len(every), initial=len(every) - len(missing), desc="simulate", unit="step") as bar:
        for wave in sorted({step.wave for step in missing}):
            now = sorted((step for step in missing if step.wave == wave), key=lambda step: -step.cost)
            with _quiet_workers(alone=len(now) == 1):
                for name in map_jobs(_do, [(step, config, folder) for step in now], workers=workers):
                    bar.update()
                    bar.set_postfix_str(name)


@contextmanager
def _quiet_workers(alone: bool) -> Iterator[None]:
    """Steps side by side show no bars of their own: they would be written over each other. A step alone runs here, and shows its own."""
    from joblib.externals import loky

    before = os.environ.get("TQDM_DISABLE")
    if not alone:
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, in processes that start now
    try:
        yield
    finally:
        if not alone:
            loky.get_reusable_executor().shutdown(wait=True)  # or the next to use these processes would have no bars
        os.environ.pop("TQDM_DISABLE", None) if before is None else os.environ.update(TQDM_DISABLE=before)


def _do(step: Step, config: SimulateConfig, folder: Path) -> str:
    """Do one step in a process of one thread; what an earlier try left of it goes first."""
    for pattern in step.makes:
        parent, name = folder / Path(pattern).parent, Path(pattern).name
        for left in parent.glob(name):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    with threads(1):
        step.work(config, folder, **step.arguments)
    artifacts.write_text("", _mark(folder, step))
    return step.name


def _mark(folder: Path, step: Step) -> Path:
    return folder / "work" / step.name


def _require_place(folder: Path, config: SimulateConfig, resume: bool, force: bool) -> None:
    """Raise unless the folder is new or empty, to be begun anew, or, to resume, one of the same configuration."""
    if require_place(folder, SIMULATION, resume, force):
        require_same_settings(folder, config)


def changed_files(folder: str | Path) -> pd.DataFrame:
    """Files of a simulation that are not as they were written.

    Args:
        folder: Folder of a finished simulation.

    Returns:
        One row a file: file, finding ("changed", "missing" or "not registered"); none if all is as written.
    """
    import pandas as pd

    require_kind(folder, SIMULATION)
    found = files_changed(folder)
    return pd.DataFrame({"file": list(found), "finding": list(found.values())}, dtype=object)


def check_anatomy(folder: str | Path) -> pd.DataFrame:
    """Findings where the CAVE-style tables of a simulation disagree with its volume, its annotations or its recordings; a row a finding.

    Args:
        folder: Folder of a finished simulation.
    """
    import pandas as pd

    folder = Path(folder)
    require_kind(folder, SIMULATION)
    tables, volume = folder / "tables", folder / "volume"
    nuclei = em_tables.read_nuclei(tables / "nucleus_detection_v0.parquet")
    synapses = em_tables.read_synapses(tables / "synapses_pni_2.parquet")
    contacts = pd.read_parquet(volume / "contacts.parquet")
    findings = [
        check_volume(volume / "segmentation", volume / "nuclei", nuclei, synapses, contacts).disagreements,
        check_annotations(volume / "segmentation", volume / "synapses", synapses),
        *(check_matches(file, tables / "scan_unit.parquet", tables / "coregistration_manual_v3.parquet") for file in _recordings(folder)),
    ]
    return pd.concat([found for found in findings if len(found)] or findings[:1], ignore_index=True)


def _recordings(folder: Path) -> list[Path]:
    return sorted((folder / "nwb").glob("*.nwb"))
