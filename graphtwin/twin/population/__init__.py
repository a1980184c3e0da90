"""What units share beyond stimulus and behaviour: the latent population model and its scores."""

from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import conditional, log_likelihood
from graphtwin.twin.population.noise_correlations import predicted_noise_correlations
from graphtwin.twin.population.noise_of_stimuli import ExpectedNoise, expected_noise
from graphtwin.twin.population.recorded import read_population
from graphtwin.twin.population.recorded_scores import PopulationReport, score_recorded_population
from graphtwin.twin.settings import PopulationConfig, RecordedPopulationConfig

__all__ = [
    "ExpectedNoise",
    "PopulationConfig",
    "PopulationReport",
    "RecordedPopulationConfig",
    "conditional",
    "expected_noise",
    "fit_population",
    "log_likelihood",
    "predicted_noise_correlations",
    "read_population",
    "score_recorded_population",
]
