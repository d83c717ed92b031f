from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from components.core.task import spelled
from pipelines.config import MintConfig, json_schema, load_config, read_config
from pipelines.run_record import begin, input_uri
from pipelines.steps import MINT


def test_file_then_settings(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("filter:\n  decide:\n    min_words: 7\n    max_words: 70\n")
    config = load_config("mint", file, ["filter.decide.min_words=9", "filter.decide.language=[de, fr]"])
    assert isinstance(config, MintConfig)
    decide = config.filter.decide
    assert (decide.min_words, decide.max_words, list(decide.language)) == (9, 70, ["de", "fr"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["filter.decide.min_word=3"], r"mint\.filter\.decide\.min_word: Extra inputs are not permitted"),
        (
            ["filter.decide.min_words=many"],
            r"mint\.filter\.decide\.min_words: Input should be a valid integer",
        ),
        (["filter.decide"], r"write it as section\.name=value"),
        (["run.processes=1", "run.processes.x=2"], "'processes' is a value, not a section"),
    ],
)
def test_wrong_settings_are_named(settings: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        load_config("mint", None, settings)


@pytest.mark.parametrize("text", ["filter: [", "- a\n- b\n"])
def test_wrong_files_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        load_config("mint", file, [])
    with pytest.raises(ConfigurationError, match=r"none\.yaml can't be read"):
        load_config("mint", tmp_path / "none.yaml", [])


def test_unknown_pipeline() -> None:
    with pytest.raises(ConfigurationError, match="known pipelines are mint"):
        load_config("mnt", None, [])


def _fields(schema: dict[str, object], name: str = "") -> list[tuple[str, dict[str, object]]]:
    found = []
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    for title, part in {"": schema, **definitions}.items():
        properties = part.get("properties", {})
        found += [(f"{title}.{field}", value) for field, value in properties.items()]
    return found


def test_every_parameter_is_described() -> None:
    fields = _fields(json.loads(json_schema("mint")))
    assert len(fields) > 60
    assert [name for name, field in fields if not field.get("description")] == []


def test_every_step_finds_its_section() -> None:
    config = MintConfig().model_dump(mode="json")
    for step in MINT:
        value = config
        for part in filter(None, step.section.split(".")):
            value = value[part]
        assert isinstance(value, dict)


def test_defaults_survive_json_and_floats() -> None:
    """KFP passes numbers as floats and leaves nothing out but nulls."""
    plain = MintConfig().model_dump(mode="json", exclude_none=True)

    def floats(value: object) -> object:
        if isinstance(value, dict):
            return {k: floats(v) for k, v in value.items()}
        if isinstance(value, list):
            return [floats(v) for v in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    assert MintConfig.model_validate(floats(plain)) == MintConfig()


@pytest.mark.parametrize("preset", [None, "mint", "obelics", "fineweb", "modern"])
def test_a_pipeline_s_parameters_hold_every_null(preset: str | None) -> None:
    """KFP takes no null in a struct; one that is left out would turn a rule on again."""
    config = load_config("mint", None, ["filter.decide.min_stop_words=null"], preset)
    values = config.model_dump(mode="json")
    sent = spelled(values)
    assert "None" not in repr(sent)
    assert read_config("mint", json.loads(json.dumps(sent))) == config
    assert config.filter.decide.min_stop_words is None  # type: ignore[attr-defined]


def test_the_name_of_a_dump_is_no_path() -> None:
    assert input_uri("cc:CC-MAIN-2024-18[0:2]") == "cc:CC-MAIN-2024-18[0:2]"
    assert input_uri("cc-wat:CC-MAIN-2024-18") == "cc-wat:CC-MAIN-2024-18"
    assert input_uri("/data/cc:x").startswith("file:///")


@pytest.mark.parametrize(
    "setting", ["dedup.registry.uri", "publish.tokenizer", "dedup.semantic.model", "filter.decide.url_lists"]
)
def test_a_parameter_with_a_password_in_it_is_refused_and_not_repeated(setting: str) -> None:
    value = "s3://me:hunter2@store.example/x"
    written = f"[{value}]" if setting.endswith("lists") else value
    with pytest.raises(
        ConfigurationError, match=r"store\.example carries a user name or password"
    ) as refused:
        load_config("mint", None, [f"{setting}={written}", "dedup.registry.run=one"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("pipeline", "setting", "said"),
    [
        ("deepfake", "deepfake.detectors.oracle={}", "There is no detector 'oracle'"),
        ("deepfake", "deepfake.detectors.blink={colour: red}", "detectors.blink.colour"),
        ("mint", "screen.detectors.oracle={}", "There is no detector 'oracle'"),
    ],
)
def test_a_wrong_detector_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pipeline: str, setting: str, said: str
) -> None:
    values = load_config(pipeline, None, [setting]).model_dump(mode="json")
    with pytest.raises(SystemExit):
        begin(pipeline, [str(tmp_path)], str(tmp_path / "out"), 1, values)
    assert said in capsys.readouterr().out  # KFP shows what a task prints
    assert not (tmp_path / "out").exists()
