"""The functional twin: one core for all animals; perspective, modulation, readouts and response distributions of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

from graphtwin.coordinates import MINNIE65_MONITOR, Monitor, frames_of
from graphtwin.sources.formats import Gaze
from graphtwin.twin.data import PICTURES_HZ, Window
from graphtwin.twin.model.convolution import State, with_past
from graphtwin.twin.model.core import build_core
from graphtwin.twin.model.eye_movements import CHANNELS, eye_movements
from graphtwin.twin.model.gaze_view import GazeView, held
from graphtwin.twin.model.modulation import Modulation
from graphtwin.twin.model.movie_drive import MovieDrive
from graphtwin.twin.model.perspective import Perspective
from graphtwin.twin.model.picture_drive import PictureDrive
from graphtwin.twin.model.readout import Readout
from graphtwin.twin.model.response_families import FAMILIES, ResponseFamily
from graphtwin.twin.settings import ConvolutionalConfig, TwinConfig

PICTURE_FRAMES = 12  # a single picture is held for so many frames and answered on the last: more than a core's kernels see
NODES = (
    (-(3**0.5), 1 / 6),
    (0.0, 2 / 3),
    (3**0.5, 1 / 6),
)  # places, in SD, and weights that average over a normal error along an axis (Gauss-Hermite)
MODULATORS = 8  # numbers a frame that say how the animal behaves
COMPONENTS = 8  # components, at most, of the mixture that readouts are draws from


@dataclass(frozen=True)
class AnimalStart:
    """What an animal's part of the model begins with.

    Attributes:
        positions: Positions of the readouts, x rightwards and y downwards, edges of the video at -1 and 1.
        mean_response: Mean response of each unit, standardised as `Window` has it.
        behaviour: Number of channels of behaviour.
        delay_s: Seconds by which the units' answers lag behind what the core expects.
        frame_rate_hz: Frames a second of the animal's videos; NaN for single pictures, whose answers have no delay.
        monitor: Screen that the videos fill.
        eye: Whether eye position was recorded; where it was not, the view does not follow it.
        gaze: What the recording declares of the gaze; None where eye positions are those of an eye camera.
    """

    positions: Float[np.ndarray, "units 2"]
    mean_response: Float[np.ndarray, " units"]
    behaviour: int
    delay_s: float = 0.0
    frame_rate_hz: float = np.nan
    monitor: Monitor = MINNIE65_MONITOR
    eye: bool = True
    gaze: Gaze | None = None


class AnimalHead(nn.Module):
    """All that belongs to one animal: perspective, delay, modulation, gain by behaviour, readouts, constants of the distribution.

    Behaviour multiplies a rate. Signed responses have no zero that it could leave in place: it multiplies what the stimulus adds to the
    unit's mean response, and moves the whole by a `shift` of its own, so that a constant added to the responses changes nothing else.

    Beside the readouts stands a `ridge` on energies, of single pictures or of movies as the animal saw them.
    `reliability` (units) is how much of each readout its unit's responses tell, 0 to 1; 0 before readouts were settled.
    """

    delay_s: torch.Tensor
    reliability: torch.Tensor
    mean_response: torch.Tensor | None

    def __init__(self, config: TwinConfig, start: AnimalStart) -> None:
        """Parts of one animal, its units answering at their mean rate."""
        super().__init__()
        family = family_of(config)
        units = len(start.positions)
        follows = config.perspective if start.eye else config.perspective.model_copy(update={"learn": False})
        self.gaze = start.gaze if start.eye else None
        self.perspective: Perspective | GazeView = Perspective(follows, start.monitor)
        self.error_deg = 0.0
        if self.gaze is not None and follows.learn:
            self.perspective = GazeView(follows, start.monitor)
            self.error_deg = self.gaze.error_deg if follows.error_deg is None else follows.error_deg
        self.frame_rate_hz = start.frame_rate_hz
        self.rate_hz = start.frame_rate_hz if isfinite(start.frame_rate_hz) else PICTURES_HZ
        self.register_buffer("delay_s", torch.tensor(start.delay_s, dtype=torch.float64))
        self.register_buffer("reliability", torch.zeros(units))
        self.feels_eyes = self.gaze is not None and config.perspective.saccades
        self.modulation = Modulation(start.behaviour, MODULATORS, start.frame_rate_hz, eye=CHANNELS if self.feels_eyes else 0)
        positions = torch.as_tensor(start.positions, dtype=torch.float32)
        self.readout = Readout(positions, config.core.features, family.outputs, config.spread)
        still, signed = np.isnan(start.frame_rate_hz), family.signed
        self.ridge = PictureDrive(units, signed) if still else MovieDrive(units, start.frame_rate_hz, signed)
        self.gain = nn.Parameter(torch.zeros(units, MODULATORS))
        has_gains = isinstance(config.core, ConvolutionalConfig) and config.core.feature_gains
        self.feature_gain = nn.Parameter(torch.zeros(config.core.hidden, MODULATORS)) if has_gains else None
        self.shift = nn.Parameter(torch.zeros(units, MODULATORS)) if family.signed else None
        self.shape = nn.Parameter(torch.tensor(family.shapes).repeat(units, 1))
        mean = torch.as_tensor(start.mean_response, dtype=torch.float32)
        self.register_buffer("mean_response", mean if family.signed else None)
        rate = mean.clamp(min=1e-3)
        with torch.no_grad():  # the bias at which a unit answers at its mean
            self.readout.bias[:, 0] = mean if family.signed else rate + torch.log(-torch.expm1(-rate))

    def looks(
        self, eye_position: Float[torch.Tensor, "clips frames 2"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames 2"]:
        """Where the eye looks in every frame: declared gaze without its gaps, all else as it is."""
        return eye_position if self.gaze is None else held(eye_position, state, outgoing)

    def modulators(
        self,
        behaviour: Float[torch.Tensor, "clips frames channels"],
        eye_position: Float[torch.Tensor, "clips frames 2"],
        looks: Float[torch.Tensor, "clips frames 2"],
        state: State,
        outgoing: State,
    ) -> Float[torch.Tensor, "clips frames modulators"]:
        """What behaviour, and where gaze is declared eye movements, do to the answers of every frame."""
        eye = eye_movements(eye_position, looks, self.rate_hz, state) if self.feels_eyes else None
        return self.modulation(behaviour, state, outgoing, eye)

    def view(
        self,
        video: Float[torch.Tensor, "clips frames height width"],
        looks: Float[torch.Tensor, "clips frames 2"],
        state: State,
        outgoing: State,
    ) -> Float[torch.Tensor, "clips frames rows columns"]:
        """What the eye saw `delay_s` before each frame; before a clip its first frame."""
        seen = self.perspective(video, looks)
        delay = frames_of(float(self.delay_s), self.frame_rate_hz)
        return with_past(seen, delay, state, "view", outgoing)[:, : seen.shape[1]] if delay else seen

    def view_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the view, pixels, of a video of so many."""
        return self.perspective.size(height, width) if isinstance(self.perspective, GazeView) else (height, width)

    def retinal_degrees(self) -> Float[torch.Tensor, "units 2"] | None:
        """Where units look, degrees rightwards and upwards from the gaze as it was measured; None where no view follows declared gaze."""
        if not isinstance(self.perspective, GazeView):
            return None
        return self.perspective.degrees(self.readout.mean_positions()) + self.perspective.offset

    def positions_at_rest(self) -> Float[torch.Tensor, "units 2"]:
        """Places of the screen at which units look when the eye rests, straight ahead where its gaze is declared; edges at -1 and 1."""
        places = self.readout.mean_positions()
        return self.perspective.met(places.new_zeros(1, 2), places)[0] if isinstance(self.perspective, GazeView) else places

    def of_ridge(
        self,
        video: Float[torch.Tensor, "clips frames height width"],
        eye_position: Float[torch.Tensor, "clips frames 2"],
        state: State,
        outgoing: State,
    ) -> Float[torch.Tensor, "clips frames units"] | None:
        """What the ridge expects of the screen, or of the view that follows declared gaze; None where it has no share."""
        if self.ridge.share == 0:
            return None
        if isinstance(self.perspective, GazeView):
            video = self.perspective(video, self.looks(eye_position, state, outgoing))
        return self.ridge(video, state, outgoing)

    def answers(
        self,
        features: Float[torch.Tensor, "clips_frames features h w"],
        modulation: Float[torch.Tensor, "clips frames modulators"],
        of_ridge: Float[torch.Tensor, "clips frames units"] | None,
        gaze_is_known: bool = False,
    ) -> Float[torch.Tensor, "clips frames units outputs"]:
        """Numbers of every unit's response distribution, averaged over where gaze that errs may have been.

        An error of gaze moves the view, and with it where every unit looks on the map: the core sees the view once for all errors.
        """
        if self.error_deg == 0 or gaze_is_known:
            return self.answer(self.readout(features).unflatten(0, modulation.shape[:2]), modulation, of_ridge)
        positions, weights = self._where_gaze_may_be(self.readout.drawn_positions())
        drives = self.readout.at(features, positions).unflatten(0, modulation.shape[:2])
        mean = torch.einsum("cfnu,n->cfu", self._linked(drives[..., 0]), weights)
        others = torch.einsum("cfnuo,n->cfuo", drives[..., 1:], weights)
        return self._modulated(mean, others, modulation, of_ridge)

    def answers_at_errors(
        self, features: Float[torch.Tensor, "clips_frames features h w"], modulation: Float[torch.Tensor, "clips frames modulators"]
    ) -> tuple[Float[torch.Tensor, "clips frames errors units outputs"], Float[torch.Tensor, " errors"]]:
        """Numbers of every unit's response distribution at each of some errors of gaze, and how likely each error is."""
        positions, weights = self._where_gaze_may_be(self.readout.drawn_positions())
        drives = self.readout.at(features, positions).unflatten(0, modulation.shape[:2])
        return self.answer(drives, modulation[:, :, None]), weights

    def seen(self, features: Float[torch.Tensor, "frames features h w"]) -> Float[torch.Tensor, "frames units features"]:
        """Features that every unit sees at its mean position, averaged over where gaze that errs may have been."""
        if self.error_deg == 0:
            return self.readout.seen(features)
        positions, weights = self._where_gaze_may_be(self.readout.mean_positions())
        return torch.stack([weight * self.readout.seen(features, at) for at, weight in zip(positions, weights, strict=True)]).sum(0)

    def _where_gaze_may_be(
        self, positions: Float[torch.Tensor, "units 2"]
    ) -> tuple[Float[torch.Tensor, "nodes units 2"], Float[torch.Tensor, " nodes"]]:
        """Where units look on the map at each of some errors of gaze, and how likely each error is."""
        assert isinstance(self.perspective, GazeView)  # no other gaze has an error
        pairs = [(self.error_deg * x, self.error_deg * y, of_x * of_y) for x, of_x in NODES for y, of_y in NODES]
        moved = self.perspective.degrees(positions) + positions.new_tensor([pair[:2] for pair in pairs])[:, None]
        return self.perspective.positions(moved), positions.new_tensor([pair[2] for pair in pairs])

    def feature_gains(
        self, modulation: Float[torch.Tensor, "clips frames modulators"]
    ) -> dict[str, Float[torch.Tensor, "clips_frames hidden"]]:
        """Gains of the core's hidden channels, the same at all places, by which the state moves what units prefer; none of other cores."""
        return {} if self.feature_gain is None else {"gains": torch.exp(modulation.flatten(0, 1) @ self.feature_gain.T)}

    def answer(
        self,
        drives: Float[torch.Tensor, "*frames units outputs"],
        modulation: Float[torch.Tensor, "*#frames modulators"],
        of_ridge: Float[torch.Tensor, "*frames units"] | None = None,
    ) -> Float[torch.Tensor, "*frames units outputs"]:
        """Numbers of every unit's response distribution, the first its mean, from what its readout gives and what its ridge expects."""
        return self._modulated(self._linked(drives[..., 0]), drives[..., 1:], modulation, of_ridge)

    def _linked(self, drives: Float[torch.Tensor, "*frames units"]) -> Float[torch.Tensor, "*frames units"]:
        """Mean responses that drives stand for, before behaviour acts on them."""
        return functional.softplus(drives) if self.mean_response is None else drives

    def _modulated(
        self,
        mean: Float[torch.Tensor, "*frames units"],
        others: Float[torch.Tensor, "*frames units more"],
        modulation: Float[torch.Tensor, "*#frames modulators"],
        of_ridge: Float[torch.Tensor, "*frames units"] | None,
    ) -> Float[torch.Tensor, "*frames units outputs"]:
        """Numbers of the response distributions from means that stimuli have, behind the ridge and behaviour."""
        if of_ridge is not None:
            mean = torch.lerp(mean, of_ridge, self.ridge.share)
        gain = torch.exp(modulation @ self.gain.T)
        if self.mean_response is None or self.shift is None:
            mean = mean * gain
        else:
            mean = self.mean_response + (mean - self.mean_response) * gain + modulation @ self.shift.T
        return torch.cat([mean[..., None], others], dim=-1)


