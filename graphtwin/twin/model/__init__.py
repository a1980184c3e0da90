"""The network of the functional twin: core, perspective, modulation, readouts and response distributions."""

from graphtwin.twin.model.convolution import Convolution
from graphtwin.twin.model.gaze_view import GazeView, held
from graphtwin.twin.model.movie_drive import MovieDrive, taps_of
from graphtwin.twin.model.network import COMPONENTS, MODULATORS, AnimalHead, AnimalStart, Twin, tensors
from graphtwin.twin.model.picture_drive import LEAST_SHARE, PictureDrive
from graphtwin.twin.model.readout import Readout
from graphtwin.twin.model.response_families import FAMILIES, ResponseFamily
from graphtwin.twin.model.scattering import BLOCKS, CELLS, FINE_CELLS, energies_of_frames, scattered
from graphtwin.twin.settings import SPIKE, ConvolutionalConfig, DenseLstmConfig, TwinConfig

__all__ = [
    "AnimalHead",
    "AnimalStart",
    "BLOCKS",
    "CELLS",
    "COMPONENTS",
    "Convolution",
    "ConvolutionalConfig",
    "DenseLstmConfig",
    "FAMILIES",
    "FINE_CELLS",
    "GazeView",
    "LEAST_SHARE",
    "MODULATORS",
    "MovieDrive",
    "PictureDrive",
    "Readout",
    "ResponseFamily",
    "SPIKE",
    "Twin",
    "TwinConfig",
    "energies_of_frames",
    "held",
    "scattered",
    "taps_of",
    "tensors",
]
