"""Which rows a step is made of, and how they are padded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")

from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.distill.batches import Batches, Order, Position
from components.distill.encode import RowEncoder, RowProblem
from components.distill.model import Student, assemble
from components.distill.rows import TrainingRows, from_folder
from components.distill.train_params import TrainParams
from tests.distill import scenes

pytestmark = pytest.mark.torch

PARAMS = TrainParams.model_validate(scenes.tiny())


@pytest.fixture(scope="module")
def student() -> Student:
    return assemble(PARAMS.student, [row["user"] + row["target"] for row in scenes.rows(50)], 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingRows:
    folder = tmp_path_factory.mktemp("data")
    return from_folder(scenes.write(folder, scenes.rows(70, text_only=5), shards=3))


def batches(rows: TrainingRows, student: Student, rank: int = 0, world: int = 1, **values: object) -> Batches:
    params = PARAMS.model_copy(update=values)
    return Batches(rows, RowEncoder(student, params.max_tokens), params, rank, world)


def contents(made: Batches, start: int, count: int) -> list[list[tuple[list[int], list[int]]]]:
    found = []
    for batch, _ in zip(made.from_step(start), range(count), strict=False):
        found.append([
            (tokens.tolist(), labels.tolist())
            for micro in batch.micro
            for tokens, labels in zip(micro.tokens, micro.labels, strict=True)
        ])  # fmt: skip
    return found


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    batch=st.integers(1, 16),
    buffer=st.integers(1, 4),
    seed=st.integers(0, 5),
    skip=st.integers(0, 60),
)
def test_order_is_a_function_of_the_step_and_every_row_is_in_every_epoch(
    rows: list[int], batch: int, buffer: int, seed: int, skip: int
) -> None:
    order = Order(rows, batch, buffer, seed)
    for epoch in (0, 1):
        windows = order.windows(epoch)
        assert sorted(shard for window in windows for shard in window) == list(range(len(rows)))
        for number, window in enumerate(windows):
            count = sum(rows[shard] for shard in window)
            lengths = np.arange(1, count + 1) % 7 + 1
            made = order.arrange(Position(epoch, number, 0), lengths, np.arange(count), 4)
            assert made.shape == (order.batches(window), batch)
            seen = Counter(made.flatten().tolist())
            assert set(seen) == set(range(count))
            assert max(seen.values()) - min(seen.values()) <= 1
    whole, late = order.walk(0), order.walk(skip)
    for _ in range(skip):
        next(whole)
    assert [next(whole) for _ in range(10)] == [next(late) for _ in range(10)]
    assert order.steps(2) == sum(order.batches(w) for e in (0, 1) for w in order.windows(e))


def test_batches_do_not_depend_on_where_one_starts(data: TrainingRows, student: Student) -> None:
    whole = contents(batches(data, student, buffer_shards=2), 0, 14)
    assert contents(batches(data, student, buffer_shards=2), 9, 5) == whole[9:]
    assert contents(batches(data, student, buffer_shards=2, decode_threads=2), 3, 11) == whole[3:]
    assert contents(batches(data, student, buffer_shards=2, cache_mib=0), 0, 14) == whole
    assert contents(batches(data, student, buffer_shards=2, seed=1), 0, 14) != whole


def test_devices_share_a_batch_without_overlap(data: TrainingRows, student: Student) -> None:
    def rows_of(batch: list[tuple[list[int], list[int]]]) -> list[tuple[int, ...]]:
        return sorted(tuple(token for token in labels if token != -100) for _, labels in batch)

    whole = contents(batches(data, student), 0, 6)
    shares = [contents(batches(data, student, rank, 4), 0, 6) for rank in range(4)]
    for step in range(6):
        assert [len(share[step]) for share in shares] == [4] * 4
        assert rows_of([row for share in shares for row in share[step]]) == rows_of(whole[step])
    with pytest.raises(ConfigurationError, match="16 can't be split over 3 devices"):
        batches(data, student, 0, 3)


def test_labels_are_the_target_and_the_end_token_only(data: TrainingRows, student: Student) -> None:
    wanted = {row["target"] for row in scenes.rows(70, text_only=5)}
    batch = next(batches(data, student).from_step(0))
    targets = learnt = 0
    for micro in batch.micro:
        assert (micro.tokens.shape[1] % 8, micro.tokens.shape) == (0, micro.labels.shape)
        images = 0
        for tokens, labels in zip(micro.tokens.tolist(), micro.labels.tolist(), strict=True):
            *target, end = [label for label in labels if label != -100]
            assert student.tokenizer.decode(target) in wanted
            assert student.tokenizer.convert_ids_to_tokens(end) == "<|im_end|>"
            at = labels.index(target[0])
            assert tokens[at + 1 : at + 1 + len(target)] == target  # a label is the token that follows
            count = tokens.count(student.model.config.image_token_id)
            assert count in (0, student.image_tokens)
            images += count > 0
            learnt += len(target) + 1
        targets += images
        assert (0 if micro.pixels is None else len(micro.pixels)) == images
    assert (batch.images, batch.target_tokens) == (targets, learnt)


def test_rows_of_like_length_are_together(student: Student, tmp_path: Path) -> None:
    given = scenes.rows(160)
    for number, row in enumerate(given):
        row["target"] = "A red square. " * (1 + number % 8)
    rows = from_folder(scenes.write(tmp_path, given))

    def padded(bucket: int) -> float:
        made = batches(rows, student, bucket_batches=bucket, micro_batch=16, max_tokens=256)
        some = [batch for batch, _ in zip(made.from_step(0), range(10), strict=False)]
        return sum(m.tokens.numel() for b in some for m in b.micro) / sum(b.real_tokens for b in some)

    assert padded(10) < 1.15 < padded(1)


def test_unusable_rows_are_left_out_and_counted(student: Student, tmp_path: Path) -> None:
    given = scenes.rows(64)
    given[3]["target"] = "A red square. " * 60
    given[5]["user"] = "Alt text: <image>"
    given[7]["target"] = ""
    given[9]["image"] = b"no image"
    rows = from_folder(scenes.write(tmp_path, given))
    made = batches(rows, student)
    seen = contents(made, 0, 4)
    assert made.skipped == {
        "image_unreadable": 1, "no_target": 1, "special_token_in_text": 1, "too_long": 1,
    }  # fmt: skip
    # the row whose image turned out unreadable is there, but nothing is learnt from it
    silent = [labels for batch in seen for _, labels in batch if set(labels) == {-100}]
    assert len(silent) >= 1
    assert {tuple(problem) for problem in made.noted()} >= {(0, 3, str(RowProblem.TOO_LONG))}
    again = batches(rows, student)
    again.remember(made.noted())
    assert again.skipped == made.skipped


def test_too_many_unusable_rows_stop_the_training(student: Student, tmp_path: Path) -> None:
    given = scenes.rows(40)
    for row in given[:10]:
        row["target"] = ""
    rows = from_folder(scenes.write(tmp_path / "texts", given))
    with pytest.raises(ConfigurationError, match=r"25% of 40 training rows can't be used .*no_target"):
        next(batches(rows, student).from_step(0))
    assert len(next(batches(rows, student, max_unusable_share=0.3).from_step(0)).lengths) == 16
    images = scenes.rows(128)
    for row in images[::4]:
        row["image"] = b"\x89PNG"
    rows = from_folder(scenes.write(tmp_path / "images", images))
    with pytest.raises(
        ConfigurationError, match=r"training images can't be decoded, the last in row \d+ of 00000"
    ):
        contents(batches(rows, student), 0, 8)


def test_pixels_are_those_of_the_processor(student: Student) -> None:
    import io

    import torch
    from PIL import Image

    data = scenes.picture("red", "circle", side=50)
    encoder = RowEncoder(student, 128)
    pixels = encoder.pixels(data)
    assert pixels is not None
    assert (pixels.shape, pixels.dtype) == ((3, 32, 32), np.uint8)
    ours = encoder.normalize(torch.from_numpy(pixels)[None])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    theirs = student.processor.image_processor(images=image, return_tensors="pt")["pixel_values"]
    assert torch.equal(ours, theirs) or float((ours - theirs).abs().max()) < 1e-6


def test_shards_without_the_columns_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(ConfigurationError, match="has no training rows"):
        from_folder(tmp_path)
    pq.write_table(pa.table({"user": ["a"], "target": ["b"]}), tmp_path / "0.parquet")
    rows = from_folder(tmp_path)
    with pytest.raises(ConfigurationError, match=r"0\.parquet of .* has no column image, system"):
        rows.read(0)
