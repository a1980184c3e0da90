"""Who of a simulated cortex comes close to whom, who connects by the planted rule, and what is reconstructed of it."""

from graphtwin.synthetic.wiring.connections import Connections, connect
from graphtwin.synthetic.wiring.parts import write_parts
from graphtwin.synthetic.wiring.planted_rules import rule_of
from graphtwin.synthetic.wiring.reconstruction import LATER, UNPROOFREAD_UM, ReconstructConfig, Reconstruction, reconstruct

__all__ = [
    "Connections",
    "LATER",
    "ReconstructConfig",
    "Reconstruction",
    "UNPROOFREAD_UM",
    "connect",
    "reconstruct",
    "rule_of",
    "write_parts",
]
