"""The committed chapters are as they should be, and every check goes red when it ought to."""

import re
import shutil

import check_notebooks
import nbformat
import pytest
import render

CHAPTER = "06_training"
HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

"""


@pytest.fixture
def book(tmp_path):
    """A copy of one chapter, of the other pages and of the parameters, to tamper with."""
    for pattern in (f"{CHAPTER}.*", "*.md", "teach/*.md", "params/*.yaml"):
        for path in render.BOOK.glob(pattern):
            target = tmp_path / path.relative_to(render.BOOK)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def first_with(notebook, mark):
    """The first code cell with an output of that mark: a kind of data, or a stream's name."""
    return next(
        (cell, output)
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.get("name") == mark or mark in output.get("data", {})
    )


def change_digit(notebook):
    output = next(o for c in code_cells(notebook) for o in c.outputs if re.search(r"\d", o.get("text", "")))
    output.text = re.sub(r"\d", lambda match: str((int(match[0]) + 1) % 10), output.text, count=1)


def change_picture(notebook):
    data = first_with(notebook, "image/png")[1].data
    data["image/png"] = data["image/png"].replace("A", "B", 1)


def change_code(notebook):
    code_cells(notebook)[-1].source += "\n# changed"


def change_prose(notebook):
    notebook.cells[0].source += " changed"


def change_tags(notebook):
    next(cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])).metadata.tags = []


def keep_setup_visible(notebook):
    code_cells(notebook)[0].metadata.tags = []


def drop_cell(notebook):
    del notebook.cells[-1]


def remove_alt(notebook):
    del first_with(notebook, "image/png")[0].metadata["mystnb"]


def name_file_as_alt(notebook):
    first_with(notebook, "image/png")[0].metadata.mystnb.image.alt = "figures/the-history-of-the-loss.png"


def add_image_without_alt(notebook):
    notebook.cells[0].source += "\n![loss](loss.png)"


def add_stderr(notebook):
    code_cells(notebook)[-1].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="a warning"))


def add_error(notebook):
    code_cells(notebook)[-1].outputs.append(nbformat.v4.new_output("error", ename="KeyError", evalue="", traceback=[]))


def add_machine_path(notebook):
    output = nbformat.v4.new_output("execute_result", {"text/plain": "'/home/ada/book/data'"})
    code_cells(notebook)[-1].outputs.append(output)


def leave_papermill(notebook):
    notebook.metadata["papermill"] = {"duration": 1.0}


def leave_execution(notebook):
    code_cells(notebook)[-1].metadata["execution"] = {"iopub.status.busy": "2026-01-01"}


def change_kernel(notebook):
    notebook.metadata.kernelspec.name = "conda-env-py"


def widen(notebook):
    code_cells(notebook)[-1].source += "\n# " + "x" * check_notebooks.WIDEST


def show_wide_source(notebook):
    data = {"text/markdown": "```python\n" + "x" * (check_notebooks.WIDEST + 1) + "\n```"}
    code_cells(notebook)[-1].outputs.append(nbformat.v4.new_output("display_data", data=data))


def grow(notebook):
    code_cells(notebook)[-1].outputs.append(nbformat.v4.new_output("stream", text="x" * render.LARGEST))


