"""Configuration: pydantic models filled from TOML and `key=value` overrides; an unknown key is an error that names the nearest one."""

from __future__ import annotations

import difflib
import json
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class RunConfig(BaseModel):
    """What every run needs to know, whatever its stages are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("minnie65", description="Name of a bundled source, or the path of a TOML that names a folder of tables.")
    out: Path = Field(Path("runs/minnie65"), description="The run folder.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    threads: int = Field(2, ge=1, description="Threads of the numerical libraries.")
    device: Literal["auto", "cpu", "cuda"] = Field("cpu", description="Where the graph twin is trained.")
    preset: Literal["full", "run", "short"] = Field(
        "run", description="full: the analysis; run: `make run`; short: continuous integration."
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, or None when nothing does."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def load_config(model: type[Model], toml: Path | None = None, overrides: list[str] | None = None) -> Model:
    """A validated configuration: defaults, then the TOML file, then the overrides in order.

    Args:
        model: The pydantic model to fill.
        toml: A TOML file, or None for the defaults.
        overrides: `a.b=value`, the value in TOML syntax; a word that is no TOML value is taken as a string.
    """
    values: dict[str, Any] = read_toml(toml) if toml is not None else {}
    for override in overrides or []:
        set_at(values, *parse_override(override))
    return validate(model, values, str(toml) if toml is not None else "configuration")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; an error names the file and the line."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such TOML file. Give the path of an existing one.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not valid TOML: {error}. Correct the line it names.") from error


def validate(model: type[Model], values: dict[str, Any], origin: str) -> Model:
    """The model filled from `values`; every wrong key or value is named in one error."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_explain(model, problem) for problem in error.errors())
        raise ValueError(f"{origin}: {error.error_count()} settings are wrong: {problems}") from error


def dump_json(config: BaseModel) -> str:
    """The resolved configuration as JSON, every default written out."""
    return json.dumps(config.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def dump_toml(config: BaseModel) -> str:
    """The resolved configuration as TOML that `load_config` reads back to the same model."""
    return "\n".join(_toml_lines(config.model_dump(mode="json", exclude_none=True), "")) + "\n"


def parse_override(override: str) -> tuple[list[str], Any]:
    """`a.b=value` as a path of keys and a typed value."""
    key, separator, text = override.partition("=")
    if not separator or not all(part.strip() for part in key.split(".")):
        raise ValueError(f"--set {override!r}: expected key=value, for example seed=1 or gnn.epochs=20.")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return [part.strip() for part in key.split(".")], value


def set_at(values: dict[str, Any], path: list[str], value: Any) -> None:
    """Write a value at a path of keys, making the tables on the way."""
    for depth, key in enumerate(path[:-1]):
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ValueError(f"--set {'.'.join(path)}: {'.'.join(path[: depth + 1])} is a value, not a table of settings.")
    values[path[-1]] = value


def _explain(model: type[BaseModel], problem: Any) -> str:
    """One pydantic error in the words of the configuration."""
    location = [str(part) for part in problem["loc"]]
    name = ".".join(location)
    if problem["type"] != "extra_forbidden":
        return f"{name} = {problem['input']!r}: {problem['msg']}"
    known = _keys(model, location[:-1])
    return f"unknown key {name!r}, nearest {nearest(location[-1], known)!r} (known: {', '.join(known)})"


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The settings known at a path of nested models (and lists of models)."""
    inner: Any = model
    for part in path:
        if part.isdigit():
            continue
        annotation = inner.model_fields[part].annotation
        candidates = [annotation, *typing.get_args(annotation)]
        inner = next(candidate for candidate in candidates if isinstance(candidate, type) and issubclass(candidate, BaseModel))
    return sorted(inner.model_fields)


def _toml_lines(values: dict[str, Any], prefix: str) -> list[str]:
    """The lines of one table: its plain values first, then the tables inside it."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", *_toml_lines(value, f"{prefix}{key}.")]
    return lines
