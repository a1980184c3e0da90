"""`analyses/animals` on made tables of results: what a run has is in its column, and what it has not is left out."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

FILE = Path(__file__).parents[1] / "analyses" / "animals" / "run.py"


@pytest.fixture(scope="module")
def animals():
    spec = importlib.util.spec_from_file_location("animals_table", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(subset, **estimates):
    key = {"task": "connectivity", "split": "axon", "subset": subset, "metric": "auc", "low": 0.0, "high": 1.0, "n": 90}
    return pd.DataFrame([key | {"model": model.replace("_", " "), "estimate": value} for model, value in estimates.items()])


@pytest.fixture
def finished(tmp_path):
    """Tables of a run with exposure, two permutations and a ceiling of two animals."""
    metrics = [scored("within exposure", exposure=0.7, graph_model=0.8), scored("all", exposure=0.85, graph_model=0.9, logistic=0.1)]
    blocks = scored("all", graph_model=0.2).assign(split="block")
    pd.concat([*metrics, blocks]).to_parquet(tmp_path / "metrics.parquet")
    scored("all", **{"graph model - boosting": 0.05, "graph model - logistic": 0.06}).to_parquet(tmp_path / "differences.parquet")
    null = {"task": "connectivity", "metric": "auc", "observed": 0.81}
    nulls = [("embeddings permuted within layer", 0.7), ("embeddings permuted within layer", 0.8), ("degree-preserving rewiring", 0.5)]
    pd.DataFrame([null | {"null": name, "estimate": value} for name, value in nulls]).to_parquet(tmp_path / "permutations.parquet")
    key = {"subset": "within exposure", "metric": "auc", "low": 0.0, "high": 1.0, "share_low": 0.1, "share_high": 0.9, "n": 50}
    rows = [("Witvliet 7", "graph model", 0.6), ("Witvliet 7", "wiring of Witvliet 7", 1.0), ("Cook 2019", "graph model", 0.3)]
    told = [key | {"animal": animal, "model": model, "estimate": 0.83, "share": share} for animal, model, share in rows]
    pd.DataFrame(told).to_parquet(tmp_path / "ceiling.parquet")
    return tmp_path


def test_a_run_is_read_into_models_differences_nulls_and_shares(animals, finished):
    table = animals.rows_of("worm", finished)
    found = table.set_index(["subset", "what"])["estimate"].to_dict()
    assert found == {
        ("within exposure", "exposure"): 0.7,
        ("within exposure", "graph model"): 0.8,
        ("all", "exposure"): 0.85,
        ("all", "graph model"): 0.9,
        ("all", "graph model - boosting"): 0.05,
        ("within exposure", "permuted"): 0.75,
        ("within exposure", "rewired"): 0.5,
        ("within exposure", "graph model, folds of the nulls"): 0.81,
        ("within exposure", "wiring of Witvliet 7"): 0.83,
        ("within exposure", "share: graph model"): 0.6,
    }
    permuted = table[table["what"] == "permuted"].iloc[0]
    assert (permuted["low"], permuted["high"], permuted["n"]) == (0.7, 0.8, 2)


def test_animals_stand_side_by_side_and_what_one_lacks_is_left_empty(animals, finished):
    worm = animals.rows_of("worm", finished)
    (finished / "ceiling.parquet").unlink()
    both = animals.wide(pd.concat([worm, animals.rows_of("fly", finished)]))
    assert both.loc[("auc", "share: graph model"), ("worm", "within exposure")] == "0.600 [0.100, 0.900]"
    assert both.loc[("auc", "share: graph model"), ("fly", "within exposure")] == ""


def test_a_number_out_of_its_range_is_told_and_an_animal_that_was_not_asked_is_not(animals, finished):
    table = animals.rows_of("worm", finished)
    key = {"animal": "worm", "subset": "all", "what": "graph model", "metric": "auc"}
    assert animals.compare(table, [key | {"low": 0.89, "high": 0.91}, key | {"animal": "fly", "low": 0, "high": 0}]) == []
    wrong = animals.compare(table, [key | {"low": 0.91, "high": 1.0}])
    assert wrong == ["worm, all, graph model, auc: [0.9], between 0.91 and 1.0 is expected"]


def test_a_folder_that_is_no_finished_run_is_refused(animals, tmp_path):
    with pytest.raises(ValueError, match="give ANIMAL=FOLDER with one of worm, fly, simulated, minnie65 and the folder of a finished run"):
        animals.folders_of([f"worm={tmp_path}"])
