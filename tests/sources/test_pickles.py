"""Claims: every layout of a pickled DataFrame reads alike, and a pickle that wants to run code is refused by name before anything runs."""

from __future__ import annotations

import builtins
import copyreg
import functools
import io
import operator
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.sources.formats.pickles import read_pickle
from tests.sources.every_kind import every_kind

OLD = sorted((Path(__file__).parent / "pickles").glob("pandas_*.pkl"))
BESIDE_ARROW = [f"3.1.1_pyarrow_protocol_{protocol}" for protocol in (2, 3, 4, 5)]  # pandas 3 keeps text in Arrow where it finds pyarrow


def written(content: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "table.pkl"
    path.write_bytes(content)
    return path


def comparable(value):
    """A cell in types that compare: arrays as dtype, shape and values; every missing value as None."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tolist()
    if isinstance(value, list | tuple):
        return [comparable(part) for part in value]
    return None if pd.isna(value) else value


def assert_same_cells(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found) == list(expected)
    for name in expected:
        assert [comparable(cell) for cell in found[name]] == [comparable(cell) for cell in expected[name]], name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_kind_of_column_comes_back_from_every_protocol(protocol, tmp_path):
    path = tmp_path / "table.pkl"
    every_kind().to_pickle(path, protocol=protocol)
    found = read_pickle(path)
    assert_same_cells(found, every_kind().reset_index())
    assert found["pre_nucleus_id"].dtype == np.int64
    assert found["n_synapses"].dtype == np.int32
    assert found["dend_len"].dtype == np.float64
    assert found["readout_cvt"][0].dtype == np.float32


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_pickles_of_other_versions_of_pandas_read_alike(path):
    assert_same_cells(read_pickle(path), every_kind().reset_index())


def test_there_are_pickles_of_every_layout():
    assert [path.stem.removeprefix("pandas_") for path in OLD] == [
        *["1.0.5", "1.2.5", "1.3.5", "1.5.3", "2.0.3", "3.1.1"],
        *BESIDE_ARROW,
    ]


def test_columns_of_arrow_keep_values_gaps_and_the_part_of_them_that_was_pickled():
    """The file is the rows 1 to 3 of two tables in one, which pandas 3.1.1 pickled beside pyarrow."""
    found = read_pickle(Path(__file__).parent / "pickles" / "arrow_3.1.1.pkl")
    expected = {"cell": ["b", "c", "a"], "nucleus_id": [None, 3, 1], "osi": [None, 0.25, 0.5], "proofread": [None, False, True]}
    assert_same_cells(found, pd.DataFrame(expected | {"layer": [None, "Lé", "L4"], "area": ["V1", "LM", ""]}, dtype=object))


def forged(buffers: str, spoil: bytes, tmp_path: Path) -> Path:
    """The pickle of Arrow's columns with some bytes of it replaced."""
    content = (Path(__file__).parent / "pickles" / "arrow_3.1.1.pkl").read_bytes()
    assert buffers.encode() in content
    return written(content.replace(buffers.encode(), spoil), tmp_path)


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("type_for_alias", b"open_csv_file_", r"wants pyarrow\.lib\.open_csv_file_"),
        ("_restore_array", b"_restore_table", r"wants pyarrow\.lib\._restore_table"),
        ("py_buffer", b"foreign_b", r"wants pyarrow\.lib\.foreign_b"),
        ("large_string", b"large_binary", r"a column of Arrow has the type \('large_binary',\)"),
        ("V1LMLé"[:4], b"V1\xff\xff", r"no pickled DataFrame \(UnicodeDecodeError"),
    ],
)
def test_nothing_of_arrow_is_called_and_what_is_no_plain_array_is_refused(name, other, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        read_pickle(forged(name, other, tmp_path))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1.0, 2.0], "y": [3, 4]}, index=pd.MultiIndex.from_arrays([[1, 2], ["a", "b"]], names=["pre", "post"])),
        pd.DataFrame({"x": [1.0, 2.0]}, index=pd.CategoricalIndex(["a", "b"], name="area")),
        pd.DataFrame(np.asfortranarray(np.arange(6.0).reshape(3, 2)), columns=["a", "b"]),
        pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0], "c": [5, 6]})[["c", "b", "a"]],
        pd.DataFrame({"a": np.arange(3, dtype=">f8"), "b": np.array(["x", "yy", ""], dtype=object)}),
        pd.DataFrame({"a": [np.zeros((2, 3), order="F"), np.array([], dtype="U3"), b"bytes"]}),
        pd.DataFrame({"a": pd.to_timedelta([1, 2]), "b": np.array([1, 2], dtype="u1")}),
        pd.DataFrame({"a": [1.0]}).iloc[:0],
        pd.DataFrame({"a": pd.array(["x", None], dtype="string[pyarrow]"), "b": pd.array([1, None], dtype="int64[pyarrow]")}),
    ],
    ids=["two levels", "categories as index", "by column", "order of columns", "big endian", "odd cells", "durations", "no rows", "arrow"],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_shapes_orders_and_indices_survive(frame, protocol, tmp_path):
    frame.to_pickle(tmp_path / "table.pkl", protocol=protocol)
    expected = frame.reset_index() if any(frame.index.names) else frame.reset_index(drop=True)
    assert_same_cells(read_pickle(tmp_path / "table.pkl"), expected)


