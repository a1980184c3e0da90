"""Animals that look around on a screen: eyes, retinal pictures, units of V1, LM and V4 in retinal coordinates, and their files."""

from graphtwin.synthetic.viewing.answers import (
    AnsweringArea,
    answering,
    expected_answers,
    grating_answers,
    preferred_orientations,
    state_of,
    visual_answers,
)
from graphtwin.synthetic.viewing.areas import Area, draw_area
from graphtwin.synthetic.viewing.gaze import Gaze, look, tracked
from graphtwin.synthetic.viewing.retina import places_on, retinal_pictures, turned
from graphtwin.synthetic.viewing.settings import GazeConfig, ScreenConfig, ViewingConfig
from graphtwin.synthetic.viewing.viewing_files import write_viewing

__all__ = [
    "AnsweringArea",
    "Area",
    "Gaze",
    "GazeConfig",
    "ScreenConfig",
    "ViewingConfig",
    "answering",
    "draw_area",
    "expected_answers",
    "grating_answers",
    "look",
    "places_on",
    "preferred_orientations",
    "retinal_pictures",
    "state_of",
    "tracked",
    "turned",
    "visual_answers",
    "write_viewing",
]
