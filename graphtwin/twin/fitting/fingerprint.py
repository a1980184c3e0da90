"""What tells a fitted twin from every other: a few letters and digits, the same for the same weights and settings wherever they lie.

A twin's fingerprint stands for its core and its animals, and belongs to what units are predicted to do. A core's fingerprint stands for
the core and what it expects of readouts, and so for the axes of embeddings (see `gauge`): twins that keep one core have it in common.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from graphtwin.schema import TWIN, TWIN_CORE
from graphtwin.twin.fitting.fitted_twin import FORMAT, FittedTwin, plain_animal
from graphtwin.twin.settings import LATER_SETTINGS

BYTES = 6  # bytes of a fingerprint: two of a million twins are alike once in five hundred such collections


def fingerprint(fitted: FittedTwin) -> str:
    """T and 12 hexadecimal digits of the weights of a twin, its settings that are no defaults, and its animals.

    It begins with a letter: twelve digits alone, or with one e among them, would come back from a .csv as a number.
    """
    animals = {name: plain_animal(seen) for name, seen in fitted.animals.items()}
    settings = _told(fitted.config)
    return "t" + _digits({"settings": settings, "animals": animals, "weights": fitted.twin.state_dict()})


def core_fingerprint(fitted: FittedTwin) -> str:
    """C and 12 hexadecimal digits of the weights of a core and the mixture that it expects readouts to be draws from."""
    share, mean, covariance = fitted.twin.prior()
    settings = _told(fitted.config.twin.core)
    prior = {"share": share, "mean": mean, "covariance": covariance}
    return "c" + _digits({"settings": settings, "prior": prior, "weights": fitted.twin.core.state_dict()})


def stamps(fitted: FittedTwin) -> dict[str, str]:
    """Fingerprints of a twin and its core by the columns of tables: `twin`, `twin_core`."""
    return {TWIN: fingerprint(fitted), TWIN_CORE: core_fingerprint(fitted)}


def _told(config: BaseModel) -> dict[str, Any]:
    """Settings that are no defaults; later ones at what twins did before there were any name no other twin, and are left out."""
    return _without_later(config.model_dump(mode="json", exclude_defaults=True))


def _without_later(settings: dict[str, Any]) -> dict[str, Any]:
    parts = {name: _without_later(value) if isinstance(value, dict) else value for name, value in settings.items()}
    later = {name for name, value in parts.items() if name in LATER_SETTINGS and value == LATER_SETTINGS[name]}
    return {name: value for name, value in parts.items() if name not in later and value != {}}


def _digits(content: Mapping[str, Any]) -> str:
    told = hashlib.blake2b(FORMAT.encode(), digest_size=BYTES)
    _tell(told, content)
    return told.hexdigest()


def _tell(told: Any, value: Any) -> None:
    """Feed a value to a hash: mappings in the order of their names, tensors with their type and shape, the rest as JSON."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            told.update(f"{name}:".encode())
            _tell(told, value[name])
    elif isinstance(value, torch.Tensor):
        array = np.ascontiguousarray(value.detach().cpu().numpy())
        told.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    else:
        told.update(json.dumps(value).encode())
