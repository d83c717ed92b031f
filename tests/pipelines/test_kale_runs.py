"""The caption pipelines with a real teacher, a real training and a real engine, over rendered scenes."""

from __future__ import annotations

import json
import os
import re
import signal
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("vllm", reason="vllm is not installed: see the extra `vllm`", exc_type=ImportError)

from components.caption.engines.base import Request
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams
from components.core.prompts import load_prompt
from pipelines.chain import list_sources, run_chain
from pipelines.config import load_config
from pipelines.inspection import verify, why
from tests.pipelines import kale_world as world
from tests.pipelines.test_resume import finished_units

pytestmark = pytest.mark.vllm

SCENES = 300
HELD_OUT = 120
UNREACHED = ("distill.gate.min_exact_match=1.0", "distill.gate.min_word_f1=1.0")
"""Thresholds that a student of a few steps does not reach."""


@dataclass(frozen=True)
class Run:
    """A run that its gate stopped, and that went on after the thresholds were lowered."""

    scenes: Path
    config: Path
    out: Path
    stopped: CompletedProcess[str]
    finished_when_stopped: dict[str, tuple[int, bytes]]
    committed_when_stopped: dict[str, int]
    done: CompletedProcess[str]


def committed(out: Path) -> dict[str, int]:
    """Folders of committed datasets and when their manifests were written."""
    return {
        str(file.parent.relative_to(out)): file.stat().st_mtime_ns for file in out.glob("*/*/manifest.json")
    }


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Engines and training beside one another on a few cores: a thread each; nothing is downloaded."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        patched.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("kale")
    scenes = world.make_scenes(folder / "scenes", SCENES, "--held-out", str(HELD_OUT))
    config = world.write_config(folder / "kale.yaml", [str(scenes / "tar")])
    out = folder / "out"
    command = ["run", "kale", "--config", str(config), "--out", str(out)]
    stopped = world.kalemint(*command, *(word for one in UNREACHED for word in ("--set", one)))
    finished, before = finished_units(out), committed(out)
    done = world.kalemint(*command)
    assert done.returncode == 0, done.stderr
    return Run(scenes, config, out, stopped, finished, before, done)


def test_the_gate_stops_the_run_and_says_what_is_missing(run: Run) -> None:
    assert run.stopped.returncode == 4, run.stopped.stderr
    error = run.stopped.stderr.partition("Error: ")[2]
    assert error.count("\n") == 1
    assert re.search(
        r"exact_match is 0\.\d{3} \(95 % interval .* at least 1 \(distill\.gate\.min_exact_match\)", error
    )
    assert "distill.gate.min_word_f1" in error
    assert "predict/predictions" in run.committed_when_stopped
    assert not {"gate/gate", "scale/captions", "export_captions/data_core_set"} & set(
        run.committed_when_stopped
    )


def test_a_lower_threshold_goes_on_without_captioning_or_training_again(run: Run) -> None:
    now = finished_units(run.out)
    assert {path: now.get(path) for path in run.finished_when_stopped} == run.finished_when_stopped
    again = committed(run.out)
    for folder in ("train/model", "train/log"):
        assert again[folder] == run.committed_when_stopped[folder]
    assert "scale/captions" in again


def test_nothing_is_lost_and_every_file_is_whole(run: Run) -> None:
    checked = world.kalemint("verify", str(run.out))
    assert checked.returncode == 0, checked.stderr
    assert "every step adds up" in checked.stdout
    made = world.datasets(run.out)
    assert {name: m.counts.imbalance() for name, m in made.items() if m.counts.imbalance()} == {}
    shared = made["pairs.pairs"].rows + made["pairs.rest"].rows
    assert shared == made["unique_images.images"].rows == SCENES
    released = made["export_captions.data_core_set"].rows + made["export_captions.data_distilled_set"].rows
    assert released == SCENES - sum(made[f"{step}.captions"].counts.total_dropped for step in CAPTIONING)
    assert f"{SCENES} records read, {released} captions published" in run.done.stdout


CAPTIONING = ("dense", "augment", "verify", "scale")


