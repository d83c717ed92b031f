"""The configuration of `kale` and `full`: presets, shared engines, inputs and paths of a config file."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from components.core.task import spelled
from components.distill.train_params import TrainParams, preset
from pipelines.config import FullConfig, KaleConfig, load_config, presets, read_config, read_file


def kale(*settings: str, file: Path | None = None, name: str | None = None) -> KaleConfig:
    config = load_config("kale", file, settings, name)
    assert isinstance(config, KaleConfig)
    return config


def test_the_presets_of_kale_say_what_they_are() -> None:
    assert set(presets("kale")) == {"kale", "modern"}
    assert all(": " in said for said in presets("kale").values())
    assert presets("full") == presets("mint")


def test_the_paper_has_no_truth_layer_and_merges_everything() -> None:
    config = kale("teacher=a/teacher", name="kale")
    assert config.caption.verify.policy == "flag"
    assert config.caption.augment.min_alignment.of(config.caption.align.chosen) == 0
    assert config.caption.augment.artefact_keywords == ["real-world", "sentence structure"]
    assert config.distill.train.student.image_size == 490
    assert config.caption.fuser is not None
    assert config.caption.fuser.model == "mistralai/Mistral-7B-Instruct-v0.2"


def test_the_short_name_of_the_teacher() -> None:
    assert kale("teacher=a/b").caption.teacher.model == "a/b"
    assert kale("teacher=a/b", name="modern").caption.teacher.max_side == 1024


def test_an_engine_of_one_step_is_refused_where_all_share_one() -> None:
    with pytest.raises(ConfigurationError, match=r"dense\.teacher: engines are shared .* caption\.teacher"):
        kale("caption.dense.teacher.model=a/b")


def test_a_preset_of_the_trainer_lies_under_what_is_set() -> None:
    assert kale().distill.train == TrainParams.model_validate(preset("modern-2b"))
    assert (
        kale("distill.train.steps=5").distill.train.student.vision == preset("modern-2b")["student"]["vision"]
    )
    tiny = kale("distill.train.preset=tiny", "distill.train.steps=5").distill.train
    assert tiny == TrainParams.model_validate({**preset("tiny"), "steps": 5})
    with pytest.raises(ConfigurationError, match="no preset 'huge'"):
        kale("distill.train.preset=huge")


@pytest.mark.parametrize("config", [KaleConfig(), FullConfig()], ids=["kale", "full"])
def test_a_configuration_survives_the_pipeline_s_parameters(config: KaleConfig | FullConfig) -> None:
    name = "kale" if type(config) is KaleConfig else "full"
    assert read_config(name, spelled(config.model_dump(mode="json"))) == config


def test_a_config_file_names_inputs_and_paths_beside_itself(tmp_path: Path) -> None:
    file = tmp_path / "kale.yaml"
    file.write_text("inputs: [./pairs, s3://bucket/pairs]\ncaption: {teacher: {model: ../teacher}}\n")
    values, inputs = read_file(file)
    assert inputs == [str(tmp_path / "pairs"), "s3://bucket/pairs"]
    assert values["caption"]["teacher"]["model"] == str(tmp_path.parent / "teacher")
    assert kale(file=file).caption.teacher.model == str(tmp_path.parent / "teacher")
    file.write_text("inputs: pairs\n")
    with pytest.raises(ConfigurationError, match="inputs must be a list"):
        read_file(file)
