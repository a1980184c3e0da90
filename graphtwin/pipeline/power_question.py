"""What is asked of a power analysis. It loads nothing heavy, so that a slip is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FEWEST = 2  # axons that an error over axons needs


class Tissue(BaseModel):
    """What is supposed of synapses where no table tells it; all variances are over the squared mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_sd: float = Field(0.5, ge=0, description="Standard deviation of the axons' synapse rates, as a share of their mean.")
    smooth: float = Field(
        0.5, ge=0, description="Part of function that varies smoothly with place, in standard deviations of the part of each cell alone."
    )
    over_dispersion: float = Field(0.2, ge=0, description="Variance of a pair's own factor on its synapses, as a share.")
    popularity: float = Field(0.1, ge=0, description="Variance of the factor that a target has for all axons, as a share.")
    hot_spots: float = Field(0.3, ge=0, description="Variance of the hot spots that each axon has of its own, as a share.")
    shared_hot_spots: float = Field(0.1, ge=0, description="Variance of the hot spots that all axons share, as a share.")
    range_um: float = Field(50.0, gt=0, description="Distance over which hot spots fall to 1/e, in um.")


class PowerConfig(BaseModel):
    """The design whose power is asked for, and how it is simulated (`graphtwin power`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: Path | None = Field(None, description="Pair table whose axons tables are drawn from; without one, geometry is simulated.")
    neurons: Path | None = Field(None, description="Neuron table, for positions, similarities and reliability.")
    similarity: str | None = Field(None, description="Column of the pairs, or a similarity that is computed from the neurons.")
    effect: tuple[float, ...] = Field(
        min_length=1, description="Slopes to detect: change of log expected synapses with one unit of the similarity."
    )
    axons: tuple[int, ...] = Field(
        (), description="Numbers of axons; for none those of the table, half and twice as many, for one half and twice as many too."
    )
    targets: int = Field(150, ge=2, description="Number of candidates of each axon, without a table.")
    synapses: float = Field(
        10.0, ge=0, description="Mean number of synapses of an axon that lie on its candidates, without a table (no unit)."
    )
    tissue: Tissue = Field(Tissue(), description="What is supposed of synapses, without a table.")
    inclusion: Literal["published", "none"] = Field(
        "published", description="Rules that pairs of a table must pass: those of Ding et al. 2025, or none."
    )
    tables: int = Field(200, ge=20, description="Number of simulated tables for each number of axons and each slope.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")
    workers: int = Field(1, ge=1, description="Number of processes; the tables are the same for any number.")


def require_design(config: PowerConfig) -> None:
    """Raise where the question has no answer, whatever the tables say."""
    none = [effect for effect in config.effect if not 0 < abs(effect) < float("inf")]
    if none:
        raise ValueError(
            f"--effect {none[0]:g}: there is nothing to detect. Tables without a rule are simulated anyway, for false positives; name the "
            "slope that you would not want to miss."
        )
    if len({effect > 0 for effect in config.effect}) > 1:
        raise ValueError("--effect: slopes of both signs. Ask for one sign at a time.")
    few = [n for n in config.axons if n < FEWEST]
    if few:
        raise ValueError(f"--axons {few[0]}: an error over axons needs {FEWEST}, an honest one five. Ask for more axons.")
    if config.pairs is None:
        _require_no_table(config)
    elif config.similarity is None:
        raise ValueError(f"{config.pairs}: which similarity? Give --similarity, a column of the pairs or one computed from --neurons.")


def _require_no_table(config: PowerConfig) -> None:
    if not config.axons:
        raise ValueError("neither a pair table nor --axons: give the table whose design is asked about, or a number of axons.")
    given = [f"--{name}" for name in ("neurons", "similarity") if getattr(config, name) is not None]
    if given:
        raise ValueError(f"{' and '.join(given)} without a pair table: give the table too, or leave them out.")
    if not config.synapses > 0:
        raise ValueError("--synapses 0: axons without synapses tell nothing. Give the mean number that an axon makes on its candidates.")
