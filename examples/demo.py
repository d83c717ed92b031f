"""The demo: serve the sample site on loopback, crawl it with the sample papers, publish, report.

    python examples/demo.py [--out demo-run] [--workers N]

Run it again and it goes on where it stopped; remove the output folder to start afresh.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from serve import serve

EXAMPLES = Path(__file__).resolve().parent
PORT = 8765


def main() -> int:
    """Serve, run, say where the report is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="demo-run", help="where to write (a folder)")
    parser.add_argument("--workers", type=int, default=1, help="workers of each step")
    arguments = parser.parse_args()
    try:
        server = serve(EXAMPLES / "site", PORT)
    except OSError:
        server = serve(EXAMPLES / "site")  # the port is taken: any other will do
    with server as (_, url):
        command = [
            sys.executable, "-m", "pipelines.cli", "run", "mint",
            "--input", url,
            "--input", str(EXAMPLES / "papers"),
            "--out", arguments.out,
            "--workers", str(arguments.workers),
            "--set", "crawl.fetch.follow=host",
        ]  # fmt: skip
        shown = ["kalemint", *command[3:]]
        print(
            f"The sample site is at {url} for as long as the demo runs.\n$ {shlex.join(shown)}\n", flush=True
        )
        status = subprocess.run(command, check=False).returncode
    if status == 0:
        installed = Path(sys.executable).with_name("kalemint")
        on_path = shutil.which("kalemint") or not installed.exists()
        name = "kalemint" if on_path else os.path.relpath(installed)
        print(
            f"\nNext: {name} ls {arguments.out}\n"
            f"      {name} verify {arguments.out}\n"
            f"      {name} why {arguments.out} {url.rstrip('/')}/about.html"
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
