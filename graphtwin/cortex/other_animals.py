"""The wiring of other animals of the same neurons, which says how well one animal's can be predicted at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.funnel import Funnel
from graphtwin.cortex.identity import OTHERS, attach
from graphtwin.sources import SourceTables


def other_wiring(tables: SourceTables, mapped: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """Connected pairs of other animals by nucleus: animal, pre_nucleus_id, post_nucleus_id (unique together), size (summed).

    Args:
        tables: The tables of a source.
        mapped: The nucleus of each root id, as `root_ids` returns it.
        funnel: Receives the counts of what was lost.
    """
    parts = []
    for table in tables.of(*OTHERS):
        frame, name = table.frame, f"synapses of {table.animal}"
        for side in ("pre", "post"):
            frame = attach(frame, table.materialization, mapped, f"{side}_root_id", f"{side}_nucleus_id")
        known = frame[schema.PAIR_KEY].notna().all(axis=1)
        frame = funnel.keep(frame, known, name, "between nuclei of the volume", "no neuron of the volume has one of its ids", "pairs")
        if frame.empty:
            raise ValueError(
                f"{table.origin}: none of its {len(table.frame)} rows is of two neurons of the volume, so that {table.animal} says nothing "
                "of it. Both animals need the same ids, or the same names."
            )
        frame = frame.astype(dict.fromkeys(schema.PAIR_KEY, np.int64))
        frame = funnel.keep(frame, frame["pre_nucleus_id"] != frame["post_nucleus_id"], name, "between two nuclei", "onto itself", "pairs")
        parts.append(frame.assign(animal=table.animal))
    if not parts:
        return no_other_wiring()
    return pd.concat(parts).groupby(["animal", *schema.PAIR_KEY], as_index=False, sort=True)["size"].sum()


def no_other_wiring() -> pd.DataFrame:
    """The table without rows, of a source of one animal."""
    return pd.DataFrame({"animal": np.empty(0, object), **{name: np.empty(0, np.int64) for name in schema.PAIR_KEY}, "size": np.empty(0)})


def wiring_as_ceiling(volume: pd.DataFrame, other: pd.DataFrame, animal: str) -> pd.DataFrame:
    """The synapses of another cortex as the ceiling of this one: its materialization with the most pairs, of neurons that both have.

    Args:
        volume: Neurons of the volume.
        other: Synapses of the other cortex, whose nucleus ids are those of the volume.
        animal: Name of the other animal.
    """
    shared = other[other[schema.PAIR_KEY].isin(set(volume["nucleus_id"])).all(axis=1)]
    if shared.empty:
        first, theirs = volume["nucleus_id"].head(3).tolist(), other["pre_nucleus_id"].head(3).tolist()
        raise ValueError(
            f"ceiling {animal}: none of its {len(other)} synaptic pairs is of two neurons of the volume (nuclei here {first}, there "
            f"{theirs}). Number, or name, the neurons of both animals alike."
        )
    most = shared["materialization"].value_counts().index[0]
    pairs = shared.loc[shared["materialization"] == most, [*schema.PAIR_KEY, "size"]]
    return pairs.assign(animal=animal)[["animal", *schema.PAIR_KEY, "size"]]


def numbered_alike(other: pd.DataFrame, theirs: tuple[str, ...], ours: tuple[str, ...], animal: str) -> pd.DataFrame:
    """Synapses of another source with the numbers that neurons of the same name have here; as they are where both sources have ids.

    Args:
        other: Synapses of the other cortex.
        theirs: Names of its neurons, numbered from 1; none where it has ids.
        ours: Names of the neurons of the volume, numbered alike.
        animal: Name of the other animal.
    """
    if bool(theirs) != bool(ours):
        raise ValueError(
            f"ceiling {animal}: one of the two sources names its neurons and the other has ids, and nothing says which is which. "
            "Give names in both, or ids in both."
        )
    if not ours:
        return other
    number = pd.Series(np.arange(1, len(ours) + 1), index=list(ours))
    for name in schema.PAIR_KEY:
        other = other.assign(**{name: number.reindex([theirs[at - 1] for at in other[name]]).to_numpy()})
    return other.dropna(subset=schema.PAIR_KEY).astype(dict.fromkeys(schema.PAIR_KEY, np.int64))
