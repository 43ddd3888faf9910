"""Bring README.md's tables and picture up to date: committed results, the last benchmarks, a figure of chapter 6.

python book/tools/update_readme.py
"""

import base64
import json
import re
import sys
from pathlib import Path

import nbformat

from auxvae_lite.study import results

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "book/_static/traversals.png"
BENCH = ROOT / "tests/benchmarks/bench.json"
sys.path.append(str(BENCH.parent))


def tables():
    """The two tables, each with the Markdown before and after it."""
    from bench import table

    yield "```text\n", results.table(results.load("galaxies-headline")) + "\n", "```"
    yield "<!-- make bench -->\n", table(json.loads(BENCH.read_text())) + "\n", "<!-- end -->"


def main():
    """Write all three."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    for before, table, after in tables():
        whole = before + table + after
        text = re.sub(re.escape(before) + ".*?" + re.escape(after), lambda _, whole=whole: whole, text, flags=re.DOTALL)
    readme.write_text(text)
    notebook = nbformat.read(ROOT / "book/06_training.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "viz.traversals" in cell.source]
    (picture,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    main()
