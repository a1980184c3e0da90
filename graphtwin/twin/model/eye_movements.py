"""Eye movements as the brain may feel them: how fast the eye turns, whither (a corollary discharge), and whether it is shut.

Answers change about a saccade, in each area in its own way (Bremmer et al. 2009, doi:10.1523/JNEUROSCI.2908-09.2009).
"""

from __future__ import annotations

import torch
from jaxtyping import Float

from graphtwin.twin.model.convolution import State
from graphtwin.twin.model.gaze_view import missing

CHANNELS = 4  # speed, step rightwards, step upwards, whether gaze is missing
SLOW_DEG_S = 30.0  # speed that still counts as slow: drift is below it, saccades are ten times faster
SHORT_DEG = 2.0  # step from frame to frame at which half of its direction is told: longer ones are saccades


def eye_movements(
    measured: Float[torch.Tensor, "clips frames 2"], looks: Float[torch.Tensor, "clips frames 2"], frame_rate_hz: float, state: State
) -> Float[torch.Tensor, "clips frames channels"]:
    """Channels of how the eye moves, each between -1 and about 3; an eye that rests has 0 throughout.

    Args:
        measured: Gaze in degrees, NaN where it is missing.
        looks: The same without gaps, see `held`.
        frame_rate_hz: Frames a second.
        state: State that earlier frames of the clips left.
    """
    before = torch.cat([state["gaze"] if "gaze" in state else looks[:, :1], looks[:, :-1]], dim=1)
    step = looks - before
    length = step.norm(dim=-1, keepdim=True)
    speed = torch.log1p(length * frame_rate_hz / SLOW_DEG_S)
    return torch.cat([speed, step / (SHORT_DEG + length), missing(measured)[..., None].to(speed)], dim=-1)
