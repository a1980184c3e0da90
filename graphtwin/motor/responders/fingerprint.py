"""What tells a fit of a circuit from every other: a few letters and digits, the same for the same wiring and numbers wherever they lie."""

from __future__ import annotations

import hashlib

import numpy as np

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model import Dynamics

BYTES = 6  # bytes of a fingerprint, as many as that of a twin has


def fit_fingerprint(circuit: Circuit, network: Dynamics) -> str:
    """F and 12 hexadecimal digits of a circuit's wiring and a fit's numbers.

    Args:
        circuit: The circuit.
        network: The fit, a torch module with `Dynamics`.
    """
    told = hashlib.blake2b(digest_size=BYTES)
    told.update("\n".join(circuit.names).encode())
    arrays = {"pre": circuit.pre, "post": circuit.post, "gap_a": circuit.gap_a, "gap_b": circuit.gap_b}
    arrays |= {name: value.numpy() for name, value in network.state_dict().items()}  # type: ignore[attr-defined]
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        told.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return f"f{told.hexdigest()}"
