"""What each neuron of a simulated cortex prefers: the ground truth of its responses, and the vectors that wiring rules compare.

Every parameter is a monotone function of its own standard normal number. These numbers are drawn a neuron, or follow a map that is smooth
over the visual field (`place_share`), and are then moved by the neuron's type and layer by the amounts in `TYPES` and `LAYERS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import schema
from graphtwin.execute import rng_for

# Each parameter: its median and spread in the scale it is normal in ("log" or "logit"), and what it may not leave.
PARAMETERS = {
    "dsi": ("logit", 0.35, 1.0, (0.02, 0.98)),  # (preferred - null) / (preferred + null) of the drive to a grating
    "sf_cpd": ("log", 0.045, 0.30, (0.025, 0.09)),  # cycles a degree
    "tf_hz": ("log", 2.6, 0.30, (1.5, 6.0)),
    "complexity": ("logit", 0.50, 1.5, (0.02, 0.98)),  # share of the phase-invariant energy in the drive
    "cycles": ("log", 0.33, 0.18, (0.20, 0.60)),  # SD of the Gabor's window in cycles: few cycles, broad orientation tuning
    "aspect": ("log", 1.25, 0.15, (0.8, 2.0)),  # length over width of the window
    "normalisation": ("log", 0.8, 0.5, (0.1, 4.0)),  # weight of the local contrast energy that divides the drive
    "surround": ("log", 0.5, 0.6, (0.05, 4.0)),  # weight of the contrast energy of a wider surround
    "adaptation": ("log", 0.35, 0.5, (0.05, 2.0)),
}
# How types differ, in the scales of `PARAMETERS`: logits for dsi and complexity, natural logs for all else.
TYPES: dict[str, dict[str, float]] = {
    "23P": {},
    "4P": {"complexity": -1.2, "sf_cpd": 0.10, "dsi": 0.2},
    "5P-IT": {"complexity": 0.4, "dsi": 0.2},
    "5P-PT": {"complexity": 1.4, "cycles": -0.15, "sf_cpd": -0.15, "dsi": 0.7, "tf_hz": 0.2},
    "5P-NP": {"complexity": -0.6, "surround": 0.5, "tf_hz": -0.2},
    "6P-IT": {"complexity": -0.3, "surround": 0.3},
    "6P-CT": {"complexity": -0.8, "cycles": 0.15, "dsi": 0.4, "adaptation": 0.4},
    "BC": {"complexity": 1.6, "cycles": -0.45, "aspect": -0.2, "dsi": -1.0, "tf_hz": 0.35, "normalisation": -0.4},
    "MC": {"complexity": 1.0, "cycles": -0.30, "sf_cpd": -0.20, "dsi": -0.6, "surround": -1.2, "tf_hz": -0.2},
    "BPC": {"complexity": 0.8, "cycles": -0.40, "dsi": -0.6, "adaptation": 0.5},
    "NGC": {"complexity": 0.8, "cycles": -0.50, "sf_cpd": -0.30, "dsi": -0.8, "surround": -0.6},
}
LAYERS: dict[str, dict[str, float]] = {
    "L1": {"sf_cpd": -0.10},
    "L2/3": {"surround": 0.2},
    "L4": {"complexity": -0.4, "sf_cpd": 0.12, "surround": -0.2},  # simpler, smaller fields
    "L5": {"sf_cpd": -0.10, "tf_hz": 0.1},
    "L6": {"tf_hz": -0.1},
}
RATE_FACTOR = {"5P-PT": 1.5, "5P-NP": 0.7, "BC": 2.5, "MC": 1.3, "NGC": 0.8}  # rate of events over that of other types
BEHAVIOUR = {  # mean weight of running and of pupil size in the log of the gain, in SD of the trace
    "excitatory": (0.10, 0.14),
    "inhibitory": (0.22, 0.18),
}
PLACE_SCALE = 0.35  # width of the patches of the map of tuning, in half monitors
RATE_SPREAD = 0.5  # SD of the natural log of rates
N_LATENTS = 3  # shared fluctuations of gain; the first moves all neurons alike
N_FEATURES = 128  # random Fourier features: the error of a dot product is about 1 / sqrt(128 / 2) = 0.12
FEATURE_WIDTH = 1.6  # distance of tunings at which the similarity of features has fallen to exp(-1/2)
# How much each part of the tuning counts in the distance of two, in its own SD; a choice that no data make: direction and orientation most.
FEATURE_WEIGHTS = {
    "direction": 1.3,
    "orientation": 1.7,
    "dsi": 0.4,
    "sf_cpd": 1.0,
    "tf_hz": 0.8,
    "complexity": 1.0,
    "cycles": 0.6,
    "surround": 0.5,
}


class TuningConfig(BaseModel):
    """How the neurons of a simulated cortex are tuned, and how reliably they answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the variance of tuning that is a map over the visual field: 0 salt and pepper, 1 a map.",
    )
    rate_hz: float = Field(2.5, gt=0, description="Median rate of events during movies, in Hz; higher rates are less noisy.")
    latent_gain: float = Field(
        0.35, ge=0, description="Standard deviation of a neuron's log gain that it shares with the others: 0 leaves noise independent."
    )
    missed: float = Field(0.15, ge=0, lt=1, description="Share of samples of deconvolved activity that are zero whatever the neuron did.")


