"""What the renderer keeps while it reads: open frames, lists, the title page, and its vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from components.core.records import Item

if TYPE_CHECKING:
    from components.crawl.latex.render import Renderer

Action = Callable[["Renderer"], None]
EnvironmentAction = Callable[["Renderer", str], None]
_MAX_LIST_INDENT: Final = 5


@dataclass(slots=True)
class Vocabulary:
    """What the renderer knows to do: command → action, environment → action at its begin."""

    commands: dict[str, Action]
    environments: dict[str, EnvironmentAction]


@dataclass(slots=True)
class Frame:
    """Something open that a later token closes.

    `kind` is `group` (closed by a brace), `capture` (a brace as well; `on_end` takes its text) or
    `env`. `saved` restores what the frame replaced.
    """

    kind: str
    name: str = ""
    on_end: Callable[..., None] | None = None
    saved: tuple[Any, ...] | None = None
    short: bool = False
    """A capture that a blank line ends, because TeX allows none in it."""


@dataclass(slots=True)
class ListState:
    """One level of a list; all levels share `lines`."""

    kind: str
    lines: list[str]
    depth: int
    count: int = 0
    marker: str | None = None

    def add(self, text: str) -> None:
        """Put a paragraph under the current item."""
        indent = "  " * min(self.depth, _MAX_LIST_INDENT)
        lead = f"{self.marker} " if self.marker is not None else "  "
        self.marker = None
        self.lines.append(indent + lead + text.replace("\n", "\n" + indent + "  "))


@dataclass(slots=True)
class FrontMatter:
    """What `\\maketitle` prints."""

    title: str = ""
    authors: list[str] = field(default_factory=list)
    thanks: list[str] = field(default_factory=list)
    abstract: list[Item] = field(default_factory=list)
    placed: bool = False
