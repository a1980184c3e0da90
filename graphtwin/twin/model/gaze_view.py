"""What the eye sees where the direction of gaze is known: the screen about the line of sight, in a window that may be finer in its middle.

A place of the view is a place of the retina. Its coordinates are degrees rightwards and upwards from the line of sight, each the angle
whose tangent is the place's on a plane at right angles to that line. The eye turns upwards and then, about the vertical, rightwards (Fick).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional

from graphtwin.coordinates import Monitor
from graphtwin.twin.model.convolution import State
from graphtwin.twin.settings import PerspectiveConfig

LEAST_PIXELS = 8  # side of the smallest view: a core halves it twice
FARTHEST_DEG = 80.0  # degrees from the line of sight beyond which no place of a view lies: tangents stay finite
LEAST_AHEAD = 0.1  # share of its length that a ray runs ahead at least; others miss the screen


class GazeView(nn.Module):
    """From gaze in degrees and the film on the screen to the film on the retina; grey, the mean, beyond the screen.

    The view is `window_deg` wide and high, or as large as the screen, and as fine in its middle as the film is in the middle of the screen.
    With `fovea_deg` its scale falls off with eccentricity r as 1 / (1 + r / fovea_deg). Gaze is multiplied by a learned
    calibration, at first the identity, and moved by a learned offset, degrees, at first 0.
    """

    def __init__(self, config: PerspectiveConfig, monitor: Monitor) -> None:
        """A view of the screen by an eye that looks where measured gaze says."""
        super().__init__()
        self.config, self.monitor = config, monitor
        self.calibration = nn.Parameter(torch.eye(2))
        self.offset = nn.Parameter(torch.zeros(2))
        screen = [2 * math.degrees(math.atan(side / 2 / monitor.distance_cm)) for side in (monitor.width_cm, monitor.height_cm)]
        self.half_deg = tuple(side / 2 for side in (config.window_deg or screen))
        self.is_plane = config.window_deg is None and config.fovea_deg is None

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the view, pixels, of a film of so many that fills the screen."""
        if self.is_plane:
            return height, width
        down, across = self.monitor.degrees_a_pixel(height, width)
        sides = (2 * self._compressed(half) / step for half, step in zip(self.half_deg[::-1], (down, across), strict=True))
        rows, columns = (max(LEAST_PIXELS, round(side)) for side in sides)
        return rows, columns

    def degrees(self, positions: Float[torch.Tensor, "*any 2"]) -> Float[torch.Tensor, "*any 2"]:
        """Degrees rightwards and upwards of places of the view, x rightwards and y downwards with edges at -1 and 1."""
        upwards = positions * positions.new_tensor([1.0, -1.0])
        if self.is_plane:
            tangents = upwards.new_tensor([math.tan(math.radians(half)) for half in self.half_deg])
            return torch.rad2deg(torch.atan(upwards * tangents))
        places = upwards * upwards.new_tensor([self._compressed(half) for half in self.half_deg])
        if self.config.fovea_deg is None:
            return places
        away = places.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        fovea = self.config.fovea_deg
        return places * (fovea * torch.expm1(away / fovea) / away)

    def positions(self, degrees: Float[torch.Tensor, "*any 2"]) -> Float[torch.Tensor, "*any 2"]:
        """The places of the view that lie so many degrees rightwards and upwards: the inverse of `degrees`."""
        if self.is_plane:
            tangents = degrees.new_tensor([math.tan(math.radians(half)) for half in self.half_deg])
            found = torch.tan(torch.deg2rad(degrees.clamp(-FARTHEST_DEG, FARTHEST_DEG))) / tangents
        else:
            places = degrees
            if self.config.fovea_deg is not None:
                away = degrees.norm(dim=-1, keepdim=True).clamp(min=1e-6)
                places = degrees * (self.config.fovea_deg * torch.log1p(away / self.config.fovea_deg) / away)
            found = places / degrees.new_tensor([self._compressed(half) for half in self.half_deg])
        return found * found.new_tensor([1.0, -1.0])

    def forward(
        self, video: Float[torch.Tensor, "clips frames height width"], gaze: Float[torch.Tensor, "clips frames 2"]
    ) -> Float[torch.Tensor, "clips frames rows columns"]:
        """The film on the retina; `gaze` without gaps, see `held`."""
        rows, columns = self.size(video.shape[2], video.shape[3])
        grid = self.rays(gaze.flatten(0, 1), rows, columns)
        seen = functional.grid_sample(video.flatten(0, 1)[:, None], grid, padding_mode="zeros", align_corners=False)
        return seen.view(*video.shape[:2], rows, columns)

    def rays(self, gaze: Float[torch.Tensor, "frames 2"], rows: int, columns: int) -> Float[torch.Tensor, "frames rows columns 2"]:
        """Point of the screen (edges at -1 and 1) on which the ray through each pixel of the view falls."""
        x = (2 * torch.arange(columns, dtype=gaze.dtype, device=gaze.device) + 1) / columns - 1
        y = (2 * torch.arange(rows, dtype=gaze.dtype, device=gaze.device) + 1) / rows - 1
        return self.met(gaze, torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).view(-1, 2)).view(len(gaze), rows, columns, 2)

    def met(
        self, gaze: Float[torch.Tensor, "frames 2"], positions: Float[torch.Tensor, "places 2"]
    ) -> Float[torch.Tensor, "frames places 2"]:
        """Point of the screen (edges at -1 and 1) on which the ray through each place of the view falls, for every direction of gaze."""
        angles = torch.deg2rad(self.degrees(positions).clamp(-FARTHEST_DEG, FARTHEST_DEG))
        right, down = torch.tan(angles[:, 0]), -torch.tan(angles[:, 1])
        yaw, pitch = torch.deg2rad(gaze @ self.calibration.T + self.offset).unbind(1)
        along = down * pitch.sin()[:, None] + pitch.cos()[:, None]
        lower = down * pitch.cos()[:, None] - pitch.sin()[:, None]
        across = right * yaw.cos()[:, None] + along * yaw.sin()[:, None]
        ahead = along * yaw.cos()[:, None] - right * yaw.sin()[:, None]
        far = self.monitor.distance_cm / torch.maximum(ahead, LEAST_AHEAD * (1 + right**2 + down**2).sqrt())
        half = gaze.new_tensor([self.monitor.width_cm / 2, self.monitor.height_cm / 2])
        return torch.stack([across * far, lower * far], dim=-1) / half

    def _compressed(self, eccentricity_deg: float) -> float:
        """Degrees at the scale of the middle that lie between the line of sight and an eccentricity."""
        fovea = self.config.fovea_deg
        return eccentricity_deg if fovea is None else fovea * math.log1p(eccentricity_deg / fovea)


