"""What a fitted twin knows of its units, as one table: embeddings, tuning, and responses to a fixed set of clips."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.schema import UNIT_KEY
from graphtwin.sources import open_recording
from graphtwin.twin.runs.twin_folder import load_twin
from graphtwin.twin.runs.video import read_video, require_video

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.twin.fit import FittedTwin

MOST_CLIPS = 40  # clips of a recording, at most, that are a stimulus
RESPONSES = "in_silico_resp"  # column of responses, as the published neuron table calls it
log = logging.getLogger("graphtwin")


def embed_twin(run: str | Path, stimulus: Path | None = None, progress: bool = False) -> pd.DataFrame:
    """The embeddings table of all animals of a twin, as `graphtwin run --embeddings` and `like-to-like --embeddings` take it.

    Tuning to drifting gratings stands beside the embedding where the twin was trained on videos, and the responses to a set of clips
    (`in_silico_resp`, a vector a unit) where one is given. `twin` and `twin_core` are the fingerprints of the twin and its core.

    Args:
        run: Folder of the twin.
        stimulus: Clips that are shown, or a recording that has them, see `stimulus_clips`; None leaves responses out.
        progress: Show progress bars.
    """
    from graphtwin.insilico import TUNING, measure_tuning
    from graphtwin.twin.fit import embed_units, responders, stamps

    fitted = load_twin(run)
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
    from graphtwin.twin.fit import responders

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
            responder's rate, since nothing says theirs; or a recording, whose first 40 different clips are taken, whatever their tier.
        recorded_hz: Frames a second of the recordings that the responder was trained on, where it sees them resampled.
    """
    from graphtwin.twin.data import SAME_RATE

    size = responder.size
    if not np.isfinite(responder.frame_rate_hz):
        raise ValueError(f"{responder.name}: the twin was trained on single pictures, which are no clips. Give a twin of videos.")
    if stimulus.suffix == ".npy":
        stored = read_video(stimulus)
        for clip in stored if stored.ndim == 4 else [stored]:
            require_video(clip, size)
            yield clip
        return
    recording = open_recording(stimulus)
    rate, recorded = responder.frame_rate_hz, recording.frame_rate_hz
    if not np.isfinite(recorded):
        raise ValueError(f"{stimulus}: shows single pictures; signal correlations need clips. Give a recording of videos, or an .npy.")
    if min(abs(recorded / known - 1) for known in (rate, recorded_hz or rate)) > SAME_RATE:
        raise ValueError(
            f"{stimulus}: has {recorded:.4g} frames a second, but {responder.name} was trained on {recorded_hz or rate:.4g}. Resample "
            "its clips and give them as .npy."
        )
    as_it_is = abs(recorded / rate - 1) <= SAME_RATE  # else the twin was trained on such recordings, resampled as is done here
    for row in np.flatnonzero(~recording.trials["stimulus"].duplicated())[:MOST_CLIPS]:
        video = recording.open_trial(int(row)).video
        clip = video if as_it_is else video[(np.arange(int(len(video) * rate / recorded)) * recorded / rate).astype(int)]
        require_video(clip, size)
        yield clip