def test_captions_are_right(run: Run) -> None:
    """Of scenes whose truth is known: a release that came through a real teacher and a real student."""
    truth = {row["id"]: row for row in pq.read_table(run.scenes / "truth.parquet").to_pylist()}
    made = world.datasets(run.out)
    for port, share in (("data_core_set", 0.85), ("data_distilled_set", 0.6)):
        released = world.rows(made[f"export_captions.{port}"])
        right = sum(row["caption"] == truth[row["sha256"]]["caption"] for row in released)
        assert right / len(released) > share, port
    seen = [
        row["cogvlm_caption"] == truth[row["sha256"]]["dense"]
        for row in world.rows(made["export_captions.data_core_set"])
    ]
    assert sum(seen) / len(seen) > 0.95


def test_every_caption_says_what_wrote_it(run: Run) -> None:
    made = world.datasets(run.out)
    engines = {
        "verify.captions": ("captioner", "judge"),
        "scale.captions": ("captioner",),
        "predict.predictions": ("captioner",),
    }
    for name, columns in engines.items():
        for row in world.rows(made[name]):
            for column in columns:
                who = row[column]
                assert re.fullmatch(r"sha256:[0-9a-f]{32}", who["revision"]), who
                assert who["engine"] == "vllm"
                assert re.fullmatch(r"\d+\.\d+\.\d+.*", who["engine_version"])
                assert load_prompt(who["prompt"]).digest.startswith(who["prompt_digest"])
                assert json.loads(who["sampling"])["temperature"] == 0.0
    captions = world.rows(made["verify.captions"])
    assert {row["captioner"]["model"] for row in captions} == {"teacher"}
    assert {row["fuser"]["prompt"] for row in captions if row["kind"] == "fused"} == {"scenes-fuse-v1"}
    (student,) = {row["captioner"]["revision"] for row in world.rows(made["scale.captions"])}
    assert student != captions[0]["captioner"]["revision"]


