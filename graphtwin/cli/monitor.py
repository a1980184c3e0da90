"""The option that states a screen: --monitor WIDTH HEIGHT DISTANCE, cm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graphtwin.coordinates import Monitor

Screen = Annotated[
    tuple[float, float, float] | None,
    typer.Option(
        "--monitor", metavar="W H D", help="Width, height and distance of the screen, cm (default: as the data say, else 55.2 31 15)."
    ),
]


def monitor_in(numbers: tuple[float, float, float] | None) -> Monitor | None:
    """The monitor of the option, or None where it was not given."""
    if numbers is None:
        return None
    from graphtwin.config import validate
    from graphtwin.coordinates import Monitor

    return validate(Monitor, dict(zip(("width_cm", "height_cm", "distance_cm"), numbers, strict=True)), "--monitor")
