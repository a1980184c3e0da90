import numpy as np
import pandas as pd
import pytest

from graphtwin.sources.loaders.brought_embeddings import read_embeddings


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"nucleus_id": [864691135000000001, 2], "embedding_0": [0.5, 1.5], "embedding_1": [2.0, 3.0]})


@pytest.mark.parametrize("suffix", ["parquet", "feather", "csv"])
def test_every_table_format_gives_the_same_rows_and_exact_ids(tmp_path, table, suffix):
    path = tmp_path / f"twin.{suffix}"
    {"parquet": table.to_parquet, "feather": table.to_feather, "csv": lambda to: table.to_csv(to, index=False)}[suffix](path)
    pd.testing.assert_frame_equal(read_embeddings(path), table)


def test_a_matrix_with_its_ids_beside_it_is_the_same_table(tmp_path, table):
    np.save(tmp_path / "twin.npy", table[["embedding_0", "embedding_1"]].to_numpy())
    table[["nucleus_id"]].to_csv(tmp_path / "twin.ids.csv", index=False)
    pd.testing.assert_frame_equal(read_embeddings(tmp_path / "twin.npy"), table)


def test_a_matrix_of_another_length_than_its_ids_is_refused(tmp_path, table):
    np.save(tmp_path / "twin.npy", np.zeros((3, 2)))
    table[["nucleus_id"]].to_parquet(tmp_path / "names.parquet")
    with pytest.raises(ValueError, match=r"twin\.npy: 3 rows, but .*names\.parquet names 2 units"):
        read_embeddings(tmp_path / "twin.npy", ids=tmp_path / "names.parquet")


def test_a_matrix_without_ids_is_refused_with_the_names_it_could_have(tmp_path):
    np.save(tmp_path / "twin.npy", np.zeros((3, 2)))
    with pytest.raises(FileNotFoundError, match=r"twin\.ids\.parquet, twin\.ids\.feather, twin\.ids\.csv"):
        read_embeddings(tmp_path / "twin.npy")


def test_a_file_that_is_not_there_or_no_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_embeddings(tmp_path / "none.parquet")
    (tmp_path / "twin.mat").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"files ending in '\.mat' are not read"):
        read_embeddings(tmp_path / "twin.mat")
