"""What a twin answers to a video."""

from __future__ import annotations

import tokenize
from pathlib import Path

import numpy as np
from jaxtyping import Float

from graphtwin.parallel import Device, device_of
from graphtwin.twin.runs.twin_folder import load_twin


def predict_video(
    run: str | Path,
    video: Float[np.ndarray, "frames height width"],
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
) -> Float[np.ndarray, "frames units"]:
    """Expected responses, in the units of the recording, of an animal at rest that looks straight ahead.

    Args:
        run: Folder of the twin.
        video: Grey levels as in the recordings; any number of frames.
        animal: Name of the animal; None takes the first of the twin.
        device: Device on which torch computes.
        progress: Show a progress bar.
    """
    from graphtwin.twin.fit import AnimalResponder

    fitted = load_twin(run)
    fitted.twin.to(device_of(device))
    name = animal or next(iter(fitted.animals))
    fitted.twin.animal(name)
    require_video(video, fitted.animals[name].size)
    return AnimalResponder(fitted, name).respond(video, progress)


def read_video(path: str | Path, what: str = "grey levels") -> np.ndarray:
    """The grey levels of a file, read as they are needed; an error in words where it is no file of numbers.

    Args:
        path: File of numbers, .npy.
        what: What its numbers are, for errors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.exists() else 'no such file'}. Give an .npy file of {what}.")
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"{path}: is no .npy file of numbers, or is cut short. Save the {what} with numpy.save.") from error
    if not isinstance(stored, np.ndarray) or stored.dtype.kind not in "biuf":
        raise ValueError(f"{path}: holds {getattr(stored, 'dtype', 'several arrays')}, no numbers. Save the {what} with numpy.save.")
    return stored


def require_video(video: np.ndarray, size: tuple[int, int]) -> None:
    """Raise unless the video has frames of this size with finite grey levels."""
    if video.ndim != 3 or video.shape[1:] != size:
        raise ValueError(f"stimulus: shape {video.shape}, but the twin sees (frames, {size[0]}, {size[1]}). Rescale it first.")
    bad = int((~np.isfinite(video)).any((1, 2)).sum())
    if bad:
        raise ValueError(f"stimulus: {bad} of {len(video)} frames have NaN or infinite grey levels. Cut them off.")
