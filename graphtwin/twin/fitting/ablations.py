"""Parts of a twin that a training can leave out, so that what each is worth can be counted: settings, or what counts as not recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from graphtwin.config import validate
from graphtwin.schema import IMAGED_AT
from graphtwin.sources.formats import Recording, Trial
from graphtwin.twin.fitting.fitted_twin import FittedTwin
from graphtwin.twin.settings import FoundationConfig

OF_OTHERS = "its core was trained on other animals and kept as it is: ablate the twin that trained it"


@dataclass(frozen=True)
class Part:
    """A part of a twin.

    Attributes:
        lacking: Why a twin has no such part that could be left out, in words; empty where it has. The second argument is whether its core
            was trained on other animals and kept.
        settings: Value of each setting, by its path, under which a training makes no such part.
        unrecorded: Field of `Trial` that counts as not recorded; empty where all are read. Declared gaze is read all the same, because it
            says which frames count: settings alone keep the view where it is.
        drops_core: Whether a core that was trained on other animals is not kept.
    """

    lacking: Callable[[FittedTwin, bool], str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    unrecorded: str = ""
    drops_core: bool = False

    def config(self, config: FoundationConfig) -> FoundationConfig:
        """The settings of a training that makes no such part."""
        told = config.model_dump(mode="json")
        for path, value in self.settings.items():
            *tables, last = path.split(".")
            of = told
            for name in tables:
                of = of[name]
            of[last] = value
        return validate(FoundationConfig, told, "settings without a part")

    def recording(self, recording: Recording) -> Recording:
        """The recording as a training reads it that makes no such part."""
        if not self.unrecorded or (self.unrecorded == "eye_position" and recording.gaze is not None):
            return recording
        return replace(recording, open_trial=partial(_open_without, recording, self.unrecorded))


def _open_without(recording: Recording, unrecorded: str, row: int) -> Trial:
    trial = recording.open_trial(row)
    nothing = np.full(getattr(trial, unrecorded).shape, np.nan, dtype=np.float32)
    return replace(trial, **{unrecorded: nothing})


def _lacks_gaze(fitted: FittedTwin, kept: bool) -> str:
    if not fitted.config.twin.perspective.learn:
        return "its view does not follow the eye (twin.perspective.learn)"
    return "" if _varies(fitted, "eye_position") else "no eye position was recorded that ever changes"


def _lacks_gaze_error(fitted: FittedTwin, kept: bool) -> str:
    if not fitted.config.twin.perspective.learn:
        return "its view does not follow the eye (twin.perspective.learn)"
    if not _declared(fitted):
        return "no recording declares its gaze, and what is not declared has no error that is known"
    erring = any(fitted.twin.animal(name).error_deg > 0 for name in fitted.animals)
    return "" if erring else "its gaze has no error, neither declared nor set (twin.perspective.error_deg)"


def _lacks_saccades(fitted: FittedTwin, kept: bool) -> str:
    if not fitted.config.twin.perspective.saccades:
        return "eye movements modulate nothing in it (twin.perspective.saccades)"
    return "" if _declared(fitted) else "no recording declares its gaze, so that nobody knows a saccade"


def _declared(fitted: FittedTwin) -> bool:
    """Whether any animal's recording declares its gaze."""
    return any(seen.gaze is not None for seen in fitted.animals.values())


def _lacks_behaviour(fitted: FittedTwin, kept: bool) -> str:
    return "" if _varies(fitted, "behaviour") else "no behaviour was recorded that ever changes"


def _lacks_feature_gains(fitted: FittedTwin, kept: bool) -> str:
    if not getattr(fitted.config.twin.core, "feature_gains", False):
        return "behaviour gives the channels of its core no gains (twin.core.feature_gains)"
    return "" if _declared(fitted) and fitted.config.twin.perspective.saccades else _lacks_behaviour(fitted, kept)


def _lacks_recurrence(fitted: FittedTwin, kept: bool) -> str:
    kind = fitted.config.twin.core.kind
    lacking = {"feedforward": "its core is feedforward", "dense_lstm": "a dense_lstm core is nothing but its recurrence"}
    return lacking.get(kind, OF_OTHERS if kept else "")


def _lacks_normalisation(fitted: FittedTwin, kept: bool) -> str:
    if not getattr(fitted.config.twin.core, "normalised", False):
        return "its core divides no channel by what others do"
    return OF_OTHERS if kept else ""


def _lacks_prior(fitted: FittedTwin, kept: bool) -> str:
    return "" if fitted.config.settle else "its readouts were not settled (settle)"


def _lacks_location(fitted: FittedTwin, kept: bool) -> str:
    if not fitted.config.location:
        return "neighbours in cortex told nothing (location)"
    placed = any(np.isfinite(seen.units[IMAGED_AT[:2]].to_numpy()).all() for seen in fitted.animals.values())
    return "" if placed else "where units lie in cortex is not known"


def _lacks_pretraining(fitted: FittedTwin, kept: bool) -> str:
    return "" if kept else "this twin was not pretrained: its core was trained on these recordings"


def _varies(fitted: FittedTwin, measured: str) -> bool:
    """Whether any animal has a measurement that was made and varies; the deviation of others is set to 1."""
    return any(bool((getattr(seen.scales, measured)[1] != 1).any()) for seen in fitted.animals.values())


PARTS = {
    "gaze": Part(_lacks_gaze, {"twin.perspective.learn": False}, unrecorded="eye_position"),
    "gaze_error": Part(_lacks_gaze_error, {"twin.perspective.error_deg": 0.0}),
    "saccades": Part(_lacks_saccades, {"twin.perspective.saccades": False}),
    "behaviour": Part(_lacks_behaviour, unrecorded="behaviour"),
    "feature_gains": Part(_lacks_feature_gains, {"twin.core.feature_gains": False}),
    "recurrence": Part(_lacks_recurrence, {"twin.core.kind": "feedforward"}),
    "normalisation": Part(_lacks_normalisation, {"twin.core.normalised": False}),
    "prior": Part(_lacks_prior, {"settle": False}),
    "location": Part(_lacks_location, {"location": False}),
    "pretraining": Part(_lacks_pretraining, drops_core=True),
}
