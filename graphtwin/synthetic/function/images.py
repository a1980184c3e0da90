"""A session of single photographs, each shown for half a second after a grey screen, as the image recordings are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.execute import rng_for
from graphtwin.synthetic.function import imaging
from graphtwin.synthetic.function.behaviour import Behaviour, behave
from graphtwin.synthetic.function.preferences import Tuning
from graphtwin.synthetic.function.session import tuning_of
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, photograph
from graphtwin.synthetic.function.visual_responder import behaviour_gain, responder, still_rates

SHOWN_FRAMES, TRIAL_FRAMES = 15, 30  # frames of a picture, half a second, and of a picture with the grey before it
TOGETHER = 128  # pictures whose answers are computed at once: bounds memory
FINAL_TEST, FINAL_TEST_REPEATS = 20, 5  # pictures whose responses are withheld, as in a running competition, and how often each is shown


class ImageConfig(BaseModel):
    """Which pictures are shown in the scan of pictures; the tier `final_test` is always there, with `FINAL_TEST` pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int = Field(1000, ge=1, description="Pictures of the tier `train`, each shown once.")
    validation: int = Field(100, ge=0, description="Pictures of the tier `validation`, each shown once.")
    test: int = Field(30, ge=0, description="Pictures of the tier `test`, each shown again and again.")
    test_repeats: int = Field(10, ge=1, description="How often each picture of the tier `test` is shown.")


@dataclass(frozen=True)
class ImageScan:
    """One scan, ready to be played: `trials` has trial, tier and image (number of the picture)."""

    name: str
    units: pd.DataFrame
    table: pd.DataFrame
    trials: pd.DataFrame
    behaviour: Behaviour
    latents: Float[np.ndarray, "latents frames"]
    seed: int


@dataclass(frozen=True)
class SeenImages:
    """One trial; behaviour is pupil size, its change a second and running, means over the time that the picture was shown."""

    picture: Float[np.ndarray, "height width"]
    behaviour: Float[np.ndarray, 3]
    pupil_center: Float[np.ndarray, 2]
    responses: Float[np.ndarray, " units"]
    expected: Float[np.ndarray, " units"]


def prepare_images(units: pd.DataFrame, tuning: Tuning, config: ImageConfig, seed: int, animal: int, scan_idx: int = 2) -> ImageScan:
    """A scan of pictures.

    Args:
        units: One scan's rows of `scans.scan_units`; the pictures are shown in a scan of their own to the same units.
        tuning: Tuning of the animal's neurons.
        config: Which pictures are shown, and how often.
        seed: Seed of the run.
        animal: Number of the animal.
        scan_idx: Number of the scan of pictures in its session.
    """
    units = units.assign(scan_idx=scan_idx).reset_index(drop=True)
    tiers = (("train", config.train, 1), ("validation", config.validation, 1), ("test", config.test, config.test_repeats))
    shown, first = [], 0
    for tier, n, repeats in (*tiers, ("final_test", FINAL_TEST, FINAL_TEST_REPEATS)):
        shown += [(tier, image) for image in range(first, first + n)] * repeats
        first += n
    order = rng_for(seed, "image programme", animal).permutation(len(shown))
    trials = pd.DataFrame(shown, columns=["tier", "image"]).iloc[order].reset_index(drop=True)
    trials.insert(0, "trial", np.arange(len(trials)))
    table = tuning_of(units, tuning)
    scan = f"{units['session'].iloc[0]}-{scan_idx}"
    n_frames = len(trials) * TRIAL_FRAMES
    n_latents = sum(name.startswith("latent_") for name in table)
    return ImageScan(
        name=f"{animal}-{scan}",
        units=units,
        table=table,
        trials=trials,
        behaviour=behave(n_frames, seed, animal, scan),
        latents=imaging.latents(n_frames, n_latents, seed, animal, scan),
        seed=seed,
    )


def play_images(scan: ImageScan) -> Iterator[SeenImages]:
    """The trials in order; the answer is all deconvolved activity from 0.07 to 0.57 s after the picture came."""
    of = responder(scan.table)
    for start in range(0, len(scan.trials), TOGETHER):
        rows = np.arange(start, min(start + TOGETHER, len(scan.trials)))
        pictures = np.stack([_picture(scan.seed, int(image)) for image in scan.trials["image"].iloc[rows]])
        during = _means(scan.behaviour, rows)
        rates = still_rates(of, pictures, SHOWN_FRAMES, during.gaze) * behaviour_gain(of, during)
        places = np.broadcast_to(rows * TRIAL_FRAMES + SHOWN_FRAMES // 2, (len(scan.table), len(rows)))
        gain = imaging.shared_gain(scan.latents, scan.table, np.ascontiguousarray(places))
        events = rates * np.float32(SHOWN_FRAMES / FRAME_RATE_HZ)
        expected, activity = imaging.draw_events(events, gain, scan.table, rng_for(scan.seed, "image events", scan.name, start))
        change = _change(scan.behaviour.pupil_size, rows)
        for at in range(len(rows)):
            behaviour = np.array([during.pupil_size[at], change[at], during.running[at]])
            yield SeenImages(pictures[at], behaviour, during.pupil_center[at], activity[:, at], expected[:, at])


def _picture(seed: int, image: int) -> Float[np.ndarray, "height width"]:
    return np.rint(photograph(rng_for(seed, "stimulus", "photograph", image))).astype(np.float32)


def _means(behaviour: Behaviour, rows: np.ndarray) -> Behaviour:
    """Behaviour while each picture is shown, one value a picture."""
    frames = rows[:, None] * TRIAL_FRAMES + np.arange(SHOWN_FRAMES)
    return Behaviour(**{name: trace[frames].mean(axis=1) for name, trace in vars(behaviour).items()})


def _change(trace: Float[np.ndarray, " frames"], rows: np.ndarray) -> Float[np.ndarray, " pictures"]:
    """Change a second while each picture is shown."""
    return (trace[rows * TRIAL_FRAMES + SHOWN_FRAMES - 1] - trace[rows * TRIAL_FRAMES]) * FRAME_RATE_HZ / (SHOWN_FRAMES - 1)
