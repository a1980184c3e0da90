"""Training: many animals into one core, or a new animal onto a core that is kept as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from graphtwin import parallel
from graphtwin.coordinates import Monitor, frames_of
from graphtwin.execute import rng_for, seed_for, torch_seeded
from graphtwin.schema import IMAGED_AT
from graphtwin.sources.formats import Recording
from graphtwin.training import FitState, fit
from graphtwin.twin.data import PICTURES_HZ, Clips, Fields, Window, clips_of, locate_fields
from graphtwin.twin.fitting.energy_share import join_ridge
from graphtwin.twin.fitting.joint_error import joint_loss
from graphtwin.twin.fitting.noise_variance import set_noise_variance
from graphtwin.twin.fitting.readout_prior import ReadoutPrior, settle
from graphtwin.twin.fitting.seen_clips import seen_through
from graphtwin.twin.model import FAMILIES, AnimalStart, Convolution, GazeView, Twin, tensors
from graphtwin.twin.settings import FoundationConfig

VALIDATION_TRIALS = 20  # trials of each animal that a validation reads, at most: bounds the time that it takes
VALIDATION_PICTURES = 2_000  # single pictures that it reads, at most
log = logging.getLogger("graphtwin")
PASSES = 10  # passes over an animal's single pictures in an epoch, at most: few pictures are learned by heart in many


@dataclass(frozen=True)
class Trained:
    """A twin with what it was trained on.

    Attributes:
        clips: Training and validation clips of each animal.
        state: State of the fit, with its history.
        settled: Validation loss before readouts were settled (`fitted`) and after, and the share of units whose readouts were.
        shares: Share of each animal's prediction that is left to the ridge on energies.
    """

    twin: Twin
    config: FoundationConfig
    clips: dict[str, tuple[Clips, Clips]]
    state: FitState
    settled: dict[str, float]
    shares: dict[str, float]


def train_foundation(
    recordings: Sequence[Recording],
    config: FoundationConfig | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: bool = False,
    minutes: float | None = None,
    onto: Twin | None = None,
    device: str = "cpu",
    images: int | None = None,
) -> Trained:
    """A twin of the animals recorded: one core for all, the rest of each its own.

    Args:
        recordings: Recordings of animals or scans, whose names differ.
        config: Settings of the twin and its training; None takes the defaults.
        seed: Seed of every draw.
        checkpoint: File that is written after every epoch; a training that was killed goes on from it and ends in the same weights.
        progress: Show progress bars.
        minutes: Minutes of each animal's training trials that are used; None uses all.
        onto: Twin whose core, and what it expects of readouts, are kept as they are; None trains a core from the start.
        device: Device on which torch computes, as "cuda"; the twin comes back on the CPU.
        images: Different pictures of each animal's training trials that are used, all repeats of them; None uses all.
    """
    config = config or FoundationConfig()
    names = {recording.name for recording in recordings}
    if len(names) < len(recordings):
        raise ValueError(
            f"{len(recordings)} recordings have {len(names)} names: {sorted(names)}. Give each folder once, under its own name."
        )
    clips = {recording.name: clips_of(recording, config.clips, seed) for recording in recordings}
    config, clips = with_family(config, clips)
    if minutes is not None:
        clips = {name: (training.first_minutes(minutes), validation) for name, (training, validation) in clips.items()}
    if images is not None:
        clips = {name: (training.first_images(images), validation) for name, (training, validation) in clips.items()}
    starts = {name: start_of(both[0], config, progress) for name, both in clips.items()}
    with torch_seeded(int(seed_for(seed, "weights").generate_state(1, np.uint32)[0])):
        twin = Twin(config.twin, starts)
    if onto is not None:
        twin.keep_core(onto)
    twin.to(device)
    name = f"{config.twin.core.kind} twin of {', '.join(clips)}"
    objective = parallel.in_processes(Objective(twin))
    steps = steps_of(clips, config)
    state = fit(
        twin,
        lambda rng: batches(objective, clips, config, rng, steps),
        steps,
        lambda: validation_loss(Objective(twin), clips, config),
        config.fit,
        seed,
        name,
        checkpoint,
        progress,
        optimisers(twin, config),
    )
    settled = _settle(twin, clips, config, progress)
    for animal, (_, validation) in clips.items():
        set_noise_variance(twin, animal, validation)
    twin.cpu()
    shares = {name: join_ridge(twin, name, *both, config.left_out_s, progress) for name, both in clips.items()}
    return Trained(twin, config, clips, state, settled, shares)


def with_family(config: FoundationConfig, clips: dict[str, tuple[Clips, Clips]]) -> tuple[FoundationConfig, dict[str, tuple[Clips, Clips]]]:
    """Settings that name the family of responses, and clips on the scales that it asks for: signed families have means taken off.

    Where the settings name none it is gaussian if a unit of any animal has more than a trace of negative responses in training, else
    poisson; the log says which. Negative responses under a family that has none are an error.
    """
    negative = {name: training.scales.negative for name, (training, _) in clips.items() if training.scales.negative[2]}
    told = "; ".join(
        f"{name}: {below} of {every} training responses of {units} units are negative" for name, (below, every, units) in negative.items()
    )
    family = config.twin.family or ("gaussian" if negative else "poisson")
    if negative and not FAMILIES[family].signed:
        raise ValueError(
            f"{told}. The family of responses is {family}, which has none below 0. Leave twin.family out or set twin.family=gaussian; a "
            "core that was trained with another family cannot be kept for them. If they should not be negative, check how they were made."
        )
    if config.twin.family is None:
        log.info("the family of responses is %s (%s).", family, told or "no unit has more than a trace of negative ones")
    for name, (training, validation) in clips.items() if FAMILIES[family].signed else ():
        scaled = training.signed()
        clips = clips | {name: (scaled, replace(validation, scales=scaled.scales))}
    return config.model_copy(update={"twin": config.twin.model_copy(update={"family": family})}), clips


def _settle(twin: Twin, clips: dict[str, tuple[Clips, Clips]], config: FoundationConfig, progress: bool) -> dict[str, float]:
    """Readouts to their posterior means, those of units whose validation trials agree; a core trained here learns what it expects of them.

    A unit that hardly fires may not agree: its likelihood is too flat for a step of second order. The loss after is the lower of both for
    each unit, and so a little lower than that of new trials.
    """
    objective = Objective(twin)
    fitted = validation_losses(objective, clips, config)
    if not config.settle:
        loss = float(torch.stack([_mean_of_held(losses) for losses in fitted.values()]).mean())
        return {"fitted": loss, "settled": loss, "share_of_units": 0.0}
    readouts = {name: twin.animal(name).readout for name in clips}
    before = {name: (readout.weights.detach().clone(), readout.bias.detach().clone()) for name, readout in readouts.items()}
    known = ReadoutPrior(*(part.cpu().double() for part in twin.prior())) if twin.core_is_kept else None
    trials = {name: training for name, (training, _) in clips.items()}
    placed = {name: places_of(training, config) for name, training in trials.items()}
    places = {name: at for name, at in placed.items() if at is not None}
    prior = settle(twin, trials, config.left_out_s, known, places, progress)
    found = prior.share, prior.mean, prior.covariance
    if all(torch.isfinite(part).all() for part in found):
        for part, value in zip(twin.prior(), found, strict=True):
            part.copy_(value)
    settled = validation_losses(objective, clips, config)
    kept = {name: (settled[name] <= fitted[name]) | fitted[name].isnan() for name in clips}  # of units that validation says nothing of too
    with torch.no_grad():
        for name, (weights, bias) in before.items():
            readouts[name].weights[~kept[name]] = weights[~kept[name]]
            readouts[name].bias[~kept[name]] = bias[~kept[name]]
    ends = [_mean_of_held(torch.where(kept[name], settled[name], fitted[name])) for name in clips]
    share = torch.cat(list(kept.values())).double().mean()
    return {
        "fitted": float(torch.stack([_mean_of_held(losses) for losses in fitted.values()]).mean()),
        "settled": float(torch.stack(ends).mean()),
        "share_of_units": float(share),
    }


def places_of(clips: Clips, config: FoundationConfig) -> Float[np.ndarray, "units xy"] | None:
    """Where units lie in the plane of cortex; None where that is not known of all, or does not count."""
    places = clips.recording.units[IMAGED_AT[:2]].to_numpy(np.float64)
    return places if config.location and np.isfinite(places).all() else None


def start_of(clips: Clips, config: FoundationConfig, progress: bool = False) -> AnimalStart:
    """What an animal's part of the model begins with: fields by reverse correlation, and mean responses."""
    units = len(clips.recording.units)
    total, count = np.zeros(units), np.zeros(units)
    for window in clips.whole():
        total += np.einsum("cf,cfu->u", window.showings, window.responses, dtype=np.float64)
        count += window.showings_of_units()
    monitor = monitor_of(clips.recording, config)
    fields = fields_of(clips, config, monitor, progress)
    if fields.choice is not None:
        seen, linear = int(fields.choice.has_field.sum()), int((fields.choice.has_field & fields.choice.with_light).sum())
        log.info("%s: %d of %d units have a field by trials kept back; light tells %d of these.", clips.name, seen, units, linear)
    delay_s = max(fields.delay_s - config.expected_delay_s, 0.0)
    mean, channels = total / np.maximum(count, 1), len(clips.recording.behaviour)
    eye, gaze = clips.scales.eye_recorded, clips.recording.gaze
    return AnimalStart(fields.centres, mean, channels, delay_s, clips.frame_rate_hz, monitor, eye, gaze)


