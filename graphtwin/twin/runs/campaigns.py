"""Campaigns on the animals of a twin: see `insilico.campaign`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from graphtwin.twin.runs.twin_folder import load_twin


def campaign_twin(
    run: str | Path,
    campaign: str | Path,
    out: str | Path,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    force: bool = False,
    tell: Callable[[str], object] = print,
    progress: bool = False,
) -> Path:
    """Run a campaign on all animals of a twin, or on those that the campaign names; returns the folder.

    Args:
        run: Folder of the twin.
        campaign: TOML file of the campaign.
        out: Folder to write.
        workers: Number of processes on this machine; it changes no byte.
        scheduler: Address of a Dask scheduler whose workers answer instead.
        resume: Go on with the campaign that is there.
        force: Take away a campaign that is there.
        tell: Function that is told the plan in words.
        progress: Show a progress bar with the time left.
    """
    from graphtwin.insilico.campaign import read_campaign, run_campaign
    from graphtwin.twin.fit import responders, stamps

    config, fitted = read_campaign(campaign), load_twin(run)
    return run_campaign(
        config, responders(fitted), out, identity=stamps(fitted), workers=workers, scheduler=scheduler, resume=resume, force=force,
        inputs=(run, campaign), tell=tell, progress=progress,
    )  # fmt: skip
