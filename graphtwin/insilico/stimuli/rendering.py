"""Stimuli drawn in batches: those of one kind and one length together, each as if it were alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float

from graphtwin.insilico.stimuli.levels import beside
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    import torch


def rendered(
    stimuli: Sequence[Stimulus], screen: Screen, device: str | torch.device = "cpu"
) -> list[Float[torch.Tensor, "frames height width"]]:
    """Frames in contrast of stimuli of any kinds and lengths, in their order.

    Args:
        stimuli: Stimuli to draw.
        screen: Screen that they are drawn on.
        device: Device on which they are drawn.
    """
    alike: dict[tuple[type[Stimulus], int], list[int]] = {}
    for at, stimulus in enumerate(stimuli):
        stimulus.check(screen)
        alike.setdefault((type(stimulus), stimulus.frames(screen)), []).append(at)
    found: dict[int, torch.Tensor] = {}
    for (kind, frames), places in alike.items():
        found |= dict(zip(places, kind.draw([stimuli[at] for at in places], screen, frames, device), strict=True))
    return [found[at] for at in range(len(stimuli))]


def render_batch(
    stimuli: Sequence[Stimulus], screen: Screen, device: str | torch.device = "cpu"
) -> Float[torch.Tensor, "clips frames height width"]:
    """Grey levels of stimuli that last equally long, one clip each, in their order.

    Args:
        stimuli: Stimuli to draw, of any kinds.
        screen: Screen that they are drawn on; it says which grey level contrast 0 has, and how far from it contrast 1 is.
        device: Device on which they are drawn.
    """
    import torch

    lengths = Counter(stimulus.frames(screen) for stimulus in stimuli)
    if len(lengths) != 1:
        said = ", ".join(f"{count} of {frames} frames" for frames, count in sorted(lengths.items())) or "none"
        raise ValueError(f"batch of {len(stimuli)} stimuli: {said}. Give stimuli that last equally long, one at least.")
    if len({type(stimulus) for stimulus in stimuli}) == 1:
        for stimulus in stimuli:
            stimulus.check(screen)
        clips = type(stimuli[0]).draw(stimuli, screen, next(iter(lengths)), device)
    else:
        clips = torch.stack(rendered(stimuli, screen, device))
    return clips.mul_(beside(screen.amplitude, clips)).add_(beside(screen.grey, clips))