def fields_of(clips: Clips, config: FoundationConfig, monitor: Monitor, progress: bool = False) -> Fields:
    """Where units look: on the screen, or in the view of an eye whose gaze is declared, by filters of the same angles."""
    search, places = config.receptive_fields, places_of(clips, config)
    if clips.recording.gaze is None or not config.twin.perspective.learn or not clips.scales.eye_recorded:
        return locate_fields(clips, search, progress, places)
    view = GazeView(config.twin.perspective, monitor)
    height, width = clips.recording.open_trial(int(clips.rows[0])).video.shape[1:]
    of_view = height / view.size(height, width)[0]
    search = search.model_copy(update={"wavelengths": tuple(wave * of_view for wave in search.wavelengths)})
    return locate_fields(seen_through(clips, view), search, progress, places)


def monitor_of(recording: Recording, config: FoundationConfig) -> Monitor:
    """Screen on which an animal saw its stimuli: that of the settings where they name one, else that of the recording."""
    return config.monitor or recording.monitor


def optimisers(twin: Twin, config: FoundationConfig) -> list[torch.optim.Optimizer]:
    """Muon for the core's kernels (Jordan 2024), AdamW for the rest, with a larger learning rate for readouts."""
    free = {name: parameter for name, parameter in twin.named_parameters() if parameter.requires_grad}
    kernels = {f"{name}.kernels" for name, part in twin.named_modules() if isinstance(part, Convolution)} & set(free)
    feature_weights = {name for name in free if name.endswith("readout.weights")}
    positions = {name for name in free if name.endswith(("readout.residual", "readout.log_spread"))}
    readouts = {name for name in free if name.endswith(("readout.bias", ".gain", ".feature_gain", ".shift", ".shape"))}
    perspectives = {name for name in free if ".perspective." in name}
    rest = set(free) - kernels - feature_weights - positions - readouts - perspectives
    groups = [
        {"params": [free[name] for name in free if name in chosen], "lr": rate, "weight_decay": decay}
        for chosen, rate, decay in (
            (feature_weights, config.readout_learning_rate, config.readout_weight_decay),
            (readouts, config.readout_learning_rate, 0.0),
            (positions, config.position_learning_rate, 0.0),
            (perspectives, config.perspective_learning_rate, 0.0),
            (rest, config.fit.learning_rate, config.fit.weight_decay),
        )
    ]
    made: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, betas=(0.9, 0.98))]
    if kernels:
        made.append(torch.optim.Muon([free[name] for name in free if name in kernels], lr=config.kernel_learning_rate, weight_decay=0.0))
    return made


