"""What several tests share: the bundle, its cortex, and a small folder of exports that a test may spoil."""

from __future__ import annotations

from tests import checked_shapes  # noqa: F401 before anything of the package is imported

# isort: split
import functools
import gc
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from graphtwin import sources
from graphtwin.cortex import cortex as cortex_room

# Files that take longest, so that no process is left alone with one of them when all others are done.
LONGEST = (
    "test_recovery.py",
    "twin/test_ablations.py",
    "pipeline/test_power_command.py",
    "twin/test_functional_twin_study.py",
    "pipeline/test_simulate.py",
    "pipeline/test_like_to_like.py",
    "wiring/test_spatial_nulls.py",
    "test_readme.py",
    "pipeline/test_areas.py",
    "pipeline/test_twin.py",
    "pipeline/test_agree.py",
    "test_examples.py",
    "pipeline/test_synthetic_source.py",
    "wiring/test_power.py",
    "pipeline/test_predict.py",
    "pipeline/test_run.py",
    "pipeline/test_odd_pictures.py",
    "mixed/test_spatial_fields.py",
    "twin/test_foundation.py",
    "pipeline/test_insilico_commands.py",
    "twin/test_readout_prior.py",
    "test_settings.py",
    "wiring/test_outcomes.py",
    "wiring/test_error_rates.py",
    "checks/test_recording_checks.py",
    "pipeline/test_twin_stimuli.py",
    "twin/test_weights.py",
    "sources/test_spoiled_files.py",
    "test_kinds.py",
    "pipeline/test_pairs_command.py",
    "test_cli.py",
)
ROOT = 864691135000000000  # Root ids lie far above 2^53, as real ones do.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the order within a file stays."""
    of_file = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: of_file.get(item.path, len(LONGEST)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What the tests import stays until the end: nothing of it is looked through for garbage, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def bundle() -> sources.SourceTables:
    """The bundled tables."""
    return sources.load("minnie65")


@pytest.fixture(scope="session")
def cortex(bundle: sources.SourceTables) -> cortex_room.Cortex:
    """The cortex of the bundle."""
    return cortex_room.build(bundle)


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the whole session: the processes that share its tests share it too."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def one_tree_of_commands() -> Iterator[None]:
    """The command line is put together once a process: that takes 50 times as long as a command that refuses."""
    from typer import testing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "_get_command", functools.cache(testing._get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Nothing waits until a disk has what was written: no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda opened: None)
        yield


@pytest.fixture(scope="module")
def coarse_ridge() -> Iterator[None]:
    """Ridges that look through few wide windows, at few rows or components: how well they predict is tested where they live."""
    from graphtwin.twin.fitting import movie_ridge, picture_ridge
    from graphtwin.twin.scores import energy_ridge, ridge_by_folds

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"REACHES": (0.35,), "STEP": 3.0, "MOST_WHOLE": 0}.items():
            patch.setattr(energy_ridge, name, value)
        patch.setattr(ridge_by_folds, "RANK", 100)
        patch.setattr(movie_ridge, "MOST_ROWS", 120)
        patch.setattr(movie_ridge, "SPANS_S", movie_ridge.SPANS_S[:1])
        patch.setattr(movie_ridge, "WINDOWS", movie_ridge.WIDE[:1])
        patch.setattr(movie_ridge, "WIDE", movie_ridge.WIDE[:1])
        patch.setattr(picture_ridge, "CENTRES", picture_ridge.CENTRES[1::2])
        yield


