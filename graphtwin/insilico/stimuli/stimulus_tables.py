"""Stimuli as TOML, one table each, and series of them: every combination of some values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np
import tomli_w

from graphtwin.insilico.stimuli.stimulus import Stimulus, stimulus_of

Some = TypeVar("Some", bound=Stimulus)


def to_toml(stimuli: Iterable[Stimulus]) -> str:
    """TOML that `from_toml` reads back to equal stimuli.

    Args:
        stimuli: Stimuli of any kinds.
    """
    return tomli_w.dumps({"stimulus": [stimulus.model_dump(mode="json") for stimulus in stimuli]})


def from_toml(text: str, origin: str = "stimuli") -> list[Stimulus]:
    """Stimuli that a TOML text describes, in its order.

    Args:
        text: Tables `[[stimulus]]`, each with a `kind` and its parameters. A table `series` within one names lists of values: it stands
            for every combination of them.
        origin: Name of the file, for errors.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{origin}: not valid TOML: {error}. Correct the line it names.") from error
    unknown = [name for name in values if name != "stimulus"]
    tables = values.get("stimulus", [])
    if unknown or not isinstance(tables, list) or not tables:
        said = f"unknown key {unknown[0]!r}" if unknown else "no table [[stimulus]]"
        raise ValueError(f"{origin}: {said}. Give one table [[stimulus]] a stimulus, and nothing else.")
    return stimuli_of(tables, origin)


def stimuli_of(tables: Sequence[Mapping[str, Any]], origin: str = "stimuli") -> list[Stimulus]:
    """Stimuli of tables of parameters, as `from_toml` takes them.

    Args:
        tables: Parameters of each, with its `kind`, and lists of values in `series` where it stands for several.
        origin: Name of the place that the tables come from, for errors.
    """
    found: list[Stimulus] = []
    for number, table in enumerate(tables, 1):
        named = f"{origin}: stimulus {number}"
        base = stimulus_of({name: value for name, value in table.items() if name != "series"}, named)
        varied = table.get("series", {})
        if not isinstance(varied, Mapping):
            raise ValueError(f"{named}: series = {varied!r} names no parameter. Give a table of lists, as {{contrast = [0.1, 1.0]}}.")
        found += series(base, **varied) if varied else [base]
    return found


def series(base: Some, /, **values: Any) -> list[Some]:
    """A stimulus at every combination of some values of its parameters; the last parameter changes fastest.

    Args:
        base: Stimulus that has all other parameters.
        values: Lists of values by parameter; one of a part within is named with dots, as `**{"part.contrast": [0.1, 1.0]}`.
    """
    values = {name: choices.tolist() if isinstance(choices, np.ndarray) else choices for name, choices in values.items()}
    empty = [name for name, choices in values.items() if not isinstance(choices, list | tuple | range) or not choices]
    if empty:
        raise ValueError(f"series of {base.kind}: {', '.join(empty)}: no list of values. Give one value at least.")
    found = []
    for chosen in product(*values.values()):
        parameters = base.model_dump()
        for name, value in zip(values, chosen, strict=True):
            _set_within(parameters, name, value, base)
        found.append(stimulus_of(parameters, "series"))
    return found  # type: ignore[return-value]


def _set_within(parameters: dict[str, Any], name: str, value: Any, base: Stimulus) -> None:
    """Write a parameter, of a part by dots; what is no part has no parameters."""
    *parts, last = name.split(".")
    for depth, part in enumerate(parts, 1):
        parameters = parameters.setdefault(part, {})
        if not isinstance(parameters, dict):
            raise ValueError(f"series of {base.kind}: {name}: {'.'.join(parts[:depth])} is no part with parameters. Name a parameter.")
    parameters[last] = value
