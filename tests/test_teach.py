"""What a teacher hands out is what the chapters give, holds no answer, and stops where a student has to write."""

import ast
import re
from pathlib import Path

import make_slides
import make_student
import make_teach
import nbclient
import nbformat
import pytest
import render
import template
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = render.chapters()
FAST = yaml.safe_load((render.BOOK / "params/fast.yaml").read_text(encoding="utf-8"))
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def copy_of(chapter):
    return nbformat.read(render.BOOK / f"teach/student/{chapter.stem}.ipynb", as_version=4)


def test_what_is_handed_out_is_current():
    stale = [path.name for path in make_teach.stale()]
    assert not stale, "run `make teach`"


@each_chapter
def test_a_copy_is_a_notebook_without_answers(chapter):
    copy, whole = copy_of(chapter), render.read_twin(chapter)
    nbformat.validate(copy)
    assert not any(cell.get("outputs") for cell in copy.cells)
    text = "\n\n".join(cell.source for cell in copy.cells)
    answers = [template.prediction(whole)[1], *(answer for _, answer in template.questions(whole))]
    answers += [make_slides.folded(template.prose(exercise.prose)) for exercise in template.exercises(whole)]
    assert len(answers) == 7 and not [answer for answer in answers if answer in text]
    assert "For the teacher" not in text
    for exercise in template.exercises(whole):
        (cell,) = exercise.solutions
        node = template.function(cell.source)
        assert ast.get_source_segment(cell.source, node.body[-1]) not in text
        assert f'raise NotImplementedError("Exercise {exercise.number}: {node.name}")' in text
    links = "\n\n".join(cell.source for cell in copy.cells if cell.cell_type == "markdown")
    assert not re.search(r"\]\((?!https?://)", links), "a copy may lie alone in a folder"


@pytest.mark.usefixtures("copied_kernels")
@each_chapter
def test_a_copy_runs_alone_and_stops_at_each_stub_with_its_name(chapter, tmp_path):
    copy = copy_of(chapter)
    (place,) = [n for n, cell in enumerate(copy.cells) if "parameters" in cell.metadata.get("tags", [])]
    fast = "\n".join(f"{name} = {value!r}" for name, value in FAST[chapter.stem].items())
    copy.cells.insert(place + 1, nbformat.v4.new_code_cell(fast))
    run = nbclient.NotebookClient(copy, allow_errors=True, resources={"metadata": {"path": tmp_path}}).execute()
    errors = [o for cell in run.cells for o in cell.get("outputs", []) if o.output_type == "error"]
    whole = template.exercises(render.read_twin(chapter))
    names = [f"Exercise {e.number}: {template.function(e.solutions[0].source).name}" for e in whole]
    assert errors[0].ename == "NotImplementedError", errors[0].evalue
    raised = dict.fromkeys((e.ename, e.evalue) for e in errors if e.ename != "NameError")  # of what a stub did not make
    assert list(raised) == [("NotImplementedError", name) for name in names]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'import os\n\n\n@cache\ndef f(\n    x,  # m\n):\n    """Area.\n\n    Long.\n    """\n    # !\n    return 1',
            'import os\n\n\n@cache\ndef f(\n    x,  # m\n):\n    """Area.\n\n    Long.\n    """\n'
            '    raise NotImplementedError("Exercise 1.3: f")',
        ),
        (
            "def f():\n    'Two.'\n\n    def g():\n        return 2\n\n    return g()",
            "def f():\n    'Two.'\n    raise NotImplementedError(\"Exercise 1.3: f\")",
        ),
    ],
)
def test_a_stub_keeps_what_stands_above_the_body(source, expected):
    assert make_student.stub(source, "1.3") == expected


@pytest.mark.parametrize(
    "source", ["f = 1", "def f():\n    return 1", "def f(): 'One.'; return 1", "def f():\n    'One.'\n\n\nf()", ""]
)
def test_what_is_no_single_function_gets_no_stub(source):
    with pytest.raises(ValueError, match="a solution"):
        make_student.stub(source, "1.3")


def test_answers_go_and_other_folded_parts_stay():
    fold = "<details{}><summary>{}</summary>\n\nhidden\n\n</details>".format
    assert make_student.without_answers(fold("", "The algebra"), "The bound") == fold("", "The algebra")
    assert make_student.without_answers(fold("", "The algebra"), "Quiz") == "*Your answer:*"
    assert make_student.without_answers(fold("", "Why"), "Exercises") == ""
    assert make_student.without_answers(fold("", "One answer"), "The bound") == ""
    assert make_student.without_answers(fold(' class="instructor"', "For the teacher"), "Further reading") == ""
    with pytest.raises(ValueError, match="a folded answer in 'Quiz'"):
        make_student.without_answers("<details><summary>Answer</summary>hidden</details>", "Quiz")


def test_the_copy_of_a_chapter_that_is_gone_is_stale(tree):
    student = tree / "book/teach/student"
    (student / "66_gone.ipynb").write_text("", encoding="utf-8")
    (tree / "book/teach/quizzes.md").write_text("", encoding="utf-8")
    assert {path.name for path in make_teach.stale(tree / "book")} == {"66_gone.ipynb", "quizzes.md"}


@each_chapter
def test_slides_hold_equations_figures_and_questions(chapter):
    notebook = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    shown = list(make_slides.slides(notebook))
    text, notes = ("\n\n".join(part) for part in zip(*shown, strict=True))
    everything = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    open_text = template.FOLDED.sub("", everything)
    parts = template.sections(notebook)
    cells = [piece for title, pieces in parts if title != "Exercises" for piece in pieces if not isinstance(piece, str)]
    figures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert len(shown) > 5 and text.count("<img") == figures
    assert re.findall(r"\\tag\{([\d.]+)", text) == re.findall(r"\\tag\{([\d.]+)", open_text)
    for question, answer in [template.prediction(notebook), *template.questions(notebook)]:
        assert make_slides.one_line(question) in make_slides.one_line(text)
        assert answer in notes and answer not in text


def test_slides_leave_out_what_does_not_fit():
    assert make_slides.fits("a\nb") and not make_slides.fits("a\n" * 20) and not make_slides.fits("a" * 200)
    assert make_slides.packed([("a", 300), ("b", 300), ("c", 300)]) == (["a\n\nb", "c"], make_slides.ROOM - 300)
    assert make_slides.without_docstring('def f():\n    """One."""\n    return 1') == "def f():\n    return 1"


def test_wide_equations_are_broken_at_their_gaps():
    long = "a" * 60
    wide = rf"$$ {long}, \qquad {long}. \tag{{1.2, the paper's Eq. 3}} $$"
    broken = f"$$\n\\begin{{gathered}}{long}, \\\\[0.4em] {long}.\\end{{gathered}}\\tag{{1.2}}\n$$"
    assert make_slides.narrow(wide) == broken
    inside = rf"$$\text{{{long} \qquad {long}}} \tag{{1.2}}$$"
    assert make_slides.narrow(inside) == inside


def test_the_browser_tests_draw_the_slides_with_the_same_reveal():
    assert f" {make_slides.REVEAL} " in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("line_break", [r"\cr", r"\\"])
def test_each_line_of_an_equation_takes_room(line_break):
    one, two = (list(make_slides.items([rf"$$a {gap} b \tag{{1.1}}$$"], False)) for gap in ("", line_break))
    assert two[0][1] == one[0][1] + 70
