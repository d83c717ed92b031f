"""The `kalemint` command. Heavy imports wait until a command needs them: `--help` is quick."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.screen_command import screen_command
from pipelines.terminal import print_json, print_table, size

app = typer.Typer(
    name="kalemint",
    help="Grow multimodal datasets: crawl, extract, filter, deduplicate and publish.\n\n"
    "Start with: kalemint run mint --input ./pages --out ./dataset",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 failed, 2 wrong configuration or input, 3 too many records failed, "
    "4 a run that is not whole, or a verdict of `screen --fail-on`, 143 stopped on request.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Out = Annotated[str, typer.Argument(help="A run's output: a folder, file:// or s3://bucket/prefix.")]
Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        "-i",
        help="File, folder, URL, s3:// prefix, or a list of them, one a line; may be repeated. WARC, "
        "HTML, PDF, LaTeX archives and images are told apart by content. kale: WebDataset tars, Parquet, "
        "CSV, TSV or JSONL of images with their texts, or folders of images. deepfake: images and videos in "
        "folders `real` and others, with a labels.csv, or NAME:FOLDER of a known data set.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="YAML file of parameters; inputs that it names are read where --input is not given.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="Start from a published set of parameters, e.g. mint, obelics, fineweb, kale, or modern (2026); "
        "--config and --set go over it. `kalemint presets` says what each is."
    ),
]
Settings = Annotated[
    list[str], typer.Option("--set", help="One parameter, e.g. filter.decide.min_words=50; may be repeated.")
]
Pools = Annotated[
    Path | None,
    typer.Option(
        help="YAML file of the cluster's pools: nodes, GPUs, memory, retries; `kalemint schema pools` says "
        "what it may hold. Without it: pools cpu, gpu-caption, gpu-train and spot.",
    ),
]
Pipeline = Annotated[str, typer.Argument(help="Name of a pipeline: mint, kale, full or deepfake.")]


@contextmanager
def _errors() -> Iterator[None]:
    """An error is one sentence on standard error and a meaningful exit status, never a traceback."""
    from components.core.errors import KalemintError
    from components.core.task import exit_code

    try:
        yield
    except KalemintError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(exit_code(error)) from None


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Options before any command."""
    if version:
        from components import __version__

        typer.echo(f"kalemint {__version__}")
        raise typer.Exit


@app.command()
def run(
    pipeline: Pipeline,
    out: Annotated[str, typer.Option("--out", "-o", help="Where to write: a folder or s3://bucket/prefix.")],
    input: Inputs = [],  # noqa: B006 - typer copies it
    preset: Preset = None,
    config: Config = None,
    set_: Settings = [],  # noqa: B006 - typer copies it
    workers: Annotated[int, typer.Option(help="Workers of each step.", min=1)] = 1,
    json_: Json = False,
) -> None:
    """Run a pipeline on this machine. The same command again goes on where it stopped.

    Example: kalemint run mint -i crawl.warc.gz -i papers/ -o out --set crawl.extract.html.mode=obelics
    Example: kalemint run kale -i pairs/ -o out --set teacher=Qwen/Qwen3-VL-8B-Instruct
    Example: kalemint run deepfake -i faces/ -i faceforensics:/data/ff++ -o out
    """
    with _errors():
        from components.core.errors import ConfigurationError
        from components.core.store import as_uri
        from pipelines.config import load_config, read_file, refuse_secrets
        from pipelines.run_record import RunRecord, input_uri

        if not input and config is not None:
            input = read_file(config)[1]
        if not input:
            raise ConfigurationError("No inputs: name them with --input, or under inputs in the config file.")
        refuse_secrets([*input, out])
        checked = load_config(pipeline, config, set_, preset)
        record = RunRecord(
            pipeline=pipeline,
            inputs=[input_uri(i) for i in input],
            out=as_uri(out),
            workers=workers,
            config=checked.model_dump(mode="json"),
        )
        _run(record, machine=json_)


