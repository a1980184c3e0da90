"""The parameters of a model as one vector: fixed effects, entries of the Cholesky roots of the random effects' covariances, shapes.

A random effect is u = root b with b standard normal. The likelihood is then smooth through a variance of 0, where it is even in the
root's column: a variance that vanishes is an ordinary maximum, not an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.design import Design
from graphtwin.shapes import Float


@dataclass(frozen=True)
class Layout:
    """Places of the parts in the vector of parameters.

    Attributes:
        names: Names of the fixed effects.
        n_effects: Number of random effects of a group, for each grouping; a field counts as one with a single effect.
        free: Entries (row, column) of each grouping's root that are estimated.
        absorbed: Whether the first grouping's intercepts are free, so that it has no variance.
        n_shapes: Number of shape parameters of the family.
    """

    names: tuple[str, ...]
    n_effects: tuple[int, ...]
    free: tuple[tuple[tuple[int, int], ...], ...]
    absorbed: bool
    n_shapes: int

    @classmethod
    def of(cls, design: Design, n_shapes: int) -> Layout:
        """Layout of a design's parameters."""
        fields, groupings = (1,) * len(design.fields), design.groupings
        sizes, free = tuple(len(grouping.effects) for grouping in groupings), tuple(grouping.free for grouping in groupings)
        return cls(design.fixed.names, sizes + fields, free + tuple(((0, 0),) for _ in fields), design.absorbed, n_shapes)

    @property
    def n_fixed(self) -> int:
        """Number of fixed effects."""
        return len(self.names)

    @property
    def n_roots(self) -> int:
        """Number of free entries of roots."""
        return sum(len(entries) for entries in self.free)

    @property
    def n_parameters(self) -> int:
        """Length of the vector."""
        return self.n_fixed + self.n_roots + self.n_shapes

    def fixed(self, vector: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " fixed"]:
        """The fixed effects in a vector of parameters."""
        return vector[: self.n_fixed]

    def shape(self, vector: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " shapes"]:
        """The shape parameters in a vector of parameters, on their inner scale."""
        return vector[self.n_fixed + self.n_roots :]

    def roots(self, vector: Float[np.ndarray, " parameters"]) -> list[np.ndarray]:
        """Lower-triangular root of each grouping; 1 for an absorbed one, whose intercepts are free."""
        out, place = [], self.n_fixed
        for i, (size, entries) in enumerate(zip(self.n_effects, self.free, strict=True)):
            root = np.eye(size) if self.absorbed and i == 0 else np.zeros((size, size))
            for entry in entries:
                root[entry] = vector[place]
                place += 1
            out.append(root)
        return out

    def entries(self, matrices: Sequence[np.ndarray]) -> Float[np.ndarray, " roots"]:
        """The free entries of one matrix a grouping."""
        return np.array([matrix[entry] for matrix, entries in zip(matrices, self.free, strict=True) for entry in entries])

    def describe(self, shape_names: Sequence[str], groupings: Sequence[str]) -> list[str]:
        """A name for every entry of the vector, for messages."""
        roots = [f"root of {name}[{a},{b}]" for name, entries in zip(groupings, self.free, strict=True) for a, b in entries]
        return [*self.names, *roots, *shape_names]
