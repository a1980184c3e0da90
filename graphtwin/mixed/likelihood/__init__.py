"""The Laplace likelihood, its gradient, and its maximum."""

from graphtwin.mixed.likelihood.crossed import Crossed
from graphtwin.mixed.likelihood.laplace import Model, NotConverged, mode_covariances
from graphtwin.mixed.likelihood.maximise import Maximum, Search
from graphtwin.mixed.likelihood.one_factor import OneFactor
from graphtwin.mixed.likelihood.start import starting_evaluation, starting_roots

__all__ = [
    "Crossed",
    "Maximum",
    "Model",
    "NotConverged",
    "OneFactor",
    "Search",
    "mode_covariances",
    "starting_evaluation",
    "starting_roots",
]
