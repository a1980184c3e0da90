"""A motion detector of five types in the arrays of flycns: R1 drives a fast and a slow type, of which T4a and T5a compare columns."""

from __future__ import annotations

import numpy as np

from graphtwin.sources.loaders import fly

TYPES = ("R1", "Mi1", "Mi4", "T4a", "T5a")
R1, FAST, SLOW, T4A, T5A = range(5)
# Sender, receiver, sign, strength, and columns of the offsets (du, dv, mean synapses): T4a is driven by its column and held down
# slowly from both columns to the left, so that it prefers motion to the left; T5a follows the slow type of its own.
PAIRS = (
    (R1, FAST, 1, 0.3, [(0, 0, 10.0), (1, 0, 2.0)]),
    (R1, SLOW, 1, 0.2, [(0, 0, 12.0)]),
    (FAST, T4A, 1, 0.25, [(0, 0, 8.0)]),
    (SLOW, T4A, -1, 0.5, [(0, 1, 4.0), (-1, 1, 4.0)]),
    (SLOW, T5A, 1, 0.1, [(0, 0, 9.0)]),
)


def small_fly() -> dict[str, object]:
    """Arrays by name, as `fly.read_arrays` gives them, of two networks; the second is silent but for its photoreceptors."""
    groups = [(pair, *group) for pair, (*_, offsets) in enumerate(PAIRS) for group in offsets]
    strength = np.array([pair[3] for pair in PAIRS])
    return {
        "type": TYPES,
        "pair_source": np.array([pair[0] for pair in PAIRS]),
        "pair_target": np.array([pair[1] for pair in PAIRS]),
        "pair_sign": np.array([pair[2] for pair in PAIRS]),
        "group_pair": np.array([group[0] for group in groups]),
        "group_du": np.array([group[1] for group in groups]),
        "group_dv": np.array([group[2] for group in groups]),
        "group_n_syn": np.array([group[3] for group in groups]),
        "bias": np.array([[0.1, -0.6, -0.6, 0.2, 0.1]] * 2),
        "time_const_s": np.array([[0.02, 0.02, 0.12, 0.02, 0.03]] * 2),
        "strength": np.stack([strength, 0 * strength]),
    }


def plant(monkeypatch) -> None:
    """Let the small network stand in the place of the package's."""
    monkeypatch.setattr(fly, "read_arrays", lambda folder=None: small_fly())
