"""What the answers of a responder say of its units: receptive fields, tuning, time courses, and how all of these depend on state."""

from graphtwin.insilico.measurements.adaptation import AdaptationConfig, measure_adaptation
from graphtwin.insilico.measurements.adapted_tuning import AdapterConfig, measure_adapted_tuning
from graphtwin.insilico.measurements.correlation_tiles import (
    Precision,
    SignalTiles,
    Tiles,
    correlated,
    nearest_units,
    write_all_pairs,
)
from graphtwin.insilico.measurements.covariance_fields import CovarianceConfig, Subspaces, describe_subspaces, measure_subspaces
from graphtwin.insilico.measurements.direction_fits import SELECTIVE_Q, fit_directions, selectivity_tests
from graphtwin.insilico.measurements.field_fits import fit_fields
from graphtwin.insilico.measurements.gratings import (
    TUNING,
    GratingConfig,
    GratingResponses,
    describe_gratings,
    measure_tuning,
    seen_as_they_are,
)
from graphtwin.insilico.measurements.input_tuning import describe_inputs, measure_input_contrasts
from graphtwin.insilico.measurements.latencies import describe_kernels, measure_latencies
from graphtwin.insilico.measurements.member_spread import with_members, with_spread
from graphtwin.insilico.measurements.noise_maps import Method, NoiseConfig, NoiseMaps, measure_noise_maps
from graphtwin.insilico.measurements.series_answers import SeriesAnswers, answer_series, screen_of
from graphtwin.insilico.measurements.signal_correlation import binned, clip_responses
from graphtwin.insilico.measurements.size_and_contrast import PatchConfig, fit_naka_rushton, measure_contrasts, measure_sizes
from graphtwin.insilico.measurements.state_dependence import StateConfig, compare_states, measure_state_dependence
from graphtwin.insilico.measurements.still_gratings import measure_orientations
from graphtwin.insilico.measurements.unit_tuning import measure_directions, tune_units

__all__ = [
    "AdaptationConfig",
    "AdapterConfig",
    "CovarianceConfig",
    "GratingConfig",
    "GratingResponses",
    "Method",
    "NoiseConfig",
    "NoiseMaps",
    "PatchConfig",
    "Precision",
    "SELECTIVE_Q",
    "SeriesAnswers",
    "SignalTiles",
    "StateConfig",
    "Subspaces",
    "TUNING",
    "Tiles",
    "answer_series",
    "binned",
    "clip_responses",
    "compare_states",
    "correlated",
    "describe_gratings",
    "describe_inputs",
    "describe_kernels",
    "describe_subspaces",
    "fit_directions",
    "fit_fields",
    "fit_naka_rushton",
    "measure_adaptation",
    "measure_adapted_tuning",
    "measure_contrasts",
    "measure_directions",
    "measure_input_contrasts",
    "measure_latencies",
    "measure_noise_maps",
    "measure_orientations",
    "measure_sizes",
    "measure_state_dependence",
    "measure_subspaces",
    "measure_tuning",
    "nearest_units",
    "screen_of",
    "seen_as_they_are",
    "selectivity_tests",
    "tune_units",
    "with_members",
    "with_spread",
    "write_all_pairs",
]
