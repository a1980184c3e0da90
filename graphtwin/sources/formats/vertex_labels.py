"""Labels of the vertices of a skeleton under the names that writers have for them, as SWC's codes.

Some names can only mean a compartment; some, as `type`, mean one where their values are codes of SWC; `is_axon` is yes or no.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64

from graphtwin.config import nearest_of
from graphtwin.sources.formats.compartments import APICAL, AXON, DENDRITE, END, LABELS, NOTHING

# Names of compartments, without case and marks: of this package and CAVE; of cloud-volume and kimimaro.
LABEL_NAMES = {"compartment", "compartments", "vertextype", "vertextypes", "nodetype", "nodetypes", "swctype", "swctypes", "swclabel"}
PERHAPS_NAMES = {"type", "types", "structure", "structureid", "structuretype", "swc", "swccode"}  # names that other things have too
AXON_NAMES = {"axon", "isaxon"}  # names of what is 1 on the axon and 0 elsewhere
SIDE_NAMES = {"dendrite", "isdendrite"}  # names of what is 1 on the dendrites: the rest may be axon or soma
EVERY_NAME = LABEL_NAMES | PERHAPS_NAMES | AXON_NAMES | SIDE_NAMES


def plain(name: str) -> str:
    """A name without case and marks.

    Args:
        name: Name of an array or an attribute.
    """
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def labels_of(arrays: Mapping[str, np.ndarray], n_vertices: int, origin: str) -> Int64[np.ndarray, " vertices"] | None:
    """SWC code of each vertex, from all arrays that label vertices; None where there is none.

    Args:
        arrays: Arrays by the name that the file has for them, with or without case and marks one of `EVERY_NAME`.
        n_vertices: Number of vertices.
        origin: Name of the file, for errors.

    Raises:
        ValueError: An array does not fit the vertices, its values are no compartments, or two of them differ.
    """
    codes, answers = {}, {}
    for name, array in arrays.items():
        what = f"{origin}: {name}"
        if plain(name) in AXON_NAMES | SIDE_NAMES:
            answers[name] = _yes_or_no(array, n_vertices, what)
        else:
            codes[name] = as_codes(array, n_vertices, what)
            if plain(name) in PERHAPS_NAMES:
                _require_swc(codes[name], name, origin)
    known = one_labelling(codes, origin)
    return known if not answers else _with_answers(known, answers, origin)


def _require_swc(codes: Int64[np.ndarray, " vertices"], name: str, origin: str) -> None:
    """Raise where numbers under a name that may mean anything are not plainly SWC's codes: 0 to 6, and a neurite among them."""
    values = np.unique(codes)
    if len(values) == 0 or (values == NOTHING).all():
        return
    if values[0] < NOTHING or values[-1] > END or not ((values >= AXON) & (values <= APICAL)).any():
        shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
        raise ValueError(
            f"{origin}: the vertex attribute {name!r} has the values {shown}, of which it cannot be told whether they are compartments: "
            "name it `compartment` if they are (SWC's codes: 1 soma, 2 axon, 3 and 4 dendrite), or anything else if they are not."
        )


def _yes_or_no(array: np.ndarray, n_vertices: int, what: str) -> Int64[np.ndarray, " vertices"]:
    """1 and 0 of each vertex."""
    array = array.reshape(-1)
    wrong = (array != 0) & (array != 1) if array.dtype.kind in "iufb" else np.ones(len(array), dtype=bool)
    if len(array) != n_vertices or wrong.any():
        first = f", first {array[wrong][0]}" if wrong.any() else ""
        raise ValueError(
            f"{what}: {int(wrong.sum())} of {len(array)} values for {n_vertices} vertices are neither 0 nor 1{first}. Give 1 on the "
            "compartment that it is named after and 0 elsewhere, one a vertex; or SWC's codes as `compartment`."
        )
    return array.astype(np.int64)


