"""Every chapter runs by itself, in an empty folder, with a second set of parameters."""

import nbformat
import pytest
import render
import yaml

FAST = yaml.safe_load((render.BOOK / "params/fast.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("chapter", render.chapters(), ids=lambda path: path.stem)
def test_chapter_runs_alone(chapter, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    path = render.execute(chapter, tmp_path / "out", FAST[chapter.stem], cwd=empty)
    tags = [cell.metadata.get("tags", []) for cell in nbformat.read(path, as_version=4).cells]
    assert ["injected-parameters"] in tags
