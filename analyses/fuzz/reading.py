"""Spoil an example in its bytes, read it, and say how the reading ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from example_format import Format, Wrong

from graphtwin.execute import rng_for


def spoil(form: Format, valid: Path, folder: Path, number: int) -> Path:
    """A copy of the valid example in which one file is spoiled; the folder given.

    Args:
        form: Format of the example.
        valid: Folder of the example.
        folder: Folder to write.
        number: Number of the input, which decides what is spoiled.
    """
    shutil.copytree(valid, folder)
    rng = rng_for(0, "fuzz", form.name, number)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = files[rng.integers(len(files))]
    mutations = form.mutations(file)
    content = file.read_bytes()
    for _ in range(1 + (rng.random() < 0.2)):
        content = mutations[rng.integers(len(mutations))](content or b"\0", rng)
    file.write_bytes(content)
    return folder


def ended(form: Format, folder: Path) -> tuple[str, str]:
    """How the reading of an input ended, and the words of what is no right end."""
    try:
        value = form.read(folder)
    except MemoryError as error:
        return "memory", kind_of(error)
    except (ValueError, OSError) as error:
        return ("refused", "") if is_sentence(str(error), folder) else ("traceback", kind_of(error))
    except Exception as error:
        return "traceback", kind_of(error)
    try:
        form.check(folder, value)
    except Wrong as error:
        return "wrong", str(error)[:120]
    except (ValueError, KeyError, IndexError, UnicodeDecodeError, OverflowError) as error:
        return "wrong", f"a plain reading fails: {kind_of(error)}"
    return "read", ""


def is_sentence(words: str, folder: Path) -> bool:
    """Whether an error is one line that names the file or folder."""
    return "\n" not in words and folder.name in words


def kind_of(error: BaseException) -> str:
    """The type, place and first words of an error."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if "graphtwin" in file.parts[:-1] or not place:
            place = f"{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} {place} {' '.join(str(error).split())[:80]}"
