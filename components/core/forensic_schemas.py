"""Arrow schemas of the deepfake family: media, crops, detections and what is measured on them."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from components.core.schema_field import column as _field

PROVENANCE: Final = pa.struct(
    [
        _field("verdict", pa.string(), "synthetic, edited, captured or none: what the file declares"),
        _field(
            "standard",
            pa.string(),
            "c2pa, iptc, xmp, exif, png_text, container (tags of a video) or watermark; null where none",
        ),
        _field(
            "trusted",
            pa.bool_(),
            "true: a signature holds and its signer is trusted; false: it does not hold, or nobody knows the "
            "signer; null: there is none",
        ),
        _field("tool", pa.string(), "generator or device that the file names"),
        _field("detail", pa.string(), "what was found, in a sentence"),
    ]
)

_LABELS: Final = (
    _field("label", pa.int8(), "1 forged, 0 real, null where nobody says"),
    _field("method", pa.string(), "how it was forged, such as FaceSwap; null for a real one"),
    _field(
        "family",
        pa.string(),
        "swap, reenactment, talking_head, entire_synthesis, editing, or a kind of pseudo-fake; null for a "
        "real one",
    ),
    _field("dataset", pa.string(), "data set it belongs to", nullable=False),
    _field("split", pa.string(), "train, validation or test where the data set says; null elsewhere"),
    _field(
        "group",
        pa.string(),
        "person, else source video, as DATASET/NAME, else the file's SHA-256: what a split and a bootstrap "
        "keep whole",
        nullable=False,
    ),
    _field("source", pa.string(), "id or name of the real file a forgery was made from; null where unknown"),
    _field("attributes", pa.map_(pa.string(), pa.string()), "labels for slices: gender, age, compression"),
)

_MEDIA_COLUMNS: Final = (
    _field(
        "id", pa.string(), "SHA-256 (hex) of the file's bytes; of its recipe for a forgery", nullable=False
    ),
    _field("uri", pa.string(), "where the file lies; of the real one for a forgery", nullable=False),
    _field("kind", pa.string(), "image or video", nullable=False),
    _field("format", pa.string(), "image format, or container of a video", nullable=False),
    _field("size", pa.int64(), "bytes", nullable=False),
    _field("width", pa.int32(), "pixels, as displayed", nullable=False),
    _field("height", pa.int32(), "pixels, as displayed", nullable=False),
    _field("seconds", pa.float64(), "duration of a video; 0 for an image", nullable=False),
    _field("fps", pa.float64(), "mean frames a second; 0 for an image", nullable=False),
    _field("has_audio", pa.bool_(), "whether there is an audio track", nullable=False),
    *_LABELS,
    _field("provenance", PROVENANCE, "what the file says of its own origin"),
)

MEDIA_SOURCES: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the source: of its address", nullable=False),
        _field("uri", pa.string(), "where the file lies", nullable=False),
        _field("size", pa.int64(), "bytes", nullable=False),
        *_LABELS,
    ]
)

MEDIA: Final = pa.schema(_MEDIA_COLUMNS)

SAMPLES: Final = pa.schema(
    [
        *_MEDIA_COLUMNS,
        _field("planned", pa.int32(), "frames that were to be looked at", nullable=False),
        _field("decoded", pa.int32(), "of those, frames that could be decoded", nullable=False),
        _field("with_face", pa.int32(), "of those, frames with at least one face", nullable=False),
        _field("tracks", pa.int32(), "faces followed through the frames", nullable=False),
        _field("problem", pa.string(), "why there is less than planned: a reason of the family; null if not"),
        _field("audio", pa.binary(), "sound of the dense stretch: mono, 16-bit little-endian PCM"),
        _field("audio_rate", pa.int32(), "samples a second; null without sound"),
        _field("audio_start", pa.float64(), "seconds into the file at which that sound begins"),
    ]
)

CROPS: Final = pa.schema(
    [
        _field("media_id", pa.string(), "id of the sample", nullable=False),
        _field(
            "kind",
            pa.string(),
            "face, dense (a face of a run of consecutive frames) or patch",
            nullable=False,
        ),
        _field("track", pa.int32(), "number of the face followed; -1 for a patch", nullable=False),
        _field("frame", pa.int32(), "number of the frame in the file, from 0", nullable=False),
        _field("seconds", pa.float64(), "time of the frame", nullable=False),
        _field("box", pa.list_(pa.float32(), 4), "x0, y0, x1, y1 in pixels of the frame", nullable=False),
        _field(
            "landmarks",
            pa.list_(pa.float32(), 10),
            "five points (x, y) in pixels of the crop; null for a patch",
        ),
        _field("confidence", pa.float32(), "of the face detector, 0 to 1; 1 for a patch", nullable=False),
        _field("face_pixels", pa.float32(), "width of the face in the frame; 0 for a patch", nullable=False),
        _field("sharpness", pa.float32(), "variance of the Laplacian of the crop's luma", nullable=False),
        _field("dhash", pa.int64(), "64-bit difference hash of the crop", nullable=False),
        _field("image", pa.binary(), "the crop, RGB: PNG (face, patch) or JPEG (dense)", nullable=False),
        _field("mask", pa.binary(), "what was forged, as a grey PNG; null where it is real or not known"),
    ]
)

SPLITS: Final = pa.schema(
    [
        _field("media_id", pa.string(), "id of the sample", nullable=False),
        _field("split", pa.string(), "train, validation or test", nullable=False),
        _field(
            "cluster",
            pa.string(),
            "groups and near-duplicates that stay together: its least group",
            nullable=False,
        ),
        _field("moved_from", pa.string(), "split that the data set gave it, where another one was needed"),
    ]
)

FRAME_SCORE: Final = pa.struct(
    [
        _field("seconds", pa.float64(), "time of the frame", nullable=False),
        _field("track", pa.int32(), "number of the face; -1 for a patch or the whole", nullable=False),
        _field("score", pa.float32(), "log-odds that it is forged, before calibration", nullable=False),
    ]
)

DETECTIONS: Final = pa.schema(
    [
        _field("media_id", pa.string(), "id of the sample", nullable=False),
        _field("detector", pa.string(), "name of the detector", nullable=False),
        _field("fold", pa.string(), "method left out of its training; null for the model of all"),
        _field(
            "variant",
            pa.string(),
            "clean; a corruption and its level, such as jpeg@50; crops.NAME@LEVEL where crops were "
            "corrupted, not the frames they were cut from",
            nullable=False,
        ),
        _field("score", pa.float64(), "log-odds that it is forged, before calibration; null: it abstained"),
        _field("abstained", pa.string(), "why the detector gave no score"),
        _field("frames", pa.list_(FRAME_SCORE), "scores of single frames, where it has them", nullable=False),
        _field("milliseconds", pa.float64(), "time of the detector alone", nullable=False),
    ]
)

CALIBRATIONS: Final = pa.schema(
    [
        _field("detector", pa.string(), "name of the detector", nullable=False),
        _field("method", pa.string(), "platt, temperature, isotonic or none", nullable=False),
        _field("knots", pa.list_(pa.float64()), "scores at which the map is given, rising", nullable=False),
        _field(
            "values",
            pa.list_(pa.float64()),
            "probabilities there; linear between, constant beyond",
            nullable=False,
        ),
        _field(
            "threshold",
            pa.float64(),
            "probability that decides, chosen on the validation split",
            nullable=False,
        ),
        _field(
            "low",
            pa.float64(),
            "below it: likely real; between low and high the detector abstains",
            nullable=False,
        ),
        _field("high", pa.float64(), "above it: likely forged", nullable=False),
        _field("rows", pa.int64(), "validation samples behind it", nullable=False),
        _field("log_loss", pa.float64(), "on the validation split, after calibration, cross-fitted"),
        _field("ece", pa.float64(), "expected calibration error there, 10 equal-count bins, cross-fitted"),
    ]
)

BENCHMARK: Final = pa.schema(
    [
        _field(
            "detector",
            pa.string(),
            "name of the detector; file_facts: the check of confounding, what facts of the files alone tell",
            nullable=False,
        ),
        _field("dataset", pa.string(), "data set of the forged ones", nullable=False),
        _field(
            "family", pa.string(), "family of the forged ones; a figure never mixes families", nullable=False
        ),
        _field("method", pa.string(), "method of the forged ones; null: all methods of the family"),
        _field("slice", pa.string(), "attribute=value of a fairness slice; null: all"),
        _field(
            "protocol", pa.string(), "within, cross_dataset, leave_generator_out or untrained", nullable=False
        ),
        _field("variant", pa.string(), "clean, NAME@LEVEL or crops.NAME@LEVEL", nullable=False),
        _field("level", pa.string(), "frame or media: what is scored", nullable=False),
        _field(
            "metric",
            pa.string(),
            "auc, ap, eer, pauc, tpr_at_fpr_1 ...; auc_with_lost, coverage, undecided, milliseconds; against "
            "clean: auc_drop, tpr_drift, fpr_drift; against the reference detector: auc_minus_reference",
            nullable=False,
        ),
        _field("value", pa.float64(), "null where it is not defined (one class only)"),
        _field("low", pa.float64(), "lower end of the 95 % interval, bootstrap over groups"),
        _field("high", pa.float64(), "upper end"),
        _field("forged", pa.int64(), "forged ones behind it", nullable=False),
        _field("real", pa.int64(), "real ones behind it", nullable=False),
        _field("groups", pa.int64(), "groups behind it", nullable=False),
        _field(
            "lost",
            pa.int64(),
            "samples of the slice without a score: no face, abstained, undecodable once corrupted; not files "
            "that read_media or faces could not read",
            nullable=False,
        ),
        _field(
            "remark",
            pa.string(),
            "all that is wrong, joined by commas: chance_level, below_chance, too_few, source_confounded, "
            "other_reals, leak; null where nothing is",
        ),
    ]
)

SCREENINGS: Final = pa.schema(
    [
        _field("id", pa.string(), "SHA-256 (hex) of the image's bytes", nullable=False),
        _field(
            "verdict",
            pa.string(),
            "declared_synthetic, likely_forged, cannot_tell, likely_real or declared_captured",
            nullable=False,
        ),
        _field("why", pa.string(), "the verdict's reason, for a person", nullable=False),
        _field(
            "scores",
            pa.map_(pa.string(), pa.float64()),
            "synthetic_declared, forged_verdict, forged_probability: see `components.deepfake.screen_images`",
            nullable=False,
        ),
    ]
)

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "media_sources/1": MEDIA_SOURCES,
    "media/1": MEDIA,
    "samples/1": SAMPLES,
    "crops/1": CROPS,
    "splits/1": SPLITS,
    "detections/1": DETECTIONS,
    "calibrations/1": CALIBRATIONS,
    "benchmark/1": BENCHMARK,
    "screenings/1": SCREENINGS,
}