class Twin(nn.Module):
    """Video, behaviour and eye position to response distributions of the units of any of its animals.

    `prior_share` (outputs, components), `prior_mean` (outputs, components, features + 1) and `prior_covariance` are those of feature
    weights and biases over units; see `readout_prior`.
    """

    prior_share: torch.Tensor
    prior_mean: torch.Tensor
    prior_covariance: torch.Tensor

    def __init__(self, config: TwinConfig, starts: Mapping[str, AnimalStart]) -> None:
        """A twin of the animals named, drawn from torch's generator."""
        super().__init__()
        self.config = config
        self.family = family_of(config)
        self.names = list(starts)
        self.core = build_core(config.core, MODULATORS)
        self.core_is_kept = False
        entries = config.core.features + 1
        outputs = self.family.outputs
        self.register_buffer("prior_share", torch.full((outputs, COMPONENTS), 1 / COMPONENTS))
        self.register_buffer("prior_mean", torch.zeros(outputs, COMPONENTS, entries))
        self.register_buffer("prior_covariance", torch.eye(entries).repeat(outputs, COMPONENTS, 1, 1))
        self.animals = nn.ModuleList(AnimalHead(config, start) for start in starts.values())

    def keep_core(self, other: Twin) -> None:
        """Take the core of another twin, with what it expects of readouts, where these then begin; no fit changes it, nor its norm."""
        self.core.load_state_dict(other.core.state_dict())
        for own, theirs in zip(self.prior(), other.prior(), strict=True):
            own.copy_(theirs)
        self.core.requires_grad_(False)
        self.core_is_kept = True
        with torch.no_grad():
            for name in self.names:
                self.animal(name).readout.weights.copy_(self.common_readout()[:, :-1])  # all units begin alike

    def prior(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Shares, means and covariances of the mixture that readouts are draws from."""
        return self.prior_share, self.prior_mean, self.prior_covariance

    def common_readout(self) -> Float[torch.Tensor, "outputs entries"]:
        """Feature weights and bias, the last entry, that readouts have on average."""
        return torch.einsum("ok,oke->oe", self.prior_share, self.prior_mean)

    def train(self, mode: bool = True) -> Twin:
        """Training mode for everything but a core that is kept."""
        super().train(mode)
        self.core.train(mode and not self.core_is_kept)
        return self

    @property
    def device(self) -> torch.device:
        """Device on which the weights are."""
        return next(self.parameters()).device

    def animal(self, name: str) -> AnimalHead:
        """The part of one animal; an error names those there are."""
        if name not in self.names:
            raise ValueError(f"no animal {name!r} in this twin. It has {', '.join(self.names)}: transfer it to the new one first.")
        return self.animals[self.names.index(name)]  # type: ignore[return-value]

    def forward(
        self,
        name: str,
        video: Float[torch.Tensor, "clips frames height width"],
        behaviour: Float[torch.Tensor, "clips frames channels"],
        eye_position: Float[torch.Tensor, "clips frames 2"],
        state: State | None = None,
        gaze_is_known: bool = False,
    ) -> tuple[Float[torch.Tensor, "clips frames units outputs"], State]:
        """Numbers of the response distributions and the state after the last frame.

        Args:
            name: Name of the animal.
            video: Grey levels, standardised as `Window` has them.
            behaviour: Channels of behaviour, standardised.
            eye_position: Horizontal and vertical position of the eye as `Window` has it: standardised, or degrees where gaze is declared.
            state: State that an earlier call returned for the frames before; None starts a clip.
            gaze_is_known: Whether gaze is without the error that was declared of measured gaze, as in experiments in silico.
        """
        features, modulation, left = self.see(name, video, behaviour, eye_position, state)
        animal = self.animal(name)
        of_ridge = animal.of_ridge(video, eye_position, state or {}, left)
        return animal.answers(features, modulation, of_ridge, gaze_is_known), left

    def at_errors(
        self,
        name: str,
        video: Float[torch.Tensor, "clips frames height width"],
        behaviour: Float[torch.Tensor, "clips frames channels"],
        eye_position: Float[torch.Tensor, "clips frames 2"],
    ) -> tuple[Float[torch.Tensor, "clips frames errors units outputs"], Float[torch.Tensor, " errors"]]:
        """Numbers of the response distributions, without a ridge, at each of some errors of gaze, and how likely each is."""
        features, modulation, _ = self.see(name, video, behaviour, eye_position)
        return self.animal(name).answers_at_errors(features, modulation)

    def see(
        self,
        name: str,
        video: Float[torch.Tensor, "clips frames height width"],
        behaviour: Float[torch.Tensor, "clips frames channels"],
        eye_position: Float[torch.Tensor, "clips frames 2"],
        state: State | None = None,
    ) -> tuple[Float[torch.Tensor, "clips_frames features h w"], Float[torch.Tensor, "clips frames modulators"], State]:
        """What readouts are given: features of every map position, and modulation; and the state. Arguments are those of `forward`.

        A clip of one frame, shown to an animal that saw single pictures, is a picture: it stands still for `PICTURE_FRAMES` frames.
        """
        outgoing: State = {}
        animal = self.animal(name)
        picture = state is None and video.shape[1] == 1 and not isfinite(animal.frame_rate_hz)
        state = state or {}
        looks = animal.looks(eye_position, state, outgoing)
        modulation = animal.modulators(behaviour, eye_position, looks, state, outgoing)
        view = animal.view(video, looks, state, outgoing)
        with torch.autocast(video.device.type, torch.bfloat16, enabled=self.config.bf16 and has_bf16(video.device)):
            held = PICTURE_FRAMES if picture else 1
            features, left = self.core(view, modulation, state, held, **animal.feature_gains(modulation))
        return features, modulation, outgoing | left

    def log_likelihood(
        self,
        name: str,
        numbers: Float[torch.Tensor, "clips frames units outputs"],
        responses: Float[torch.Tensor, "clips frames units"],
        n_repeats: Float[torch.Tensor, " clips"],
    ) -> Float[torch.Tensor, "clips frames units"]:
        """Log-likelihood of every response, nats; those of each clip are the mean of so many showings."""
        return self.family.log_likelihood(numbers, self.animal(name).shape, responses, n_repeats[:, None, None])

    def mean(self, name: str, numbers: Float[torch.Tensor, "clips frames units outputs"]) -> Float[torch.Tensor, "clips frames units"]:
        """Expected responses, standardised."""
        return self.family.mean(numbers, self.animal(name).shape)


def family_of(config: TwinConfig) -> ResponseFamily:
    """The response family of the settings; poisson where neither they nor data have named one."""
    return FAMILIES[config.family or "poisson"]


def has_bf16(device: torch.device) -> bool:
    """Whether the processor, or the GPU, multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and torch.backends.mkldnn.is_available() and bool(torch.cpu._is_avx512_bf16_supported())


def tensors(window: Window, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Video, behaviour and eye position of a window."""
    video, behaviour, eye_position = (torch.from_numpy(part).to(device) for part in (window.video, window.behaviour, window.eye_position))
    return video, behaviour, eye_position
