"""Claims: names stand for ids in every table, with one number each, and what names cannot say is an error in words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphtwin.cortex import build
from graphtwin.sources.loaders import table_folder

CELLS = pd.DataFrame({"name": ["RIML", "AVAL", "AVAR"], "cell_type": ["inter", "command", "command"]})
SYNAPSES = pd.DataFrame({"pre_name": ["AVAL", "RIML", "AVAR"], "post_name": ["AVAR", "AVAL", "RIML"], "size": [1.5, 2.25, 0.5]})
QUERIED = pd.DataFrame({"name": ["AVAR", "AVAL", "RIML"]})
UNITS = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [1, 2], "name": ["AVAR", "AVBL"]})
RESPONSES = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [1, 2], "direction_000_0": [1.0, 2.0], "direction_090_0": [2.0, 1.0]})
WIRING = {"cell_types_fine": CELLS, "synapses": SYNAPSES, "queried_post": QUERIED}
FUNCTION = {"coregistration": UNITS, "responses": RESPONSES}


def toml_of(folder: Path, **frames: pd.DataFrame) -> Path:
    lines = ['name = "named"']
    for role, frame in frames.items():
        frame.to_csv(folder / f"{role}.csv", index=False)
        lines += ["[[tables]]", f'role = "{role}"', f'file = "{role}.csv"', "materialization = 1"]
    (folder / "named.toml").write_text("\n".join(lines))
    return folder / "named.toml"


def test_a_name_has_one_number_in_all_tables_by_the_order_of_all_names(tmp_path):
    source = table_folder.load_folder(toml_of(tmp_path, **FUNCTION, **WIRING))
    assert source.names == ("AVAL", "AVAR", "AVBL", "RIML")
    cortex = build(source)
    assert cortex.neurons.set_index("name")["nucleus_id"].to_dict() == {"AVAL": 1, "AVAR": 2, "AVBL": 3, "RIML": 4}
    assert cortex.neurons.set_index("name")["cell_type"].dropna().to_dict() == dict(zip(CELLS["name"], CELLS["cell_type"], strict=True))
    named = dict(zip(cortex.neurons["nucleus_id"], cortex.neurons["name"], strict=True))
    pairs = [(named[a], named[b], size) for a, b, size in cortex.synapses.iloc[:, 1:4].itertuples(index=False)]
    assert sorted(pairs) == sorted(SYNAPSES.itertuples(index=False, name=None))
    assert cortex.units["nucleus_id"].map(named).tolist() == ["AVAR", "AVBL"]


@pytest.mark.parametrize("named", [True, False])
def test_wiring_alone_needs_no_table_that_says_which_nucleus_a_cell_is(tmp_path, named):
    synapses, queried = SYNAPSES, QUERIED
    if not named:
        number = {"AVAL": 864_001, "AVAR": 864_002, "RIML": 864_003}
        synapses = pd.DataFrame({f"{side}_root_id": SYNAPSES[f"{side}_name"].map(number) for side in ("pre", "post")}).assign(
            size=SYNAPSES["size"]
        )
        queried = pd.DataFrame({"post_root_id": QUERIED["name"].map(number)})
    cortex = build(table_folder.load_folder(toml_of(tmp_path, synapses=synapses, queried_post=queried)))
    assert len(cortex.synapses) == len(cortex.neurons) == 3
    assert cortex.queried["side"].value_counts().to_dict() == {"pre": 3, "post": 3}


def test_function_and_wiring_meet_by_name_without_a_table_of_cells(tmp_path):
    function = pd.DataFrame({"name": ["AVAL", "RIML"], "a": [0.1, 0.2], "b": [0.3, 0.1]})
    cortex = build(table_folder.load_folder(toml_of(tmp_path, function=function, synapses=SYNAPSES, queried_post=QUERIED)))
    assert cortex.neurons.set_index("name")["is_functional"].to_dict() == {"AVAL": True, "AVAR": False, "RIML": True}
    assert len(cortex.synapses) == 3


def test_the_order_of_rows_and_tables_changes_no_number(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = table_folder.load_folder(toml_of(tmp_path / "a", **FUNCTION, **WIRING))
    turned = {role: frame.iloc[::-1] for role, frame in reversed({**FUNCTION, **WIRING}.items())}
    other = table_folder.load_folder(toml_of(tmp_path / "b", **turned))
    assert one.names == other.names
    pd.testing.assert_frame_equal(build(one).synapses, build(other).synapses)


def test_names_that_function_and_wiring_do_not_share_are_an_error_that_shows_three_of_each(tmp_path):
    units = UNITS.assign(name=["aval", "avar"])
    with pytest.raises(ValueError, match=r"none of 2 names of function \(first \['aval', 'avar'\]\) is among 3 names of the wiring"):
        table_folder.load_folder(toml_of(tmp_path, **{**FUNCTION, "coregistration": units}, **WIRING))


def test_without_wiring_function_and_cells_share_names_and_capitals(tmp_path):
    function = pd.DataFrame({"name": ["RIML", "aval"], "a": [0.1, 0.2], "b": [0.3, 0.1]})
    with pytest.raises(ValueError, match=r"1 of 2 names of function differ in capitals alone .* first 'aval' and 'AVAL'"):
        table_folder.load_folder(toml_of(tmp_path, function=function, cell_types_fine=CELLS))
    function["name"] = ["U1", "U2"]
    with pytest.raises(ValueError, match=r"none of 2 names of function \(first \['U1', 'U2'\]\) is among 3 names of cells"):
        table_folder.load_folder(toml_of(tmp_path, function=function, cell_types_fine=CELLS))


@pytest.mark.parametrize(
    ("axes", "columns", "message"),
    [
        ("", ["x_um", "y_um", "z_um"], r'no depth_um.*Write axes = \["x", "y", "z"\] under'),
        ("", ["x_um", "y_um"], r"no depth_um"),
        (
            '[frame]\naxes = ["nasal", "dorsal", "radial"]\n',
            ["nasal_um", "dorsal_um"],
            r"\['nasal_um', 'dorsal_um'\] and no \['radial_um'\]",
        ),
    ],
)
def test_positions_that_lack_an_axis_or_its_name_say_what_to_write(tmp_path, axes, columns, message):
    toml = toml_of(tmp_path, cell_types_fine=CELLS.assign(**dict.fromkeys(columns, 1.0)))
    toml.write_text(toml.read_text().replace("[[tables]]", f"{axes}[[tables]]", 1))
    with pytest.raises(ValueError, match=message):
        table_folder.load_folder(toml)


def test_two_neurons_of_one_name_are_an_error_with_their_number(tmp_path):
    twice = pd.concat([CELLS, CELLS.iloc[:1]])
    with pytest.raises(ValueError, match=r"1 of 4 rows have the name of an earlier one, first \['RIML'\]"):
        table_folder.load_folder(toml_of(tmp_path, **{**WIRING, "cell_types_fine": twice}))


def test_a_missing_name_is_an_error_with_its_row(tmp_path):
    with pytest.raises(ValueError, match=r"cell_types_fine.csv, column name: 1 of 3 names are missing, first in row 2"):
        table_folder.load_folder(toml_of(tmp_path, **{**WIRING, "cell_types_fine": CELLS.assign(name=["RIML", None, "AVAR"])}))


def test_names_in_some_tables_and_ids_in_others_are_an_error(tmp_path):
    ids = pd.DataFrame({"post_root_id": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"'synapses.csv'\] name neurons by name, .*queried_post.csv'\] by ids"):
        table_folder.load_folder(toml_of(tmp_path, **{**WIRING, "queried_post": ids}))


@pytest.mark.parametrize(("sizes", "said"), [([1.0, 1.0], True), ([1.0, 2.0], False)])
def test_gap_junctions_listed_in_both_directions_are_said_and_kept(tmp_path, caplog, sizes, said):
    both = pd.DataFrame({"pre_name": ["AVAL", "AVAR"], "post_name": ["AVAR", "AVAL"], "size": sizes})
    cortex = build(table_folder.load_folder(toml_of(tmp_path, **{**WIRING, "synapses": both})))
    assert len(cortex.synapses) == 2
    assert ("2 of 2 pairs have the same size in both directions, as gap junctions do" in caplog.text) == said
    assert cortex.funnel["reason"].str.contains("as gap junctions; kept").any() == said
