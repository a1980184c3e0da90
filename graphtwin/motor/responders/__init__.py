"""Fitted circuits as responders of in silico experiments: what goes into their senses, and what neurons and outputs answer."""

from graphtwin.motor.responders.circuit_responder import CircuitResponder, responders_of
from graphtwin.motor.responders.fingerprint import fit_fingerprint
from graphtwin.motor.responders.senses import Senses, require_senses, senses_of
from graphtwin.motor.responders.visual_field import EyeMap, eye_of

__all__ = ["CircuitResponder", "EyeMap", "Senses", "eye_of", "fit_fingerprint", "require_senses", "responders_of", "senses_of"]
