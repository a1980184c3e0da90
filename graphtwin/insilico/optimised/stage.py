"""Where stimuli meet a responder: coefficients become grey levels within the budget, and these the mean answers of all units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.insilico.optimised.budget import Budget, OptimiseConfig, budget_of, shown_frames, usual_config
from graphtwin.insilico.optimised.spectrum import amplitudes, noise, patterns
from graphtwin.insilico.responders import Checked, Responder, State, described, inputs_of, require_differentiable
from graphtwin.insilico.stimuli import beside

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stage:
    """A responder, what it may be shown, and what stands behind every stimulus.

    Stimuli are told here in standard deviations of the grey levels that the responder is used to, from their mean.

    Attributes:
        responder: Responder that is shown stimuli; its answers are looked at.
        config: Settings.
        budget: What stimuli may be.
        background: What stimuli are added to, alone before they begin: one for all, or one each. 0 is the grey screen.
        state: State in which all is seen.
    """

    responder: Checked
    config: OptimiseConfig
    budget: Budget
    background: Float[np.ndarray, "*stimuli frames height width"]
    state: State | None = None

    @cached_property
    def device(self) -> torch.device:
        """Device on which the responder computes."""
        return require_differentiable(self.responder).device

    @cached_property
    def amplitudes(self) -> Float[np.ndarray, "waves down across"]:
        """Amplitude of each frequency."""
        a_pixel = np.inf if inputs_of(self.responder) else self.config.cycles_a_pixel
        return amplitudes(self.budget.shape, (a_pixel, self.config.cycles_a_frame))

    @cached_property
    def weights(self) -> torch.Tensor:
        """These amplitudes on the device."""
        import torch

        return torch.as_tensor(self.amplitudes, dtype=torch.float32, device=self.device)

    def behind(self, rows: np.ndarray) -> Float[torch.Tensor, "some frames height width"]:
        """Backgrounds of some stimuli."""
        import torch

        taken = self.background[rows] if self.background.ndim == 4 else self.background[None]
        return torch.as_tensor(taken, dtype=torch.float32, device=self.device).expand(len(rows), *self.budget.shape)

    def stimuli(
        self, coefficients: Float[torch.Tensor, "some 2 waves down across"], rows: np.ndarray
    ) -> Float[torch.Tensor, "some frames height width"]:
        """What is seen: patterns at the budget on their backgrounds."""
        behind, raw = self.behind(rows), patterns(coefficients, self.budget.shape, self.weights)
        return behind + self.budget.held(self.budget.directed(raw), behind)

    def answers(
        self, shown: Float[torch.Tensor, "some frames height width"], rows: np.ndarray, responder: Checked | None = None
    ) -> Float[torch.Tensor, "some units"]:
        """Mean answers over the frames that count, differentiable.

        Args:
            shown: Stimuli.
            rows: Their numbers, by which their backgrounds are known.
            responder: Who answers, where it is not the stage's own.
        """
        asked = responder or self.responder
        return asked.drive(self.clips(shown, rows), state=self.state)[:, 2 * self.onset :].mean(1)

    def clips(self, shown: Float[torch.Tensor, "some frames height width"], rows: np.ndarray) -> torch.Tensor:
        """Grey levels of whole clips: the background, then the stimulus."""
        import torch

        onset, frames = shown_frames(self.responder, self.config)
        mean, deviation = (beside(level, shown) for level in self.budget.grey)
        before = self.behind(rows)[:, :1].expand(-1, onset, -1, -1)
        return mean + deviation * torch.cat([before, shown.expand(-1, frames, -1, -1)], 1)

    @property
    def onset(self) -> int:
        """Frames before a stimulus, and frames of it that do not count."""
        return shown_frames(self.responder, self.config)[0]

    def all_answers(
        self, shown: Float[np.ndarray, "some frames height width"], rows: np.ndarray, responder: Responder | None = None
    ) -> Float[np.ndarray, "some units"]:
        """Mean answers to many stimuli, without gradients, by responders that may have none.

        Args:
            shown: Stimuli.
            rows: Their numbers, by which their backgrounds are known.
            responder: Who answers, where it is not the stage's own; its units need not be the same.
        """
        import torch

        asked, found = looked_at(responder) if responder is not None else self.responder, []
        for some in np.split(np.arange(len(shown)), range(self.config.batch, len(shown), self.config.batch)):
            part = torch.as_tensor(shown[some], dtype=torch.float32, device=self.device)
            clips = self.clips(part, rows[some]).cpu().numpy()
            found.append(asked.respond_clips(clips, state=self.state)[:, 2 * self.onset :].mean(1))
        return np.concatenate(found)

    @cached_property
    def starts(self) -> Float[np.ndarray, "starts 2 waves down across"]:
        """Coefficients of the noise at which stimuli may begin, the same for whatever is asked."""
        neighbours = not inputs_of(self.responder)
        return noise(self.config.seed, self.config.starts, self.budget.shape, self.amplitudes, neighbours)

    @cached_property
    def start_answers(self) -> Float[np.ndarray, "starts units"]:
        """Mean answers to that noise on the first background."""
        import torch

        rows = np.zeros(self.config.starts, dtype=np.int64)
        with torch.no_grad():
            shown = self.stimuli(torch.as_tensor(self.starts, device=self.device), rows)
        return self.all_answers(shown.cpu().numpy(), rows)

    @cached_property
    def rest(self) -> Float[np.ndarray, " units"]:
        """Mean answers to the first background alone."""
        rows = np.zeros(1, dtype=np.int64)
        return self.all_answers(self.behind(rows).cpu().numpy(), rows)[0]

    @property
    def spread(self) -> Float[np.ndarray, " units"]:
        """Standard deviation of each unit's answers to the noise; the median of the others where it is 0."""
        found = self.start_answers.std(0)
        varies = found > 1e-6 * np.abs(self.start_answers).max(0)
        return np.where(varies, found, np.median(found[varies]) if varies.any() else 1.0)


def stage_of(
    responder: Responder,
    config: OptimiseConfig | None = None,
    mask: Float[np.ndarray, "height width"] | None = None,
    background: Float[np.ndarray, "*stimuli frames height width"] | None = None,
    state: State | None = None,
) -> Stage:
    """A stage for a responder with gradients; a budget that cannot be met is refused.

    Args:
        responder: Responder to show stimuli to.
        config: Settings; None takes `usual_config`.
        mask: What is let through of each pixel, 0 to 1; None lets all through.
        background: Grey levels that stimuli are added to, one picture or video for all or one each; None is the grey screen.
        state: State in which all is seen, one number a channel.
    """
    asked, config = looked_at(require_differentiable(responder)), config or usual_config(responder)
    budget = budget_of(asked, config, mask)
    mean, deviation = responder.grey
    behind = np.zeros(budget.shape) if background is None else (np.asarray(background, dtype=np.float64) - mean) / deviation
    if behind.shape[-2:] != budget.shape[1:] or behind.shape[-3] not in (1, budget.shape[0]):
        raise ValueError(f"background: shape {behind.shape}; grey levels ending in (frames, height, width) {budget.shape} are asked for.")
    budget.require_possible(behind)
    return Stage(asked, config, budget, behind, state)


def looked_at(responder: Responder) -> Checked:
    """The responder, each of whose answers is looked at; nothing is asked of it yet."""
    return responder if isinstance(responder, Checked) else Checked(responder=responder, **vars(described(responder)))
