"""The term of a formula that is a spatial random effect: `field(post_x, post_y, post_z)`.

After the one to three columns of coordinates may stand `kernel=` and `knots=`: `field(x, y, kernel=exponential, knots=60)`. The places of
targets may have an intercept each beside their field, `field(post_x, post_y, post_z) + (1 | post_nucleus_id)`: what is smooth goes to the
one, what differs between neighbours to the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphtwin.mixed.design.kernels import KERNELS

DEFAULT_KERNEL = "matern"  # fields once differentiable lie between the rough exponential and the endlessly smooth squared exponential
# Knots where the formula names none. Of 100 tables without a rule (30 axons, 400 targets in 700 x 500 x 400 um, rate and covariate smooth
# at 100 and 120 um) 16 name a slope with 40 knots, 9 with 80, 8 with 100, 7 with 160, where the nominal 5 % are at most 11; time doubles
# from 80 to 160. An intercept for every target beside the field does for what the knots miss.
DEFAULT_KNOTS = 100
MOST_COORDINATES = 3  # space has no more
NAME = re.compile(r"^[A-Za-z_]\w*$")
EXAMPLE = "Write it as in `field(post_x, post_y, post_z)` or `field(x, y, kernel=exponential, knots=60)`."


@dataclass(frozen=True)
class FieldTerm:
    """One `field( )` of a formula.

    Attributes:
        coordinates: Columns with the coordinates, one to three, all in the same unit.
        kernel: Name of the correlation by distance, one of `KERNELS`.
        n_knots: Most knots that carry the field.
    """

    coordinates: tuple[str, ...]
    kernel: str = DEFAULT_KERNEL
    n_knots: int = DEFAULT_KNOTS

    @property
    def name(self) -> str:
        """Name of the effect, such as "field(post_x, post_y)"."""
        return f"field({', '.join(self.coordinates)})"


def parse_field(inside: str, text: str) -> FieldTerm:
    """Read what stands inside `field( )`.

    Args:
        inside: Text between the parentheses.
        text: The whole formula, for messages.

    Raises:
        ValueError: When a part can't be read; the error names the part.
    """
    coordinates, options = [], {}
    for part in (part.strip() for part in inside.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and name in ("kernel", "knots") and name not in options:
            options[name] = value.strip("'\"")
        elif not equals and NAME.match(name) and not options:
            coordinates.append(name)
        else:
            raise ValueError(f"formula {text!r}: {part!r} inside field( ) is neither a column nor kernel= or knots= after them. {EXAMPLE}")
    if not 1 <= len(set(coordinates)) == len(coordinates) <= MOST_COORDINATES:
        raise ValueError(f"formula {text!r}: field( ) needs one to {MOST_COORDINATES} different columns of coordinates. {EXAMPLE}")
    kernel, knots = options.get("kernel", DEFAULT_KERNEL), options.get("knots", str(DEFAULT_KNOTS))
    if kernel not in KERNELS:
        raise ValueError(f"formula {text!r}: kernel {kernel!r} is unknown. There are {', '.join(KERNELS)}.")
    if not knots.isdecimal() or int(knots) < 2:
        raise ValueError(f"formula {text!r}: knots={knots} is no number of knots; a field needs 2 or more. {EXAMPLE}")
    return FieldTerm(tuple(coordinates), kernel, int(knots))