def missing(gaze: Float[torch.Tensor, "clips frames 2"]) -> Bool[torch.Tensor, "clips frames"]:
    """Whether nobody knows where the eye looked: blinks, and a tracker that lost it."""
    return ~gaze.isfinite().all(-1)


def held(gaze: Float[torch.Tensor, "clips frames 2"], state: State, outgoing: State) -> Float[torch.Tensor, "clips frames 2"]:
    """Gaze without gaps: where it is missing the eye is taken to look where it last did.

    Before anything is known of a clip it is the gaze that is known first, and straight ahead where none ever is.

    Args:
        gaze: Gaze in degrees, NaN where it is missing.
        state: State that earlier frames of the clips left.
        outgoing: State for the next call.
    """
    known = ~missing(gaze)
    frames = torch.arange(gaze.shape[1], device=gaze.device)
    last = torch.where(known, frames, -1).cummax(1).values
    first = known.float().argmax(1)  # 0 where none is known
    filled = torch.where(known[..., None], gaze, 0.0)
    found = filled.gather(1, last.clamp(min=0)[..., None].expand(-1, -1, 2))
    before = state["gaze"] if "gaze" in state else filled.gather(1, first[:, None, None].expand(-1, 1, 2))
    found = torch.where((last >= 0)[..., None], found, before)
    outgoing["gaze"] = found[:, -1:].detach()
    return found
