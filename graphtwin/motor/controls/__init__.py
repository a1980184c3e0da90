"""What else would predict as well: other wiring, no wiring, anatomy without dynamics, other identities; and how well anything could."""

from graphtwin.motor.controls.ceiling import halves, usual_of, usual_responses
from graphtwin.motor.controls.low_rank import FittedLowRank, fit_low_rank
from graphtwin.motor.controls.permuted import permuted
from graphtwin.motor.controls.plain_orders import MEAN, SHARED_ALONE, plain_orders
from graphtwin.motor.controls.rewired import Keep, rewired
from graphtwin.motor.controls.static import STATIC, of_another_animal, static_responses

__all__ = [
    "FittedLowRank",
    "Keep",
    "MEAN",
    "SHARED_ALONE",
    "STATIC",
    "fit_low_rank",
    "halves",
    "of_another_animal",
    "permuted",
    "plain_orders",
    "rewired",
    "static_responses",
    "usual_of",
    "usual_responses",
]