def _run(record: Any, *, machine: bool) -> None:
    from components.core.store import open_store
    from pipelines.local import elapsed, run_local, watcher
    from pipelines.steps import PIPELINES

    _check_out(record.out)
    started = time.monotonic()
    watch = watcher(len(PIPELINES[record.pipeline]), machine=machine)
    try:
        run_local(record, watch)
    except KeyboardInterrupt:
        typer.echo("Interrupted; the same command goes on from here.", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None
    finally:
        watch.close()
    store = open_store(record.out)
    report = store.uri("report/report.html")
    from pipelines.inspection import Run

    counts = {m.step: m.counts for m in Run.open(record.out).primary()}
    if machine:
        print_json(
            {"out": record.out, "report": report, "counts": {k: c.model_dump() for k, c in counts.items()}}
        )
        return
    releases = [(step, what) for step, what in _RELEASES.items() if step in counts]
    read = next(counts[step].rows_in for step in ("extract", "read_pairs", "read_media") if step in counts)
    published = " and ".join(f"{counts[step].kept} {what}" for step, what in releases)
    typer.echo(f"\n{read} records read, {published} published in {elapsed(started)}.")
    if not all(counts[step].kept for step, _ in releases):
        typer.echo(
            f"Nothing was published. Most frequent reasons: {_top_reasons(counts) or 'there was no input'}."
        )
    for hint in _hints(counts) if "extract" in counts else []:
        typer.echo(hint)
    for step, what in releases:
        typer.echo(f"{what.capitalize() + ':':<11}{store.uri(step)}")
    typer.echo(f"{'Report:':<11}{report.removeprefix('file://')}")


_RELEASES = {"export": "documents", "export_captions": "captions", "publish_detectors": "detectors"}
"""Steps that write a release, and what its rows are."""


def _hints(counts: dict[str, Any]) -> list[str]:
    """What a person who did not set anything may have expected otherwise, and what to set."""
    hints = []
    if unfetched := int(counts["link_images"].counters.get("images_not_fetched", 0)):
        hints.append(
            f"{unfetched} images are shown by address only: --set crawl.images.fetch=true fetches them."
        )
    if other := counts["decide"].dropped.get("other_language", 0):
        hints.append(
            f"{other} documents are in another language: --set 'filter.decide.language=[]' keeps them all."
        )
    return hints


def _top_reasons(counts: dict[str, Any]) -> str:
    """The three most frequent reasons for which records were dropped or failed, with their steps."""
    found = [
        (number, f"{reason} ({step}, {number})")
        for step, tally in counts.items()
        for reasons in (tally.dropped, tally.failed)
        for reason, number in reasons.items()
    ]
    return ", ".join(text for _, text in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:3])


def _check_out(out: str) -> None:
    """Find out now, not in an hour, that nothing can be written there."""
    from components.core.store import open_store

    store = open_store(out)
    store.put(".probe", b"kalemint")
    store.delete(".probe")


app.command("screen")(screen_command)


@app.command("ls")
def list_(out: Out, json_: Json = False) -> None:
    """List the datasets of a run: schema, rows, shards, location."""
    with _errors():
        from pipelines.inspection import list_datasets

        found = list_datasets(out)
        if json_:
            print_json(found)
            return
        rows = [
            [
                d["step"],
                d["dataset"],
                d["schema"],
                f"{d['rows']:,}",
                str(d["shards"]),
                size(d["bytes"]),
                d["digest"][:12],
                f"skipped: {d['skipped']}" if d["skipped"] else d["location"].removeprefix("file://"),
            ]
            for d in found
        ]
        print_table("", ["step", "dataset", "schema", "rows", "shards", "size", "digest", "location"], rows)


@app.command("compile")
def compile_(
    pipeline: Pipeline,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - for standard output.")],
    to: Annotated[
        str, typer.Option("--to", help="kfp: IR YAML; kfp-manifest: Kubernetes Pipeline and PipelineVersion.")
    ] = "kfp",
    namespace: Annotated[str, typer.Option(help="Namespace of the manifests.")] = "kubeflow",
    pools: Pools = None,
    json_: Json = False,
) -> None:
    """Compile a pipeline for Kubeflow Pipelines."""
    with _errors():
        from pipelines.compile import compile_pipeline
        from pipelines.pools import read_pools

        text = compile_pipeline(pipeline, to, namespace=namespace, cluster=read_pools(pools))
        if str(output) == "-":
            typer.echo(text)
            return
        output.write_text(text)
        if json_:
            print_json({"pipeline": pipeline, "target": to, "file": str(output), "bytes": len(text)})
        else:
            typer.echo(f"Wrote {output} ({size(len(text))}).")


