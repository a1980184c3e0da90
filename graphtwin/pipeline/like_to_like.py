"""`graphtwin like-to-like`: a pair table in, slopes, nulls, curves and a page out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import artifacts
from graphtwin.cortex.funnel import Funnel
from graphtwin.sources.published import read_neurons, read_pairs
from graphtwin.wiring.analysis import Answer, Question, analyse, measure_of, unfitted_groups
from graphtwin.wiring.common_input import common_input, compare, expect
from graphtwin.wiring.held_out import DISTANCE_ALONE, L_D_ALONE, Hypothesis, compare_held_out, held_out_scores
from graphtwin.wiring.inclusion import INCLUSIONS, Inclusion, include
from graphtwin.wiring.joint import MAX_BLOCKS, OUTCOME, SCALES, fit_joint, say
from graphtwin.wiring.motifs import motifs
from graphtwin.wiring.pairs import add_geometry, add_projections
from graphtwin.wiring.similarity import add_similarities, stacked

GEOMETRY = ("distance_um", "depth_difference_um")
RESPONSES = ("in_silico_resp", "in_vivo_mean_resp")
MOTIF_NULLS = 100


class LikeToLikeConfig(BaseModel):
    """What is asked of a pair table.

    Attributes:
        pairs, neurons: Tables as published, or with the same columns; neurons where similarities, reliability or positions come from them.
        similarity: Columns of the pair table, or names that are computed from the neurons.
        by: Column of groups: projections between areas, these with layers, or none.
        inclusion: The published rules, or none.
        nulls: Replicates of every null and bootstrap; 0 leaves them out.
        workers: Threads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: Path
    neurons: Path | None = None
    similarity: tuple[str, ...] = Field(min_length=1)
    outcome: Literal["synapse_density", "co_travel", "size"] = "synapse_density"
    by: Literal["proj_hva", "proj_hva_layer", "none"] = "proj_hva"
    inclusion: Literal["published", "none"] = "published"
    nulls: int = Field(200, ge=0)
    seed: int = Field(0, ge=0)
    workers: int = Field(1, ge=1)


def run_like_to_like(config: LikeToLikeConfig, out: Path) -> Path:
    """Answer the question of a configuration and write the folder.

    Args:
        config: What is asked.
        out: A folder that is new or empty.

    Returns:
        The folder, for `report.like_to_like_page.write` to draw its page from.
    """
    from tqdm import tqdm

    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise FileExistsError(f"{out}: exists and is not empty. Name another --out.")
    pairs, neurons = _read(config)
    answer = Answer()
    group = None if config.by == "none" else config.by
    questions = {
        name: Question(name, config.outcome, group, config.nulls, config.seed, config.workers, measure_of(neurons, name))
        for name in config.similarity
    }
    included = {
        name: _fitted_groups(_included(pairs, neurons, name, config, answer), question, answer) for name, question in questions.items()
    }
    with tqdm(desc="like to like", unit="step") as bar:

        def done(step: str) -> None:
            bar.set_postfix_str(step)
            bar.update()

        for name, used in included.items():
            for step, found in analyse(used, questions[name]):
                _merge(answer, found)
                done(f"{name}: {step}")
        rule = _together(pairs, included, neurons, config, group, answer, done)
    _write(answer, rule, config, out)
    return out


