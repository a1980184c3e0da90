"""All similarities of a question at once: joint models at the three scales, held-out axons, common input of targets, motifs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import pandas as pd

from graphtwin import schema
from graphtwin.tuning import stacked
from graphtwin.wiring.conditional import DISTANCE_ALONE, L_D_ALONE, Hypothesis, compare_held_out, held_out_scores
from graphtwin.wiring.nulls import motifs
from graphtwin.wiring.questions.joint import GEOMETRY, MAX_BLOCKS, OUTCOME, SCALES, fit_joint, say
from graphtwin.wiring.questions.question import Answer, Step
from graphtwin.wiring.questions.shared_input import MIN_TARGETS, common_input, compare, expect
from graphtwin.wiring.spatial import Places

T = TypeVar("T")
RESPONSES = ("in_silico_resp", "in_vivo_mean_resp")
MOTIF_NULLS = 100  # rewired graphs: the least p, two-sided, is then 2 / 101


def together(
    pairs: pd.DataFrame,
    included: Mapping[str, pd.DataFrame],
    neurons: pd.DataFrame | None,
    outcome: str,
    by: str | None,
    seed: int,
    answer: Answer,
    places: Places | None = None,
    animal: pd.Series | None = None,
) -> dict[str, Step]:
    """The steps that look at all similarities at once, those of the scale that was asked for first.

    Args:
        pairs: The pair table, with geometry where it is known.
        included: The pairs that each similarity includes, by rows of `pairs`.
        neurons: The neuron table: nucleus_id, and positions and responses where they are known.
        outcome: Name of the outcome: "synapse_density", "co_travel" or "size"; held-out axons, common input and motifs are of synapses.
        by: Column that divides the pairs into groups, or None.
        seed: Seed of all draws.
        answer: Answer that is told what the joint models leave out.
        places: Positions of the cells; None where they are not known.
        animal: Animal of each axon, by nucleus id; None where all are of one.

    Raises:
        ValueError: No pair has all similarities.
    """
    names, shared = list(included), _shared(pairs, included)
    geometry = [name for name in GEOMETRY if name in shared and bool(shared[name].notna().all())]
    blocks = _blocks(shared, names, geometry, answer)
    scales = sorted(SCALES, key=lambda scale: OUTCOME[scale] != outcome)
    steps: dict[str, Step] = {
        f"all together, {scale} scale": partial(_joint, shared, blocks, scale, by, seed, places, animal) for scale in scales
    }
    if outcome != "synapse_density":
        return steps
    steps["held-out axons"] = partial(_held_out, shared, names, geometry, seed, by)
    if neurons is not None:
        steps["common input"] = partial(_targets_of_axons, shared, neurons, names, by, seed)
    else:
        answer.lack("common_input", "no neuron table was given, which tells the responses of targets.")
    return steps | {"motifs": partial(_motifs, shared, neurons, seed)}


def _shared(pairs: pd.DataFrame, included: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Pairs that every similarity includes."""
    index = next(iter(included.values())).index
    for used in included.values():
        index = index.intersection(used.index)
    if index.empty:
        raise ValueError(f"{', '.join(included)}: no pair has them all. Ask for fewer similarities at a time.")
    return pairs.loc[index.sort_values()].reset_index(drop=True)


def _blocks(shared: pd.DataFrame, names: list[str], geometry: list[str], answer: Answer) -> dict[str, Sequence[str]]:
    """Predictors of the joint model that enter together; what is left out is a note."""
    blocks: dict[str, Sequence[str]] = {name: [name] for name in names[:MAX_BLOCKS]}
    if len(names) > MAX_BLOCKS:
        answer.notes.append(f"joint model: at most {MAX_BLOCKS} predictors, left out: {', '.join(names[MAX_BLOCKS:])}.")
    for name in (name for name in GEOMETRY if name not in geometry):
        unknown = f"unknown for {int(shared[name].isna().sum())} of {len(shared)} pairs" if name in shared else "not in the table"
        answer.notes.append(f"joint model: {name} is {unknown} and not held. Give --neurons with positions.")
    if geometry and len(blocks) < MAX_BLOCKS:
        blocks["geometry"] = geometry
    elif geometry:
        answer.notes.append(f"joint model: at most {MAX_BLOCKS} predictors, left out: {', '.join(geometry)}.")
    return blocks


def without_failing_groups(pairs: pd.DataFrame, by: str | None, work: Callable[[pd.DataFrame], T]) -> tuple[T, dict[str, str]]:
    """What is made of the pairs of all groups, or of those that it can be made of.

    Args:
        pairs: The pair table.
        by: Column that divides the pairs into groups, or None.
        work: Function of a pair table that raises a ValueError where a group does not allow it.

    Returns:
        What `work` made, and the reason for every group that is left out: that which it raises for the group's pairs alone.

    Raises:
        ValueError: It cannot be made of any group, or of those that allow it together.
    """
    try:
        return work(pairs), {}
    except ValueError:
        if by is None or pairs[by].nunique() < 2:
            raise
    left_out = {}
    for group, part in pairs.groupby(by, sort=True):
        try:
            work(part)
        except ValueError as reason:
            left_out[str(group)] = str(reason)
    kept = pairs[~pairs[by].astype(str).isin(left_out)]
    return work(kept if len(kept) else pairs), left_out