@dataclass(frozen=True)
class Tuning:
    """The ground truth of function, one row a neuron, in the order of the neurons.

    Attributes:
        table: Parameters of each neuron: nucleus_id, rf_x, rf_y (monitor), direction_deg (of drift; 0 right, 90 up), orientation_deg
            (direction modulo 180), dsi, sf_cpd, tf_hz, complexity (0 simple, 1 complex), cycles, rf_sigma_deg, aspect, phase_deg,
            normalisation, surround, adaptation, running_weight, pupil_weight, rate_hz, amplitude (deconvolved activity of one event),
            missed, latent_0, ...
        features: Unit vectors made of the tuning without the place of the receptive field; their dot product is the similarity of two.
    """

    table: pd.DataFrame
    features: Float[np.ndarray, "neurons features"]


def draw_tuning(neurons: pd.DataFrame, config: TuningConfig, seed: int, animal: int) -> Tuning:
    """Draw the tuning of neurons.

    Args:
        neurons: Neurons to tune: nucleus_id, cell_type, cell_class, layer, rf_x, rf_y.
        config: How neurons are tuned.
        seed: Seed of the run.
        animal: Number of the animal; every animal has its own neurons and its own map.
    """
    schema.require_columns(neurons, ["nucleus_id", "cell_type", "cell_class", "layer", "rf_x", "rf_y"], "neurons to tune")
    _require_known(neurons)
    names = ["direction_x", "direction_y", *PARAMETERS]
    own = rng_for(seed, "tuning", animal).standard_normal((len(neurons), len(names)))
    mapped = _map(neurons[["rf_x", "rf_y"]].to_numpy(np.float64), len(names), PLACE_SCALE, rng_for(seed, "tuning map", animal))
    z = dict(zip(names, (np.sqrt(1 - config.place_share) * own + np.sqrt(config.place_share) * mapped).T, strict=True))
    direction = np.degrees(np.arctan2(z["direction_y"], z["direction_x"])) % 360
    table = neurons[["nucleus_id", "rf_x", "rf_y"]].reset_index(drop=True).assign(direction_deg=direction, orientation_deg=direction % 180)
    for name in PARAMETERS:
        table[name] = _quantile(name, z[name], neurons)
    table["rf_sigma_deg"] = table["cycles"] / table["sf_cpd"]
    rng = rng_for(seed, "gain and noise", animal)
    table["phase_deg"] = rng.uniform(0, 360, len(table))
    table = table.join(_gain_and_noise(neurons, config, rng))
    return Tuning(table=table, features=features_of(table))