class Objective(nn.Module):
    """A twin with its loss: the mean negative log-likelihood of the counted responses of a window, nats a showing."""

    def __init__(self, twin: Twin) -> None:
        """The twin's weights are those of the objective."""
        super().__init__()
        self.twin = twin

    def forward(self, name: str, window: Window) -> torch.Tensor:
        """Loss of one animal's window: every response that counts weighs the same; 0 where none does."""
        if self.twin.training and self.twin.animal(name).error_deg > 0:
            return joint_loss(self.twin, name, window)
        losses, counts = self._sums(name, window)
        return losses.mean() if counts is None else (losses * counts).sum() / counts.sum().clamp(min=1)

    def of_units(self, name: str, window: Window) -> Float[torch.Tensor, " units"]:
        """Loss of each unit of the animal; 0 of a unit that was not held."""
        return self._sums(name, window)[0]

    def _sums(self, name: str, window: Window) -> tuple[Float[torch.Tensor, " units"], Float[torch.Tensor, " units"] | None]:
        """Loss of each unit, and the number of responses that it is the mean of; None where that is the same for all, and above 0."""
        device = self.twin.device
        numbers, _ = self.twin(name, *tensors(window, device))
        responses, n_repeats, showings = (
            torch.from_numpy(part).to(device) for part in (window.responses, window.n_repeats, window.showings)
        )
        likelihood = self.twin.log_likelihood(name, numbers, responses, n_repeats)
        if window.held is None and window.counted.any():
            return -likelihood[showings > 0].sum(0) / showings.sum(), None
        counts = torch.from_numpy(window.showings_of_units()).to(likelihood)
        cells = torch.from_numpy(window.cells.copy()).to(device)
        return -torch.where(cells, likelihood, 0.0).sum((0, 1)) / counts.clamp(min=1), counts


