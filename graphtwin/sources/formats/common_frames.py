"""Series with times of their own, brought to the same moments: what loaders of recordings share that store no common frames."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

ROUNDING_S = 1e-6  # clocks count microseconds at best; sums of frame periods differ by less


def shown_at(times_s: Float[np.ndarray, " frames"], moments_s: Float[np.ndarray, " moments"]) -> Int[np.ndarray, " moments"]:
    """The frame that was on the screen at each moment: the last one that began by then, or within `ROUNDING_S` of it.

    Args:
        times_s: Times at which frames were put up, seconds, ascending.
        moments_s: Moments to look at, seconds, none of them before the first frame.
    """
    return np.searchsorted(times_s, moments_s + ROUNDING_S, side="right") - 1


def interpolated(
    times_s: Float[np.ndarray, " samples"], values: Float[np.ndarray, "samples channels"], moments_s: Float[np.ndarray, " moments"]
) -> Float[np.ndarray, "moments channels"]:
    """Values at some moments, linear between samples; NaN beyond them and beside a sample that is NaN: a gap is not bridged.

    Args:
        times_s: Times at which samples were taken, seconds, ascending.
        values: Values of the samples.
        moments_s: Moments at which values are wanted, seconds.
    """
    columns = [np.interp(moments_s, times_s, column, left=np.nan, right=np.nan) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.empty((len(moments_s), 0))


def brackets(
    times_s: Float[np.ndarray, " samples"], moments_s: Float[np.ndarray, " moments"], delays_s: Float[np.ndarray, " units"]
) -> tuple[Int[np.ndarray, "moments units"], Float[np.ndarray, "moments units"]]:
    """The sample after each moment and its weight, for units measured at a delay of their own after the time of the frame.

    The value of a unit is weight x its sample + (1 - weight) x the one before; the weight is 1 where a sample was taken just then.

    Args:
        times_s: Times at which frames began, seconds, ascending, two at least.
        moments_s: Moments at which values are wanted, seconds, within the samples of every unit.
        delays_s: Time from the beginning of a frame to the measurement of each unit, seconds.
    """
    wanted = moments_s[:, None] - delays_s[None, :]
    after = np.clip(np.searchsorted(times_s, wanted), 1, len(times_s) - 1)
    before = times_s[after - 1]
    return after, (wanted - before) / (times_s[after] - before)