def _with_answers(
    known: Int64[np.ndarray, " vertices"] | None, answers: dict[str, Int64[np.ndarray, " vertices"]], origin: str
) -> Int64[np.ndarray, " vertices"]:
    """The codes that are told by what is axon and what is dendrite; those that the file has, where it has both and they agree."""
    of_axon = {name: array for name, array in answers.items() if plain(name) in AXON_NAMES}
    of_dendrite = {name: array for name, array in answers.items() if plain(name) in SIDE_NAMES}
    axon, dendrite = one_labelling(of_axon, origin), one_labelling(of_dendrite, origin)
    first = ", ".join(answers)
    if known is not None and known.any():
        told = [(axon, known == AXON), (dendrite, (known >= DENDRITE) & (known <= APICAL))]
        differ = sum(int((array != is_one).sum()) for array, is_one in told if array is not None)
        if differ:
            raise ValueError(f"{origin}: {first} and its labels of compartments differ at {differ} vertices. Leave the one that is right.")
        return known
    if axon is None:
        raise ValueError(
            f"{origin}: the vertex attribute {first!r} says what is dendrite, but nothing says what of the rest is axon and what soma. "
            "Add `is_axon`, or SWC's codes as `compartment`."
        )
    both = 0 if dendrite is None else int((axon & dendrite).sum())
    if both:
        raise ValueError(f"{origin}: {both} of {len(axon)} vertices are axon and dendrite at once ({first}). Leave the one that is right.")
    return np.where(axon == 1, AXON, DENDRITE if dendrite is None else np.where(dendrite == 1, DENDRITE, NOTHING))


def as_codes(labels: np.ndarray, n_vertices: int, what: str) -> Int64[np.ndarray, " vertices"]:
    """SWC code of each vertex, from labels that are codes or names.

    Args:
        labels: One code or name a vertex.
        n_vertices: Number of vertices.
        what: Name of file and labels, for errors.
    """
    labels = labels.reshape(-1)
    if len(labels) != n_vertices:
        raise ValueError(f"{what}: {len(labels)} compartment labels for {n_vertices} vertices. One a vertex is needed.")
    if labels.dtype.kind in "iufb":
        wrong = ~(np.abs(labels.astype(np.float64)) < 2**31) | (labels != np.rint(labels.astype(np.float64)))
        if wrong.any():
            raise ValueError(
                f"{what}: {int(wrong.sum())} of {n_vertices} compartment labels are no whole numbers, first {labels[wrong][0]}. "
                "Codes are SWC's: 1 soma, 2 axon, 3 and 4 dendrite."
            )
        return labels.astype(np.int64)
    text = np.char.decode(labels, "latin-1") if labels.dtype.kind == "S" else labels.astype(str)
    names, place = np.unique(text, return_inverse=True)
    unknown = [str(name) for name in names if name.lower() not in LABELS]
    if unknown:
        raise ValueError(
            f"{what}: compartment labels {unknown[:5]} are unknown ({nearest_of(unknown[0].lower(), LABELS, 'nearest {}; ')}known: "
            f"{', '.join(LABELS)}, or SWC's codes). Rename them."
        )
    return np.array([LABELS[name.lower()] for name in names], np.int64)[place.reshape(-1)]


def one_labelling(labels: dict[str, Int64[np.ndarray, " vertices"]], origin: str) -> Int64[np.ndarray, " vertices"] | None:
    """The labels of the vertices, where all that are not 0 throughout agree; None where there are none.

    Args:
        labels: Codes of the vertices, by the name that the file has for them.
        origin: Name of the file, for errors.
    """
    given = {name: codes for name, codes in labels.items() if codes.any()}
    first = next(iter(given), None)
    if first is None:
        return next(iter(labels.values()), None)
    for name, codes in given.items():
        differ = int((codes != given[first]).sum())
        if differ:
            raise ValueError(f"{origin}: {first} and {name} differ at {differ} of {len(codes)} vertices. Leave the one that is right.")
    return given[first]
