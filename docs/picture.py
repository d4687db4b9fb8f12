"""Draws docs/run.svg: a live run as the terminal shows it, from a real execution of an example."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from penstock.wiring import workplace
from penstock_cli.render.progress import tree

ROOT = Path(__file__).resolve().parent.parent
FLOW = "examples/flows/each-file.yaml"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "penstock_cli", "run", FLOW, "--data", folder, "-o", "json"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        record = json.loads(done.stdout)
        with workplace(Path(folder)) as place:
            execution = place.store.load(record["id"])
        assert execution is not None
        console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
        console.print(Text(f"$ penstock run {FLOW}", style="bold"))
        console.print(tree(execution, str(execution.flow), datetime.now(UTC), most=50))
        for name, value in record["outputs"].items():
            console.print(f"{name}  {value}")
        console.save_svg(str(ROOT / "docs" / "run.svg"), title="penstock")


if __name__ == "__main__":
    main()
