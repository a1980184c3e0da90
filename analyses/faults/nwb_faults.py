"""Faults of NWB files, by code that shares nothing with the checks."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def nwb_delay(file: object, rng: Rng) -> None:
    """Imaging by a clock that is late, or early."""
    by = float(rng.choice([-1, 1]) * rng.uniform(0.6, 0.9))
    series = [item for item in file["processing/ophys/Fluorescence"].values() if "timestamps" in item]  # type: ignore[index]
    times = [item["timestamps"][:] for item in series]  # some are links to others
    for item, own in zip(series, times, strict=True):
        del item["timestamps"]
        item["timestamps"] = own + by
        item["timestamps"].attrs.update({"interval": 1, "unit": "seconds"})


def nwb_swapped_axes(file: object, rng: Rng) -> None:
    """A movie whose axes are those of another writer."""
    series = next(item for item in file["acquisition"].values() if item.attrs.get("neurodata_type") == "ImageSeries")  # type: ignore[index]
    movie, attributes = series["data"][:], dict(series["data"].attrs)
    del series["data"]
    series["data"] = movie.transpose(0, 2, 1)
    series["data"].attrs.update(attributes)


def nwb_lost_units(file: object, rng: Rng) -> None:
    """Traces of some masks that end early: what follows is the last value."""
    for item in file["processing/ophys/Fluorescence"].values():  # type: ignore[index]
        traces = item["data"][:]
        units = rng.choice(traces.shape[1], max(2, traces.shape[1] // 6), replace=False)
        start = int(rng.uniform(0.3, 0.6) * len(traces))
        traces[start:, units] = traces[start, units]
        item["data"][...] = traces


def nwb_behaviour(file: object, rng: Rng) -> None:
    """A treadmill in another unit than it says."""
    data = file["acquisition/treadmill_velocity/data"]  # type: ignore[index]
    data[...] = data[:] * 100


NWB = {one.__name__: one for one in (nwb_delay, nwb_swapped_axes, nwb_lost_units, nwb_behaviour)}
