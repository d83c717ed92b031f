import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.manifest import Counts, Manifest
from components.core.records import Document, Item, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.dedup.params import SemanticParams
from components.dedup.reasons import DedupReason
from components.dedup.semantic import AssignStage, CentroidsStage, EmbedStage, SemanticStage
from tests.dedup.tiny_encoder import write_encoder

WORDS = [f"word{n}" for n in range(400)]


def text(seed: int, edits: int = 0) -> str:
    """Forty words; edited, so many of them are others. Order means nothing to this encoder."""
    words = random.Random(seed).sample(WORDS, 40)
    spare = [word for word in WORDS if word not in words]
    words[:edits] = random.Random(seed + 1).sample(spare, edits)
    random.Random(edits).shuffle(words)
    return " ".join(words)


def documents(texts: list[str], first: int) -> pa.Table:
    rows = [
        Document(f"{n:032x}", "html", "file:///a", [Item("text", text=t)]) for n, t in enumerate(texts, first)
    ]
    return table(rows, "documents/1")


class _Passed(Stage[SemanticParams]):
    reasons = DedupReason
    conserves = False

    def run(self, unit: Unit, out: Output) -> None:
        (port,) = self.produces
        out.keep(port, unit.tables[port])


class PassedDuplicates(_Passed):
    name = "passed_duplicates"
    consumes = produces = {"duplicates": "duplicates/1"}
    partitioned = {"duplicates": "shard"}


class PassedDrops(_Passed):
    name = "passed_drops"
    consumes = produces = {"drops": "text_drops/1"}
    partitioned = {"drops": "shard"}


def dataset(root: str, step: str, schema: str, tables: list[pa.Table]) -> Manifest:
    rows = sum(t.num_rows for t in tables)
    return publish(step, "out", schema, tables, [], Counts(rows_in=rows, kept=rows), root, params={})


def rows(root: str, manifest: Manifest) -> list[dict]:
    return [row for shard in manifest.shards for row in read(open_store(root), shard).to_pylist()]


def deduplicate(
    folder: Path,
    shards: list[list[str]],
    dropped: list[dict] | None = None,
    repeated: list[dict] | None = None,
    **given,
) -> list[dict]:
    """What all four steps list, by the runner, from documents in shards."""
    root = (folder / "run").as_uri()
    model = str(write_encoder(folder / "model", WORDS))
    params = SemanticParams(**({"model": model, "documents_per_cluster": 30} | given))
    firsts = np.cumsum([0, *map(len, shards)])
    tables = [documents(texts, int(n)) for texts, n in zip(shards, firsts, strict=False)]
    side = {
        "duplicates": pa.Table.from_pylist(dropped or [], schema=schemas.get("duplicates/1")),
        "drops": pa.Table.from_pylist(repeated or [], schema=schemas.get("text_drops/1")),
    }
    inputs: dict[str, Manifest] = {}
    for stage in (PassedDuplicates(params), PassedDrops(params)):
        (port,) = stage.produces
        given_side = dataset(root, port, stage.produces[port], [side[port]])
        inputs |= run_step(stage, {port: given_side}, root)
    inputs["documents"] = dataset(root, "given", "documents/1", tables)
    embeddings = run_step(EmbedStage(params), inputs, root)["embeddings"]
    centroids = run_step(CentroidsStage(params), {"embeddings": embeddings}, root)["centroids"]
    pair = {"embeddings": embeddings, "centroids": centroids}
    assigned = run_step(AssignStage(params), pair, root)
    return rows(root, run_step(SemanticStage(params), assigned, root)["duplicates"])


def number(name: str) -> int:
    return int(name, 16)


def test_of_texts_that_mean_nearly_the_same_one_is_kept(tmp_path: Path) -> None:
    texts = [text(n) for n in range(60)] + [text(n, edits=1) for n in range(0, 20, 2)]
    found = deduplicate(tmp_path, [texts[:25], texts[25:61], texts[61:]])
    pairs = {frozenset((number(r["id"]), number(r["duplicate_of"]))) for r in found}
    assert pairs == {frozenset((n, 60 + n // 2)) for n in range(0, 20, 2)}
    places = [(s, r) for s, size in enumerate((25, 36, 9)) for r in range(size)]
    assert all((r["shard"], r["row"]) == places[number(r["id"])] for r in found)
    assert {(r["reason"], r["run"]) for r in found} == {("semantic_text", None)}


def test_epsilon_decides(tmp_path: Path) -> None:
    texts = [text(n) for n in range(20)] + [text(n, edits=6) for n in range(10)]
    assert deduplicate(tmp_path / "a", [texts], epsilon=0.02) == []
    assert len(deduplicate(tmp_path / "b", [texts], epsilon=0.3)) == 10


def test_what_text_deduplication_drops_is_not_kept_for(tmp_path: Path) -> None:
    texts = [text(1), text(1, 1), text(2), text(2, 1), text(3), ""]
    one = {"shard": 0, "row": 0, "id": f"{0:032x}", "duplicate_of": "x", "run": None, "reason": "near_text"}
    other = {"shard": 0, "row": 3, "id": f"{3:032x}", "item": -1, "line": -1, "score": 1.0}
    line = {"shard": 0, "row": 4, "id": f"{4:032x}", "item": 0, "line": 2, "score": 1.0}
    assert len(deduplicate(tmp_path / "a", [texts])) == 2
    assert deduplicate(tmp_path / "b", [texts], [one], [other, line]) == []


def test_the_sample_and_the_number_of_clusters_are_bounded(tmp_path: Path) -> None:
    texts = [text(n) for n in range(50)] + [text(n, 1) for n in range(5)]
    found = deduplicate(tmp_path, [texts[:30], texts[30:]], sample=10, documents_per_cluster=20)
    assert len(found) >= 4  # a pair on the border of two clusters may be missed


def test_shards_do_not_change_what_is_found(tmp_path: Path) -> None:
    texts = [text(n % 20, n // 20) for n in range(60)]
    one = deduplicate(tmp_path / "a", [texts])
    two = deduplicate(tmp_path / "b", [texts[:7], texts[7:50], [], texts[50:]])
    assert {r["id"] for r in one} == {r["id"] for r in two}


def test_without_a_model_nothing_runs_and_all_is_empty(tmp_path: Path) -> None:
    assert deduplicate(tmp_path, [[text(1), text(1, 1)]], model=None) == []


@pytest.mark.parametrize("shards", [[], [[]], [["", ""]]])
def test_no_documents(tmp_path: Path, shards: list[list[str]]) -> None:
    assert deduplicate(tmp_path, shards) == []
