"""Parameters of what is cut out of an image or a video for the detectors to look at."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExamineParams(BaseModel):
    """How a file is looked at: which frames, which faces, how they are cut out."""

    model_config = ConfigDict(extra="forbid")

    frames: int = Field(
        default=16,
        ge=1,
        le=512,
        description="Frames of a video spread evenly over it (SBI and DeepfakeBench take 32 for tests).",
    )
    dense_seconds: float = Field(
        default=8.0,
        ge=0,
        le=60,
        description=(
            "Seconds of the run of consecutive frames that temporal, physiological and audio-visual "
            "detectors look at. 0: none."
        ),
    )
    frame_side: int = Field(
        default=3840,
        ge=256,
        le=8192,
        description=(
            "Longest side in pixels of evenly spread frames of a video; larger ones are scaled down, and "
            "their patches are then not at their own resolution. Bounds the memory: 16 frames of 4K are "
            "400 MB."
        ),
    )
    dense_frame_side: int = Field(
        default=1280,
        ge=256,
        le=4096,
        description="The same of the run of consecutive frames: 120 frames of 720p are 330 MB.",
    )
    max_pixels: int = Field(
        default=64_000_000,
        ge=10_000,
        le=100_000_000,
        description="Pixels above which a still image is refused (media_too_large). 10,000 x 10,000 is.",
    )
    detect_side: int = Field(
        default=640,
        ge=160,
        le=2048,
        description=(
            "Pixels of the longer side at which faces are looked for; larger pictures are shrunk to it. "
            "Where nothing is found, the picture is looked at twice as large, then half as large."
        ),
    )
    min_confidence: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="Least confidence of the face detector (YuNet).",
    )
    min_face: int = Field(
        default=40,
        ge=8,
        le=1024,
        description="Least width of a face in pixels of the frame; smaller ones are counted, not scored.",
    )
    max_faces: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Most faces of a frame; the largest are kept and the sample says too_many_faces.",
    )
    margin: float = Field(
        default=1.3,
        ge=1.0,
        le=3.0,
        description=(
            "Side of an aligned crop over that of the tight five-point template (ArcFace's; 1.3 is "
            "DeepfakeBench's)."
        ),
    )
    still_patches: int = Field(
        default=4,
        ge=0,
        le=64,
        description="Patches of a still at its own resolution: the middle, then where there is most texture.",
    )
    frame_patches: int = Field(
        default=1, ge=0, le=16, description="The same of every evenly spread frame of a video."
    )


class ExtractFacesParams(ExamineParams):
    """The `faces` step: how files are looked at, and the limits of the process that decodes them."""

    max_bytes: int = Field(
        default=1 << 30,
        ge=1 << 10,
        le=1 << 31,
        description="Largest file in bytes that is read (media_too_large beyond it).",
    )
    examine_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds that decoding one file and finding its faces may take (timeout beyond them).",
    )
    memory_bytes: int = Field(
        default=4 << 30,
        ge=1 << 28,
        description=(
            "Memory in bytes that decoding a file may take beside the file itself (out_of_memory beyond it)."
        ),
    )
