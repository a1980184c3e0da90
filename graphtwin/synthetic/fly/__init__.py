"""A trained network of the fly's motion pathway in front of a screen, and recordings and lesions of it as a source of files."""

from graphtwin.synthetic.fly.edges import ANGLES, FIRST, KNOWN, SELECTIVE, all_edges, of_both, of_edges, selectivity
from graphtwin.synthetic.fly.eyes import GREY, Eye, eye
from graphtwin.synthetic.fly.fly_files import SOURCE, TRUTH, write_fly
from graphtwin.synthetic.fly.settings import FlyConfig
from graphtwin.synthetic.fly.shown import OUTPUTS

__all__ = [
    "ANGLES",
    "FIRST",
    "GREY",
    "KNOWN",
    "OUTPUTS",
    "SELECTIVE",
    "SOURCE",
    "TRUTH",
    "Eye",
    "FlyConfig",
    "all_edges",
    "eye",
    "of_both",
    "of_edges",
    "selectivity",
    "write_fly",
]