def _read(config: LikeToLikeConfig) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The tables, with similarities, projections and geometry filled in where the neurons allow it."""
    pairs = read_pairs(config.pairs)
    if config.neurons is None:
        missing = [name for name in config.similarity if name not in pairs]
        if missing:
            raise ValueError(
                f"{config.pairs}: no column {', '.join(missing)}, and no neuron table to compute it from. "
                f"Give --neurons, or one of: {', '.join(_similarities(pairs))}."
            )
        return pairs, None
    neurons = read_neurons(config.neurons)
    pairs = add_similarities(add_geometry(add_projections(pairs, neurons), neurons), neurons, config.similarity)
    return pairs, neurons


def _similarities(pairs: pd.DataFrame) -> list[str]:
    """Columns of numbers that could be a similarity."""
    known = {"pre_nucleus_id", "post_nucleus_id", "n_synapses", "synapse_size", "mean_synapse_size", "l_d_um", *GEOMETRY}
    return [str(name) for name in pairs.select_dtypes("number") if name not in known]


def _included(pairs: pd.DataFrame, neurons: pd.DataFrame | None, name: str, config: LikeToLikeConfig, answer: Answer) -> pd.DataFrame:
    """The pairs that pass; without a neuron table reliability cannot be asked for, which is said."""
    rules: Inclusion = INCLUSIONS[config.inclusion]
    if neurons is None and rules.reliability:
        rules = rules.model_copy(update={"reliability": False})
        answer.notes.append(f"{name}: reliability was not checked, for no neuron table was given.")
    used, funnel = include(pairs, neurons, name, rules, config.by)
    answer.add("funnel", funnel)
    if used.empty:
        lost = funnel[funnel["n_dropped"] > 0]
        why = "; ".join(f"{row['step']}: {row['n_dropped']:,} lost ({row['reason']})" for _, row in lost.iterrows())
        raise ValueError(
            f"{name}: none of {len(pairs):,} pairs is left by inclusion {config.inclusion!r}. {why}. Relax it with --inclusion none."
        )
    return used


def _fitted_groups(used: pd.DataFrame, question: Question, answer: Answer) -> pd.DataFrame:
    """The pairs of groups that have a slope; the others are left out of every step, with a note."""
    funnel = Funnel("model")
    for group, reason in unfitted_groups(used, question).items():
        answer.notes.append(f"{question.similarity}: {group} is left out. {reason}")
        used = funnel.keep(used, used[question.by].astype(str) != group, question.similarity, f"{group} has a slope", reason, "pairs")
    if len(funnel.frame()):
        answer.add("funnel", funnel.frame())
    return used


def _together(
    pairs: pd.DataFrame,
    included: Mapping[str, pd.DataFrame],
    neurons: pd.DataFrame | None,
    config: LikeToLikeConfig,
    group: str | None,
    answer: Answer,
    done: Callable[[str], None],
) -> list[str]:
    """All similarities at once, what they predict, common input and motifs; returns the rule in words, a sentence a scale."""
    names = list(included)
    shared = _shared(pairs, included)
    geometry = [name for name in GEOMETRY if name in shared and bool(shared[name].notna().all())]
    blocks = _blocks(shared, names, geometry, answer)
    rule = []
    for scale in sorted(SCALES, key=lambda scale: OUTCOME[scale] != config.outcome):  # what was asked for comes first
        said = _joint(shared, blocks, scale, group, config.seed, answer)
        rule += [said] if said else []
        done(f"all together, {scale} scale")
    if config.outcome == "synapse_density":
        _held_out(shared, names, geometry, config, group, answer)
        done("held-out axons")
        if neurons is not None:
            _targets_of_axons(shared, neurons, names, group, config.seed, answer)
            done("common input")
        _motifs(shared, neurons, config.seed, answer)
        done("motifs")
    return rule


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


def _joint(
    shared: pd.DataFrame, blocks: Mapping[str, Sequence[str]], scale: str, group: str | None, seed: int, answer: Answer
) -> str | None:
    """The joint model at one scale in words; a scale that the pairs do not allow is a note."""
    try:
        joint = fit_joint(shared, blocks, scale, group, seed)
    except ValueError as reason:
        answer.notes.append(f"no joint model at the {scale} scale: {reason}")
        return None
    for name, table in (("joint", joint.slopes), ("commonality", joint.commonality), ("collinearity", joint.collinearity)):
        answer.add(name, table.assign(scale=scale))
    answer.notes += joint.warnings
    return say(joint)


def _shared(pairs: pd.DataFrame, included: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Pairs that every similarity includes."""
    index = next(iter(included.values())).index
    for used in included.values():
        index = index.intersection(used.index)
    if index.empty:
        raise ValueError(f"{', '.join(included)}: no pair has them all. Ask for fewer similarities at a time.")
    return pairs.loc[index.sort_values()].reset_index(drop=True)


