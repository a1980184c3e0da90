"""The embeddings table of a functional twin: what each unit's readout weighs, in coordinates that any two fits have in common.

With the gauge G of a core, w G has the deviation of the unit's drive on a reference clip as its length, whatever the core's own coordinates
are: lengths are gains. Much of a readout is common to all units of a core: m, the mean of the prior that comes with the core
(see `readout_prior`). Embeddings are directions of (w - m) G: their cosines are correlations of what units' drives do beyond that, had all
the same field. Position is told apart.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.schema import UNIT_KEY
from graphtwin.twin.fitting.fitted_twin import FittedTwin
from graphtwin.twin.fitting.gauge import features_on, gauge, reference_clip
from graphtwin.twin.model import MODULATORS

ROUNDING = 1e-5  # relative error of single precision, with room


def embed_units(fitted: FittedTwin, reference: Float[np.ndarray, "frames height width"] | None = None) -> pd.DataFrame:
    """One row a unit: session, scan_idx, unit_id, embedding_0 ... (float32), animal, reliability, gain, rf_x, rf_y, monitor_*.

    embedding_*: gauge-fixed feature weights off their mean, of length 1, or 0 where a unit has the mean. gain: length of the weights, mean
    and all. reliability: how much of the readout the unit's own responses tell, 0 to 1; the rest is what readouts of all units are like.
    rf_x, rf_y: where the readout looks at rest, x rightwards and y upwards, edges of the video at -1 and 1. monitor_width_cm,
    monitor_height_cm, monitor_distance_cm: the screen that the video filled, without which these are no angles. Where the gaze of an animal
    was declared also rf_x_deg, rf_y_deg: the place on the retina, degrees rightwards and upwards from the gaze as it was measured.

    Args:
        fitted: Fitted twin whose units are embedded.
        reference: Clip that fixes the gauge, standardised grey levels; None takes the same moving discs for all twins.
    """
    first = next(iter(fitted.animals))
    size = fitted.twin.animal(first).view_size(*fitted.animals[first].size)
    clip = reference_clip(*size) if reference is None else reference
    turned = gauge(features_on(fitted.twin.core, MODULATORS, clip), clip)
    common = fitted.twin.common_readout()[0, :-1].double().numpy()
    tables = []
    for name, seen in fitted.animals.items():
        readout = fitted.twin.animal(name).readout
        weights = readout.weights[:, 0].detach().double().numpy()
        own = (weights - common) @ turned
        length = np.linalg.norm(own, axis=1, keepdims=True)
        differs = length > ROUNDING * max(float(np.linalg.norm(common @ turned)), 1e-6)  # else what rounding left would have a direction
        columns = np.where(differs, own / np.where(differs, length, 1.0), 0.0).astype(np.float32)
        position = fitted.twin.animal(name).positions_at_rest().detach().numpy()
        known = fitted.twin.animal(name).reliability.double().cpu().numpy()
        told = seen.units[UNIT_KEY].assign(animal=name, reliability=known, gain=np.linalg.norm(weights @ turned, axis=1))
        told = told.assign(rf_x=position[:, 0], rf_y=-position[:, 1], **seen.monitor.stamp())
        retinal = fitted.twin.animal(name).retinal_degrees()
        if retinal is not None:
            told = told.assign(**dict(zip(("rf_x_deg", "rf_y_deg"), retinal.detach().double().numpy().T, strict=True)))
        tables.append(told.join(pd.DataFrame(columns, columns=[f"embedding_{at}" for at in range(columns.shape[1])])))
    return pd.concat(tables, ignore_index=True)
