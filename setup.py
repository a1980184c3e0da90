"""What pyproject.toml cannot say: the description in a registry is README.md without links to files, which lead nowhere there."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).with_name("README.md")
PICTURE = re.compile(r"!\[[^\]]*\]\((?!https?://)[^)]*\)\n*")
LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")


def description(text: str) -> str:
    """The text without pictures that are files, and with the words alone of links to files.

    Args:
        text: Markdown.
    """
    return LINK.sub(r"\1", PICTURE.sub("", text))


if __name__ == "__main__":
    from setuptools import setup

    setup(long_description=description(README.read_text(encoding="utf-8")), long_description_content_type="text/markdown")
