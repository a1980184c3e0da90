"""A simulated crawling circuit as a folder of tables: cells, synapses and the order in which motor neurons are recruited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.motor.crawling_circuit import Crawling, crawling

TOML = """name = "crawling"

[[tables]]
role = "circuit_cells"
file = "cells.csv"
materialization = 1

[[tables]]
role = "synapses"
file = "synapses.csv"
materialization = 1

[[tables]]
role = "queried_post"
file = "cells.csv"
materialization = 1

[[tables]]
role = "recruitment_order"
file = "order.csv"
materialization = 1
columns = { condition = "crawl", order = "place" }
"""
MOTOR, PREMOTOR = 14, 70


def planted() -> Crawling:
    """14 motor neurons, 70 premotor neurons."""
    return crawling(5, motor=MOTOR, premotor=PREMOTOR)


def names(one: Crawling) -> tuple[list[str], list[str]]:
    """Names of premotor and motor neurons."""
    return [f"pre{row}" for row in range(len(one.sign))], [f"mn{row}" for row in range(len(one.counts))]


def order_table(one: Crawling) -> pd.DataFrame:
    """A row a motor neuron and way of crawling."""
    rows = [("forward", one.order[0]), ("backward", one.order[1])]
    return pd.concat([pd.DataFrame({"name": names(one)[1], "crawl": name, "place": order}) for name, order in rows], ignore_index=True)


def write_source(folder: Path, table: pd.DataFrame, motor: bool = True) -> Path:
    """Write the circuit with a table of orders, and return the TOML."""
    one = planted()
    folder.mkdir(parents=True, exist_ok=True)
    premotor, neurons = names(one)
    kinds = {"cell_type": ["premotor"] * PREMOTOR + ["motor"] * MOTOR, "sign": [*one.sign, *([0] * MOTOR)]}
    marks = {"motor": [False] * PREMOTOR + [motor] * MOTOR}
    pd.DataFrame({"name": premotor + neurons} | kinds | marks).to_csv(folder / "cells.csv", index=False)
    counts = np.concatenate([one.among, one.counts])
    post, pre = np.nonzero(counts)
    of = np.array(premotor + neurons)
    wired = {"pre_name": of[pre], "post_name": of[post], "size": counts[post, pre]}
    pd.DataFrame(wired).to_csv(folder / "synapses.csv", index=False)
    table.to_csv(folder / "order.csv", index=False)
    (folder / "source.toml").write_text(TOML, encoding="utf-8")
    return folder / "source.toml"
