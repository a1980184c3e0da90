"""What simulated animals see, do and answer."""

from graphtwin.synthetic.function import imaging, session, stimuli
from graphtwin.synthetic.function.behaviour import Behaviour, arousal, behave
from graphtwin.synthetic.function.images import ImageConfig, ImageScan, play_images, prepare_images
from graphtwin.synthetic.function.imaging import RATE_HZ
from graphtwin.synthetic.function.preferences import Tuning, TuningConfig, draw_tuning
from graphtwin.synthetic.function.scans import ScanConfig, direction_columns, direction_responses, scan_units
from graphtwin.synthetic.function.session import WITHHELD, MovieConfig, Played, Scan, play, prepare_scan, programme
from graphtwin.synthetic.function.simulated_truth import SimulatedTruth, simulated_truth
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, GREY, HEIGHT, N_DIRECTIONS, SCREEN, WIDTH, film, photographs
from graphtwin.synthetic.function.visual_responder import responder, visual_rates

__all__ = [
    "Behaviour",
    "FRAME_RATE_HZ",
    "GREY",
    "HEIGHT",
    "ImageConfig",
    "ImageScan",
    "MovieConfig",
    "N_DIRECTIONS",
    "Played",
    "RATE_HZ",
    "SCREEN",
    "Scan",
    "ScanConfig",
    "SimulatedTruth",
    "Tuning",
    "TuningConfig",
    "WIDTH",
    "WITHHELD",
    "arousal",
    "behave",
    "direction_columns",
    "direction_responses",
    "draw_tuning",
    "film",
    "imaging",
    "photographs",
    "play",
    "play_images",
    "prepare_images",
    "prepare_scan",
    "programme",
    "responder",
    "scan_units",
    "session",
    "simulated_truth",
    "stimuli",
    "visual_rates",
]
