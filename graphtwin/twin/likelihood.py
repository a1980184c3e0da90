"""How likely a twin holds what was measured: bits per response above an intercept of the same family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from graphtwin.twin.foundation import tensors
from graphtwin.twin.model import Twin
from graphtwin.twin.recordings import Clips, Window
from graphtwin.twin.responses import FAMILIES, Family
from graphtwin.twin.scores import LEFT_OUT

LEARNING_RATE, STEPS = 0.05, 400
MOST_FRAMES = 6000  # of training that the intercept is fitted to


def bits_per_response(twin: Twin, train: Clips, test: Clips, left_out: int = LEFT_OUT) -> pd.DataFrame:
    """One row a unit: session, scan_idx, unit_id, log-likelihood of model and intercept (nats a response), bits_per_response.

    Args:
        twin: In eval mode.
        train: What the intercept is fitted to.
        test: Held-out clips.
        left_out: Frames at the start of each clip that do not count; none of a picture.
    """
    family = twin.family
    numbers, shape = intercept(family, _responses(train))
    totals, count = np.zeros((2, test.n_units)), 0
    for _, window in test.whole():
        counted = window.counted[0] & (np.arange(window.counted.shape[1]) >= (0 if test.pictures else left_out))
        y = torch.from_numpy(window.responses[0][counted])
        totals[0] += _model_likelihood(twin, test.name, window)[counted].sum(0)
        totals[1] += family.log_likelihood(numbers.expand(len(y), -1, -1), shape, y).double().sum(0).numpy()
        count += int(counted.sum())
    model, constant = totals / max(count, 1)
    keys = test.recording.units[["session", "scan_idx", "unit_id"]].reset_index(drop=True)
    bits = (model - constant) / np.log(2)
    return keys.assign(log_likelihood=model, log_likelihood_intercept=constant, bits_per_response=bits)


def intercept(
    family: Family, responses: Float[torch.Tensor, "frames units"]
) -> tuple[Float[torch.Tensor, "units outputs"], Float[torch.Tensor, "units shapes"]]:
    """The constants of each unit that make its responses most likely.

    Args:
        family: Of the distribution.
        responses: Of training frames.
    """
    mean = responses.mean(0).clamp(min=1e-3)
    log_rate = mean.log().clone().requires_grad_()
    others = torch.zeros(len(mean), family.outputs - 1, requires_grad=True)
    shape = torch.tensor(family.shapes).repeat(len(mean), 1).requires_grad_()
    free = [part for part in (log_rate, others, shape) if part.numel()]
    optimiser = torch.optim.Adam(free, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(0 if family is FAMILIES["poisson"] else STEPS):  # a Poisson rate is the mean response
        optimiser.zero_grad()
        numbers = torch.cat([log_rate.exp()[:, None], others], dim=1)
        (-family.log_likelihood(numbers.expand(len(responses), -1, -1), shape, responses).mean(0).sum()).backward()
        optimiser.step()
        schedule.step()
    return torch.cat([log_rate.exp()[:, None], others], dim=1).detach(), shape.detach()


def _responses(clips: Clips) -> torch.Tensor:
    """Counted responses of training, every so many frames where there are many."""
    total = int(clips.n_frames().sum())
    step = max(1, total // MOST_FRAMES)
    return torch.from_numpy(np.concatenate([window.responses[0][window.counted[0]][::step] for _, window in clips.whole()]))


@torch.no_grad()
def _model_likelihood(twin: Twin, name: str, window: Window) -> Float[np.ndarray, "frames units"]:
    numbers, _ = twin(name, *tensors(window, twin.device))
    likelihood = twin.log_likelihood(name, numbers, torch.from_numpy(window.responses).to(twin.device))
    return np.asarray(likelihood[0].double().cpu().numpy())
