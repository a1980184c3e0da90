"""Stretches and tiers of single pictures whose responses do not fit them."""

from __future__ import annotations

import numpy as np

from graphtwin.checks.aligned import Aligned
from graphtwin.checks.encoding import Encoder
from graphtwin.checks.finding import Finding, some

BLOCK = 40  # single pictures that are judged together


def picture_blocks(encoder: Encoder, aligned: Aligned) -> list[Finding]:
    """Stretches and tiers of single pictures whose responses do not fit them, though the others' do."""
    fits = aligned.z_now * aligned.chance[1] + aligned.chance[0]
    spread, whole = float(fits.std()), float(np.median([b.mean() for b in np.array_split(fits, max(1, len(fits) // BLOCK))]))
    tier = aligned.of.trials["tier"].to_numpy()[aligned.encoded.trials]
    groups = {f"tier {one}": np.flatnonzero(tier == one) for one in np.unique(tier)}
    order = np.arange(len(fits))
    groups |= {
        f"trials {aligned.numbers(part[:1])[0]} to {aligned.numbers(part[-1:])[0]}": part
        for part in np.array_split(order, max(1, len(fits) // BLOCK))
    }
    bad = {}
    for words, rows in groups.items():
        if len(rows) < BLOCK // 2:
            continue
        deviations = (fits[rows].mean() - whole) / (spread / np.sqrt(len(rows)))
        if deviations < -5.0 and fits[rows].mean() < 0.35 * whole:
            bad[words] = (float(fits[rows].mean()), float(deviations))
    if not bad:
        return []
    return [
        Finding(
            "trials that fit no stimulus",
            "fault",
            f"responses of {len(bad)} stretches of trials do not fit their pictures",
            some(list(bad)),
            f"mean correlation with what is expected {min(v[0] for v in bad.values()):.3f}, in the others {whole:.3f}: "
            f"{min(v[1] for v in bad.values()):.1f} deviations",
            "these trials are noise to a model, and lower every score",
            "check units, pictures and responses of these trials, or leave them out",
        )
    ]
