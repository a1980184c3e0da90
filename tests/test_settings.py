"""`graphtwin settings` prints what `--set` takes, and every setting says what it is in a sentence."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

import graphtwin
from graphtwin.cli.app import app
from graphtwin.cli.settings_table import ABSENT, COMMANDS, REQUIRED, WIDTH, Setting, model_of, settings_of
from graphtwin.config import overridden

REQUIRED_VALUES = {"pairs": "pairs.csv", "similarity": ["signal_correlation"], "effect": [0.5]}
# Units, and what has none: shares, rates of learning, log gains and slopes.
UNIT = re.compile(
    r"_(s|hz|um|nm|cm|px|deg|mm2)$|\b(seconds?|minutes|frames?|micrometres|nanometres|pixels|degrees?|hz|half videos|heights|units?|"
    r"share|learning rate|weight decay|standard deviations?|SDs?|strengths)\b",
    re.IGNORECASE,
)


def models() -> list[type[BaseModel]]:
    """Every pydantic model that the package defines."""
    found: dict[str, type[BaseModel]] = {}
    for module in pkgutil.walk_packages(graphtwin.__path__, "graphtwin."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.name:
                found[f"{module.name}.{value.__name__}"] = value
    return [found[name] for name in sorted(found)]


def printed(command: str) -> list[Setting]:
    return list(settings_of(model_of(command)))


def toml(setting: Setting) -> object:
    return tomllib.loads(f"value = {setting.default}")["value"]


def test_every_field_says_what_it_is_in_a_sentence_and_every_model_what_it_is_for():
    for model in models():
        said_of, *_ = str(model.__doc__).split("Examples:")
        assert said_of.rstrip().endswith("."), model
        for name, field in model.model_fields.items():
            said = field.description or ""
            assert re.fullmatch(r"[A-Z].{10,}\.", said), f"{model.__name__}.{name}: {said!r}"
            assert not re.match(r"(Of|In|At|From|Its|To) ", said), f"{model.__name__}.{name}: {said!r} is no sentence that stands alone"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_number_with_a_fraction_has_a_unit_in_its_name_or_its_sentence(command):
    for setting in printed(command):
        if re.fullmatch(r"-?[\d.]+(e-?\d+)?|\[[\d., ]*\.[\d., ]*\]", setting.default) and "." in setting.default:
            assert UNIT.search(setting.name) or UNIT.search(setting.meaning), f"{setting.name}: {setting.meaning}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_printed_name_is_taken_by_set_with_its_default(command):
    model = model_of(command)
    required = {name: REQUIRED_VALUES[name] for name, field in model.model_fields.items() if field.is_required()}
    default = overridden(model, dict(required), [], "test")
    for setting in printed(command):
        if setting.default not in (ABSENT, REQUIRED):
            given = [*([setting.needs] if setting.needs else []), f"{setting.name}={setting.default}"]
            found = overridden(model, dict(required), given, "test")
            assert setting.needs or found == default or "once" in setting.limits, setting
    absent = [setting.name for setting in printed(command) if setting.default == ABSENT]
    for name in absent:  # TOML has no word for None, so the name is tried with a value that no setting takes
        with pytest.raises(ValueError, match=rf"{re.escape(name)}\b") as told:
            overridden(model, dict(required), [f"{name}=[[1]]"], "test")
        assert "unknown key" not in str(told.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_printed_has_every_setting_and_fits_a_narrow_terminal(command):
    done = CliRunner().invoke(app, ["settings", command])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= WIDTH
    said = " ".join(done.output.split())
    for setting in printed(command):
        assert f"{setting.name} = {setting.default}" in said
        assert setting.meaning in said


def test_choices_bounds_and_other_kinds_of_core_are_printed():
    said = " ".join(CliRunner().invoke(app, ["settings", "twin"]).output.split())
    assert 'twin.core.kind = "recurrent" (recurrent | feedforward | dense_lstm)' in said or "feedforward | recurrent | dense_lstm" in said
    assert 'twin.core.heads = 4 (1 or more; with twin.core.kind="dense_lstm")' in said
    assert "clips.latency_s = 0.0 (0 or more)" in said


def test_without_a_command_those_that_have_settings_are_listed():
    done = CliRunner().invoke(app, ["settings"])
    assert done.exit_code == 0
    assert [line.split()[2] for line in done.output.splitlines()] == list(COMMANDS)


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["simulate", "--out", "x", "--set", "cells.tuning.misssed=0.1"], "unknown key 'cells.tuning.misssed', nearest 'missed'"),
        (["like-to-like", "p.csv", "--similarity", "a", "--out", "x", "--set", "nuls=1"], "unknown key 'nuls', nearest 'nulls'"),
    ],
)
def test_an_unknown_setting_names_the_nearest(words, nearest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("pre_nucleus_id,post_nucleus_id\n")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert nearest in " ".join(done.output.split())
