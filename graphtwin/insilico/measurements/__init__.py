"""What the answers of a responder say of its units: receptive fields, tuning, time courses, and how all of these depend on state."""

from graphtwin.insilico.measurements.field_fits import fit_fields
from graphtwin.insilico.measurements.noise_maps import NoiseConfig, NoiseMaps, measure_noise_maps

__all__ = ["NoiseConfig", "NoiseMaps", "fit_fields", "measure_noise_maps"]
