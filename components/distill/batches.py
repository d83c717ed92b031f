"""Which rows a step is made of, and the batches themselves.

The order is a function of (seed, epoch, position in the epoch) and of how many rows each shard has:
nothing that happened before decides it, so that a resumed training goes on exactly where it stopped, and
any number of devices sees the same batches.

An epoch takes the shards in a random order, `buffer_shards` at a time (a window). Rows of a window are
shuffled, sorted by length within `bucket_batches` batches, cut into batches, and the batches shuffled. A
window's last batch is filled up with rows of the same window: every usable row is seen, a few twice.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from components.core.errors import ConfigurationError
from components.distill.encode import Row, RowEncoder, RowProblem
from components.distill.rows import TrainingRows
from components.distill.train_params import TrainParams

_AHEAD: Final = 3
"""Batches that threads decode ahead."""
_PAD_TO: Final = 8
"""Lengths are rounded up to a multiple of this: kernels of matrix products like it."""
_ENOUGH: Final = 100
"""Images from which on a share of unreadable ones is judged."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a step is in the data: both counted from 0."""

    epoch: int
    window: int
    batch: int


class Order:
    """The order of windows and batches.

    Args:
        rows: rows of every shard.
        batch: rows of a batch.
        buffer_shards: shards of a window.
        seed: decides every shuffle.
    """

    def __init__(self, rows: Sequence[int], batch: int, buffer_shards: int, seed: int) -> None:
        self.rows, self.batch, self.buffer, self.seed = tuple(rows), batch, buffer_shards, seed

    def windows(self, epoch: int) -> list[tuple[int, ...]]:
        """The shards of every window of an epoch."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows)).tolist()
        return [tuple(order[at : at + self.buffer]) for at in range(0, len(order), self.buffer)]

    def batches(self, window: Sequence[int]) -> int:
        """Batches of a window."""
        return -(-sum(self.rows[shard] for shard in window) // self.batch)

    def steps(self, epochs: float) -> int:
        """Batches of so many epochs, at least one."""
        whole = sum(self.batches(w) for epoch in range(int(epochs)) for w in self.windows(epoch))
        part = epochs - int(epochs)
        rest = sum(self.batches(w) for w in self.windows(int(epochs))) if part else 0
        return max(1, whole + round(part * rest))

    def walk(self, step: int) -> Iterator[tuple[Position, tuple[int, ...]]]:
        """Position and window of step `step`, counted from 0, and of all after it, without end."""
        epoch = passed = 0
        while True:
            for number, window in enumerate(self.windows(epoch)):
                count = self.batches(window)
                for batch in range(max(0, step - passed), count):
                    yield Position(epoch, number, batch), window
                passed += count
            epoch += 1

    def arrange(
        self, position: Position, lengths: npt.NDArray[np.int64], usable: npt.NDArray[np.int64], bucket: int
    ) -> npt.NDArray[np.int64]:
        """All batches of a window: numbers of its rows, shape (batches, rows of a batch).

        Args:
            position: of any batch of the window.
            lengths: tokens of each row of the window, 0 where it is not usable.
            usable: numbers of the usable rows.
            bucket: batches whose rows are sorted by length together.
        """
        random = np.random.default_rng([self.seed, position.epoch, position.window])
        count = -(-len(lengths) // self.batch)
        order = np.resize(random.permutation(usable), count * self.batch)
        pool = bucket * self.batch
        if bucket > 1:
            for at in range(0, len(order), pool):
                part = order[at : at + pool]
                order[at : at + pool] = part[np.argsort(lengths[part], kind="stable")]
        return order.reshape(count, self.batch)[random.permutation(count)]


@dataclass(slots=True)
class MicroBatch:
    """Rows that a device works on at a time, padded at the right.

    Attributes:
        tokens: (rows, length), int64.
        labels: the token that follows, -100 where there is no loss; (rows, length), int64.
        pixels: (images, 3, size, size), uint8; None where no row has an image.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    pixels: torch.Tensor | None


@dataclass(slots=True)
class Batch:
    """What one device does in one step.

    Attributes:
        position: where it is in the data.
        micro: its micro-batches.
        target_tokens: tokens with a loss in the whole batch, over all devices.
        real_tokens: tokens that are not padding in the whole batch, over all devices.
        lengths: tokens of each row of the whole batch.
        images: images in the whole batch, over all devices.
    """

    position: Position
    micro: list[MicroBatch]
    target_tokens: int
    real_tokens: int
    lengths: npt.NDArray[np.int64]
    images: int


