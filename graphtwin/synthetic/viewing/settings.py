"""Settings of simulated animals that look around."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AREAS = ("V1", "LM", "V4")


class ScreenConfig(BaseModel):
    """The screen that an animal looks around on, its middle straight ahead of the eye; 36 x 64 pixels of film fill it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width_cm: float = Field(50.8, ge=1, le=1000, description="Width of the screen in cm, along it where it is curved.")
    height_cm: float = Field(27.6, ge=1, le=1000, description="Height of the screen in cm, along it where it is a sphere.")
    distance_cm: float = Field(57.0, ge=5, le=1000, description="Distance of the eye from the middle of the screen, in cm.")
    shape: Literal["flat", "cylinder", "sphere"] = Field(
        "flat", description="Shape of the screen: cylinder (upright) and sphere have the eye at their centre, and its distance as radius."
    )
    turned_deg: float = Field(
        0.0, gt=-60, lt=60, description="Degrees by which a flat screen is turned about the vertical, its right edge away from the eye."
    )


class GazeConfig(BaseModel):
    """How the eyes move, and how well that is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracker_hz: float = Field(250.0, ge=30, le=2000, description="Samples of the eye tracker, Hz; its clock is its own.")
    fixation_s: float = Field(0.33, gt=0.05, description="Mean duration of a fixation, seconds.")
    spread_deg: tuple[float, float] = Field((7.5, 4.0), description="SD of places that are fixated, horizontal and vertical, degrees.")
    drift_deg: float = Field(0.35, ge=0, le=10, description="SD of the drift of gaze over a second of fixation, degrees.")
    blinks_hz: float = Field(0.1, ge=0, le=1, description="Blinks a second, in Hz, in which nothing is seen and gaze is missing.")
    error_deg: float = Field(
        0.0,
        ge=0,
        description="SD of the error of measured gaze on each axis, degrees, which lasts for a fixation.",
    )
    jitter_deg: float = Field(0.05, ge=0, le=10, description="SD of the error of each sample of the eye tracker, degrees.")
    delay_s: float = Field(0.0, ge=0, le=0.2, description="Seconds by which measured gaze is late; the files state it.")
    mirrored: bool = Field(False, description="Whether the files have horizontal gaze with the wrong sign: a fault that a check must find.")


class ViewingConfig(BaseModel):
    """What `graphtwin twin simulate` makes: animals that look around on a screen, and units of a visual area that see what the eye sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="The root of every random draw.")
    area: Literal["V1", "LM", "V4"] = Field("V1", description="Area of the units: V1, LM or V4, whose units have larger fields.")
    animals: int = Field(1, ge=1, le=100, description="Animals, each with units, eyes and films of its own.")
    units: int = Field(60, ge=2, le=5000, description="Units of each animal.")
    minutes: float = Field(10.0, gt=0, le=600, description="Minutes of films to train on, for each animal.")
    clip_s: float = Field(10.0, ge=2, le=120, description="Seconds of a film.")
    test_clips: int = Field(6, ge=1, le=100, description="Films of tier test, seen while the eyes move freely, and never in training.")
    fixation_clips: int = Field(4, ge=0, le=100, description="Films of tier fixation, each seen from one place that is fixated.")
    repeats: int = Field(3, ge=1, le=50, description="How often each film of these tiers is seen, with other eye movements each time.")
    rate_hz: float = Field(12.0, gt=0, le=200, description="Mean rate of units in Hz, with a spread of half of it.")
    modulated: float = Field(
        0.5,
        ge=0,
        le=2,
        description="Log gain by saccades, running and pupil, as a share of what each unit may have: 0 leaves them out.",
    )
    attention: float = Field(
        0.6, ge=0, le=2, description="Log gain of the orientation that is attended to, over no gain 45 degrees away, in a state of 1."
    )
    screen: ScreenConfig = Field(default_factory=ScreenConfig, description="The screen that the animals look around on.")
    gaze: GazeConfig = Field(default_factory=GazeConfig, description="How the eyes move, and how well that is measured.")
