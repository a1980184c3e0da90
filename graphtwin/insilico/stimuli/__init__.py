"""Stimuli as values: what is drawn on a screen, in degrees of visual angle and seconds, from parameters that can be saved.

A new kind is a new file in this folder with a subclass of `Stimulus`; it is found by itself.
"""

import importlib
import pkgutil

from graphtwin.insilico.stimuli.drifting_grating import DriftingGrating
from graphtwin.insilico.stimuli.rendering import render_batch
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import KINDS, Stimulus, stimulus_of
from graphtwin.insilico.stimuli.stimulus_tables import from_toml, series, stimuli_of, to_toml

__all__ = [
    "DriftingGrating",
    "KINDS",
    "Screen",
    "Stimulus",
    "from_toml",
    "render_batch",
    "series",
    "stimuli_of",
    "stimulus_of",
    "to_toml",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
