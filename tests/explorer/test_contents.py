"""A page holds what the run says: every neuron, its tables, and every candidate pair with what was predicted of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import write_json
from graphtwin.explorer.contents import contents_of
from graphtwin.explorer.packed import pack
from graphtwin.explorer.pairs_shown import to_levels
from tests.explorer.reading import unpacked


@pytest.fixture(scope="module")
def shown(finished: Path):
    return unpacked(contents_of(str(finished)))


def test_what_is_packed_comes_back_and_other_kinds_are_refused():
    arrays = {"a": np.arange(3, dtype=np.uint8), "b": np.array([[1.5, np.nan]], np.float32), "c": np.array([2**60], np.int64)}
    words, back = unpacked(pack({"name": "run ü"}, arrays))
    assert words["name"] == "run ü"
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    with pytest.raises(TypeError, match="array 'd' is of float64"):
        pack({}, {"d": np.zeros(2)})


def test_every_neuron_is_there_with_its_place_and_its_classes(shown, finished):
    words, arrays = shown
    neurons = pd.read_parquet(finished / "tables/neurons.parquet").sort_values("nucleus_id", ignore_index=True)
    np.testing.assert_array_equal(arrays["nucleus_id"], neurons["nucleus_id"])
    np.testing.assert_allclose(arrays["places"], neurons[["x_um", "depth_um", "z_um"]], rtol=1e-6)
    (column,) = [one for one in words["columns"] if one["name"] == "cell_type"]
    told = [None if code == 255 else column["categories"][code] for code in arrays["column cell_type"]]
    assert told == neurons["cell_type"].astype(object).where(neurons["cell_type"].notna(), None).tolist()
    assert (
        np.isnan(arrays["column embedding_0"]).sum()
        == len(neurons) - pd.read_parquet(finished / "embeddings.parquet")["nucleus_id"].nunique()
    )


def test_every_candidate_pair_has_the_probability_that_the_run_gave_it(shown, finished):
    words, arrays = shown
    table = pd.read_parquet(finished / "predictions/connectivity.parquet")
    ids = arrays["nucleus_id"]
    row = pd.Series(np.arange(len(arrays["pre"])), index=ids[arrays["pre"]])[table["pre_nucleus_id"]].to_numpy()
    column = pd.Series(np.arange(len(arrays["post"])), index=ids[arrays["post"]])[table["post_nucleus_id"]].to_numpy()
    assert words["pairs"]["models"][0] == "graph model"
    for model in words["pairs"]["models"]:
        levels = arrays[f"levels {model}"]
        assert (levels != 255).sum() == len(table)
        told = 1 / (1 + np.exp(-(words["pairs"]["lowest"] + words["pairs"]["step"] * levels[row, column].astype(float))))
        true = table[model].to_numpy()
        inside = np.abs(np.log(true / (1 - true)) + 4) < 8
        np.testing.assert_allclose(told[inside], true[inside], rtol=0.065)
        np.testing.assert_allclose(words["pairs"]["scores"][model]["estimate"], _precision(finished, model))
    connected = np.zeros(arrays["levels graph model"].shape, bool)
    connected[tuple(arrays["connected"].T)] = True
    np.testing.assert_array_equal(connected[row, column], table["connected"])


def _precision(run: Path, model: str) -> float:
    metrics = pd.read_parquet(run / "metrics.parquet")
    return float(
        metrics.query(
            "task == 'connectivity' and split == 'axon' and subset == 'all' and metric == 'average_precision' and model == @model"
        )["estimate"].item()
    )


def test_the_model_that_did_best_stands_beside_the_graph_model(spoilt):
    metrics = pd.read_parquet(spoilt / "metrics.parquet")
    ranked = metrics["metric"].eq("average_precision") & metrics["model"].eq("distance") & metrics["subset"].eq("all")
    metrics.loc[ranked, "estimate"] = 1.0
    metrics.to_parquet(spoilt / "metrics.parquet")
    words, _ = unpacked(contents_of(str(spoilt)))
    assert words["pairs"]["models"] == ["graph model", "distance"]


def test_exposure_is_a_model_and_the_exposure_of_a_pair_is_none(spoilt):
    pairs, metrics = pd.read_parquet(spoilt / "predictions/connectivity.parquet"), pd.read_parquet(spoilt / "metrics.parquet")
    renamed = pairs.rename(columns={"distance": "exposure"}).assign(pair_exposure=3.0)
    renamed.to_parquet(spoilt / "predictions/connectivity.parquet", index=False)
    ranked = metrics["metric"].eq("average_precision") & metrics["model"].eq("distance") & metrics["subset"].eq("all")
    metrics.loc[ranked, ["estimate", "model"]] = [1.0, "exposure"]
    metrics.to_parquet(spoilt / "metrics.parquet")
    assert unpacked(contents_of(str(spoilt)))[0]["pairs"]["models"] == ["graph model", "exposure"]
    (spoilt / "metrics.parquet").unlink()
    renamed.drop(columns="graph model").to_parquet(spoilt / "predictions/connectivity.parquet", index=False)
    assert unpacked(contents_of(str(spoilt)))[0]["pairs"]["models"] != ["pair_exposure"]


def test_exposure_is_told_of_every_pair_as_a_level_of_its_logarithm(spoilt):
    pairs = pd.read_parquet(spoilt / "predictions/connectivity.parquet")
    amounts = np.random.default_rng(0).lognormal(2, 1.5, len(pairs))
    amounts[::7], amounts[::11] = 0.0, np.nan
    pairs.assign(pair_exposure=amounts).to_parquet(spoilt / "predictions/connectivity.parquet", index=False)
    pd.DataFrame({"measure": ["contact area"], "unit": ["um2"]}).to_parquet(spoilt / "tables/exposure.parquet")
    words, arrays = unpacked(contents_of(str(spoilt)))
    told = words["pairs"]["exposure"]
    assert (told["measure"], told["unit"]) == ("contact area", "um2")
    ids = arrays["nucleus_id"]
    row = pd.Series(np.arange(len(arrays["pre"])), index=ids[arrays["pre"]])[pairs["pre_nucleus_id"]].to_numpy()
    column = pd.Series(np.arange(len(arrays["post"])), index=ids[arrays["post"]])[pairs["post_nucleus_id"]].to_numpy()
    levels = arrays["exposure"][row, column].astype(float)
    np.testing.assert_array_equal(levels == 255, np.isnan(amounts))
    np.testing.assert_array_equal(levels == 0, amounts == 0)
    some = amounts > 0
    np.testing.assert_allclose(np.exp(told["lowest"] + told["step"] * (levels - 0.5))[some], amounts[some], rtol=0.05)
    assert (arrays["exposure"] == 255).sum() == arrays["exposure"].size - np.isfinite(amounts).sum()


def test_positions_on_the_lattice_of_an_eye_are_no_lengths(spoilt):
    assert unpacked(contents_of(str(spoilt)))[0]["length"] == "um"
    write_json({"inputs": {"name": "fly"}}, spoilt / "provenance.json")
    words, _ = unpacked(contents_of(str(spoilt)))
    assert words["length"] == "columns"
    assert {one["unit"] for one in words["columns"] if one["name"] in ("x_um", "depth_um", "depth_error")} == {"columns"}


def test_levels_are_log_odds_rounded_down_and_end_at_the_ends():
    odds = np.linspace(-11.9, 3.9, 400)
    back = -12 + 16 / 254 * to_levels(1 / (1 + np.exp(-odds)))
    assert ((odds - back >= -1e-9) & (odds - back < 0.063)).all()
    np.testing.assert_array_equal(to_levels(np.array([0.0, 1e-300, 1.0])), [0, 0, 254])


def test_predictions_are_those_of_held_out_neurons(shown, finished):
    words, arrays = shown
    table = pd.read_parquet(finished / "predictions/cell_type.parquet")
    told = words["predicted cell_type"]
    held = table[(table["split"] == "neuron") & (table["model"] == told["model"])].drop_duplicates("nucleus_id")
    rows = np.searchsorted(arrays["nucleus_id"], held["nucleus_id"])
    np.testing.assert_allclose(arrays["predicted cell_type"][rows], held[[f"probability_{name}" for name in told["classes"]]], rtol=1e-6)
    assert np.isfinite(arrays["predicted cell_type"]).all(axis=1).sum() == len(held)


def test_what_every_model_said_of_a_held_out_neuron_stands_side_by_side(shown, finished):
    words, arrays = shown
    types = pd.read_parquet(finished / "predictions/cell_type.parquet").query("split == 'neuron'")
    models, neurons = words["said cell_type"]["models"], arrays["nucleus_id"][arrays["said cell_type neuron"]]
    assert sorted(models) == sorted(types["model"].unique())
    for row in types.drop_duplicates(["nucleus_id", "model"]).itertuples():
        told = arrays["said cell_type"][np.flatnonzero(neurons == row.nucleus_id)[0], models.index(row.model)]
        assert told == pytest.approx(types.at[row.Index, f"probability_{row.true}"], rel=1e-5)
    places = pd.read_parquet(finished / "predictions/position.parquet").query("split == 'neuron'")
    told = words["said position"]
    one = places.iloc[-1]
    row = arrays["said position"][arrays["nucleus_id"][arrays["said position neuron"]] == one["nucleus_id"]][0]
    said = row.reshape(len(told["models"]), -1)[told["models"].index(one["model"])]
    assert said[told["columns"].index(one["target"])] == pytest.approx(one["mean_um"], rel=1e-5)
    assert said[told["columns"].index(f"{one['target']} SD")] == pytest.approx(one["sd_um"], rel=1e-5)


@pytest.mark.parametrize(
    "lost", ["predictions/connectivity.parquet", "embeddings.parquet", "tables/root_ids.parquet", "metrics.parquet", "verdicts.json"]
)
def test_a_run_without_a_table_is_shown_without_what_it_told(spoilt, lost):
    (spoilt / lost).unlink()
    words, arrays = unpacked(contents_of(str(spoilt)))
    assert ("pairs" in words) == ("connectivity" not in lost)
    assert ("map" in words) == (lost != "embeddings.parquet")
    assert ("root id" in arrays) == ("root_ids" not in lost)


def test_neurons_that_are_there_twice_are_refused(spoilt):
    neurons = pd.read_parquet(spoilt / "tables/neurons.parquet")
    pd.concat([neurons, neurons.iloc[:1]]).to_parquet(spoilt / "tables/neurons.parquet", index=False)
    with pytest.raises(ValueError, match="nucleus_id"):
        contents_of(str(spoilt))


@pytest.mark.parametrize(("n", "kept"), [(200, [200]), (255, [])])
def test_classes_are_kept_however_many_a_byte_holds_and_more_are_told(spoilt, caplog, n, kept):
    neurons = pd.read_parquet(spoilt / "tables/neurons.parquet")
    neurons["cell_type"] = [f"type {at % n}" for at in range(len(neurons))]
    neurons.to_parquet(spoilt / "tables/neurons.parquet", index=False)
    words, _ = unpacked(contents_of(str(spoilt)))
    assert [len(one["categories"]) for one in words["columns"] if one["name"] == "cell_type"] == kept
    assert ("cell type: 255 classes, of which a page holds 254" in caplog.text) == (n == 255)


def test_axes_are_called_as_the_run_calls_them(spoilt, finished):
    pd.DataFrame({"axis": ["horizontal", "out of the plane", "vertical"]}).to_parquet(spoilt / "tables/axes.parquet")
    words, arrays = unpacked(contents_of(str(spoilt)))
    assert [one["label"] for one in words["columns"] if one.get("unit") == "um"][:3] == ["horizontal", "out of the plane", "vertical"]
    np.testing.assert_array_equal(arrays["places"], unpacked(contents_of(str(finished)))[1]["places"])


def test_pairs_of_neurons_that_the_run_does_not_know_are_refused(spoilt):
    neurons = pd.read_parquet(spoilt / "tables/neurons.parquet").sort_values("nucleus_id")
    neurons.iloc[3:].to_parquet(spoilt / "tables/neurons.parquet", index=False)
    with pytest.raises(ValueError, match=r"3 of 40 presynaptic nuclei .* first " + str(neurons["nucleus_id"].iloc[0])):
        contents_of(str(spoilt))


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"nothing that graphtwin wrote\. Give a run of the graph model"):
        contents_of(str(tmp_path))