@pytest.fixture(scope="module")
def few_stimuli() -> Iterator[None]:
    """Gratings of one frequency, little noise and short discs where nothing else is asked for: what they tell is tested where they live."""
    from graphtwin.insilico import GratingConfig
    from graphtwin.insilico.measurements import latencies
    from graphtwin.insilico.measurements.noise_maps import NoiseConfig
    from graphtwin.twin.agreement import derived

    fewer = {(GratingConfig, "cycles_per_degree"): (0.045,), (GratingConfig, "cycles_per_second"): (2.0,), (NoiseConfig, "patterns"): 1200}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(derived, "DISCS_S", 12.0)
        patch.setattr(latencies, "APPEARANCES", 12)
        for (config, name), default in fewer.items():
            patch.setattr(config.model_fields[name], "default", default)
            config.model_rebuild(force=True)
        yield
    for config, _ in fewer:
        config.model_rebuild(force=True)


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """A folder that the first process of the session makes and every other one reads."""
    done = folder.with_suffix(".done")
    with FileLock(folder.with_suffix(".lock")):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@dataclass
class Export:
    """A folder of exports about to be written: tables by role, which a test changes before `write`."""

    folder: Path
    frames: dict[str, pd.DataFrame]
    materialization: dict[str, int] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    stated: dict[str, list[str]] = field(default_factory=dict)  # further lines of the TOML by role

    def write(self, suffix: str = ".csv") -> Path:
        """Write every table and the TOML that names them; returns the TOML."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = ['name = "small"', "[frame]", "voxel_nm = [4.0, 4.0, 40.0]"]
        for role, frame in self.frames.items():
            _write(frame, self.folder / f"{role}{suffix}")
            renames = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in self.columns.get(role, {}).items())
            lines += ["[[tables]]", f'role = "{role}"', f'file = "{role}{suffix}"']
            lines += [f"materialization = {self.materialization.get(role, 7)}", f"columns = {{ {renames} }}", *self.stated.get(role, [])]
        toml = self.folder / "tables.toml"
        toml.write_text("\n".join(lines))
        return toml


def _write(frame: pd.DataFrame, path: Path) -> None:
    writers: dict[str, Any] = {".csv": lambda: frame.to_csv(path, index=False), ".parquet": lambda: frame.to_parquet(path, index=False)}
    writers[".feather"] = lambda: frame.reset_index(drop=True).to_feather(path)
    writers[path.suffix]()


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Six nuclei (0-5), of which 0-3 are functional; nucleus 0 has two units; synapses 0>1, 0>4, 1>0, and 2>2 onto itself."""
    roots = ROOT + np.arange(6)
    voxels = pd.DataFrame({f"pt_position_{axis}": np.arange(6) * 1000 + start for axis, start in (("x", 1), ("y", 5), ("z", 9))})
    units = pd.DataFrame({"session": [1] * 5, "scan_idx": [1, 1, 1, 1, 2], "unit_id": [0, 1, 2, 3, 0], "target_id": [0, 1, 2, 3, 0]})
    nuclei = units["target_id"].to_numpy()
    rng = np.random.default_rng(0)
    responses = pd.DataFrame(
        rng.gamma(2.0, size=(5, 4)), columns=["direction_000_0", "direction_090_0", "direction_180_0", "direction_270_0"]
    )
    frames = {
        "coregistration": units.assign(pt_root_id=roots[nuclei]).join(voxels.iloc[nuclei].reset_index(drop=True)),
        "responses": units[["session", "scan_idx", "unit_id"]].join(responses),
        "cell_types_coarse": voxels.assign(target_id=np.arange(6), pt_root_id=roots, cell_type=["excitatory"] * 5 + ["inhibitory"]),
        "somata": voxels.assign(pt_root_id=roots, layer=["L2/3"] * 3 + ["L4"] * 3)[:5],
        "synapses": pd.DataFrame({"pre_pt_root_id": roots[[0, 0, 1, 2]], "post_pt_root_id": roots[[1, 4, 0, 2]], "size": [10, 20, 30, 40]}),
        "queried_post": pd.DataFrame({"post_pt_root_id": roots[[0, 1, 2, 4]]}),
        "queried_pre": pd.DataFrame({"pre_pt_root_id": roots[:4]}),
    }
    return Export(tmp_path / "export", frames)
