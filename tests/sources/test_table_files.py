"""A table is read alike in whatever file it lies, or refused with what is wrong with the file."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from pyarrow import parquet

from graphtwin.sources.formats import read_asked, read_file
from graphtwin.sources.loaders import read_connections, read_embeddings, read_neurons, read_pairs, read_proximities
from graphtwin.sources.loaders.em_tables import read_nuclei
from graphtwin.tuning import check_embeddings

BIG = 864691135000000001
TABLE = pd.DataFrame({"nucleus_id": [BIG, BIG + 2], "layer": ["L4", "L2/3"], "depth": [120.5, -3.25]})


def lines(separator: str, decimal: str = ".") -> str:
    rows = TABLE.assign(depth=[str(value).replace(".", decimal) for value in TABLE["depth"]])
    return "\n".join(separator.join(map(str, row)) for row in [list(TABLE), *rows.itertuples(index=False)]) + "\n"


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", lines(",").encode()),
        ("T.CSV", lines(",").encode()),
        ("t.csv", lines(";").encode()),
        ("t.csv", lines("\t").encode()),
        ("t.tsv", lines("\t").encode()),
        ("t.txt", lines("\t").encode()),
        ("t.csv", lines(";", ",").encode()),
        ("t.csv", lines("\t", ",").encode()),
        ("t.csv", lines(", ").encode()),
        ("t.csv", lines(",").replace("\n", "\r\n").encode()),
        ("t.csv", lines(",").encode("utf-8-sig")),
        ("t.csv", lines(",").encode("utf-16")),
        ("t.csv.gz", gzip.compress(lines(",").encode(), mtime=0)),
        ("T.CSV.GZ", gzip.compress(lines(";", ",").encode("utf-8-sig"), mtime=0)),
        ("t.tsv.gz", gzip.compress(lines("\t").encode(), mtime=0)),
        ("t.csv", gzip.compress(lines(",").encode(), mtime=0)),
        ("t.csv", b'"nucleus_id";"layer";"depth"\n864691135000000001;"L4";"120,5"\n864691135000000003;"L2/3";"-3,25"\n'),
        (
            "t.csv",
            b"nucleus_id,layer,depth\n1,864691135000000001,L4,120.5\n2,864691135000000003,L2/3,-3.25\n",
        ),  # row names, as R writes them
    ],
)
def test_a_text_is_read_in_every_dialect(name, content, tmp_path):
    pd.testing.assert_frame_equal(read_file(written(tmp_path / name, content)), TABLE)


@pytest.mark.parametrize("name", ["t.parquet", "T.PARQUET", "t.feather", "T.Feather"])
def test_a_table_with_types_is_read_with_its_index_and_its_decimals(name, tmp_path):
    table = TABLE.assign(nucleus_id=[Decimal(BIG), Decimal(BIG + 2)], depth=[Decimal("120.50"), Decimal("-3.25")])
    if name.lower().endswith("parquet"):
        table.set_index("layer").to_parquet(tmp_path / name)
    else:
        table.to_feather(tmp_path / name)
    read = read_file(tmp_path / name)
    assert [int(value) for value in read["nucleus_id"]] == TABLE["nucleus_id"].tolist()
    assert read["depth"].dtype == np.float64
    assert read["depth"].tolist() == TABLE["depth"].tolist()
    assert read["layer"].tolist() == TABLE["layer"].tolist()


def test_letters_that_are_no_utf8_are_read_as_latin_1(tmp_path):
    assert read_file(written(tmp_path / "t.csv", "id,gèbe\n1,Möbius\n".encode("latin-1"))).loc[0, "gèbe"] == "Möbius"


def test_ids_beside_a_gap_keep_every_digit(tmp_path):
    read = read_file(written(tmp_path / "t.csv", f"root_id,size\n{BIG},1.5\n,2\n7,\n"))
    assert read["root_id"].tolist() == [BIG, pd.NA, 7]
    assert read["size"].dtype == np.float64
    larger = read_file(written(tmp_path / "u.csv", f"root_id\n{2**63 + 5}\n\n7\n").rename(tmp_path / "u.CSV"))
    assert [int(value) for value in larger["root_id"]] == [2**63 + 5, 7]


def test_large_measurements_stay_numbers(tmp_path):
    assert read_file(written(tmp_path / "t.csv", "id,volume\n1,1.5e18\n2,\n3,2e19\n"))["volume"].tolist()[::2] == [1.5e18, 2e19]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as csv"),
        (b"id,x\n", r"the table has no rows \(columns \['id', 'x'\]\)"),
        (b"id,x,id\n1,2,3\n", "1 names stand over several columns, first 'id'"),
        (b"1,t,864691135000000001,\n2,t,864691135000000003,\n", "its first line names no columns"),
        (b"id,x\n1,2,\n3,4,\n", "its rows have 1 fields more than its first line names"),
        (b"id,x\n1,2,5,6\n3,4,7,8\n", "its rows have 2 fields more than its first line names"),
        (b"id;x\n1;1,234\n2;2,500\n", "column x: the comma of '1,234' may be a decimal one or stand between thousands"),
        (b"id;x\n1;1,5\n2;2.5\n", "column x has numbers with points and some with commas, first '1,5'"),
        (b"PAR1\x00\x00\x15\x04\n", "it holds bytes of 0, which no text has"),
        (gzip.compress(b"id,x\n1,2\n" * 1000, mtime=0)[:-9], r"cannot be read as csv .*The file is cut short"),
        (b'id,x\n1,"a\n', "cannot be read as csv"),
    ],
)
def test_a_text_whose_meaning_cannot_be_told_is_refused(content, words, tmp_path):
    with pytest.raises(ValueError, match=rf"t\.csv: {words}|t\.csv: \d+ bytes that {words}"):
        read_file(written(tmp_path / "t.csv", content))


def test_a_parquet_of_two_columns_of_one_name_is_refused(tmp_path):
    parquet.write_table(arrow.table([[1], [2]], names=["id", "id"]), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet: 1 columns have the name of another, first 'id'"):
        read_file(tmp_path / "t.parquet")


def test_a_column_that_is_in_the_index_too_is_refused(tmp_path):
    twice = pd.DataFrame({"id": [1, 2], "x": [3, 4]})
    twice.set_index("id", drop=False).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet: the columns \['id'\] are in its index too"):
        read_file(tmp_path / "t.parquet")


def test_integers_of_128_bits_have_a_sentence_of_their_own(tmp_path):
    """The file is `polars.DataFrame({"a": [1, 2]}, schema={"a": polars.Int128}).write_parquet(...)` of polars 1."""
    with pytest.raises(ValueError, match=r"int128\.parquet: it has a column of 128-bit integers, as polars.*Cast the column to Int64"):
        read_file(Path(__file__).parent / "int128.parquet")


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "t.xlsx", "t.parquet.gz", "t"])
def test_what_is_not_there_or_no_table_is_refused_with_the_suffixes_that_are_read(name, tmp_path):
    if not name.startswith("none"):
        (tmp_path / name).touch()
    for read in (read_file, read_asked):
        with pytest.raises((FileNotFoundError, ValueError), match=r"\.parquet, \.feather, \.csv, \.tsv, \.txt, \.csv\.gz"):
            read(tmp_path / name)


def test_every_loader_of_tables_takes_the_same_files(tmp_path):
    def packed(name: str, table: pd.DataFrame) -> Path:
        text = table.to_csv(index=False, sep=";", decimal=",")
        return written(tmp_path / name, gzip.compress(text.encode("utf-8-sig"), mtime=0))

    pairs = pd.DataFrame({"pre_nucleus_id": [BIG, 2], "post_nucleus_id": [3, BIG], "n_synapses": [1, 0], "l_d_um": [1.5, 20.25]})
    nuclei = pd.DataFrame({"id": [1, 2], "pt_root_id": [BIG, 7], "pt_position": ["[1000 2000 300]", "[5000 9000 777]"]})
    embedded = TABLE[["nucleus_id"]].assign(embedding_0=[0.5, 1.5])
    assert read_pairs(packed("PAIRS.CSV.GZ", pairs))["l_d_um"].tolist() == [1.5, 20.25]
    assert read_proximities(packed("P.CSV.GZ", pairs))["pre_nucleus_id"].tolist() == [BIG, 2]
    assert read_connections(packed("c.csv.gz", pairs))["n_synapses"].tolist() == [1, 0]
    assert read_neurons(packed("n.csv.gz", TABLE))["nucleus_id"].tolist() == [BIG, BIG + 2]
    assert read_embeddings(packed("e.csv.gz", embedded))["embedding_0"].tolist() == [0.5, 1.5]
    assert read_nuclei(packed("u.csv.gz", nuclei))["x_nm"].tolist() == [4000.0, 20000.0]
    assert read_asked(packed("a.csv.gz", pairs))["post_nucleus_id"].tolist() == [3, BIG]


def test_a_matrix_takes_the_ids_beside_it_in_any_of_these_files(tmp_path):
    np.save(tmp_path / "X.npy", np.eye(2, dtype="f4"))
    written(tmp_path / "X.IDS.CSV", lines(";", ","))
    assert read_embeddings(tmp_path / "X.npy")["nucleus_id"].tolist() == [BIG, BIG + 2]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 999)}\n", b"0"])
def test_a_matrix_that_is_cut_short_is_refused(content, tmp_path):
    written(tmp_path / "X.npy", content)
    written(tmp_path / "X.ids.csv", lines(","))
    with pytest.raises(ValueError, match=r"X\.npy: \d+ bytes that cannot be read as an \.npy of numbers"):
        read_embeddings(tmp_path / "X.npy")


def test_numbers_of_a_text_are_those_that_python_reads_from_it_whatever_their_exponent(tmp_path):
    numbers = [0.1 + 0.2, 1 / 3, 2.5e-310, 1.7976931348623157e308, 123456.7890123456]
    (tmp_path / "t.csv").write_text("id,x\n" + "".join(f"{i},{number!r}\n" for i, number in enumerate(numbers)) + "9,0.E13230865093501\n")
    assert read_file(tmp_path / "t.csv")["x"].tolist() == [*numbers, 0.0]


def test_a_feather_file_whose_offsets_point_nowhere_is_refused(tmp_path):
    path = tmp_path / "t.feather"
    pd.DataFrame({"id": [1, 2, 3], "layer": ["L2/3", "L4", "L5"]}).to_feather(path, compression="uncompressed")
    offsets = np.array([0, 4, 6, 8], "<i4").tobytes()
    content = path.read_bytes()
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, np.array([0, 4, -2147483646, 8], "<i4").tobytes()))
    with pytest.raises(ValueError, match=r"t\.feather: \d+ bytes that cannot be read as feather .*offset"):
        read_file(path)


def test_columns_that_are_known_but_for_capitals_are_read_and_said_and_others_stay_as_they_are(tmp_path, caplog):
    caplog.set_level("INFO", logger="graphtwin")
    names = ["Session", "SCAN_IDX", "Nucleus_ID", "Animal", "Embedding_0", "Direction_022_5", "My_Similarity"]
    table = pd.DataFrame([range(7), range(7)], columns=names)
    for suffix in (".csv", ".parquet", ".feather"):
        path = tmp_path / f"t{suffix}"
        table.to_csv(path, index=False) if suffix == ".csv" else getattr(table, f"to_{suffix[1:]}")(path)
        assert list(read_file(path)) == ["session", "scan_idx", "nucleus_id", "animal", "embedding_0", "direction_022_5", "My_Similarity"]
    assert "t.csv: column Session is read as session, column SCAN_IDX is read as scan_idx" in caplog.text
    assert list(read_file(tmp_path / "t.csv", kept=["Session"]))[:2] == ["Session", "scan_idx"]


@pytest.mark.parametrize("names", [["session", "Session"], ["SESSION", "Session"]])
def test_columns_that_differ_in_capitals_alone_are_refused(names, tmp_path):
    pd.DataFrame({names[0]: [1], names[1]: [2]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"t\.csv: the columns \[.*'Session'\] and another differ from 'session' in capitals alone"):
        read_file(tmp_path / "t.csv")


def test_the_animal_of_an_embedding_is_asked_for_in_capitals_too(tmp_path):
    rows = {"Session": [4, 4], "Scan_idx": [7, 7], "Unit_ID": [1, 2], "Animal": ["mine", "another"], "embedding_0": [0.5, 0.7]}
    pd.DataFrame(rows).to_csv(tmp_path / "e.csv", index=False)
    units = pd.DataFrame({"session": [4, 4], "scan_idx": 7, "unit_id": [1, 2], "nucleus_id": [11, 12]})
    table, _ = check_embeddings(read_embeddings(tmp_path / "e.csv"), units, "e.csv", "mine")
    assert table["nucleus_id"].tolist() == [11]
