"""A campaign in a folder: begun, gone on with, finished; each cell once, though workers die, and the same bytes for any number of them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin import artifacts
from graphtwin.config import changed_settings, dump_toml, read_toml
from graphtwin.execute import map_jobs, require_scheduler
from graphtwin.folders import WORK, changed_files, unfinished, written
from graphtwin.insilico.campaign.answers_read import STIMULI
from graphtwin.insilico.campaign.campaign_file import CampaignConfig
from graphtwin.insilico.campaign.campaign_plan import Plan, plan_of
from graphtwin.insilico.campaign.cells import answer_shard
from graphtwin.insilico.campaign.dense_responses import DENSE, require_dense, write_dense
from graphtwin.insilico.campaign.shard_files import CELLS, missing_shards, write_shard
from graphtwin.insilico.responders import Responder, placed_units
from graphtwin.kinds import CAMPAIGN, is_finished, kind_of
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
    if scheduler is not None:
        require_scheduler(scheduler)
    if resume:
        _reopen(out, config, responders, identity)
    with written(out, CAMPAIGN, resume, force, inputs=[*inputs, config.units]) as begin:
        plan = plan_of(config, responders, origin)
        facts = _facts(plan, identity)
        if resume and (out / BEGUN).exists():
            _require_same(out, json.loads((out / BEGUN).read_text(encoding="utf-8")), facts)
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
    from graphtwin.progress import tqdm

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


def _reopen(out: Path, config: CampaignConfig, responders: Sequence[Responder], identity: Mapping[str, str]) -> None:
    """Let a finished campaign go on of which cells are lost or damaged, which are removed once it is known to be the same campaign.

    Args:
        out: Folder of the campaign; nothing is done where it has not finished, or all of its cells are as they were written.
        config: Settings of the campaign.
        responders: Responders that there are.
        identity: What tells the responders from others.
    """
    if not is_finished(out) or kind_of(out) is not CAMPAIGN:
        return
    known = {name: how for name, how in changed_files(out).items() if how != "not registered"}
    lost = {name: how for name, how in known.items() if name.startswith((f"{CELLS}/", f"{DENSE}/"))}
    if not lost:
        return
    before = _facts_of(out)
    _require_same(out, before, _facts(plan_of(config, responders), identity))
    named = "; ".join(f"{name}: {how}" for name, how in list(lost.items())[:4])
    log.warning("%s: %d files of a finished campaign are not as they were written (%s); they are made again.", out, len(lost), named)
    with unfinished(out):
        artifacts.write_json(before, out / BEGUN)
        for name in lost:
            (out / name).unlink(missing_ok=True)
        if any(name.startswith(DENSE) for name in lost):
            shutil.rmtree(out / DENSE)


def _facts_of(out: Path) -> dict[str, Any]:
    """The facts of a finished campaign, from the tables that say them."""
    config = CampaignConfig.model_validate(read_toml(out / "campaign.toml"))
    units = pd.read_parquet(out / "units.parquet")
    provenance = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    return {
        "settings": json.loads(json.dumps(config.model_dump(mode="json", exclude={"units"}))),
        "identity": provenance["inputs"],
        "units": {str(name): of[UNIT_KEY].to_numpy().tolist() for name, of in units.groupby("responder", sort=False)},
    }


def _require_same(out: Path, before: dict[str, Any], facts: dict[str, Any]) -> None:
    """Raise where a campaign that is to go on was begun with something else."""
    before = dict(before)
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
        placed_units(responder).iloc[columns].assign(responder=responder.name)
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
