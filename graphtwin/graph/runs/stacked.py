"""The graph model of pairs: message passing and the models it is held against, stacked by what each did where it was not fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.evaluation import Stack, fit_stack
from graphtwin.graph.data import InnerSide, PairSet, inner_axons, inner_blocks
from graphtwin.graph.runs.model_labels import GRAPH_MODEL, MESSAGE_PASSING, WITHOUT_MESSAGES
from graphtwin.graph.runs.rivals import BOOSTED_MESSAGES, TUNED, fit_pair_rivals
from graphtwin.graph.runs.study import Study

HELD_OUT = -1  # part of the pairs that a split holds out; the inner sides are numbered from 0
NOT_STACKED = ("majority", *TUNED)
STACKS = GRAPH_MODEL, WITHOUT_MESSAGES
FEW_NEGATIVES = 25_000  # unconnected pairs that baselines of inner sides read, about: on minnie65 weights move by up to .04 from 50,000


def inner_sides(study: Study, training: PairSet, split: str) -> list[InnerSide]:
    """What is kept back of a training side in turn: axons; or blocks of tissue where these are held out and there are any."""
    settings = study.settings
    blocks = inner_blocks(training, study.inputs.position[:, study.cut], max(2, settings.block_folds - 1)) if split == "block" else []
    return blocks or _inner_axons(study, training)


def predicting_sides(study: Study, training: PairSet, split: str) -> list[InnerSide] | None:
    """Sides of the networks that predict new tissue, from all blocks of the training side; None where the inner sides are theirs."""
    return [replace(side, new_tissue=True) for side in _inner_axons(study, training)] if split == "block" else None


def _inner_axons(study: Study, training: PairSet) -> list[InnerSide]:
    settings = study.settings
    return inner_axons(training, study.inputs, settings.pairs.members, settings.pairs.validation, settings.seed)


def inner_rivals(study: Study, sides: list[InnerSide], labels: Sequence[str]) -> pd.DataFrame:
    """Probabilities of the kept pairs by baselines fitted on the rest of each inner side; with `part`, `connected` and `weight`.

    Args:
        study: The study, whose neurons the baselines read.
        sides: Parts of the training pairs, with those kept back.
        labels: Labels of the baselines, as `fit_pair_rivals` takes them.
    """
    frames = []
    for part, side in enumerate(sides):
        found = fit_pair_rivals(study, side.training, labels, FEW_NEGATIVES)(*side.asked)
        columns = {model: probability.astype(np.float32) for model, probability in found.items()}
        frames.append(pd.DataFrame(columns).assign(part=part, connected=side.kept_sizes > 0, weight=side.weight))
    return pd.concat(frames, ignore_index=True)


def stacks(kept: Float[np.ndarray, " pairs"], rivals: pd.DataFrame, split: str, labels: Sequence[str] = STACKS) -> dict[str, Stack]:
    """The graph model, and the stack that lacks message passing, or one of these.

    In new blocks of tissue either falls back on distance where stacks do not carry over from block to block of the training side.

    Args:
        kept: Probabilities of the kept pairs by message passing.
        rivals: Those of the baselines, as `inner_rivals` returns them.
        split: What is held out: "axon" or "block".
        labels: Labels of the stacks that are wanted.
    """
    models = {name: rivals[name].to_numpy() for name in rivals if name not in ("part", "connected", "weight", *NOT_STACKED)}
    kept_as = rivals["connected"].to_numpy(bool), rivals["part"].to_numpy(np.int64), rivals["weight"].to_numpy(np.float64)
    untold = {name: said for name, said in models.items() if name != BOOSTED_MESSAGES}
    found = {GRAPH_MODEL: {MESSAGE_PASSING: kept, **models}, WITHOUT_MESSAGES: untold}
    return {label: fit_stack(found[label], *kept_as, "distance" if split == "block" else None) for label in labels}


@dataclass(frozen=True)
class Rivals:
    """What the baselines say: columns of probabilities, `part`, `connected` and `weight`.

    Attributes:
        held: Pairs that the split holds out.
        inner: Pairs of the inner sides.
    """

    held: pd.DataFrame
    inner: pd.DataFrame

    @classmethod
    def of(cls, table: pd.DataFrame) -> Rivals:
        """The two sides of a table whose `part` is `HELD_OUT` or the number of an inner side."""
        held = table["part"].to_numpy() == HELD_OUT
        return cls(table[held], table[~held])


def stacked(graph: pd.DataFrame, rivals: Rivals, split: str, labels: Sequence[str] = STACKS) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Probabilities of held-out pairs by the graph model and by the stack that lacks message passing, or by one of these.

    Args:
        graph: Column `probability` of message passing, and `part` of each row: `HELD_OUT`, then the inner sides.
        rivals: The baselines of the same pairs.
        split: What is held out: "axon" or "block".
        labels: Labels of the stacks that are wanted.
    """
    held, said = graph["part"].to_numpy() == HELD_OUT, graph["probability"].to_numpy()
    found = stacks(said[~held], rivals.inner, split, labels)
    models: Mapping[str, np.ndarray] = {name: values.to_numpy() for name, values in rivals.held.items()}
    models = {**models, MESSAGE_PASSING: said[held]}
    return {label: stack(models).astype(np.float32) for label, stack in found.items()}
