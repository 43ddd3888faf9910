"""Student copies: a chapter whose three solutions are stubs, and whose answers are gone."""

import re

import nbformat
import set_repository
import template
from render import clean, identify, read_twin

ANSWERED = {"Predict first": "*Your answer:*", "Quiz": "*Your answer:*", "Exercises": ""}  # what stands for an answer


def student(chapter):
    """The text of a chapter's student copy.

    Arguments:
        chapter: Path of the text twin.

    Raises:
        ValueError: if a solution is not one function, or an answer would be left.
    """
    notebook = read_twin(chapter)
    for exercise in template.exercises(notebook):
        for cell in exercise.solutions:
            cell.source = stub(cell.source, exercise.number)
            cell.metadata.tags.remove("solution")
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts = re.split(r"^(?=## )", cell.source, flags=re.MULTILINE)
            for place, part in enumerate(parts):
                section = part[3:].partition("\n")[0].strip() if part.startswith("## ") else section
                parts[place] = without_answers(part, section)
            cell.source = relink("".join(parts), chapter.stem).strip()
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note on the text twin's layout
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    notebook.cells[0].source = re.sub(
        "(?m)^(# .*)$", r"\1\n\n*Student copy: three functions and four answers are yours to write.*",
        notebook.cells[0].source, count=1
    )  # fmt: skip
    identify(notebook)
    return nbformat.writes(clean(notebook)) + "\n"


def stub(source, exercise):
    r"""A solution's signature and docstring, and a body that raises the exercise's name.

    Example:
        >>> print(stub('def half(x):\n    "Half of x."\n    return x / 2', "1.2"))
        def half(x):
            "Half of x."
            raise NotImplementedError("Exercise 1.2: half")
    """
    node, lines = template.function(source), source.splitlines()
    docstring = node.body[0]
    body = f'raise NotImplementedError("Exercise {exercise}: {node.name}")'
    lines[docstring.end_lineno : node.end_lineno] = [" " * docstring.col_offset + body]
    return "\n".join(lines)


def without_answers(text, section):
    """A text without the answers that its section folds away, and without the teacher's note.

    Raises:
        ValueError: if something folded is left where answers stand.
    """

    def replace(match):
        teacher = 'class="instructor"' in match["options"]
        answers = re.search("answer|solution", match["summary"], re.IGNORECASE)
        if teacher or answers or section in ANSWERED:
            return "" if teacher else ANSWERED.get(section, "")
        return match[0]

    text = re.sub(r"\n{3,}", "\n\n", template.FOLDED.sub(replace, text))
    if "<details" in text and section in ANSWERED:
        raise ValueError(f"a folded answer in '{section}' has another form than CONTRIBUTING.md describes")
    return text


def relink(text, name):
    """Lead the badges to the copy, and links between pages to the published book: a copy may lie alone in a folder."""
    owner, repository = set_repository.current()
    text = text.replace(f"/book/{name}.ipynb", f"/book/teach/student/{name}.ipynb")
    return template.LINK.sub(rf"](https://{owner}.github.io/{repository}/book/\g<page>.html\g<anchor>)", text)