class Call:
    """Pickles to a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def stack_global(module: str, name: str, argument: str) -> bytes:
    """A pickle that calls module.name(argument), assembled by hand so that the name need not exist."""
    words = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name))
    return b"\x80\x04" + words + b"\x93\x8c" + bytes([len(argument)]) + argument.encode() + b"\x85R."


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda ran: Call(os.system, f"touch {ran}"), "system"),
        (lambda ran: Call(subprocess.check_call, ["touch", ran]), "check_call"),
        (lambda ran: Call(eval, f"open({ran!r}, 'w')"), r"\.eval"),
        (lambda ran: Call(exec, f"open({ran!r}, 'w')"), r"\.exec"),
        (lambda ran: Call(builtins.__import__, "this"), r"\.__import__"),
        (lambda ran: Call(getattr, "text", "join"), r"\.getattr"),
        (lambda ran: Call(operator.attrgetter, "system"), r"operator\.attrgetter"),
        (lambda ran: Call(open, ran, "w"), r"\.open"),
        (lambda ran: Call(Path, ran), "Path"),
        (lambda ran: Call(functools.partial, os.system, f"touch {ran}"), "system"),
        (lambda ran: Call(pickle.loads, b"N."), r"pickle\.loads"),
        (lambda ran: Call(np.load, ran), r"numpy\.load"),
        (lambda ran: Call(np.fromfile, ran), r"numpy\.fromfile"),
        (lambda ran: Call(np.save, ran, 1), r"numpy\.save"),
        (lambda ran: Call(np.dtype, [("a", "O")]), "dtype"),
        (lambda ran: Call(pd.read_pickle, ran), r"pandas\.io\.pickle\.read_pickle"),
        (lambda ran: Call(pd.eval, "1 + 1"), r"pandas\.core\.computation\.eval\.eval"),
        (lambda ran: Call(pd.read_csv, ran), r"pandas\.io\.parsers\.readers\.read_csv"),
        (lambda ran: Call(copyreg._reconstructor, dict, dict, {}), r"_reconstructor|is no|holds a dict"),
    ],
)
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(call, name, protocol, tmp_path):
    ran = tmp_path / "ran"
    path = written(pickle.dumps(call(str(ran)), protocol=protocol), tmp_path)
    with pytest.raises(ValueError, match=name) as refused:
        read_pickle(path)
    assert str(path) in str(refused.value)
    assert "to_parquet" in str(refused.value)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.f2py", "compile"),
        ("numpy", "core.multiarray.fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.lib.npyio", "load"),
        ("pandas", "io.common.os.system"),
        ("pandas.core.frame", "DataFrame.eval"),
        ("pandas.core.frame", "DataFrame.to_pickle"),
        ("pandas.core.frame", "DataFrame.__init__"),
        ("builtins", "slice.__class__"),
        ("_codecs", "lookup"),
        ("posix", "system"),
        ("this", "s"),
    ],
)
def test_a_name_beside_those_of_tables_is_refused_before_it_is_imported(module, name, tmp_path):
    sys.modules.pop("this", None)
    path = written(stack_global(module, name, "x"), tmp_path)
    with pytest.raises(ValueError, match=rf"refused: it wants {module}\.{name}, .*Nothing of it was run"):
        read_pickle(path)
    assert "this" not in sys.modules


def test_malice_inside_a_table_is_found_in_cells_columns_and_labels(tmp_path):
    evil = Call(os.system, f"touch {tmp_path / 'ran'}")
    for frame in (
        pd.DataFrame({"a": [evil]}),
        pd.DataFrame([[1]], columns=pd.Index([evil], dtype=object)),
        pd.DataFrame({"a": [[(evil,)]]}),
    ):
        with pytest.raises(ValueError, match=r"posix\.system"):
            read_pickle(written(pickle.dumps(frame), tmp_path))
    assert not (tmp_path / "ran").exists()


def test_an_array_of_objects_is_never_made_from_bytes(tmp_path):
    """Eight bytes taken for a pointer would crash or worse."""
    cells, column, number = ({"a": [np.arange(3), None]}, {"a": np.arange(3)}, {"a": [np.int64(3), "x"]})
    for table, message in ((cells, "objects comes as byte"), (column, "objects comes as byte"), (number, "number has the dtype object")):
        honest = pickle.dumps(pd.DataFrame(table), protocol=4)
        forged = honest.replace(b"\x8c\x02i8", b"\x8c\x02O8")
        assert forged != honest
        with pytest.raises(ValueError, match=message):
            read_pickle(written(forged, tmp_path))


def test_a_partial_of_anything_but_the_maker_of_blocks_is_refused(tmp_path):
    for inner in (slice, np.ndarray, pd.DataFrame):
        content = pickle.dumps(Call(functools.partial, inner), protocol=4)
        called = content[:-1] + b"K\x01K\x02\x86R."
        with pytest.raises(ValueError, match=r"calls functools\.partial"):
            read_pickle(written(called, tmp_path))


def test_a_class_cannot_be_given_state(tmp_path):
    """BUILD on a class would change it for everybody."""
    content = b"\x80\x04\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93}\x8c\x01x\x8c\x01ysb."
    with pytest.raises(ValueError, match="no pickled DataFrame"):
        read_pickle(written(content, tmp_path))
    every_kind().to_pickle(tmp_path / "good.pkl")
    assert len(read_pickle(tmp_path / "good.pkl")) == 3


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({"a": 1}, "holds a dict, not a DataFrame"),
        (pd.Series([1, 2]), r"pandas\.core\.series\.Series"),
        (pd.DataFrame({"a": [pd.DataFrame({"b": [1]})]}), "a cell holds a pandas.core.frame.DataFrame"),
        (pd.DataFrame([[1]], columns=[5]), "not named by 1 different strings"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "not named by 2 different strings"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "columns have 2 levels"),
        (pd.DataFrame({"a": [np.zeros(2, dtype=[("x", "f8")])]}), "has the dtype"),
        (pd.DataFrame({"a": pd.date_range("2025", periods=2, tz="UTC")}), r"DatetimeTZDtype"),
        (pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}), r"SparseArray"),
    ],
)
def test_what_is_no_plain_table_is_refused_with_its_name(thing, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_pickle(written(pickle.dumps(thing), tmp_path))


@pytest.mark.parametrize("keep", [0, 1, 10, 200, -1])
def test_a_pickle_that_was_cut_short_says_so(keep, tmp_path):
    content = pickle.dumps(every_kind())
    with pytest.raises(ValueError, match="cut short"):
        read_pickle(written(content[:keep], tmp_path))


def test_a_compressed_pickle_or_a_persistent_id_is_no_table(tmp_path):
    every_kind().to_pickle(tmp_path / "table.pkl", compression="gzip")
    with pytest.raises(ValueError, match="compressed"):
        read_pickle(tmp_path / "table.pkl")

    class Persistent(pickle.Pickler):
        def persistent_id(self, obj):
            return "elsewhere" if obj == 1 else None

    out = io.BytesIO()
    Persistent(out).dump([1])
    with pytest.raises(ValueError, match="persistent"):
        read_pickle(written(out.getvalue(), tmp_path))