@dataclass(slots=True)
class _Window:
    rows: list[Row | RowProblem]
    places: list[tuple[int, int]]
    batches: npt.NDArray[np.int64]


class Batches:
    """Reads, encodes and batches rows for one device out of `world`.

    Args:
        rows: the dataset.
        encoder: of the student.
        params: batch, micro_batch, buffer_shards, bucket_batches, cache_mib, decode_threads, seed.
        rank, world: which device, of how many.
    """

    def __init__(
        self, rows: TrainingRows, encoder: RowEncoder, params: TrainParams, rank: int = 0, world: int = 1
    ) -> None:
        if params.batch % world:
            raise ConfigurationError(f"train.batch {params.batch} can't be split over {world} devices alike.")
        self.micro_rows = min(params.micro_batch, params.batch // world)
        self.rows, self.encoder, self.params, self.rank, self.world = rows, encoder, params, rank, world
        self.order = Order([s.rows for s in rows.shards], params.batch, params.buffer_shards, params.seed)
        self.problems: dict[tuple[int, int], RowProblem] = {}
        self._shards: OrderedDict[int, tuple[list[Row | RowProblem], pa.Array]] = OrderedDict()
        self._pixels: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}
        self._cached = self._decoded = 0
        self._window: tuple[int, int, _Window] | None = None

    @property
    def skipped(self) -> dict[str, int]:
        """Rows met so far that can't be trained on, by reason."""
        return {str(reason): count for reason, count in sorted(Counter(self.problems.values()).items())}

    def noted(self) -> list[tuple[int, int, str]]:
        """Rows that can't be trained on: shard, row, reason."""
        return [(shard, row, str(problem)) for (shard, row), problem in self.problems.items()]

    def remember(self, noted: Sequence[Sequence[Any]]) -> None:
        """Take over what another process, or this training before it stopped, has noted."""
        self.problems.update({(shard, row): RowProblem(problem) for shard, row, problem in noted})

    def steps(self) -> int:
        """Steps of the whole training."""
        return self.params.steps or self.order.steps(self.params.epochs)

    def from_step(self, step: int) -> Iterator[Batch]:
        """The batches of step `step` (counted from 0) and of those after it, without end."""
        if not self.params.decode_threads:
            for position, window in self.order.walk(step):
                yield self._batch(position, self._opened(position, window), None)
            return
        pool = ThreadPoolExecutor(self.params.decode_threads)
        head = ThreadPoolExecutor(1)  # one reader: windows are opened in order
        waiting: deque[Future[Batch]] = deque()
        walk = self.order.walk(step)

        def following() -> Future[Batch]:
            position, window = next(walk)
            return head.submit(lambda: self._batch(position, self._opened(position, window), pool))

        try:
            waiting.extend(following() for _ in range(_AHEAD))
            while True:
                batch = waiting.popleft().result()
                waiting.append(following())
                yield batch
        finally:
            head.shutdown(cancel_futures=True)
            pool.shutdown(cancel_futures=True)

    def _shard(self, number: int) -> tuple[list[Row | RowProblem], pa.Array]:
        if number not in self._shards:
            while len(self._shards) >= self.params.buffer_shards:
                self._shards.popitem(last=False)
            table = self.rows.read(number)
            rows = self.encoder.rows(table)
            images = table.column("image").combine_chunks()
            self.problems.update(
                ((number, row), problem)
                for row, problem in enumerate(rows)
                if isinstance(problem, RowProblem)
            )
            self._shards[number] = rows, images
        self._shards.move_to_end(number)
        return self._shards[number]

    def _opened(self, position: Position, window: Sequence[int]) -> _Window:
        """The window with its batches; kept until another one is asked for."""
        if self._window is None or self._window[:2] != (position.epoch, position.window):
            self._window = None
            rows: list[Row | RowProblem] = []
            places: list[tuple[int, int]] = []
            for number in window:
                found, _ = self._shard(number)
                rows.extend(found)
                places.extend((number, row) for row in range(len(found)))
            lengths = np.array([len(row.tokens) if isinstance(row, Row) else 0 for row in rows], np.int64)
            usable = np.flatnonzero(lengths)
            share = 1 - len(usable) / len(rows)
            if not len(usable) or share > self.params.max_unusable_share:
                counts = Counter(str(row) for row in rows if isinstance(row, RowProblem))
                raise ConfigurationError(
                    f"{share:.0%} of {len(rows)} training rows can't be used ({dict(counts)}), more than "
                    f"train.max_unusable_share {self.params.max_unusable_share}: mend the rows, or raise it "
                    f"(or train.max_tokens, {self.params.max_tokens})."
                )
            batches = self.order.arrange(position, lengths, usable, self.params.bucket_batches)
            self._window = position.epoch, position.window, _Window(rows, places, batches)
        return self._window[2]

    def _batch(self, position: Position, window: _Window, pool: ThreadPoolExecutor | None) -> Batch:
        numbers = window.batches[position.batch]
        rows = [window.rows[number] for number in numbers]
        assert all(isinstance(row, Row) for row in rows)
        whole: list[Row] = rows  # type: ignore[assignment]
        mine = range(self.rank, len(whole), self.world)
        images = [whole[at].image for at in range(len(whole))]
        pictures = self._pictures([window.places[numbers[at]] for at in mine if images[at]], pool)
        micro, taken = [], 0
        for start in range(0, len(mine), self.micro_rows):
            part = [whole[at] for at in mine[start : start + self.micro_rows]]
            count = sum(row.image for row in part)
            micro.append(self._pad(part, pictures[taken : taken + count]))
            taken += count
        lengths = np.array([len(row.tokens) for row in whole], np.int64)
        return Batch(
            position=position,
            micro=micro,
            target_tokens=sum(len(row.tokens) - row.prompt for row in whole),
            real_tokens=int(lengths.sum()),
            lengths=lengths,
            images=sum(images),
        )

    def _pictures(
        self, places: Sequence[tuple[int, int]], pool: ThreadPoolExecutor | None
    ) -> list[npt.NDArray[np.uint8] | None]:
        """Pixels of rows (shard, row); None for an image that can't be decoded, which is noted."""
        missing = sorted({place for place in places if place not in self._pixels})
        encoded = [self._shards[shard][1][row].as_buffer() for shard, row in missing]
        decoded = (pool.map if pool else map)(self.encoder.pixels, encoded)
        fresh = dict(zip(missing, decoded, strict=True))
        self._decoded += len(fresh)
        for place, pixels in fresh.items():
            if pixels is None:
                self._unreadable(place)
            elif self._cached + pixels.nbytes <= self.params.cache_mib << 20:
                self._cached += pixels.nbytes
                self._pixels[place] = pixels
        return [fresh[place] if place in fresh else self._pixels[place] for place in places]

    def _unreadable(self, place: tuple[int, int]) -> None:
        self.problems[place] = RowProblem.IMAGE_UNREADABLE
        count = sum(problem is RowProblem.IMAGE_UNREADABLE for problem in self.problems.values())
        if self._decoded >= _ENOUGH and count > self.params.max_unusable_share * self._decoded:
            raise ConfigurationError(
                f"{count} of {self._decoded} training images can't be decoded, the last in row {place[1]} of "
                f"{self.rows.shards[place[0]].path}: mend them, or raise train.max_unusable_share."
            )

    def _pad(self, rows: Sequence[Row], pictures: Sequence[npt.NDArray[np.uint8] | None]) -> MicroBatch:
        """Rows and the pixels of those with an image. One whose image is unreadable gets no loss."""
        # the last token has nothing after it to be learnt, so it is not read
        longest = max(len(row.tokens) - 1 for row in rows)
        width = -(-longest // _PAD_TO) * _PAD_TO
        tokens = torch.full((len(rows), width), self.encoder.pad, dtype=torch.int64)
        labels = torch.full((len(rows), width), -100, dtype=torch.int64)
        blank = np.zeros((3, self.encoder.image_size, self.encoder.image_size), np.uint8)
        waiting = iter(pictures)
        for number, row in enumerate(rows):
            ids = torch.from_numpy(row.tokens.astype(np.int64))
            tokens[number, : len(ids) - 1] = ids[:-1]
            if not row.image or next(waiting) is not None:
                labels[number, row.prompt - 1 : len(ids) - 1] = ids[row.prompt :]
        stacked = [blank if pixels is None else pixels for pixels in pictures]
        return MicroBatch(tokens, labels, torch.from_numpy(np.stack(stacked)) if stacked else None)
