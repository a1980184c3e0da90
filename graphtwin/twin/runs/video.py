"""What a twin answers to a video."""

from __future__ import annotations

import json
import tokenize
from pathlib import Path

import numpy as np

from graphtwin import artifacts
from graphtwin.parallel import Device
from graphtwin.schema import TWIN, TWIN_CORE
from graphtwin.twin.runs.twin_folder import load_twin


def write_prediction(
    run: str | Path,
    stimulus: Path,
    out: Path,
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
    force: bool = False,
) -> tuple[int, int]:
    """Write what a twin answers to a video, and beside it whose answers they are; returns the numbers of frames and units.

    Args:
        run: Folder of the twin.
        stimulus: File of grey levels, .npy (frames, height, width).
        out: File `X.npy`, (frames, units); `X.npy.made.json` gets the fingerprints of the twin, the animal and the provenance.
        animal: Name of the animal; None takes the first of the twin.
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Whether these files may be replaced where they are there.
    """
    from graphtwin.twin.fitting import stamps

    artifacts.require_new(out, artifacts.ARRAYS, force, (stimulus,))
    artifacts.require_new(made_of(out), (".json",), force)
    fitted, video = load_twin(run), read_video(stimulus)
    name = animal or next(iter(fitted.animals))
    responses = fitted.predict(video, name, device, progress)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # under exactly this name
            np.save(file, responses)

    artifacts.write_atomic(out, write)
    told = stamps(fitted) | {"animal": name, "sha256": artifacts.sha256(out)}
    artifacts.write_json(artifacts.provenance(0, {str(stimulus): artifacts.sha256(stimulus)}) | told, made_of(out))
    return responses.shape


def made_of(predictions: Path) -> Path:
    """The file beside an array of predictions that says which twin made it."""
    return predictions.with_name(f"{predictions.name}.made.json")


def stamps_beside(predictions: Path, animal: str) -> dict[str, str]:
    """Fingerprints of the twin that made an array of predictions; nothing where no file beside it says so, as of somebody else's model.

    Args:
        predictions: File of predictions, .npy.
        animal: Name of the recording that they are to be of.

    Raises:
        ValueError: They are of another animal, or were changed since they were written.
    """
    path = made_of(predictions)
    if not path.is_file():
        return {}
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        told, of, was = {name: str(made[name]) for name in (TWIN, TWIN_CORE)}, made["animal"], made["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: does not say which twin made {predictions.name} ({error!r}). Predict again, or remove it.") from error
    if of != animal:
        raise ValueError(f"{predictions}: predictions of {of} by twin {told[TWIN]}, but the recording is {animal}. Give its own.")
    if was != artifacts.sha256(predictions):
        raise ValueError(
            f"{predictions}: is not as twin {told[TWIN]} predicted it ({path.name}). Predict again, or remove {path.name} if the change is "
            "meant: the predictions then count as those of a model without a name."
        )
    return told


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
