import pytest

from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import PopulationModel
from tests.twin.planted_population import planted_population, quick_config


@pytest.fixture(scope="session")
def fitted_populations() -> dict[str, PopulationModel]:
    """Models of each kind of response, fitted to 1,500 samples of 40 planted units with two latents."""
    models = {}
    for kind in ("zero_inflated", "continuous", "counts"):
        data = planted_population(1500, 40, 2, kind, seed=0)
        models[kind] = fit_population(data.predicted, data.responses, quick_config(kind), seed=0)
    return models
