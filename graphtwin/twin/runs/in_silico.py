"""What a fitted twin knows of its units, as one table: embeddings, tuning, and responses to a fixed set of clips."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.schema import NEURON, UNIT_KEY
from graphtwin.sources import open_recording
from graphtwin.sources.formats import open_stimulus
from graphtwin.twin.runs.twin_folder import load_twin
from graphtwin.twin.runs.video import read_video

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.sources.formats import Recording
    from graphtwin.twin.fitting import FittedTwin

MOST_CLIPS = 40  # clips of a recording, at most, that are a stimulus
RESPONSES = "in_silico_resp"  # column of responses, as the published neuron table calls it
log = logging.getLogger("graphtwin")


def embed_twin(run: str | Path | FittedTwin, stimulus: Path | None = None, progress: bool = False) -> pd.DataFrame:
    """The embeddings table of all animals of a twin, as `graphtwin run --embeddings` and `like-to-like --embeddings` take it.

    Tuning to drifting gratings stands beside the embedding where the twin was trained on videos, and the responses to a set of clips
    (`in_silico_resp`, a vector a unit) where one is given. `twin` and `twin_core` are the fingerprints of the twin and its core.

    Args:
        run: Folder of the twin, or the twin.
        stimulus: Clips that are shown, or a recording that has them, see `stimulus_clips`; None leaves responses out.
        progress: Show progress bars.

    Examples:
        >>> graphtwin.twin.embed(twin).filter(like="embedding_").shape  # units x features
        (5, 8)
    """
    from graphtwin.insilico import TUNING, measure_tuning
    from graphtwin.twin.fitting import embed_units, responders, stamps

    fitted = load_twin(run) if isinstance(run, (str, Path)) else run
    table = embed_units(fitted).assign(**stamps(fitted))
    of_pictures = [name for name, seen in fitted.animals.items() if not np.isfinite(seen.frame_rate_hz)]
    if of_pictures:
        told = ", ".join(of_pictures), len(fitted.animals)
        log.warning("tuning is left out of the table: %s of %d animals saw single pictures, in which nothing drifts.", *told)
    else:
        table = table.merge(
            measure_tuning(responders(fitted), progress=progress)[[*UNIT_KEY, "animal", *TUNING]], on=[*UNIT_KEY, "animal"], validate="1:1"
        )
    if stimulus is not None:
        table[RESPONSES] = list(respond_to(fitted, stimulus, progress))
    return table


def respond_to(fitted: FittedTwin, stimulus: Path, progress: bool = False) -> Float[np.ndarray, "units bins"]:
    """Responses of all units of a twin, animal after animal, to the same clips."""
    from graphtwin.insilico import clip_responses
    from graphtwin.twin.fitting import responders

    parts = []
    for animal in responders(fitted):
        clips = stimulus_clips(animal, stimulus, fitted.animals[animal.name].frame_rate_hz)
        parts.append(clip_responses(animal, clips, progress=progress))
    return np.concatenate(parts)


def stimulus_clips(
    responder: Responder, stimulus: Path, recorded_hz: float | None = None
) -> Iterator[Float[np.ndarray, "frames height width"]]:
    """The clips of a stimulus, one in memory at a time.

    Args:
        responder: Responder whose size and frame rate the clips must have.
        stimulus: File of grey levels, .npy (frames, height, width) or (clips, frames, height, width), whose frames are taken to be at the
            responder's rate, since nothing says theirs; or a recording, whose first 40 different clips are taken, whatever their tier. Of a
            circuit whose senses have no places a file of trials, .h5, whose first 40 trials are taken.
        recorded_hz: Frames a second of the recordings that the responder was trained on, where it sees them resampled.
    """
    from graphtwin.insilico import inputs_of
    from graphtwin.twin.fitting import require_video

    size = responder.size
    if not np.isfinite(responder.frame_rate_hz):
        raise ValueError(f"{responder.name}: the twin was trained on single pictures, which are no clips. Give a twin of videos.")
    if stimulus.suffix == ".h5" and inputs_of(responder):
        yield from _trial_clips(responder, stimulus)
        return
    if stimulus.suffix == ".h5" and NEURON in responder.units:
        raise ValueError(
            f"{stimulus}: is no picture, and senses of {responder.name} with places see pictures. Leave the places out to show trials, or "
            "give frames (.npy)."
        )
    if stimulus.suffix == ".npy":
        stored = read_video(stimulus)
        for number, clip in enumerate(stored if stored.ndim == 4 else [stored]):
            require_video(clip, size, f"{stimulus}, clip {number}" if stored.ndim == 4 else str(stimulus))
            yield clip
        return
    recording = open_recording(stimulus)
    require_rate(stimulus, recording, responder, recorded_hz or responder.frame_rate_hz)
    for row in np.flatnonzero(~recording.trials["stimulus"].duplicated())[:MOST_CLIPS]:
        clip = recorded_clip(recording, int(row), responder.frame_rate_hz)
        require_video(clip, size, f"{stimulus}, trial {recording.trials['trial'].iloc[row]}")
        yield clip


def _trial_clips(responder: Responder, stimulus: Path) -> Iterator[Float[np.ndarray, "frames one inputs"]]:
    """What goes into the inputs of a circuit in the trials of a file; an input that the file does not have stays at rest."""
    from graphtwin.insilico import inputs_of
    from graphtwin.twin.data import SAME_RATE

    inputs = inputs_of(responder)
    with open_stimulus(stimulus) as given:
        if abs(given.dt_s * responder.frame_rate_hz - 1) > SAME_RATE:
            told = f"{given.dt_s:g} s, but {responder.name} was fitted on steps of {1 / responder.frame_rate_hz:g} s"
            raise ValueError(f"{stimulus}: steps of {told}. Sample the stimulus anew.")
        column = {name: at for at, name in enumerate(given.stimulated)}
        known = [name in column for name in inputs]
        if not any(known):
            raise ValueError(f"{stimulus}: stimulates none of the {len(inputs)} inputs of {responder.name} (first {inputs[0]!r}).")
        if len(column) > sum(known):
            counts = stimulus, len(column) - sum(known), len(column), responder.name
            log.info("%s: %d of %d stimulated neurons are no input of %s: what goes into them is left out.", *counts)
        for trial in range(min(len(given.names), MOST_CLIPS)):
            clip = np.full((given.values.shape[1], len(inputs)), responder.grey[0], dtype=np.float32)
            clip[:, known] = np.asarray(given.values[trial])[:, [column[name] for name in inputs if name in column]]
            yield clip[:, None]


def require_rate(stimulus: Path, recording: Recording, responder: Responder, recorded_hz: float) -> None:
    """Raise where a recording shows pictures to a responder of clips or clips to one of pictures, or at a rate that it was not trained on.

    Args:
        stimulus: Place of the recording, for errors.
        recording: Recording whose stimuli are to be shown.
        responder: Responder that they are shown to.
        recorded_hz: Frames a second of the recordings that the responder was trained on, which it may see resampled.
    """
    from graphtwin.twin.data import SAME_RATE

    rate, recorded = responder.frame_rate_hz, recording.frame_rate_hz
    if np.isfinite(recorded) and not np.isfinite(rate):
        raise ValueError(f"{stimulus}: shows clips, but {responder.name} was trained on single pictures. Give a recording of pictures.")
    if np.isfinite(rate) and not np.isfinite(recorded):
        raise ValueError(f"{stimulus}: shows single pictures; {responder.name} needs clips. Give a recording of videos, or an .npy.")
    if np.isfinite(rate) and min(abs(recorded / known - 1) for known in (rate, recorded_hz)) > SAME_RATE:
        raise ValueError(
            f"{stimulus}: has {recorded:.4g} frames a second, but {responder.name} was trained on {recorded_hz:.4g}. Resample "
            "its clips and give them as .npy."
        )


def recorded_clip(recording: Recording, row: int, rate_hz: float) -> Float[np.ndarray, "frames height width"]:
    """The video of a trial at the rate of a twin, resampled as is done where one is trained; a single picture is one frame.

    Args:
        recording: Recording with the trial.
        row: Row of `recording.trials`.
        rate_hz: Frames a second that the twin sees; NaN for one of single pictures.
    """
    from graphtwin.twin.data import SAME_RATE

    video, recorded = recording.open_trial(row).video, recording.frame_rate_hz
    if not np.isfinite(rate_hz) or abs(recorded / rate_hz - 1) <= SAME_RATE:
        return video
    return np.asarray(video[(np.arange(int(len(video) * rate_hz / recorded)) * recorded / rate_hz).astype(int)])
