"""Claims: orders of recruitment that cannot be asked are told in words, before anything is written."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from graphtwin.config import overridden
from graphtwin.pipeline.motor.motor_job import study_of
from graphtwin.pipeline.motor.settings import MotorRunConfig
from tests.motor import command_line
from tests.motor.crawling_circuit import crawling, write_larva
from tests.motor.order_source import order_table, planted, write_source

asked = partial(command_line.command, "motor")
GOOD = order_table(planted())
FORWARD = GOOD["crawl"].eq("forward")
OF_CIRCUIT = "1 of 14 neurons with an order are"


def renamed(to: str) -> pd.DataFrame:
    return GOOD.assign(name=GOOD["name"].replace("mn3", to))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            renamed("mn33"),
            f"{OF_CIRCUIT} not among the 84 of the circuit, first ['mn33'] (its motor",
        ),
        (renamed("pre3"), f"{OF_CIRCUIT} no motor neurons, first ['pre3']"),
        (
            pd.concat([GOOD, GOOD.head(1)]),
            "1 of 29 rows are of a motor neuron and condition that have a row already, first ['mn0, forward']",
        ),
        (GOOD.assign(place=np.inf), "28 of 28 orders are infinite, first in row 1"),
        (GOOD.assign(place=np.nan), "none of 28 rows has an order"),
        (GOOD.assign(place="early"), "column order: 28 of 28 values are no numbers, first 'early' in row 1"),
        (GOOD.assign(place=GOOD["place"].mask(FORWARD, 3)), "all 14 motor neurons of 'forward' have the same place, 3"),
        (GOOD.assign(crawl=GOOD["crawl"].mask(FORWARD)), "14 of 28 rows have no condition, first row 1"),
        (GOOD[~(FORWARD & (GOOD.index > 6))], "7 motor neurons have a place in the order 'forward': 8 are needed"),
        (GOOD.drop(columns="place"), "column"),
    ],
)
def test_orders_that_cannot_be_asked_are_told_in_words_before_anything_is_written(tmp_path, table, words):
    code, said = asked("fit", write_source(tmp_path / "source", table), "--out", tmp_path / "run")
    assert code == 2
    assert words in said
    assert not (tmp_path / "run").exists()


def test_a_circuit_without_motor_neurons_is_refused(tmp_path):
    code, said = asked("fit", write_source(tmp_path / "source", GOOD, motor=False), "--out", tmp_path / "run")
    assert code == 2
    assert "None of 84 neurons is a motor neuron" in said


def test_a_larva_whose_neurons_have_no_place_is_refused(tmp_path):
    one = crawling(0, motor=12, premotor=50)
    code, said = asked("fit", write_larva(tmp_path / "larva.h5", one, order=np.zeros((2, 12))), "--out", tmp_path / "run")
    assert code == 2
    assert "neither trials nor responses to stimulation" in said
    assert "recruitment_order" in said


def test_settings_of_dynamics_are_told_to_have_no_effect_on_orders(tmp_path, caplog):
    config = overridden(MotorRunConfig, {}, ["folds=3", "permutations=19", "seed=4", "model.fit.epochs=5"], "test")
    study_of(write_source(tmp_path / "source", GOOD), config)
    said = "orders of recruitment are asked, without dynamics; settings without effect: folds, model.fit.epochs."
    assert caplog.text.count(said) == 1
    caplog.clear()
    study_of(tmp_path / "source" / "source.toml", MotorRunConfig())
    assert "without effect" not in caplog.text
