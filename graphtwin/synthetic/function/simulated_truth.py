"""Units of a simulated animal as a responder of in silico experiments: their noise-free rates, eyes still, in any state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import Monitor
from graphtwin.insilico import State, state_channels
from graphtwin.schema import UNIT_KEY
from graphtwin.synthetic.function.behaviour import Behaviour
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, GREY, HEIGHT, SCREEN, WIDTH, film
from graphtwin.synthetic.function.visual_responder import VisualResponder, behaviour_gain, responder, visual_rates

CHANNELS = ("pupil_size", "running")  # as the files of simulated recordings name them
AT_REST = (33.0, 15.0 * float(np.arctanh(0.25)))  # at which neither changes a rate, see `behaviour.arousal`


@dataclass(frozen=True)
class SimulatedTruth:
    """What twins of a simulated animal would answer if they were right; see `insilico.Responder`.

    Answers are events a second. At rest behaviour multiplies rates by 1.

    Attributes:
        name: Name of the animal.
        units: session, scan_idx, unit_id in the order of the answers.
        grey: Mean and standard deviation of the grey levels of its films.
        visual: The units, ready to respond.
    """

    name: str
    units: pd.DataFrame = field(repr=False)
    grey: tuple[float, float]
    visual: VisualResponder = field(repr=False)

    @property
    def planted(self) -> pd.DataFrame:
        """What was planted: the rows of `Tuning.table`, one a unit."""
        return self.visual.table

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second of simulated films."""
        return FRAME_RATE_HZ

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of simulated films, pixels."""
        return HEIGHT, WIDTH

    @property
    def monitor(self) -> Monitor:
        """Screen of all simulated animals."""
        return SCREEN

    @property
    def signed(self) -> bool:
        """Rates are never below 0."""
        return False

    @property
    def state_names(self) -> tuple[str, ...]:
        """Radius of the pupil, pixels of the eye camera, and running speed, cm/s."""
        return CHANNELS

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Events a second in every frame of a film that follows a grey screen."""
        channels = state_channels(self, state, len(video))
        rates = visual_rates(self.visual, np.asarray(video, dtype=np.float32)).T
        if not state:
            return rates
        pupil, running = np.where(np.isnan(channels), AT_REST, channels).astype(np.float32).T
        still = np.zeros((len(video), 2), dtype=np.float32)
        return rates * behaviour_gain(self.visual, Behaviour(running, pupil, still, still)).T

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """Events a second in every frame of each clip."""
        return np.stack([self.respond(clip, state=state) for clip in clips])


def simulated_truth(name: str, units: pd.DataFrame, table: pd.DataFrame) -> SimulatedTruth:
    """The truth of some units.

    Args:
        name: Name of the animal.
        units: Units with session, scan_idx, unit_id, in the order in which answers are wanted.
        table: Rows of `Tuning.table`, one for each of these units; see `session.tuning_of`.
    """
    deviation = float(film("dead_leaves", 0, "reference", 0, n_frames=300).std())
    return SimulatedTruth(name, units[UNIT_KEY].reset_index(drop=True), (GREY, deviation), responder(table))
