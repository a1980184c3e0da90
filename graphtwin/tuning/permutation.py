"""Function dealt anew: what embeddings would look like if they said nothing but what scan and layer say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.schema import UNIT_KEY


def permute_embeddings(embeddings: pd.DataFrame, layer: pd.Series, seed: int, permutation: int) -> pd.DataFrame:
    """Embeddings (and their reliability) shuffled among the units of the same layer in the same scan; ids stay where they are.

    A unit alone in its layer and scan keeps its own. The shuffle depends on who is there, not on the order of rows.

    Args:
        embeddings: Embeddings or features table: session, scan_idx, unit_id, nucleus_id, embedding_* or feature_*, reliability.
        layer: Layer of each nucleus (index: nucleus_id); cells of unknown layer are a stratum of their own.
        seed: The run's seed.
        permutation: Number of the permutation.
    """
    moving = [name for name in embeddings if name.startswith(("embedding_", "feature_")) or name == "reliability"]
    stratum = embeddings[["session", "scan_idx"]].assign(layer=embeddings["nucleus_id"].map(layer).astype(object))
    stratum["layer"] = stratum["layer"].where(stratum["layer"].notna(), "unknown").astype(str)
    code = stratum.groupby(["session", "scan_idx", "layer"], sort=True).ngroup().to_numpy()
    ordered = np.lexsort([embeddings[name].to_numpy() for name in reversed(UNIT_KEY)] + [code])
    lottery = rng_for(seed, "permuted embeddings", permutation).random(len(embeddings))
    drawn = ordered[np.lexsort((lottery, code[ordered]))]
    permuted = embeddings.copy()
    source = np.empty(len(embeddings), dtype=np.int64)
    source[ordered] = drawn
    permuted[moving] = embeddings[moving].to_numpy()[source]
    return permuted.astype(embeddings.dtypes.to_dict())
