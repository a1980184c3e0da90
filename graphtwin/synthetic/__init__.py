"""A cortex with a known rule, written in the formats of the real ones. It knows neither the functional twin nor the graph model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.synthetic import steps
    from graphtwin.synthetic.animal import Animal, AnimalConfig, make_animal
    from graphtwin.synthetic.steps import SimulateConfig

__all__ = ["Animal", "AnimalConfig", "SimulateConfig", "make_animal", "steps"]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "SimulateConfig": ("graphtwin.synthetic.steps", "SimulateConfig"),
        "Animal": ("graphtwin.synthetic.animal", "Animal"),
        "AnimalConfig": ("graphtwin.synthetic.animal", "AnimalConfig"),
        "steps": ("graphtwin.synthetic.steps", ""),
        "make_animal": ("graphtwin.synthetic.animal", "make_animal"),
    },
)