@app.command()
def components(json_: Json = False) -> None:
    """List the steps of every pipeline: what they read, what they write, why they drop records."""
    with _errors():
        from components.core.task import stage_class
        from pipelines.steps import PIPELINES

        found: list[dict[str, Any]] = []
        for pipeline, steps in PIPELINES.items():
            for step in steps:
                stage = stage_class(step.stage) if step.stage else None
                found.append(
                    {
                        "pipeline": pipeline,
                        "step": step.name,
                        "family": step.family,
                        "does": step.says,
                        "reads": dict(stage.consumes) if stage else {},
                        "writes": dict(stage.produces) if stage else {},
                        "reasons": [str(r) for r in stage.reasons] if stage else [],
                        "parameters": step.section,
                    }
                )
        if json_:
            print_json(found)
            return
        rows = [
            [
                f["step"],
                f["family"],
                f["does"],
                ", ".join(f["reads"].values()),
                ", ".join(f["writes"].values()),
                f["parameters"],
            ]
            for f in found
        ]
        print_table("", ["step", "family", "does", "reads", "writes", "parameters"], rows)


@app.command()
def presets(pipeline: Pipeline = "mint", json_: Json = False) -> None:
    """List the presets of a pipeline: published parameters, ready to use."""
    with _errors():
        from pipelines.config import presets as known

        found = known(pipeline)
        if json_:
            print_json(found)
        else:
            print_table("", ["preset", "what it is"], [[name, says] for name, says in found.items()])


@app.command()
def schema(
    of: Annotated[str, typer.Argument(help="Name of a pipeline, or `pools` for the file of --pools.")],
) -> None:
    """Print the JSON Schema of a pipeline's config file: every parameter, its default and its source."""
    with _errors():
        if of == "pools":
            import json

            from pipelines.pools import ClusterConfig

            typer.echo(json.dumps(ClusterConfig.model_json_schema(), indent=1))
            return
        from pipelines.config import json_schema

        typer.echo(json_schema(of))


@app.command()
def report(
    out: Out,
    save: Annotated[Path | None, typer.Option(help="Copy it to this local file, e.g. from s3://.")] = None,
    json_: Json = False,
) -> None:
    """Write the report of a run again and say where it is."""
    with _errors():
        from components.core.store import Stores
        from components.publish.describe import write_report
        from pipelines.inspection import Run

        Run.open(out)
        place = write_report(out)
        if save is not None:
            save.write_bytes(Stores().read(place))
            place = str(save)
        if json_:
            print_json({"report": place})
        else:
            typer.echo(place.removeprefix("file://"))


@app.command()
def verify(out: Out, json_: Json = False) -> None:
    """Read every shard of a run again: digests, schema, conservation. Exit status 4 if it is not whole."""
    with _errors():
        from dataclasses import asdict

        from pipelines.inspection import verify as check

        verdict = check(out)
        if json_:
            print_json(asdict(verdict))
        else:
            typer.echo(
                f"{verdict.datasets} datasets, {verdict.shards} shards, {verdict.rows:,} rows, "
                f"{size(verdict.bytes)} read."
            )
            for problem in verdict.problems:
                typer.echo(f"Problem: {problem}", err=True)
            if not verdict.problems:
                typer.echo("Everything is as the manifests say, and every step adds up.")
        if verdict.problems:
            raise typer.Exit(4)


@app.command()
def why(
    out: Out,
    record: Annotated[str, typer.Argument(help="Id of a document, image or source, or a page's URL.")],
    json_: Json = False,
) -> None:
    """Tell the story of one record: what every step decided about it, and why."""
    with _errors():
        from pipelines.inspection import why as tell

        story = tell(out, record)
        if json_:
            print_json(story)
            return
        rows = []
        for line in story:
            decided = ""
            if line["score"] is not None:
                decided = f"{line['score']:.4g}"
                if line["threshold"] is not None:
                    decided += f" against {line['threshold']:.4g}"
            rows.append(
                [
                    line["step"],
                    line["record_kind"],
                    line["action"],
                    line["reason"] or "",
                    decided,
                    line["detail"] or "",
                ]
            )
        print_table("", ["step", "record", "action", "reason", "score", "detail"], rows)


