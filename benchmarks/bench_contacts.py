"""Voxels a second of processor time of `graphtwin contacts`: the kernel alone, and from a stored volume.

The segmentation are cells of 2,000 random points (Voronoi), in voxels of 16 x 16 x 40 nm.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from graphtwin.cortex.em import Cutout, block_of, contacts_in
from graphtwin.pipeline import write_contacts

SHAPE, CELLS, SIZE = (512, 512, 128), 2000, np.array([16.0, 16, 40])


def segmentation() -> np.ndarray:
    """Ids of the nearest of some random points."""
    points = np.random.default_rng(0).uniform(0, SHAPE * SIZE, (CELLS, 3))
    voxels = np.indices(SHAPE, dtype=np.float32).reshape(3, -1).T * SIZE
    return (cKDTree(points).query(voxels)[1] + 1).reshape(SHAPE).astype(np.int64)


def main() -> None:
    """Print voxels a second."""
    ids = segmentation()
    whole = Cutout(np.zeros(3, np.int64), np.asfortranarray(ids), np.zeros(3, np.int64))
    contacts_in(Cutout(np.zeros(3, np.int64), np.asfortranarray(ids[:32, :32, :8]), np.zeros(3, np.int64)), SIZE, block_of(SIZE))
    start = time.process_time()
    found = contacts_in(whole, SIZE, block_of(SIZE))
    kernel = ids.size / (time.process_time() - start)
    with tempfile.TemporaryDirectory() as folder:
        from cloudvolume import CloudVolume

        size = {"resolution": SIZE.tolist(), "voxel_offset": (0, 0, 0), "volume_size": SHAPE, "chunk_size": (64, 64, 64)}
        info = CloudVolume.create_new_info(1, "segmentation", "uint64", "compressed_segmentation", **size)
        volume = CloudVolume(f"file://{folder}/volume", info=info, progress=False)
        volume.commit_info()
        volume[:, :, :] = ids.astype(np.uint64)
        start = time.process_time()
        write_contacts(f"file://{folder}/volume", Path(folder) / "contacts.parquet")
        stored = ids.size / (time.process_time() - start)
    print(f"{len(found)} pairs; kernel {kernel / 1e6:.0f} M voxels/s, from files {stored / 1e6:.0f} M voxels/s")


if __name__ == "__main__":
    main()
