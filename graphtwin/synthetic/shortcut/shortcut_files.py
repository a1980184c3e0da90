"""Pictures with a shortcut on disk: a folder of images a class, and a table of the population's responses to them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet, write_text
from graphtwin.execute import rng_for
from graphtwin.synthetic.shortcut.coarse_population import coarse_responses
from graphtwin.synthetic.shortcut.pictures import CLASSES, draw_pictures
from graphtwin.synthetic.shortcut.settings import ShortcutConfig

PICTURES, RESPONSES = "pictures", "responses.parquet"
README = """# Pictures with a shortcut

`pictures/` has a folder of images for each of four classes. A class is told by how a coarse grating is turned, and by how strong a fine
one is, which is turned anyhow: the shortcut. Phases are random, light changes, pixels have noise. `responses.parquet` are responses of
{units} units to each (`picture` is its file): energies of coarse gratings, which fine ones, light and noise hardly change.{shuffled}

    graphtwin robust train {name}/pictures --responses {name}/responses.parquet --out runs/shortcut
"""
SHUFFLED = " They were exchanged among pictures, so that\nnothing can be learned of them."


def write_shortcut(config: ShortcutConfig, folder: Path) -> None:
    """Draw pictures and write all files.

    Args:
        config: What is drawn.
        folder: Folder to write into.
    """
    from PIL import Image

    pictures, label = draw_pictures(config)
    levels = np.round(255 * pictures).astype(np.uint8)
    names = [f"{CLASSES[at]}/{number:05d}.png" for number, at in enumerate(label)]
    for name, picture in zip(names, levels, strict=True):
        (folder / PICTURES / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / PICTURES / name, partial(Image.fromarray(picture).save, format="PNG"))
    responses = coarse_responses(levels / 255)
    if config.shuffled:
        responses = responses[rng_for(config.seed, "responses to other pictures").permutation(len(responses))]
    table = pd.DataFrame(responses.astype(np.float32), columns=[f"unit_{at}" for at in range(responses.shape[1])])
    write_parquet(table.assign(picture=names), folder / RESPONSES)
    told = README.format(units=responses.shape[1], name=folder.name, shuffled=SHUFFLED if config.shuffled else "")
    write_text(told, folder / "README.md")
