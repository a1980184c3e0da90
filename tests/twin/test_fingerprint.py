import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.artifacts import write_table
from graphtwin.sources.formats import read_file
from graphtwin.twin.fitting import FittedTwin, FoundationConfig, fitted_of, read_twin, stamps, train_foundation, write_twin
from tests.twin.planted_recording import plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]

SMALL = FoundationConfig.model_validate(
    {
        "steps": 2,
        "windows": 2,
        "window_s": 0.8,
        "left_out_s": 0.2,
        "fit": {"epochs": 1},
        "twin": {"core": {"kind": "recurrent", "first": 6, "hidden": 8, "blocks": 1, "features": 8}},
    }
)


def trained(seed: int, name: str = "one", **more: object) -> FittedTwin:
    recording = plant(units=6, train=4, test=1, repeats=2, frames=60, seed=3, name=name).recording
    return fitted_of(train_foundation([recording], SMALL, seed, **more))


@pytest.fixture(scope="module")
def twin() -> FittedTwin:
    return trained(0)


def test_a_fingerprint_survives_saving_loading_and_copying(twin, tmp_path):
    path = write_twin(twin, tmp_path / "twin.pt")
    shutil.copytree(tmp_path, copy := tmp_path.with_name(f"{tmp_path.name}_copy"))
    assert stamps(read_twin(path)) == stamps(read_twin(copy / "twin.pt")) == stamps(twin)


def test_a_fingerprint_does_not_ask_in_what_order_or_memory_layout_weights_lie(twin):
    was = stamps(twin)
    turned = twin.twin.core.state_dict()
    for name, value in turned.items():
        if value.ndim > 1:
            turned[name] = value.transpose(0, 1).contiguous().transpose(0, 1)
    other = read_again(twin)
    for name, value in reversed(turned.items()):
        part, _, leaf = name.rpartition(".")
        getattr(other.twin.core.get_submodule(part), leaf).data = value
    assert stamps(other) == was


def read_again(twin: FittedTwin) -> FittedTwin:
    import copy

    return replace(twin, twin=copy.deepcopy(twin.twin))


def test_another_seed_weight_setting_or_animal_is_another_twin(twin):
    changed = read_again(twin)
    with torch.no_grad():
        changed.twin.animals[0].readout.bias[0] += 1e-6
    renamed = replace(twin, animals={"other": twin.animals["one"]})
    reset = replace(twin, config=twin.config.model_copy(update={"left_out_s": 0.3}))
    found = [stamps(other) for other in (twin, trained(1), changed, renamed, reset)]
    assert len({told["twin"] for told in found}) == 5
    assert found[0]["twin_core"] != found[1]["twin_core"]
    assert all(told["twin_core"] == found[0]["twin_core"] for told in found[2:])  # the core is the same


def test_a_transferred_twin_is_another_twin_on_the_same_core(twin):
    new = trained(5, "two", onto=twin.twin)
    assert stamps(new)["twin_core"] == stamps(twin)["twin_core"]
    assert stamps(new)["twin"] != stamps(twin)["twin"]


def test_a_fingerprint_comes_back_from_a_table_of_text_as_it_was(twin, tmp_path, monkeypatch):
    for digits in ("123456789012", "12345e678901", "000000000000"):
        monkeypatch.setattr("graphtwin.twin.fitting.fingerprint._digits", lambda content, digits=digits: digits)
        path = write_table(pd.DataFrame({"unit_id": np.arange(3)}).assign(**stamps(twin)), tmp_path / "t.csv")
        assert read_file(path)[["twin", "twin_core"]].drop_duplicates().to_numpy().tolist() == [[f"t{digits}", f"c{digits}"]]
