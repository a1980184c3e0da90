"""A torch module as a responder: a network of somebody else's, or a model written for a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.insilico.responders.answers import require_shape
from graphtwin.insilico.responders.responder import Described, State, state_channels
from graphtwin.told import told_by_fields

if TYPE_CHECKING:
    import torch


@told_by_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class TorchResponder(Described):
    """A module that maps grey levels to expected responses, differentiable as torch makes it.

    The module takes clips (clips, frames, height, width), and where `state_names` are given behaviour (clips, frames, channels) as a second
    argument, in recorded units; it returns (clips, frames, units). Where `frame_rate_hz` is NaN each clip is one picture, one frame long.

    Attributes:
        module: A `torch.nn.Module` in eval mode, or any function of tensors.
        rest: What each channel of behaviour is at rest, in the order of `state_names`.
        on: Device of the module's weights, such as "cuda:0".

    Examples:
        >>> def answer(clips):
        ...     return clips.mean((2, 3))[..., None]  # one unit: mean grey
        ...
        >>> units = pd.DataFrame({"session": [1], "scan_idx": [1], "unit_id": [1]})
        >>> model = graphtwin.insilico.TorchResponder(
        ...     name="grey", units=units, frame_rate_hz=30.0, size=(16, 24), grey=(128.0, 40.0), module=answer
        ... )
        >>> model.respond(np.full((5, 16, 24), 100.0)).shape
        (5, 1)
    """

    module: Callable[..., torch.Tensor] = field(repr=False)
    rest: tuple[float, ...] = ()
    on: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse a module that answers at random, and channels without a rest."""
        if getattr(self.module, "training", False):
            raise ValueError(f"{self.name}: the module is in training mode, in which dropout and norms answer by chance. Call its .eval().")
        if len(self.rest) != len(self.state_names):
            raise ValueError(
                f"{self.name}: {len(self.rest)} numbers at rest for {len(self.state_names)} channels of behaviour. Give each one."
            )

    @property
    def device(self) -> torch.device:
        """Device on which the module computes."""
        import torch

        return torch.device(self.on)

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video, which the module sees in one piece: nothing says how much of the past it remembers."""
        return np.asarray(self.respond_clips(video[None], state)[0])

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """See `Responder.respond_clips`."""
        import torch

        with torch.no_grad():
            return np.asarray(self.drive(torch.as_tensor(clips, dtype=torch.float32).to(self.device), state).cpu().numpy())

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """See `DifferentiableResponder.drive`."""
        import torch

        n_clips, frames = clips.shape[:2]
        pictures = not np.isfinite(self.frame_rate_hz)
        shown = clips.flatten(0, 1)[:, None] if pictures else clips
        told = []
        if self.state_names:
            channels = state_channels(self, state, frames)
            behaviour = torch.as_tensor(np.where(np.isnan(channels), self.rest, channels), dtype=torch.float32, device=clips.device)
            behaviour = behaviour.expand(n_clips, -1, -1)
            told = [behaviour.flatten(0, 1)[:, None] if pictures else behaviour]
        elif state:
            state_channels(self, state, frames)
        answers = self.module(shown, *told)
        require_shape(self, answers.shape, len(shown), shown.shape[1])
        return answers.reshape(n_clips, frames, answers.shape[-1])
