"""What is held out of a recording: neurons never stimulated, neurons never recorded, and trials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.questions import stimulates
from graphtwin.shapes import Int
from graphtwin.told import told_by_fields

RARE = 0.25  # share of the trials: a neuron stimulated in more of them (a sense that always has input) is none to hold out
FEWEST = 4  # trials below which nothing is left to fit and to stop by once some are held out


@told_by_fields
@dataclass(frozen=True)
class Split:
    """Three kinds of held-out, by name, so that it means the same in any order.

    Attributes:
        training: Trials of the fit.
        stimulation: Trials that stimulate a neuron that is held out.
        other: Trials that are held out at random.
        stimulated: Neurons that no training trial stimulates; of those that are always stimulated together, as cells of a type, the first.
        unrecorded: Neurons whose activity no fit sees.
    """

    training: tuple[str, ...]
    stimulation: tuple[str, ...]
    other: tuple[str, ...]
    stimulated: tuple[str, ...]
    unrecorded: tuple[str, ...]

    def train(self, circuit: Circuit, trials: Trials) -> Trials:
        """What a fit gets: training trials, NaN where a neuron is held out."""
        part = trials.chosen(_places(trials, self.training))
        hidden = np.isin(part.recorded, circuit.rows_of(self.unrecorded, "neurons held out"))
        return replace(part, activity=np.where(hidden, np.nan, part.activity).astype(part.activity.dtype))

    def test(self, trials: Trials) -> Trials:
        """All trials that no fit sees, with everything that was recorded in them."""
        kept = set(self.stimulation) | set(self.other)
        return trials.chosen([place for place, name in enumerate(trials.names) if name in kept])


def split_trials(circuit: Circuit, trials: Trials, seed: int = 0, share: float = 0.2) -> Split:
    """Hold out neurons that are stimulated, neurons that are recorded, and trials.

    A trial that stimulates several neurons is held out if one of them is (any input but 0 counts). Neurons that are stimulated in more than
    a quarter of the trials are never held out: these would take most trials along, and what they do follows from what is put into them,
    whatever the wiring. Neurons that the same trials stimulate are held out together and count as one. Trials of one stimulus are held out
    together, where there are several stimuli.

    Args:
        circuit: The circuit.
        trials: All trials.
        seed: Root of the draws.
        share: Share of the stimulated and of the recorded neurons that can be held out, and of the trials that are left.

    Raises:
        ValueError: A share that is none, or so few trials that none is left to fit.

    Examples:
        >>> graphtwin.motor.split_trials(circuit, trials, share=0.25)
        Split
          training: 15: slow-1, slow-2, slow-3, slow-5, slow-6, slow-7, slow ...
          stimulation: 2: pulse-3, pulse-5
          other: 5: slow-0, slow-4, slow-11, pulse-1, pulse-7
          stimulated: 2: n11, n13
          unrecorded: 2: n20, n23
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share}: hold out some and keep some, as 0.2.")
    trials.require_of(circuit)
    if len(trials.names) < FEWEST:
        raise ValueError(
            f"{len(trials.names)} trial{'s' * (len(trials.names) != 1)}: {FEWEST} are needed to fit, to stop the fit, and to score. "
            "Cut trials, or record more."
        )
    rng = rng_for(seed, "held out of a circuit's trials")
    on = stimulates(trials)
    columns = _held_out_columns(on, share, rng)
    of_neurons = on[:, columns].any(axis=1)
    left = rng.permutation(np.flatnonzero(~of_neurons))
    other = _held_out_trials(trials, left, min(max(round(share * len(left)), 1), len(left) - 2))
    training = np.setdiff1d(left, other)
    often = trials.stimulated[on.sum(axis=0) > RARE * len(on)]
    seen = np.flatnonzero(np.isfinite(trials.activity).any(axis=(0, 1)) & ~np.isin(trials.recorded, often))
    hidden = rng.permutation(seen)[: min(max(round(share * len(seen)), 1), len(seen) - 1)] if len(seen) else seen
    return Split(
        training=_of(trials.names, training),
        stimulation=_of(trials.names, np.flatnonzero(of_neurons)),
        other=_of(trials.names, np.sort(other)),
        stimulated=_of(circuit.names, np.sort(trials.stimulated[columns])),
        unrecorded=_of(circuit.names, np.sort(trials.recorded[hidden])),
    )