def _held_out(
    shared: pd.DataFrame, names: list[str], geometry: list[str], config: LikeToLikeConfig, group: str | None, answer: Answer
) -> None:
    """Log-likelihood of held-out axons under every rule, against L_d alone; a note where a rule cannot be fitted without a fold."""
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
        scores = held_out_scores(shared, rules, config.seed, group)
    except ValueError as reason:
        answer.notes.append(f"no held-out axons: {reason}")
    else:
        answer.add("held_out", compare_held_out(scores, L_D_ALONE.name, config.seed))


def _targets_of_axons(shared: pd.DataFrame, neurons: pd.DataFrame, names: list[str], group: str | None, seed: int, answer: Answer) -> None:
    """Common input of each axon's targets against the rule of all similarities, where responses are known; a note where there is no rule."""
    column = next((name for name in RESPONSES if name in neurons and neurons[name].notna().any()), None)
    if column is None:
        answer.notes.append(f"common input was not asked: the neuron table has none of {', '.join(RESPONSES)}.")
        return
    known = neurons[neurons[column].notna()].sort_values("nucleus_id")
    by = group or "population"
    try:
        expected = expect(shared.assign(population="all") if group is None else shared, names, by)
    except ValueError as reason:
        answer.notes.append(f"common input was not asked: {reason}")
        return
    axons = common_input(expected, known["nucleus_id"].to_numpy(), stacked(known[column]), by, seed=seed, progress=True)
    answer.add("common_input_each", axons)
    answer.add("common_input", compare(axons, seed))


def _motifs(shared: pd.DataFrame, neurons: pd.DataFrame | None, seed: int, answer: Answer) -> None:
    """Motifs of the connected pairs, distances kept where they are known."""
    linked = shared[shared["n_synapses"] > 0]
    pre, post = linked["pre_nucleus_id"].to_numpy(), linked["post_nucleus_id"].to_numpy()
    place = ["x_um", "depth_um", "z_um"]
    position = None
    if neurons is not None and set(place) <= set(neurons.columns):
        of_cell = neurons.set_index("nucleus_id")[place]
        position = of_cell.reindex(pre).to_numpy(float), of_cell.reindex(post).to_numpy(float)
    try:
        answer.add("motifs", motifs(pre, post, seed, MOTIF_NULLS, position, progress=True))
    except ValueError as reason:
        answer.notes.append(f"motifs were not counted: {reason}")


def _merge(answer: Answer, found: Answer) -> None:
    for name, parts in found.tables.items():
        for part in parts:
            answer.add(name, part)
    answer.models |= found.models
    answer.notes += found.notes


def _write(answer: Answer, rule: list[str], config: LikeToLikeConfig, out: Path) -> None:
    """Tables as Parquet and CSV, models and notes as JSON, with provenance."""
    for name, frame in answer.frames().items():
        artifacts.write_parquet(frame, out / f"{name}.parquet")
        artifacts.write_table(frame, out / f"{name}.csv")
    artifacts.write_json({name: asdict(fit) for name, fit in answer.models.items()}, out / "models.json")
    artifacts.write_json({"notes": answer.notes, "rule": " ".join(rule), "scales": rule}, out / "notes.json")
    inputs = {str(path): artifacts.sha256(path) for path in (config.pairs, config.neurons) if path is not None}
    artifacts.write_json(artifacts.provenance(config.seed, inputs) | {"question": _plain(config)}, out / "provenance.json")


def _plain(config: LikeToLikeConfig) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(config.model_dump_json())
    return found
