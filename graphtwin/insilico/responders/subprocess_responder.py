"""A program of somebody else's as a responder: it reads stimuli and writes answers as .npy files in a folder, in whatever language.

The protocol, so that a laboratory can serve a model in MATLAB, Julia or JAX with twenty lines:

1. The program is started once, with the path of an empty folder as its last argument.
2. It writes `responder.json` into the folder: name, units (objects with session, scan_idx, unit_id), frame_rate_hz (null for single
   pictures), size ([height, width], pixels), grey ([mean, standard deviation]); where they apply monitor (width_cm, height_cm,
   distance_cm), signed (true where answers may be below 0) and state_names (channels of behaviour).
3. It waits for `clips_1.npy`: float32, C order, (clips, frames, height, width), grey levels. Where it has state_names, `state_1.npy`
   lies there already: float64 (frames, channels), in its own units, NaN where a channel rests.
4. It writes `rates_1.npy`, floats (clips, frames, units), or `error_1.txt`, words that the user is to read.
5. It waits for `clips_2.npy`, and so on, until a file `stop` appears or the folder is gone; then it ends.

Each file is written under another name, such as `rates_1.npy.part`, and renamed when it is whole: a file with its name is finished.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.config import validate
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.insilico.responders.answers import require_shape
from graphtwin.insilico.responders.responder import Described, State, state_channels
from graphtwin.told import told_by_fields

LONGEST_WAIT_S = 0.02  # seconds between two looks for a file, at most
STOP_S = 5.0  # seconds that a program has to end by itself
EXAMPLE = ["python", "serve.py"]
TOLD = 5  # last lines of what a program said, which an error repeats


class _Unit(BaseModel):
    """A unit in `responder.json`."""

    model_config = ConfigDict(extra="forbid")
    session: int = Field(description="Session of the unit.")
    scan_idx: int = Field(description="Scan of the unit.")
    unit_id: int = Field(description="Number of the unit within its scan.")


class _Description(BaseModel):
    """`responder.json` of the protocol."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, description="Name of whatever answers.")
    units: list[_Unit] = Field(min_length=1, description="Units that answer, in the order of the answers.")
    frame_rate_hz: float | None = Field(gt=0, description="Frames a second; null for single pictures.")
    size: tuple[int, int] = Field(description="Height and width of the videos, pixels.")
    grey: tuple[float, float] = Field(description="Mean and standard deviation of the grey levels that the responder is used to.")
    monitor: Monitor = Field(MINNIE65_MONITOR, description="Screen on which the videos are seen.")
    signed: bool = Field(False, description="Whether answers may be below 0.")
    state_names: tuple[str, ...] = Field((), description="Channels of behaviour.")


