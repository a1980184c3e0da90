"""The settings of a run: presets, then a TOML, then `--set key=value`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from graphtwin.config import RunConfig, overridden, parse_override, set_at
from graphtwin.graph.settings.network_settings import NeuronConfig, PairConfig
from graphtwin.tuning import ANY_COLUMNS, BasisConfig


class Settings(RunConfig):
    """What a run of the graph model depends on beside its data (`graphtwin run`)."""

    embeddings_file: Path | None = Field(
        None, description="Table of embeddings to use; if absent they are learned from the source's function or responses to directions."
    )
    materialization: int | None = Field(None, description="Materialization whose pairs are predicted; if absent, the one with the most.")
    exposure: Literal["reach"] | None = Field(
        None, description="What bounds who can connect: reach, of somata; if absent, the exposures of the source, if it has any."
    )
    reach_um: float | None = Field(None, gt=0, description="Distance of somata up to which a pair can meet, micrometres (exposure reach).")
    ceiling: Path | None = Field(None, description="TOML of another animal of the same neurons, whose wiring is the ceiling.")
    min_members: int = Field(
        20, ge=2, description="Least number of neurons in a cell type or layer that is learned; labels of smaller ones count as unknown."
    )
    axon_folds: int = Field(3, ge=2, description="Folds of axons, each held out once.")
    neuron_folds: int = Field(4, ge=2, description="Folds of neurons, each held out once.")
    scan_folds: int = Field(3, ge=2, description="Folds of scans, each held out once.")
    block_folds: int = Field(3, ge=2, description="Blocks of tissue, each held out once.")
    permutations: int = Field(19, ge=1, description="Permutations of function behind every p-value; fewer than 19 cannot reach p = 0.05.")
    null_folds: int = Field(
        1,
        ge=1,
        description="Folds on which models of permuted function and rewired graphs are fitted; of neurons more where a fold has few.",
    )
    rewired: int = Field(1, ge=1, description="Graphs rewired with all degrees kept, on each of which the model is trained.")
    replicates: int = Field(200, ge=20, description="Resamples of axons or neurons behind every interval.")
    k_similar: int = Field(10, ge=1, description="Functional neighbours a neuron hears from.")
    directions: BasisConfig = Field(BasisConfig(), description="How embeddings are learned from direction responses.")
    function: BasisConfig = Field(ANY_COLUMNS, description="How embeddings are learned from function of any kind.")
    neurons: NeuronConfig = Field(NeuronConfig(), description="How cell type, layer and position are learned.")
    pairs: PairConfig = Field(PairConfig(), description="How connectivity is learned.")

    @model_validator(mode="after")
    def _require_reach_with_length(self) -> Settings:
        """A reach, and its length, are given together."""
        if (self.exposure == "reach") != (self.reach_um is not None):
            raise ValueError("exposure = reach and reach_um go together: give both, the length in um, or neither")
        return self


PRESETS: dict[str, dict[str, Any]] = {
    "run": {},
    "full": {
        "permutations": 20,
        "axon_folds": 5,
        "neuron_folds": 5,
        "null_folds": 5,
        "rewired": 5,
        "replicates": 1000,
        "neurons": {"members": 5},
    },
    "short": {
        "permutations": 1,
        "axon_folds": 2,
        "neuron_folds": 2,
        "scan_folds": 2,
        "block_folds": 2,
        "replicates": 20,
        "neurons": {"members": 1, "fit": {"epochs": 4}},
        "pairs": {"members": 1, "fit": {"epochs": 2}},
    },
}


def load_settings(overrides: list[str] | None = None, **given: Any) -> Settings:
    """Defaults, then the preset's values, then those given by name, then `key=value` overrides in order.

    The seed of the run is that of its directions too, unless `directions.seed` is set.

    Args:
        overrides: Settings as `key=value`, such as `pairs.fit.epochs=20`; `preset=short` selects a preset.
        given: Top-level settings by name, such as source, out and seed.
    """
    parsed = [parse_override(override) for override in overrides or []]
    preset = next((value for path, value in reversed(parsed) if path == ["preset"]), given.get("preset", "run"))
    values: dict[str, Any] = {}
    for path, value in _flat(PRESETS.get(str(preset), {})):
        set_at(values, path, value)
    seed = next((value for path, value in reversed(parsed) if path == ["seed"]), given.get("seed"))
    if isinstance(seed, int) and seed >= 0:
        for learned in ("directions", "function"):
            set_at(values, [learned, "seed"], seed)  # every draw follows the run's seed, unless another one is set
    return overridden(Settings, values | given, overrides, "configuration")


def _flat(values: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[list[str], Any]]:
    """Nested settings as (path, value)."""
    found = []
    for key, value in values.items():
        found += _flat(value, (*prefix, key)) if isinstance(value, dict) else [([*prefix, key], value)]
    return found
