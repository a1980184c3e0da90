"""Stimuli that could be shown next: those of a recording, of a file of stimuli or of a campaign, or clips of grey levels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.sources import open_recording
from graphtwin.twin.runs.in_silico import recorded_clip, require_rate
from graphtwin.twin.runs.video import read_video

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.insilico.stimuli import Stimulus
    from graphtwin.sources.formats import Recording

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Candidates:
    """Stimuli that could be shown.

    Attributes:
        table: A row a stimulus: candidate (its number in the file, `trial` of a recording), stimulus (its kind, or name in the recording),
            duration_s (NaN for single pictures).
        source: Recording, array of clips or list of stimuli that `table` numbers.
        rows: Number of each stimulus in `source`.
        responder: Responder that they are drawn for.
        origin: File or folder that they are from, for errors.
    """

    table: pd.DataFrame
    source: Recording | np.ndarray | list[Stimulus]
    rows: list[int]
    responder: Responder
    origin: Path

    def clips(self) -> Iterator[Float[np.ndarray, "frames height width"]]:
        """Grey levels of each stimulus, one in memory at a time; an error where a clip is of another size."""
        from graphtwin.insilico.measurements import screen_of
        from graphtwin.insilico.stimuli import render_batch
        from graphtwin.twin.fitting import require_video

        for row, number in zip(self.rows, self.table["candidate"], strict=True):
            if isinstance(self.source, np.ndarray):
                clip = np.array(self.source[row], dtype=np.float32)
            elif isinstance(self.source, list):
                clip = np.asarray(render_batch([self.source[row]], screen_of(self.responder)).cpu())[0]
            else:
                clip = np.array(recorded_clip(self.source, row, self.responder.frame_rate_hz), dtype=np.float32)
            require_video(clip, self.responder.size, f"{self.origin}, number {number}")
            yield clip

    def toml(self, order: np.ndarray) -> str | None:
        """Chosen stimuli as TOML, where they are parameters and not grey levels."""
        from graphtwin.insilico.stimuli import to_toml

        return to_toml([self.source[self.rows[at]] for at in order]) if isinstance(self.source, list) else None


def read_candidates(path: str | Path, responder: Responder, recorded_hz: float, trained: frozenset[str], repeats: bool) -> Candidates:
    """Stimuli of a file or recording.

    Args:
        path: TOML of stimuli, or of a campaign; .npy of clips (clips, frames, height, width), or of pictures (pictures, height, width) for
            a twin of single pictures; or a recording, each of whose stimuli is one.
        responder: Responder that they are for.
        recorded_hz: Frames a second of the recordings that the responder was trained on.
        trained: Stimuli that it was trained on, which are left out of a recording.
        repeats: Whether stimuli that it was trained on stay in.
    """
    path = Path(path)
    rate = responder.frame_rate_hz
    if path.suffix == ".toml":
        drawn = _of_toml(path)
        _require_shown(path, drawn, responder)
        lasts = [one.duration_s if np.isfinite(rate) else np.nan for one in drawn]
        return _named(path, drawn, list(range(len(drawn))), [str(one.kind) for one in drawn], lasts, responder)
    if path.suffix == ".npy":
        stored = read_video(path)
        stored = stored[:, None] if stored.ndim == 3 and not np.isfinite(rate) else stored
        if stored.ndim != 4:
            raise ValueError(
                f"{path}: shape {stored.shape}. Give clips (clips, frames, height, width), or pictures for a twin of pictures."
            )
        return _named(path, stored, list(range(len(stored))), ["clip"] * len(stored), [stored.shape[1] / rate] * len(stored), responder)
    recording = open_recording(path)
    require_rate(path, recording, responder, recorded_hz)
    shown = recording.trials["stimulus"].astype(str)
    first = np.flatnonzero(~shown.duplicated())
    new = first if repeats else first[~shown.iloc[first].isin(trained).to_numpy()]
    if len(new) < len(first):
        log.info("%s: %d of %d stimuli were trained on and are left out (--repeats keeps them).", path, len(first) - len(new), len(first))
    rows = [int(row) for row in new]
    lasts = list(recording.trials["n_frames"].iloc[rows] / recording.frame_rate_hz)
    found = _named(path, recording, rows, list(shown.iloc[rows]), lasts, responder)
    return Candidates(found.table.assign(candidate=recording.trials["trial"].iloc[rows].to_numpy()), recording, rows, responder, path)


def _of_toml(path: Path) -> list[Stimulus]:
    """Stimuli of a TOML: tables [[stimulus]], or the [[stimuli]] of a campaign."""
    from graphtwin.config import read_toml
    from graphtwin.insilico.campaign import read_campaign
    from graphtwin.insilico.stimuli import from_toml

    if "stimuli" in read_toml(path):
        return read_campaign(path).shown()
    return from_toml(path.read_text(encoding="utf-8"), str(path))


def _require_shown(path: Path, drawn: list[Stimulus], responder: Responder) -> None:
    """Raise where the screen of the responder cannot show one of the stimuli."""
    from graphtwin.insilico.measurements import screen_of

    screen = screen_of(responder)
    for number, stimulus in enumerate(drawn):
        try:
            stimulus.check(screen)
        except ValueError as error:
            raise ValueError(f"{path}: stimulus {number} of {len(drawn)} to {responder.name}: {error}") from error


def _named(path: Path, source: object, rows: list[int], names: list[str], lasts: list[float], responder: Responder) -> Candidates:
    if not rows:
        raise ValueError(f"{path}: holds no stimulus that could be shown next. Give others, or --repeats for those that were shown before.")
    table = pd.DataFrame({"candidate": rows, "stimulus": names, "duration_s": lasts})
    return Candidates(table, source, rows, responder, path)  # type: ignore[arg-type]
