"""What a responder answers to labelled pictures, shown on its screen; or what a table says that it answered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from graphtwin.config import nearest_of
from graphtwin.coordinates import frames_of
from graphtwin.insilico import Responder, checked, require_pictures_seen
from graphtwin.insilico.responders import levels_of
from graphtwin.robustness.pictures import LabelledPictures
from graphtwin.robustness.settings import RobustConfig
from graphtwin.shapes import Float

PICTURE = "picture"  # column of a table of responses that says which picture was seen
FRAMES_AT_ONCE = 600  # frames that a responder sees at once
log = logging.getLogger("graphtwin")


def shown_responses(
    responders: Sequence[Responder], pictures: Float[np.ndarray, "pictures height width"], config: RobustConfig, progress: bool = False
) -> Float[np.ndarray, "pictures units"]:
    """Mean responses of the units of all responders to pictures, each shown alone in the middle of the screen, black to white.

    A picture is scaled to `height` of the screen, by means of pixels where it becomes smaller and between pixels where it grows; the rest
    of the screen is grey. A responder of movies sees it for `shown_s`.

    Args:
        responders: Responders.
        pictures: Grey levels, black 0, white 1.
        config: Settings.
        progress: Show a bar.

    Raises:
        ValueError: A responder that sees no pictures, or pictures that do not fit its screen.

    Examples:
        >>> graphtwin.robustness.shown_responses([responder], pictures.pictures[:4], config).shape  # pictures x units
        (4, 3)
    """
    return np.concatenate([_shown(checked(each), pictures, config, progress) for each in responders], axis=1)


def _shown(responder: Responder, pictures: np.ndarray, config: RobustConfig, progress: bool) -> np.ndarray:
    """Responses of one responder."""
    from graphtwin.progress import tqdm

    require_pictures_seen(responder, "answers to pictures")
    frames = max(1, frames_of(config.shown_s, responder.frame_rate_hz)) if np.isfinite(responder.frame_rate_hz) else 1
    n, found = max(1, FRAMES_AT_ONCE // frames), []
    for begin in tqdm(range(0, len(pictures), n), desc="pictures", unit="part", disable=not progress, delay=2, leave=False):
        stills = on_screen(responder, pictures[begin : begin + n], config.height)
        answers = responder.respond_clips(np.repeat(stills[:, None], frames, axis=1))
        found.append(answers.mean(1, dtype=np.float64))
    return np.concatenate(found).astype(np.float32)


def on_screen(
    responder: Responder, pictures: Float[np.ndarray, "pictures height width"], height: float
) -> Float[np.ndarray, "pictures rows columns"]:
    """Pictures on the screen of a responder, in its grey levels.

    Args:
        responder: Responder.
        pictures: Grey levels, black 0, white 1.
        height: Height of a picture, as a share of the screen's.

    Examples:
        >>> graphtwin.robustness.on_screen(responder, pictures.pictures[:2], height=1.0).shape
        (2, 16, 24)
    """
    (rows, columns), (low, high) = responder.size, levels_of(responder)
    down, across = responder.monitor.degrees_a_pixel(rows, columns)
    tall = max(1, round(height * rows))
    wide = max(1, round(height * rows * down / across * pictures.shape[2] / pictures.shape[1]))
    if wide > columns:
        tall, wide = max(1, round(tall * columns / wide)), columns
    size = {"size": (tall, wide), "mode": "bilinear", "antialias": True, "align_corners": False}
    scaled = torch.nn.functional.interpolate(torch.from_numpy(pictures)[:, None], **size)[:, 0].numpy()  # type: ignore[arg-type]
    screen = np.full((len(pictures), rows, columns), responder.grey[0], dtype=np.float32)
    top, left = (rows - tall) // 2, (columns - wide) // 2
    screen[:, top : top + tall, left : left + wide] = low + (high - low) * scaled
    return screen


def told_responses(path: Path, data: LabelledPictures) -> Float[np.ndarray, "pictures units"]:
    """Responses of a table, in the order of the pictures.

    Args:
        path: Table of any format that is read, with a column `picture`, the file of a picture below its folder or its number in the source,
            and a column of numbers a unit.
        data: Pictures.

    Raises:
        ValueError: Without the column, with fewer than two units, with pictures named twice, without some of the pictures, or with
            responses that are not finite.

    Examples:
        >>> table = pd.DataFrame({"picture": pictures.keys, "unit 1": 1.0, "unit 2": np.arange(len(pictures.keys))})
        >>> table.to_parquet("responses.parquet")
        >>> graphtwin.robustness.told_responses(Path("responses.parquet"), pictures).shape
        (80, 2)
    """
    from graphtwin.sources.formats import read_file

    table = read_file(path)
    if PICTURE not in table:
        told = nearest_of(PICTURE, list(table.columns))
        raise ValueError(f"{path}: no column {PICTURE!r}{told} among {len(table.columns)}. Name in it which picture each row answers.")
    key = table[PICTURE].astype(str)
    twice = int(key.duplicated().sum())
    if twice:
        raise ValueError(f"{path}: {twice} of {len(table)} rows name a picture again. Give the mean response to each picture, once.")
    units = table.drop(columns=PICTURE)
    other = [str(name) for name, kind in units.dtypes.items() if kind.kind not in "fiu"]
    if other or units.shape[1] < 2:
        raise ValueError(
            f"{path}: {units.shape[1]} columns beside {PICTURE!r}, of which {len(other)} are no numbers ({', '.join(other[:4])}). Give a "
            "column of responses a unit, two units at least."
        )
    place = pd.Series(np.arange(len(key)), index=key)
    lacking = [name for name in data.keys if name not in place.index]
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} of {len(data.keys)} pictures of {data.name}, first {lacking[0]!r}"
            f"{nearest_of(lacking[0], list(key)[:1000])}. Give responses to each picture."
        )
    unread = len(key) - len(data.keys)
    if unread:
        log.info("%s: %d of %d rows are of pictures that are not taken.", path, unread, len(key))
    found = units.to_numpy(np.float64)[place[list(data.keys)].to_numpy()].astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(found).all(1))
    if len(bad):
        raise ValueError(
            f"{path}: NaN or infinite responses to {len(bad)} of {len(found)} pictures, first {data.keys[bad[0]]!r}. Leave out the units "
            "that were not recorded throughout, or take these pictures away."
        )
    return np.asarray(found)
