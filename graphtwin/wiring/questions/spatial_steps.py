"""Nulls that keep how smooth function is, and what the model leaves of the wiring over distance, as steps of a question."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from graphtwin.wiring.nulls import NullDistribution
from graphtwin.wiring.questions.question import Answer, Question, Step
from graphtwin.wiring.spatial import (
    SimilarityMaps,
    match_variogram,
    moran_index,
    not_flat,
    randomise_axons,
    randomise_targets,
    shift_targets,
    similarity_maps,
)

# Function of the maps of a similarity to a null, by what is said of the step.
NULLS: dict[str, Callable[..., NullDistribution]] = {
    "randomised over targets (Moran)": randomise_targets,
    "randomised over axons (Moran)": randomise_axons,
    "shifted over the tissue": shift_targets,
    "drawn with the same variogram": match_variogram,
}


def spatial_steps(question: Question) -> dict[str, Step]:
    """Spatial nulls and Moran's I by distance; none where positions are not known. What these pairs do not allow is a note."""
    if question.places is None:
        return {}
    places, options = question.places, {"n_replicates": question.n_replicates, "workers": question.workers}

    @cache
    def maps() -> SimilarityMaps:
        return similarity_maps(question.outcome, question.similarity, places, question.seed, question.measure)

    steps: dict[str, Step] = {name: partial(_null, question, name, draw, maps, options) for name, draw in NULLS.items()}
    return steps | {"Moran's I by distance": partial(_index, question, maps)}


def _null(
    question: Question, step: str, draw: Callable[..., NullDistribution], maps: Callable[[], SimilarityMaps], options: dict[str, Any]
) -> Answer:
    """One null."""
    found = Answer()
    try:
        drawn = maps()
        table = draw(drawn, question.seed, **options).to_frame()
    except ValueError as reason:
        found.notes.append(f"{question.similarity}: no surrogates of smooth function. {reason}")
        found.lack("nulls", f"{question.similarity} was not {step}: {reason}")
        return found
    per_unit = question.outcome.per_unit(table)
    found.add("nulls", per_unit.assign(outcome=question.outcome.name, keeps_smoothness=True, completed=drawn.missing))
    return found


def _index(question: Question, maps: Callable[[], SimilarityMaps]) -> Answer:
    """Moran's I of function and of what the model leaves of the wiring."""
    found = Answer()
    try:
        drawn = maps()
        found.notes += [f"{question.similarity}: {drawn.kept}"] if drawn.kept else []
        table = moran_index(drawn, question.seed, workers=question.workers)
    except ValueError as reason:
        found.lack("moran", f"{question.similarity}: {reason}")
        return found
    found.add("moran", table.assign(similarity=question.similarity, outcome=question.outcome.name))
    told = not_flat(table)
    found.notes += [f"{question.similarity}: {told}"] if told else []
    return found
