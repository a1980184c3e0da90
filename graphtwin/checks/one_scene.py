"""One film cut into clips of several tiers: where a clip ends another begins, and what is held out was nearly trained on."""

from __future__ import annotations

import numpy as np

from graphtwin.checks.digest import Digest
from graphtwin.checks.finding import Finding, some
from graphtwin.checks.shared_clips import signatures

ALIKE = 0.9  # least correlation of two small pictures that may be neighbours in a film
STEPS = 3.0  # times the usual difference of neighbouring frames that a clip's end and another's beginning differ by at most
OTHERS = 2  # beginnings that an end may be alike to: blank screens and gratings are alike to many


def stretches_of_one_scene(of: Digest) -> list[Finding]:
    """Clips of different tiers of which one goes on where the other ends, by the frames at the seam."""
    if of.pictures:
        return []
    tier, stimulus = (of.trials[name].to_numpy() for name in ("tier", "stimulus"))
    clips = [int(np.flatnonzero(stimulus == one)[0]) for one in dict.fromkeys(stimulus[tier != "none"])]
    clips = [at for at in clips if len(of.seen[at].small) > 1]
    if len(clips) < 2 or len({of.seen[at].small.shape[1:] for at in clips}) > 1:
        return []
    at_ends = [signatures(of.seen[at].small[[0, 1, -2, -1]]) for at in clips]
    steps = [1 - float(pair[0] @ pair[1]) for one in at_ends for pair in (one[:2], one[2:]) if pair.any(1).all()]
    if not steps:
        return []
    apart = 1 - np.stack([one[3] for one in at_ends]) @ np.stack([one[0] for one in at_ends]).T  # shape: (ends, beginnings)
    joined = apart <= min(STEPS * float(np.median(steps)) + 1e-6, 1 - ALIKE)
    joined &= (joined.sum(1) <= OTHERS)[:, None] & ~np.diag(joined)[:, None]  # a clip that ends as it began tells nothing
    seams = [(a, b) for a, b in np.argwhere(joined) if tier[clips[a]] != tier[clips[b]]]
    if not seams:
        return []
    numbers = of.numbers(np.array(clips))
    alike, usual = 1 - max(apart[pair] for pair in seams), 1 - np.median(steps)
    named = [f"{numbers[b]} ({tier[clips[b]]}) goes on where {numbers[a]} ({tier[clips[a]]}) ends" for a, b in seams]
    return [
        Finding(
            "one scene in several tiers",
            "warning",
            f"{len({at for pair in seams for at in pair})} of {len(clips)} clips are stretches of a film that goes on in another tier",
            f"trials {some(named)}",
            f"the frames at a seam correlate by {alike:.3f} or more, neighbouring frames of a clip by {usual:.3f}",
            "what is held out is of the scene that was trained on, and its first frames nearly the same: scores say little of other scenes",
            "give a scene to one tier (meta/trials/tiers.npy), or cut seconds off at the seams and say that scores are within a scene",
        )
    ]
