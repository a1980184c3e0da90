"""Voxels of a precomputed segmentation chunk by chunk, each checked before it is decoded.

Decoders believe what a chunk says of itself: compressed_segmentation 2.3 reads beyond the end of one that is cut short, and cloud-volume
takes an empty file for zeros. Source of both encodings: the documentation of Neuroglancer ("Precomputed volume format", "Compressed
segmentation format").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from graphtwin.sources.formats.clouds import damaged, first_line

CHECKED = ("raw", "compressed_segmentation")  # encodings that are decoded here; others go to cloud-volume
LOSSLESS = ("compresso", "crackle", "png", "npz")
MOST_VOXELS = 2**30  # voxels of a chunk; real ones have at most 2^27
WIDTHS = (0, 1, 2, 4, 8, 16)  # bits of a number in a table of labels; 32 would be a table larger than any block
LABELS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


class Scale(NamedTuple):
    """One resolution of a segmentation, as its info file declares it, checked.

    Attributes:
        cloudpath: Path of the folder of its chunks.
        resolution_nm: Edge lengths of a voxel, nm.
        begin, end: First voxel and voxel after the last, along each axis.
        chunk: Voxels of a chunk along each axis, counted from `begin`.
        dtype: Type of the labels, little-endian.
        encoding: Encoding of a chunk.
        block: Voxels of a block within a compressed chunk.
        plain: Whether chunks are files of their own in an encoding that is decoded here.
    """

    cloudpath: str
    resolution_nm: tuple[float, ...]
    begin: Int64[np.ndarray, " 3"]
    end: Int64[np.ndarray, " 3"]
    chunk: Int64[np.ndarray, " 3"]
    dtype: np.dtype
    encoding: str
    block: Int64[np.ndarray, " 3"]
    plain: bool


def scales_of(info: dict[str, Any], cloudpath: str) -> list[Scale]:
    """The resolutions of a segmentation, the finest first as in the info file; an error says what of it makes no sense.

    Args:
        info: Content of the info file.
        cloudpath: Path of the segmentation.
    """
    given = info.get("scales")
    if not isinstance(given, list) or not given or not all(isinstance(scale, dict) for scale in given):
        raise ValueError(f"{cloudpath}: its info file has no list of scales. Copy it again.")
    if info.get("num_channels") != 1 or info.get("data_type") not in LABELS:
        raise ValueError(
            f"{cloudpath}: {info.get('num_channels')} channels of {info.get('data_type')!r}, but a segmentation has one, of "
            f"{', '.join(LABELS)}. Give the path of a segmentation."
        )
    return [_scale(scale, np.dtype(info["data_type"]).newbyteorder("<"), cloudpath) for scale in given]


def _scale(given: dict[str, Any], dtype: np.dtype, cloudpath: str) -> Scale:
    """One resolution, from its entry in the info file."""
    key, encoding, chunks = given.get("key"), given.get("encoding"), given.get("chunk_sizes")
    size, begin = _three(given.get("size")), _three(given.get("voxel_offset", [0, 0, 0]))
    chunk = _three(chunks[0]) if isinstance(chunks, list) and chunks else None
    block = _three(given.get("compressed_segmentation_block_size", [8, 8, 8]))
    resolution = given.get("resolution")
    lengths = isinstance(resolution, list) and len(resolution) == 3 and all(_is_length(edge) for edge in resolution)
    checks: dict[str, Any] = {"key": isinstance(key, str) and key, "encoding": encoding in (*CHECKED, *LOSSLESS), "resolution": lengths}
    checks |= {"size": size is not None and (size >= 1).all(), "voxel_offset": begin is not None}
    checks |= {"chunk_sizes": chunk is not None and (chunk >= 1).all() and np.prod(chunk.astype(float)) <= MOST_VOXELS}
    checks |= {"compressed_segmentation_block_size": block is not None and (block >= 1).all()}
    wrong = [name for name, good in checks.items() if not good]
    if wrong or size is None or begin is None or chunk is None or block is None or resolution is None:
        raise ValueError(
            f"{cloudpath}: {wrong[0]} of a scale is {given.get(wrong[0])!r} in the info file, as no segmentation has it. Correct it."
        )
    plain = encoding in CHECKED and not given.get("sharding")
    edges = tuple(float(edge) for edge in resolution)
    return Scale(f"{cloudpath}/{key}", edges, begin, begin + size, chunk, dtype, str(encoding), block, plain)


def _three(given: object) -> Int64[np.ndarray, " 3"] | None:
    """Three whole numbers of at most 2^53, or None."""
    if not isinstance(given, list) or len(given) != 3:
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 2**53 and n == int(n) for n in given):
        return None
    return np.array([int(n) for n in given], np.int64)


def _is_length(edge: object) -> bool:
    return isinstance(edge, int | float) and not isinstance(edge, bool) and 0 < edge < np.inf


def read_box(scale: Scale, begin: Int64[np.ndarray, " 3"], end: Int64[np.ndarray, " 3"], path: str) -> np.ndarray:
    """The labels from one voxel up to, but without, another (x, y, z).

    Args:
        scale: The resolution to read, of chunks that are files of their own.
        begin: First voxel, along each axis.
        end: Voxel after the last, along each axis.
        path: Path of the segmentation, for errors.
    """
    from cloudfiles import CloudFiles

    labels = np.zeros(end - begin, scale.dtype, order="F")
    corners = {_name(low, high): (low, high) for low, high in _chunks(scale, begin, end)}
    asked = f"the voxels {begin.tolist()} to {end.tolist()}"
    refusals: tuple[type[Exception], ...] = (OSError, ValueError, *damaged())
    try:
        found = CloudFiles(scale.cloudpath).get(list(corners))
        key = scale.cloudpath.rpartition("/")[2]
        lost = next((file["path"] for file in found if file["content"] is None), None)
        if lost is None:
            for file in found:
                low, high = corners[file["path"]]
                inner, outer = np.maximum(low, begin), np.minimum(high, end)
                part = _decoded(file["content"], scale, high - low)
                labels[_slices(inner - begin, outer - begin)] = part[_slices(inner - low, outer - low)]
            return labels
    except refusals as error:
        raise ValueError(
            f"{path}: a chunk of {asked} cannot be decoded ({first_line(error)}). It is cut short or damaged: copy it again."
        ) from error
    raise FileNotFoundError(
        f"{path}: the chunk {key}/{lost} is missing, asked for with {asked}. Copy the volume again, or leave this part out."
    )


def _chunks(scale: Scale, begin: Int64[np.ndarray, " 3"], end: Int64[np.ndarray, " 3"]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """First voxel and voxel after the last of each chunk that a box meets."""
    first, last = (begin - scale.begin) // scale.chunk, -(-(end - scale.begin) // scale.chunk)
    for place in np.ndindex(*(last - first).tolist()):
        low = scale.begin + (first + place) * scale.chunk
        yield low, np.minimum(low + scale.chunk, scale.end)


def _name(low: Int64[np.ndarray, " 3"], high: Int64[np.ndarray, " 3"]) -> str:
    return "_".join(f"{first}-{last}" for first, last in zip(low.tolist(), high.tolist(), strict=True))


def _slices(low: Int64[np.ndarray, " 3"], high: Int64[np.ndarray, " 3"]) -> tuple[slice, ...]:
    return tuple(slice(first, last) for first, last in zip(low.tolist(), high.tolist(), strict=True))


def _decoded(content: bytes, scale: Scale, shape: Int64[np.ndarray, " 3"]) -> np.ndarray:
    """The labels of a chunk."""
    if scale.encoding == "raw":
        expected = int(np.prod(shape)) * scale.dtype.itemsize
        if len(content) != expected:
            raise ValueError(f"{len(content)} bytes instead of {expected}")
        return np.frombuffer(content, scale.dtype).reshape(shape.tolist(), order="F")
    import compressed_segmentation

    kind = np.dtype(f"uint{8 * scale.dtype.itemsize}")
    if kind.itemsize < 4:
        raise ValueError(f"labels of {scale.dtype}, where this encoding has 32 or 64 bits")
    content = _require_blocks(content, scale, shape)
    decoded = compressed_segmentation.decompress(content, tuple(shape.tolist()), kind, tuple(scale.block.tolist()), order="F")
    return np.asarray(decoded).reshape(shape.tolist(), order="F").view(scale.dtype)


def _require_blocks(content: bytes, scale: Scale, shape: Int64[np.ndarray, " 3"]) -> bytes:
    """The chunk, with zeros behind it for tables that end early, if all its blocks lie within it."""
    if len(content) < 4 or len(content) % 4:
        raise ValueError(f"{len(content)} bytes, which are no whole words")
    words = np.frombuffer(content, "<u4").astype(np.int64)
    n_blocks = int(np.prod(-(-shape // scale.block)))
    body = words[words[0] :]
    if words[0] != 1 or len(body) < 2 * n_blocks:
        raise ValueError(f"{len(content)} bytes for {n_blocks} blocks")
    heads = body[: 2 * n_blocks].reshape(-1, 2)
    table, width, values = heads[:, 0] & 0xFFFFFF, heads[:, 0] >> 24, heads[:, 1]
    needed = -(-width * int(np.prod(scale.block)) // 32)
    beyond = (values + needed > len(body)) | (table + scale.dtype.itemsize // 4 > len(body))
    wrong = ~np.isin(width, WIDTHS) | beyond
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {n_blocks} blocks lie beyond its {len(content)} bytes")
    return content + b"\0" * (scale.dtype.itemsize << int(width.max()))
