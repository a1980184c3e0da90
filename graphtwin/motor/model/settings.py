"""Settings of a circuit's dynamics and of their fit."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from graphtwin.training import FitConfig


class PriorConfig(BaseModel):
    """How far numbers may lie from what wiring says, before data are seen: SDs of normal priors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_weight: float = Field(0.7, gt=0, description="SD of an edge's log strength about its count, where its sign is known.")
    weight: float = Field(1.0, gt=0, description="SD of the strength of an edge of unknown sign about 0, in what its count makes typical.")
    sender: float = Field(1.0, gt=0, description="SD of the number whose tanh is the sign of a neuron of which none is known.")
    log_gain: float = Field(1.0, gt=0, description="SD of the log strength that all edges share.")
    log_gap: float = Field(0.7, gt=0, description="SD of a gap junction's log conductance about its count.")
    log_tau: float = Field(0.5, gt=0, description="SD of log time constants about `tau_s`.")
    bias: float = Field(1.0, gt=0, description="SD of constant inputs, thresholds and first states, in units of activity.")
    bias_mean: float = Field(
        0.0,
        description="Constant input and first state that are expected, in units of activity: above 0 where neurons release at rest, since "
        "those that begin silent tell the fit nothing.",
    )
    own_start: float = Field(
        0.5, gt=0, description="SD of a neuron's first state about that of its type, where neurons share, in units of activity."
    )
    log_input: float = Field(0.1, gt=0, description="SD of the log gain of what is put into a neuron, about 1.")
    readout: float = Field(1.0, gt=0, description="SD of what a motor neuron does to an output, in the SD of that output.")


class MotorConfig(BaseModel):
    """What a circuit's neurons do, and how that is fitted.

    Examples:
        >>> graphtwin.motor.MotorConfig(state="graded", fits=3).fits
        3
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["leaky", "graded", "rate"] = Field(
        "leaky",
        description="State of a neuron. leaky: synapses read r of the sender's potential; graded: r of what lies above its own threshold; "
        "rate: the state is a rate, r of what flows in.",
    )
    response: Literal["relu", "tanh", "sigmoid", "softplus"] = Field(
        "relu", description="Function r, which a neuron makes of its state or inflow."
    )
    dale: bool = Field(True, description="Whether a neuron of unknown sign has one sign for all its edges, or each edge its own.")
    weights: Literal["edges", "types"] = Field("edges", description="Whether each edge has a strength of its own, or each pair of types.")
    neurons: Literal["neurons", "types"] = Field(
        "neurons",
        description="Whether each neuron has its own time constant, constant input, threshold, gain of its input and part in the output, "
        "or each type; each has its own first state.",
    )
    silent_output: Literal["zero", "free"] = Field(
        "zero",
        description="What an output is while all motor neurons are silent. zero: nothing, as a muscle's tension or what is released is; "
        "free: any constant, fitted too, for angles, positions and whatever was centred.",
    )
    tau_s: float = Field(0.1, gt=0, description="Time constant that is expected, seconds.")
    substeps: int = Field(1, ge=1, description="Euler steps in a step of the data.")
    bound: float = Field(1e4, gt=0, description="Largest state, in units of the activity; one beyond it stops the run.")
    window: int = Field(50, ge=1, description="Steps of a window: gradients go back through one, and memory holds one.")
    batch: int = Field(12, ge=1, description="Trials that are run together.")
    descent: Literal["whole", "windows"] = Field(
        "whole",
        description="What a step of the fit sees. whole: trials from begin to end, first of one batch, then all, by a quasi-Newton method, "
        "an epoch a step; windows: one window of a batch, by AdamW, for circuits of which all trials take too long.",
    )
    beginning: Literal["prior", "active"] = Field(
        "prior",
        description="Where constant inputs begin. prior: at its mean or at a draw; active: where neurons are, on average, at what was "
        "recorded of them, or at `bias_mean` where nothing was: none begins silent, which no gradient would change. Where trials are "
        "fitted whole the first batch is then fitted twice, and what fell silent is moved again after either time.",
    )
    first_epochs: int | None = Field(
        None,
        ge=1,
        description="Steps at most that see the first batch alone, each time, where trials are fitted whole; those that all trials get "
        "where it is not set.",
    )
    memory: int = Field(150, ge=1, description="Steps of the quasi-Newton method that it learns the curvature from.")
    held_out: float = Field(0.2, gt=0, lt=1, description="Share of the trials that is kept from the fit and stops it.")
    fits: int = Field(
        4,
        ge=1,
        description="Fits; the first is at the prior's mean and says what is predicted, the others are at draws of the prior and say how "
        "far that may be off.",
    )
    priors: PriorConfig = Field(PriorConfig(), description="Priors of strengths, time constants, constant inputs and readouts.")
    fit: FitConfig = Field(
        FitConfig(epochs=400, patience=100, learning_rate=0.05, weight_decay=0.0),
        description="How long and how fast is fitted; learning rate and weight decay are of AdamW.",
    )
