"""Another animal's synapses are kept apart from the volume's, and reach stands for an exposure where nothing was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex import numbered_alike, wiring_as_ceiling
from graphtwin.cortex.cortex import build
from graphtwin.graph.data import within_reach
from graphtwin.graph.settings import load_settings
from graphtwin.sources.loaders import table_folder as tables
from tests.conftest import ROOT
from tests.graph.planted_pairs import neurons

SISTER = pd.DataFrame(
    {"pre_pt_root_id": ROOT + np.array([0, 3, 3, 5, 77]), "post_pt_root_id": ROOT + np.array([4, 5, 3, 0, 1]), "size": 7.0}
)


def with_sister(export, animal: str = "sister", of_volume: str = "") -> str:
    """The small export with a second table of synapses, of another animal."""
    if of_volume:
        export.stated["synapses"] = [f'animal = "{of_volume}"']
    toml = export.write(".parquet")
    SISTER.to_parquet(toml.parent / "sister.parquet")
    entry = ["[[tables]]", 'role = "synapses"', "materialization = 7", 'file = "sister.parquet"', f'animal = "{animal}"']
    toml.write_text(toml.read_text() + "\n" + "\n".join(entry))
    return str(toml)


def test_synapses_of_another_animal_are_the_ceiling_and_no_synapse_of_the_volume(export):
    alone = build(tables.load_folder(export.write(".parquet")))
    cortex = build(tables.load_folder(with_sister(export)))
    pd.testing.assert_frame_equal(cortex.synapses, alone.synapses)
    pd.testing.assert_frame_equal(cortex.queried, alone.queried)
    found = cortex.ceiling[["animal", "pre_nucleus_id", "post_nucleus_id", "size"]].to_numpy().tolist()
    assert found == [["sister", 0, 4, 7.0], ["sister", 3, 5, 7.0], ["sister", 5, 0, 7.0]]
    lost = cortex.funnel[cortex.funnel["table"] == "synapses of sister"].set_index("step")["n_dropped"].to_dict()
    assert lost == {"between nuclei of the volume": 1, "between two nuclei": 1}
    assert alone.ceiling.empty


def test_which_animal_is_the_volumes_is_said_or_asked(export):
    with pytest.raises(ValueError, match=r"every table of synapses names an animal \(\['mine', 'sister'\]\).*Write `animal = ...`"):
        tables.load_folder(with_sister(export, of_volume="mine"))
    export.stated = {"queried_post": ['animal = "sister"']}
    with pytest.raises(
        ValueError, match="of role 'queried_post' has an animal, which tables of synapses and of responses to stimulation alone have"
    ):
        tables.load_folder(export.write(".parquet"))


def test_an_animal_without_a_shared_neuron_is_refused():
    mine = pd.DataFrame({"nucleus_id": [1, 2, 3]})
    theirs = pd.DataFrame({"materialization": [1, 1, 2], "pre_nucleus_id": [1, 2, 3], "post_nucleus_id": [2, 9, 1], "size": 1.0})
    found = wiring_as_ceiling(mine, theirs, "other")
    assert found[["animal", "pre_nucleus_id", "post_nucleus_id"]].to_numpy().tolist() == [["other", 1, 2]]
    with pytest.raises(ValueError, match=r"none of its 3 synaptic pairs is of two neurons of the volume \(nuclei here \[1, 2, 3\], there"):
        wiring_as_ceiling(mine, theirs + 10, "other")


def test_reach_is_an_exposure_of_one_between_near_somata_and_unknown_without_a_place():
    inputs = neurons(40, np.random.default_rng(0))
    inputs.position[7] = np.nan
    exposed = within_reach(inputs, 90.0)
    pre, post = (side.ravel() for side in np.indices((40, 40)))
    distance = np.linalg.norm(inputs.position[pre] - inputs.position[post], axis=1)
    expected = np.where(np.isnan(distance), np.nan, (distance <= 90.0) & (pre != post))
    np.testing.assert_array_equal(exposed.of(pre, post), expected)
    assert (exposed.measure, exposed.unit) == ("somata within 90 um", "1")


def test_a_reach_and_its_length_are_given_together():
    assert load_settings(["exposure=reach", "reach_um=100"]).reach_um == 100
    for alone in ("exposure=reach", "reach_um=100"):
        with pytest.raises(ValueError, match="go together"):
            load_settings([alone])


def test_neurons_of_one_name_are_one_whatever_their_numbers_in_the_other_source():
    theirs = pd.DataFrame({"materialization": 1, "pre_nucleus_id": [1, 2, 3], "post_nucleus_id": [3, 1, 2], "size": [1.0, 2.0, 3.0]})
    found = numbered_alike(theirs, ("AVAL", "AVAR", "RIML"), ("ADAL", "AVAL", "RIML"), "other")
    assert found[["pre_nucleus_id", "post_nucleus_id", "size"]].to_numpy().tolist() == [[2, 3, 1.0]]  # AVAR is not in the volume
    assert numbered_alike(theirs, (), (), "other") is theirs
    with pytest.raises(ValueError, match="one of the two sources names its neurons and the other has ids"):
        numbered_alike(theirs, ("AVAL",), (), "other")
