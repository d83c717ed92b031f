"""How good the student of a `kale` run on scenes is, where the truth is known.

    python examples/scenes/check_run.py OUT [--scenes 400] [--engine vllm|transformers]

The scenes are new, and so are their names: a student that writes them has read them in the alternative text.
Each scene is captioned twice, the second time with the alternative text of another scene: the name must
follow the text and the shapes must not. As in the pipeline, the student is given a text only where it says
anything (`components.caption.alt_texts`).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))

from render import png
from world import Scene, scene

from components.caption.alt_texts import ranked
from components.caption.engines.base import Request
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams
from components.caption.pairs_params import PairsParams
from components.core import shards
from components.core.model_files import local_model
from components.core.prompts import load_prompt
from components.core.runner import load_manifest
from components.core.store import Stores, open_store

LONGEST = PairsParams().max_alt_characters


@dataclass(frozen=True)
class Result:
    """Shares of scenes, 0 to 1.

    Attributes:
        exact_match: captions that are the truth, word for word.
        exact_match_named: the same, of scenes whose alternative text has the name.
        swapped: captions with another's alternative text that have its name and the same shapes, of the
            scenes that were given a text with a name.
    """

    scenes: int
    exact_match: float
    exact_match_named: float
    swapped: float


def student_of(out: str) -> Path:
    """The folder of the student that a run trained."""
    store = open_store(out)
    manifest = load_manifest(store, "train", "model")
    files = pa.concat_tables([shards.read(store, shard) for shard in manifest.shards])
    return local_model(files, Stores(store.root))


def check(model: Path, count: int, engine: Literal["vllm", "transformers"]) -> Result:
    """Caption scenes with held-out names with a student, and compare with the truth."""
    prompt = load_prompt("student-v1")
    found = open_engine(EngineParams(engine=engine, model=str(model), max_model_len=256))
    scenes = [scene(number, "held-out", "evaluation") for number in range(count)]
    others = [*scenes[1:], scenes[0]]
    pictures = [png(one) for one in scenes]

    def captions(texts: list[Scene]) -> list[str]:
        asked = [
            Request.of(prompt, picture, alt_text=next(iter(ranked([text.alt_text], LONGEST)), None))
            for picture, text in zip(pictures, texts, strict=True)
        ]
        return [answer.text.strip() for answer in found.generate(asked)]

    right = [text == one.caption for text, one in zip(captions(scenes), scenes, strict=True)]
    named = [one.alt_kind == "named" for one in scenes]
    followed = [
        text == f"{one.dense[:-1]}, named {other.name}."
        for text, one, other in zip(captions(others), scenes, others, strict=True)
        if other.alt_kind == "named"
    ]
    found.close()
    return Result(
        scenes=count,
        exact_match=sum(right) / count,
        exact_match_named=sum(r for r, n in zip(right, named, strict=True) if n) / sum(named),
        swapped=sum(followed) / len(followed),
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", help="output of the run")
    parser.add_argument("--scenes", type=int, default=400, help="scenes with held-out names (400)")
    parser.add_argument("--engine", choices=["vllm", "transformers"], default="vllm")
    given = parser.parse_args()
    print(json.dumps(asdict(check(student_of(given.out), given.scenes, given.engine)), indent=1))


if __name__ == "__main__":
    main()
