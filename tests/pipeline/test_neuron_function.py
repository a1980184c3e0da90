"""A twin's embeddings table takes the place of the function that pair and neuron tables were published with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.pipeline.pairs.neuron_function import embedded_function, monitor_of_neurons, twin_of, with_function, without_published
from graphtwin.sources.loaders import read_function_table
from graphtwin.tuning.similarity import add_similarities
from tests.tuning.planted import planted_function

pytestmark = pytest.mark.slow


NEURONS = pd.DataFrame({"nucleus_id": [101, 102, 103], "session": 1, "scan_idx": [1, 1, 2], "unit_id": [5, 6, 5], "layer": "L4"})
EMBEDDED = pd.DataFrame(
    {
        "session": 1,
        "scan_idx": 1,
        "unit_id": [6, 5, 9],
        "embedding_0": [0.0, 1.0, 0.6],
        "embedding_1": [1.0, 0.0, 0.8],
        "rf_x": [0.1, 0.0, 0.5],
        "rf_y": [0.0, 0.0, 0.5],
        "in_silico_resp": [np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]), np.zeros(3)],
        "preferred_orientation": [10.0, 170.0, 3.0],
    }
)
PAIRS = pd.DataFrame(
    {"pre_nucleus_id": [101, 101], "post_nucleus_id": [102, 103], "readout_similarity_cvt": [0.99, 0.98], "mine": [1.0, 2.0]}
)


def test_similarities_are_those_of_the_units_that_stand_for_the_nuclei():
    known = with_function(NEURONS.assign(readout_cvt=[np.ones(2)] * 3), EMBEDDED, "e.parquet")
    names = ["readout_similarity_cvt", "signal_correlation", "rf_distance", "orientation_difference"]
    found = add_similarities(without_published(PAIRS), known, names).set_index("post_nucleus_id")
    assert found.loc[102, names].to_numpy(float) == pytest.approx([0.0, -1.0, 10.42581, 20.0], abs=1e-4)
    assert found.loc[103, names].isna().all()  # unit 5 of another scan: what was published of it is gone too
    assert found["mine"].tolist() == [1.0, 2.0]


def test_function_of_any_kind_gives_signal_correlation_over_shared_columns_and_a_learned_readout(tmp_path):
    values, _, _ = planted_function(30, 10, 1, seed=0, gaps=0.2)
    table = pd.DataFrame(values, columns=[f"odour {index}" for index in range(10)])
    table.insert(0, "nucleus_id", [101, 102, *range(104, 132)])
    table.to_csv(tmp_path / "function.csv", index=False)
    function, columns = read_function_table(tmp_path / "function.csv")
    known = with_function(NEURONS, embedded_function(function, columns, NEURONS, "f.csv"), "f.csv")
    names = ["signal_correlation", "feature_similarity"]
    found = add_similarities(PAIRS, known, names).set_index("post_nucleus_id")
    shared = np.isfinite(values[0]) & np.isfinite(values[1])
    assert found.loc[102, "signal_correlation"] == pytest.approx(np.corrcoef(values[0, shared], values[1, shared])[0, 1])
    assert abs(found.loc[102, "feature_similarity"]) <= 1
    assert found.loc[103, names].isna().all()
    with pytest.raises(ValueError, match="none of its 30 rows is one of the 3 neurons by nucleus_id"):
        embedded_function(function, columns, NEURONS.assign(nucleus_id=[1, 2, 3]), "f.csv")


def test_units_of_two_animals_with_the_same_numbers_are_not_joined():
    both = EMBEDDED.assign(animal=["dynamic17797-1-1-Video-a", "sub-17797_ses-1-scan-1", "static2222-1-1-b"])
    assert len(with_function(NEURONS, both, "e.parquet")) == 3  # the third is no neuron here
    with pytest.raises(ValueError, match=r"e\.parquet: rows of 2 animals, 'dynamic17797-1-1-Video-a', 'static2222-1-1-b'"):
        with_function(NEURONS, both.assign(animal=[*both["animal"][:1], both["animal"][2], both["animal"][2]]), "e.parquet")


def test_embeddings_of_two_twins_are_refused_together_and_the_neurons_name_the_one_they_have():
    known = with_function(NEURONS, EMBEDDED.assign(twin="t1", twin_core="c1"), "e.parquet")
    assert twin_of(PAIRS, known, "pairs and neurons") == {"twin": ["t1"], "twin_core": ["c1"]}
    with_function(
        NEURONS, EMBEDDED.assign(twin=["t1", "t1", "t2"], twin_core=["c1", "c1", "c2"]), "e.parquet"
    )  # no neuron here has the third
    with pytest.raises(ValueError, match=r"e\.parquet: its 2 rows are of 2 twins.*1 of t1 \(core c1\), 1 of t2 \(core c2\)"):
        with_function(NEURONS, EMBEDDED.assign(twin=["t1", "t2", "t2"], twin_core=["c1", "c2", "c2"]), "e.parquet")
    assert twin_of(PAIRS, with_function(NEURONS, EMBEDDED, "e.parquet"), "pairs and neurons") == {}


def test_pairs_whose_similarities_another_twin_told_than_the_neurons_are_refused():
    known = with_function(NEURONS, EMBEDDED.assign(twin="t1", twin_core="c1"), "e.parquet")
    with pytest.raises(ValueError, match=r"pairs and neurons: .*2 of t1 \(core c1\), 2 of t2 \(core c2\)"):
        twin_of(PAIRS.assign(twin="t2", twin_core="c2"), known, "pairs and neurons")
    assert "twin" not in without_published(PAIRS.assign(twin="t2", twin_core="c2"))  # the twin's embeddings take the place of both


def test_units_that_gratings_drive_alike_are_tuned_alike():
    gratings = {
        "gdsi": 0.4,
        "preferred_direction": [350.0, 10.0, 180.0],
        "gosi": 0.5,
        "spatial_frequency_cpd": [0.04, 0.04, 0.07],
        "temporal_frequency_hz": [2.0, 2.2, 3.0],
        "f1_f0": [0.2, 0.3, 1.4],
    }
    told = EMBEDDED.assign(**gratings, scan_idx=[1, 1, 2], unit_id=[6, 5, 5])
    found = add_similarities(PAIRS, with_function(NEURONS, told, "e.parquet"), ["tuning_similarity"]).set_index("post_nucleus_id")
    assert found.loc[102, "tuning_similarity"] > 0.8
    assert found.loc[103, "tuning_similarity"] < 0
    assert "in_silico_tuning" not in with_function(NEURONS, EMBEDDED, "e.parquet")


def test_embeddings_by_nucleus_are_joined_by_nucleus():
    by_nucleus = EMBEDDED.drop(columns=["session", "scan_idx", "unit_id"]).assign(nucleus_id=[103, 101, 102])
    known = with_function(NEURONS, by_nucleus, "e.parquet").set_index("nucleus_id")
    assert known.loc[101, "readout_cvt"].tolist() == [1.0, 0.0]
    assert known.loc[103, "position_stim_cvt"].tolist() == [0.1, 0.0]


LAB = Monitor(width_cm=60.0, height_cm=34.0, distance_cm=25.0)


def test_angles_are_those_on_the_monitor_that_the_embeddings_are_stamped_with():
    known = with_function(NEURONS.assign(monitor_width_cm=1.0), EMBEDDED.assign(**LAB.stamp()), "e.parquet")
    monitor, how = monitor_of_neurons(known, None, "e.parquet")
    assert (monitor, how) == (LAB, "as e.parquet says")
    found = add_similarities(PAIRS, known, ["rf_distance"], monitor)
    assert found["rf_distance"][0] == pytest.approx(np.degrees(np.arctan(0.1 * 30 / 25)), abs=1e-9)  # 6.84; 10.43 on that of minnie65


def test_a_monitor_is_given_or_assumed_where_no_table_is_stamped():
    unstamped = with_function(NEURONS, EMBEDDED, "e.parquet")
    assert monitor_of_neurons(unstamped, LAB, "e.parquet") == (LAB, "as given")
    assert monitor_of_neurons(unstamped, None, "e.parquet") == (MINNIE65_MONITOR, "that of minnie65, for nothing states another")


def test_several_monitors_and_one_that_contradicts_the_stamp_are_refused_in_words():
    several = EMBEDDED.assign(**LAB.stamp())
    several.loc[0, "monitor_distance_cm"] = 15.0
    with pytest.raises(ValueError, match=r"e\.parquet: 2 monitors \(60 x 34 cm at 25 cm; 60 x 34 cm at 15 cm\)"):
        monitor_of_neurons(with_function(NEURONS, several, "e.parquet"), None, "e.parquet")
    stamped = with_function(NEURONS, EMBEDDED.assign(**LAB.stamp()), "e.parquet")
    with pytest.raises(ValueError, match=r"made for a monitor of 60 x 34 cm at 25 cm, but --monitor says 55\.2 x 31 cm at 15 cm"):
        monitor_of_neurons(stamped, MINNIE65_MONITOR, "e.parquet")
    elsewhere = EMBEDDED.assign(**LAB.stamp())
    elsewhere.loc[2, "monitor_distance_cm"] = 15.0  # a unit of no neuron that is asked about
    assert monitor_of_neurons(with_function(NEURONS, elsewhere, "e.parquet"), None, "e.parquet")[0] == LAB


def test_embeddings_that_are_of_other_recordings_or_none_are_refused_in_words():
    with pytest.raises(ValueError, match="none of its 3 rows is one of the 3 neurons by session, scan_idx, unit_id"):
        with_function(NEURONS, EMBEDDED.assign(session=9), "e.parquet")
    with pytest.raises(ValueError, match=r"no embedding_0, embedding_1, \.\.\. column"):
        with_function(NEURONS, EMBEDDED[["session", "scan_idx", "unit_id"]], "e.parquet")
    with pytest.raises(ValueError, match=r"e\.parquet"):
        with_function(NEURONS, pd.concat([EMBEDDED, EMBEDDED]), "e.parquet")
    with pytest.raises(ValueError, match=r"e\.parquet: all 3 embeddings are the same vector \(1, 1\), which tells no unit from another"):
        with_function(NEURONS, EMBEDDED.assign(embedding_0=1, embedding_1=1), "e.parquet")


def test_the_command_asks_for_the_neurons_that_embeddings_are_of(tmp_path):
    PAIRS.assign(n_synapses=1, l_d_um=3.0).to_parquet(tmp_path / "pairs.parquet")
    EMBEDDED.to_parquet(tmp_path / "e.parquet")
    words = [
        "like-to-like",
        tmp_path / "pairs.parquet",
        "--embeddings",
        tmp_path / "e.parquet",
        "--similarity",
        "mine",
        "--out",
        tmp_path / "o",
    ]
    told = CliRunner().invoke(app, list(map(str, words)))
    assert told.exit_code == 2
    assert "Give --neurons, which says what nucleus each unit is" in told.stderr
