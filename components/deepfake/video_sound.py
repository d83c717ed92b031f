"""The sound of a stretch of a video: mono, 16,000 samples a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from components.deepfake.sample import Audio

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.packet import Packet

RATE: Final = 16_000
"""Samples a second: what models of speech take."""
_LEAD_S: Final = 0.25
"""Sound decoded before the stretch: a decoder's first frames lack what they overlap with."""
_GAP_S: Final = 0.02
"""Difference between where sound should go on and where it does, from which it is a gap: less is rounding."""


class SoundStretch:
    """Collects the sound from `start` to `stop`, in seconds of the container's clock.

    Args:
        origin: the moment of the first frame, which `Audio.start` is relative to.
    """

    def __init__(self, origin: float, start: float, stop: float) -> None:
        self._origin, self._start, self._stop = origin, start, stop
        self._samples = np.zeros(max(1, round((stop - start) * RATE)), dtype=np.float32)
        self._heard = False
        self._next: float | None = None
        self._write_at = 0
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> AudioResampler:
        from av.audio.resampler import AudioResampler

        return AudioResampler(format="flt", layout="mono", rate=RATE)

    def feed(self, packet: Packet[Any]) -> None:
        """Take a packet of the stream; those of other times are passed over, damaged ones are silence."""
        import av

        if packet.pts is None or packet.time_base is None or packet.size == 0:
            return
        begins = float(packet.pts * packet.time_base)
        ends = begins + float((packet.duration or 0) * packet.time_base)
        if ends < self._start - _LEAD_S or begins > self._stop:
            return
        try:
            frames = cast("list[AudioFrame]", packet.decode())
        except (av.FFmpegError, ValueError):
            return
        for frame in frames:
            self._place(frame)

    def _place(self, frame: AudioFrame) -> None:
        if frame.time is None or not frame.sample_rate:
            return
        if self._next is None or abs(frame.time - self._next) > _GAP_S:
            self._write(self._resampler.resample(None) if self._next is not None else [])
            self._resampler = self._new_resampler()
            self._write_at = round((frame.time - self._start) * RATE)
        self._next = frame.time + frame.samples / frame.sample_rate
        frame.pts = None  # the resampler would fill gaps by its own rules
        self._write(self._resampler.resample(frame))

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            values = frame.to_ndarray().reshape(-1)
            begin, end = max(0, self._write_at), min(len(self._samples), self._write_at + len(values))
            if begin < end:
                self._samples[begin:end] = values[begin - self._write_at : end - self._write_at]
                self._heard = True
            self._write_at += len(values)

    def audio(self) -> Audio | None:
        """The sound, silence where the file has none; None where it has none at all in the stretch."""
        if self._next is not None:
            self._write(self._resampler.resample(None))
        if not self._heard:
            return None
        samples = np.nan_to_num(np.clip(self._samples, -1.0, 1.0))
        return Audio(samples.astype(np.float32), RATE, self._start - self._origin)
