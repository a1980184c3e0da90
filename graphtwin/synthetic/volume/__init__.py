"""A block of simulated tissue as electron microscopy shows it."""

from graphtwin.synthetic.volume.block import VolumeConfig
from graphtwin.synthetic.volume.pieces import content_of
from graphtwin.synthetic.volume.volume_files import write_volume

__all__ = [
    "VolumeConfig",
    "content_of",
    "write_volume",
]
