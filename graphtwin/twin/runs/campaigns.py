"""Campaigns on the animals of a twin: see `insilico.campaign`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

from graphtwin.parallel import Device
from graphtwin.twin.runs.answering import Answering, answering, rare_state


def campaign_twin(
    run: str | Path | Answering,
    campaign: str | Path,
    out: str | Path,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    force: bool = False,
    device: Device = "auto",
    tell: Callable[[str], object] = print,
    progress: bool = False,
) -> Path:
    """Run a campaign on all animals of a twin, or on those that the campaign names; returns the folder.

    Of a folder of several seeds the mean of the twins answers, and `mean_spread` in each cell says how far they differ.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled; or who answers.
        campaign: TOML file of the campaign.
        out: Folder to write.
        workers: Number of processes on this machine; it changes no byte.
        scheduler: Address of a Dask scheduler whose workers answer instead.
        resume: Go on with the campaign that is there.
        force: Take away a campaign that is there.
        device: Device on which torch computes, here and in the workers; with a scheduler "auto" is "cpu", for workers may have no GPU.
        tell: Function that is told the plan in words.
        progress: Show a progress bar with the time left.
    """
    from graphtwin.insilico.campaign import read_campaign, run_campaign

    config = read_campaign(campaign)
    asked = answering(run, device="cpu" if scheduler is not None and device == "auto" else device)
    for responder, state in product(asked.responders, config.states):
        rare_state(asked, responder.name, state.channels)
    return run_campaign(
        config, asked.responders, out, identity=asked.stamps, workers=workers, scheduler=scheduler, resume=resume, force=force,
        inputs=(asked.folder, campaign), tell=tell, progress=progress, origin=str(campaign),
    )  # fmt: skip
