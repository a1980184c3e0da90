"""A responder that was looked at once at the door, and whose every answer is looked at: shape, numbers, units that never change."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.responders.answers import constant_units, named_units, require_answers, require_finite, require_shape
from graphtwin.insilico.responders.ensemble import Ensemble
from graphtwin.insilico.responders.responder import Described, Responder, State, described, require_differentiable
from graphtwin.insilico.stimuli import in_words
from graphtwin.schema import UNIT_KEY, as_ids
from graphtwin.told import told_by_fields

if TYPE_CHECKING:
    import torch

PROBES, PROBE_S = 4, 1.0  # clips of noise that a responder answers at the door, and seconds of each
SAME = 0.05  # deviations of a unit's answers by which they may differ when a clip is shown again in other company
log = logging.getLogger("graphtwin")


@told_by_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class Checked(Described):
    """A responder whose answers are refused, in words, where they have another shape or are no numbers.

    Attributes:
        responder: Responder that is asked.
    """

    responder: Responder

    @property
    def members(self) -> tuple[Responder, ...]:
        """The responder that is asked; gradients are there where it has them."""
        return (self.responder,)

    @property
    def ensemble(self) -> Ensemble | None:
        """The responder that is asked, where it is an ensemble; else None."""
        return self.responder if isinstance(self.responder, Ensemble) else None

    @property
    def device(self) -> torch.device:
        """Device of the responder that is asked."""
        device: torch.device = self.responder.device  # type: ignore[attr-defined]
        return device

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """See `Responder.respond`."""
        _require_size(self, video.shape)
        answers = np.asarray(self.responder.respond(video, progress=progress, state=state))
        require_answers(self, answers[None], 1, len(video))
        return answers

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """See `Responder.respond_clips`."""
        _require_size(self, clips.shape)
        answers = np.asarray(self.responder.respond_clips(clips, state=state))
        require_answers(self, answers, *clips.shape[:2])
        return answers

    def respond_each(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "members clips frames units"]:
        """What each member of an ensemble answers to equally long clips; of any other responder its answers alone."""
        if self.ensemble is None:
            return self.respond_clips(clips, state)[None]
        _require_size(self, clips.shape)
        answers = self.ensemble.respond_each(clips, state)
        for each in answers:
            require_answers(self, each, *clips.shape[:2])
        return answers

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """See `DifferentiableResponder.drive`."""
        _require_size(self, clips.shape)
        answers = require_differentiable(self.responder).drive(clips, state=state)
        require_shape(self, answers.shape, *clips.shape[:2])
        if not answers.isfinite().all():
            require_finite(self, answers.detach().cpu().numpy())
        return answers


def checked(responder: Responder, seed: int = 0) -> Checked:
    """The responder, once it has answered noise as responders do; from then on each of its answers is looked at.

    The log counts units that gave the same number all the time, answers below 0 where none was expected, and answers that change with the
    company a clip is shown in.

    Args:
        responder: Responder to be looked at.
        seed: Seed of the noise.

    Raises:
        ValueError: When what it states of itself makes no sense, when answers have another shape or are no numbers, or when no unit varies.

    Examples:
        >>> graphtwin.insilico.checked(responder).name
        'three Gabors'
    """
    _require_description(responder)
    seen = Checked(responder=responder, **vars(described(responder)))
    rng = rng_for(seed, "probe of a responder", responder.name)
    frames = max(1, frames_of(PROBE_S, responder.frame_rate_hz))
    noise = np.repeat(np.repeat(rng.standard_normal((PROBES, frames, *(-(-side // 4) for side in responder.size))), 4, 2), 4, 3)
    mean, deviation = responder.grey
    clips = (mean + deviation * noise[..., : responder.size[0], : responder.size[1]]).astype(np.float32)
    answers = seen.respond_clips(clips)
    _tell_constant(seen, answers)
    _tell_negative(seen, answers)
    _tell_company(seen, answers, seen.respond(clips[-1]))
    return seen


def _require_size(responder: Responder, shape: tuple[int, ...]) -> None:
    if tuple(shape[-2:]) != tuple(responder.size):
        raise ValueError(
            f"{responder.name}: frames of {shape[-2]} x {shape[-1]} pixels were given, but it sees {responder.size[0]} x "
            f"{responder.size[1]}. Render the stimulus for its screen."
        )


def _require_description(responder: Responder) -> None:
    """Raise where a responder states nonsense of itself."""
    name, units, rate, (mean, deviation) = responder.name, responder.units, responder.frame_rate_hz, responder.grey
    missing = [column for column in UNIT_KEY if column not in units]
    if missing or not len(units):
        raise ValueError(
            f"{name}: its table of {len(units)} units lacks {', '.join(missing) or 'rows'}. Each unit that answers needs a key."
        )
    for column in UNIT_KEY:
        as_ids(units[column], f"{name}: {column}")
    twice = int(units.duplicated(UNIT_KEY).sum())
    if twice:
        raise ValueError(f"{name}: {twice} of {len(units)} units repeat a key ({', '.join(UNIT_KEY)}). Give each unit a key of its own.")
    if rate <= 0 or np.isinf(rate):
        raise ValueError(f"{name}: a frame rate of {rate:g} Hz. Give frames a second, or NaN for a responder of single pictures.")
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and np.all(deviation > 0)):
        told = f"mean {in_words(mean)} and standard deviation {in_words(deviation)}"
        raise ValueError(f"{name}: grey levels of {told}. Give those it is used to.")
    if len(responder.size) != 2 or min(responder.size) < 1:
        raise ValueError(f"{name}: videos of size {responder.size}. Give height and width in pixels.")


def _tell_constant(responder: Responder, answers: Float[np.ndarray, "clips frames units"]) -> None:
    constant = constant_units(answers)
    if constant.all():
        raise ValueError(
            f"{responder.name}: all {len(constant)} units gave the same number to {len(answers)} clips of noise. They do not see the "
            f"stimulus: check that it reaches them as grey levels (mean {in_words(responder.grey[0])})."
        )
    if constant.any():
        log.warning(
            "%s: %s gave the same number to %d clips of noise: nothing will be told of them.",
            responder.name, named_units(responder, constant), len(answers),
        )  # fmt: skip


def _tell_negative(responder: Responder, answers: Float[np.ndarray, "clips frames units"]) -> None:
    below = answers < 0
    if below.any() and not responder.signed:
        log.warning(
            "%s: %d of %d answers are below 0, of %s, though it says none is: 0 is taken for silence. State signed=True if it is not.",
            responder.name, int(below.sum()), answers.size, named_units(responder, np.any(below, axis=(0, 1))),
        )  # fmt: skip


def _tell_company(
    responder: Responder, together: Float[np.ndarray, "clips frames units"], alone: Float[np.ndarray, "frames units"]
) -> None:
    spread = np.maximum(together.std((0, 1)), 1e-12)
    differ = (np.abs(together[-1] - alone) > SAME * spread + 1e-6 * np.abs(alone)).any(0) & ~constant_units(together)
    if differ.any():
        log.warning(
            "%s: %s answer a clip of noise otherwise alone than after others, by up to %.2g deviations. Answers should be expected "
            "responses, each clip after a rest of its own.",
            responder.name, named_units(responder, differ), float((np.abs(together[-1] - alone) / spread)[:, differ].max()),
        )  # fmt: skip
