"""Settings of `graphtwin motor fit`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from graphtwin.motor import MotorConfig
from graphtwin.motor.questions import ResponseConfig

WITHOUT_EFFECT = ("workers",)  # settings that no result depends on


class MotorRunConfig(BaseModel):
    """What `graphtwin motor fit` does: a circuit and its controls, fitted to the same trials and asked the same questions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="The root of every random draw.")
    workers: int = Field(2, ge=1, description="Number of processes, each of one thread; the numbers are the same for any.")
    dale: bool = Field(
        False, description="Whether Dale's law is declared of the source: a neuron whose edges have both signs is then an error."
    )
    held_out: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Share that is kept from all fits: of stimulated neurons with their trials, of recorded neurons, and of other trials.",
    )
    folds: int = Field(
        5,
        ge=2,
        description="Parts of the stimulated neurons, of which each is held out once, of a source that has responses to stimulation and no "
        "trials.",
    )
    replicates: int = Field(
        1, ge=0, description="Rewired circuits of each kind, and circuits of permuted identities, each fitted anew; 0 leaves them out."
    )
    permutations: int = Field(
        999,
        ge=0,
        description="Permutations of motor neurons, of a source that has orders of recruitment and no trials; 0 leaves out p.",
    )
    model: MotorConfig = Field(MotorConfig(), description="What the neurons do, and how that is fitted, of the circuit and its controls.")
    response: ResponseConfig = Field(ResponseConfig(), description="When a neuron has responded to the stimulation of another.")
