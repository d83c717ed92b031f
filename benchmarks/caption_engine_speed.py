"""Speed of captioning through the component, beside bare vLLM on the same prompts and images in one run.

    python benchmarks/caption_engine_speed.py [--model FOLDER] [--prompt scenes-dense-v1] [--images 256]

Three ways to caption the same encoded images with one and the same loaded model, in turn, `--rounds` times:

- bare: Pillow decodes and scales every image, then one `vllm.LLM.chat` over all of them;
- engine: `VllmEngine.generate`;
- component: `DenseStage.run` on a shard in memory, up to the table of captions and the ledger.

Caches of prefixes and of preprocessed images are emptied before each run, so that no way profits from the
one before. The bar is that of wall time: bare / ours >= 0.95, the median of the rounds' ratios. Answers
must be the same, one by one.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageFilter

from components.caption.dense import DenseStage
from components.caption.engines.base import Request
from components.caption.engines.params import EngineParams
from components.caption.engines.vllm_engine import VllmEngine
from components.caption.stage_params import DenseParams
from components.core import schemas
from components.core.prompts import load_prompt
from components.core.rgb_images import rgb_image
from components.core.stage import Output, Unit
from components.core.store import Stores

BAR = 0.95


def jpegs(count: int, side: int) -> list[bytes]:
    """Pictures of smooth noise, as large as a JPEG of a photograph of that size."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        noise = Image.fromarray(rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        picture = noise.resize((side, side * 3 // 4), Image.Resampling.BICUBIC).filter(ImageFilter.DETAIL)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        found.append(buffer.getvalue())
    return found


def tables(images: list[bytes]) -> dict[str, pa.Table]:
    """What the stage reads: pairs, images and alignments of one shard."""
    ids = [hashlib.sha256(data).hexdigest() for data in images]
    nothing = dict.fromkeys(schemas.get("pairs/1").names)
    pairs = [
        {**nothing, "id": one, "alts": [], "width": 1, "height": 1, "group": one, "audit": False}
        for one in ids
    ]
    return {
        "pairs": pa.Table.from_pylist(pairs, schema=schemas.get("pairs/1")),
        "images": pa.table(
            {"id": ids, "bytes": images},
            schema=pa.schema([schemas.get("images/1").field(name) for name in ("id", "bytes")]),
        ),
        "alignments": schemas.get("alignments/1").empty_table(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="examples/scenes/teacher")
    parser.add_argument("--prompt", default="scenes-dense-v1")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--side", type=int, default=512, help="longer side of the images, pixels")
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--max-model-len", type=int, default=None)
    options = parser.parse_args()

    params = EngineParams(engine="vllm", model=options.model, max_model_len=options.max_model_len)
    engine = VllmEngine(params)
    llm: Any = engine._llm
    prompt = load_prompt(options.prompt)
    stage = DenseStage(DenseParams(teacher=params, prompt=options.prompt, max_tokens=options.max_tokens))
    stage._engines.get = lambda _: engine  # type: ignore[method-assign] # one model for all three
    images = jpegs(options.images, options.side)
    shard = tables(images)

    def bare() -> list[str]:
        from vllm import SamplingParams

        chats = [
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_pil", "image_pil": rgb_image(data, params.max_side)},
                        {"type": "text", "text": prompt.render()},
                    ],
                }
            ]
            for data in images
        ]
        sampling = SamplingParams(temperature=0, max_tokens=options.max_tokens)
        return [output.outputs[0].text for output in llm.chat(chats, sampling, use_tqdm=False)]

    def through_engine() -> list[str]:
        requests = [Request(prompt.render(), image=data, max_tokens=options.max_tokens) for data in images]
        return [answer.text for answer in engine.generate(requests)]

    def through_component() -> int:
        out = Output("dense", DenseStage.reasons)
        stage.run(Unit(0, shard, Stores()), out)
        kept = sum(table.num_rows for table in out.tables["captions"])
        assert kept + len([line for line in out.ledger if line["action"] != "changed"]) == len(images)
        return kept

    def timed(way: Callable[[], Any]) -> tuple[float, float, Any]:
        llm.reset_prefix_cache()
        llm.reset_mm_cache()
        wall, processor = time.perf_counter(), time.process_time()
        answer = way()
        return time.perf_counter() - wall, time.process_time() - processor, answer

    ways: dict[str, Callable[[], Any]] = {
        "bare": bare,
        "engine": through_engine,
        "component": through_component,
    }
    bare_texts, engine_texts = timed(bare)[2], timed(through_engine)[2]  # warms up
    assert [text.rstrip("\ufffd") for text in bare_texts] == engine_texts, "the answers differ"
    walls: dict[str, list[float]] = {name: [] for name in ways}
    processors: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds):
        order = list(ways)[turn % 3 :] + list(ways)[: turn % 3]
        for name in order:
            wall, processor, _ = timed(ways[name])
            walls[name].append(wall)
            processors[name].append(processor)
    ratios = {
        name: [one / other for one, other in zip(walls["bare"], walls[name], strict=True)]
        for name in ("engine", "component")
    }
    result = {
        "cores": os.cpu_count(),
        "model": engine.identity()["model"],
        "device": json.loads(str(engine.identity()["sampling"]))["device"],
        "images": len(images),
        "images_per_second": {name: round(len(images) / statistics.median(walls[name]), 1) for name in ways},
        "processor_seconds": {name: round(statistics.median(processors[name]), 2) for name in ways},
        "ratio": {name: round(statistics.median(found), 3) for name, found in ratios.items()},
        "ratios": {name: [round(ratio, 3) for ratio in found] for name, found in ratios.items()},
        "same_answers": True,
    }
    engine.close()
    print(json.dumps(result, indent=1))
    missed = [name for name in ratios if result["ratio"][name] < BAR]  # type: ignore[index]
    if missed:
        raise SystemExit(f"below the bar of {BAR}: {', '.join(missed)}")


if __name__ == "__main__":
    main()
