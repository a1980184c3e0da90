"""Settings of a simulated sensorimotor loop."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FEWEST = 40  # neurons below which some of the ten types would have none in some segment


class LoopConfig(BaseModel):
    """What `graphtwin motor simulate` makes: a circuit with known weights in a body that it moves, and trials of both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neurons: int = Field(120, ge=FEWEST, le=5000, description="Neurons of the circuit, of ten types.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    segments: int = Field(3, ge=1, le=10, description="Segments of the body, each with a dorsal and a ventral muscle.")
    partners: float = Field(9.0, gt=1, le=200, description="Neurons that a neuron receives from, on average: in-degree without a unit.")
    efficacy: float = Field(
        0.5, ge=0, le=2, description="Standard deviation of the log of what a synapse does, from pair to pair; 0 makes weights counts."
    )
    loop_gain: float = Field(
        0.9, gt=0, lt=1, description="Spectral radius of the strengths of all edges; below 1 no circuit of such neurons explodes."
    )
    gap_junctions: float = Field(
        0.5, ge=0, le=10, description="Gap junctions, as a share of the number of neurons; they join neighbours of one type."
    )
    trials: int = Field(72, ge=6, le=10_000, description="Trials: a third steps, a third noise, a third pulses to single neurons.")
    steps: int = Field(300, ge=20, le=100_000, description="Steps of each trial.")
    dt_s: float = Field(0.01, gt=0, le=0.02, description="Seconds a step; the simulation takes four in each.")
    recorded: float = Field(0.5, gt=0, le=1, description="Share of the neurons whose activity is recorded.")
    noise: float = Field(
        0.1, ge=0, le=10, description="Noise of recordings, as a share of each neuron's and each output's standard deviation."
    )
    transmitters: float = Field(0.5, ge=0, le=1, description="Share of the neurons whose transmitter is known, and with it their sign.")
    missing: float = Field(0.0, ge=0, lt=1, description="Share of the true edges that the table of synapses lacks.")
    added: float = Field(0.0, ge=0, le=10, description="False edges in the table of synapses, as a share of the true ones.")
    lesion_trials: int = Field(8, ge=1, le=1000, description="Trials in which each lesion is seen, which are none of those above.")
    lesions: int = Field(20, ge=1, le=5000, description="Single neurons that are removed, one at a time; each whole type is removed too.")