@app.command()
def retry(
    out: Out,
    reason: Annotated[
        str, typer.Option("--reason", help="Reason of the failures to do again, e.g. timeout.")
    ],
    step: Annotated[str | None, typer.Option(help="Only failures of this step.")] = None,
    json_: Json = False,
) -> None:
    """Do just those records again that failed for a reason, then everything that depends on them."""
    with _errors():
        from pipelines.inspection import Run, plan_retry

        record = Run.open(out).record
        asked = plan_retry(out, reason, step)
        if not json_:
            for name, number in asked.items():
                typer.echo(f"{name}: {number} records to do again", err=True)
        _run(record, machine=json_)


@app.command()
def plan(
    pipeline: Pipeline,
    input: Inputs,
    preset: Preset = None,
    config: Config = None,
    set_: Settings = [],  # noqa: B006 - typer copies it
    cluster: Annotated[
        Path | None,
        typer.Option(
            help="YAML file: nodes, cores, memory, prices; see examples/cluster.yaml. None: a laptop."
        ),
    ] = None,
    units: Annotated[
        int, typer.Option(help="Units of input in the pilot: more take longer and say more.", min=2)
    ] = 8,
    tokens: Annotated[
        float | None,
        typer.Option(help="Plan for a release of so many tokens instead of the input named, e.g. 1e12."),
    ] = None,
    tokens_per_word: Annotated[float, typer.Option(help="Tokens that a word is.", min=0.1)] = 1.33,
    runs: Annotated[
        int, typer.Option(help="Cut the input into so many runs, one after the other (one a crawl).", min=1)
    ] = 1,
    max_cost: Annotated[
        float | None, typer.Option(help="Exit with status 3 if the run may cost more than this.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="Keep the pilot's data here, as a run's output.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the plan to this Markdown file, too.")] = None,
    json_: Json = False,
) -> None:
    """Run a pilot on a sample and forecast the whole run: records, time, memory, storage, cost.

    Example: kalemint plan mint -i crawl/ --cluster cluster.yaml --max-cost 500
    """
    with _errors():
        from dataclasses import asdict

        from components.core.errors import BudgetExceeded, ConfigurationError
        from components.core.store import as_uri
        from pipelines import plan as planning
        from pipelines.cluster import read_cluster
        from pipelines.config import load_config, refuse_secrets
        from pipelines.run_record import input_uri

        refuse_secrets(input)
        if pipeline != "mint":
            raise ConfigurationError(f"A plan of {pipeline!r} can't be made yet: only `mint` has a pilot.")
        machine = read_cluster(cluster)
        checked = load_config(pipeline, config, set_, preset).model_dump(mode="json")
        pilot, found = planning.plan_run(
            pipeline,
            [input_uri(i) for i in input],
            checked,
            machine,
            units=units,
            tokens=tokens,
            tokens_per_word=tokens_per_word,
            runs=runs,
            keep=as_uri(keep) if keep else None,
            on_step=lambda line: typer.echo(f"pilot: {line}", err=True),
        )
        if markdown is not None:
            markdown.write_text(planning.markdown(pilot, found, machine, f"Plan of a {pipeline} run"))
        if json_:
            print_json(asdict(found))
        else:
            print_table("", ["", ""], [list(row) for row in planning.totals(pilot, found, machine)])
            typer.echo()
            print_table("", planning.STEP_COLUMNS, planning.step_rows(found))
            for note in found.notes:
                typer.echo(f"- {note}")
        if max_cost is not None and found.cost.high > max_cost:
            raise BudgetExceeded(
                f"The run may cost {found.cost.high:.4g} {machine.currency}, more than --max-cost "
                f"{max_cost:g}. Less input, another cluster or stricter filters make it cheaper."
            )


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