def test_the_committed_notebooks_pass():
    assert not check_notebooks.problems()


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        (change_digit, "its sha256 differs"),
        (change_picture, "its sha256 differs"),
        (change_code, "its source differs"),
        (change_code, "its sha256 differs"),
        (change_prose, "its source differs"),
        (change_tags, "its metadata differs"),
        (change_tags, "not exactly one cell is tagged parameters"),
        (keep_setup_visible, "not the Colab set-up"),
        (drop_cell, "cells, but"),
        (remove_alt, "alt text of 0 characters"),
        (name_file_as_alt, "file name as alt text"),
        (add_image_without_alt, "alt text of 4 characters"),
        (add_stderr, "writes to stderr"),
        (add_error, "ends in KeyError"),
        (add_machine_path, "names a path of this machine (/home/)"),
        (leave_papermill, "is not what render.py leaves"),
        (leave_execution, "its metadata differs"),
        (change_kernel, "its kernelspec differs"),
        (grow, "above 1,000,000"),
        (widen, "a line of 92 characters"),
        (show_wide_source, "a line of 91 characters"),
    ],
)
def test_a_tampered_notebook_fails(book, tamper, complaint):
    path = book / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    tamper(notebook)
    nbformat.write(notebook, path)
    assert [found for found in check_notebooks.problems(book) if complaint in found]


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        (f"{CHAPTER}.py", "seed = 0", "seed = 1", "its source differs"),
        (f"{CHAPTER}.py", "\n# # ", "\n# # Another ", "its source differs"),
        (
            "params/fast.yaml",
            "degree: 2\n  epochs:",
            "degree: 2\n  epoch:",
            f"{CHAPTER} has no parameter epoch; its parameters are factors,",
        ),
        ("params/fast.yaml", f"{CHAPTER}:", "66_training:", "66_training is no chapter"),
        ("params/fast.yaml", f"{CHAPTER}:", "66_training:", f"{CHAPTER} is missing"),
        (f"{CHAPTER}.py", "## Break it on purpose", "## Break it", "0 headings '## Break it on purpose'"),
        (f"{CHAPTER}.py", "## Take-aways", "## Quiz", "2 headings '## Quiz'"),
        (f"{CHAPTER}.py", "## Check it by hand", "## Further reading", "stand in another order"),
        (f"{CHAPTER}.py", "**After this chapter you can**", "You will", "do not say **After this chapter you can**"),
        (f"{CHAPTER}.py", "# - write down", "# write down", "4 take-aways for 3 objectives"),
        (
            f"{CHAPTER}.py",
            "# - tell which term",
            "# - tell\n# - a\n# - b\n# - which term",
            "7 objectives; write three to",
        ),
        (f"{CHAPTER}.py", "**You need**", "Needed:", "do not say **You need**"),
        (f"{CHAPTER}.py", "**Time**:", "Time:", "do not say **Time**:"),
        (f"{CHAPTER}.py", "**Time**: 30 minutes", "**Time**: an evening", "names no minutes"),
        (f"{CHAPTER}.py", "6.2 (code, 10 minutes)", "6.2 (code)", "its exercises are"),
        (f"{CHAPTER}.py", "### Exercise 6.1", "### Exercise 5.1", "its exercises are"),
        (
            f"{CHAPTER}.py",
            'tags=["solution"]',
            'tags=["key"]',
            "6.1 (pen, 5 minutes): 0 cells tagged solution",
        ),
        (f"{CHAPTER}.py", "# %%\nimport warnings", '# %% tags=["solution"]\nimport warnings', "stands outside"),
        (f"{CHAPTER}.py", "def between(", "scale = 1\n\n\ndef between(", "a solution cell holds one function"),
        (f"{CHAPTER}.py", 'check("beta-VAE, the', 'between\n\n# %%\ncheck("beta-VAE, the', "does not call between"),
        (f"{CHAPTER}.py", "<summary>Why</summary>\n#\n", "<summary>Why</summary>\n", "1 of 8 folded parts are not"),
        (f"{CHAPTER}.py", "# </details>", "#", "8 <details> are opened and 7 closed"),
        (f"{CHAPTER}.py", "**3.** You try", "You try", "the questions 1, 2; write three"),
        (f"{CHAPTER}.py", ' class="instructor"', "", 'not exactly one <details class="instructor">'),
        (f"{CHAPTER}.py", "# ## Take-aways", "# :::{note}\n# ## Take-aways", ":::{note} is raw text in Colab"),
        (f"{CHAPTER}.py", "(6.3)", "{eq}`kl`", "{eq}` is raw text"),
        (f"{CHAPTER}.py", r"\tag{6.2}", r"\tag{6.1}", "its equations' tags are 6.1, 6.1"),
        (f"{CHAPTER}.py", r"\tag{6.2}", r"\tag{5.2}", "its equations' tags are 6.1, 5.2"),
        (f"{CHAPTER}.py", r"(x - \hat x)^2, \tag", r"\\ (x - \hat x)^2, \tag", r"equation {6.2} breaks a line with"),
        (f"{CHAPTER}.py", "few = train", "few = 1\n" * 15 + "few = train", "lines of code, above 15"),
        ("teach/schedules.md", "# Schedules", "# Schedules\n![](loss.png)", "alt text of 0 characters"),
        ("notation.md", "# Notation", "# Notation\n![](loss.png)", "alt text of 0 characters"),
        ("notation.md", "# Notation", '<img src="a.png">', "alt text of 0 characters"),
        ("notation.md", "# Notation", "```{figure} loss.png\n:name: loss\n```", "alt text of 0 characters"),
        ("notation.md", "# Notation", ":::{image} loss.png\n:alt: loss.png\n:::", "file name as alt text"),
    ],
)
def test_a_tampered_text_fails(book, name, old, new, complaint):
    text = (book / name).read_text(encoding="utf-8")
    assert old in text
    (book / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert [found for found in check_notebooks.problems(book) if complaint in found]


@pytest.mark.parametrize(
    "source",
    [
        "![The loss falls over epochs](a.png)",
        "<img src='a.png' alt='The loss falls over epochs'>",
        "```{figure} a.png\n:name: loss\n:alt: The loss falls over epochs\n```",
    ],
)
def test_described_images_pass(source):
    assert not list(check_notebooks.markdown_problems(source))


def test_a_chapter_without_its_twin_fails(book):
    (book / f"{CHAPTER}.ipynb").rename(book / "66_training.ipynb")
    found = check_notebooks.problems(book)
    assert [problem for problem in found if f"{CHAPTER}.py: no executed twin" in problem]
    assert [problem for problem in found if "66_training.ipynb: no text twin" in problem]


def test_a_misspelt_parameter_does_not_run(tmp_path):
    with pytest.raises(ValueError, match=f"{CHAPTER} has no parameter epoch; its parameters are factors,"):
        render.execute(render.BOOK / f"{CHAPTER}.py", tmp_path, {"epoch": 1})
    assert not list(tmp_path.iterdir())


def test_the_book_shows_the_defaults_alone(capsys):
    with pytest.raises(SystemExit):
        render.main(["--chapter", CHAPTER, "-p", "epochs", "1"])
    assert "give --out DIR" in capsys.readouterr().err


def test_rendering_twice_gives_the_same_file(tmp_path):
    source = tmp_path / "01_small.py"
    source.write_text(
        HEADER + '# %% tags=["parameters"]\nn = 2\n\n# %%\nprint(n)\n\n# %%\nprint(n)\n', encoding="utf-8"
    )
    first = render.execute(source, tmp_path / "a", cwd=tmp_path).read_text(encoding="utf-8")
    assert first == render.execute(source, tmp_path / "b", cwd=tmp_path).read_text(encoding="utf-8")
    ids = [cell.id for cell in nbformat.reads(first, as_version=4).cells]
    assert len(set(ids)) == 3 and ids[2] == f"{ids[1]}-2"
    given = nbformat.read(render.execute(source, tmp_path / "c", {"n": 3}, cwd=tmp_path), as_version=4)
    assert given.cells[-1].outputs[0].text == "3\n"


def test_a_failing_cell_leaves_no_notebook(tmp_path):
    source = tmp_path / "01_small.py"
    source.write_text(HEADER + "# %%\nraise KeyError('no such factor')\n", encoding="utf-8")
    with pytest.raises(Exception, match="no such factor"):
        render.execute(source, tmp_path / "a", cwd=tmp_path)
    assert not list((tmp_path / "a").glob("*"))


def test_a_chapter_without_a_kernel_is_refused(tmp_path):
    source = tmp_path / "01_small.py"
    source.write_text("# %%\nprint(1)\n", encoding="utf-8")
    with pytest.raises(ValueError, match="01_small.py names no kernel"):
        render.execute(source, tmp_path / "a", cwd=tmp_path)


def test_a_huge_notebook_is_refused(tmp_path):
    source = tmp_path / "01_small.py"
    source.write_text(HEADER + f"# %%\nprint('x' * {render.LARGEST})\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lower its figures' dpi"):
        render.execute(source, tmp_path / "a", cwd=tmp_path)
    assert not list((tmp_path / "a").glob("*"))


def test_text_alone_can_be_brought_up_to_date_and_code_cannot(tmp_path):
    source = tmp_path / "01_short.py"
    source.write_text(HEADER + "# %% [markdown]\n# before\n\n# %%\nprint(1 + 1)\n", encoding="utf-8")
    path = render.execute(source, tmp_path, cwd=tmp_path)
    source.write_text(source.read_text(encoding="utf-8").replace("before", "after"), encoding="utf-8")
    assert render.retell(source) == path
    retold = path.read_text(encoding="utf-8")
    assert render.execute(source, tmp_path, cwd=tmp_path).read_text(encoding="utf-8") == retold and "after" in retold
    source.write_text(source.read_text(encoding="utf-8").replace("1 + 1", "1 + 2"), encoding="utf-8")
    with pytest.raises(ValueError, match="01_short has other code than its notebook"):
        render.retell(source)
    with pytest.raises(SystemExit):
        render.main(["--text", "--out", str(tmp_path)])
