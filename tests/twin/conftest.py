import pandas as pd
import pytest

from graphtwin.tuning.directions import DirectionConfig
from graphtwin.tuning.embeddings import LearnedEmbeddings, learn_embeddings
from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import PopulationModel
from tests.twin.planted import planted_units
from tests.twin.planted_population import planted_population, quick_config


@pytest.fixture(scope="session")
def small_config() -> DirectionConfig:
    """Few candidates: enough to choose between, quick to fit."""
    return DirectionConfig(ranks=(2, 4), smoothness=(0.1,), folds=2, grid_neurons=100, iterations=15)


@pytest.fixture(scope="session")
def units() -> pd.DataFrame:
    """Planted units of four scans that differ in nothing."""
    return planted_units(400, seed=31)


@pytest.fixture(scope="session")
def learned(units, small_config) -> LearnedEmbeddings:
    return learn_embeddings(units, small_config)


@pytest.fixture(scope="session")
def tilted() -> pd.DataFrame:
    """Planted units whose scans each tilt the curves towards a direction of their own."""
    return planted_units(600, seed=41, scan_effect=0.5)


@pytest.fixture(scope="session")
def learned_tilted(tilted, small_config) -> LearnedEmbeddings:
    return learn_embeddings(tilted, small_config)


@pytest.fixture(scope="session")
def fitted_populations() -> dict[str, PopulationModel]:
    """Models of each kind of response, fitted to 1,500 samples of 40 planted units with two latents."""
    models = {}
    for kind in ("zero_inflated", "continuous", "counts"):
        data = planted_population(1500, 40, 2, kind, seed=0)
        models[kind] = fit_population(data.predicted, data.responses, quick_config(kind), seed=0)
    return models
