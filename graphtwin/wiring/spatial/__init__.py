"""Where cells lie, as what similarity and wiring may both follow: slopes, errors and nulls that hold in smooth tissue."""

from graphtwin.wiring.spatial.geometry_terms import geometry_terms
from graphtwin.wiring.spatial.moran_index import moran_index, not_flat
from graphtwin.wiring.spatial.moran_surrogates import moran_eigenvectors, randomise_axons, randomise_targets
from graphtwin.wiring.spatial.places import Places, places_of
from graphtwin.wiring.spatial.robust_slopes import robust_slopes
from graphtwin.wiring.spatial.shifted_surrogates import shift_targets
from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps, similarity_maps
from graphtwin.wiring.spatial.variogram_surrogates import match_variogram

__all__ = [
    "Places",
    "SimilarityMaps",
    "geometry_terms",
    "match_variogram",
    "moran_eigenvectors",
    "moran_index",
    "not_flat",
    "places_of",
    "randomise_axons",
    "randomise_targets",
    "robust_slopes",
    "shift_targets",
    "similarity_maps",
]
