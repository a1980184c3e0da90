"""Shapes of arbors by cell type: how long a dendrite or axon is, and where its branches head.

Lengths and layers are round numbers after the types' descriptions, nothing is fitted: MICrONS Consortium 2025,
doi:10.1038/s41586-025-08790-w; for interneurons Jiang et al. 2015, doi:10.1126/science.aac9462.
"""

from __future__ import annotations

from typing import NamedTuple

OWN = -1.0  # a depth that stands for the soma's own


class Band(NamedTuple):
    """Branches that head for one range of depths.

    Attributes:
        share: Share of the arbor's branches.
        depth_um: Mean depth that the branches head for; `OWN` is the soma's.
        depth_sd_um: SD of the depth that the branches head for.
        lateral_sd_um: SD of the distance from the arbor's axis, along x and along z.
    """

    share: float
    depth_um: float
    depth_sd_um: float
    lateral_sd_um: float


class Arbor(NamedTuple):
    """A dendrite or a local axon.

    Attributes:
        length_um: Mean cable length; the SD is an eighth of it.
        bands: Ranges of depth that the branches head for.
    """

    length_um: float
    bands: tuple[Band, ...]


_BASAL, _WIDE_BASAL = Band(0.6, OWN, 50, 60), Band(0.5, OWN, 55, 70)

DENDRITES = {
    "23P": Arbor(3200, (_BASAL, Band(0.4, 45, 25, 70))),
    "4P": Arbor(2800, (Band(0.7, OWN, 50, 60), Band(0.3, 60, 40, 45))),
    "5P-IT": Arbor(3300, (_BASAL, Band(0.2, 300, 90, 40), Band(0.2, 45, 25, 70))),
    "5P-PT": Arbor(4000, (_WIDE_BASAL, Band(0.2, 300, 90, 50), Band(0.3, 45, 25, 110))),
    "5P-NP": Arbor(2200, (Band(0.8, OWN, 50, 65), Band(0.2, 200, 60, 25))),
    "6P-IT": Arbor(2800, (Band(0.75, OWN, 50, 65), Band(0.25, 450, 60, 40))),
    "6P-CT": Arbor(2700, (_BASAL, Band(0.4, 340, 50, 40))),
    "BC": Arbor(2600, (Band(1.0, OWN, 70, 70),)),
    "MC": Arbor(2400, (Band(1.0, OWN, 90, 60),)),
    "BPC": Arbor(2000, (Band(1.0, OWN, 130, 25),)),
    "NGC": Arbor(2000, (Band(1.0, OWN, 50, 55),)),
}
AXONS = {
    "23P": Arbor(6000, (Band(0.55, OWN, 70, 120), Band(0.45, 470, 60, 120))),
    "4P": Arbor(5500, (Band(0.6, 180, 60, 110), Band(0.4, OWN, 50, 110))),
    "5P-IT": Arbor(6000, (Band(0.4, 180, 80, 150), Band(0.6, OWN, 60, 150))),
    "5P-PT": Arbor(4000, (Band(0.8, OWN, 70, 130), Band(0.2, 640, 60, 130))),
    "5P-NP": Arbor(3500, (Band(0.7, OWN, 60, 110), Band(0.3, 640, 50, 110))),
    "6P-IT": Arbor(5500, (Band(0.75, OWN, 60, 150), Band(0.25, 470, 70, 130))),
    "6P-CT": Arbor(4500, (Band(0.5, 330, 60, 90), Band(0.5, OWN, 50, 90))),
    "BC": Arbor(7000, (Band(1.0, OWN, 70, 100),)),
    "MC": Arbor(6500, (Band(0.5, 45, 30, 100), Band(0.5, OWN, 90, 60))),
    "BPC": Arbor(4500, (Band(1.0, OWN, 130, 40),)),
    "NGC": Arbor(8000, (Band(1.0, OWN, 60, 80),)),
}
# Chance that an excitatory axon of the type also grows an arbor in an area that looks at the same place.
PROJECTING = {"23P": 0.5, "4P": 0.3, "5P-IT": 0.5, "5P-PT": 0.2, "6P-IT": 0.3}
