"""Perspective: where the eye points decides which part of the monitor falls on which part of the retina; learned per animal."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

from graphtwin.coordinates import Monitor
from graphtwin.twin.settings import PerspectiveConfig

LARGEST_DEGREES = 25.0  # degrees that no learned rotation exceeds: beyond them the view would leave the monitor


class Perspective(nn.Module):
    """From eye position to three angles (yaw, pitch, roll) and the monitor as the turned eye sees it.

    A ray goes from the eye through each point of the view; turned with the eye, it meets the monitor's plane where the view takes its grey
    level from. The model is that of Wang et al. 2025, doi:10.1038/s41586-025-08829-y, with a plane that stands upright and whose distance
    is learned: the further away it is, the more a turn moves all parts of the view alike.
    """

    def __init__(self, config: PerspectiveConfig, monitor: Monitor, hidden: int = 16) -> None:
        """A network that starts at no rotation, so that the view is the video itself, and at the distance of the monitor."""
        super().__init__()
        self.config, self.monitor = config, monitor
        self.log_distance = nn.Parameter(torch.tensor(monitor.distance_cm).log())
        last = nn.Linear(hidden, 3)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.angles = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), last)

    def forward(
        self, video: Float[torch.Tensor, "clips frames height width"], eye_position: Float[torch.Tensor, "clips frames 2"]
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """The view: the video turned against the eye, the monitor's edge held beyond it."""
        if not self.config.learn:
            return video
        grid = self.rays(eye_position.flatten(0, 1), video.shape[2], video.shape[3])
        seen = functional.grid_sample(video.flatten(0, 1)[:, None], grid, padding_mode="border", align_corners=False)
        return seen.view_as(video)

    def rotations(self, eye_position: Float[torch.Tensor, "frames 2"]) -> Float[torch.Tensor, "frames 3 3"]:
        """Rotation of the eye at each position, by roll, then pitch, then yaw."""
        largest = torch.pi * LARGEST_DEGREES / 180
        yaw, pitch, roll = (largest * torch.tanh(self.angles(eye_position))).unbind(1)
        zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
        turned = [
            [yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()],
            [one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()],
            [roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one],
        ]
        about_y, about_x, about_z = (torch.stack(entries, dim=1).view(-1, 3, 3) for entries in turned)
        return about_y @ about_x @ about_z

    def rays(self, eye_position: Float[torch.Tensor, "frames 2"], height: int, width: int) -> Float[torch.Tensor, "frames height width 2"]:
        """Point of the monitor (edges at -1 and 1) on which the ray through each point of the view falls."""
        half = eye_position.new_tensor([self.monitor.width_cm / 2, self.monitor.height_cm / 2])
        x = (2 * torch.arange(width, dtype=half.dtype, device=half.device) + 1) / width - 1
        y = (2 * torch.arange(height, dtype=half.dtype, device=half.device) + 1) / height - 1
        points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1) * half
        distance = self.log_distance.exp()
        sight = torch.cat([points, distance.expand(height, width, 1)], dim=-1).view(1, -1, 3) @ self.rotations(eye_position).transpose(1, 2)
        met = sight[..., :2] * distance / torch.maximum(sight[..., 2:], 0.1 * distance)
        return (met / half).view(len(eye_position), height, width, 2)
