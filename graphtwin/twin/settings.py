"""Settings of the functional twin and of its population model: names and bounds, which are looked at before torch is loaded."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import Monitor
from graphtwin.training import FitConfig
from graphtwin.twin.data import ClipConfig, ReverseCorrelationConfig

FamilyName = Literal["poisson", "gaussian", "zero_inflated_gamma", "negative_binomial"]
Kind = Literal["zero_inflated", "counts", "continuous"]
POSITION_FROM_CORTEX = "position_from_cortex"  # a setting of the twin that earlier versions had; off, it changed nothing
SPIKE = 0.02  # width of the spike at 0, in standard deviations of the unit: smaller responses count as none
LEFT_OUT_S = 5 / 3  # seconds at the start of a clip that the field's metric leaves out: 50 frames at 30 Hz


class ConvolutionalConfig(BaseModel):
    """The default core, recurrent or purely feed-forward (`twin.core.kind`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["recurrent", "feedforward"] = Field(
        "recurrent", description="Architecture of the core: feedforward is recurrent without its recurrence, dense_lstm the published one."
    )
    size: int = Field(6, ge=2, description="Side of the first kernel, in pixels; if even, positions lie in the middle of what they see.")
    first: int = Field(32, ge=1, description="Channels of the first convolution, at half the resolution of the video.")
    hidden: int = Field(40, ge=4, description="Channels of the hidden layers, at a quarter of the resolution.")
    blocks: int = Field(1, ge=0, description="Residual blocks, each of which shifts a quarter of the channels in time.")
    features: int = Field(48, ge=1, description="Channels of the core's output, which readouts weigh.")
    normalised: bool = Field(True, description="Whether channels are divided by what all of them do nearby (divisive normalisation).")
    feature_gains: bool = Field(
        True,
        description="Whether behaviour and eye movements give hidden channels gains of each animal, so that what units prefer changes.",
    )


class DenseLstmConfig(BaseModel):
    """The core as published: dense blocks and a recurrence with attention (Wang et al. 2025, doi:10.1038/s41586-025-08829-y)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dense_lstm"] = Field("dense_lstm", description="Architecture: dense_lstm, as published.")
    growth: int = Field(16, ge=1, description="Channels that a layer of a dense block adds.")
    layers: int = Field(3, ge=1, description="Layers of a dense block; each of the two blocks halves the resolution first.")
    hidden: int = Field(128, ge=1, description="Channels of the recurrent state (256 as published).")
    heads: int = Field(4, ge=1, description="Heads of the attention within the recurrence; 0 leaves attention out.")
    features: int = Field(64, ge=1, description="Channels of the core's output, which readouts weigh.")


CoreConfig = Annotated[ConvolutionalConfig | DenseLstmConfig, Field(discriminator="kind")]


class PerspectiveConfig(BaseModel):
    """What the eye may do to the view."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learn: bool = Field(True, description="Whether the view follows the eye, where its position was recorded; false takes the eye to rest.")
    window_deg: tuple[Annotated[float, Field(gt=0, lt=150)], Annotated[float, Field(gt=0, lt=150)]] | None = Field(
        None,
        description="Width and height of the view about the gaze, in degrees, where gaze is declared; if absent, those of the screen.",
    )
    fovea_deg: float | None = Field(
        None,
        gt=0,
        description="Eccentricity in degrees at which the scale of the view has halved, where gaze is declared; if absent, it is uniform.",
    )
    error_deg: float | None = Field(
        None,
        ge=0,
        description="SD in degrees of the error of declared gaze, over which answers are averaged; if absent, as the recording declares.",
    )
    saccades: bool = Field(
        True,
        description="Whether speed and direction of eye movements, and blinks, modulate answers as behaviour does, where gaze is declared.",
    )


class TwinConfig(BaseModel):
    """What the functional twin is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: CoreConfig = Field(
        default_factory=ConvolutionalConfig, description="The core, which all animals share; `core.kind` chooses its architecture."
    )
    perspective: PerspectiveConfig = Field(default_factory=PerspectiveConfig, description="How eye position changes what the eye sees.")
    family: FamilyName | None = Field(
        None,
        description="Distribution of a response given stimulus and behaviour; if absent, gaussian where any are negative, else poisson.",
    )
    spread: float = Field(0.02, gt=0, description="Standard deviation of readout positions to begin with, in half videos.")
    bf16: bool = Field(True, description="Whether the core computes in bfloat16 where the processor has instructions for it.")


class FoundationConfig(BaseModel):
    """How the functional twin is made and trained (`graphtwin twin train`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    twin: TwinConfig = Field(default_factory=TwinConfig, description="What the twin is made of.")
    monitor: Monitor | None = Field(None, description="Screen that the animals saw; if absent, as each recording says.")
    clips: ClipConfig = Field(default_factory=ClipConfig, description="Which trials are fitted, and at which frame rate.")
    receptive_fields: ReverseCorrelationConfig = Field(
        default_factory=ReverseCorrelationConfig, description="How receptive fields are found before the fit."
    )
    fit: FitConfig = Field(
        default_factory=lambda: FitConfig(epochs=12, patience=6, learning_rate=3e-3, weight_decay=0.0),
        description="How long the fit is; its learning rate is that of biases and modulation.",
    )
    expected_delay_s: float = Field(
        4.4 / 30, ge=0, description="Seconds from stimulus to answer that the core sees best; answers that come later are delayed."
    )
    steps: int = Field(
        90, ge=1, description="Steps of an epoch, each on windows of one animal; the animals take turns. Few pictures take fewer."
    )
    windows: int = Field(
        4, ge=1, description="Windows of a recording that a step reads; of single pictures as many as have their frames at 30 Hz."
    )
    window_s: float = Field(2.0, gt=0, description="Length of a window, in seconds.")
    left_out_s: float = Field(0.4, ge=0, description="Seconds at the start of each window that do not count in the loss.")
    kernel_learning_rate: float = Field(0.02, gt=0, description="Learning rate of the core's kernels, by orthogonalised momentum.")
    readout_learning_rate: float = Field(0.01, gt=0, description="Learning rate of the weights, biases and gains of readouts.")
    position_learning_rate: float = Field(0.002, gt=0, description="Learning rate of readout positions.")
    perspective_learning_rate: float = Field(0.01, gt=0, description="Learning rate of the way from eye position to view.")
    settle: bool = Field(
        True, description="Whether readouts become, after the fit, their posterior means under what those of all units have in common."
    )
    location: bool = Field(
        True, description="Whether neighbours in cortex tell where a unit looks and how it weighs features, as far as they are found to."
    )
    readout_weight_decay: float = Field(0.5, ge=0, description="Weight decay of the feature weights of readouts.")


LATER_SETTINGS = {"location": False, "feature_gains": False}  # of twins and cores from before these were settings


def as_told_today(told: dict[str, Any], origin: str) -> dict[str, Any]:
    """Settings that an earlier version wrote, as this one has them; an error where a twin was made in a way that is no more.

    Args:
        told: Nested settings of `FoundationConfig`; twins from before `location` or the core's `feature_gains` were settings had neither.
        origin: Name of the file they are from, for the error.
    """
    twin = told.get("twin", {})
    if not isinstance(twin, dict):
        return told  # validation says what is wrong
    if twin.get(POSITION_FROM_CORTEX) is True:
        raise ValueError(
            f"{origin}: twin.{POSITION_FROM_CORTEX} is true: its units look where a function of their place in cortex put them, which this "
            "version does not have. Train again: `location`, on where it is left out, takes its place; or use the version that wrote it."
        )
    core = twin.get("core")
    if isinstance(core, dict) and core.get("kind", "recurrent") in ("recurrent", "feedforward"):
        core = {"feature_gains": LATER_SETTINGS["feature_gains"]} | core
    twin = {name: core if name == "core" else value for name, value in twin.items() if (name, value) != (POSITION_FROM_CORTEX, False)}
    return {"location": LATER_SETTINGS["location"]} | told | {"twin": twin}


class PopulationConfig(BaseModel):
    """What the units of a population share beyond the twin's predictions, and how it is fitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = Field(
        "zero_inflated", description="Kind of responses: zero_inflated (deconvolved), counts, or continuous (any real number)."
    )
    spike_width: float = Field(SPIKE, gt=0, description="Responses up to here lie in the spike at zero (zero_inflated), in their own unit.")
    n_latents: int = Field(8, ge=0, description="Shared latents at most; fewer where the training responses do not show so many.")
    marginals: FitConfig = Field(
        FitConfig(epochs=20, patience=5, learning_rate=0.03, weight_decay=0.0), description="How the distribution of each unit is fitted."
    )
    latents: FitConfig = Field(
        FitConfig(epochs=12, patience=3, learning_rate=0.02, weight_decay=0.0), description="How the shared latents are fitted."
    )
    device: str = Field("cpu", description="Device on which torch computes: cpu or cuda.")


class RecordedPopulationConfig(BaseModel):
    """What is read of a recording, and how the latent population model is fitted to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples_hz: float = Field(
        7.5, gt=0, description="Samples that are read a second; microscopes are no faster, and films repeat their answers."
    )
    left_out_s: float = Field(LEFT_OUT_S, ge=0, description="Seconds at the start of each clip that do not count; pictures count whole.")
    population: PopulationConfig = Field(default_factory=PopulationConfig, description="How the population model is fitted.")
