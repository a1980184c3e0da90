"""Packages that some commands need beside those that come along, and what installs them."""

from __future__ import annotations

import importlib.util

# Name that is imported -> package that has it, and the extra of graphtwin that installs it; an empty extra comes along anyway.
PACKAGES = {
    "skimage": ("scikit-image", "simulate"),
    "h5py": ("h5py", "nwb"),
    "pynwb": ("pynwb", "nwb"),
    "hdmf": ("pynwb", "nwb"),
    "oasis": ("oasis-deconv", "deconvolution"),
    "cloudvolume": ("cloud-volume", "volumes"),
    "cloudfiles": ("cloud-volume", "volumes"),
    "osteoid": ("cloud-volume", "volumes"),
    "compressed_segmentation": ("cloud-volume", "volumes"),
    "deflate": ("cloud-volume", "volumes"),
    "zmesh": ("zmesh", "volumes"),
    "dask": ("dask", "cluster"),
    "distributed": ("distributed", "cluster"),
    "zarr": ("zarr", "zarr"),
    "flycns": ("flycns", "fly"),
    "torch_geometric": ("torch-geometric", ""),
    "sklearn": ("scikit-learn", ""),
    "PIL": ("pillow", ""),
}


def require_packages(what_for: str, *modules: str) -> None:
    """Raise where a package is not installed, with what installs it; nothing is imported.

    Args:
        what_for: Words for what needs the packages, such as "recordings in NWB files".
        modules: Names that will be imported.
    """
    missing = [module for module in modules if not _is_there(module)]
    if missing:
        raise ModuleNotFoundError(in_words(what_for, missing), name=missing[0])


def in_words(what_for: str, modules: list[str]) -> str:
    """The sentence about packages that are missing.

    Args:
        what_for: Words for what needs the packages.
        modules: Names that cannot be imported.
    """
    known = [PACKAGES.get(module.partition(".")[0], (module.partition(".")[0], "")) for module in modules]
    names = ", ".join(dict.fromkeys(name for name, _ in known))
    extras = ",".join(dict.fromkeys(extra for _, extra in known if extra))
    install = f"pip install 'graphtwin[{extras}]'" if extras else f"pip install {' '.join(dict.fromkeys(name for name, _ in known))}"
    return f"{what_for}: {names} is needed and not installed. Install it: {install}."


def _is_there(module: str) -> bool:
    """Whether a module could be imported; one that is blocked counts as absent."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
