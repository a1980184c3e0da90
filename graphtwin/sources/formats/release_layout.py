"""What a recording in the layout of a Sensorium release says of itself: its `config.json`, and the layout that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from graphtwin.config import validate
from graphtwin.coordinates import Monitor
from graphtwin.sources.formats.array_files import ArrayFiles

FRAME_RATE_HZ = 30.0  # frames a second of the released videos, to which responses were resampled
RATES = ("frame_rate_hz", "frame_rate", "fps", "sampling_rate_hz", "sampling_rate")  # names of a frame rate, in config.json or of an array
DECLARED = (*RATES, "monitor", "gaze", "behavior", "channel", "links")  # entries of config.json that are read


@dataclass(frozen=True)
class ReleaseLayout:
    """Layout of a recording: what differs between the releases, and what its own files say.

    Attributes:
        stimulus: Folder of the pictures under `data`.
        behaviour: Names of the channels of behaviour, in their order.
        frame_rate_hz: Frames a second of the clips; NaN for single pictures.
        channel: Colour channel that is read; None where none is named.
    """

    stimulus: str
    behaviour: tuple[str, ...]
    frame_rate_hz: float
    channel: int | None = None


LAYOUTS = {
    "static": ReleaseLayout("images", ("pupil_size", "pupil_size_change", "running"), np.nan),
    "dynamic": ReleaseLayout("videos", ("pupil_size", "running"), FRAME_RATE_HZ),
}


def linked(files: ArrayFiles, settings: dict[str, Any]) -> ArrayFiles:
    """The files with the folders that `config.json` links under other names, as neuralpredictors writes them: {"links": {name: folder}}."""
    links = settings.get("links") or {}
    if not isinstance(links, dict):
        raise ValueError(f'{files.path}/config.json: links is {links!r}. It names folders under data, as {{"videos": "movies"}}.')
    stored = dict(files.stored)
    for name, folder in links.items():
        there = files.under(f"data/{folder}")
        if not there:
            raise ValueError(f"{files.path}/config.json: links names data/{folder} as {name}, but no array is there. Copy it again.")
        for here in there:
            stored[f"data/{name}/{PurePosixPath(here).name}"] = files.stored[here]
    return replace(files, stored=stored)


def monitor_in(files: ArrayFiles, settings: dict[str, Any]) -> Monitor:
    """The screen that `config.json` names under `monitor` (width_cm, height_cm, distance_cm); no release does."""
    where, named = f"{files.path}/config.json, monitor", settings.get("monitor") or {}
    if not isinstance(named, dict):
        raise ValueError(f'{where}: is {named!r}. It is written {{"width_cm": 55.2, "height_cm": 31, "distance_cm": 15}}.')
    return validate(Monitor, named, where)


def layout_of(files: ArrayFiles, settings: dict[str, Any]) -> ReleaseLayout:
    """The layout of the release that the recording follows, and what its own files say beyond that."""
    there = [layout for layout in LAYOUTS.values() if files.under(f"data/{layout.stimulus}")]
    if len(there) > 1:
        raise ValueError(
            f"{files.path}: data holds images and videos, of which one would be left out. Give each a folder of its own with its trials."
        )
    found = next(iter(there), None)
    if found is None:
        beside = [path.name for path in files.path.iterdir() if (path / "meta").is_dir()] if files.path.is_dir() else []
        raise FileNotFoundError(
            f"{files.path}: neither data/videos nor data/images is there ({len(files.stored)} arrays). "
            f"Give the folder that holds data/ and meta/{f', as {sorted(beside)[0]} in it does' if beside else ''}."
        )
    rate = found.frame_rate_hz if found.stimulus == "images" else _frame_rate(files, settings)
    behaviour, channel, where = settings.get("behavior"), settings.get("channel"), f"{files.path}/config.json"
    names = tuple(behaviour) if isinstance(behaviour, list) and all(isinstance(name, str) for name in behaviour) else None
    if behaviour is not None and (names is None or len(set(names)) < len(names)):
        raise ValueError(
            f"{where}: behavior is {behaviour!r}. It lists the channels in their order, as {list(found.behaviour)}, or [] for none."
        )
    if channel is not None and (not isinstance(channel, int) or isinstance(channel, bool) or channel < 0):
        raise ValueError(f"{where}: channel is {channel!r}. It is the number of a colour channel, counted from 0.")
    return ReleaseLayout(found.stimulus, found.behaviour if names is None else names, rate, channel)


def _frame_rate(files: ArrayFiles, settings: dict[str, Any]) -> float:
    """Frames a second that the recording's own files name, else those of the release; an error where they name no rate, or several."""
    named = {f"config.json, {name}": [settings[name]] for name in RATES if settings.get(name) is not None}
    for name in files.under("meta"):
        if PurePosixPath(name).stem in RATES:
            named[name] = np.unique(files.numbers(name)).tolist()
    values = [value for several in named.values() for value in several]
    wrong = [value for value in values if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < np.inf]
    if wrong or len({float(value) for value in values}) > 1:
        told = "; ".join(f"{name} {several[:5]}" for name, several in named.items())
        raise ValueError(f"{files.path}: its frame rate is not one number of Hz ({told}). All clips of a recording have one rate: name it.")
    return float(values[0]) if values else FRAME_RATE_HZ
