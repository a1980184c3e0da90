"""Settings of the two networks of the graph model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from graphtwin.training import FitConfig


class NeuronConfig(BaseModel):
    """How the graph model learns cell type, layer and position of neurons."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(48, ge=2, description="Width of the encoder, in hidden units.")
    landmarks: int = Field(300, ge=1, description="Training neurons to whose function that of every neuron is compared.")
    batch: int = Field(512, ge=1, description="Most neurons in a step of the fit; a sixth of them where that is less.")
    members: int | None = Field(
        None, ge=1, description="Fits that are averaged, each stopped by other neurons; if absent, 5 where neurons are few, else 2."
    )
    fit: FitConfig = Field(
        FitConfig(epochs=16, patience=5, learning_rate=4e-3, weight_decay=0.05), description="How each of the fits is made."
    )


class PairConfig(BaseModel):
    """How the graph model learns who connects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(48, ge=4, description="Width of the connectivity head, in hidden units.")
    negatives: float | None = Field(
        None, gt=0, le=1, description="Share of the unconnected pairs that are drawn anew in every epoch; if absent, about 80,000 pairs."
    )
    batch: int | None = Field(None, ge=1, description="Pairs in a step of the fit; if absent, so many that an epoch has 13 steps or more.")
    members: int | None = Field(
        None, ge=1, description="Fits that are averaged, each stopped by other axons; if absent, 5 where pairs are few, else 1."
    )
    validation: float = Field(0.1, gt=0, lt=1, description="Share of the training axons that stop the fit and calibrate it, if it is one.")
    fit: FitConfig = Field(FitConfig(epochs=8), description="How the fit is made.")
