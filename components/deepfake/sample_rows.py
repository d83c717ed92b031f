"""A sample as rows of samples/1 and crops/1, and back.

Faces and patches are stored without loss (PNG). Crops of consecutive frames are many and are stored
as JPEG of quality 95 with full colour resolution: what comes back differs by a few grey levels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image as PilImage
import pyarrow as pa

from components.core.dhash import dhash, thumbnail
from components.core.errors import BadShard
from components.deepfake.faces.quality import sharpness
from components.deepfake.sample import Audio, Coverage, Crop, Pixels, Provenance, Sample, Track

CropKind = Literal["face", "dense", "patch"]
CROP_KINDS: Final[tuple[CropKind, ...]] = ("face", "dense", "patch")

_PCM: Final = 32768
_QUALITY: Final = 95


def to_rows(sample: Sample) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The columns of samples/1 that say what could be seen and heard, and rows of crops/1.

    Returns:
        The columns after those of media/1 (the caller has those), and a row for every crop: faces by
        track and time, then dense ones likewise, then patches.
    """
    audio = sample.audio
    columns = {
        "planned": sample.coverage.planned,
        "decoded": sample.coverage.decoded,
        "with_face": sample.coverage.with_face,
        "tracks": len(sample.faces),
        "problem": sample.coverage.problem,
        "audio": None if audio is None else _to_pcm(audio.samples),
        "audio_rate": None if audio is None else audio.rate,
        "audio_start": None if audio is None else audio.start,
    }
    rows = [
        _crop_row(sample.id, "face", track.number, crop) for track in sample.faces for crop in track.crops
    ]
    rows += [
        _crop_row(sample.id, "dense", track.number, crop) for track in sample.dense for crop in track.crops
    ]
    rows += [_crop_row(sample.id, "patch", -1, crop) for crop in sample.patches]
    return columns, rows


def from_rows(sample_row: Mapping[str, Any], crop_rows: Iterable[Mapping[str, Any]]) -> Sample:
    """The sample of a row of samples/1 and its rows of crops/1 (all of them, or those of some kinds).

    Args:
        sample_row: the columns for `Sample`; `provenance` and those on audio may be left out.

    Raises:
        BadShard: where a crop can't be decoded.
    """
    tracks: dict[str, dict[int, list[Crop]]] = {kind: {} for kind in CROP_KINDS}
    for row in crop_rows:
        tracks[row["kind"]].setdefault(row["track"], []).append(_crop(row))
    audio = None
    if sample_row.get("audio") is not None:
        samples = np.frombuffer(sample_row["audio"], "<i2").astype(np.float32) / np.float32(_PCM)
        audio = Audio(samples, sample_row["audio_rate"], sample_row["audio_start"])
    provenance = sample_row.get("provenance")
    return Sample(
        id=sample_row["id"],
        kind=sample_row["kind"],
        width=sample_row["width"],
        height=sample_row["height"],
        seconds=sample_row["seconds"],
        fps=sample_row["fps"],
        provenance=Provenance() if provenance is None else Provenance(**provenance),
        faces=_tracks(tracks["face"]),
        dense=_tracks(tracks["dense"]),
        patches=tuple(tracks["patch"].get(-1, ())),
        audio=audio,
        coverage=Coverage(
            sample_row["planned"], sample_row["decoded"], sample_row["with_face"], sample_row["problem"]
        ),
    )


def read_samples(
    samples: pa.Table, crops: pa.Table, kinds: Collection[CropKind] = CROP_KINDS
) -> Iterator[tuple[dict[str, Any], Sample]]:
    """The samples of a shard, one decoded at a time: (row of samples/1 without its sound, sample).

    Args:
        samples: rows of samples/1; columns on audio may be missing.
        crops: rows of crops/1, of these samples; those of others are passed over.
        kinds: of crops to decode.

    Raises:
        BadShard: where a crop can't be decoded.
    """
    places: dict[str, list[int]] = {}
    ids, of_kind = crops.column("media_id").to_pylist(), crops.column("kind").to_pylist()
    for place, (media_id, kind) in enumerate(zip(ids, of_kind, strict=True)):
        if kind in kinds:
            places.setdefault(media_id, []).append(place)
    for number in range(samples.num_rows):
        row = samples.slice(number, 1).to_pylist()[0]
        found = crops.take(pa.array(places.get(row["id"], []), pa.int64())).to_pylist()
        sample = from_rows(row, found)
        row.pop("audio", None)
        yield row, sample


def encode_png(image: Pixels) -> bytes:
    """Pixels, RGB or grey, without loss."""
    import cv2

    return _encoded(cv2.imencode(".png", _bgr(image), [cv2.IMWRITE_PNG_COMPRESSION, 3]))


def _encode_jpeg(image: Pixels) -> bytes:
    import cv2

    settings = [
        cv2.IMWRITE_JPEG_QUALITY, _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    return _encoded(cv2.imencode(".jpg", _bgr(image), settings))


def _encoded(result: tuple[bool, npt.NDArray[np.uint8]]) -> bytes:
    done, data = result
    assert done, "OpenCV encodes every array of bytes"
    return data.tobytes()


def _bgr(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image


def _decode(data: bytes, media_id: str, *, grey: bool = False) -> Pixels:
    import cv2

    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB
    pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flag) if data else None
    if pixels is None:
        raise BadShard(f"crops/1: a crop of {media_id} is no picture that can be decoded")
    return np.asarray(pixels, np.uint8)


def _crop_row(media_id: str, kind: CropKind, track: int, crop: Crop) -> dict[str, Any]:
    luma = PilImage.fromarray(crop.image).convert("L")
    bits = dhash(thumbnail(luma))
    return {
        "media_id": media_id,
        "kind": kind,
        "track": track,
        "frame": crop.frame,
        "seconds": crop.seconds,
        "box": list(crop.box),
        "landmarks": None if crop.landmarks is None else crop.landmarks.ravel().tolist(),
        "confidence": crop.confidence,
        "face_pixels": crop.face_pixels,
        "sharpness": sharpness(crop.image),
        "dhash": bits - (1 << 64) if bits >> 63 else bits,
        "image": _encode_jpeg(crop.image) if kind == "dense" else encode_png(crop.image),
        "mask": None if crop.mask is None else encode_png(crop.mask),
    }


def _crop(row: Mapping[str, Any]) -> Crop:
    x0, y0, x1, y1 = row["box"]
    points = row["landmarks"]
    mask = row["mask"]
    return Crop(
        frame=row["frame"],
        seconds=row["seconds"],
        image=_decode(row["image"], row["media_id"]),
        box=(x0, y0, x1, y1),
        landmarks=None if points is None else np.array(points, np.float32).reshape(5, 2),
        confidence=row["confidence"],
        face_pixels=row["face_pixels"],
        mask=None if mask is None else _decode(mask, row["media_id"], grey=True),
    )


def _tracks(found: Mapping[int, list[Crop]]) -> tuple[Track, ...]:
    return tuple(Track(number, tuple(crops)) for number, crops in sorted(found.items()))


def _to_pcm(samples: npt.NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples * np.float32(_PCM)), -_PCM, _PCM - 1).astype("<i2").tobytes()
