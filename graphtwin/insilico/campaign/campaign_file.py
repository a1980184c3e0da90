"""What a campaign file asks for: stimuli, states, units, and what is kept of each answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from graphtwin.config import read_toml, validate
from graphtwin.insilico.stimuli import KINDS, Stimulus, stimuli_of


class StateConfig(BaseModel):
    """A state of behaviour in which every stimulus is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="Name of the state, by which its cells are found.")
    channels: dict[str, float] = Field(
        default_factory=dict, description="Channels of behaviour in recorded units; those that are not named rest, at their mean."
    )


class CampaignConfig(BaseModel):
    """A campaign: every stimulus in every state to every responder, and what is kept of the answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)

    stimuli: tuple[dict[str, Any], ...] = Field(
        min_length=1, description="Tables of a kind and its parameters; lists of values in `series` stand for every combination of them."
    )
    states: tuple[StateConfig, ...] = Field((StateConfig(name="rest"),), min_length=1, description="States of behaviour.")
    responders: tuple[str, ...] = Field((), description="Names of the responders; none takes all there are.")
    units: Path | None = Field(None, description="Table, .csv or .parquet, with session, scan_idx, unit_id of the units that are kept.")
    seed: int = Field(0, ge=0, description="Seed of random stimuli whose table names none.")
    grey_s: float = Field(0.5, ge=0, description="Seconds of grey screen before each stimulus, after the responder's own rest.")
    onset_s: float = Field(0.5, ge=0, description="Seconds at the start of each stimulus that do not count.")
    contrast_sd: float = Field(2.0, gt=0, description="Contrast 1 in standard deviations of the grey levels that a responder is used to.")
    bin_s: float | None = Field(None, gt=0, description="Seconds of time bins whose mean responses are kept as well, from the onset on.")
    dense: bool = Field(False, description="Write the mean responses also as dense arrays (Zarr; needs the extra zarr).")
    frames_a_shard: int = Field(6000, ge=1, description="Frames of a shard, at least, grey ones too: by default two seconds of a core.")
    frames_a_batch: int = Field(256, ge=1, description="Frames that a responder answers in one go, at most; one clip at least.")

    def shown(self) -> list[Stimulus]:
        """Every stimulus of the campaign, in its order; the number of a stimulus is its place here."""
        tables = [self._seeded(dict(table)) for table in self.stimuli]
        return stimuli_of(tables, "stimuli")

    def _seeded(self, table: dict[str, Any]) -> dict[str, Any]:
        kind = KINDS.get(str(table.get("kind")))
        return {"seed": self.seed} | table if kind is not None and "seed" in kind.model_fields else table


def read_campaign(path: str | Path) -> CampaignConfig:
    """The campaign of a TOML file; a wrong key or value is an error in words, of a stimulus too.

    Args:
        path: File with tables `[[stimuli]]`, each with a `kind`, and what else a campaign has. A relative path of `units` is looked for
            beside the file.
    """
    path = Path(path)
    config = validate(CampaignConfig, read_toml(path), str(path))
    twice = [name for name, times in Counter(state.name for state in config.states).items() if times > 1]
    if twice:
        raise ValueError(f"{path}: states: {', '.join(twice)}: {len(twice)} names are given twice. Name each state once.")
    try:
        config.shown()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return config if config.units is None else config.model_copy(update={"units": path.parent / config.units})
