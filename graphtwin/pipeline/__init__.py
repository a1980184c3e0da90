"""The stages in order: what each command does, from files to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.pipeline.contacts import write_contacts
    from graphtwin.pipeline.power_question import PowerConfig, require_design
    from graphtwin.pipeline.simulated_cortex import changed_files, check_anatomy, simulate
    from graphtwin.pipeline.simulated_fly import simulate_fly
    from graphtwin.pipeline.simulated_loop import simulate_loop
    from graphtwin.pipeline.simulated_shortcut import simulate_shortcut
    from graphtwin.pipeline.simulated_viewing import simulate_viewing
    from graphtwin.pipeline.types_of_embeddings import run_types
    from graphtwin.pipeline.who_answers import made_and_judged, responding

__all__ = [
    "PowerConfig",
    "changed_files",
    "check_anatomy",
    "made_and_judged",
    "require_design",
    "responding",
    "run_types",
    "simulate",
    "simulate_fly",
    "simulate_loop",
    "simulate_shortcut",
    "simulate_viewing",
    "write_contacts",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "write_contacts": ("graphtwin.pipeline.contacts", "write_contacts"),
        "PowerConfig": ("graphtwin.pipeline.power_question", "PowerConfig"),
        "require_design": ("graphtwin.pipeline.power_question", "require_design"),
        "made_and_judged": ("graphtwin.pipeline.who_answers", "made_and_judged"),
        "responding": ("graphtwin.pipeline.who_answers", "responding"),
        "simulate": ("graphtwin.pipeline.simulated_cortex", "simulate"),
        "simulate_fly": ("graphtwin.pipeline.simulated_fly", "simulate_fly"),
        "simulate_loop": ("graphtwin.pipeline.simulated_loop", "simulate_loop"),
        "simulate_shortcut": ("graphtwin.pipeline.simulated_shortcut", "simulate_shortcut"),
        "simulate_viewing": ("graphtwin.pipeline.simulated_viewing", "simulate_viewing"),
        "run_types": ("graphtwin.pipeline.types_of_embeddings", "run_types"),
        "changed_files": ("graphtwin.pipeline.simulated_cortex", "changed_files"),
        "check_anatomy": ("graphtwin.pipeline.simulated_cortex", "check_anatomy"),
    },
)
