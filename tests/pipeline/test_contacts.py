"""Contact areas of a stored volume: resumable, of chosen segments, and an exposure that synapses agree with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.cortex.em import Cutout, add_contacts, areas_um2, block_of, contacts_in
from graphtwin.pipeline import contacts
from graphtwin.pipeline.contacts import write_contacts
from graphtwin.synthetic.volume.volume_files import write_volume
from tests import small_tissue
from tests.sources.test_volume import RESOLUTION, ROOT, ids_of, save

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("contacts") / "volume", ids_of())


@pytest.fixture
def small_boxes(monkeypatch):
    """Boxes of few chunks, and what is found kept after each of them."""
    monkeypatch.setattr(contacts, "MOST_VOXELS", 2**14)  # 2 x 2 x 2 boxes
    monkeypatch.setattr(contacts, "KEPT_EVERY", 1)
    monkeypatch.setattr(contacts, "PENDING_ROWS", 3)


def test_the_table_is_that_of_the_voxels(stored, tmp_path, small_boxes):
    table = write_contacts(stored, tmp_path / "contacts.csv")
    size = np.array(RESOLUTION, float)
    whole = add_contacts(
        [contacts_in(Cutout(np.zeros(3, np.int64), ids_of().astype(np.int64), np.zeros(3, np.int64)), size, block_of(size))]
    )
    area, staircase = areas_um2(whole, size)
    assert table[["pre_root_id", "post_root_id"]].to_numpy().tolist() == whole[["root_id_a", "root_id_b"]].to_numpy().tolist()
    assert table["contact_area_um2"].tolist() == area.tolist()
    assert table["staircase_um2"].tolist() == staircase.tolist()
    assert table["n_faces"].tolist() == whole[["n_x", "n_y", "n_z"]].sum(axis=1).tolist()
    assert not (tmp_path / "contacts.csv.work").exists()


def test_a_measurement_that_was_stopped_goes_on_and_ends_in_the_same_table(stored, tmp_path, small_boxes, monkeypatch):
    whole, out = write_contacts(stored, tmp_path / "whole.parquet"), tmp_path / "part.parquet"
    seen = []

    def stop_at_the_fifth(*arguments):
        seen.append(arguments)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return contacts_in(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(contacts, "contacts_in", stop_at_the_fifth)
        with pytest.raises(KeyboardInterrupt):
            write_contacts(stored, out)
    assert not out.exists()
    asked = tmp_path / "asked.csv"
    asked.write_text(f"root_id\n{ROOT}\n")
    with pytest.raises(ValueError, match=r"holds 4 boxes of another measurement \(axons differ\)"):
        write_contacts(stored, out, axons=asked)
    monkeypatch.setattr(contacts, "contacts_in", lambda *arguments: seen.append(arguments) or contacts_in(*arguments))
    pd.testing.assert_frame_equal(write_contacts(stored, out), whole)
    assert len(seen) == 5 + 2 * 2 * 2 - 4


def test_axons_and_cells_are_chosen_and_a_pair_has_both_directions_where_both_are_both(stored, tmp_path):
    both = pd.DataFrame({"pt_root_id": [ROOT, 2 * ROOT]})
    both.to_csv(tmp_path / "axons.csv", index=False)
    pd.DataFrame({"cells": [2 * ROOT, ROOT, 3 * ROOT]}).to_csv(tmp_path / "cells.csv", index=False)
    found = write_contacts(stored, tmp_path / "some.csv", tmp_path / "axons.csv", tmp_path / "cells.csv")
    every = write_contacts(stored, tmp_path / "all.csv").set_index(["pre_root_id", "post_root_id"])["contact_area_um2"]
    pairs = [(ROOT, 2 * ROOT), (ROOT, 3 * ROOT), (2 * ROOT, ROOT), (2 * ROOT, 3 * ROOT)]
    assert list(zip(found["pre_root_id"], found["post_root_id"], strict=True)) == pairs
    assert found["contact_area_um2"].tolist() == [every[tuple(sorted(pair))] for pair in pairs]
    least = write_contacts(stored, tmp_path / "large.csv", least_um2=float(every.max()))
    assert len(least) == 1
    with pytest.raises(ValueError, match="no resolution of number 3; it has 1"):
        write_contacts(stored, tmp_path / "no.csv", mip=3)
    both.assign(root_id=1).to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(ValueError, match=r"segments are named by one of the columns .* are there"):
        write_contacts(stored, tmp_path / "no.csv", axons=tmp_path / "two.csv")


def test_synapses_of_a_simulated_volume_lie_where_contact_is(tmp_path):
    written = write_volume(small_tissue.content(), tmp_path / "volume", n_meshes=0).contacts
    out = tmp_path / "contacts.parquet"
    result = CliRunner().invoke(app, ["contacts", str(tmp_path / "volume" / "segmentation"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    found = pd.read_parquet(out).set_index(["pre_root_id", "post_root_id"])
    assert f"{len(found)} pairs" in result.output
    written = written.set_index(["root_id_a", "root_id_b"])["area_um2"]
    assert found["staircase_um2"].to_dict() == pytest.approx(written.to_dict())
    share = found["contact_area_um2"] / found["staircase_um2"]
    assert ((share > 1 / np.sqrt(3)) & (share <= 1)).all()
    for row in small_tissue.synapses(11, 12).itertuples():
        assert found.loc[tuple(sorted((row.pre_root_id, row.post_root_id))), "contact_area_um2"] > 0
