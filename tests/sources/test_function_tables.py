"""Function of any kind is read as it is, with gaps and signs, or refused with words that say what to mend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex.cortex import Cortex, build
from graphtwin.sources.loaders import table_folder as tables

ANSWERS = pd.DataFrame({"flash": [-1.0, 0.5, 2.0], "bar": [0.25, np.nan, 4.0], "noise 3": [1.0, -2.0, np.nan]})


def written(folder: Path, *entries: tuple[str, pd.DataFrame], head: str = "") -> Path:
    """A TOML in the folder that names these tables, each with the lines of its entry."""
    lines = ['name = "any"', head]
    for number, (said, frame) in enumerate(entries):
        frame.to_csv(folder / f"table_{number}.csv", index=False)
        lines += ["[[tables]]", f'file = "table_{number}.csv"', said]
    toml = folder / "any.toml"
    toml.write_text("\n".join(lines))
    return toml


def by_nucleus(answers: pd.DataFrame = ANSWERS) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"nucleus_id": [7, 5, 9]}), answers], axis=1)


def built(folder: Path, *entries: tuple[str, pd.DataFrame]) -> Cortex:
    return build(tables.load_folder(written(folder, *entries)))


def test_function_by_nucleus_alone_is_a_source_and_keeps_gaps_signs_and_names(tmp_path):
    cortex = built(tmp_path, ('role = "function"\nwhat = "dF/F to light"', by_nucleus()))
    assert cortex.neurons["nucleus_id"].tolist() == cortex.units["nucleus_id"].tolist() == cortex.units["unit_id"].tolist() == [5, 7, 9]
    assert cortex.neurons["is_functional"].all()
    assert cortex.function_columns["column"].tolist() == ["flash", "bar", "noise 3"]
    assert set(cortex.function_columns["what"]) == {"dF/F to light"}
    np.testing.assert_array_equal(cortex.function[["flash", "bar", "noise 3"]], ANSWERS.iloc[[1, 0, 2]].to_numpy())
    assert set(cortex.function_columns["axis"]) == {"free"}


def test_units_reach_their_nuclei_through_the_coregistration_and_need_no_root_ids_where_nothing_is_wired(tmp_path):
    keys = pd.DataFrame({"session": 1, "scan_idx": [1, 1, 2], "unit_id": [4, 5, 4]})
    matched = keys.head(2).assign(nucleus_id=[50, 60])
    cortex = built(tmp_path, ('role = "coregistration"', matched), ('role = "function"', keys.join(ANSWERS)))
    assert cortex.units["nucleus_id"].tolist() == [50, 60]
    assert cortex.function["flash"].tolist() == [-1.0, 0.5]
    lost = cortex.funnel[cortex.funnel["table"] == "function in table_1.csv"]
    assert lost["n_dropped"].tolist() == [1]


def test_a_row_named_by_its_nucleus_is_the_first_unit_of_it(tmp_path):
    units = pd.DataFrame({"session": 3, "scan_idx": [2, 1], "unit_id": [8, 9], "nucleus_id": 5})
    cortex = built(tmp_path, ('role = "coregistration"', units), ('role = "function"', by_nucleus()))
    of_five = cortex.function[cortex.function["nucleus_id"] == 5]
    assert of_five[["session", "scan_idx", "unit_id"]].to_numpy().tolist() == [[3, 1, 9]]


def test_columns_and_units_that_say_nothing_are_left_out_and_counted(tmp_path):
    answers = pd.DataFrame({"flash": [-1.0, np.nan, 2.0], "bar": [0.5, np.nan, 4.0], "noise 3": [1.0, np.nan, 7.0]})
    frame = by_nucleus(answers.assign(empty=np.nan, constant=3.0)).assign(nucleus_id=[7, 5, 9])
    extra = pd.DataFrame({"nucleus_id": [11], "flash": [0.5], "bar": [np.nan], "noise 3": [2.0]})
    cortex = built(tmp_path, ('role = "function"', pd.concat([frame, extra])))
    steps = cortex.funnel[cortex.funnel["table"] == "function"].set_index("step")["n_dropped"]
    assert steps.to_dict() == {"columns that vary": 2, "units with a value": 1, "entries measured": 1}
    assert cortex.function["nucleus_id"].tolist() == [7, 9, 11]
    assert list(cortex.function)[4:] == cortex.function_columns["column"].tolist() == ["flash", "bar", "noise 3"]


def test_two_tables_stand_side_by_side_and_one_that_contradicts_is_refused(tmp_path):
    axis = 'role = "function"\naxis = "linear"\npositions = { a = 0, b = 1.5 }'
    other = pd.DataFrame({"nucleus_id": [9, 4], "a": [1.0, 2.0], "b": [0.0, 5.0]})
    cortex = built(tmp_path, ('role = "function"', by_nucleus()), (axis, other))
    assert cortex.function["nucleus_id"].tolist() == [4, 5, 7, 9]
    assert cortex.function.loc[0, ["flash", "bar"]].isna().all()
    assert cortex.function_columns["axis"].tolist() == ["free"] * 3 + ["linear"] * 2
    with pytest.raises(ValueError, match="2 rows give a unit other responses than another table"):
        built(tmp_path, ('role = "function"', by_nucleus()), ('role = "function"', by_nucleus(ANSWERS.assign(flash=[-1.0, 0.5, 9.0]))))
    with pytest.raises(ValueError, match="state gamma and gaussian noise"):
        built(tmp_path, ('role = "function"\nnoise = "gaussian"', by_nucleus()), ('role = "function"\nnoise = "gamma"', other))


def test_responses_to_directions_and_function_of_the_same_units_are_both_kept(export):
    units = export.frames["coregistration"][["session", "scan_idx", "unit_id"]]
    export.frames["function"] = units.head(4).assign(flash=[1.0, -2.0, 3.0, 4.0], bar=[0.0, 1.0, np.nan, 5.0])
    cortex = build(tables.load_folder(export.write(".parquet")))
    assert len(cortex.units) == 5
    assert cortex.units.filter(like="direction_").notna().all(axis=None)
    assert len(cortex.function) == 4


@pytest.mark.parametrize(
    ("said", "frame", "message"),
    [
        ("", by_nucleus(ANSWERS.assign(bar=["much", "1", "2"])), r"column bar: 1 of 3 values are no numbers, first 'much' in row 1"),
        ("", ANSWERS, "no column says whose function a row is.*flash"),
        ("", ANSWERS.assign(session=1, unit_id=[1, 2, 3]), "1 columns are missing: 'scan_idx'"),
        ("", by_nucleus().assign(nucleus_id=[7, 5, 7]), r"1 of 3 rows repeat the key \['nucleus_id'\]"),
        ("", by_nucleus(ANSWERS[["flash"]]), r"1 columns of responses \(\['flash'\]\); 2 are needed"),
        ("", by_nucleus(ANSWERS.assign(pial_x_um=1.0, x_um=2.0)), r"2 columns beside the responses have names of ids, positions or labels"),
        ("", by_nucleus(ANSWERS.assign(bar=[np.inf, 0, 1])), "1 responses are infinite, first in column 'bar', row 1"),
        ("", by_nucleus(ANSWERS * 0 + 1), "none of 3 columns of responses has two different values"),
        ('noise = "gamma"', by_nucleus(), "never negative, and 2 of 7 values are below 0"),
        ('axis = "linear"\npositions = { flesh = 1 }', by_nucleus(), r"1 of 1 `positions` are of no column.*'flesh' \(nearest 'flash'\)"),
        ('axis = "linear"\npositions = { flash = 1 }', by_nucleus(), "2 of 3 columns have no place on it, first 'bar'"),
        ("positions = { flash = 1 }", by_nucleus(), "without `axis`"),
        ('axis = "circular"\npositions = { flash = 1, bar = 2, "noise 3" = 3 }', by_nucleus(), "without `period`"),
        (
            'axis = "circular"\nperiod = 2\npositions = { flash = 1, bar = 2, "noise 3" = 3 }',
            by_nucleus(),
            "3 columns have 2 different places",
        ),
        ('columns = ["flash", "bra"]', by_nucleus(), r"'bra' \(nearest here: 'bar'\)"),
    ],
)
def test_what_cannot_be_function_is_refused_with_what_was_found(tmp_path, said, frame, message):
    with pytest.raises(ValueError, match=message):
        tables.load_folder(written(tmp_path, (f'role = "function"\n{said}', frame)))


def test_columns_that_are_named_are_the_responses_and_others_stay_out(tmp_path):
    frame = by_nucleus(ANSWERS.assign(layer="4"))
    read = tables.load_folder(written(tmp_path, ('role = "function"\ncolumns = ["bar", "flash"]', frame))).tables[0]
    assert list(read.frame) == ["nucleus_id", "bar", "flash"]
    renamed = by_nucleus().rename(columns={"nucleus_id": "cell"})
    read = tables.load_folder(written(tmp_path, ('role = "function"\ncolumns = { nucleus_id = "cell" }', renamed))).tables[0]
    assert list(read.frame) == ["nucleus_id", "flash", "bar", "noise 3"]


def test_settings_of_function_elsewhere_and_a_wired_table_without_materialization_are_refused(tmp_path):
    cells = pd.DataFrame({"nucleus_id": [1], "root_id": [5], "cell_type": ["a"]})
    with pytest.raises(ValueError, match=r"of role 'cell_types_fine' has noise, which only a table of role 'function' has"):
        tables.load_folder(written(tmp_path, ('role = "cell_types_fine"\nnoise = "gamma"', cells)))
    queried = pd.DataFrame({"post_root_id": [5]})
    with pytest.raises(ValueError, match=r"2 of 2 entries have no `materialization`, first table_0\.csv"):
        tables.load_folder(written(tmp_path, ('role = "cell_types_fine"', cells), ('role = "queried_post"', queried)))
