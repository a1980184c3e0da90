"""A block of tissue as precomputed volumes: segmentation with skeletons and meshes, nuclei, and synapses as point annotations.

Every byte follows from the content: no times and no names of users. Files are as the format has them, small by its own encoding of
segmentations; gzip around them, as cloud-volume writes it by default, is known by the suffix to it alone, and other readers find nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphtwin.artifacts import whole_folder, write_parquet
from graphtwin.synthetic.volume.annotation_files import write_points
from graphtwin.synthetic.volume.block import Content, positions
from graphtwin.synthetic.volume.meshes import Surfaces, write_meshes
from graphtwin.synthetic.volume.paint import Block, Painted, contact_table, paint
from graphtwin.synthetic.volume.skeleton_writer import write_skeletons

if TYPE_CHECKING:
    import pandas as pd


class WrittenVolume(NamedTuple):
    """A volume on disk.

    Attributes:
        paths: Path of every file that was written.
        contacts: Segments that touch, as the painter counted them: root_id_a, root_id_b, n_faces, area_um2.
    """

    paths: list[Path]
    contacts: pd.DataFrame


def write_volume(content: Content, folder: str | Path, n_meshes: int = 12) -> WrittenVolume:
    """Write `folder` with segmentation, nuclei, synapses and `contacts.parquet`; it appears when all of it is there.

    Args:
        content: Content of the block, to be written.
        folder: Folder to make; it must not exist.
        n_meshes: Number of segments that get a mesh: those with the largest volume.
    """
    folder = Path(folder)
    with whole_folder(folder) as partial:
        surfaces = Surfaces(content.block, content.strokes.largest(n_meshes))
        segmentation, contacts = _write_voxels(content, partial, surfaces)
        write_parquet(contacts, partial / "contacts.parquet")
        write_meshes(surfaces, segmentation)
        write_skeletons(content.pieces, segmentation)
        synapses = content.synapses.sort_values("synapse_id")
        ids = {name: synapses[name].to_numpy(np.int64) for name in ("synapse_id", "pre_root_id", "post_root_id", "size")}
        related = {"pre_segment": ids["pre_root_id"], "post_segment": ids["post_root_id"]}
        where = partial / "synapses"
        write_points(where, ids["synapse_id"], positions(synapses, "ctr"), content.block, {"size": ids["size"]}, related)
    return WrittenVolume(sorted(path for path in folder.rglob("*") if path.is_file()), contacts)


def _write_voxels(content: Content, folder: Path, surfaces: Surfaces) -> tuple[Any, pd.DataFrame]:
    """Write segmentation and nuclei chunk by chunk, a nucleus where its own segment is; returns the segmentation and its contacts."""
    from graphtwin.progress import tqdm

    segmentation = _new_volume(folder / "segmentation", content.block, mesh="mesh", skeletons="skeletons")
    nuclei = _new_volume(folder / "nuclei", content.block)
    numbers = np.array([0, *sorted(content.root_of)], np.int64)
    roots = np.array([0, *(content.root_of[number] for number in numbers[1:].tolist())], np.int64)
    faces: list[np.ndarray] = []
    both = zip(paint(content.strokes, content.block), paint(content.nuclei, content.block), strict=True)
    for segments, inner in tqdm(both, total=len(content.block.chunks()), desc="volume", unit="chunk", delay=2):
        _store(segmentation, segments, segments.labels)
        if len(inner.near):
            own = roots[np.searchsorted(numbers, inner.labels)] == segments.labels
            _store(nuclei, inner, np.where(own, inner.labels, 0))
        else:
            _store(nuclei, inner, inner.labels)
        faces.append(segments.faces)
        surfaces.add(segments)
    return segmentation, contact_table(faces, content.block.voxel_nm)


def _store(volume: Any, chunk: Painted, labels: np.ndarray) -> None:
    """Write one chunk."""
    box = tuple(slice(at, at + n) for at, n in zip(chunk.begin, labels.shape, strict=True))
    volume[box] = labels.astype(np.uint64)


def _new_volume(folder: Path, block: Block, **more: str) -> Any:
    """An empty precomputed segmentation, to be written chunk by chunk."""
    from cloudvolume import CloudVolume

    info = CloudVolume.create_new_info(
        num_channels=1,
        layer_type="segmentation",
        data_type="uint64",
        encoding="compressed_segmentation",
        resolution=list(block.voxel_nm),
        voxel_offset=list(block.begin),
        volume_size=(np.asarray(block.end) - block.begin).tolist(),
        chunk_size=list(block.chunk),
        **more,
    )
    volume = CloudVolume(f"file://{folder.resolve()}", info=info, progress=False, compress=False)
    volume.commit_info()
    return volume
