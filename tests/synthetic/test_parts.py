"""A cortex in parts: the same bytes from any number of workers and after any stop, and no part made twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from graphtwin.synthetic.brain import tiles
from graphtwin.synthetic.wiring import parts
from graphtwin.synthetic.wiring.connections import connect
from graphtwin.synthetic.wiring.parts import write_parts
from graphtwin.synthetic.wiring.planted_rules import rule_of
from tests.synthetic.tissues import tissue
from tests.test_training import Payload

pytestmark = pytest.mark.slow


SMALL, RULE = tissue(40), rule_of("feature+degree-heavy", base=-4.0)


def in_small_parts(patch):
    """Five blocks and four tiles."""
    patch.setattr(tiles, "GROWN_TOGETHER", 8)
    patch.setattr(parts, "lay_tiles", lambda *given: tiles.lay_tiles(*given, tile_um=100.0))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        in_small_parts(patch)
        return write_parts(SMALL, RULE, folder / "truth", folder / "work")


def content(paths):
    return [(path.parent.name, path.name, path.read_bytes()) for path in paths]


def test_parts_hold_the_connections_that_are_made_in_memory(whole):
    connections = connect(SMALL, RULE)
    assert [path.parent.name for path in whole] == ["skeletons"] * 5 + ["pairs", "synapses"] * 4
    key = ["pre_nucleus_id", "post_nucleus_id"]
    pairs = pd.concat(map(pd.read_parquet, whole[5::2])).sort_values(key, ignore_index=True)
    assert_frame_equal(pairs, connections.pairs)
    synapses = pd.concat(map(pd.read_parquet, whole[6::2])).sort_values("synapse_id", ignore_index=True)
    assert_frame_equal(synapses, connections.synapses)
    assert set(pd.concat(map(pd.read_parquet, whole[:5]))["nucleus_id"]) == set(SMALL.nucleus_id.tolist())


def test_an_outline_that_holds_a_program_is_refused_and_nothing_in_it_runs(tmp_path, whole):
    mark = tmp_path / "it ran"
    np.savez(tmp_path / "part.npz", rows=np.array([Payload(mark)], dtype=object), boxes_um=np.zeros((1, 4)), cells=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        parts._read_outline(tmp_path / "part.npz")
    assert not mark.exists()


@pytest.mark.parametrize(("work", "done", "calls"), [("grow_block", 2, 5), ("connect_tile", 1, 4), ("write_parquet", 8, 5 + 2 * 4 + 1)])
def test_a_stop_in_the_middle_costs_only_the_part_it_came_in(tmp_path, monkeypatch, whole, work, done, calls):
    """The ninth table is the synapses of a tile whose pairs are written already; they are written again."""
    in_small_parts(monkeypatch)
    real, made = getattr(parts, work), []

    def until_stopped(*given, **more):
        if len(made) == done:
            raise KeyboardInterrupt
        made.append(given)
        return real(*given, **more)

    monkeypatch.setattr(parts, work, until_stopped)
    with pytest.raises(KeyboardInterrupt):
        write_parts(SMALL, RULE, tmp_path / "truth", tmp_path / "work")
    monkeypatch.setattr(parts, work, lambda *given, **more: made.append(given) or real(*given, **more))
    for _ in range(2):  # and a third time nothing is made
        assert content(write_parts(SMALL, RULE, tmp_path / "truth", tmp_path / "work")) == content(whole)
        assert len(made) == calls


def test_two_workers_write_the_same_bytes(tmp_path, monkeypatch, whole):
    in_small_parts(monkeypatch)
    assert content(write_parts(SMALL, RULE, tmp_path / "two", tmp_path / "two_work", workers=2)) == content(whole)
