"""How much of a twin's prediction is left to the ridge on energies that stands beside its core.

Where data are few the ridge knows more than a core, where they are many less. Held-out responses decide: the largest share under which they
are not less likely than under the best, by a paired t test over stimuli, so that few held-out stimuli do not talk the simpler model down.
It was chosen on macaque V4, a quarter of the training pictures held out, 20 to 80 others fitted: over 24 such fits the mean correlation was
.290 at the likeliest share, .317 at the largest within a standard error, .327 by this test and .326 of the ridge alone. Then the ridge is
fitted again, to the stimuli of both tiers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.twin.data import Clips, Window
from graphtwin.twin.fitting.movie_ridge import fit_movies
from graphtwin.twin.fitting.noise_variance import set_noise_variance
from graphtwin.twin.fitting.picture_ridge import fit_pictures
from graphtwin.twin.fitting.seen_clips import seen_by
from graphtwin.twin.model import PictureDrive, Twin, tensors

log = logging.getLogger("graphtwin")

SHARES = tuple(np.linspace(0.0, 1.0, 11))  # shares of the prediction that are tried
LEVEL = 0.05  # of the test, one-sided
MOST_PICTURES, MOST_CLIPS = 400, 20  # held-out trials that choose the share, at most
LEAST = 0.2  # share below which a movie is left to the core: a frame's energies take twice as long as its core
PIECE_S = 1.0  # seconds of a clip that count as one stimulus: neighbouring frames are alike


@torch.no_grad()
def join_ridge(twin: Twin, name: str, training: Clips, validation: Clips, left_out_s: float, progress: bool = False) -> float:
    """Fit the ridge of an animal and choose its share; returns the share, 0 where there are too few stimuli for a ridge.

    Args:
        twin: Fitted twin, readouts settled; the animal's `ridge` is set in place.
        name: Name of the animal.
        training: Trials that the ridge is fitted to.
        validation: Trials that choose the share; then the ridge is fitted to these too.
        left_out_s: Seconds at the start of each clip that do not count.
        progress: Show progress bars.
    """
    ridge = twin.animal(name).ridge
    both = seen_by(training, twin.animal(name)), seen_by(validation, twin.animal(name)), progress
    fits = fit_pictures(ridge, *both) if isinstance(ridge, PictureDrive) else fit_movies(ridge, *both)
    if next(fits, None) is None:
        return 0.0
    share = fullest_share(twin, name, validation, left_out_s)
    share = 0.0 if share < LEAST and not training.pictures else share
    ridge.share.fill_(share)
    set_noise_variance(twin, name, validation)
    if share > 0:
        next(fits)
    log.info(
        "%s: %.0f %% of the prediction is left to the ridge on energies (%d validation trials).", name, 100 * share, len(validation.rows)
    )
    return share


@torch.no_grad()
def fullest_share(twin: Twin, name: str, clips: Clips, left_out_s: float) -> float:
    """The largest share of the prediction, of those tried, that is not significantly worse than the best.

    Args:
        twin: Twin in eval mode whose ridge is fitted.
        name: Name of the animal.
        clips: Trials that neither the twin nor its ridge was fitted to.
        left_out_s: Seconds at the start of each clip that do not count.
    """
    pieces = np.stack(list(_likelihoods(twin, name, clips, left_out_s)))
    worse = pieces[:, [int(pieces.sum(0).argmax())]] - pieces
    if len(pieces) == 1:  # which tells of no share that it is worse
        return SHARES[-1]
    error = worse.std(0, ddof=1) / len(pieces) ** 0.5
    return float(np.array(SHARES)[worse.mean(0) <= error * stats.t.ppf(1 - LEVEL, len(pieces) - 1)].max())


def _likelihoods(twin: Twin, name: str, clips: Clips, left_out_s: float) -> Iterator[Float[np.ndarray, " shares"]]:
    """Log-likelihood of every picture, or of every second of clips, under each of the shares, summed over units."""
    most = MOST_PICTURES if clips.pictures else MOST_CLIPS
    rows = rng_for(0, "trials that choose a share", name).permutation(clips.rows)[:most]
    skipped = frames_of(left_out_s, clips.frame_rate_hz)
    piece = max(1, frames_of(PIECE_S, clips.frame_rate_hz))
    for window in replace(clips, rows=rows).whole():
        of_core, of_ridge = (_numbers(twin, name, window, share) for share in (0.0, 1.0))
        responses, n_repeats, cells = (torch.from_numpy(part) for part in (window.responses, window.n_repeats, window.cells.copy()))
        told = [twin.log_likelihood(name, torch.lerp(of_core, of_ridge, share), responses, n_repeats) for share in SHARES]
        found = torch.stack([torch.where(cells, of_share, 0.0).sum(-1) for of_share in told], -1)[:, skipped:]
        for part in found.split(piece, dim=1):
            yield from part.sum(1).numpy()


def _numbers(twin: Twin, name: str, window: Window, share: float) -> Float[torch.Tensor, "clips frames units outputs"]:
    """Numbers of the response distributions with some share of the ridge."""
    twin.animal(name).ridge.share.fill_(share)
    return torch.as_tensor(twin(name, *tensors(window, twin.device))[0])
