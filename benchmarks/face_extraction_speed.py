"""Speed of turning videos into aligned faces, beside DeepfakeBench-style preprocessing.

    python benchmarks/face_extraction_speed.py --videos FOLDER [--frames 32] [--rounds 5]
    pip install dlib-bin      # optional: its own detector too, for one round

Ours is `components.deepfake.examine` as the step `faces` calls it: frames spread by time, decoded in one
pass that skips what it can, faces found, followed and aligned. The peer is written from the published
description of DeepfakeBench's preprocessing: OpenCV decodes every frame and keeps those at
`linspace(0, n - 1, frames)`, the largest face is aligned to the same template with scale 1.3 at 256 pixels,
and faces are looked for once more in the crop; a frame without one there is lost. Both find faces with YuNet
at the same working size (the original's dlib is slower: last line), on one thread of OpenCV each, and neither
encodes its crops.

Every contender runs in a child process of its own in every round, alternating; CPU-seconds are those of all
threads of that process, after its modules are loaded and its model has been run once. `all faces` is what
the step does; `frames only` leaves out all but decoding; `2 s dense` adds the run of consecutive frames.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = frozenset({".mp4", ".mpg", ".mov", ".avi", ".mkv", ".webm"})


@dataclass(frozen=True)
class Done:
    """What one contender did in one round: frames wanted, frames that gave a face, seconds."""

    planned: int
    with_face: int
    cpu_s: float
    wall_s: float


def ours(dense_seconds: float) -> Callable[[Path, int], tuple[int, int]]:
    from components.deepfake.examine import examine
    from components.deepfake.faces_params import ExamineParams

    def run(path: Path, frames: int) -> tuple[int, int]:
        params = ExamineParams(frames=frames, dense_seconds=dense_seconds)
        needs = frozenset({"faces", "dense"} if dense_seconds else {"faces"})
        sample = examine(path.read_bytes(), "video", params, needs=needs)  # type: ignore[arg-type]
        return sample.coverage.planned, sample.coverage.with_face

    return run


def ours_frames_only() -> Callable[[Path, int], tuple[int, int]]:
    from components.deepfake.video import sample_frames

    def run(path: Path, frames: int) -> tuple[int, int]:
        found = sample_frames(path.read_bytes(), frames)
        return found.planned, len(found.even)

    return run


def every_frame(path: Path, frames: int) -> list[Any]:
    """OpenCV decodes all; those at linspace(0, n - 1, frames) are kept, in RGB."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    number = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = set(np.linspace(0, number - 1, min(frames, number), dtype=int).tolist())
    kept = []
    for index in range(number):
        is_there, frame = capture.read()
        if not is_there:
            break
        if index in wanted:
            kept.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return kept


def peer_frames_only() -> Callable[[Path, int], tuple[int, int]]:
    def run(path: Path, frames: int) -> tuple[int, int]:
        return frames, len(every_frame(path, frames))

    return run


def peer() -> Callable[[Path, int], tuple[int, int]]:
    import cv2

    from components.deepfake.faces.align import similarity, template
    from components.deepfake.faces.detector import find_faces
    from components.deepfake.faces_params import ExamineParams

    params = ExamineParams()
    target = template(256, 1.3)

    def run(path: Path, frames: int) -> tuple[int, int]:
        with_face = 0
        for frame in every_frame(path, frames):
            found = find_faces(frame, params).faces
            if not found:
                continue
            matrix = similarity(found[0].landmarks, target)
            crop = cv2.warpAffine(frame, matrix, (256, 256))
            with_face += bool(find_faces(np.asarray(crop, np.uint8), params).faces)
        return frames, with_face

    return run


def peer_dlib() -> Callable[[Path, int], tuple[int, int]]:
    import cv2
    import dlib  # type: ignore[import-not-found]

    detector = dlib.get_frontal_face_detector()

    def run(path: Path, frames: int) -> tuple[int, int]:
        with_face = 0
        for frame in every_frame(path, frames):
            boxes = detector(frame, 1)
            if not boxes:
                continue
            largest = max(boxes, key=lambda box: box.area())
            side = int(1.3 * max(largest.width(), largest.height()))
            middle = (largest.center().x, largest.center().y)
            crop = cv2.resize(cv2.getRectSubPix(frame, (side, side), middle), (256, 256))
            with_face += bool(len(detector(crop, 1)))
        return frames, with_face

    return run


CONTENDERS: dict[str, Callable[[], Callable[[Path, int], tuple[int, int]]]] = {
    "ours, all faces": lambda: ours(0.0),
    "DeepfakeBench-style, YuNet": peer,
    "ours, frames only": ours_frames_only,
    "OpenCV, every frame, frames only": peer_frames_only,
    "ours, all faces and 2 s dense": lambda: ours(2.0),
}


def _child(name: str, paths: list[Path], frames: int, answer: Connection) -> None:
    import cv2

    cv2.setNumThreads(1)
    make = peer_dlib if name == "dlib" else CONTENDERS[name]
    run = make()
    run(paths[0], 1)  # the model is loaded
    cpu, wall = time.process_time(), time.perf_counter()
    planned = with_face = 0
    for path in paths:
        wanted, found = run(path, frames)
        planned += wanted
        with_face += found
    answer.send(Done(planned, with_face, time.process_time() - cpu, time.perf_counter() - wall))


def timed(name: str, paths: list[Path], frames: int) -> Done:
    """One contender over all videos, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(name, paths, frames, there))
    process.start()
    there.close()
    done: Done = here.recv()
    process.join()
    return done


def show(name: str, rounds: list[Done]) -> None:
    cpu, wall = (statistics.median(getattr(r, field) for r in rounds) for field in ("cpu_s", "wall_s"))
    last = rounds[-1]
    print(
        f"{name:34} {last.planned:6} {last.with_face:6} {cpu:8.2f} {wall:8.2f} {last.planned / cpu:9.1f} "
        f"{last.planned / wall:9.1f}"
    )


def ratio(results: dict[str, list[Done]], name: str, other: str) -> None:
    ratios = [b.cpu_s / a.cpu_s for a, b in zip(results[name], results[other], strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"{name} / {other}: {statistics.median(ratios):.2f} times the rate ({spread}), CPU-seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    paths = [path for path in sorted(options.videos.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise SystemExit(f"no videos in {options.videos}")
    results: dict[str, list[Done]] = {name: [] for name in CONTENDERS}
    for _ in range(options.rounds):
        for name in CONTENDERS:
            results[name].append(timed(name, paths, options.frames))
    print(f"{len(paths)} videos, {options.frames} frames of each, medians of {options.rounds} rounds")
    print(f"{'':34} {'frames':>6} {'found':>6} {'CPU s':>8} {'wall s':>8} {'per CPU-s':>9} {'per s':>9}")
    for name, rounds in results.items():
        show(name, rounds)
    try:
        import dlib  # noqa: F401
    except ImportError:
        print("dlib is not installed: the original's detector was not run")
    else:
        show("DeepfakeBench-style, dlib HOG", [timed("dlib", paths, options.frames)])
    ratio(results, "ours, all faces", "DeepfakeBench-style, YuNet")
    ratio(results, "ours, frames only", "OpenCV, every frame, frames only")


if __name__ == "__main__":
    main()