def steps_of(clips: dict[str, tuple[Clips, Clips]], config: FoundationConfig) -> int:
    """Steps of an epoch: those of the settings, of single pictures no more than `PASSES` over those of the animal that has the most."""
    if not all(training.pictures for training, _ in clips.values()):
        return config.steps
    of_step = config.windows * max(1, frames_of(config.window_s, PICTURES_HZ))
    most = max(len(training.repeats()) for training, _ in clips.values())
    return min(config.steps, len(clips) * max(1, round(PASSES * most / of_step)))


def batches(
    objective: nn.Module, clips: dict[str, tuple[Clips, Clips]], config: FoundationConfig, rng: np.random.Generator, steps: int
) -> Iterator[Callable[[], torch.Tensor]]:
    """The losses of an epoch's steps, on windows drawn from one animal after the other; each of several processes draws its own."""
    names = list(clips)
    own = rng.spawn(parallel.processes())[parallel.process_number()] if parallel.processes() > 1 else rng
    for step in range(steps):
        name = names[step % len(names)]
        window = clips[name][0].draw(own, config.windows, config.window_s, config.left_out_s)
        yield partial(objective, name, window)


def validation_loss(objective: Objective, clips: dict[str, tuple[Clips, Clips]], config: FoundationConfig) -> float:
    """Mean over animals of the negative log-likelihood of validation trials, the start of each left out."""
    return float(np.mean([float(_mean_of_held(losses)) for losses in validation_losses(objective, clips, config).values()]))


def _mean_of_held(losses: Float[torch.Tensor, " units"]) -> torch.Tensor:
    """Mean over units of the losses that are known."""
    return losses[~losses.isnan()].mean()


@torch.no_grad()
def validation_losses(
    objective: Objective, clips: dict[str, tuple[Clips, Clips]], config: FoundationConfig
) -> dict[str, Float[torch.Tensor, " units"]]:
    """Mean negative log-likelihood of validation trials, the start of each left out, of each unit of each animal; NaN if never held."""
    losses = {}
    for name, (_, validation) in clips.items():
        most = VALIDATION_PICTURES if validation.pictures else VALIDATION_TRIALS
        read = replace(validation, rows=rng_for(0, "validation trials", name).permutation(validation.rows)[:most])
        found = []
        for window in read.whole():
            window.counted[:, : frames_of(config.left_out_s, validation.frame_rate_hz)] = False
            if window.counted.any():
                counts = window.showings_of_units()
                weight = counts if validation.pictures else counts > 0  # trials count alike, however long they are
                found.append((torch.from_numpy(weight.astype(np.float32)), objective.of_units(name, window)))
        if not found:
            raise ValueError(_nothing_to_validate(read, config.left_out_s))
        weights, of_units = (torch.stack(parts) for parts in zip(*found, strict=True))
        losses[name] = _weighed(weights.to(of_units), of_units)
    return losses


def _nothing_to_validate(clips: Clips, left_out_s: float) -> str:
    """Why no response of some validation trials counts, and what to do."""
    longest = int(clips.n_frames().max())
    if longest <= frames_of(left_out_s, clips.frame_rate_hz):
        return (
            f"{clips.name}: the longest of {len(clips.rows)} validation trials lasts {longest / clips.frame_rate_hz:.3g} s, of which the "
            f"first {left_out_s:g} s are left out. Nothing tells when to stop: ask `graphtwin twin train` to leave less out (left_out_s)."
        )
    return (
        f"{clips.name}: no unit is held in any of {len(clips.rows)} validation trials after their first {left_out_s:g} s. Nothing tells "
        "when to stop: name another tier to `graphtwin twin train` (clips.validation_tiers), or leave less out (left_out_s)."
    )


def _weighed(weights: Float[torch.Tensor, "windows units"], losses: Float[torch.Tensor, "windows units"]) -> Float[torch.Tensor, " units"]:
    """Weighted mean over windows; NaN where all weights are 0."""
    if (weights == weights[:, :1]).all():
        return torch.einsum("w,wu->u", weights[:, 0] / weights[:, 0].sum(), losses)
    return (weights * losses).sum(0) / weights.sum(0)
