"""Where cells lie, as what similarity and wiring may both follow: slopes, errors and nulls that hold in smooth tissue."""

from graphtwin.wiring.spatial.geometry_terms import geometry_terms
from graphtwin.wiring.spatial.places import Places, places_of
from graphtwin.wiring.spatial.robust_slopes import robust_slopes

__all__ = ["Places", "geometry_terms", "places_of", "robust_slopes"]
