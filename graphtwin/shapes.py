"""Names of array shapes: those of jaxtyping where it is loaded already, as in tests, which check them; else names that say nothing.

jaxtyping itself takes 30 ms to import, a tenth of what NumPy and pandas take, and in production nothing reads a shape. Modules that a short
process imports, such as one fit of a mixed model, take the names from here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Int, Num
else:

    class Shaped:
        """An array of some shape, of which only the kind of array is kept: `Float[np.ndarray, " rows"]` is `np.ndarray`."""

        def __class_getitem__(cls, kind_and_shape: tuple[Any, str]) -> Any:
            """The kind of array."""
            return kind_and_shape[0]

    Bool = Float = Int = Num = Shaped

__all__ = ["Bool", "Float", "Int", "Num"]
