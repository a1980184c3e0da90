"""What fits and scores read of a recording, and where receptive fields lie in it."""

from graphtwin.twin.data.averages import with_showings
from graphtwin.twin.data.clips import (
    PICTURES_HZ,
    TOGETHER,
    ClipConfig,
    Clips,
    Window,
    clips_of,
    held_out_clips,
    joined_clips,
    require_amount,
    require_tiers,
)
from graphtwin.twin.data.in_vivo import in_vivo_responses
from graphtwin.twin.data.motion_energy import drifting_wave
from graphtwin.twin.data.receptive_fields import Fields, ReverseCorrelationConfig, locate_fields
from graphtwin.twin.data.scales import Scales, scaled
from graphtwin.twin.data.views import ADVICE, SAME_RATE, View, doubt_of_core, require_view, view_of

__all__ = [
    "ADVICE",
    "ClipConfig",
    "Clips",
    "Fields",
    "PICTURES_HZ",
    "TOGETHER",
    "ReverseCorrelationConfig",
    "SAME_RATE",
    "Scales",
    "View",
    "Window",
    "clips_of",
    "doubt_of_core",
    "drifting_wave",
    "held_out_clips",
    "in_vivo_responses",
    "joined_clips",
    "locate_fields",
    "require_amount",
    "require_tiers",
    "require_view",
    "scaled",
    "view_of",
    "with_showings",
]
