import pytest

from graphtwin.pipeline.predict import Twin, load_twin
from tests.pipeline.planted_source import Finished, finished_run


@pytest.fixture(scope="session")
def finished(session_folder) -> Finished:
    """The planted volume's run, finished by the command line."""
    return finished_run(session_folder)


@pytest.fixture(scope="session")
def twin(finished) -> Twin:
    """Its graph twin."""
    return load_twin(finished.folder)
