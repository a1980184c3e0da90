"""What a source says that it has, on tables of a few rows."""

import pandas as pd
import pytest

from graphtwin.sources import Offers, SourceTables, Table

CELLS = pd.DataFrame({"nucleus_id": [1, 2, 3], "root_id": [11, 12, 13]})
PAIRS = pd.DataFrame({"pre_root_id": [11], "post_root_id": [12], "size": [1.0]})
UNITS = pd.DataFrame({"session": [1], "scan_idx": [1], "unit_id": [1]})


def queried(side, roots):
    return Table(f"queried_{side}", 1, "made", pd.DataFrame({f"{side}_root_id": roots}))


def offers(*tables):
    return SourceTables("made", tables).has


def test_a_source_of_cells_alone_offers_nothing():
    assert offers(Table("nuclei", 1, "made", CELLS)) == Offers(False, False, False, False, "none", ())


@pytest.mark.parametrize(
    ("pre", "post", "wiring"), [([11, 12, 13], [11, 12, 13], "complete"), ([11], [11, 12, 13], "sampled"), (None, [11, 12, 13], "sampled")]
)
def test_wiring_is_complete_where_all_cells_were_looked_at_on_both_sides(pre, post, wiring):
    masks = [queried("post", post), *([queried("pre", pre)] if pre else [])]
    assert offers(Table("nuclei", 1, "made", CELLS), Table("synapses", 1, "made", PAIRS), *masks).wiring == wiring


def test_wiring_that_is_complete_in_another_materialization_alone_is_sampled():
    masks = [queried("post", [11, 12, 13]), queried("pre", [11, 12, 13])]
    assert offers(Table("nuclei", 1, "made", CELLS), Table("synapses", 2, "made", PAIRS), *masks).wiring == "sampled"


def test_function_exposure_labels_and_places_are_those_of_some_neuron():
    exposure = pd.DataFrame({"pre_root_id": [11], "post_root_id": [12], "exposure": [0.5]})
    empty = CELLS.assign(layer=None, x_um=[1.0, None, 1.0], depth_um=[None, 1.0, None], z_um=1.0)
    told = offers(Table("nuclei", 1, "made", empty))
    assert not told.types
    assert not told.positions
    assert offers(Table("nuclei", 1, "made", empty.assign(layer=[None, "a", None], depth_um=1.0))) == Offers(
        False, True, True, False, "none", ()
    )
    assert offers(Table("function", 1, "made", UNITS)).function
    assert offers(Table("responses", 1, "made", UNITS)).function
    assert not offers(Table("orientation_responses", 1, "made", UNITS)).function  # its variability alone
    assert offers(Table("exposure", 1, "made", exposure)).exposure


def test_another_animals_tables_are_no_wiring_of_the_source():
    other = Table("synapses_of_another", 1, "made", PAIRS, animal="another")
    assert offers(Table("nuclei", 1, "made", CELLS), other) == Offers(False, False, False, False, "none", ("another",))


def test_minnie65_has_function_and_wiring_that_was_sampled():
    from graphtwin.sources import load

    assert load("minnie65").has == Offers(True, True, True, False, "sampled", ())


def test_what_a_source_has_is_said_with_how_much_was_looked_at():
    assert Offers(True, False, True, False, "none", ()).said == "function, types, no wiring"
    one = Offers(False, True, False, True, "sampled", ("sister",)).said
    assert one == "positions, exposure, sampled wiring (some cells were looked at, or one side), wiring of sister"
    two = Offers(False, False, False, False, "complete", ("a", "b")).said
    assert two == "complete wiring (all cells were looked at on both sides), wiring of 2 other animals"
