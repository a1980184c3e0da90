"""Windows of degrees: Gaussians, discs and rings, whose edges are one pixel soft so that sizes change smoothly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.insilico.stimuli.parameters import Degrees, Right, Up
from graphtwin.insilico.stimuli.screen import Screen

if TYPE_CHECKING:
    import torch


class Disc(BaseModel):
    """A disc, or a ring where it has a hole."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shape: Literal["disc"] = Field("disc", repr=False, description="Shape of the aperture.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    diameter_deg: Degrees = 40.0
    inner_diameter_deg: float = Field(0.0, ge=0, description="Diameter of the hole, degrees; 0 for none.")


class Gaussian(BaseModel):
    """A round Gaussian of height 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shape: Literal["gaussian"] = Field("gaussian", repr=False, description="Shape of the aperture.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    sd_deg: Degrees = Field(10.0, description="Standard deviation, degrees.")


Aperture = Annotated[Disc | Gaussian, Field(discriminator="shape", description="Window that a stimulus is seen through.")]


def windows_of(
    apertures: Sequence[Disc | Gaussian], screen: Screen, device: str | torch.device
) -> Float[torch.Tensor, "clips height width"]:
    """What each aperture lets through, 0 to 1.

    Args:
        apertures: Windows, one a clip.
        screen: Screen that they lie on.
        device: Device on which they are made.
    """
    import torch

    def one(aperture: Disc | Gaussian) -> torch.Tensor:
        place = aperture.x_deg, aperture.y_deg
        if isinstance(aperture, Gaussian):
            return gaussians([(*place, aperture.sd_deg)], screen, device)
        return rings([(*place, aperture.diameter_deg, aperture.inner_diameter_deg)], screen, device)

    return torch.cat([one(aperture) for aperture in apertures])


def gaussians(
    asked: Sequence[tuple[float, float, float]], screen: Screen, device: str | torch.device
) -> Float[torch.Tensor, "clips height width"]:
    """Round Gaussians of height 1.

    Args:
        asked: Degrees right of and above the middle of the screen, and standard deviation in degrees, of each.
        screen: Screen that they lie on.
        device: Device on which they are made.
    """
    squared = _distances([(right, up) for right, up, _ in asked], screen, device) ** 2
    sd = squared.new_tensor([sd for *_, sd in asked])[:, None, None]
    return (-squared / (2 * sd**2)).exp()


def rings(
    asked: Sequence[tuple[float, float, float, float]], screen: Screen, device: str | torch.device
) -> Float[torch.Tensor, "clips height width"]:
    """Rings, or discs where the inner diameter is 0.

    Args:
        asked: Degrees right of and above the middle of the screen, outer and inner diameter in degrees, of each.
        screen: Screen that they lie on.
        device: Device on which they are made.
    """
    distances = _distances([(right, up) for right, up, *_ in asked], screen, device)
    outer, inner = (distances.new_tensor([row[column] for row in asked])[:, None, None] for column in (2, 3))
    return _inside(distances, outer, screen) - _inside(distances, inner, screen) * (inner > 0)


def growing_discs(
    centres: Sequence[tuple[float, float]], diameters: Sequence[Sequence[float]], screen: Screen, device: str | torch.device
) -> Float[torch.Tensor, "clips frames height width"]:
    """Discs whose diameter is another one in every frame.

    Args:
        centres: Degrees right of and above the middle of the screen of each.
        diameters: Diameters in degrees of each, one a frame.
        screen: Screen that they lie on.
        device: Device on which they are made.
    """
    a_pixel = _a_pixel(screen)
    distances = (_distances(centres, screen, device) / a_pixel).float()
    radii = distances.new_tensor(np.asarray(diameters, dtype=np.float64) / (2 * a_pixel) + 0.5)
    return (radii[:, :, None, None] - distances[:, None]).clamp_(0, 1)


def _distances(
    centres: Sequence[tuple[float, float]], screen: Screen, device: str | torch.device
) -> Float[torch.Tensor, "clips height width"]:
    """Degrees from some places to all pixels."""
    right, up = screen.places(device)
    x, y = right.new_tensor(np.asarray(centres, dtype=np.float64)).T[:, :, None, None]
    return (right - x).hypot(up - y)


def _inside(distances: torch.Tensor, diameters: torch.Tensor, screen: Screen) -> torch.Tensor:
    """The part of each pixel that lies within a disc, its edge one pixel wide."""
    return ((diameters / 2 - distances) / _a_pixel(screen) + 0.5).clamp(0, 1)


def _a_pixel(screen: Screen) -> float:
    """Degrees that an edge is wide: the side of a square as large as a pixel."""
    return float(np.sqrt(np.prod(screen.degrees_a_pixel)))
