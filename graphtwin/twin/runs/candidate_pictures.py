"""Pictures that optimised stimuli are ranked among: of a file, a folder of images or a recording; dead leaves where there are none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.sources import open_recording
from graphtwin.twin.runs.video import read_video

if TYPE_CHECKING:
    from graphtwin.insilico.optimised import Stage

MOST = 5000  # pictures, at most, that are ranked among
DEAD_LEAVES = "dead-leaves"  # the word that asks for our stand-in
log = logging.getLogger("graphtwin")


def candidate_pictures(asked: str | Path, stage: Stage, seed: int = 0) -> Float[np.ndarray, "pictures one height width"]:
    """Grey levels of pictures with contrast, at the pixels of a stage; 5,000 drawn at random where there are more.

    Args:
        asked: A .npy of pictures [pictures rows columns], a folder of images, a recording, whose single frames are taken, or `dead-leaves`.
        stage: Responder, for its pixels, and settings, for the range of grey levels.
        seed: Seed of what is drawn.
    """
    from graphtwin.insilico.optimised import dead_leaves

    if str(asked) == DEAD_LEAVES:
        log.info("%s: %d pictures of dead leaves are ranked among; they stand in for natural pictures.", stage.responder.name, MOST)
        return dead_leaves(stage, MOST, seed)
    path = Path(asked)
    drawn = _frames(path, stage) if _is_recording(path) else _pictures(path, stage, seed)
    flat = drawn.std((1, 2, 3)) <= 1e-6 * stage.budget.grey[1]
    if flat.all():
        raise ValueError(f"{path}: none of its {len(flat)} pictures has contrast. Give pictures that show something.")
    if flat.any():
        log.warning("%s: %d of %d pictures have no contrast and are left out.", path, int(flat.sum()), len(drawn))
    return drawn[~flat]


def _is_recording(path: Path) -> bool:
    """Whether a path is no file or folder of pictures."""
    from graphtwin.insilico.stimuli import has_images

    return path.suffix != ".npy" and not (path.is_dir() and has_images(path))


def _pictures(path: Path, stage: Stage, seed: int) -> Float[np.ndarray, "pictures one height width"]:
    """Pictures of a file or folder, cut and averaged to the pixels of the responder."""
    from graphtwin.insilico.stimuli import NaturalImage, Screen, count_pictures, render_batch

    if path.suffix == ".npy":
        album = read_video(path)
        if album.ndim != 3 or not album.size:
            raise ValueError(f"{path}: an array of shape {album.shape}. Give grey levels [pictures rows columns].")
    count = count_pictures(str(path))
    low, high = stage.config.darkest, stage.config.brightest
    responder = stage.responder
    screen = Screen(*responder.size, responder.monitor, np.nan, (low + high) / 2, (high - low) / 2)
    taken = np.sort(rng_for(seed, "pictures to rank among").permutation(count)[:MOST])
    shown = [NaturalImage(path=str(path), number=int(at), black=low, white=high) for at in taken]
    return np.asarray(render_batch(shown, screen))


def _frames(path: Path, stage: Stage) -> Float[np.ndarray, "pictures one height width"]:
    """Frames of the different stimuli of a recording, as many of each; of pictures, all."""
    try:
        recording = open_recording(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: is no .npy of pictures, no folder of images and no recording that can be read ({error})") from error
    rows = np.flatnonzero(~recording.trials["stimulus"].duplicated())
    of_each = max(1, MOST // len(rows))
    frames = np.concatenate([_spread(recording.open_trial(int(row)).video, of_each) for row in rows[:MOST]])
    size = tuple(stage.responder.size)
    if frames.shape[1:] != size:
        raise ValueError(
            f"{path}: frames of {frames.shape[1]} x {frames.shape[2]} pixels, but {stage.responder.name} sees {size[0]} x {size[1]}. "
            "Give a recording like those it was trained on, or a folder of images, which are brought to its pixels."
        )
    return frames[:, None].astype(np.float32)


def _spread(video: Float[np.ndarray, "frames height width"], count: int) -> Float[np.ndarray, "some height width"]:
    """Some frames of a video, evenly from its first to its last."""
    return video[np.unique(np.linspace(0, len(video) - 1, count).round().astype(int))]
