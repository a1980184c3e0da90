"""What is measured in silico of the units of a twin, or of twins of several seeds with their spread: tuning, fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from graphtwin.parallel import Device
from graphtwin.twin.runs.answering import Answering, answering, answering_units, rare_state

if TYPE_CHECKING:
    from graphtwin.insilico import Method, Responder
    from graphtwin.twin.fitting import FittedTwin


def tune_twin(
    run: str | Path | FittedTwin | Answering,
    what: Sequence[str] = ("direction",),
    state: Mapping[str, float] | None = None,
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Tuning of all units of a twin, one row a unit, with its fingerprints `twin` and `twin_core`; see `insilico.tune_units`.

    Of a folder of several seeds the mean of the twins answers, and X_spread beside each number X says how far the twins differ on the unit
    (see `insilico.with_spread`); X_low and X_high, where it is known how far twins err, are its 95 % interval, and X_flag says why it
    should not be taken to an experiment (see `agreement.with_intervals`).

    Args:
        run: Folder of a twin, or of several that `--seeds` filled; a twin; or who answers.
        what: What is measured: direction, size, contrast, latency, adaptation, adapter.
        state: State of behaviour, one number a channel, whose gain, shift and change of preference from rest are measured as well.
        animal: Name of the only animal that is measured; None measures all.
        device: Device on which torch computes.
        progress: Show progress bars.

    Examples:
        >>> graphtwin.twin.tune(twin)[["unit_id", "orientation_deg", "gosi"]].shape
        (5, 3)
    """
    from graphtwin.insilico import GratingConfig, seen_as_they_are, tune_units

    asked = answering(run, animal, device)
    gratings = seen_as_they_are(GratingConfig(), asked.responders)
    rare = {each.name: rare_state(asked, each.name, state or {}) for each in asked.responders}
    return _table(asked, partial(tune_units, what=tuple(what), state=state, gratings=gratings, progress=progress), rare)


def fields_twin(
    run: str | Path | FittedTwin | Answering,
    method: Method | Literal["covariance"] = "average",
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
    state: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Receptive fields of all units of a twin, one row a unit, as `tune_twin` gives tuning; see `insilico.fit_fields`.

    Of a circuit whose senses have no places a field is which inputs a unit answers; see `insilico.describe_inputs`.

    By covariance the patterns that each unit squares are told as well; see `insilico.describe_subspaces`.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled; a twin; or who answers.
        method: How fields are told by noise: average, ridge, gradient or covariance.
        animal: Name of the only animal that is measured; None measures all.
        device: Device on which torch computes.
        progress: Show progress bars.
        state: State of behaviour in which noise is seen, one number a channel.

    Examples:
        >>> graphtwin.twin.fields(twin)[["unit_id", "field_x_deg", "field_y_deg"]].shape
        (5, 3)
    """
    from graphtwin.insilico import describe_inputs, describe_subspaces, fit_fields, inputs_of, measure_noise_maps, measure_subspaces

    def fields(responder: Responder) -> pd.DataFrame:
        if method == "covariance":
            return describe_subspaces(measure_subspaces(responder, state=state, progress=progress), responder.name)
        maps = measure_noise_maps(responder, method, state=state, progress=progress)
        return (describe_inputs if inputs_of(responder) else fit_fields)(maps, responder.name)

    asked = answering(run, animal, device)
    for each in asked.responders:
        rare_state(asked, each.name, state or {})
    return _table(asked, fields, stated=method == "average")  # how far twins err was measured of averages alone


def _table(
    asked: Answering, measure: Callable[[Responder], pd.DataFrame], rare: Mapping[str, str] | None = None, stated: bool = True
) -> pd.DataFrame:
    """Units of all responders with what is measured of them, intervals where these are `stated`, and the fingerprints of who answered."""
    from graphtwin.insilico import with_members
    from graphtwin.twin.agreement import with_intervals

    parts = [
        with_intervals(
            with_members(responder, measure),
            asked.n_twins,
            responder.name,
            rare=(rare or {}).get(responder.name, ""),
            shared=asked.shared[responder.name],
        )
        if stated and asked.calibrated
        else with_members(responder, measure)
        for responder in asked.responders
    ]
    found = pd.concat(parts, ignore_index=True)
    return pd.concat([answering_units(asked), found], axis=1).assign(**asked.stamps)
