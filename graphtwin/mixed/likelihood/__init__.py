"""The Laplace likelihood, its gradient, and its maximum."""

from graphtwin.mixed.likelihood.crossed import Crossed
from graphtwin.mixed.likelihood.field import WithFields
from graphtwin.mixed.likelihood.laplace import Beyond, Model, NotConverged, Point, mode_covariances
from graphtwin.mixed.likelihood.maximise import Maximum, Search
from graphtwin.mixed.likelihood.one_factor import OneFactor
from graphtwin.mixed.likelihood.quadrature import Quadrature, require_scalar_factor
from graphtwin.mixed.likelihood.range_search import RangeSearch, range_limits
from graphtwin.mixed.likelihood.restricted import Restricted
from graphtwin.mixed.likelihood.spread import covariance_changes
from graphtwin.mixed.likelihood.start import predictor_unit, starting_evaluation, starting_roots

__all__ = [
    "Beyond",
    "Crossed",
    "Maximum",
    "Model",
    "NotConverged",
    "OneFactor",
    "Point",
    "Quadrature",
    "RangeSearch",
    "Restricted",
    "Search",
    "WithFields",
    "covariance_changes",
    "mode_covariances",
    "predictor_unit",
    "range_limits",
    "require_scalar_factor",
    "starting_evaluation",
    "starting_roots",
]
