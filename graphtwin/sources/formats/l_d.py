"""The unit of L_d, the length of dendrite that runs within reach of an axon: tables that can only be in another unit are refused."""

from __future__ import annotations

import pandas as pd

LONGEST_UM = 3e4  # longest L_d that is read as um: no dendrite of cortex is this long in all its branches
USUAL_UM = 4e3  # half of many pairs lie below it: five projection neurons of a fly in one tract have 2,200 um, cortical pairs some um
SHORTEST_UM = 1.0  # the longest of many pairs is above it, as the reach within which L_d is measured is some um
MANY = 20  # pairs with an L_d above 0 from which on median and longest are judged


def require_l_d_um(l_d_um: pd.Series, origin: str, name: str = "l_d_um", unit: str = "um") -> None:
    """Raise where L_d can only be in another unit than it is read in.

    Args:
        l_d_um: L_d of pairs, um, 0 or more.
        origin: Name of the file, for the error.
        name: Name of the column in the file.
        unit: Unit in which the column is read, um or mm.
    """
    some = l_d_um[l_d_um > 0]
    longest, middle = float(l_d_um.max()), float(some.median())
    long = longest > LONGEST_UM or (len(some) >= MANY and middle > USUAL_UM)
    short = len(some) >= MANY and longest < SHORTEST_UM
    if not long and not short:
        return
    times, other = (1.0, "dend_len (mm)") if unit == "um" else (1e-3, "l_d_um (um)")
    guess = "mm" if short else "nm" if unit == "um" else "um"
    than = "longer than any dendrite" if long else "shorter than the reach within which L_d is measured"
    found = f"half of the {len(some)} above 0 are above {times * middle:g}"
    raise ValueError(
        f"{origin}: the largest of {len(l_d_um)} values of {name} is {times * longest:g} {unit}, {than} ({found}); is it in {guess}? "
        f"{name} is read in {unit}: convert the column, name it {other} if it is in the unit of that one, or write the table with "
        "`graphtwin proximity`."
    )
