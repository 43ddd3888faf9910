"""Bring README.md's table and picture up to date: the committed results, and a figure of chapter 6.

python book/tools/update_readme.py
"""

import base64
import re
from pathlib import Path

import nbformat

from auxvae_lite import results

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "book/_static/traversals.png"


def main():
    """Write both."""
    readme = ROOT / "README.md"
    table = results.table(results.load("galaxies-headline"))
    readme.write_text(
        re.sub(r"```text\n.*?```", lambda _: f"```text\n{table}\n```", readme.read_text(), flags=re.DOTALL)
    )
    notebook = nbformat.read(ROOT / "book/06_training.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "viz.traversals" in cell.source]
    (picture,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    main()
