"""The README says what is so: its table, its picture and its five lines."""

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import update_readme

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_tables_are_the_committed_results_and_benchmarks():
    for before, table, after in update_readme.tables():
        assert before + table + after in README, "run `make readme`"


def test_the_picture_is_the_chapters():
    cells = json.loads((ROOT / "book/06_training.ipynb").read_text())["cells"]
    (cell,) = [cell for cell in cells if "viz.traversals" in "".join(cell["source"])]
    (picture,) = [out["data"]["image/png"] for out in cell["outputs"] if "image/png" in out.get("data", {})]
    committed, shown = (ROOT / "book/_static/traversals.png").read_bytes(), base64.b64decode(picture)
    assert hashlib.sha256(committed).digest() == hashlib.sha256(shown).digest(), "run `make readme`"  # no diff of bytes


def test_the_five_lines_run_and_so_does_what_follows_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train, use = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(train.strip().splitlines()) == 5
    rng = np.random.default_rng(0)
    names = {"images": rng.random((60, 1, 28, 28)), "factors": rng.random((60, 2)) * [5, 90]}
    exec(train.replace("epochs=10", "epochs=1"), names)
    exec(use, names)
    assert (tmp_path / "model.safetensors").is_file()
