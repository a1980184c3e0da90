"""The command line of settings: graphtwin settings."""

from __future__ import annotations

import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from graphtwin.cli.refusals import words

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

app = typer.Typer(rich_markup_mode="rich")

# Where the model of each command's settings is, and which command takes them.
COMMANDS = {
    "run": ("graphtwin.graph.settings:Settings", "graphtwin run"),
    "twin": ("graphtwin.twin.fitting.foundation:FoundationConfig", "graphtwin twin train"),
    "population": ("graphtwin.twin.population.recorded:RecordedPopulationConfig", "graphtwin twin population"),
    "like-to-like": ("graphtwin.pipeline.pairs.like_to_like:LikeToLikeConfig", "graphtwin like-to-like"),
    "power": ("graphtwin.pipeline.power_question:PowerConfig", "graphtwin power"),
    "types": ("graphtwin.clusters:TypesConfig", "graphtwin types"),
    "simulate": ("graphtwin.synthetic.steps:SimulateConfig", "graphtwin simulate"),
    "loop": ("graphtwin.synthetic.loop:LoopConfig", "graphtwin motor simulate"),
    "fly": ("graphtwin.synthetic.fly:FlyConfig", "graphtwin motor simulate --circuit fly"),
    "motor": ("graphtwin.pipeline.motor:MotorRunConfig", "graphtwin motor fit"),
    "robust": ("graphtwin.robustness:RobustConfig", "graphtwin robust train"),
    "viewing": ("graphtwin.synthetic.viewing:ViewingConfig", "graphtwin twin simulate"),
    "shortcut": ("graphtwin.synthetic.shortcut:ShortcutConfig", "graphtwin robust simulate"),
}
WIDTH = 80  # columns of characters on the narrowest terminal in use
ABSENT, REQUIRED = "(absent)", "(required)"  # words in place of a default; no TOML value is written so
EXAMPLES = """[bold]Examples[/bold]

graphtwin settings

graphtwin settings run

graphtwin run --set permutations=20 --set pairs.fit.epochs=20
"""


@dataclass(frozen=True)
class Setting:
    """One setting of a command.

    Attributes:
        name: Dotted name, as `--set` takes it.
        default: Default in TOML syntax, or `ABSENT`, or `REQUIRED`.
        limits: Values that may be given, in words.
        meaning: Sentence that says what the setting means.
        needs: Another setting that must be given with this one, such as `twin.core.kind="dense_lstm"`; empty for most.
    """

    name: str
    default: str
    limits: str
    meaning: str
    needs: str = ""

    def lines(self) -> list[str]:
        """The setting as it is printed: name, default and limits, and below them what it means."""
        allowed = "; ".join(part for part in (self.limits, f"with {self.needs}" if self.needs else "") if part)
        head = f"{self.name} = {self.default}" + (f"  ({allowed})" if allowed else "")
        wrapped = textwrap.wrap(head, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        return [*wrapped, *textwrap.wrap(self.meaning, WIDTH, initial_indent="    ", subsequent_indent="    ")]


@app.command("settings", epilog=EXAMPLES)
def _settings(
    command: Annotated[
        Literal[
            "run",
            "twin",
            "population",
            "like-to-like",
            "power",
            "types",
            "simulate",
            "loop",
            "fly",
            "motor",
            "robust",
            "shortcut",
            "viewing",
        ]
        | None,
        typer.Argument(help="Command whose settings are printed (default: the commands that have any)."),
    ] = None,
) -> None:
    """Print what `--set` may change: name, default, limits and meaning of each setting."""
    with words():
        if command is None:
            for name, (_, taken_by) in COMMANDS.items():
                typer.echo(f"graphtwin settings {name:<13} what `{taken_by} --set KEY=VALUE` may change")
            return
        model, (_, taken_by) = model_of(command), COMMANDS[command]
        typer.echo(f"Settings of `{taken_by} --set KEY=VALUE`\n")
        for setting in settings_of(model):
            typer.echo("\n".join(setting.lines()))


def model_of(command: str) -> type[BaseModel]:
    """The pydantic model of a command's settings; what it needs is loaded now and not before."""
    module, name = COMMANDS[command][0].split(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def settings_of(model: type[BaseModel], default: BaseModel | None = None, prefix: str = "", needs: str = "") -> Iterator[Setting]:
    """All settings of a model and of the models inside it, in order.

    Args:
        model: Model whose settings are listed.
        default: Values of the settings when they are not given; the model's own defaults otherwise.
        prefix: Beginning of the dotted names.
        needs: Another setting that must be given with these; empty for none.
    """
    from pydantic import BaseModel

    from graphtwin.config import models_of

    for name, field in model.model_fields.items():
        value = _default_of(field) if default is None else getattr(default, name)
        if isinstance(value, BaseModel):
            yield from _inner(field, value, f"{prefix}{name}.", needs)
        else:
            required = default is None and field.is_required()
            shown = REQUIRED if required else ABSENT if value is None else _toml(value)
            yield Setting(f"{prefix}{name}", shown, _limits(field), field.description or "", needs)
            for inner in models_of(field.annotation):
                for setting in settings_of(inner, None, f"{prefix}{name}.", needs):
                    yield replace(setting, limits=f"{setting.limits}; once {prefix}{name} is given")


def _inner(field: FieldInfo, value: BaseModel, prefix: str, needs: str) -> Iterator[Setting]:
    """The settings of a field that is a model, or one of several, of which the default comes first."""
    from graphtwin.config import models_of, tags_of

    kind, choices = f"{prefix}{field.discriminator}", models_of(field.annotation)
    tags = " | ".join(str(tag) for model in choices for tag in sorted(tags_of(model)))
    for setting in settings_of(type(value), value, prefix, needs):
        yield replace(setting, limits=tags) if setting.name == kind else setting
    for other in choices:
        if not isinstance(value, other):
            needed = f'{kind}="{other.model_fields[str(field.discriminator)].get_default()}"'
            yield from (setting for setting in settings_of(other, None, prefix, needed) if setting.name != kind)


def _default_of(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _toml(value: Any) -> str:
    """A value in the syntax that `--set` reads."""
    import tomli_w

    plain = list(value) if isinstance(value, tuple) else value if isinstance(value, bool | int | float | str | list | dict) else str(value)
    text = tomli_w.dumps({"value": plain}).removeprefix("value = ")
    return " ".join(text.split()).replace("[ ", "[").replace(", ]", "]")


def _limits(field: FieldInfo) -> str:
    """Values that may be given, in words: the words of a choice, or the bounds of a number; nothing where all is allowed."""
    from graphtwin.config import BOUNDS, limits_of

    chosen = [part for part in (field.annotation, *typing.get_args(field.annotation)) if typing.get_origin(part) is Literal]
    if chosen:
        return " | ".join(map(str, typing.get_args(chosen[0])))
    limits = limits_of(field)
    return " and ".join(text.format(f"{limits[name]:g}") for name, text in BOUNDS.items() if name in limits)
