"""Configuration: pydantic models filled from TOML and `key=value` overrides; an unknown key is an error that names the nearest one."""

from __future__ import annotations

import difflib
import json
import tomllib
import typing
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound=BaseModel)
BOUNDS = {"ge": "{} or more", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}  # pydantic's names of bounds, in words
# Words for the value that is asked for, by the first word of pydantic's name of an error.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "path": "a path",
    "tuple": "a list, as [1, 2]",
    "list": "a list, as [1, 2]",
    "model": "a table of settings",
    "dict": "a table of settings",
}
LONGEST = 80  # most characters of a wrong value that an error repeats


class RunConfig(BaseModel):
    """The settings that every run has, whatever its stages are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        "minnie65", description="Name of a source (minnie65, worm, fly), or path of a TOML that names the tables of a folder."
    )
    out: Path = Field(Path("runs/minnie65"), description="Folder that the run writes.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    threads: int = Field(2, ge=1, description="Number of threads of the numerical libraries.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "cpu", description="Device on which the graph model is trained; auto takes a GPU where there is one."
    )
    preset: Literal["full", "run", "short"] = Field(
        "run", description="Values of many settings at once: full for an analysis, run for a first look, short for a trial."
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, or None when nothing does."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def nearest_of(name: str, known: Iterable[str], words: str = " (nearest {})") -> str:
    """Words that name the known name that looks most like this one, for an error; none where nothing does.

    Args:
        name: The name that is not known.
        known: The names that are.
        words: Words around the name that was found, which takes the place of `{}`.
    """
    found = nearest(name, known)
    return words.format(repr(found)) if found is not None else ""


def load_config(model: type[Model], toml: Path | None = None, overrides: list[str] | None = None) -> Model:
    """A validated configuration: defaults, then the TOML file, then the overrides in order.

    Args:
        model: The pydantic model to fill.
        toml: A TOML file, or None for the defaults.
        overrides: Settings as `a.b=value`, the value in TOML syntax; a word that is no TOML value is taken as a string.
    """
    values: dict[str, Any] = read_toml(toml) if toml is not None else {}
    return overridden(model, values, overrides, str(toml) if toml is not None else "configuration")


def overridden(model: type[Model], values: dict[str, Any], overrides: list[str] | None, origin: str) -> Model:
    """The model filled from `values`, over which overrides are laid in order.

    Args:
        model: The pydantic model to fill.
        values: Nested settings, changed in place.
        overrides: Settings as `a.b=value`, the value in TOML syntax; a word that is no TOML value is taken as a string.
        origin: Name of the place that the values come from, for errors.
    """
    parsed = [parse_override(override) for override in overrides or []]
    for path, value in parsed:
        set_at(values, path, value)
    return validate(model, values, origin, [".".join(path) for path, _ in parsed])


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; an error names the file and the line."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such TOML file. Give the path of an existing one.") from error
    except IsADirectoryError as error:
        raise ValueError(f"{path}: is a folder and no TOML file. Give the path of the file.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not valid TOML: no text in UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not valid TOML: {error}. Correct the line it names.") from error


def validate(model: type[Model], values: dict[str, Any], origin: str, given: Collection[str] = ()) -> Model:
    """The model filled from `values`; every wrong key or value is named in one error, on one line.

    A table of settings that is given in part keeps for the rest what the model has there, not what the table's own class has.

    Args:
        model: The pydantic model to fill.
        values: Nested settings.
        origin: Name of the place that the values come from, for the error.
        given: Dotted names of the settings that came by `--set`, which the error says of them.
    """
    try:
        return model.model_validate({name: _laid_over(_default(model.model_fields.get(name)), value) for name, value in values.items()})
    except ValidationError as error:
        problems = "; ".join(_explain(model, problem, given) for problem in error.errors())
        n = error.error_count()
        raise ValueError(f"{origin}: {f'{n} settings are' if n > 1 else '1 setting is'} wrong: {problems}") from error


def dump_toml(config: BaseModel) -> str:
    """The resolved configuration as TOML that `load_config` reads back to the same model; TOML has no word for None, which is left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def changed_settings(before: dict[str, Any], now: dict[str, Any], without_effect: Collection[str] = ()) -> list[str]:
    """Settings that differ, by their full names, each in words: as it was and as it is.

    Args:
        before: Nested settings as they were.
        now: Nested settings as they are.
        without_effect: Full names of settings that may differ.
    """
    then, today = _flat(before), _flat(now)
    said = {
        name: [json.dumps(values[name]) if name in values else "not set" for values in (then, today)]
        for name in sorted(then.keys() | today.keys())
    }
    return [f"{name} was {was}, is {now_is}" for name, (was, now_is) in said.items() if was != now_is and name not in without_effect]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def parse_override(override: str) -> tuple[list[str], Any]:
    """`a.b=value` as a path of keys and a typed value."""
    key, separator, text = override.partition("=")
    if not separator or not all(part.strip() for part in key.split(".")):
        raise ValueError(f"--set {override!r}: expected key=value, for example seed=1 or pairs.fit.epochs=20.")
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


