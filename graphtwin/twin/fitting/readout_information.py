"""How much the answers to a stimulus would tell of readouts, before anybody has shown it.

A frame whose features are f is expected to add w f f' to the precision of a unit's readout, w the Fisher information about the drive:
the squared slope of the mean response by the drive over its variance. It is that of the Poisson, Gaussian and negative binomial families,
and the least that any other can have with this mean and variance (quasi-likelihood: Wedderburn 1974, doi:10.1093/biomet/61.3.439).
Frames are read as far apart as those that the readouts were settled on, and are divided by what those were divided by.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.twin.fitting.animal_responder import AnimalResponder
from graphtwin.twin.fitting.readout_mixture import Mixture, posterior_covariance
from graphtwin.twin.fitting.readout_prior import FLOOR, ReadoutEvidence
from graphtwin.twin.model import Twin

OF_RATE = 0  # output whose readout is what stimuli tell of: the one that says the mean response


def posterior_precision(twin: Twin, of: ReadoutEvidence) -> Float[torch.Tensor, "units entries entries"]:
    """Inverse of the posterior covariance of each unit's readout: what its responses and the twin's prior say together.

    Args:
        twin: Twin whose prior it is.
        of: What the units' responses say.
    """
    mixture = Mixture(*(part[OF_RATE].cpu().double() for part in twin.prior()))
    return torch.linalg.inv(posterior_covariance(of.precision[:, OF_RATE], of.pull[:, OF_RATE], mixture))


def expected_information(
    responder: AnimalResponder,
    clips: Float[torch.Tensor, "clips frames height width"],
    of: ReadoutEvidence,
    units: Int[torch.Tensor, " some"],
) -> Float[torch.Tensor, "clips some entries entries"]:
    """Precision that the answers to each clip are expected to add to the readouts of some units; the animal rests.

    Args:
        responder: Animal of a twin.
        clips: Grey levels of equally long clips, each of which begins anew; single pictures are clips of one frame.
        of: What the units' training responses say.
        units: Numbers of the units.
    """
    fitted = responder.fitted
    twin, animal = fitted.twin, fitted.twin.animal(responder.name)
    mean, deviation = fitted.animals[responder.name].scales.video
    video, (count, frames) = (clips - mean) / deviation, clips.shape[:2]
    with torch.no_grad():
        behaviour, eye = video.new_zeros(count, frames, len(responder.state_names)), video.new_zeros(count, frames, 2)
        features, modulation, left = twin.see(responder.name, video, behaviour, eye)
        of_ridge = animal.of_ridge(video, eye, {}, left)
        seen = animal.readout.seen(features)[:, units]
        drives = animal.readout(features).unflatten(0, (count, frames))
    drives.requires_grad_(True)
    numbers = animal.answer(drives, modulation, of_ridge)
    slope = torch.autograd.grad(twin.mean(responder.name, numbers).sum(), drives)[0][..., OF_RATE]
    variance = twin.family.variance(numbers.detach(), animal.shape).clamp(min=FLOOR)
    weight = (slope**2 / variance / of.excess[:, OF_RATE].to(slope)).detach()[..., units]
    seen = torch.cat([seen, torch.ones_like(seen[..., :1])], dim=-1).unflatten(0, (count, frames))
    read = slice(frames_of(fitted.config.left_out_s, responder.frame_rate_hz), None, of.every)
    seen, weight = seen[:, read].transpose(1, 2), weight[:, read].transpose(1, 2)
    return (seen * weight[..., None]).mT @ seen
