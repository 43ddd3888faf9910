"""Every chapter runs by itself, in an empty folder, with a second set of parameters."""

import nbformat
import pytest
import render
import yaml

FAST = yaml.safe_load((render.BOOK / "params/fast.yaml").read_text(encoding="utf-8"))


pytestmark = pytest.mark.usefixtures("copied_kernels")


@pytest.mark.parametrize("chapter", render.chapters(), ids=lambda path: path.stem)
def test_chapter_runs_alone(chapter, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    path = render.execute(chapter, tmp_path / "out", FAST[chapter.stem], cwd=empty)
    tags = [cell.metadata.get("tags", []) for cell in nbformat.read(path, as_version=4).cells]
    assert ["injected-parameters"] in tags


def test_a_kernel_knows_nothing_of_us_nor_of_another(tmp_path):
    source = tmp_path / "01_small.py"
    header = "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Python 3\n#     name: python3\n# ---\n\n"
    code = "import os, sys, torch\nprint('torch' in sys.modules, 'auxvae_lite' in sys.modules, 'seen' in vars(torch))\n"
    code += "print(os.listdir(), [place for place in sys.path if place.endswith(('tests', 'tools'))])\ntorch.seen = 1\n"
    source.write_text(header + "# %%\n" + code, encoding="utf-8")
    for number in "12":
        (tmp_path / number).mkdir()
        notebook = nbformat.read(render.execute(source, tmp_path, cwd=tmp_path / number), as_version=4)
        assert "".join(output.text for output in notebook.cells[-1].outputs) == "True False False\n[] []\n"
