"""Motor output that was measured after lesions, in .npz: what was removed, what went in, what came out with and without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphtwin.shapes import Bool, Float

ARRAYS = ("names", "neurons", "removed", "stimulus", "outputs", "intact", "open_loop")
BETWEEN = "between"  # array that files of lesions made before the trials have too


@dataclass(frozen=True)
class LesionArrays:
    """The content of a file of lesions, under the names of neurons.

    Attributes:
        origin: Path of the file.
        names: Name of each lesion.
        neurons: Names of the neurons that columns are of.
        removed: Which neurons each lesion removed.
        stimulus: Input of the neurons, the same with and without.
        outputs: Names of the outputs.
        intact: Motor output of the whole animal.
        lesioned: Motor output after each lesion.
        between: Input of the neurons between the lesion and the first step, the same for all trials; None where neurons were silenced at
            the first step.
    """

    origin: str
    names: tuple[str, ...]
    neurons: tuple[str, ...]
    removed: Bool[np.ndarray, "lesions neurons"]
    stimulus: Float[np.ndarray, "trials steps neurons"]
    outputs: tuple[str, ...]
    intact: Float[np.ndarray, "trials steps outputs"]
    lesioned: Float[np.ndarray, "lesions trials steps outputs"]
    between: Float[np.ndarray, "steps_before neurons"] | None = None


def read_lesions(path: str | Path) -> LesionArrays:
    """The lesions of a file; nothing in it is run.

    Args:
        path: `.npz` with `names` of lesions, `neurons` (names), `removed` (lesions x neurons), `stimulus` (trials x steps x neurons),
            `outputs` (names), `intact` (trials x steps x outputs) and `open_loop` (lesions x trials x steps x outputs): output under the
            input of the whole animal; where lesions were made before the trials, `between` (steps x neurons): input from then to the first
            step, such as zeros for as long as the circuit takes to come to rest.

    Raises:
        ValueError: It is no such file, lacks an array, arrays and names are of different lengths, a name comes twice, no lesion is there or
            one that removes nothing, `removed` is neither true nor false, or no output changes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the .npz of lesions.")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ARRAYS if name not in file.files]
            found = {name: file[name] for name in (*ARRAYS, BETWEEN) if name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: no .npz of arrays, or one that was cut short ({error}). Export the lesions again.") from error
    if missing:
        raise ValueError(f"{path}: {len(missing)} of {len(ARRAYS)} arrays are missing: {missing}. The file has {sorted(found)}.")
    _require_shapes(found, str(path))
    named = {name: tuple(map(str, found[name])) for name in ("names", "neurons", "outputs")}
    _require_lesions(found, named, str(path))
    return LesionArrays(
        str(path),
        named["names"],
        named["neurons"],
        found["removed"].astype(bool),
        found["stimulus"].astype(np.float32),
        named["outputs"],
        found["intact"].astype(np.float32),
        found["open_loop"].astype(np.float32),
        found[BETWEEN].astype(np.float32) if BETWEEN in found else None,
    )


def _require_shapes(found: dict[str, np.ndarray], origin: str) -> None:
    """Raise where arrays and names do not fit together, or hold no numbers."""
    trials_steps = found["stimulus"].shape[:2]
    lesions, neurons, outputs = (len(found[name]) for name in ("names", "neurons", "outputs"))
    wanted = {
        "removed": (lesions, neurons),
        "stimulus": (*trials_steps, neurons),
        "intact": (*trials_steps, outputs),
        "open_loop": (lesions, *trials_steps, outputs),
    }
    if BETWEEN in found:
        wanted[BETWEEN] = (len(found[BETWEEN]), neurons)
    other = [f"{name} is {found[name].shape}, not {shape}" for name, shape in wanted.items() if found[name].shape != shape]
    if other:
        raise ValueError(f"{origin}: {'; '.join(other)} (lesions, trials, steps, neurons, outputs). Give all arrays the same axes.")
    gaps = [name for name in wanted if not np.isfinite(found[name].astype(np.float64)).all()]
    if gaps:
        raise ValueError(f"{origin}: {', '.join(gaps)} have values that are missing or infinite. Leave those trials out.")


def _require_lesions(found: dict[str, np.ndarray], named: dict[str, tuple[str, ...]], origin: str) -> None:
    """Raise where a name stands for two things, or what was done says nothing."""
    for name, given in named.items():
        twice = sorted({one for one in given if given.count(one) > 1})
        if twice:
            raise ValueError(
                f"{origin}: {name} has {len(twice)} of {len(set(given))} names more than once, first {twice[0]!r}. Give each its own."
            )
    removed = found["removed"]
    if not np.isin(removed, (0, 1)).all():
        other = np.unique(removed[~np.isin(removed, (0, 1))])[:3].tolist()
        raise ValueError(f"{origin}: removed has values other than 0 and 1, such as {other}. Mark each neuron that a lesion removed by 1.")
    if not len(removed):
        raise ValueError(f"{origin}: holds no lesion. Give the name, the removed neurons and the output of one at least.")
    nothing = [name for name, gone in zip(named["names"], removed.astype(bool), strict=True) if not gone.any()]
    if nothing:
        raise ValueError(f"{origin}: {len(nothing)} of {len(removed)} lesions remove no neuron, first {nothing[0]!r}. Leave them out.")
    if (found["open_loop"] == found["intact"]).all():
        raise ValueError(f"{origin}: no output changes after any of {len(removed)} lesions, so that there is nothing to predict.")
