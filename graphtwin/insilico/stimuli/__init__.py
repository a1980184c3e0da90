"""Stimuli as values: what is drawn on a screen, in degrees of visual angle and seconds, from parameters that can be saved.

A new kind is a new file in this folder with a subclass of `Stimulus`; it is found by itself.
"""

import importlib
import pkgutil

from graphtwin.insilico.stimuli.annulus import Annulus
from graphtwin.insilico.stimuli.apertures import Disc, Gaussian
from graphtwin.insilico.stimuli.blank import Blank
from graphtwin.insilico.stimuli.centre_surround import CentreSurround
from graphtwin.insilico.stimuli.drifting_grating import DriftingGrating
from graphtwin.insilico.stimuli.gabor import Gabor
from graphtwin.insilico.stimuli.in_sequence import InSequence
from graphtwin.insilico.stimuli.levels import Level, as_level, as_plain, beside, in_words
from graphtwin.insilico.stimuli.looming import Looming
from graphtwin.insilico.stimuli.monet import Monet
from graphtwin.insilico.stimuli.natural_clip import NaturalClip
from graphtwin.insilico.stimuli.natural_image import NaturalImage, natural_images
from graphtwin.insilico.stimuli.picture_files import count_pictures, has_images
from graphtwin.insilico.stimuli.plaid import Plaid
from graphtwin.insilico.stimuli.pulse import Pulse
from graphtwin.insilico.stimuli.random_dots import RandomDots
from graphtwin.insilico.stimuli.rendering import render_batch
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.sparse_noise import SparseNoise
from graphtwin.insilico.stimuli.static_grating import StaticGrating
from graphtwin.insilico.stimuli.stimulus import KINDS, Stimulus, stimulus_of
from graphtwin.insilico.stimuli.stimulus_tables import from_toml, series, stimuli_of, to_toml
from graphtwin.insilico.stimuli.superposed import Superposed
from graphtwin.insilico.stimuli.trippy import Trippy
from graphtwin.insilico.stimuli.windowed import Windowed

__all__ = [
    "Annulus",
    "Blank",
    "CentreSurround",
    "Disc",
    "DriftingGrating",
    "Gabor",
    "Gaussian",
    "InSequence",
    "KINDS",
    "Level",
    "Looming",
    "Monet",
    "NaturalClip",
    "NaturalImage",
    "Plaid",
    "Pulse",
    "RandomDots",
    "Screen",
    "SparseNoise",
    "StaticGrating",
    "Stimulus",
    "Superposed",
    "Trippy",
    "Windowed",
    "as_level",
    "as_plain",
    "beside",
    "count_pictures",
    "from_toml",
    "has_images",
    "in_words",
    "natural_images",
    "render_batch",
    "series",
    "stimuli_of",
    "stimulus_of",
    "to_toml",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
