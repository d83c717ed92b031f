"""Prompts: what comes with the package, users' own files, and fields that nobody vouches for."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.core.prompts import Prompt, harmless, load_prompt, prompt_names

FIELDS = ("alt_text", "dense_caption", "title", "context", "claim", "evidence")


def _file(folder: Path, text: str, name: str = "mine-v3.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", prompt_names())
def test_every_prompt_of_the_package_loads_and_renders(name: str) -> None:
    prompt = load_prompt(name)
    assert str(prompt) == name
    assert prompt.fields <= set(FIELDS)
    texts = {field: f"the {field.upper()} itself" for field in FIELDS}
    rendered = prompt.render(**texts)
    for field in FIELDS:
        assert (texts[field] in rendered) == (field in prompt.fields)
    assert "{" not in rendered


def test_digests_tell_prompts_apart() -> None:
    digests = {load_prompt(name).digest for name in prompt_names()}
    assert len(digests) == len(prompt_names())


def test_digest_is_of_content_and_name_not_of_comments(tmp_path: Path) -> None:
    one = load_prompt(_file(tmp_path, "user: Hi\nimage: true\n"))
    (tmp_path / "b").mkdir()
    same = load_prompt(_file(tmp_path / "b", "# why\nimage: true\nuser: 'Hi'\n"))
    other = load_prompt(_file(tmp_path, "user: Ho\nimage: true\n", "mine-v4.yaml"))
    renamed = load_prompt(_file(tmp_path, "user: Hi\nimage: true\n", "mine-v5.yaml"))
    assert one.digest == same.digest
    assert len({one.digest, other.digest, renamed.digest}) == 3


def test_own_file_by_path_and_by_address(tmp_path: Path) -> None:
    path = _file(
        tmp_path, 'user: "Is {claim} {{so}}?"\nsystem: Be brief.\nimage: true\nchoices: ["a", "b"]\n'
    )
    for where in (path, f"file://{path}"):
        prompt = load_prompt(where)
        assert (prompt.name, prompt.version, prompt.choices, prompt.system) == (
            "mine",
            3,
            ("a", "b"),
            "Be brief.",
        )
        assert prompt.render(claim="it") == "Is it {so}?"
        assert prompt.words == "Be brief. Is   {so}?"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user: Hi {alt text}\nimage: true", "stray '{'"),
        ("user: Hi }\nimage: true", "stray '}'"),
        ("user: Hi\nimage: true\nchoices: [yes, no]", "in quotes"),
        ("user: Hi\nimage: true\nchoices: ['a', 'a']", "twice"),
        ("user: Hi\nimage: true\nchoices: ['a']", "choices"),
        ("user: Hi", "image"),
        ("user: Hi\nimage: true\nmax_token: 3", "max_token"),
        ("user: Hi\nimage: true\nmax_tokens: 0", "max_tokens"),
        ("user: [", "not YAML"),
        ("- a\n- b", "the file"),
        ("", "the file"),
        ("user: !!python/object/apply:os.system ['true']\nimage: true", "not YAML"),
    ],
)
def test_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_prompt(_file(tmp_path, text))
    assert says in str(caught.value)
    assert "mine-v3.yaml" in str(caught.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin-v1.yaml").write_bytes(b"user: caf\xe9\nimage: true\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_prompt(str(tmp_path / "latin-v1.yaml"))
    (tmp_path / "huge-v1.yaml").write_bytes(b"user: a" + b"a" * 70_000)
    with pytest.raises(ConfigurationError, match="more than"):
        load_prompt(str(tmp_path / "huge-v1.yaml"))
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_prompt(str(tmp_path / "none-v1.yaml"))


@pytest.mark.parametrize("name", ["dense", "dense-v0", "dense-v", "../dense-v1", "", "dense-v1.txt"])
def test_name_without_version_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME-vN"):
        load_prompt(name)


def test_unknown_prompt_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="dense-v1") as caught:
        load_prompt("nonesuch-v7")
    assert "nonesuch-v7" in str(caught.value)


def test_missing_field_names_it_and_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match=r"fuse-v1 asks for \{dense_caption\}.*it has alt_text"):
        load_prompt("fuse-v1").render(alt_text="x")


def test_braces_in_a_field_are_never_a_field() -> None:
    rendered = load_prompt("scenes-fuse-v1").render(
        alt_text="{dense_caption} {0.__class__} {{x}} %s $y", dense_caption="SECRET"
    )
    assert rendered == "Merge: {dense_caption} {0.__class__} {{x}} %s $y / SECRET"


def test_null_and_blank_fields_are_spelled_out() -> None:
    rendered = load_prompt("one-pass-v1").render(alt_text="A cat", title=None, context=" \n\t ")
    assert "Page title: none" in rendered
    assert rendered.endswith("Text beside it: none")


def test_field_is_cut_at_a_space() -> None:
    prompt = load_prompt("scenes-one-pass-v1")
    assert prompt.render(alt_text="word " * 1000) == "Caption: " + ("word " * 40).strip()
    assert prompt.render(12, alt_text="abcdefghij klmnop") == "Caption: abcdefghij"
    assert prompt.render(4, alt_text="漢字漢字漢字") == "Caption: 漢字漢字"


@pytest.mark.parametrize(
    "token",
    [
        "<image>", "<|im_end|>", "<|im_start|>", "</s>", "<s>", "<<SYS>>", "[INST]", "[/INST]", "[IMG]",
        "<start_of_turn>", "<|vision_start|>", "<｜end▁of▁sentence｜>", "＜image＞", "<im\u200bage>",
        "<im\u00adage>", "<\U000e0001image>",
    ],
)  # fmt: skip
def test_special_tokens_are_broken(token: str) -> None:
    plain = token.translate(dict.fromkeys([0x200B, 0xAD, 0xE0001]))
    found = harmless(f"a {token}{token} b", 1000)
    assert plain not in found
    assert token not in found
    # nothing but spaces is added
    assert found.replace(" ", "") == f"a{plain}{plain}b"


def test_special_tokens_of_a_real_tokenizer_do_not_come_through() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    special = ["<image>", "<|im_start|>", "<|im_end|>", "</s>", "[INST]", "<pad>"]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, [], byte_fallback=True))
    tokenizer.add_special_tokens(special)
    ids = {tokenizer.token_to_id(token) for token in special}
    hostile = "".join(special) + "<ima<image>ge>" + "<|im_\x00end|>"
    assert ids & set(tokenizer.encode(hostile).ids)  # they do when nothing is done
    assert not ids & set(tokenizer.encode(harmless(hostile, 1000)).ids)


def test_control_and_direction_characters_go_and_joiners_stay() -> None:
    assert harmless("a\x00b\x1b[31m\r\nSentence 2: c\u2028d\u202ee\ufeff", 100) == "a b [31m Sentence 2: c de"
    assert harmless("👩\u200d🚀 می\u200cخواهم", 100) == "👩\u200d🚀 می\u200cخواهم"
    assert harmless("\ud800x", 100) == "x"


@given(st.text(st.characters(), max_size=300), st.integers(1, 100))
def test_harmless_is_one_short_line_and_settled(text: str, limit: int) -> None:
    found = harmless(text, limit)
    assert len(found) <= limit
    assert "\n" not in found
    assert "\x00" not in found
    found.encode()
    assert harmless(found, limit) == found


@given(st.text(max_size=80), st.text(max_size=80))
def test_template_stays_whole_around_any_fields(alt: str, dense: str) -> None:
    prompt = load_prompt("fuse-v1")
    rendered = prompt.render(alt_text=alt, dense_caption=dense)
    assert rendered.count("\n") == prompt.user.count("\n")
    assert rendered.endswith("\nNew Sentence:")


def test_prompts_are_in_the_wheel(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _BUILD, str(root), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("dist/*.whl")
    names = {Path(name).stem for name in zipfile.ZipFile(wheel).namelist() if "core/prompts/" in name}
    assert names == set(prompt_names())


_BUILD = """
import shutil, sys
from pathlib import Path
root, out = Path(sys.argv[1]), Path(sys.argv[2])
(out / "tree").mkdir()
for name in ("pyproject.toml", "README.md", "LICENSE"):
    shutil.copy(root / name, out / "tree" / name)
only = shutil.ignore_patterns("__pycache__")
shutil.copytree(root / "components" / "core", out / "tree" / "components" / "core", ignore=only)
shutil.copy(root / "components" / "__init__.py", out / "tree" / "components" / "__init__.py")
import os
os.chdir(out / "tree")
from setuptools import build_meta
(out / "dist").mkdir()
build_meta.build_wheel(str(out / "dist"))
"""


def test_prompt_is_immutable() -> None:
    prompt: Prompt = load_prompt("dense-v1")
    with pytest.raises(AttributeError):
        prompt.user = "x"  # type: ignore[misc]