class _Program:
    """The program that answers, begun when it is first needed; a copy in another process begins one of its own."""

    def __init__(self, command: tuple[str, ...], limit_s: float) -> None:
        self.command, self.limit_s = command, limit_s
        self.running: subprocess.Popen[bytes] | None = None
        self.asked = 0
        self.one_at_a_time = threading.Lock()

    def __reduce__(self) -> tuple[type[_Program], tuple[tuple[str, ...], float]]:
        return _Program, (self.command, self.limit_s)

    @property
    def said(self) -> str:
        return f"responder program `{' '.join(self.command)}`"

    def start(self) -> None:
        """Begin it in an empty folder, and end it with this process."""
        self.folder = Path(tempfile.mkdtemp(prefix="graphtwin-responder-"))
        try:
            with (self.folder / "log.txt").open("wb") as log:
                self.running = subprocess.Popen([*self.command, str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ValueError(f"{self.said}: cannot be started ({error.strerror}). Give the command as you would type it.") from error
        self.end = weakref.finalize(self, _end, self.running, self.folder)
        self.asked = 0

    def close(self) -> None:
        """End it; the next question begins it again."""
        if self.running is not None:
            self.end()
            self.running = None

    def describe(self) -> _Description:
        """What it says of itself."""
        if self.running is None:
            self.start()
        path = self._wait("responder.json", "what it says of itself")
        try:
            return validate(_Description, _object_in(path), f"{self.said}, responder.json")
        except ValueError:
            self.close()
            raise

    def ask(self, clips: Float[np.ndarray, "clips frames height width"], state: Float[np.ndarray, "frames channels"]) -> np.ndarray:
        """Its answers to some clips; threads that ask at once wait for one another."""
        with self.one_at_a_time:
            return self._asked(clips, state)

    def _asked(self, clips: np.ndarray, state: np.ndarray) -> np.ndarray:
        if self.running is None:
            self.describe()
        self.asked += 1
        if state.shape[1]:
            self._give(f"state_{self.asked}.npy", state)
        self._give(f"clips_{self.asked}.npy", np.ascontiguousarray(clips, dtype=np.float32))
        path = self._wait(f"rates_{self.asked}.npy", f"its answer to {len(clips)} clips of {clips.shape[1]} frames")
        try:
            answers = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(
                f"{self.said}: {path.name} is no .npy file of numbers ({error}). Write it under another name, then rename it."
            ) from error
        for one in self.folder.glob(f"*_{self.asked}.npy"):
            one.unlink()
        return np.asarray(answers)

    def _give(self, name: str, values: np.ndarray) -> None:
        with (self.folder / f"{name}.part").open("wb") as file:
            np.save(file, values)
        os.replace(self.folder / f"{name}.part", self.folder / name)

    def _wait(self, name: str, wanted: str) -> Path:
        """The path of a file, once it is there; an error in words where it does not come."""
        assert self.running is not None
        path, failed = self.folder / name, self.folder / f"error_{self.asked}.txt"
        deadline, pause = time.monotonic() + self.limit_s, 1e-4
        while not path.exists():
            if failed.exists():
                words = failed.read_text(encoding="utf-8", errors="replace").strip()
                failed.unlink()
                raise ValueError(f"{self.said}: says instead of {wanted}: {words}")
            ended = self.running.poll()
            if ended is not None and not path.exists():
                told = self._last_words()
                self.close()
                raise ValueError(f"{self.said}: ended with status {ended} before {wanted} ({name}) was there. {told}")
            if time.monotonic() > deadline:
                told = self._last_words()
                self.close()
                raise TimeoutError(
                    f"{self.said}: {self.limit_s:g} s went by without {wanted} ({name}); it was stopped. {told} Give it longer."
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT_S)
        return path

    def _last_words(self) -> str:
        lines = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-TOLD:]
        return f"Its last words: {' | '.join(lines)}" if lines else "It said nothing."


def _object_in(path: Path) -> dict[str, Any]:
    """The object in a file of JSON."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: no JSON ({error}). Write it under another name and rename it when it is whole.") from error
    if not isinstance(values, dict):
        raise ValueError(f'{path.name}: holds a {type(values).__name__}, not an object such as {{"name": ...}}. See the protocol.')
    return values


def _end(running: subprocess.Popen[bytes], folder: Path) -> None:
    """Ask a program to end, and see to it that it does; then remove its folder."""
    if running.poll() is None:
        (folder / "stop").touch()
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    shutil.rmtree(folder, ignore_errors=True)


@told_by_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class SubprocessResponder(Described):
    """A program that answers through files, as this module's protocol says; it ends with the responder, or at `close`.

    Examples:
        >>> import sys
        >>> graphtwin.insilico.SubprocessResponder.started([sys.executable, "-c", "raise SystemExit('no model')"], limit_s=20.0)
        Traceback (most recent call last):
            ...
        ValueError: responder program `...`: ended with status 1 before what it says of itself (responder.json) was there. ...
    """

    program: _Program = field(repr=False)

    @classmethod
    def started(cls, command: Sequence[str], limit_s: float = 600.0) -> SubprocessResponder:
        """Start a program and read what it says of itself.

        Args:
            command: Program and its arguments; the path of a folder is added to them.
            limit_s: Seconds within which the program must begin, and within which it must answer each time.
        """
        if isinstance(command, str) or not command:
            raise ValueError(f"responder program {command!r}: no list of words. Give the program and its arguments, as {EXAMPLE}.")
        program = _Program(tuple(command), limit_s)
        told = program.describe()
        units = pd.DataFrame([unit.model_dump() for unit in told.units])
        rate = np.nan if told.frame_rate_hz is None else told.frame_rate_hz
        stated = {name: getattr(told, name) for name in ("name", "size", "grey", "monitor", "signed", "state_names")}
        return cls(units=units, frame_rate_hz=rate, program=program, **stated)

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video, which the program sees in one piece."""
        return np.asarray(self.respond_clips(video[None], state)[0])

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """See `Responder.respond_clips`."""
        answers = self.program.ask(clips, state_channels(self, state, clips.shape[1]))
        require_shape(self, answers.shape, *clips.shape[:2])
        return answers

    def close(self) -> None:
        """End the program; a later question begins it again."""
        self.program.close()
