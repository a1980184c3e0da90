"""The pass over the rows behind the gradient of a model with spatial random effects."""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from graphtwin.mixed.families import compiled


@compiled
@no_type_check
def solve_rows(coefficient, load, of_coefficient, place, of_place, bent, slots, fields, ranges):
    """The sum r of each row, and its products with the table's row of every slot, place, and place's derivative."""
    n_dense = of_place.shape[1]
    total = np.empty(n_dense)
    for i in range(coefficient.shape[1]):
        total[:] = 0.0
        for s in range(len(coefficient)):
            row, times = of_coefficient[coefficient[s, i]], load[s, i]
            for k in range(n_dense):
                total[k] += times * row[k]
        for f in range(len(place)):
            row = of_place[place[f, i]]
            for k in range(n_dense):
                total[k] += row[k]
        for s in range(len(coefficient)):
            row, product = of_coefficient[coefficient[s, i]], 0.0
            for k in range(n_dense):
                product += row[k] * total[k]
            slots[s, i] = product
        for f in range(len(place)):
            row, other, product, slope = of_place[place[f, i]], bent[place[f, i]], 0.0, 0.0
            for k in range(n_dense):
                product += row[k] * total[k]
                slope += other[k] * total[k]
            fields[f, i], ranges[f, i] = product, slope
