from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import MintConfig, load_config, presets

FOLDER = Path(__file__).resolve().parents[2] / "pipelines" / "presets" / "mint"
FILES = sorted(FOLDER.glob("*.yaml"))


def leaves(values: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        found += leaves(value, f"{path}{name}.") if isinstance(value, dict) else [(path + name, value)]
    return found


def look_up(config: MintConfig, path: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for name in path.split("."):
        value = value[name]
    return value


def test_the_four_presets_say_what_they_are() -> None:
    found = presets("mint")
    assert set(found) == {"mint", "obelics", "fineweb", "modern"}
    assert all(re.search(r"\d{4}\)?:", said) for said in found.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_value_is_taken_as_it_stands(file: Path) -> None:
    config = load_config("mint", None, [], file.stem)
    assert isinstance(config, MintConfig)
    values = leaves(yaml.safe_load(file.read_text()))
    assert len(values) > 20
    for path, value in values:
        assert look_up(config, path) == value, path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_value_is_given_twice(file: Path) -> None:
    class Loader(yaml.SafeLoader):
        """Refuses a key that stands twice in a section: YAML would take the last in silence."""

    def section(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return dict(loader.construct_pairs(node, deep=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, section)
    assert yaml.load(file.read_text(), Loader)


def test_obelics_and_fineweb_use_no_rule_of_others() -> None:
    """What is on by default and is not theirs is switched off by name: new defaults must be, too."""
    others = {
        "obelics": ("components.filter.rules.gopher_quality", "components.filter.rules.gopher_repetition",
                    "components.filter.rules.refinedweb", "components.filter.rules.c4",
                    "components.filter.rules.fineweb"),
        "fineweb": ("components.filter.rules.refinedweb", "components.filter.rules.obelics_paragraphs",
                    "components.filter.rules.obelics_documents"),
    }  # fmt: skip
    for preset, modules in others.items():
        config = load_config("mint", None, [], preset)
        assert isinstance(config, MintConfig)
        switches = [
            (name, getattr(config.filter.decide, name))
            for parent in type(config.filter.decide).__mro__
            if parent.__module__ in modules
            for name, annotation in parent.__annotations__.items()
            if "None" in str(annotation) or str(annotation) == "bool"
        ]
        assert len(switches) > 5
        assert [name for name, value in switches if value not in (None, False)] == []


def test_settings_go_over_a_preset() -> None:
    config = load_config("mint", None, ["filter.decide.min_words=7"], "obelics")
    assert isinstance(config, MintConfig)
    assert config.filter.decide.min_words == 7
    assert config.filter.decide.max_words == 2000
