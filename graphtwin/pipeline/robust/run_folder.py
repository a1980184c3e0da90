"""The folder of a run of classifiers: what it is begun with, its classifiers, and how both are read again. A folder is data alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin import artifacts
from graphtwin.config import dump_toml, load_config
from graphtwin.folders import WORK
from graphtwin.robustness import TWIN, FittedClassifier, LabelledPictures, Recipe, RobustConfig, teachers
from graphtwin.robustness import load as load_classifier
from graphtwin.shapes import Float, Int

PICTURES, RESPONSES, CLASSIFIERS = "pictures.npz", "responses.npz", "classifiers"
WITHOUT_EFFECT = ("workers",)  # settings that no result depends on


@dataclass(frozen=True)
class RobustStudy:
    """What a run is made of.

    Attributes:
        data: Labelled pictures.
        responses: Responses of the twin to all of them.
        untrained: Those of the same twin before it was trained; None where responses are of no twin.
        encoded: Rows of the test pictures that were shown distorted too; none where responses are of a table.
        distorted: Responses to these, distorted, by kind; as they are under `none`.
        config: Settings.
    """

    data: LabelledPictures
    responses: Float[np.ndarray, "pictures units"]
    untrained: Float[np.ndarray, "pictures units"] | None
    encoded: Int[np.ndarray, " encoded"]
    distorted: dict[str, Float[np.ndarray, "encoded units"]]
    config: RobustConfig

    def teachers(self) -> dict[str, Float[np.ndarray, "pictures _"]]:
        """Rows of every teacher for all pictures; those of test pictures are 0, for no classifier may be drawn to them."""
        seen, n = ~self.data.is_test, len(self.data.label)
        untrained = None if self.untrained is None else self.untrained[seen]
        found = {}
        for name, part in teachers(self.responses[seen], untrained, self.data.pictures[seen], self.config).items():
            found[name] = np.zeros((n, part.shape[1]), np.float32)
            found[name][seen] = part
        return found


def write_study(study: RobustStudy, inputs: dict[str, str], folder: Path) -> None:
    """Write what a run is begun with; one that goes on keeps what is there."""
    if (folder / RESPONSES).exists():
        return
    artifacts.write_text(dump_toml(study.config), folder / "config.toml")
    artifacts.write_json(artifacts.provenance(study.config.seed, inputs), folder / "provenance.json")
    data = study.data
    arrays: dict[str, Any] = {"pictures": data.pictures, "label": data.label, "is_test": data.is_test, "name": np.array(data.name)}
    _save(folder / PICTURES, arrays | {"classes": np.array(data.classes), "keys": np.array(data.keys)})
    arrays = {TWIN: study.responses, "encoded": study.encoded} | {f"distorted {kind}": of for kind, of in study.distorted.items()}
    _save(folder / RESPONSES, arrays if study.untrained is None else arrays | {"untrained": study.untrained})
    artifacts.write_text("", folder / WORK / "study.done")


def read_study(folder: Path) -> RobustStudy:
    """The pictures, responses and settings of a run, as they were when it began."""
    with np.load(folder / PICTURES, allow_pickle=False) as told:
        names = {name: tuple(str(one) for one in told[name]) for name in ("classes", "keys")}
        data = LabelledPictures(str(told["name"]), told["pictures"], told["label"], names["classes"], told["is_test"], names["keys"])
    with np.load(folder / RESPONSES, allow_pickle=False) as told:
        distorted = {name.partition(" ")[2]: told[name] for name in told.files if name.startswith("distorted ")}
        untrained = told["untrained"] if "untrained" in told.files else None
        config = load_config(RobustConfig, folder / "config.toml")
        return RobustStudy(data, told[TWIN], untrained, told["encoded"], distorted, config)


def stem_of(recipe: Recipe, number: int) -> str:
    """Name of the file of one classifier, without its ending."""
    strength = f"_{recipe.strength:g}" if recipe.strength else ""
    return f"{recipe.model.replace(', ', '_').replace(' ', '_')}{strength}_seed{number}"


def write_classifier(fitted: FittedClassifier, place: Path) -> None:
    """Write one classifier, as tensors and numbers, into a folder."""
    fitted.save(place / f"{stem_of(fitted.recipe, fitted.number)}.pt")


def read_classifier(recipe: Recipe, number: int, place: Path) -> FittedClassifier:
    """One classifier of a folder, in eval mode."""
    return load_classifier(place / f"{stem_of(recipe, number)}.pt")


def _save(path: Path, arrays: dict[str, Any]) -> None:
    artifacts.write_atomic(path, partial(_write_arrays, arrays))


def _write_arrays(arrays: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