def _default(field: FieldInfo | None) -> Any:
    """The value of a setting when it is not given."""
    return None if field is None or field.is_required() else field.get_default(call_default_factory=True)


def _laid_over(default: Any, given: Any) -> Any:
    """The settings given, completed by those of a default of the same kind."""
    if not isinstance(default, BaseModel) or not isinstance(given, dict):
        return given
    fields = type(default).model_fields
    tags = [name for name, field in fields.items() if name in given and typing.get_origin(field.annotation) is Literal]
    if any(given[name] not in typing.get_args(fields[name].annotation) for name in tags):
        return given
    return default.model_dump() | {name: _laid_over(getattr(default, name, None), value) for name, value in given.items()}


def _explain(model: type[BaseModel], problem: Any, set_names: Collection[str]) -> str:
    """One pydantic error in the words of the configuration: which setting, its value, what to give instead."""
    if not problem["loc"]:  # settings that do not go together
        return str(problem["msg"]).removeprefix("Value error, ")
    *parents, last = problem["loc"]
    if problem["type"] == "extra_forbidden":
        names, models, _ = _place(model, parents)
        known = sorted({name for inner in models for name in inner.model_fields})
        return f"unknown key {'.'.join([*names, last])!r}{nearest_of(last, known, ', nearest {}')} (known: {', '.join(known)})"
    names, models, field = _place(model, [*parents, last])
    if problem["type"] == "missing" and isinstance(last, int):
        names, wanted = names[:-1], f"an entry more: there is no entry {last + 1}"
    else:
        wanted = _wanted(problem, models, field)
    name = ".".join(names)
    by_option = any(f"{name}.".startswith(f"{given}.") or given.startswith(f"{name}.") for given in set_names)
    value = "" if problem["type"] == "missing" and isinstance(last, str) else f" = {_shortened(problem['input'])}"
    optional = ", or leave it out" if field is not None and not field.is_required() else ""
    return f"{'--set ' if by_option else ''}{name}{value}: give {wanted}{optional}"


def _wanted(problem: Any, models: list[type[BaseModel]], field: FieldInfo | None) -> str:
    """Words for the value that a setting must have."""
    kind, told = problem["type"], problem.get("ctx", {})
    if kind.startswith(("greater_than", "less_than")):
        limits = limits_of(field) or told
        plain = {name: f"{limit:g}" if isinstance(limit, float) else str(limit) for name, limit in limits.items()}
        return " and ".join(words.format(plain[name]) for name, words in BOUNDS.items() if name in plain)
    if kind == "literal_error":
        return str(told["expected"])
    if kind.startswith("union_tag"):
        key = told["discriminator"].strip("'")
        tags = sorted({str(tag) for inner in models for tag in typing.get_args(inner.model_fields[key].annotation)})
        return f"{key} with it, one of {', '.join(tags)}"
    if kind in ("too_short", "too_long"):
        return f"{told['min_length']} entries or more" if kind == "too_short" else f"{told['max_length']} entries or fewer"
    if kind == "missing":
        return "a value, it has none"
    return KINDS.get(kind.split("_")[0], f"another value ({str(problem['msg']).removeprefix('Value error, ')})")


def limits_of(field: FieldInfo | None) -> dict[str, Any]:
    """The bounds of a setting, by pydantic's names for them."""
    parts = field.metadata if field is not None else []
    return {name: getattr(part, name) for part in parts for name in BOUNDS if getattr(part, name, None) is not None}


def _place(model: type[BaseModel], location: Iterable[str | int]) -> tuple[list[str], list[type[BaseModel]], FieldInfo | None]:
    """A setting's name as it is written, the models inside it, and its field; tags of unions are no part of a name."""
    names: list[str] = []
    models, field = [model], None
    for part in location:
        owner = next((inner for inner in models if part in inner.model_fields), None)
        tagged = [inner for inner in models if part in tags_of(inner)]
        if owner is not None:
            field = owner.model_fields[str(part)]
            models = models_of(field.annotation)
        elif tagged:
            models = tagged
            continue
        else:  # an entry of a list
            field = None
        names.append(str(part))
    return names, models, field


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation names, through unions and lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_of(inner)]


def tags_of(model: type[BaseModel]) -> set[Any]:
    """The words by which a union knows a model."""
    return {
        tag
        for field in model.model_fields.values()
        if typing.get_origin(field.annotation) is Literal
        for tag in typing.get_args(field.annotation)
    }


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
