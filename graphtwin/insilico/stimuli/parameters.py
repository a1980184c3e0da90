"""Parameters that kinds of stimuli share: each with its unit, its bounds and its words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Seconds = Annotated[float, Field(gt=0, description="Length of the stimulus, seconds; on a screen of single pictures it says nothing.")]
Contrast = Annotated[float, Field(gt=0, le=1, description="Contrast: the largest distance from grey, as a fraction of the screen's.")]
Direction = Annotated[
    float,
    Field(description="Direction of the motion, degrees: 0 rightwards, 90 upwards. Bars are perpendicular to it."),
]
Orientation = Annotated[
    float,
    Field(description="Orientation, degrees: the direction across the bars, modulo 180, as `preferred_orientation` of a tuning table."),
]
CyclesPerDegree = Annotated[float, Field(gt=0, description="Spatial frequency, cycles per degree.")]
CyclesPerSecond = Annotated[float, Field(ge=0, description="Temporal frequency of the drift, cycles per second; 0 stands still.")]
Phase = Annotated[float, Field(description="Phase in the first frame at the centre of the pattern, degrees; 0 is brightest there.")]
Right = Annotated[float, Field(description="Place of the centre, degrees to the right of the middle of the screen.")]
Up = Annotated[float, Field(description="Place of the centre, degrees above the middle of the screen.")]
Degrees = Annotated[float, Field(gt=0, description="A size, degrees of visual angle.")]
Seed = Annotated[int, Field(ge=0, description="Seed of what is random; another seed is another sample of the same stimulus.")]
