"""A configuration is what was asked for, or an error that names the nearest key."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.config import RunConfig, dump_toml, load_config
from graphtwin.graph.settings import load_settings
from graphtwin.twin.fitting.foundation import FoundationConfig
from graphtwin.twin.model.dense_lstm import DenseLstmConfig


class Encoder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hidden: int = 64
    dropout: float = 0.1


class Deep(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["deep", "deeper"] = "deep"
    layers: int = Field(3, ge=1, le=9)


class Flat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["flat"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: str
    rate_hz: float = Field(30.0, gt=0, lt=1000)


class Nested(RunConfig):
    encoder: Encoder = Encoder()
    scans: tuple[int, ...] = ()


class Awkward(Nested):
    size_um: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 1.0)
    model: Annotated[Deep | Flat, Field(discriminator="kind")] = Field(default_factory=Deep)
    parts: list[Part] = Field([Part(file="a")], min_length=1)
    minutes: float | None = Field(None, ge=0)
    rates_hz: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)


def test_overrides_win_over_the_file_and_the_file_over_defaults(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\nthreads = 1\n")
    config = load_config(RunConfig, path, ["seed=5"])
    assert (config.seed, config.threads, config.device) == (5, 1, "cpu")


@pytest.mark.parametrize("override", ["preset=short", 'preset="short"', "preset = short"])
def test_a_word_needs_no_quotes(override):
    assert load_config(RunConfig, overrides=[override]).preset == "short"


def test_overrides_are_typed_and_reach_into_tables():
    config = load_config(Nested, overrides=["encoder.hidden=32", "encoder.dropout=0.5", "scans=[4, 7]"])
    assert (config.encoder.hidden, config.encoder.dropout, config.scans) == (32, 0.5, (4, 7))


@pytest.mark.parametrize("dump", [dump_toml])
def test_the_dumped_configuration_reads_back_to_itself(tmp_path, dump):
    config = load_config(Nested, overrides=["encoder.hidden=32", "seed=9", "scans=[1]"])
    path = tmp_path / "resolved.toml"
    path.write_text(dump(config))
    assert load_config(Nested, path) == config


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sead=1", "unknown key 'sead', nearest 'seed'"),
        ("encoder.hiden=1", r"unknown key 'encoder\.hiden', nearest 'hidden'"),
        ("model={kind='deep', layer=2}", "unknown key 'model.layer', nearest 'layers'"),
        ("encoder.hidden=many", r"--set encoder\.hidden = 'many': give a whole number, or leave it out$"),
        ("encoder.hidden=2.5", r"--set encoder\.hidden = 2\.5: give a whole number"),
        ("encoder=3", "--set encoder = 3: give a table of settings, or leave it out$"),
        ("seed=-1", r"configuration: 1 setting is wrong: --set seed = -1: give 0 or more, or leave it out$"),
        ("minutes=-2", "--set minutes = -2: give 0 or more, or leave it out$"),
        ("device=tpu", r"--set device = 'tpu': give 'auto', 'cpu' or 'cuda', or leave it out$"),
        ("model={kind='deep', layers=10}", r"--set model\.layers = 10: give 1 or more and at most 9, or leave it out$"),
        ("model={kind='round'}", "--set model = {'kind': 'round'}: give kind with it, one of deep, deeper, flat, or leave it out$"),
        ("size_um=[1, 0]", r"--set size_um\.1 = 0: give more than 0$"),
        ("size_um=[1]", r"--set size_um = \[1\]: give an entry more: there is no entry 2$"),
        ("parts=[]", r"--set parts = \[\]: give 1 entries or more"),
        ("parts=[{}]", r"--set parts\.0\.file: give a value, it has none$"),
        (
            "parts=[{file='a', rate_hz=0}]",
            r"--set parts\.0\.rate_hz = 0: give more than 0 and less than 1000, or leave it out$",
        ),
        ("rates_hz.a=nan", r"--set rates_hz\.a = nan: give another value \(Input should be a finite number\)$"),
        ("scans=4", r"--set scans = 4: give a list, as \[1, 2\], or leave it out"),
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("seed.deeper=3", "--set seed = {'deeper': 3}: give a whole number"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(override, words):
    with pytest.raises(ValueError, match=words):
        load_config(Awkward, overrides=[override])


def test_a_wrong_setting_of_a_file_names_the_file_and_one_that_came_beside_it_says_so(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("threads = 0\n[encoder]\nhidden = 3.5\n")
    with pytest.raises(ValueError, match=r"run\.toml: 3 settings are wrong: ") as told:
        load_config(Nested, path, ["seed=-4"])
    said = str(told.value)
    assert "\n" not in said
    assert "; threads = 0: give 1 or more" in said
    assert "; encoder.hidden = 3.5: give a whole number" in said
    assert "--set seed = -4: give 0 or more" in said
    assert said.count("--set") == 1


def test_of_a_long_wrong_value_the_beginning_is_told():
    with pytest.raises(ValueError, match=r"--set seed = '1{79}\.\.\.: give a whole number"):
        load_config(RunConfig, overrides=[f"seed='{'1' * 5000}'"])


def test_a_value_is_no_table():
    with pytest.raises(ValueError, match=r"--set seed\.deeper: seed is a value, not a table"):
        load_config(RunConfig, overrides=["seed=1", "seed.deeper=2"])


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(ValueError, match=r"2 settings are wrong.*sead.*treads"):
        load_config(RunConfig, overrides=["sead=1", "treads=2"])


def test_a_broken_toml_names_its_line(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = \n")
    with pytest.raises(ValueError, match=r"run\.toml: not valid TOML: .*line 1"):
        load_config(RunConfig, path)


def test_a_missing_toml_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml: no such TOML file"):
        load_config(RunConfig, tmp_path / "nowhere.toml")


def test_a_table_given_in_part_keeps_what_the_model_has_there():
    config = load_config(FoundationConfig, overrides=["fit.epochs=20", "twin.core.first=8"])
    whole = FoundationConfig()
    assert config.fit == whole.fit.model_copy(update={"epochs": 20})
    assert config.twin.core == whole.twin.core.model_copy(update={"first": 8})
    assert load_settings(["neurons.fit.epochs=4"]).neurons.members == load_settings().neurons.members


def test_a_table_of_another_kind_keeps_nothing():
    assert load_config(FoundationConfig, overrides=["twin.core={kind='dense_lstm', growth=4}"]).twin.core == DenseLstmConfig(growth=4)


class Extremes(BaseModel):
    model_config = ConfigDict(extra="forbid")
    unlimited: float = float("inf")
    unknown: float = float("nan")
    absent: float | None = None
    sizes_um: tuple[float, ...] = (80.0, float("-inf"))
    quoted: str = 'a "quoted" \\ name,\nof two lines'
    encoder: Encoder = Encoder()
    by_name: dict[str, Encoder] = Field({"a.b": Encoder(hidden=3)})
    parts: list[Part] = Field([Part(file="a"), Part(file="b")])


def test_infinity_nan_absence_tables_and_tuples_survive_a_round_trip_through_toml(tmp_path):
    path = tmp_path / "extremes.toml"
    path.write_text(dump_toml(Extremes(absent=None)), encoding="utf-8")
    assert "absent" not in path.read_text(encoding="utf-8")
    back = load_config(Extremes, path)
    assert np.isnan(back.unknown)
    assert back.model_copy(update={"unknown": 0.0}) == Extremes(unknown=0.0)
