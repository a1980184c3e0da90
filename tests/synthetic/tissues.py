"""Small tissues with features, for tests."""

from __future__ import annotations

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.synthetic.brain.anatomy import grow_anatomy
from graphtwin.synthetic.brain.tissue import Tissue


def tissue(n_neurons: int = 120, seed: int = 0, features: bool = True, **settings: float) -> Tissue:
    anatomy = grow_anatomy(n_neurons, seed, animal=0)
    vectors = rng_for(seed, "features of a test").standard_normal((n_neurons, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Tissue.of(anatomy, vectors if features else None, **settings)
