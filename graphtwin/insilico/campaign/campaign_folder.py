"""A campaign in a folder: begun, gone on with, finished; each cell once, though workers die, and the same bytes for any number of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin import artifacts
from graphtwin.config import changed_settings, dump_toml
from graphtwin.execute import map_jobs, require_cluster
from graphtwin.folders import WORK, written
from graphtwin.insilico.campaign.answers_read import STIMULI
from graphtwin.insilico.campaign.campaign_file import CampaignConfig
from graphtwin.insilico.campaign.campaign_plan import Plan, plan_of
from graphtwin.insilico.campaign.cells import answer_shard
from graphtwin.insilico.campaign.dense_responses import DENSE, require_dense, write_dense
from graphtwin.insilico.campaign.shard_files import missing_shards, write_shard
from graphtwin.insilico.responders import Responder
from graphtwin.kinds import CAMPAIGN
from graphtwin.schema import UNIT_KEY

BEGUN = Path(WORK) / "begun.json"  # file of what a campaign was begun with; one that goes on must be the same
log = logging.getLogger("graphtwin")


def run_campaign(
    config: CampaignConfig,
    responders: Sequence[Responder],
    out: str | Path,
    *,
    identity: Mapping[str, str],
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    force: bool = False,
    inputs: Iterable[str | Path] = (),
    tell: Callable[[str], object] = print,
    progress: bool = False,
    origin: str = "campaign",
) -> Path:
    """Run a campaign, or go on with one that was stopped; the plan is told before anything is shown.

    The folder holds cells/ (Parquet, partitioned by responder and state; a row a cell), stimuli.parquet (a row a stimulus, by its number),
    units.parquet, campaign.toml, provenance.json, and dense.zarr where dense arrays are asked for.

    Args:
        config: Settings of the campaign.
        responders: Responders that there are.
        out: Folder to write.
        identity: What tells the responders from others, such as the fingerprint of a twin, by what it is called.
        workers: Number of processes on this machine; it changes no byte.
        scheduler: Address of a Dask scheduler that does the work instead; see `execute.map_jobs`.
        resume: Go on with the campaign that is there.
        force: Take away a campaign that is there.
        inputs: Files and folders that are read.
        tell: Function that is told the plan in words.
        progress: Show a progress bar with the time left.
        origin: What errors of stimuli name, such as the file of the campaign.
    """
    out = Path(out)
    if config.dense:
        require_dense()
    if scheduler is not None and "://" in scheduler:
        require_cluster(scheduler)
    with written(out, CAMPAIGN, resume, force, inputs=[*inputs, config.units]) as begin:
        plan = plan_of(config, responders, origin)
        facts = _facts(plan, identity)
        if resume and (out / BEGUN).exists():
            _require_same(out, facts)
        begin()
        artifacts.write_json(facts, out / BEGUN)
        tell(str(plan))
        _do_shards(out, plan, workers, scheduler, progress)
        _write_tables(out, plan, facts)
        if config.dense and not (out / DENSE).exists():
            write_dense(out, plan)
    return out


def _do_shards(out: Path, plan: Plan, workers: int, scheduler: str | None, progress: bool) -> None:
    """Answer the shards that are missing; each is written by this process alone, whole, when it has come."""
    from tqdm import tqdm

    def cells(shards: Iterable[Any]) -> int:
        return sum(len(shard.stimuli) * len(plan.asked.columns[shard.responder]) for shard in shards)

    missing = missing_shards(out, plan)
    done = plan.n_cells - cells(missing)
    with tqdm(total=plan.n_cells, initial=done, desc="campaign", unit="cell", unit_scale=True, disable=not progress) as bar:
        jobs = [(shard,) for shard in missing]
        for shard, content in map_jobs(answer_shard, jobs, common=(plan.asked,), workers=workers, scheduler=scheduler):
            write_shard(out, plan.asked, shard, content)
            bar.update(cells([shard]))


def _facts(plan: Plan, identity: Mapping[str, str]) -> dict[str, Any]:
    """What decides the numbers of a campaign: its settings, and who answers."""
    asked = plan.asked
    units = {
        responder.name: responder.units[UNIT_KEY].iloc[columns].to_numpy().tolist()
        for responder, columns in zip(asked.responders, asked.columns, strict=True)
    }
    settings = asked.config.model_dump(mode="json", exclude={"units"})
    return json.loads(json.dumps({"settings": settings, "identity": dict(identity), "units": units}))


def _require_same(out: Path, facts: dict[str, Any]) -> None:
    """Raise where a campaign that is to go on was begun with something else."""
    before = json.loads((out / BEGUN).read_text(encoding="utf-8"))
    then, now = before.pop("units"), facts["units"]
    changed = changed_settings(before, {name: facts[name] for name in before})
    changed += [f"the units of {name}" for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    if changed:
        raise ValueError(
            f"{out}: was begun with another campaign; different now: {'; '.join(changed)}. Use the same, or name another --out."
        )


def _write_tables(out: Path, plan: Plan, facts: dict[str, Any]) -> None:
    """Write what the numbers in the cells stand for, and where they come from."""
    asked = plan.asked
    rows = [{"stimulus": at, **_flat(stimulus.model_dump(mode="json"))} for at, stimulus in enumerate(asked.stimuli)]
    artifacts.write_parquet(pd.DataFrame(rows), out / STIMULI)
    units = [
        responder.units[UNIT_KEY].iloc[columns].assign(responder=responder.name)
        for responder, columns in zip(asked.responders, asked.columns, strict=True)
    ]
    artifacts.write_parquet(pd.concat(units, ignore_index=True), out / "units.parquet")
    artifacts.write_text(dump_toml(asked.config), out / "campaign.toml")
    artifacts.write_json(
        artifacts.provenance(asked.config.seed, facts["identity"]) | {"n_cells": plan.n_cells, "n_frames": plan.n_frames},
        out / "provenance.json",
    )


def _flat(parameters: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters of parts by dotted names; lists as JSON."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return found
