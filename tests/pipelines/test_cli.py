"""The command as a person uses it: real processes, real exit statuses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY, S3Server
from tests.crawl.site_server import serve
from tests.pipelines.conftest import ORIGIN, PAPERS
from tests.pipelines.processes import Running

PAPER = PAPERS / "spatio-temporal-kriging.pdf"


def kalemint(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
        timeout=300,
    )


def read_json(*arguments: str | Path) -> object:
    done = kalemint(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def out(site_warc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("cli") / "out"
    done = kalemint("run", "mint", "-i", site_warc, "-i", PAPER, "-o", out, "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "documents published" in done.stdout
    return out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.cli, typer.testing as t;"
        "r = t.CliRunner().invoke(pipelines.cli.app, ['--help']); assert r.exit_code == 0, r.output;"
        "heavy = {'kfp', 'pyarrow', 'numpy', 'pydantic', 'minio', 'cv2'} & set(sys.modules); print(heavy)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "command", ["run", "ls", "compile", "components", "schema", "report", "verify", "why", "retry"]
)
def test_every_command_has_help(command: str) -> None:
    done = kalemint(command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_ls_names_every_dataset(out: Path) -> None:
    datasets = read_json("ls", out)
    assert isinstance(datasets, list)
    by_name = {(d["step"], d["dataset"]): d for d in datasets}
    assert by_name["extract", "documents"]["schema"] == "documents/1"
    assert by_name["export", "release"]["rows"] > 5
    assert Path(by_name["export", "release"]["location"].removeprefix("file://")).is_dir()
    assert "documents/1" in kalemint("ls", out).stdout


def test_verify_finds_a_whole_run_whole(out: Path) -> None:
    verdict = read_json("verify", out)
    assert isinstance(verdict, dict)
    assert verdict["problems"] == []
    assert verdict["rows"] > 100


def test_verify_finds_damage(out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(out), str(copy)], check=True)
    shard = next((copy / "annotate" / "documents").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    next((copy / "decide" / "ledger").glob("*.parquet")).unlink()
    done = kalemint("verify", copy)
    assert done.returncode == 4
    assert shard.name in done.stderr
    assert "is missing" in done.stderr


def test_why_tells_the_story_of_a_page(out: Path) -> None:
    story = read_json("why", out, f"{ORIGIN}/about.html")
    assert isinstance(story, list)
    assert story[0]["step"] == "extract"
    assert [line for line in story if line["action"] == "dropped"], story
    unknown = kalemint("why", out, "nobody")
    assert unknown.returncode == 2
    assert "No step of this run knows 'nobody'" in unknown.stderr


def test_retry_without_failures_says_what_there_is(out: Path) -> None:
    done = kalemint("retry", out, "--reason", "timeout")
    assert done.returncode == 2
    assert "reasons of failures here" in done.stderr


def test_report_is_written(out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.html"
    answer = read_json("report", out, "--save", copy)
    assert answer == {"report": str(copy)}
    page = copy.read_text()
    assert (out / "report" / "report.html").read_text() == page
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert "http://" not in page.partition("<body")[0], "nothing is loaded from elsewhere"


def test_components_are_listed() -> None:
    listed = read_json("components")
    assert isinstance(listed, list)
    assert {"extract", "decide", "dedup", "export"} <= {entry["step"] for entry in listed}


def test_compile_writes_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mint.yaml"
    assert kalemint("compile", "mint", "--to", "kfp", "-o", file).returncode == 0
    assert file.read_text().startswith("# PIPELINE DEFINITION")
    assert kalemint("compile", "mint", "--to", "nowhere", "-o", file).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-i", "/no/such/file"], "/no/such/file' is not there"),
        (
            ["-i", "https://me:s3cr3t@example.org/"],
            "The address at example.org carries a user name or password",
        ),
        (["-i", "x", "--set", "filter.decide.min_wrods=3"], "min_wrods: Extra inputs are not permitted"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = kalemint("run", "mint", *arguments, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout


def test_a_run_that_publishes_nothing_says_why(tmp_path: Path) -> None:
    note = tmp_path / "note.html"
    note.write_text("<html lang=en><body><main><p>Too short to be kept by anybody.</p></main></body></html>")
    done = kalemint("run", "mint", "-i", note, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Nothing was published. Most frequent reasons: too_few_words (decide, 1)." in done.stdout


def test_a_place_that_holds_no_run(tmp_path: Path) -> None:
    for command in ("ls", "verify", "report"):
        done = kalemint(command, tmp_path)
        assert done.returncode == 2
        assert "holds no run of kalemint" in done.stderr


@pytest.mark.s3
def test_s3_faults_are_one_sentence(s3_server: S3Server, s3_bucket: str, site_warc: Path) -> None:
    place = f"s3://{s3_bucket}/run"
    wrong = kalemint(
        "run", "mint", "-i", site_warc, "-o", place, env={"AWS_SECRET_ACCESS_KEY": "oh-no-secret"}
    )
    assert wrong.returncode == 2
    assert "refuses the credentials" in wrong.stderr
    assert "oh-no-secret" not in wrong.stderr + wrong.stdout
    missing = kalemint(
        "run", "mint", "-i", site_warc, "-o", "s3://no-such-bucket/run", env=s3_server.environment
    )
    assert missing.returncode == 2
    assert "does not exist: create it" in missing.stderr


def test_retry_does_just_what_failed_again(tmp_path: Path) -> None:
    """A page that answers 503 at first: the retry fetches that page and no other."""
    place = tmp_path / "out"
    words = "<p>" + "The bees came back to the hive before the evening was quite over. " * 8 + "</p>"
    page = f"<html lang=en><body><main><h1>%s</h1>{words}</main></body></html>"
    settings = ["crawl.fetch.backoff_s=0", "crawl.fetch.retries=0", "filter.decide.require_images=false"]
    with serve() as site:
        site.add("/good", page % "Good")
        site.add("/bad", "later", status=503)
        command: list[str | Path] = ["run", "mint", "-o", place]
        for name in ("good", "bad"):
            command += ["-i", site.url(f"/{name}")]
        for setting in settings:
            command += ["--set", setting]
        done = kalemint(*command)
        assert done.returncode == 0, done.stderr
        story = read_json("why", place, site.url("/bad"))
        assert isinstance(story, list)
        assert [(line["step"], line["reason"]) for line in story] == [
            ("sources", None),
            ("fetch", "http_5xx"),
        ]

        site.add("/bad", page % "Bad" + "<p>It is well again.</p>")
        asked = len(site.requests)
        done = kalemint("retry", place, "--reason", "http_5xx")
        assert done.returncode == 0, done.stderr
        again = site.asked[asked:]
    assert "/bad" in again
    assert "/good" not in again
    rows = {d["step"]: d["rows"] for d in read_json("ls", place) if d["dataset"] == "documents"}  # type: ignore[attr-defined]
    assert rows["extract"] == 2
    assert json.loads(kalemint("verify", place, "--json").stdout)["problems"] == []


def _tasks_of(process: Running) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have ended since
            if "executor_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def _start(out: Path, site_warc: Path, workers: int) -> Running:
    command = [sys.executable, "-m", "pipelines.cli", "run", "mint", "-i", site_warc, "-i", PAPER, "-o", out]
    return Running(
        [*map(str, command), "--workers", str(workers), "--set", "crawl.sources.shard_bytes=800000"]
    )


def test_killed_and_run_again_with_other_workers(site_warc: Path, out: Path, tmp_path: Path) -> None:
    """First the whole command dies, then one task; each time it goes on where it was."""
    place = tmp_path / "out"
    process = _start(place, site_warc, 1)
    process.until(lambda: list(place.glob("extract/done/*.json")))
    process.kill()
    process.ended()
    done = {p: p.stat().st_mtime_ns for p in place.glob("*/done/*.json")}

    process = _start(place, site_warc, 2)
    process.until(lambda: list(place.glob("annotate/done/*.json")) and _tasks_of(process))
    for task in _tasks_of(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            task.send_signal(signal.SIGKILL)
    process.ended()

    process = _start(place, site_warc, 3)
    assert process.ended() == 0, process.stderr_text()
    assert {p: p.stat().st_mtime_ns for p in done} == done
    made = {(d["step"], d["dataset"]): d["rows"] for d in read_json("ls", place)}  # type: ignore[attr-defined]
    whole = {(d["step"], d["dataset"]): d["rows"] for d in read_json("ls", out)}  # type: ignore[attr-defined]
    assert made["export", "release"] == whole["export", "release"]


def test_sigterm_stops_cleanly(site_warc: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    process = _start(place, site_warc, 1)
    process.until(lambda: list(place.glob("extract/done/*.json")))
    process.send_signal(signal.SIGTERM)
    assert process.ended() == 143, process.stderr_text()
    assert "run the same command again to go on" in process.stderr_text()
