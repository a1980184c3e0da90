"""Settings of pictures with a shortcut."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ShortcutConfig(BaseModel):
    """What `graphtwin robust simulate` makes: pictures of four classes, and responses of a population that is robust by construction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="The root of every random draw.")
    pictures: int = Field(1000, ge=80, le=100_000, description="Pictures, of four classes alike.")
    size: int = Field(16, ge=12, le=64, description="Height and width of the pictures, pixels.")
    coarse: float = Field(0.12, ge=0, le=0.5, description="Contrast of the coarse gratings, as a share of black to white.")
    fine: float = Field(
        0.1,
        ge=0,
        le=0.15,
        description="Contrast by which the fine gratings, the shortcut, are stronger in each next class, as a share of black to white; "
        "the first class has none.",
    )
    light: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="SD of changes of light, of the whole picture and of slow ones over it, that say nothing of the class, as a share of "
        "black to white.",
    )
    noise: float = Field(0.05, ge=0, le=0.5, description="SD of the noise of each pixel, as a share of black to white.")
    shuffled: bool = Field(
        False, description="Whether each picture has the responses to another: the same population, of which nothing can be learned."
    )
