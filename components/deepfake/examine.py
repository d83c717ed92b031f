"""From the bytes of an image or a video to what detectors look at, decoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from components.core.errors import BadRecord
from components.core.images import opened
from components.core.rgb_images import rgb_image
from components.deepfake.detectors.base import Need
from components.deepfake.faces.align import cut, moved, similarity, template
from components.deepfake.faces.detector import Face, find_faces
from components.deepfake.faces.tracker import Seen, colours, follow
from components.deepfake.faces_params import ExamineParams
from components.deepfake.patches import patch_boxes
from components.deepfake.provenance import read_provenance
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import (
    DENSE_SIDE,
    FACE_SIDE,
    Audio,
    Coverage,
    Crop,
    Pixels,
    Provenance,
    Sample,
    Track,
)
from components.deepfake.stills import checked_size, is_turned, of_this_family
from components.deepfake.video import Frame, probe, sample_frames

Corrupt = Callable[[Pixels], Pixels]

EVERYTHING: Final[frozenset[Need]] = frozenset({"provenance", "faces", "dense", "patches", "audio"})
_PCM: Final = 32768


def examine(
    data: bytes,
    kind: Literal["image", "video"],
    params: ExamineParams,
    *,
    needs: frozenset[Need] = EVERYTHING,
    provenance: Provenance | None = None,
    corrupt: Corrupt | None = None,
) -> Sample:
    """Decode a file and cut out what detectors look at. The same bytes give the same sample.

    Coordinates are pixels of the picture as displayed (EXIF orientation and rotation applied); of an
    animated image the first picture counts.

    Args:
        data: the whole file.
        kind: what it is; a file that is something else is refused, whatever its name says.
        needs: fields of the sample that are wanted; others are left empty and cost nothing. A still
            for its provenance alone is not decoded. Where `faces` are wanted and no evenly spread frame
            shows one, `dense` is empty too.
        provenance: what the file says of itself, where that has been read.
        corrupt: what is done to every frame before faces are looked for; it may change its size.

    Raises:
        BadRecord: with a `DeepfakeReason`: EMPTY_FILE, NOT_MEDIA, MEDIA_TOO_LARGE, UNDECODABLE,
            TRUNCATED, NO_FRAMES or UNSUPPORTED_KIND.
    """
    if not data:
        raise BadRecord(DeepfakeReason.EMPTY_FILE, "the file has no bytes")
    if provenance is None:
        provenance = read_provenance(data) if "provenance" in needs else Provenance()
    name = hashlib.sha256(data).hexdigest()
    if kind == "video":
        return _video(data, name, params, needs, provenance, corrupt)
    width, height = _still_size(data, params.max_pixels)
    if not needs & {"faces", "patches"}:
        return Sample(name, "image", width, height, provenance=provenance)
    return _image(data, name, params, needs, provenance, corrupt)


def _image(
    data: bytes,
    name: str,
    params: ExamineParams,
    needs: frozenset[Need],
    provenance: Provenance,
    corrupt: Corrupt | None,
) -> Sample:
    image = _still(data)
    height, width = image.shape[:2]
    looks = _Looks(params, width, height, corrupt)
    looks.at(
        Frame(0, 0.0, image), "face" if "faces" in needs else None,
        params.still_patches if "patches" in needs else 0,
    )  # fmt: skip
    faces, _ = looks.tracks()
    return Sample(
        name,
        "image",
        width,
        height,
        provenance=provenance,
        faces=faces,
        patches=tuple(looks.patches),
        coverage=looks.coverage(1, "faces" in needs, None),
    )


def _video(
    data: bytes,
    name: str,
    params: ExamineParams,
    needs: frozenset[Need],
    provenance: Provenance,
    corrupt: Corrupt | None,
) -> Sample:
    about = probe(data)
    sample = Sample(name, "video", about.width, about.height, about.seconds, about.fps, provenance=provenance)
    even = params.frames if needs & {"faces", "patches"} else 0
    dense = params.dense_seconds if needs & {"dense", "audio"} else 0.0
    if not even and not dense:
        return sample
    frames = sample_frames(data, even, dense, max_side=params.frame_side, dense_side=params.dense_frame_side)
    looks = _Looks(params, about.width, about.height, corrupt)
    looks.at_all(
        frames.even, "face" if "faces" in needs else None, params.frame_patches if "patches" in needs else 0
    )
    if "dense" in needs and (looks.with_face or "faces" not in needs):
        looks.at_all(frames.dense, "dense", 0)
    faces, followed = looks.tracks()
    return replace(
        sample,
        faces=faces,
        dense=followed,
        patches=tuple(looks.patches),
        audio=_pcm(frames.audio) if "audio" in needs else None,
        coverage=looks.coverage(frames.planned, "faces" in needs, frames.problem),
    )


@dataclass(slots=True)
class _Look:
    """What was seen of one frame."""

    kind: Literal["face", "dense"]
    seen: Seen
    crops: list[Crop]


@dataclass(slots=True)
class _Looks:
    """Looks at frames one after the other and keeps of them no more than what is cut out."""

    params: ExamineParams
    width: int
    height: int
    corrupt: Corrupt | None
    looks: list[_Look] = field(default_factory=list)
    patches: list[Crop] = field(default_factory=list)
    decoded: int = 0
    small: int = 0
    surplus: int = 0

    def at_all(self, frames: list[Frame], kind: Literal["face", "dense"] | None, patches: int) -> None:
        """Look at frames and empty the list, so that a picture is let go when it has been looked at."""
        frames.reverse()
        while frames:
            self.at(frames.pop(), kind, patches)

    def at(self, frame: Frame, kind: Literal["face", "dense"] | None, patches: int) -> None:
        """Look at one frame: for faces if `kind` says as what, and for so many patches."""
        shrunk = self.width / frame.image.shape[1]
        image = frame.image if self.corrupt is None else np.ascontiguousarray(self.corrupt(frame.image))
        stretch = np.array([self.width / image.shape[1], self.height / image.shape[0]], np.float64)
        if kind != "dense":
            self.decoded += 1
            for x0, y0, x1, y1 in patch_boxes(image, patches):
                box = _box(np.array([(x0, y0), (x1, y1)]) * stretch)
                patch = np.ascontiguousarray(image[y0:y1, x0:x1])
                self.patches.append(Crop(frame.index, frame.seconds, patch, box))
        if kind is None:
            return
        found = find_faces(image, self.params, self.params.min_face / shrunk)
        if kind == "face":
            self.small += found.small
            self.surplus += found.surplus
        side = FACE_SIDE if kind == "face" else DENSE_SIDE
        target = template(side, self.params.margin)
        faces, crops = [], []
        for face in found.faces:
            matrix = similarity(face.landmarks, target)
            box = _box(np.reshape(face.box, (2, 2)) * stretch)
            faces.append(Face(box, face.landmarks * stretch.astype(np.float32), face.confidence))
            crops.append(
                Crop(
                    frame.index,
                    frame.seconds,
                    cut(image, matrix, side),
                    box,
                    moved(face.landmarks, matrix),
                    float(np.float32(face.confidence)),
                    float(np.float32(face.width * shrunk)),
                )
            )
        self.looks.append(_Look(kind, Seen(frame.seconds, faces, colours(image)), crops))

    @property
    def with_face(self) -> int:
        """Evenly spread frames that show a face."""
        return sum(look.kind == "face" and bool(look.crops) for look in self.looks)

    def tracks(self) -> tuple[tuple[Track, ...], tuple[Track, ...]]:
        """Tracks over evenly spread frames and over dense ones; the same person has the same number."""
        looks = sorted(self.looks, key=lambda look: (look.seen.seconds, look.kind != "face"))
        even: list[Track] = []
        dense: list[Track] = []
        for number, sightings in enumerate(follow([look.seen for look in looks])):
            for kind, tracks in (("face", even), ("dense", dense)):
                crops = tuple(looks[s.frame].crops[s.face] for s in sightings if looks[s.frame].kind == kind)
                if crops:
                    tracks.append(Track(number, crops))
        return tuple(even), tuple(dense)

    def coverage(self, planned: int, wanted: bool, problem: str | None) -> Coverage:
        """How much could be seen; of several problems the one that costs most is named."""
        if wanted and self.decoded and not self.with_face:
            problem = DeepfakeReason.FACE_TOO_SMALL if self.small else DeepfakeReason.NO_FACE
        elif problem is None and self.surplus:
            problem = DeepfakeReason.TOO_MANY_FACES
        return Coverage(planned, self.decoded, self.with_face, None if problem is None else str(problem))


def _box(corners: Iterable[Iterable[float]]) -> tuple[float, float, float, float]:
    """As crops/1 stores it: 32-bit floats."""
    x0, y0, x1, y1 = np.asarray(corners, np.float32).ravel().tolist()
    return x0, y0, x1, y1


def _pcm(audio: Audio | None) -> Audio | None:
    """Sound in steps of 1/32768, as samples/1 stores it."""
    if audio is None:
        return None
    steps = np.clip(np.rint(audio.samples * _PCM), -_PCM, _PCM - 1)
    return replace(audio, samples=(steps / _PCM).astype(np.float32))


def _still_size(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height of a still as displayed, from its header.

    Raises:
        BadRecord: with a `DeepfakeReason`.
    """
    try:
        with opened(data) as picture:
            width, height = checked_size(picture, max_pixels)
            # asked for the EXIF data of a PNG that has none before its pixels, Pillow decodes it all
            has_exif = picture.format != "PNG" or "exif" in picture.info
            return (height, width) if has_exif and is_turned(picture) else (width, height)
    except BadRecord as bad:
        raise of_this_family(bad) from None


def _still(data: bytes) -> Pixels:
    try:
        return np.ascontiguousarray(np.asarray(rgb_image(data), np.uint8))
    except BadRecord as bad:
        raise of_this_family(bad) from None
