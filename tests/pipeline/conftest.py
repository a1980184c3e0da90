import pytest

from graphtwin.graph.runs.fitted_graph import FittedGraph, load_graph
from tests.pipeline.planted_source import Finished, finished_run


@pytest.fixture(scope="session")
def finished(session_folder) -> Finished:
    """The planted volume's run, finished by the command line."""
    return finished_run(session_folder)


@pytest.fixture(scope="session")
def graph(finished) -> FittedGraph:
    """The graph model of the finished run."""
    return load_graph(finished.folder)
