"""A configuration is what was asked for, or an error that names the nearest key."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ConfigDict

from graphtwin.config import RunConfig, dump_json, dump_toml, load_config


class Encoder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hidden: int = 64
    dropout: float = 0.1


class Nested(RunConfig):
    encoder: Encoder = Encoder()
    scans: tuple[int, ...] = ()


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


def test_json_says_every_default():
    assert json.loads(dump_json(Nested()))["encoder"] == {"hidden": 64, "dropout": 0.1}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sead=1", "unknown key 'sead', nearest 'seed'"),
        ("encoder.hiden=1", r"unknown key 'encoder\.hiden', nearest 'hidden'"),
        ("encoder.hidden=many", "encoder.hidden = 'many': .*integer"),
        ("seed=-1", "seed = -1: .*greater than or equal to 0"),
        ("device=tpu", "device = 'tpu': .*'auto', 'cpu' or 'cuda'"),
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("seed.deeper=3", "seed.deeper|seed = "),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(override, words):
    with pytest.raises(ValueError, match=words):
        load_config(Nested, overrides=[override])


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
