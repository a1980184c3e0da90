"""Examples of the commands of the functional twin, for the help of all of them and of each."""

from __future__ import annotations

EXAMPLES = (
    "train data/dynamic1* data/dynamic2* --out runs/core",
    "train data/dynamic1* --seeds 3 --out runs/three",
    "train data/static1-1-1-V4 --images 80 --out runs/few_pictures",
    "transfer runs/core data/dynamic3-1-1-Video-0f2a --minutes 2 --out runs/new_mouse",
    "score runs/new_mouse data/dynamic3-1-1-Video-0f2a --out scores.csv",
    "score runs/three data/dynamic1-1-1-Video-0f2a --out scores.csv",
    "score data/dynamic3-1-1-Video-0f2a --predictions any_model.npy --tier oracle --out scores.csv",
    "population runs/new_mouse data/dynamic3-1-1-Video-0f2a --out population.csv",
    "ablate runs/core data/dynamic1* data/dynamic2* --out runs/core_ablated",
    "ablate runs/new_mouse data/dynamic3-1-1-Video-0f2a --without pretraining --without behaviour --out runs/ablated",
    "predict runs/new_mouse --stimulus movie.npy --out responses.npy",
    "embed runs/core --out embeddings.parquet",
    "agree runs/three --out agreement.csv",
    "simulate --out viewing --area V4 --minutes 5 --set gaze.error_deg=1.0",
    "agree runs/a runs/b --recording data/dynamic1-1-1-Video-0f2a --out agreement.parquet",
)


def examples_of(command: str | None = None) -> str:
    """The examples of one command, those of all without a name, as text for the end of a help page."""
    chosen = [words for words in EXAMPLES if command in (None, words.split()[0])]
    return "\n\n".join(["[bold]Examples[/bold]", *(f"graphtwin twin {words}" for words in chosen)])