def split_stimulated(names: tuple[str, ...], folds: int, seed: int = 0) -> tuple[Split, ...]:
    """Hold out every stimulated neuron once, where each has one trial that is named by it: a split a fold.

    Args:
        names: Names of the stimulated neurons.
        folds: Number of parts.
        seed: Root of the draws.

    Raises:
        ValueError: So few stimulated neurons that a fold has none, or that its fit is left with too few.
    """
    least = max(folds, FEWEST)
    if len(names) < least or len(names) - -(-len(names) // folds) < 2:
        raise ValueError(
            f"{len(names)} stimulated neuron{'s' * (len(names) != 1)}: {least} are needed, so that each of {folds} folds holds one "
            "out that no fit sees, and enough are left to fit and to stop the fit. Set fewer folds, or bring responses to more neurons."
        )
    order = rng_for(seed, "folds of stimulated neurons").permutation(len(names))
    parts = [np.sort(order[fold::folds]) for fold in range(folds)]
    kept = [np.setdiff1d(order, part) for part in parts]
    return tuple(Split(_of(names, rest), _of(names, part), (), _of(names, part), ()) for part, rest in zip(parts, kept, strict=True))


def _held_out_columns(on: np.ndarray, share: float, rng: np.random.Generator) -> Int[np.ndarray, " held_out"]:
    """Stimulated neurons to hold out, at random, while half of the trials are left; one of those that the same trials stimulate."""
    times = on.sum(axis=0)
    rare = np.flatnonzero((times > 0) & (times <= RARE * len(on)))
    together = np.unique(on[:, rare], axis=1, return_inverse=True)[1].ravel()
    alone = np.sort(rare[np.unique(together, return_index=True)[1]])
    wanted, chosen = max(round(share * len(alone)), 1), np.zeros(0, dtype=np.int64)
    for column in rng.permutation(alone):
        more = np.r_[chosen, column]
        if len(chosen) < wanted and on[:, more].any(axis=1).sum() <= len(on) / 2:
            chosen = more
    return chosen


def _held_out_trials(trials: Trials, left: Int[np.ndarray, " left"], wanted: int) -> Int[np.ndarray, " held_out"]:
    """The first trials that are left, each with all that repeat its stimulus, while half of them stay; single ones where all repeat one."""
    stimulus = {row: sha256(np.ascontiguousarray(trials.stimulus[row]).data).digest() for row in left.tolist()}
    chosen: list[int] = []
    for row in stimulus:
        repeats = [other for other, shown in stimulus.items() if shown == stimulus[row]]
        if row not in chosen and len(chosen) < wanted and len(chosen) + len(repeats) <= max(len(left) // 2, 1):
            chosen += repeats
    return np.array(chosen) if chosen else left[:wanted]


def _places(trials: Trials, names: tuple[str, ...]) -> Int[np.ndarray, " named"]:
    """Places of trials by name; one that is not there is an error."""
    place = {name: at for at, name in enumerate(trials.names)}
    unknown = [name for name in names if name not in place]
    if unknown:
        raise ValueError(
            f"{len(unknown)} of {len(names)} trials of the split are not among the {len(place)} of the recording, first {unknown[0]!r}. "
            "Split these trials anew."
        )
    return np.array([place[name] for name in names], dtype=np.int64)


def _of(names: tuple[str, ...], rows: np.ndarray) -> tuple[str, ...]:
    """Names by their places."""
    return tuple(names[row] for row in rows)
