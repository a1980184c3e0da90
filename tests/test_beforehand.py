"""What a command looks at first: a mistake is told in one line, at once, before anything heavy is loaded and before anything is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch
import typer
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.extras import in_words, require_packages
from graphtwin.folders import written
from graphtwin.graph.settings import load_settings
from graphtwin.kinds import RUN, SIMULATION, TWIN

ROOT = Path(__file__).resolve().parents[1]
# Slips of the pen, which no library is needed for to see.
SLIPS = {
    "run --source minnie56 --out new": "source 'minnie56' is neither a bundled source (minnie65, worm, fly, synthetic; nearest 'minnie65')",
    "run --source lost.toml --out new": "lost.toml: no such TOML file",
    "run --embeddings lost.npy --out new": "lost.npy: no such file",
    "run --out mine": "mine: exists, holds 1 file and is no run",
    "run --out mine --force": "mine: exists, holds 1 file and is no run",
    "run --out run": "a run is already there. Give --force to begin anew, or name another --out",
    "run --out new --resume --force": "Give one of them",
    "run --out pairs.csv/new": "is a file, in which nothing can be written",
    "run --set out=new": "the folder is named by --out",
    "run --seed 1 --set seed=2 --out new": "--seed 1 and --set seed=2 give two values to one setting",
    "run --embeddings movie.npy --set embeddings_file=other.npy": "--embeddings movie.npy and --set embeddings_file=other.npy give two",
    "simulate --out new --neurons 100 --set seed=1 --set neurons=200": "--neurons 100 and --set neurons=200 give two values",
    "simulate --out new --minutes 2 --set minutes=2.5": "--minutes 2 and --set minutes=2.5 give two values",
    "like-to-like pairs.csv --similarity x --out new --set similarity=['y']": "--similarity x and --set similarity=y give two values",
    "like-to-like pairs.csv --similarity x --out new --set pairs=other.csv": "PAIRS pairs.csv and --set pairs=other.csv give two values",
    "like-to-like pairs.csv --similarity x --out new --monitor 50 30 10 --set monitor.width_cm=9": "and --set monitor.width_cm=9 give two",
    "predict run --pairs lost.csv --out new.csv": "lost.csv: no such file",
    "predict run --pairs mine --out new.csv": "mine: is a folder, and a file is needed",
    "predict run --pairs pairs.csv --out pairs.csv": "pairs.csv: is read by this command, which cannot write over it",
    "predict run --pairs pairs.csv --out pairs.csv --force": "pairs.csv: is read by this command, which cannot write over it",
    "predict run --pairs pairs.csv --out new.xlsx": "Name a .parquet or .csv file",
    "predict run --pairs pairs.csv --out pairs.csv/new.csv": "pairs.csv is a file, in which nothing can be written",
    "predict twin --pairs pairs.csv --out new.csv": "is a functional twin",
    "like-to-like lost.csv --similarity x --out new": "lost.csv: no such file",
    "like-to-like pairs.csv --similarity x --neurons lost.csv --out new": "lost.csv: no such file",
    "like-to-like pairs.csv --similarity x --out run --force": "is a run of the graph model",
    "power lost.csv --similarity x --effect 1 --out new": "lost.csv: no such file",
    "power pairs.csv --effect 1 --out new": "which similarity? Give --similarity",
    "power --axons 20 --effect 0 --out new": "--effect 0: there is nothing to detect",
    "power --axons 20 --effect 1 --out run --force": "is a run of the graph model",
    "pairs pairs.csv lost.csv --neurons pairs.csv --out new.csv": "lost.csv: no such file",
    "simulate --out mine": "mine: exists, holds 1 file and is no simulation",
    "simulate --out run --force": "is a run of the graph model",
    "twin train lost --out new": "neither this folder nor lost.zip exists",
    "twin train twin --out new": "is a functional twin, for",
    "twin train twin twin --out twin": "a twin is already there. Give --force to begin anew",
    "twin train twin twin --out twin --force": "--force would remove what is read: twin, twin",
    "twin train mine --out run --force": "is a run of the graph model",
    "twin train mine --out mine --force": "mine: exists, holds 1 file and is no twin",
    "twin transfer run mine --out new": "is a run of the graph model",
    "twin transfer twin lost --out new": "neither this folder nor lost.zip exists",
    "twin transfer twin mine --out twin --force": "--force would remove what is read: twin",
    "twin score twin --out new.csv": "score: 1 path given (twin). Give a twin and a recording",
    "twin score twin mine --predictions f.npy --out new.csv": "Give the recording alone, for --predictions need no twin",
    "twin score mine --predictions lost.npy --out new.csv": "lost.npy: no such file",
    "twin score twin lost --out new.csv": "neither this folder nor lost.zip exists",
    "twin score run mine --out new.csv": "is a run of the graph model",
    "twin population twin lost --out new.csv": "neither this folder nor lost.zip exists",
    "twin predict twin --stimulus lost.npy --out new.npy": "lost.npy: no such file",
    "twin predict twin --stimulus movie.npy --out movie.npy --force": "movie.npy: is read by this command",
    "twin embed twin --stimulus lost.npy --out new.parquet": "lost.npy: no such file",
    "insilico tune lost --out new.csv": "lost: no such folder",
    "insilico tune twin --state running --out new.csv": "--state running: is no channel and number. Give one as running=20",
    "insilico tune twin --state running=fast --out new.csv": "--state running=fast: is no channel and number",
    "insilico tune twin --state running=1 --state running=2 --out new.csv": "--state running=2: running is given twice",
    "insilico fields run --out new.csv": "is a run of the graph model",
    "insilico fields mine --out new.csv": "holds 1 file and no kind.json",
    "insilico correlate twin --stimulus lost.npy --out new.npy": "lost.npy: no such file",
    "insilico correlate twin --stimulus movie.npy --what noise --recording lost --out n.npy": "lost: neither this folder nor lost.zip",
    "insilico correlate twin --stimulus movie.npy --what noise --out n.npy": "Give --recording, whose training trials tell",
    "insilico control twin --drive lost.csv --out new": "lost.csv: no such file",
    "insilico control twin --drive pairs.csv --hold lost.csv --out new": "lost.csv: no such file",
    "insilico control twin --drive pairs.csv --out run": "is a run of the graph model",
    "insilico campaign twin lost.toml --out new": "lost.toml: no such file",
    "insilico next mine --budget 3 --out new.csv": "holds 1 file and no kind.json",
    "insilico next twin --budget 0 --out new.csv": "--budget 0: chooses nothing. Give 1 or more",
    "insilico next twin --budget 3 --what pairs --out new.csv": "pairs are chosen by a run of the graph model",
    "insilico next run --budget 3 --what stimuli --out new.csv": "stimuli are chosen by a functional twin",
    "insilico next run --budget 3 --out new.csv": "are chosen with --candidates, a table of pairs",
    "insilico next run --budget 3 --candidates lost.csv --out new.csv": "lost.csv: no such file",
    "insilico next twin --budget 3 --candidates movie.npy --out new.csv": "are chosen with --recording, which the twin was trained on",
    "insilico next twin --budget 3 --candidates movie.npy --recording lost --out new.csv": "neither this folder nor lost.zip exists",
    "insilico campaign twin pairs.csv --out run": "is a run of the graph model",
    "insilico campaign twin pairs.csv --out new --workers 2 --scheduler tcp://there:1": "has its own workers. Give one of them",
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder to work in, with somebody's folder, a run, a twin and some files."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for kind in (RUN, TWIN):
        with written(tmp_path / kind.name, kind) as begin:
            begin()
            (tmp_path / kind.name / "result").write_text("weeks of work")
    pd.DataFrame({"pre_nucleus_id": [1], "post_nucleus_id": [2]}).to_csv(tmp_path / "pairs.csv", index=False)
    np.save(tmp_path / "movie.npy", np.zeros((5, 8, 8)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(line: str) -> str:
    """What a command says that refuses: one line, exit code 2."""
    found = CliRunner().invoke(app, line.split())
    assert found.exit_code == 2, f"{found.output}\n{found.exception!r}"
    assert isinstance(found.exception, SystemExit)
    assert found.output.startswith("graphtwin: ")
    assert len(found.output.strip().splitlines()) == 1
    return found.output


@pytest.mark.parametrize("line", SLIPS)
def test_a_slip_is_told_in_one_line_and_nothing_is_written(place, line):
    before = contents(place)
    assert SLIPS[line] in refused(line)
    assert contents(place) == before
    assert not (place / "new").exists()


def test_no_library_is_loaded_before_a_slip_is_told(place):
    """All of them in one process: a single heavy import of any would be seen."""
    code = (
        "import sys; from typer.testing import CliRunner; from graphtwin.cli.app import app\n"
        f"codes = [CliRunner().invoke(app, line.split()).exit_code for line in {list(SLIPS)!r}]\n"
        "print(set(codes), *{'torch', 'pandas', 'scipy', 'sklearn', 'numba', 'matplotlib', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    assert told.stdout.strip() == "{2}"


def test_a_mistyped_setting_of_a_run_is_told_before_torch_is_loaded(place):
    code = (
        "import sys; from typer.testing import CliRunner; from graphtwin.cli.app import app\n"
        "print(CliRunner().invoke(app, 'run --set permutatons=3 --out new'.split()).output.strip())\n"
        "print(*{'torch', 'torch_geometric', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    assert "1 setting is wrong: unknown key 'permutatons', nearest 'permutations'" in told.stdout.splitlines()[0]
    assert told.stdout.splitlines()[1:] == [""]
    assert not (place / "new").exists()


def test_an_option_and_a_set_that_agree_and_a_set_against_a_default_are_no_two_answers(place):
    for line in ("run --seed 2 --set seed=2 --set permutatons=3 --out new", "run --set seed=2 --set permutatons=3 --out new"):
        assert "unknown key 'permutatons'" in refused(line)
    assert "animals" in refused("simulate --out new --minutes 2 --set minutes=2.0 --rule feature --set animals=0")


def commands() -> list[tuple[str, click.Command]]:
    """Every command by its name."""

    def within(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
        inner = getattr(command, "commands", None)
        return [(name, command)] if inner is None else [found for key in inner for found in within(inner[key], f"{name} {key}".strip())]

    return within(typer.main.get_command(app), "")


def test_every_command_that_writes_takes_force_and_no_other_does():
    writes = {name: {option for param in command.params for option in param.opts} for name, command in commands()}
    assert {name for name, options in writes.items() if "--force" in options} == {
        name for name, options in writes.items() if options & {"--out", "--export"}
    }
    assert len(writes) > 15


DEVICES = [
    "run --set device=cuda --out new",
    "twin train mine --out new --device cuda",
    "twin transfer twin mine --out new --device cuda",
    "twin score twin mine --out new.csv --device cuda",
    "twin population twin mine --out new.csv --device cuda",
    "twin predict twin --stimulus movie.npy --out new.npy --device cuda",
    "insilico tune twin --out new.csv --device cuda",
    "insilico fields twin --out new.csv --device cuda",
    "insilico correlate twin --stimulus movie.npy --out new.npy --device cuda",
    "insilico campaign twin pairs.csv --out new --device cuda",
]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("line", DEVICES)
def test_a_gpu_that_is_not_there_is_told_before_anything_is_read(place, line):
    before = contents(place)
    assert "device cuda: torch finds no GPU here" in refused(line)
    assert contents(place) == before


# A command, the package that is missing, and what installs it.
MISSING = [
    ("simulate --out new", "pynwb", "pynwb is needed and not installed. Install it: pip install 'graphtwin[nwb]'"),
    ("simulate --out new", "zmesh", "zmesh is needed and not installed. Install it: pip install 'graphtwin[volumes]'"),
    ("simulate --out new --minutes 0", "cloudvolume", "cloud-volume is needed and not installed. Install it: pip install 'graphtwin[vol"),
    ("run --source synthetic --out new", "zmesh", "zmesh is needed and not installed. Install it: pip install 'graphtwin[volumes]'"),
    ("run --out new", "torch_geometric", "torch-geometric is needed and not installed. Install it: pip install torch-geometric"),
    ("run --out new", "matplotlib", "matplotlib is needed and not installed. Install it: pip install matplotlib"),
    ("like-to-like pairs.csv --similarity x --out new", "matplotlib", "matplotlib is needed and not installed"),
    ("power --axons 20 --effect 1 --out new", "matplotlib", "matplotlib is needed and not installed"),
    ("twin train scan.nwb --out new", "h5py", "scan.nwb: recordings in NWB files: h5py is needed and not installed. Install it: pip"),
    ("twin train scan.NWB --out new", "oasis", "oasis-deconv is needed and not installed. Install it: pip install 'graphtwin[deconv"),
    ("twin score twin scan.nwb --out new.csv", "h5py", "h5py is needed and not installed"),
    ("twin simulate --out new", "pynwb", "pynwb is needed and not installed"),
    ("run --source fly --out new", "flycns", "flycns is needed and not installed. Install it: pip install 'graphtwin[fly]'"),
    ("run --source worm --out new", "cect", "cect is needed and not installed. Install it: pip install --no-deps cect=="),
    ("motor fit larva.h5 --out new", "h5py", "graphtwin motor fit: h5py is needed and not installed"),
    ("motor simulate --circuit fly --out new", "flycns", "flycns is needed and not installed"),
    ("check scan.nwb", "h5py", "h5py is needed and not installed"),
    ("check volume", "cloudvolume", "a look at a volume: cloud-volume is needed and not installed"),
    ("contacts volume --out new.csv", "cloudvolume", "contacts of a volume: cloud-volume is needed and not installed"),
    ("contacts file://volume --out new.csv", "cloudfiles", "cloud-volume is needed and not installed. Install it: pip"),
    ("proximity --axons volume#1 --dendrites volume --out new.csv", "cloudvolume", "cloud-volume is needed and not installed"),
    ("insilico campaign twin pairs.csv --out new --scheduler tcp://there:1", "distributed", "pip install 'graphtwin[cluster]'"),
]


@pytest.mark.parametrize(("line", "module", "told"), MISSING)
def test_a_package_that_is_missing_is_told_with_its_extra_before_any_work(place, monkeypatch, line, module, told):
    for name in ("scan.nwb", "scan.NWB", "larva.h5"):
        (place / name).write_text("")
    (place / "volume").mkdir()
    (place / "volume" / "info").write_text("{}")
    monkeypatch.setitem(sys.modules, module, None)
    before = contents(place)
    assert told in refused(line)
    assert contents(place) == before


def test_a_folder_of_recordings_names_one_of_them(place):
    with written(place / "animals", SIMULATION) as begin:
        begin()
        (place / "animals" / "recordings" / "first" / "data").mkdir(parents=True)
    assert "Give the path of one of those inside, such as animals/recordings/first." in refused("twin train animals --out new")


def test_several_packages_are_named_with_all_that_installs_them():
    with pytest.raises(ModuleNotFoundError, match=r"maps: no_such is needed and not installed. Install it: pip install no_such\."):
        require_packages("maps", "numpy", "no_such")
    told = in_words("a simulation", ["skimage", "cloudfiles", "cloudvolume", "zmesh.inner"])
    assert "scikit-image, cloud-volume, zmesh is needed" in told
    assert "pip install 'graphtwin[simulate,volumes]'" in told


def test_every_extra_that_is_named_is_one_that_can_be_installed():
    from graphtwin.extras import PACKAGES

    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package, extra in PACKAGES.values():
        assert not extra or f"\n{extra} = [" in text
        assert not extra or f'"{package}>=' in text


def test_directions_are_drawn_by_the_seed_of_the_run_unless_theirs_is_set():
    assert load_settings(None, seed=3).directions.seed == 3
    assert load_settings(["seed=4"], seed=3).directions.seed == 4
    assert load_settings(["directions.seed=5", "seed=4"]).directions.seed == 5
    assert load_settings().directions.seed == 0
    with pytest.raises(ValueError, match=r"1 setting is wrong: --set seed = -1: give 0 or more"):
        load_settings(["seed=-1"])
