"""How work is done: named randomness, bounded threads, and lists of jobs shared out among processes, here or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.execute.bounded_threads import threads
    from graphtwin.execute.jobs_shared_out import map_jobs, require_scheduler
    from graphtwin.execute.killed import SchedulerGone, WorkersKilled
    from graphtwin.execute.named_randomness import rng_for, seed_for, torch_seeded

__all__ = ["SchedulerGone", "WorkersKilled", "map_jobs", "require_scheduler", "rng_for", "seed_for", "threads", "torch_seeded"]

MODULES = {
    "bounded_threads": ["threads"],
    "jobs_shared_out": ["map_jobs", "require_scheduler"],
    "killed": ["SchedulerGone", "WorkersKilled"],
    "named_randomness": ["rng_for", "seed_for", "torch_seeded"],
}  # a command that only tells of killed workers needs no numpy

__getattr__, __dir__ = public_names(__name__, {name: (f"{__name__}.{module}", name) for module, names in MODULES.items() for name in names})
