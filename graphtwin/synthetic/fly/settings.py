"""Settings of a simulated recording of the fly's motion pathway."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FlyConfig(BaseModel):
    """What `graphtwin motor simulate --circuit fly` makes: a trained network of the motion pathway, and recordings of it during films."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: int = Field(0, ge=0, le=49, description="Number of the trained network, of the fifty that flycns has.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    extent: int = Field(3, ge=1, le=6, description="Columns from the central one to the edge: 3 has 37 columns and 2,345 neurons.")
    films: int = Field(24, ge=6, le=10_000, description="Films of moving dead leaves, each a trial.")
    alone: int = Field(1, ge=0, le=1000, description="Films that each type of photoreceptors sees alone, all others in the dark.")
    pulses: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Current of the pulses into all cells of one recorded type, a trial a type but photoreceptors, T4 and T5, in units of "
        "light; 0 leaves these trials out.",
    )
    film_s: float = Field(1.0, ge=0.2, le=60, description="Length of each film and of each trial of pulses, seconds; grey came before.")
    dt_s: float = Field(0.01, gt=0, le=0.02, description="Seconds a step of what is written; the simulation takes smaller ones.")
    recorded: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of the types that are recorded, in all columns; T4 and T5 are among them.",
    )
    noise: float = Field(
        0.1, ge=0, le=10, description="Noise of recordings, as a share of each neuron's and each output's standard deviation."
    )