def _left_out(what: str, left_out: Mapping[str, str]) -> list[str]:
    return [f"{what}: {group} is left out. {reason}" for group, reason in left_out.items()]


def _joint(
    shared: pd.DataFrame,
    blocks: Mapping[str, Sequence[str]],
    scale: str,
    by: str | None,
    seed: int,
    places: Places | None,
    animal: pd.Series | None,
) -> Answer:
    """The joint model at one scale; a scale that the pairs do not allow is a note."""
    found = Answer()
    try:
        joint, left_out = without_failing_groups(
            shared, by, lambda pairs: fit_joint(pairs, blocks, scale, by, seed, places=places, animal=animal)
        )
    except ValueError as reason:
        found.notes.append(f"no joint model at the {scale} scale: {reason}")
        found.lack("joint", f"No joint model at the {scale} scale: {reason}")
        return found
    found.notes += _left_out(f"joint model at the {scale} scale", left_out)
    for name, table in (("joint", joint.slopes), ("commonality", joint.commonality), ("collinearity", joint.collinearity)):
        found.add(name, table.assign(scale=scale))
    found.notes += joint.warnings
    found.rule.append(say(joint))
    return found


def _held_out(shared: pd.DataFrame, names: list[str], geometry: list[str], seed: int, by: str | None) -> Answer:
    """Log-likelihood of held-out axons under every rule, against L_d alone; a note where a rule cannot be fitted without a fold."""
    found = Answer()
    rules = [L_D_ALONE, *(Hypothesis(f"L_d, {name}", (name,)) for name in names)]
    if len(names) > 1:
        rules.append(Hypothesis("L_d, all similarities", tuple(names)))
    if "distance_um" in geometry:
        rules += [
            DISTANCE_ALONE,
            Hypothesis("L_d, geometry", tuple(geometry)),
            Hypothesis("L_d, geometry, all similarities", (*geometry, *names)),
        ]
    try:
        scores, left_out = without_failing_groups(shared, by, lambda pairs: held_out_scores(pairs, rules, seed, by))
    except ValueError as reason:
        found.notes.append(f"no held-out axons: {reason}")
        found.lack("held_out", str(reason))
    else:
        found.notes += _left_out("held-out axons", left_out)
        found.add("held_out", compare_held_out(scores, L_D_ALONE.name, seed))
    return found


def _targets_of_axons(shared: pd.DataFrame, neurons: pd.DataFrame, names: list[str], by: str | None, seed: int) -> Answer:
    """Common input of each axon's targets against the rule of all similarities; a note where responses or that rule are unknown."""
    found = Answer()
    column = next((name for name in RESPONSES if name in neurons and neurons[name].notna().any()), None)
    if column is None:
        reason = f"the neuron table has none of {', '.join(RESPONSES)}."
        found.notes.append(f"common input was not asked: {reason}")
        found.lack("common_input", reason)
        return found
    known = neurons[neurons[column].notna()].sort_values("nucleus_id")
    group = by or "population"
    grouped = shared.assign(population="all") if by is None else shared
    try:
        expected, left_out = without_failing_groups(grouped, group, lambda pairs: expect(pairs, names, group))
    except ValueError as reason:
        found.notes.append(f"common input was not asked: {reason}")
        found.lack("common_input", str(reason))
        return found
    found.notes += _left_out("common input", left_out)
    axons = common_input(expected, known["nucleus_id"].to_numpy(), stacked(known[column]), group, seed=seed, progress=True)
    found.add("common_input_each", axons)
    found.add("common_input", compare(axons, seed))
    if axons.empty:
        found.lack("common_input", f"no axon has {MIN_TARGETS} partners with responses in a group.")
    return found


def _motifs(shared: pd.DataFrame, neurons: pd.DataFrame | None, seed: int) -> Answer:
    """Motifs of the connected pairs, distances kept where they are known."""
    found, linked = Answer(), shared[shared["n_synapses"] > 0]
    pre, post = (linked[name].to_numpy() for name in schema.PAIR_KEY)
    position = None
    if neurons is not None and set(schema.POSITION) <= set(neurons.columns):
        of_cell = neurons.set_index("nucleus_id")[schema.POSITION]
        position = of_cell.reindex(pre).to_numpy(float), of_cell.reindex(post).to_numpy(float)
    try:
        found.add("motifs", motifs(pre, post, seed, MOTIF_NULLS, position, progress=True))
    except ValueError as reason:
        found.notes.append(f"motifs were not counted: {reason}")
        found.lack("motifs", str(reason))
    return found
