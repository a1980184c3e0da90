"""`graphtwin like-to-like`: a pair table in, slopes, nulls, curves and a page out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import artifacts, schema
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.cortex import Funnel
from graphtwin.folders import written
from graphtwin.kinds import LIKE_TO_LIKE
from graphtwin.pipeline.pairs.neuron_function import embedded_function, monitor_of_neurons, twin_of, with_function, without_published
from graphtwin.sources.formats import EXPOSURES, L_D
from graphtwin.sources.loaders import read_embeddings as read_embeddings
from graphtwin.sources.loaders import read_function_table, read_neurons, read_pairs
from graphtwin.tuning import SIMILARITIES, add_similarities, speaking_units
from graphtwin.wiring.pairs import INCLUSIONS, Inclusion, Outcome, add_geometry, add_projections, include, outcome_of
from graphtwin.wiring.questions import (
    FAMILIES,
    GEOMETRY,
    Answer,
    Question,
    Step,
    adjusted,
    agreed,
    analyse,
    claims,
    fit_groups,
    measure_of,
    sentence,
    together,
)
from graphtwin.wiring.spatial import places_of

T = TypeVar("T")
RELIABILITY = "cc_abs_cvt"  # column of the published units' reliability: correlation of the twin's prediction with the mean response
# Columns of a pair table that are no similarity, and what they are.
NO_SIMILARITY = {
    "pre_nucleus_id": "the name of a cell",
    "post_nucleus_id": "the name of a cell",
    "n_synapses": "what is to be explained",
    "synapse_size": "what is to be explained",
    "mean_synapse_size": "what is to be explained",
    "l_d_um": "what is to be explained, or its exposure",
    "population": "made from synapses and L_d",
}
# What a rule multiplies, by the outcome that is asked about.
EXPLAINED = {
    "synapse_density": "synapses a length of co-travel",
    "co_travel": "co-travel",
    "size": "the size of a connection",
}
STEPS_BEFORE = 4  # steps of the progress before those of the analysis: pairs, neurons, similarities, inclusion


class LikeToLikeConfig(BaseModel):
    """The question that is asked of a pair table, and how it is answered (`graphtwin like-to-like`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: Path = Field(description="Pair table: .pkl as published, .parquet, .feather or .csv.")
    neurons: Path | None = Field(None, description="Neuron table, for similarities, reliability, positions and responses.")
    embeddings: Path | None = Field(None, description="Embeddings table of a twin, in place of the function that both tables tell.")
    function: Path | None = Field(None, description="Table of function of any kind, in place of the function that both tables tell.")
    similarity: tuple[str, ...] = Field(
        min_length=1, description="Columns of the pairs, or similarities that are computed from the neurons."
    )
    outcome: Literal["synapse_density", "co_travel", "size"] = Field(
        "synapse_density", description="What the similarity is to explain: synapses per um of L_d, L_d per pair, or size of a connection."
    )
    by: Literal["proj_hva", "proj_hva_layer", "none"] = Field(
        "proj_hva", description="Column of groups that have slopes of their own: projections between areas, these with layers, or none."
    )
    inclusion: Literal["published", "none"] = Field(
        "published", description="Rules that pairs must pass: those of Ding et al. 2025, or none."
    )
    nulls: int = Field(200, ge=0, description="Replicates of every null and bootstrap; 0 leaves them out.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    workers: int = Field(1, ge=1, description="Number of threads; the tables are the same for any number.")
    monitor: Monitor | None = Field(
        None, description="Screen of the neurons' receptive fields, in cm, where no table is stamped with one; if absent, that of minnie65."
    )


def run_like_to_like(config: LikeToLikeConfig, out: Path, force: bool = False, draw: Callable[[Path], object] | None = None) -> Path:
    """Answer the question of a configuration and write the folder.

    Args:
        config: The question and how it is answered.
        out: Folder to write: new, empty, or of an analysis that has not finished, which is begun anew.
        force: Take away an analysis that is in the folder, once the question is answered.
        draw: Function that draws the page of a folder into it; None leaves the page out, for `report.finished.write_report` to draw.

    Returns:
        The folder.
    """
    with written(out, LIKE_TO_LIKE, force=force, inputs=_read(config)) as begin:
        answer = Answer()
        try:
            _answer(config, answer)
        except ValueError as error:
            raise type(error)(answer.exposure.said(str(error))) from error
        begin()
        _write(answer, config, out)
        if draw is not None:
            draw(out)
    return out


def _answer(config: LikeToLikeConfig, answer: Answer) -> None:
    """Fill in the answer to a question, step after step."""
    from graphtwin.progress import tqdm

    with tqdm(total=STEPS_BEFORE, desc="like to like", unit="step") as bar:

        def doing(step: str, work: Callable[[], T]) -> T:
            bar.set_postfix_str(step)
            done = work()
            bar.update()
            return done

        pairs = doing("reading the pairs", lambda: _read_pairs(config))
        answer.exposure = EXPOSURES[pairs.attrs.get("exposure", L_D.column)]
        neurons = doing("reading the neurons", lambda: _read_neurons(config, answer))
        answer.twin = twin_of(pairs, neurons, " and ".join(dict.fromkeys(_origins(config))))
        monitor = _monitor(neurons, config, answer)
        pairs = doing("similarities", lambda: _with_neurons(pairs, neurons, config, monitor))
        steps = doing("inclusion", lambda: _steps(pairs, neurons, config, monitor, answer))
        bar.total = STEPS_BEFORE + len(steps)
        for step, work in steps.items():
            answer.merge(doing(step, work))
    _conclude(answer, config)


def asked_pairs(config: LikeToLikeConfig, answer: Answer) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The pairs that a question about one similarity is asked of, and the neurons.

    Args:
        config: The question, with one similarity.
        answer: Where the funnel, the exposure and what a reader must be told are kept.
    """
    (name,) = config.similarity
    pairs, neurons = _read_pairs(config), _read_neurons(config, answer)
    answer.exposure = EXPOSURES[pairs.attrs.get("exposure", L_D.column)]
    pairs = _with_neurons(pairs, neurons, config, _monitor(neurons, config, answer))
    return _included(pairs, neurons, name, config, answer), neurons


def _steps(
    pairs: pd.DataFrame, neurons: pd.DataFrame | None, config: LikeToLikeConfig, monitor: Monitor, answer: Answer
) -> dict[str, Step]:
    """The steps to be done with the pairs of every similarity, and with those of all of them."""
    by = None if config.by == "none" else config.by
    steps: dict[str, Step] = {}
    included = {}
    places, animal = places_of(neurons), _animals(pairs, neurons)
    if places is None:
        answer.notes.append("where the cells lie is not known: no claim is protected against smooth tissue. Give --neurons with positions.")
    for name in dict.fromkeys(config.similarity):
        outcome = outcome_of(_included(pairs, neurons, name, config, answer), config.outcome, [name], by)
        fitted, fit, left_out = fit_groups(outcome)
        _count_left_out(outcome, left_out, answer)
        answer.left_out += [(name, group, reason) for group, reason in left_out.items()]
        included[name] = fitted.table
        question = Question(fitted, fit, config.nulls, config.seed, config.workers, places, animal, measure_of(neurons, name, monitor))
        steps |= {f"{name}: {step}": work for step, work in analyse(question).items()}
    return steps | together(pairs, included, neurons, config.outcome, by, config.seed, answer, places, animal)


def _read_pairs(config: LikeToLikeConfig) -> pd.DataFrame:
    """The pairs; without a neuron table they must have the similarities."""
    pairs = read_pairs(config.pairs)
    told = config.embeddings or config.function
    if told is not None:
        if config.embeddings is not None and config.function is not None:
            raise ValueError(f"{config.embeddings} and {config.function}: both would tell the neurons' function. Give one of them.")
        if config.neurons is None:
            raise ValueError(f"{told}: it tells the function of units. Give --neurons, which says what nucleus each unit is.")
        pairs = without_published(pairs)
    _require_similarities(pairs, config)
    missing = [name for name in config.similarity if name not in pairs]
    if missing and config.neurons is None:
        raise ValueError(
            f"{config.pairs}: no column {', '.join(missing)}, and no neuron table to compute it from. "
            f"Give --neurons, or one of: {', '.join(_similarities(pairs))}."
        )
    return pairs


def _require_similarities(pairs: pd.DataFrame, config: LikeToLikeConfig) -> None:
    """Raise where a column that is asked about is no similarity: an id, what is to be explained, or text."""
    for name in config.similarity:
        if name in NO_SIMILARITY:
            raise ValueError(
                f"{config.pairs}: {name} is {NO_SIMILARITY[name]}, and no similarity of two neurons. "
                f"Ask about one of: {', '.join(_similarities(pairs))}."
            )
        if not name.isidentifier():
            raise ValueError(
                f"{config.pairs}: {name!r} can't stand in the formula of a model. Rename the column with letters, digits and _ alone."
            )
        text = pairs[name].notna() & pd.to_numeric(pairs[name], errors="coerce").isna() if name in pairs else pd.Series(dtype=bool)
        if text.any():
            raise ValueError(
                f"{config.pairs}, column {name}: {int(text.sum())} of {len(text)} values are no numbers, first "
                f"{pairs.loc[text, name].iloc[0]!r}. A similarity is one number a pair: name another column, or write numbers."
            )


def _read_neurons(config: LikeToLikeConfig, answer: Answer) -> pd.DataFrame | None:
    """The neurons, each with the unit that speaks for it, and with the function of a twin where its embeddings are given."""
    if config.neurons is None:
        return None
    units = read_neurons(config.neurons)
    neurons = speaking_units(units, RELIABILITY, str(config.neurons))
    funnel = Funnel("neurons")
    funnel.record("units of nuclei", "speak for their nucleus", len(units), len(neurons), f"another has a larger {RELIABILITY}", "units")
    answer.add("funnel", funnel.frame())
    if config.function is not None:
        embedded = embedded_function(*read_function_table(config.function), neurons, str(config.function))
        return with_function(neurons, embedded, str(config.function))
    if config.embeddings is None:
        return neurons
    return with_function(neurons, read_embeddings(config.embeddings), str(config.embeddings))


def _monitor(neurons: pd.DataFrame | None, config: LikeToLikeConfig, answer: Answer) -> Monitor:
    """The screen of the receptive fields; a note says which it is where an angle on it is asked for and computed here."""
    angles = [name for name in config.similarity if name in SIMILARITIES and SIMILARITIES[name].needs_monitor]
    if neurons is None or not angles:
        return config.monitor or MINNIE65_MONITOR
    monitor, how = monitor_of_neurons(neurons, config.monitor, str(config.embeddings or config.neurons))
    answer.notes.append(f"{', '.join(angles)}: degrees on a monitor of {monitor} ({how}).")
    return monitor


def _with_neurons(pairs: pd.DataFrame, neurons: pd.DataFrame | None, config: LikeToLikeConfig, monitor: Monitor) -> pd.DataFrame:
    """Similarities, projections and geometry filled in where the neurons allow it."""
    if neurons is None:
        return pairs
    cells = np.unique(pairs[schema.PAIR_KEY])
    if not np.isin(cells, neurons["nucleus_id"]).any():
        raise ValueError(
            f"{config.neurons}: none of the {len(cells)} cells of {config.pairs} is among its {len(neurons)} nuclei (pairs have "
            f"{cells[0]}, neurons {neurons['nucleus_id'].iloc[0]}). Give the neuron table of these cells, with the ids that the pairs have."
        )
    return add_similarities(
        add_geometry(add_projections(pairs, neurons), neurons), neurons, config.similarity, monitor, _origins(config)[1]
    )


def _origins(config: LikeToLikeConfig) -> tuple[str, str]:
    """Files that pairs and neurons come from, for errors; the function of neurons comes from the embeddings where they are given."""
    told = config.embeddings or config.function
    return str(config.pairs), str(config.neurons) if told is None else f"{config.neurons} with {told}"


def _similarities(pairs: pd.DataFrame) -> list[str]:
    """Columns of numbers that could be a similarity."""
    known = {*NO_SIMILARITY, *GEOMETRY}
    return [str(name) for name in pairs.select_dtypes("number") if name not in known]


def _included(pairs: pd.DataFrame, neurons: pd.DataFrame | None, name: str, config: LikeToLikeConfig, answer: Answer) -> pd.DataFrame:
    """The pairs that pass; without a neuron table reliability cannot be asked for, which is said."""
    rules: Inclusion = INCLUSIONS[config.inclusion]
    if neurons is None and rules.reliability:
        rules = rules.model_copy(update={"reliability": False})
        answer.notes.append(f"{name}: reliability was not checked, for no neuron table was given.")
    if config.by != "none" and config.by not in pairs:
        raise ValueError(
            f"{config.pairs}: no column {config.by}, and no neuron table to make it from that has hva or brain_area"
            f"{' and layer' if config.by == 'proj_hva_layer' else ''}. Add the column, or take all pairs together with --by none."
        )
    used, funnel = include(pairs, neurons, name, rules, config.by, _origins(config))
    answer.add("funnel", funnel)
    if used.empty:
        lost = funnel[funnel["n_dropped"] > 0]
        why = "; ".join(f"{row['step']}: {row['n_dropped']:,} lost ({row['reason']})" for _, row in lost.iterrows())
        raise ValueError(
            f"{name}: none of {len(pairs):,} pairs is left by inclusion {config.inclusion!r}. {why}. "
            + ("Relax it with --inclusion none." if config.inclusion != "none" else "Fill these columns, or ask about another similarity.")
        )
    return used


def _count_left_out(outcome: Outcome, left_out: dict[str, str], answer: Answer) -> None:
    """A note and a step of the funnel for every group that has no slope, which is left out of every step."""
    funnel, used, (name,) = Funnel("model"), outcome.table, outcome.similarities
    for group, reason in left_out.items():
        answer.notes.append(f"{name}: {group} is left out. {reason}")
        used = funnel.keep(used, used[outcome.by].astype(str) != group, name, f"{group} has a slope", reason, "pairs")
    if left_out:
        answer.add("funnel", funnel.frame())


def _animals(pairs: pd.DataFrame, neurons: pd.DataFrame | None) -> pd.Series | None:
    """The animal of each axon, by nucleus id; None where no table names several."""
    if "animal" in pairs:
        named = pairs[["pre_nucleus_id", "animal"]].drop_duplicates()
        several = named.loc[named["pre_nucleus_id"].duplicated(), "pre_nucleus_id"]
        if len(several):
            raise ValueError(
                f"pair table: {several.nunique()} of {named['pre_nucleus_id'].nunique()} axons are of more than one animal, first "
                f"{several.iloc[0]}. Give every cell an id of its own, in pairs and neurons alike."
            )
        animal = named.set_index("pre_nucleus_id")["animal"]
        unknown = animal.index[animal.isna()]
        if 0 < len(unknown) < len(animal):
            raise ValueError(
                f"pair table: animal is not known for {len(unknown)} of {len(animal)} axons, first {unknown[0]}. "
                "Write the animal of every axon, or drop the column where all are of one."
            )
    elif neurons is not None and "animal" in neurons:
        animal = neurons.set_index("nucleus_id")["animal"].reindex(pairs["pre_nucleus_id"].unique())
    else:
        return None
    return animal if animal.nunique() > 1 else None


def _conclude(answer: Answer, config: LikeToLikeConfig) -> None:
    """P adjusted for all that was asked, what is claimed, and the claims in words, which come first."""
    for name, by in FAMILIES.items():
        if name in answer.tables:
            answer.tables[name] = [adjusted(pd.concat(answer.tables[name], ignore_index=True), by)]
    answer.notes = list(dict.fromkeys(answer.notes))
    answer.tables["robust"] = [agreed(answer.frames()["robust"])]
    answer.claims = claims(answer.frames()["robust"], answer.left_out)
    answer.rule.insert(0, sentence(answer.claims, EXPLAINED[config.outcome]))


def _write(answer: Answer, config: LikeToLikeConfig, out: Path) -> None:
    """Tables as Parquet and CSV, models and notes as JSON, with provenance."""
    put = answer.exposure.put
    for name, frame in ((name, put(frame)) for name, frame in answer.frames().items()):
        artifacts.write_parquet(frame, out / f"{name}.parquet")
        artifacts.write_table(frame, out / f"{name}.csv")
    artifacts.write_json({name: put(fit.entries()) for name, fit in answer.models.items()}, out / "models.json")
    said = {"notes": answer.notes, "rule": " ".join(answer.rule), "scales": answer.rule, "absent": answer.absent}
    artifacts.write_json(put(said), out / "notes.json")
    artifacts.write_json(put(answer.claims), out / "claims.json")
    inputs = {str(path): artifacts.sha256(path) for path in _read(config)}
    told = {"question": _plain(config), "exposure": answer.exposure.column} | answer.twin
    artifacts.write_json(artifacts.provenance(config.seed, inputs) | told, out / "provenance.json")


def _read(config: LikeToLikeConfig) -> list[Path]:
    """The files that are read."""
    return [path for path in (config.pairs, config.neurons, config.embeddings, config.function) if path is not None]


def _plain(config: LikeToLikeConfig) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(config.model_dump_json())
    return found
