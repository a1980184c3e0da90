"""What an optimised stimulus may be: its contrast, its grey levels and where it lies; any raw pattern is brought to it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.responders import Responder, inputs_of, levels_of
from graphtwin.insilico.stimuli import Level, beside, in_words

if TYPE_CHECKING:
    import torch

OF_INPUTS_SD = 1.0  # contrast of inputs without places: what trials have, all of whose inputs count, not a small part of a screen
ROUNDS = 200  # times, at most, that contrast is shared out anew among the pixels that are within the grey levels


class OptimiseConfig(BaseModel):
    """Settings of optimised stimuli: what they may be, how long they are shown, and how long they are sought."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contrast_sd: float = Field(
        0.25,
        gt=0,
        allow_inf_nan=False,
        description="Root mean square contrast over pixels and frames, in standard deviations of the grey levels that units are used to.",
    )
    darkest: float = Field(
        0.0,
        allow_inf_nan=False,
        description="Lowest grey level, or lowest input of a circuit; no sense is given less than in trials.",
    )
    brightest: float = Field(
        255.0,
        allow_inf_nan=False,
        description="Highest grey level, or highest input of a circuit; no sense is given more than in trials.",
    )
    cycles_a_pixel: float = Field(
        0.35, gt=0, le=1.5, description="Spatial frequency at which amplitudes end; at half of it they are halved."
    )
    cycles_a_frame: float = Field(0.35, gt=0, le=1.5, description="Temporal frequency of videos at which amplitudes end, likewise.")
    moving: bool = Field(False, description="Seek videos; otherwise pictures, which stand still where the responder sees videos.")
    duration_s: float = Field(0.5, gt=0, description="Seconds that a stimulus is shown; single pictures have no duration.")
    onset_s: float = Field(0.2, ge=0, description="First seconds of a stimulus that do not count, and of the grey screen before it.")
    starts: int = Field(64, ge=1, description="Patterns of noise, the best of which for a unit is where it begins.")
    steps: int = Field(100, ge=1, description="Steps at most; one forward and one backward pass each.")
    tolerance: float = Field(
        1e-3, gt=0, description="A unit is done when five steps in a row gain less than this share of all gained so far."
    )
    batch: int = Field(100, ge=1, description="Stimuli that are answered together; fewer need less memory.")
    seed: int = Field(0, ge=0, description="Seed of the noise.")


