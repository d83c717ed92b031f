"""Prompts: files with names and versions, filled with texts that nobody vouches for.

A prompt is a YAML file called NAME-vN.yaml:

| key | meaning |
| --- | --- |
| `user` | template; `{alt_text}` stands for a field, `{{` and `}}` for braces |
| `system` | system message, if any |
| `image` | whether the request carries an image |
| `choices` | the only answers wanted, if any (guided decoding) |
| `max_tokens` | tokens of an answer at most |
| `field_characters` | characters of a field at most; its tail is cut |
| `absent` | what stands for a field that is null or empty |

Alt texts and pages are hostile: see `harmless`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from components.core.errors import ConfigurationError
from components.core.store import Stores

_FILE_NAME: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)-v(?P<version>[1-9][0-9]*)")
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}|[{}]")
_MAX_FILE_BYTES: Final = 64 * 1024

# Invisible, and good only for hiding text from a reader or a filter. Joiners stay: scripts and emoji need
# them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# `<image>`, `<|im_end|>`, `</s>`, `<<SYS>>` with ASCII or full-width signs, and `[INST]`: tokenizers find
# them anywhere in a text, as exact strings
_TOKEN_START: Final = re.compile(r"[<\uff1c](?=\S)|\[(?=/?[A-Z_]+\])")


class _PromptFile(BaseModel):
    """The content of a prompt file."""

    model_config = ConfigDict(extra="forbid")

    user: StrictStr = Field(min_length=1)
    system: StrictStr | None = None
    image: StrictBool
    choices: list[Annotated[StrictStr, Field(min_length=1)]] | None = Field(default=None, min_length=2)
    max_tokens: StrictInt = Field(default=256, ge=1, le=32768)
    field_characters: StrictInt = Field(default=1000, ge=1, le=1_000_000)
    absent: StrictStr = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt.

    Attributes:
        name: without the version, e.g. `dense`.
        version: counted from 1.
        digest: SHA-256 (hex) of name, version and content; another file cannot have the same.
        user: the template.
        system: the system message.
        image: whether a request carries an image.
        choices: the only answers wanted.
        max_tokens: tokens of an answer at most.
        field_characters: characters of a field at most.
        absent: what stands for a null or empty field.
    """

    name: str
    version: int
    digest: str
    user: str
    system: str | None
    image: bool
    choices: tuple[str, ...] | None
    max_tokens: int
    field_characters: int
    absent: str

    def __str__(self) -> str:
        return f"{self.name}-v{self.version}"

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that the template asks for."""
        return frozenset(match[1] for match in _PIECE.finditer(self.user) if match[1])

    @property
    def words(self) -> str:
        """What the prompt itself says, system message and template without fields: must not leak out."""
        return " ".join(filter(None, (self.system, _PIECE.sub(_without_fields, self.user))))

    def render(self, max_field_characters: int | None = None, /, **fields: str | None) -> str:
        """The user's message, its fields made `harmless` and cut.

        Args:
            max_field_characters: characters of a field at most; None takes the file's.
            fields: what the caller has; a prompt may leave some of it out.

        Raises:
            ConfigurationError: where the template wants a field that the caller does not have.
        """
        missing = self.fields - fields.keys()
        if missing:
            raise ConfigurationError(
                f"Prompt {self} asks for {{{min(missing)}}}, which this step does not have; "
                f"it has {', '.join(sorted(fields)) or 'no fields'}."
            )
        limit = self.field_characters if max_field_characters is None else max_field_characters

        def filled(match: re.Match[str]) -> str:
            return (harmless(fields[match[1]] or "", limit) or self.absent) if match[1] else match[0][0]

        return _PIECE.sub(filled, self.user)  # one pass: braces in a field are never looked at


def _without_fields(match: re.Match[str]) -> str:
    return " " if match[1] else match[0][0]


def harmless(text: str, limit: int) -> str:
    """A text of unknown origin as one line that says what it says and does nothing else.

    - every run of white space and control characters is one space, so that it can't begin a line of its
      own; invisible and direction characters and half surrogates are gone;
    - a space breaks what could be a special token of a chat template (`<image>`, `<|im_end|>`, `[INST]`);
    - the tail after `limit` characters is cut, at a space where there is one in the last fifth.
    """
    # more than is needed is never looked at: an alt text can have megabytes
    seen = _INVISIBLE.sub("", text[: 8 * limit + 64])
    spaced = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in seen)
    broken = _TOKEN_START.sub(lambda match: match[0] + " ", " ".join(spaced.split()))
    if len(broken) <= limit:
        return broken
    space = broken.rfind(" ", limit - limit // 5, limit + 1)
    return broken[: space if space > 0 else limit].rstrip()


def prompt_names() -> list[str]:
    """The prompts that come with kalemint, sorted."""
    folder = files("components.core") / "prompts"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


@functools.lru_cache(maxsize=64)
def load_prompt(name: str) -> Prompt:
    """A prompt that comes with kalemint (`dense-v1`), or a user's own file (path or address ending in .yaml).

    Raises:
        ConfigurationError: where there is none, or the file is not a prompt; says what is wrong in it.
    """
    own = name.endswith((".yaml", ".yml"))
    stem = name.rpartition("/")[2].rpartition(".")[0] if own else name
    match = _FILE_NAME.fullmatch(stem)
    if match is None:
        raise ConfigurationError(
            f"The prompt {name!r} has no version: call it NAME-vN (a file: NAME-vN.yaml), as in dense-v1."
        )
    content = _content(_text(name, own), name)
    digest = hashlib.sha256(
        json.dumps([stem, content.model_dump()], sort_keys=True, ensure_ascii=True).encode()
    ).hexdigest()
    return Prompt(
        name=match["name"],
        version=int(match["version"]),
        digest=digest,
        user=content.user,
        system=content.system,
        image=content.image,
        choices=tuple(content.choices) if content.choices else None,
        max_tokens=content.max_tokens,
        field_characters=content.field_characters,
        absent=content.absent,
    )


def _text(name: str, own: bool) -> str:
    try:
        if own:
            data = Stores().read(name)
        else:
            data = (files("components.core") / "prompts" / f"{name}.yaml").read_bytes()
    except OSError as error:
        reason = f"can't be read ({error.strerror or error})" if own else "does not come with kalemint"
        raise ConfigurationError(
            f"The prompt {name!r} {reason}; there are {', '.join(prompt_names())}, or give the path or the "
            "file:// or s3:// address of a file NAME-vN.yaml."
        ) from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigurationError(f"The prompt file {name!r} has more than {_MAX_FILE_BYTES} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"The prompt file {name!r} is not UTF-8.") from None


def _content(text: str, name: str) -> _PromptFile:
    try:
        content = _PromptFile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The prompt file {name!r} is not YAML: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
            for problem in error.errors()
        )
        hint = (
            ' Write "yes" and "no" in quotes: YAML takes them for true and false.'
            if "choices" in wrong
            else ""
        )
        raise ConfigurationError(f"Wrong prompt file {name!r}: {wrong}.{hint}") from None
    for match in _PIECE.finditer(content.user):
        if match[0] in {"{", "}"}:
            raise ConfigurationError(
                f"The template of prompt {name!r} has a stray {match[0]!r} at character {match.start()}: a "
                "field is {lower_case}, a brace is {{ or }}."
            )
    if content.choices and len(set(content.choices)) < len(content.choices):
        raise ConfigurationError(f"The prompt file {name!r} gives a choice twice.")
    return content