def features_of(table: pd.DataFrame) -> Float[np.ndarray, "neurons features"]:
    """Unit vectors whose dot product falls as a Gaussian of the distance between two tunings, of SD `FEATURE_WIDTH`.

    The tuning is a point: direction on a circle as large as the selectivity, orientation on another, and standardised parameters. Random
    Fourier features (Rahimi & Recht 2007, "Random features for large-scale kernel machines") turn distances into dot products; their
    frequencies are the same in every animal, so that vectors compare across animals.

    Args:
        table: Tuning of the neurons, as `Tuning.table` has it.
    """
    angle = np.deg2rad(table["direction_deg"].to_numpy())
    weight = FEATURE_WEIGHTS
    selective = np.sqrt(table["dsi"].to_numpy())
    point = [weight["direction"] * selective * np.cos(angle), weight["direction"] * selective * np.sin(angle)]
    point += [weight["orientation"] * np.cos(2 * angle), weight["orientation"] * np.sin(2 * angle)]
    for name in ("dsi", "sf_cpd", "tf_hz", "complexity", "cycles", "surround"):
        scale, median, spread, _ = PARAMETERS[name]
        point.append(weight[name] * (_scaled(scale, table[name].to_numpy()) - _scaled(scale, median)) / spread)
    rng = rng_for(0, "frequencies of features")
    projected = np.column_stack(point) @ rng.standard_normal((len(point), N_FEATURES // 2)) / FEATURE_WIDTH
    vectors = np.concatenate([np.cos(projected), np.sin(projected)], axis=1) / np.sqrt(N_FEATURES // 2)
    return vectors.astype(np.float32)


def _require_known(neurons: pd.DataFrame) -> None:
    for column, known in (("cell_type", TYPES), ("layer", LAYERS), ("cell_class", BEHAVIOUR)):
        strange = ~neurons[column].isin(list(known))
        if strange.any():
            names = sorted(map(str, neurons[column][strange].unique()))
            raise ValueError(
                f"neurons to tune: {int(strange.sum())} of {len(neurons)} have {column} {names}, "
                f"for which no tuning is stated. Use {', '.join(known)}."
            )


def _map(places: Float[np.ndarray, "neurons xy"], n: int, scale: float, rng: np.random.Generator) -> Float[np.ndarray, "neurons n"]:
    """Smooth random maps of unit variance over the visual field: sums of 64 plane waves each."""
    n_waves = 64
    waves, phases = rng.standard_normal((2, n_waves * n)) / scale, rng.uniform(0, 2 * np.pi, n_waves * n)
    return np.sqrt(2 / n_waves) * np.cos(places @ waves + phases).reshape(len(places), n, n_waves).sum(axis=2)


def _scaled(scale: str, value: np.ndarray | float) -> np.ndarray | float:
    return np.log(value) if scale == "log" else np.log(value) - np.log1p(-np.asarray(value))


def _quantile(name: str, z: Float[np.ndarray, " neurons"], neurons: pd.DataFrame) -> Float[np.ndarray, " neurons"]:
    """Normal numbers as values of a parameter, moved by type and layer, and kept within its limits."""
    scale, median, spread, limits = PARAMETERS[name]
    moved = neurons["cell_type"].map(lambda kind: TYPES[kind].get(name, 0.0)) + neurons["layer"].map(lambda at: LAYERS[at].get(name, 0.0))
    value = _scaled(scale, median) + moved.to_numpy(np.float64) + spread * z
    return np.clip(np.exp(value) if scale == "log" else 1 / (1 + np.exp(-value)), *limits)


def _gain_and_noise(neurons: pd.DataFrame, config: TuningConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Behaviour weights, rates, amplitudes and loadings on the shared latents."""
    n = len(neurons)
    running, pupil = (neurons["cell_class"].map(lambda kind, at=at: BEHAVIOUR[kind][at]).to_numpy(np.float64) for at in (0, 1))
    rate = config.rate_hz * neurons["cell_type"].map(lambda kind: RATE_FACTOR.get(kind, 1.0)).to_numpy(np.float64)
    loadings = rng.standard_normal((n, N_LATENTS)) / np.sqrt(N_LATENTS)
    loadings[:, 0] = np.abs(loadings[:, 0])
    loadings *= config.latent_gain / np.sqrt((loadings**2).sum(1).mean()) if config.latent_gain else 0.0
    drawn = {
        "running_weight": running + 0.10 * rng.standard_normal(n),
        "pupil_weight": pupil + 0.10 * rng.standard_normal(n),
        "rate_hz": rate * np.exp(RATE_SPREAD * rng.standard_normal(n)),
        "amplitude": 4.0 * np.exp(0.4 * rng.standard_normal(n)),
        "missed": np.full(n, config.missed),
    }
    return pd.DataFrame(drawn | {f"latent_{at}": loadings[:, at] for at in range(N_LATENTS)})
