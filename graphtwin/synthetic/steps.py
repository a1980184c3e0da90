"""The parts of a simulated cortex on disk, each made from the configuration and the folder alone, in any process."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.artifacts import write_text
from graphtwin.synthetic import truth
from graphtwin.synthetic.animal import Animal, AnimalConfig, known_function, make_animal
from graphtwin.synthetic.brain import FEWEST, grow_parts, lay_tiles
from graphtwin.synthetic.files import (
    EARLIER,
    VolumeTables,
    blank_tape,
    matches,
    nwb_scan,
    read_tape,
    scan_masks,
    taped,
    write_cave_tables,
    write_dynamic,
    write_nwb,
    write_published,
    write_static,
    write_tape,
)
from graphtwin.synthetic.function import (
    RATE_HZ,
    ImageConfig,
    MovieConfig,
    Scan,
    direction_responses,
    photographs,
    play,
    prepare_images,
    prepare_scan,
    programme,
)
from graphtwin.synthetic.volume import VolumeConfig, content_of, write_volume
from graphtwin.synthetic.wiring import connect, reconstruct, rule_of, write_parts

TAPE = Path("work") / "tape"  # the main scan, between the step that plays it and the one that archives it
OUTLINES = Path("work") / "outlines"  # outlines of the neurites of a large cortex
NARROW_MINUTES = 1.0  # minutes of training movies in a narrow scan
# Most neurons of a cortex in memory: a larger one has skeletons, pairs and synapses as parts, and neither recordings nor a reconstruction.
LARGE = 20_000
RECONSTRUCTED = 0  # number of the animal whose brain is cut; only it has anatomy on disk


class SimulateConfig(BaseModel):
    """What `graphtwin simulate` makes: animals with a known wiring rule, recorded, and one of them reconstructed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(
        "feature", description="Wiring rule: geometry, type, feature, rf-confounded, degree-heavy, or a sum such as feature+degree-heavy."
    )
    neurons: int = Field(2000, ge=FEWEST, le=1_000_000, description="Neurons of each animal.")
    animals: int = Field(2, ge=1, le=1000, description="Animals, all with recordings; the first has electron microscopy too.")
    minutes: float = Field(10.0, ge=0, le=10_000, description="Minutes of movies to train on, each animal; 0 leaves out all recordings.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    cells: AnimalConfig = Field(AnimalConfig(), description="How animals are made.")
    films: MovieConfig = Field(MovieConfig(), description="Clips of the scan of videos, and how often each is shown.")
    pictures: ImageConfig = Field(ImageConfig(), description="Pictures of the scan of pictures, and how often each is shown.")
    block: VolumeConfig = Field(VolumeConfig(), description="The block of tissue that is written as a volume.")

    def animal(self, number: int) -> Animal:
        """One of the animals."""
        return make_animal(self.cells, self.neurons, self.seed, number)


def plant_animal(config: SimulateConfig, folder: Path, animal: int) -> None:
    """Write the truth about one animal's cells."""
    truth.write_animal(config.animal(animal), folder)


def wire(config: SimulateConfig, folder: Path, workers: int) -> None:
    """Synapses of the first animal by the rule, and what a reconstruction shows of them."""
    tissue, rule = config.animal(RECONSTRUCTED).tissue, rule_of(config.rule)
    tiles = lay_tiles(tissue, grow_parts(tissue, workers, skeletons=False))
    connections = connect(tissue, rule, workers=workers, tiles=tiles)
    truth.write_wiring(rule, connections, reconstruct(tissue, connections, tiles=tiles), folder)


def wire_large(config: SimulateConfig, folder: Path, workers: int) -> None:
    """Skeletons, pairs and synapses of a cortex too large to be held in memory, as Parquet parts; those that are there stay."""
    tissue, rule = config.animal(RECONSTRUCTED).tissue, rule_of(config.rule)
    rule.save(folder / truth.FOLDER / "rule.json")
    write_parts(tissue, rule, folder / truth.FOLDER, folder / OUTLINES, workers=workers)


def film_animal(config: SimulateConfig, folder: Path, animal: int) -> None:
    """The main scan of one animal as a folder of the 2023 layout; that of the reconstructed one is taped for `archive_scans`."""
    made = config.animal(animal)
    scan = _main_scan(config, made)
    if animal != RECONSTRUCTED:
        write_dynamic(scan, folder, folder / truth.FOLDER)
        return
    tape = blank_tape(scan)
    write_dynamic(scan, folder, folder / truth.FOLDER, taped(tape, play(scan)))
    write_tape(tape, folder / TAPE)


def _main_scan(config: SimulateConfig, animal: Animal) -> Scan:
    """The scan of videos, ready to be played."""
    trials = programme(config.films, config.minutes, config.seed, animal.number)
    main = animal.units[animal.units["kind"] == "video"]
    return prepare_scan(main, animal.tuning, trials, config.seed, animal.number)


def archive_scans(config: SimulateConfig, folder: Path) -> None:
    """All scans of the reconstructed animal as NWB files: the main one from its tape, the narrow ones played here."""
    animal = config.animal(RECONSTRUCTED)
    _, _, reconstruction = truth.read_wiring(folder)
    matched = matches(animal.units, animal.anatomy.neurons, reconstruction.roots, EARLIER)
    main = _main_scan(config, animal)
    write_nwb(nwb_scan(read_tape(main, folder / TAPE), _of_scan(matched, 1)), folder / "nwb", config.seed)
    for session, units in animal.units[animal.units["kind"] == "directions"].groupby("session"):
        shown = config.films.model_copy(update={"oracle_clips": 1, "oracle_repeats": 5, "test_clips": 0})
        trials = programme(shown, min(config.minutes, NARROW_MINUTES), config.seed, RECONSTRUCTED)
        scan = prepare_scan(units, animal.tuning, trials, config.seed, RECONSTRUCTED)
        tape = blank_tape(scan)
        deque(taped(tape, play(scan)), maxlen=0)
        write_nwb(nwb_scan(tape, _of_scan(matched, int(session))), folder / "nwb", config.seed)


def _of_scan(matched: pd.DataFrame, session: int) -> pd.DataFrame:
    return matched[matched["session"] == session]


def show_pictures(config: SimulateConfig, folder: Path, animal: int) -> None:
    """A scan of single pictures of one animal as a folder of the 2022 layout."""
    made = config.animal(animal)
    main = made.units[made.units["kind"] == "video"]
    write_static(prepare_images(main, made.tuning, config.pictures, config.seed, animal), folder, folder / truth.FOLDER)


def table_volume(config: SimulateConfig, folder: Path) -> None:
    """CAVE-style tables of the reconstructed animal and the TOML that names them."""
    animal = config.animal(RECONSTRUCTED)
    _, _, reconstruction = truth.read_wiring(folder)
    narrow = animal.units[animal.units["kind"] == "directions"]
    responses = direction_responses(narrow, animal.tuning, config.cells.scans, config.seed, RECONSTRUCTED)
    volume = VolumeTables(
        neurons=animal.anatomy.neurons,
        roots=reconstruction.roots,
        proofreading=reconstruction.proofreading,
        synapses=reconstruction.synapses,
        units=animal.units,
        responses=responses,
        scan_units=_scan_units(config, animal) if config.minutes > 0 else None,
    )
    write_cave_tables(volume, folder, animal=str(RECONSTRUCTED))


def _scan_units(config: SimulateConfig, animal: Animal) -> pd.DataFrame:
    """Mask and field of each unit, in all scans that have an NWB file."""
    period_s = 1 / RATE_HZ
    return pd.concat([scan_masks(units, period_s, config.seed) for _, units in animal.units.groupby("session")], ignore_index=True)


def publish_tables(config: SimulateConfig, folder: Path) -> None:
    """Pair and neuron tables of proofread axons, as published."""
    animal = config.animal(RECONSTRUCTED)
    _, _, reconstruction = truth.read_wiring(folder)
    known = known_function(animal, config.seed)
    write_published(reconstruction.pairs, animal.anatomy.neurons, reconstruction.proofreading, known, folder / "published")


def cut_block(config: SimulateConfig, folder: Path) -> None:
    """A block of the reconstructed tissue as a precomputed volume, with the contacts that the painter counted."""
    animal = config.animal(RECONSTRUCTED)
    _, _, reconstruction = truth.read_wiring(folder)
    content = content_of(animal.tissue, animal.anatomy.neurons, reconstruction, config.block)
    write_volume(content, folder / "volume", config.block.n_meshes)


README = """# A simulated cortex

Rule `{rule}`, {animals} animals of {neurons} neurons, {minutes:g} minutes of movies each, seed {seed}. Made by `graphtwin simulate`; the
same command with the same version of the package and of its libraries makes the same bytes.{photographs}

| where | what |
|---|---|
| `dynamic*` | one folder an animal in the layout of Sensorium 2023: movies, responses, behaviour, eye position |
| `static*` | the same animals looking at single pictures, in the layout of Sensorium 2022 |
| `nwb` | scans of the first animal as NWB files in the layout of the MICrONS release |
| `tables`, `source.toml` | CAVE-style tables of the first animal: `graphtwin run --source source.toml` reads them |
| `published` | pairs and neurons in the columns of Ding et al. 2025, for `graphtwin like-to-like` |
| `volume` | a block of tissue as precomputed segmentation with nuclei, skeletons, meshes and synapses, and which segments touch |
| `truth` | what was planted: for judging an analysis, not for doing it |
| `kind.json` | what this folder is, for graphtwin |
| `manifest.json` | size and sha256 of every file; `graphtwin check` compares |
"""


def write_readme(config: SimulateConfig, folder: Path) -> None:
    """Write the README of a simulated cortex, which says what is where."""
    told = {name: getattr(config, name) for name in ("rule", "animals", "neurons", "minutes", "seed")}
    shown = ""
    if config.minutes > 0:
        shown = f" The photographs are of scikit-learn and\nscikit-image, as far as they are installed: {', '.join(photographs())}."
    write_text(README.format(**told, photographs=shown), folder / "README.md")
