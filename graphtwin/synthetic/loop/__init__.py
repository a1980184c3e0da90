"""A sensorimotor loop with known weights: a circuit in a body that it moves and feels, its trials and lesions, as a source of files."""

from graphtwin.synthetic.loop.body import Body, grow_body
from graphtwin.synthetic.loop.dynamics import Motion, move
from graphtwin.synthetic.loop.lesions import Lesions, lesion
from graphtwin.synthetic.loop.loop_files import SOURCE, TRUTH, write_loop
from graphtwin.synthetic.loop.settings import LoopConfig
from graphtwin.synthetic.loop.stimuli import stimuli
from graphtwin.synthetic.loop.wiring import STATED, TYPES, TrueCircuit, grow_circuit

__all__ = [
    "SOURCE",
    "STATED",
    "TRUTH",
    "TYPES",
    "Body",
    "Lesions",
    "LoopConfig",
    "Motion",
    "TrueCircuit",
    "grow_body",
    "grow_circuit",
    "lesion",
    "move",
    "stimuli",
    "write_loop",
]
