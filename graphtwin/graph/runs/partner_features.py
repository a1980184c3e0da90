"""What the synaptic partners of a neuron tell of it, as columns: what baselines read where a source has no function."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from graphtwin.graph.runs.study import Study

UNIT_UM = 100.0  # length that counts as 1 in the columns of places


def partner_features(study: Study, shown: Bool[np.ndarray, " neurons"]) -> Float[np.ndarray, "neurons features"]:
    """Mean labels and place of each neuron's targets and of its axons, and the logarithm of their number plus 1; of all materializations.

    Args:
        study: The study, whose synapses are read.
        shown: Which neurons tell their labels and place: not those that are held out, which are counted all the same.
    """
    inputs = study.inputs
    known = np.isfinite(inputs.position).all(axis=1) & shown
    centre = inputs.position[known].mean(axis=0) if known.any() else np.zeros(3)
    place = np.where(known[:, None], (inputs.position - centre) / UNIT_UM, 0.0)
    told = np.column_stack([inputs.context * shown[:, None], place, known])
    found = []
    for csr in study.graph.synapses.values():
        n = len(told)
        outputs = sparse.csr_array((np.ones(csr.n_edges), (csr.rows, csr.indices)), shape=(n, n))
        for partners in (outputs, outputs.T):
            count = np.asarray(partners.sum(axis=1)).ravel()
            found += [(partners @ told) / np.maximum(count, 1.0)[:, None], np.log1p(count)[:, None]]
    return np.column_stack(found)
