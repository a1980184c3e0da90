"""Faults of tables and volumes are found on small planted ones; clean ones, and the bundled source, are silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.checks import check_tables, check_volume
from graphtwin.cli.app import app
from graphtwin.folders import written
from graphtwin.kinds import RUN
from tests.checks.planted_tables import write_tables

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return write_tables(tmp_path)


def edit(folder: Path, name: str, change: Change) -> None:
    path = folder / f"{name}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


FAULTS: dict[str, tuple[str, Change, str]] = {
    "session and scan exchanged": (
        "responses",
        lambda table: table.rename(columns={"session": "scan_idx", "scan_idx": "session"}),
        "cannot be read",
    ),
    "a scan far below the tissue": (
        "coregistration",
        lambda table: table.assign(pt_position_y=table["pt_position_y"] + 900000 * (table["session"] == 5)),
        "scans outside the tissue",
    ),
    "one scan in another unit": (
        "responses",
        lambda table: table.assign(
            **{name: table[name] * np.where(table["session"] == 5, 100, 1) for name in table if "direction" in name}
        ),
        "units of scans differ",
    ),
    "directions in another order": (
        "responses",
        lambda table: table.rename(columns=dict(zip([n for n in table if "direction" in n], shuffled(table), strict=True))),
        "tuning that is not smooth",
    ),
    "responses of one unit for two": (
        "responses",
        lambda table: table.assign(**{n: table[n].where(table.index > 0, table[n].iloc[1]) for n in table if "direction" in n}),
        "copied responses",
    ),
    "synapses of another volume": (
        "synapses",
        lambda table: table.assign(ctr_pt_position_x=table["ctr_pt_position_x"] + 800000 * (table.index % 10 == 0)),
        "synapses outside the tissue",
    ),
    "synapses listed twice": (
        "synapses",
        lambda table: pd.concat([table, table.head(30).assign(id=table["id"].head(30) + 10**6)]),
        "rows listed twice",
    ),
    "rows that others took the place of": ("nuclei", lambda table: table.assign(valid=table.index > 5), "rows that are not valid"),
    "layers upside down": ("nuclei", lambda table: table.assign(layer=table["layer"].to_numpy()[::-1]), "depth against layers"),
}


def shuffled(table: pd.DataFrame) -> list[str]:
    names = [name for name in table if "direction" in name]
    return [names[at] for at in (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)]


def test_clean_tables_are_silent(tables: Path):
    assert check_tables(tables / "lab.toml") == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_tables_is_found_by_its_name(tables: Path, name: str):
    table, change, check = FAULTS[name]
    edit(tables, table, change)
    assert check in [finding.check for finding in check_tables(tables / "lab.toml")]


def test_the_command_prints_findings_and_leaves_with_1(tables: Path):
    clean = CliRunner().invoke(app, ["check", str(tables)])
    edit(tables, "synapses", FAULTS["synapses of another volume"][1])
    told = CliRunner().invoke(app, ["check", str(tables)])
    as_json = json.loads(CliRunner().invoke(app, ["check", str(tables / "lab.toml"), "--json"]).stdout)
    assert (clean.exit_code, told.exit_code) == (0, 1)
    assert "synapses outside the tissue" in told.stdout
    assert as_json["kind"] == "tables"
    assert set(as_json["findings"][0]) == {"check", "severity", "what", "where", "sure", "effect", "do"}


def test_a_folder_of_nothing_known_is_refused_in_words(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("nothing")
    told = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert told.exit_code == 2
    assert "neither a recording" in told.stderr


def volume(path: Path, resolution: tuple[int, int, int] = (64, 64, 64)) -> Path:
    scale = {"key": "a", "encoding": "raw", "resolution": list(resolution), "size": [100, 100, 100], "voxel_offset": [0, 0, 0]}
    scale["chunk_sizes"] = [[64, 64, 64]]
    info = {"type": "segmentation", "data_type": "uint64", "num_channels": 1, "scales": [scale]}
    path.mkdir(parents=True)
    (path / "info").write_text(json.dumps(info))
    return path


def annotations(path: Path, low: list[float], high: list[float]) -> Path:
    info = {
        "@type": "neuroglancer_annotations_v1",
        "dimensions": {axis: [1e-9, "m"] for axis in "xyz"},
        "lower_bound": low,
        "upper_bound": high,
        "annotation_type": "POINT",
        "properties": [],
        "relationships": [],
        "by_id": {"key": "by_id"},
        "spatial": [{"key": "s", "grid_shape": [1, 1, 1], "chunk_size": [9000, 9000, 9000], "limit": 10}],
    }
    (path / "s").mkdir(parents=True)
    (path / "info").write_text(json.dumps(info))
    points = np.array([[10, 10, 10], [5000, 5000, 5000]], dtype="<f4")
    (path / "s/0_0_0").write_bytes(np.uint64(2).tobytes() + points.tobytes() + np.array([1, 2], dtype="<u8").tobytes())
    return path


def test_volumes_on_other_voxels_and_annotations_outside_are_found(tmp_path: Path):
    volume(tmp_path / "clean/segmentation")
    annotations(tmp_path / "clean/synapses", [0, 0, 0], [6400, 6400, 6400])
    volume(tmp_path / "faulty/segmentation")
    volume(tmp_path / "faulty/nuclei", (4, 4, 40))
    annotations(tmp_path / "faulty/synapses", [0, 0, 0], [100, 100, 100])
    assert check_volume(tmp_path / "clean") == []
    assert {one.check for one in check_volume(tmp_path / "faulty")} == {"sizes of voxels disagree", "annotations outside their bounds"}


def test_a_folder_of_ours_is_held_against_what_it_was_when_it_was_written(tmp_path: Path):
    folder = tmp_path / "run"
    with written(folder, RUN) as begin:
        begin()
        (folder / "metrics.csv").write_text("auc\n0.88\n")
    clean = CliRunner().invoke(app, ["check", str(folder)])
    assert (clean.exit_code, "0 findings" in clean.output) == (0, True)
    (folder / "metrics.csv").write_text("auc\n0.98\n")
    told = json.loads(CliRunner().invoke(app, ["check", str(folder), "--json"]).stdout)
    assert [(one["check"], one["what"], one["where"]) for one in told["findings"]] == [
        ("file not as written", "changed", str(folder / "metrics.csv"))
    ]


def test_autapses_are_a_warning_that_says_what_becomes_of_them(tables):
    """An animal may have many; a run leaves them out, which is no fault of the table."""
    edit(
        tables,
        "synapses",
        lambda table: table.assign(pre_pt_root_id=table["pre_pt_root_id"].mask(table.index % 6 == 0, table["post_pt_root_id"])),
    )
    (found,) = check_tables(tables / "lab.toml")
    assert (found.check, found.severity) == ("synapses onto themselves", "warning")
    assert found.effect == "they are left out of everything; if they are no autapses, the wrong column is read as the other side"