@dataclass(frozen=True)
class Budget:
    """The contrast and the limits of stimuli around a background, in standard deviations of the grey levels that units are used to.

    Attributes:
        shape: Frames, height and width of a stimulus; one frame where it stands still.
        grey: Mean and standard deviation of the grey levels that units are used to; of inputs they may be one each.
        rms: Root mean square contrast over all pixels and frames.
        levels: Darkest and brightest grey levels, likewise.
        mask: What is let through of each pixel, 0 to 1; None lets all through.
    """

    shape: tuple[int, int, int]
    grey: tuple[Level, Level]
    rms: float
    levels: tuple[Level, Level]
    mask: Float[np.ndarray, "height width"] | None = None

    @property
    def limits(self) -> tuple[Level, Level]:
        """Darkest and brightest deviations."""
        mean, deviation = self.grey
        return (self.levels[0] - mean) / deviation, (self.levels[1] - mean) / deviation

    def room(
        self, background: Float[torch.Tensor, "*stimuli frames height width"]
    ) -> tuple[Float[torch.Tensor, "*stimuli frames height width"], Float[torch.Tensor, "*stimuli frames height width"]]:
        """How much darker (below 0) and brighter than a background each pixel may be."""
        low, high = (beside(limit, background) for limit in self.limits)
        return (low - background).clamp(max=0), (high - background).clamp(min=0)

    def held(
        self, raw: Float[torch.Tensor, "stimuli frames height width"], background: Float[torch.Tensor, "*stimuli frames height width"]
    ) -> Float[torch.Tensor, "stimuli frames height width"]:
        """The raw pattern times one number, cut at the limits, that number such that the contrast is the one asked for.

        Gradients flow through that number. What is cut takes no part: the rest shares what contrast is left.

        Args:
            raw: Patterns; their size does not matter, but that they are not 0.
            background: What the pattern is added to, deviations.
        """
        import torch

        if self.mask is not None:
            raw = raw * torch.as_tensor(self.mask, dtype=raw.dtype, device=raw.device)
        low, high = self.room(background)
        with torch.no_grad():
            edge = torch.where(raw > 0, high, low).expand_as(raw)
            free = (raw != 0).expand_as(raw).clone()
            for _ in range(ROUNDS):
                left = (self.energy - (edge.square() * ~free * (raw != 0)).sum((1, 2, 3), keepdim=True)).clamp(min=0)
                scale = left.sqrt() / (raw.square() * free).sum((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-30)
                beyond = free & ((scale * raw).abs() > edge.abs())
                if not beyond.any():
                    break
                free &= ~beyond
        size = (raw.square() * free).sum((1, 2, 3), keepdim=True).clamp(min=1e-30).sqrt()
        return torch.where(free, left.sqrt() / size * raw, edge * (raw != 0))

    @property
    def way(self) -> Int[np.ndarray, "*pixels"]:
        """1 where nothing may be below what units are used to, as of an input that only excites, -1 where nothing may be above, else 0.

        One number for all pixels, or one each.
        """
        low, high = self.limits
        return np.asarray(np.equal(low, 0).astype(np.int64) - np.equal(high, 0).astype(np.int64))

    def directed(self, raw: Float[torch.Tensor, "stimuli frames height width"]) -> Float[torch.Tensor, "stimuli frames height width"]:
        """Patterns that go the way that they may: where it is one alone their squares, for what is cut off has no gradient to come back by.

        Where some pixels go one way and others both, squares are of the size of the pattern that they are made of.

        Args:
            raw: Patterns.
        """
        way = np.unique(self.way)
        if len(way) == 1:
            return int(way[0]) * raw.square() if way[0] else raw
        import torch

        one_way = torch.as_tensor(self.way, dtype=raw.dtype, device=raw.device)
        size = raw.square().mean((1, 2, 3), keepdim=True).clamp(min=1e-30).sqrt()
        return torch.where(one_way == 0, raw, one_way * raw.square() / size)

    @property
    def energy(self) -> float:
        """Sum of squared deviations over all pixels and frames."""
        return self.rms**2 * float(np.prod(self.shape))

    def require_possible(self, background: Float[np.ndarray, "*stimuli frames height width"]) -> None:
        """Raise where the grey levels hold less contrast than is asked for, whatever the pattern.

        Args:
            background: What patterns are added to, deviations.
        """
        beyond = (background < self.limits[0] - 1e-6) | (background > self.limits[1] + 1e-6)
        if beyond.any():
            raise ValueError(
                f"background: {int(beyond.sum())} of {beyond.size} pixels are beyond the grey levels {self._levels}. Give one within them."
            )
        let = np.ones(self.shape[1:]) if self.mask is None else self.mask > 0
        room = self.limits[1] - background, background - self.limits[0]
        least = np.where(self.way, np.maximum(*room), np.minimum(*room)) * let
        most = float(np.sqrt(np.square(least).mean((-3, -2, -1)).min()))
        if self.rms > most:
            seen = "" if self.mask is None else f", of which the mask lets {let.mean():.0%} through"
            raise ValueError(
                f"budget: a root mean square contrast of {self.rms:g} standard deviations, but grey levels {self._levels} around "
                f"{in_words(self.grey[0])} hold {most:.3g} on {self.shape[1]} x {self.shape[2]} pixels{seen}. "
                "Lower contrast_sd, or widen the levels."
            )

    @property
    def _levels(self) -> str:
        return f"{np.min(self.levels[0]):g} to {np.max(self.levels[1]):g}"


def budget_of(responder: Responder, config: OptimiseConfig, mask: Float[np.ndarray, "height width"] | None = None) -> Budget:
    """What stimuli of a responder may be.

    Args:
        responder: Responder that sees them.
        config: Settings.
        mask: What is let through of each pixel, 0 to 1.
    """
    grey, _ = responder.grey
    if config.darkest >= config.brightest:
        raise ValueError(
            f"{responder.name}: darkest grey level {config.darkest:g} is not below the brightest, {config.brightest:g}. Give the range "
            "that its screen shows."
        )
    if not (config.darkest <= np.min(grey) and np.max(grey) <= config.brightest):
        raise ValueError(
            f"{responder.name}: its mean grey level {in_words(grey)} is not between {config.darkest:g} and {config.brightest:g}. "
            "Give the range of its grey levels as darkest and brightest."
        )
    if mask is not None and (mask.shape != tuple(responder.size) or not ((mask >= 0) & (mask <= 1)).all() or not mask.any()):
        raise ValueError(f"mask: shape {mask.shape}; numbers of 0 to 1, some above 0, are asked for, of shape {tuple(responder.size)}.")
    side = max(responder.size)
    if config.cycles_a_pixel * side < 1 and not inputs_of(responder):
        raise ValueError(
            f"{responder.name}: cycles_a_pixel {config.cycles_a_pixel:g} ends below one cycle across its {side} pixels, so that pictures "
            f"are even. Give more than {1 / side:.2g}."
        )
    shape = (shown_frames(responder, config)[1] if config.moving else 1, *responder.size)
    return Budget(shape, responder.grey, config.contrast_sd, _levels(responder, config), mask)


def _levels(responder: Responder, config: OptimiseConfig) -> tuple[Level, Level]:
    """Those of the settings; an input that has its own goes no farther than these."""
    low, high = levels_of(responder)
    darkest = np.maximum(low, config.darkest) if isinstance(low, np.ndarray) else config.darkest
    brightest = np.minimum(high, config.brightest) if isinstance(high, np.ndarray) else config.brightest
    return darkest, brightest


def usual_config(responder: Responder) -> OptimiseConfig:
    """Settings of a responder where none are given: within its own levels; inputs of a circuit as strong as those of its trials.

    Args:
        responder: Responder that is shown stimuli.
    """
    return OptimiseConfig.model_validate(usual_settings(responder))


def usual_settings(responder: Responder) -> dict[str, float]:
    """The settings that differ from those of pictures on a screen, by name; see `usual_config`."""
    low, high = levels_of(responder)
    return {"darkest": float(np.min(low)), "brightest": float(np.max(high))} | (
        {"contrast_sd": OF_INPUTS_SD} if inputs_of(responder) else {}
    )


def shown_frames(responder: Responder, config: OptimiseConfig) -> tuple[int, int]:
    """Frames of the grey screen before a stimulus, which are also those of it that do not count, and frames of the stimulus.

    Args:
        responder: Responder that sees it.
        config: Settings.
    """
    rate = responder.frame_rate_hz
    if not np.isfinite(rate):
        if config.moving:
            raise ValueError(f"{responder.name}: knows single pictures only, and a video is asked for. Seek pictures: moving = false.")
        return 0, 1
    onset, frames = frames_of(config.onset_s, rate), frames_of(config.duration_s, rate)
    if frames <= onset:
        raise ValueError(
            f"{responder.name}: a stimulus of {frames} frames at {rate:g} Hz, of which {onset} do not count. Give a longer duration_s."
        )
    return onset, frames