def test_both_configurations_load(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: see the extra `test`")
    made = world.datasets(run.out)
    core, distilled = (
        made[f"export_captions.{port}"].rows for port in ("data_core_set", "data_distilled_set")
    )
    for name, rows, stages in (("core", core, {1}), ("full", core + distilled, {1, 2})):
        loaded = datasets.load_dataset(
            str(run.out / "export_captions"), name, split="train", cache_dir=str(tmp_path)
        )
        assert loaded.num_rows == rows
        assert set(loaded["stage"]) == stages
        assert len(set(loaded["sha256"])) == rows


def test_the_report_tells_of_every_part(run: Run) -> None:
    page = (run.out / "report" / "report.html").read_text()
    sections = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert set(sections) >= {
        "Funnel",
        "Captions",
        "Caption samples",
        "Truth layer",
        "Training",
        "Gate",
        "Blind comparison",
        "Audit",
        "Removed by rule",
        "Lineage",
    }
    assert str(run.out / "report" / "report.html") in run.done.stdout
    for metric in ("word_f1", "fact_recall"):
        assert metric in page


def test_the_story_of_an_image(run: Run) -> None:
    made = world.datasets(run.out)
    changed = world.ledger(made["augment.captions"])
    teachers = {row["id"] for row in world.rows(made["training_set.train"])}
    told = next(line for line in changed if line["record_id"] in teachers)
    story = why(str(run.out), told["record_id"])
    assert [line["step"] for line in story if line["action"] == "kept"] == [
        "read_pairs", "unique_images", "pairs", "align", "dense", "augment", "verify", "training_set",
        "export_captions",
    ]  # fmt: skip
    assert (told["step"], told["reason"]) in {(line["step"], line["reason"]) for line in story}
    student = world.rows(made["scale.captions"])[0]["id"]
    steps = [line["step"] for line in why(str(run.out), student)]
    assert steps[:2] == ["read_pairs", "unique_images"]
    assert steps[-2:] == ["scale", "export_captions"]
    shown = world.kalemint("why", str(run.out), student)
    assert shown.returncode == 0
    assert "export_captions" in shown.stdout


def test_released_files_name_no_place_of_this_machine(run: Run) -> None:
    release = run.out / "export_captions"
    files = [
        f for f in release.rglob("*") if f.is_file() and f.name != "manifest.json" and "done" not in f.parts
    ]
    model = world.files(world.datasets(run.out)["train.model"])
    assert {f.name for f in files} >= {"README.md", "croissant.json", "statistics.json"}
    assert "README.md" in model
    for file in [*files, *model.values()]:
        data = file.read_bytes()
        if file.suffix == ".parquet":
            data = (
                json.dumps(pq.read_table(file).to_pylist()).encode()
                + repr(pq.read_metadata(file).metadata).encode()
            )
        for place in (str(run.out.parent), str(world.SCENES.parent), str(Path.home()) + "/"):
            assert place.encode() not in data, file


def test_a_second_run_does_nothing_and_agrees(run: Run) -> None:
    """Without the orchestrator, with another number of workers, over what the orchestrator made."""
    before, digests, manifests = finished_units(run.out), world.digests(run.out), committed(run.out)
    again = world.start("kale", run.config, run.out, workers=3)
    assert again.ended() == 0, again.stderr_text()
    assert finished_units(run.out) == before
    assert world.digests(run.out) == digests
    assert committed(run.out)["train/model"] == manifests["train/model"]


def test_killed_while_it_captions_and_while_it_trains(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def dense() -> int:
        return len(list(out.glob("dense/done/*.json")))

    process = world.start("kale", run.config, out, workers=2)
    process.until(lambda: dense() >= 1)
    engines = psutil.Process(process.pid).children(recursive=True)
    assert engines
    for engine in engines:
        engine.kill()
    process.until(lambda: dense() >= 4)  # the worker opened another
    engines = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert process.ended() == -signal.SIGKILL
    assert psutil.wait_procs(engines, timeout=60)[1] == []
    assert not list(out.glob("dense/captions/manifest.json"))
    captioned = finished_units(out)

    process = world.start("kale", run.config, out)
    process.until(
        lambda: [
            f for f in out.glob("train/work/*/checkpoints/step-*/trainer.json") if ".partial" not in str(f)
        ]
    )
    process.kill()
    assert process.ended() == -signal.SIGKILL
    assert not list(out.glob("train/model/manifest.json"))
    before = finished_units(out)
    assert {path: before.get(path) for path in captioned} == captioned

    process = world.start("kale", run.config, out)
    assert process.ended() == 0, process.stderr_text()
    now = finished_units(out)
    assert {path: now.get(path) for path in before} == before
    assert world.losses(out) == world.losses(run.out)
    assert [line["step"] for line in world.losses(out)] == list(
        range(1, world.CONFIG["distill"]["train"]["steps"] + 1)
    )
    assert world.digests(out) == world.digests(run.out)
    assert verify(str(out)).problems == []


def test_transformers_and_vllm_say_the_same(run: Run, tmp_path: Path) -> None:
    """Teacher and student, on scenes whose names no training saw."""
    student = tmp_path / "student"
    student.mkdir()
    for name, file in world.files(world.datasets(run.out)["train.model"]).items():
        os.link(file, student / name)
    with tarfile.open(run.scenes / "held-out" / "00000.tar") as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    samples = [
        (parts[n], parts[n.replace(".png", ".txt")].decode()) for n in sorted(parts) if n.endswith(".png")
    ]
    assert len(samples) == HELD_OUT
    dense, distilled = load_prompt("scenes-dense-v1"), load_prompt("student-v1")
    for model, requests in (
        (world.TEACHER, [Request.of(dense, image) for image, _ in samples]),
        (student, [Request.of(distilled, image, alt_text=alt or None) for image, alt in samples]),
    ):
        said = []
        for name in ("transformers", "vllm"):
            engine = open_engine(EngineParams(engine=name, model=str(model), max_model_len=256, device="cpu"))  # type: ignore[arg-type]
            try:
                said.append([(answer.text, answer.finish) for answer in engine.generate(requests)])
            finally:
                engine.close()
        assert said[0] == said[1], model
        assert len(set(said[0])) > HELD_OUT / 2
        assert Counter(finish for _, finish in said[0])["stop"] > 0.95 * HELD_OUT


def test_a_damaged_list_of_pairs_ends_in_the_ledger(tmp_path: Path) -> None:
    scenes = world.make_scenes(tmp_path / "scenes", 60)
    table = pq.read_table(scenes / "pairs.parquet").to_pylist()
    table[0]["image"] = table[0]["image"][:200]
    table[1]["image"] = b"<html>404</html>"
    table[2]["image"] = None
    table[3]["image"] = b""
    listed = tmp_path / "lists"
    listed.mkdir()
    pq.write_table(pa.Table.from_pylist(table), listed / "pairs.parquet")
    (listed / "there.png").write_bytes(table[10]["image"])
    lines = [
        {"file_name": "there.png", "alt": "again"},
        {"file_name": "gone.png", "alt": "no file"},
        {"file_name": "../../etc/passwd", "alt": "outside"},
    ]
    (listed / "files.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"file_name": \n'
    )
    values = load_config("kale", world.write_config(tmp_path / "kale.yaml", []), ()).model_dump(mode="json")
    out = (tmp_path / "out").as_uri()
    inputs = [str(listed / "pairs.parquet"), str(listed / "files.jsonl")]
    made = run_chain("kale", list_sources("kale", inputs, out, values), out, values, until="pairs")
    read = made["read_pairs.images"]
    assert read.counts.imbalance() == 0
    assert read.rows == 57
    told = [(line["reason"], line["locator"].rpartition("/lists/")[2]) for line in world.ledger(read)]
    assert sorted(told) == [
        ("bad_path", "files.jsonl#87"),
        ("bad_record", "files.jsonl#139"),
        ("image_undecodable", "pairs.parquet#0/0"),
        ("no_image", "files.jsonl#43"),
        ("no_image", "pairs.parquet#0/2"),
        ("no_image", "pairs.parquet#0/3"),
        ("not_an_image", "pairs.parquet#0/1"),
    ]
    # the image of the second list is one of the first's
    assert made["pairs.pairs"].rows + made["pairs.rest"].rows == 56


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("teacher=''", "caption.teacher.model names no model"),
        ("caption.augment.prompt=no-such-prompt-v1", "'no-such-prompt-v1' does not come with kalemint"),
        ("caption.verify.claim_prompt=./gone-v1.yaml", "gone-v1.yaml' can't be read"),
        ("teacher=/no/such/model", "/no/such/model"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(tmp_path: Path, setting: str, said: str) -> None:
    scenes = world.make_scenes(tmp_path / "scenes", 20)
    config = world.write_config(tmp_path / "kale.yaml", [str(scenes / "tar")])
    out = tmp_path / "out"
    ended = world.kalemint("run", "kale", "--config", str(config), "--out", str(out), "--set", setting)
    assert ended.returncode == 2, ended.stderr
    error = ended.stderr.partition("Error: ")[2]
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in ended.stderr
    assert not list(out.glob("*/captions/*"))


def test_documents_and_captions_of_one_run(tmp_path: Path) -> None:
    site = world.make_scenes(tmp_path / "scenes", 240, "--size", "160", "--site") / "site"
    world.write_warc(site, tmp_path / "site.warc.gz")
    config = world.write_config(tmp_path / "full.yaml", [str(tmp_path / "site.warc.gz")])
    out = tmp_path / "out"
    process = world.start("full", config, out)
    assert process.ended() == 0, process.stderr_text()
    assert verify(str(out)).problems == []
    made = world.datasets(out)
    assert made["export.release"].rows == 30
    assert made["export_captions.data_core_set"].rows + made["export_captions.data_distilled_set"].rows > 220
    pairs = [*world.rows(made["pairs.pairs"]), *world.rows(made["pairs.rest"])]
    for column in ("title", "page_url", "url"):
        assert all(pair[column] for pair in pairs), column
    for column in ("before", "after", "alt"):
        assert sum(bool(pair[column]) for pair in pairs) > len(pairs) / 2, column
    truth = {row["id"]: row for row in pq.read_table(tmp_path / "scenes" / "truth.parquet").to_pylist()}
    released = world.rows(made["export_captions.data_core_set"])
    assert sum(row["cogvlm_caption"] == truth[row["sha256"]]["dense"] for row in released) > 0.9 * len(
        released
    )
    shown = {
        item["image_id"]
        for d in world.rows(made["decide_images.documents"])
        for item in d["items"]
        if item["kind"] == "image"
    }
    assert {row["sha256"] for row in released} <= shown
    page = (out / "report" / "report.html").read_text()
    assert set(re.findall(r"<h2[^>]*>(.*?)</h2>", page)) >= {
        "Documents",
        "Captions",
        "Truth layer",
        "Gate",
        "Lineage",
    }
    for release in ("export", "export_captions"):
        assert (out / release / "README.md").is_file()
