"""The bundle is whole, verified, and as large as its README says."""

from __future__ import annotations

import json
import shutil

import pytest

from graphtwin.sources.loaders import minnie65


def test_every_table_of_the_bundle_has_a_registered_hash():
    files = {str(path.relative_to(minnie65.FOLDER)) for path in minnie65.FOLDER.glob("v*/*.parquet")}
    assert files == set(json.loads((minnie65.FOLDER / minnie65.REGISTRY).read_text()))


def test_the_bundle_is_under_ten_megabytes():
    assert sum(path.stat().st_size for path in minnie65.FOLDER.rglob("*") if path.is_file()) < 10_000_000


def test_the_bundle_names_its_animal_so_that_embeddings_of_another_mouse_are_refused(bundle):
    assert bundle.animal == "17797"


def test_the_tables_have_the_sizes_that_their_release_says(bundle):
    rows = {(table.role, table.materialization): len(table.frame) for table in bundle.tables}
    assert rows["coregistration", 661] == 13_922
    assert rows["responses", 661] == 6_034
    assert rows["synapses", 661] == 40_033
    assert rows["queried_post", 661] == 997
    assert rows["nuclei", 1300] == 24_191
    assert rows["synapses", 343] == 27_409


def test_a_changed_file_is_an_error_with_both_hashes(tmp_path):
    folder = shutil.copytree(minnie65.FOLDER, tmp_path / "copy")
    path = folder / "v661" / "queried_postsynaptic.parquet"
    expected = json.loads((folder / minnie65.REGISTRY).read_text())["v661/queried_postsynaptic.parquet"]
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match=rf"queried_postsynaptic\.parquet: sha256 is [0-9a-f]{{64}}, but the registry says {expected}"):
        minnie65.load_minnie65(folder)


def test_an_empty_folder_is_an_error_that_says_where_the_bundle_is(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no registry\.json \(it has no files\).*clone"):
        minnie65.load_minnie65(tmp_path)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        minnie65.load_minnie65(tmp_path / "nowhere")
