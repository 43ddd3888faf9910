"""`make set-repository` on a copy of the tree."""

import subprocess
import sys

import check_notebooks
import pytest
import set_repository

OLD, NEW = "{}/{}".format(*set_repository.current()), "ada-l/guided.latents"


def run(tree, *arguments):
    command = [sys.executable, tree / "book/tools/set_repository.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_address_changes_everywhere(tree):
    holders = [
        name for name in set_repository.files(tree) if OLD in (tree / name).read_text(errors="ignore", encoding="utf-8")
    ]
    assert {"pyproject.toml", "_config.yml", "CITATION.cff", "book/06_training.ipynb"} <= set(holders)
    done = run(tree, f"https://github.com/{NEW}")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) >= set(holders)
    for name in holders:
        text = (tree / name).read_text(encoding="utf-8")
        assert OLD not in text and NEW in text, name
    assert "https://ada-l.github.io/guided.latents" in (tree / "_config.yml").read_text(encoding="utf-8")
    assert not check_notebooks.problems(tree / "book")
    made = subprocess.run([sys.executable, tree / "book/tools/make_teach.py"], capture_output=True, text=True)
    assert (made.returncode, made.stdout) == (0, ""), "the teaching pages are not what the chapters give"


@pytest.mark.parametrize("url", ["", "guided", "https://gitlab.com/a/b", "https://github.com/a", "git@github.com:a/b"])
def test_another_kind_of_address_is_refused(url, capsys):
    with pytest.raises(SystemExit, match="2"):
        set_repository.main([url])
    assert "write URL=https://github.com/OWNER/NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["https://github.com/a/b.c", "https://github.com/a/b.c/", "https://github.com/a/b.c.git"]
)
def test_an_address_is_read(url):
    assert set_repository.parse(url) == ("a", "b.c")


def test_a_notebook_changed_by_hand_is_not_sealed_again(tree):
    path = tree / "book/06_training.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"outputs_sha256": "', '"outputs_sha256": "0'), encoding="utf-8"
    )
    before = (tree / "pyproject.toml").read_text(encoding="utf-8")
    done = run(tree, f"https://github.com/{NEW}")
    assert (tree / "pyproject.toml").read_text(encoding="utf-8") == before
    assert done.returncode == 1 and "make render CHAPTER=06_training" in done.stderr
