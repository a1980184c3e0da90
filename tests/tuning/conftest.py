import pandas as pd
import pytest

from graphtwin.tuning.learned import LearnedEmbeddings, learn_embeddings
from graphtwin.tuning.selection import BasisConfig
from tests.tuning.planted import planted_units


@pytest.fixture(scope="session")
def small_config() -> BasisConfig:
    """Few candidates: enough to choose between, quick to fit."""
    return BasisConfig(ranks=(2, 4), smoothness=(0.1,), folds=2)


@pytest.fixture(scope="session")
def units() -> pd.DataFrame:
    """Planted units of four scans that differ in nothing."""
    return planted_units(400, seed=31)


@pytest.fixture(scope="session")
def learned(units, small_config) -> LearnedEmbeddings:
    return learn_embeddings(units, small_config)


@pytest.fixture(scope="session")
def tilted() -> pd.DataFrame:
    """Planted units whose scans each tilt the curves towards a direction of their own."""
    return planted_units(600, seed=41, scan_effect=0.5)


@pytest.fixture(scope="session")
def learned_tilted(tilted, small_config) -> LearnedEmbeddings:
    return learn_embeddings(tilted, small_config)
