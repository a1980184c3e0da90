"""Frames of reference: voxels, micrometres and the pia frame of the volume; the monitor of the stimuli; seconds and video frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class PiaFrame:
    """A rigid map from voxels to a frame whose y axis points from the pia to the white matter.

    Attributes:
        voxel_nm: Edge lengths of a voxel, nanometres.
        tilt_deg: Rotation in the x-y plane that brings y upright, degrees.
        pia_um: Height of the pia along the rotated y axis, micrometres; depth 0 lies there.
    """

    voxel_nm: tuple[float, float, float] = (4.0, 4.0, 40.0)
    tilt_deg: float = 0.0
    pia_um: float = 0.0


# Fitted between the voxel positions of materialization 661 and the pia-frame positions of 1300: 17,742 nuclei, residuals below 1e-9 um.
MINNIE65 = PiaFrame(voxel_nm=(4.0, 4.0, 40.0), tilt_deg=5.0, pia_um=396.67103221)


def um_from_voxels(voxels: Float[np.ndarray, "points 3"], voxel_nm: tuple[float, float, float]) -> Float[np.ndarray, "points 3"]:
    """Positions in micrometres; NaN stays NaN.

    Args:
        voxels: Positions x, y, z in voxels.
        voxel_nm: Edge lengths of a voxel, nanometres.
    """
    return voxels * (np.asarray(voxel_nm, dtype=np.float64) / 1000.0)


def house_order(axes: tuple[str, str, str]) -> tuple[int, int, int]:
    """Places of x, y and z in the order of `schema.POSITION`: depth, where an axis has that name, is the second.

    Args:
        axes: Names of the axes along x, y and z.
    """
    depth = axes.index("depth") if "depth" in axes else 1
    first, third = (place for place in range(3) if place != depth)
    return first, depth, third


def pia_from_voxels(voxels: Float[np.ndarray, "points 3"], frame: PiaFrame) -> Float[np.ndarray, "points 3"]:
    """Positions x, depth, z in micrometres, in the pia frame; NaN stays NaN.

    Args:
        voxels: Positions x, y, z in voxels.
        frame: The volume's voxel size and the pose of its pia.
    """
    x, y, z = um_from_voxels(voxels, frame.voxel_nm).T
    cosine, sine = np.cos(np.deg2rad(frame.tilt_deg)), np.sin(np.deg2rad(frame.tilt_deg))
    return np.column_stack([cosine * x - sine * y, sine * x + cosine * y - frame.pia_um, z])


def voxels_from_pia(pia: Float[np.ndarray, "points 3"], frame: PiaFrame) -> Float[np.ndarray, "points 3"]:
    """The inverse of `pia_from_voxels`, for looking a predicted position up in the volume.

    Args:
        pia: Positions x, depth, z in micrometres.
        frame: The pia frame that the positions are in.
    """
    x, depth, z = pia.T
    upright = depth + frame.pia_um
    cosine, sine = np.cos(np.deg2rad(frame.tilt_deg)), np.sin(np.deg2rad(frame.tilt_deg))
    micrometres = np.column_stack([cosine * x + sine * upright, cosine * upright - sine * x, z])
    return micrometres * (1000.0 / np.asarray(frame.voxel_nm, dtype=np.float64))


def edges_from_corners(positions: Float[np.ndarray, "points 2"], height: int, width: int) -> Float[np.ndarray, "points 2"]:
    """Positions whose -1 and 1 are the middles of a map's outermost pixels, with its edges at -1 and 1 instead: the half-pixel rule.

    Readouts of neuralpredictors, and so those of the Sensorium baselines, sample their map with torch's `grid_sample(align_corners=True)`,
    where -1 and 1 are middles of pixels. The package, and `fnn`, which made the published readouts of MICrONS (`position_stim_cvt`),
    sample with `align_corners=False`, where they are edges. A map of w pixels is w / (w - 1) times as wide as between those middles.

    Args:
        positions: Positions x, y with the middles of the outermost pixels at -1 and 1; NaN stays NaN.
        height: Number of rows of the map that the readout samples.
        width: Number of columns of the map.
    """
    return positions * (np.array([width - 1, height - 1]) / [width, height])


class Monitor(BaseModel):
    """The screen on which an animal sees its stimuli, the centre straight ahead of the eye; by default that of the minnie65 recordings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width_cm: float = Field(default=55.2, gt=0, description="Width of the screen in cm; its edges are -1 and 1 of x.")
    height_cm: float = Field(default=31.0, gt=0, description="Height of the screen in cm; its edges are -1 and 1 of y.")
    distance_cm: float = Field(default=15.0, gt=0, description="Distance from the eye to the centre of the screen, in cm.")

    def degrees_a_pixel(self, height: int, width: int) -> tuple[float, float]:
        """Degrees of visual angle that one pixel spans at the centre, down and across.

        Args:
            height: Number of rows of a video that fills the screen, pixels.
            width: Number of columns of the video, pixels.
        """
        down, across = np.degrees([self.height_cm / height / self.distance_cm, self.width_cm / width / self.distance_cm])
        return float(down), float(across)

    def stamp(self) -> dict[str, float]:
        """The columns `MONITOR_COLUMNS` of a table whose receptive fields are places on this monitor."""
        return {f"monitor_{name}": value for name, value in self.model_dump().items()}

    def __str__(self) -> str:
        """The monitor in words."""
        return f"{self.width_cm:g} x {self.height_cm:g} cm at {self.distance_cm:g} cm"


MINNIE65_MONITOR = Monitor()  # monitor of minnie65, and of the Sensorium recordings, as published: no release states one
MONITOR_COLUMNS = tuple(MINNIE65_MONITOR.stamp())


def frames_of(seconds: float, frame_rate_hz: float) -> int:
    """Video frames that a duration lasts, to the nearest; 0 for single pictures, which have no frame rate (NaN)."""
    return round(seconds * frame_rate_hz) if np.isfinite(frame_rate_hz) else 0
