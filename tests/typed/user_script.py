"""What a user writes, as type checkers read it: mypy finds every name, and every error that is marked here.

`warn_unused_ignores` makes an error of a mark that hides none, so that this file is checked with the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd

import graphtwin


def of_tables(pairs: pd.DataFrame) -> None:
    tables = graphtwin.load("minnie65")
    assert_type(len(tables.tables), int)
    cortex = graphtwin.build(tables)
    graphtwin.learn_embeddings(cortex.units)
    run = graphtwin.run(["preset=short"], source="minnie65", out="runs/minnie65")
    assert_type(graphtwin.write_report(run), Path)
    assert_type(graphtwin.explorer.write_explorer(run, "run.html"), Path)
    model = graphtwin.graph.load(run)
    model.predict(pairs, fill_unknown=True)
    model.predict(pairs, fill_unknwon=True)  # type: ignore[call-arg]
    graphtwin.load(65)  # type: ignore[arg-type]
    graphtwin.lode("minnie65")  # type: ignore[attr-defined]


def of_recordings() -> None:
    twin = graphtwin.twin.fit(["recording"], out="runs/twin", seed=1)
    assert_type(twin, graphtwin.twin.FittedTwin)
    assert_type(twin.save("twin.pt"), Path)
    graphtwin.twin.score(twin, "recording")
    graphtwin.twin.score(twin, recordings="recording")  # type: ignore[call-arg]
    graphtwin.twin.fit("recording", out="runs/twin", device="tpu")  # type: ignore[arg-type]
    graphtwin.twin.load("twin.pt").predict(np.zeros((10, 36, 64))).mean()


def of_circuits_pictures_and_pairs(pairs: pd.DataFrame) -> None:
    source = graphtwin.load("loop/loop.toml")
    circuit, config = graphtwin.motor.circuit_of(source), graphtwin.motor.MotorConfig()
    trials = graphtwin.motor.trials_of(source, circuit)
    graphtwin.motor.fit(circuit, trials, config)  # type: ignore[arg-type]  # a source may have no trials
    assert trials is not None
    assert_type(graphtwin.motor.fit(circuit, trials, config), graphtwin.motor.FittedCircuit)
    assert_type(graphtwin.motor.load("circuit.pt"), graphtwin.motor.FittedCircuit)
    assert_type(graphtwin.robustness.load("classifier.pt"), graphtwin.robustness.FittedClassifier)
    assert_type(graphtwin.robustness.load_pictures("digits"), graphtwin.robustness.LabelledPictures)
    fit = graphtwin.mixed.fit("n_synapses ~ similarity + (1 | axon)", pairs)
    assert_type(fit, graphtwin.mixed.MixedFit)
    graphtwin.mixed.fit("n_synapses ~ similarity", pairs, quadrature="many")  # type: ignore[arg-type]
    graphtwin.insilico.checked(fit)  # type: ignore[arg-type]
