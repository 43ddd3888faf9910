"""A chapter's parts, as CONTRIBUTING.md lists them: cut a chapter into them, and say what is missing."""

import ast
import re
from typing import NamedTuple

HEADINGS = (
    "Predict first",
    "Check it by hand",
    "Check it by Monte Carlo",
    "Break it on purpose",
    "What this does not tell you",
    "Exercises",
    "Quiz",
    "Take-aways",
    "Further reading",
)
KINDS = ("pen", "code", "think")  # of exercise, in this order
LONGEST = 15  # lines of code in a cell; imports, comments and empty lines do not count
FOLDED = re.compile(
    r"<details(?P<options>[^>]*)><summary>(?P<summary>[^\n]*)</summary>\n\n(?P<body>(?:(?!<details).)*?)\n\n</details>",
    re.DOTALL,
)
EXERCISE = re.compile(r"Exercise (?P<number>\d+\.\d) \((?P<kind>\w+), \d+ minutes\)")
QUESTION = re.compile(r"^\*\*(\d)\.\*\* ", re.MULTILINE)
ITEM = re.compile(r"^- ", re.MULTILINE)
OBJECTIVES, NEEDS, TIME = "**After this chapter you can**", "**You need**", "**Time**:"
DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
DIRECTIVE = re.compile(r"^ *(?::{3,}|`{3,})\{[\w:-]+\}|\{[\w:-]+\}`", re.MULTILINE)
LINK = re.compile(
    r"\]\((?P<page>(?!\w+:|#)[\w/.-]+)\.(?P<kind>ipynb|md)(?P<anchor>#[\w-]+)?\)"
)  # to a page of the book


class Exercise(NamedTuple):
    """One exercise: its heading, its prose (question, then what follows the code) and its code cells."""

    heading: str
    prose: list
    code: list

    @property
    def number(self):
        """The number in the heading, as 6.1, or None if the heading has another form."""
        match = EXERCISE.fullmatch(self.heading)
        return match and match["number"]

    @property
    def solutions(self):
        """The cells that hold a solution."""
        return [cell for cell in self.code if is_solution(cell)]


def is_solution(cell):
    """Whether a cell carries the tag."""
    return "solution" in cell.metadata.get("tags", [])


def sections(notebook):
    """The chapter cut at its `##` headings: pairs of a title, empty for what comes first, and a list of pieces.

    A piece is a Markdown text or a code cell.
    """
    found = [("", [])]
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            found[-1][1].append(cell)
            continue
        for place, part in enumerate(re.split(r"^## +", cell.source, flags=re.MULTILINE)):
            title, _, body = part.partition("\n") if place else ("", "", part)
            if place:
                found.append((title.strip(), []))
            if body.strip():
                found[-1][1].append(body.strip())
    return found


def prose(pieces):
    """The Markdown among some pieces, as one text."""
    return "\n\n".join(piece for piece in pieces if isinstance(piece, str))


def opening(notebook):
    """The Markdown before the first `##` heading."""
    return prose(sections(notebook)[0][1])


def title(notebook):
    """The chapter's title."""
    return re.match(r"# +(.*)", opening(notebook))[1]


def time(notebook):
    """What the chapter says about its minutes."""
    match = re.search(rf"{re.escape(TIME)}\s+(.*?)(?:\n\n|\Z)", opening(notebook), re.DOTALL)
    return re.sub(r"\s+", " ", match[1]).rstrip(".") if match else ""


def exercises(notebook):
    """The chapter's exercises, in order."""
    found = []
    for piece in dict(sections(notebook)).get("Exercises", []):
        if not isinstance(piece, str):
            if found:
                found[-1].code.append(piece)
            continue
        before, *parts = re.split(r"^### +", piece, flags=re.MULTILINE)
        if found and before.strip():
            found[-1].prose.append(before.strip())
        for part in parts:
            heading, _, question = part.partition("\n")
            found.append(Exercise(heading.strip(), [question.strip()], []))
    return found


def questions(notebook):
    """The quiz: a list of pairs, a question and its answer, empty if it is missing."""
    _, *parts = QUESTION.split(prose(dict(sections(notebook)).get("Quiz", [])))
    found = []
    for text in parts[1::2]:
        answer = FOLDED.search(text)
        found.append((text[: answer.start()].strip(), answer["body"]) if answer else (text.strip(), ""))
    return found


def prediction(notebook):
    """The first section's question and answer, empty if the answer is missing."""
    text = prose(dict(sections(notebook)).get("Predict first", []))
    answer = FOLDED.search(text)
    return (text[: answer.start()].strip(), answer["body"]) if answer else (text, "")


def function(source):
    """The function of a solution cell.

    Raises:
        ValueError: if the cell holds anything but one function with a docstring, and imports.
    """
    found = [node for node in ast.parse(source).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    if len(found) != 1 or not isinstance(found[0], ast.FunctionDef) or not ast.get_docstring(found[0]):
        raise ValueError("a solution cell holds one function with a docstring, and nothing else but imports")
    if found[0].body[0].lineno == found[0].lineno:
        raise ValueError("a solution's docstring stands on its own line")
    return found[0]


def calls(source):
    """Names of the functions that a cell calls."""
    found = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {node.id for node in found if isinstance(node, ast.Name)}


def problems(notebook, chapter):
    """What a chapter lacks, as sentences.

    Arguments:
        notebook: The chapter's cells.
        chapter: Its number, which its exercises and equations carry.
    """
    yield from opening_problems(notebook)
    titles = [name for name, _ in sections(notebook)]
    for heading in HEADINGS:
        if titles.count(heading) != 1:
            yield f"it has {titles.count(heading)} headings '## {heading}'; write one"
    shown = [name for name in titles if name in HEADINGS]
    if shown != sorted(shown, key=HEADINGS.index):
        yield f"its headings stand in another order than {', '.join(HEADINGS)}"
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    yield from folded_problems(text)
    yield from (f"{match[0].strip()} is raw text in Colab; write plain Markdown" for match in DIRECTIVE.finditer(text))
    tags = re.findall(r"\\tag\{(.*?)\}", text)
    own = re.compile(rf"{chapter}\.\d+[a-z]?\b")  # the paper's number may follow
    numbers = [match[0] for tag in tags if (match := own.match(tag))]
    if not tags or len(set(numbers)) < len(tags):
        yield rf"its equations' tags are {', '.join(tags) or 'missing'}; write \tag{{{chapter}.k}}, each once"
    for display in DISPLAY.findall(text):
        if r"\tag" in display and "\\\\" in display:
            tag = display.partition(r"\tag")[2].strip()
            yield rf"equation {tag} breaks a line with \\, which Sphinx wraps so that \tag fails; write \cr"
    if not prediction(notebook)[1]:
        yield "'## Predict first' has no folded answer"
    yield from exercise_problems(notebook, chapter)
    numbers = QUESTION.findall(prose(dict(sections(notebook)).get("Quiz", [])))
    if numbers != ["1", "2", "3"]:
        yield f"its quiz has the questions {', '.join(numbers) or 'none'}; write three, as '**1.** ...'"
    yield from (f"quiz question {n} has no folded answer" for n, (_, a) in enumerate(questions(notebook), 1) if not a)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", []):
            lines = len(re.findall(r"^(?! *(?:#|import |from |$))", cell.source, re.MULTILINE))
            if lines > LONGEST:
                yield f"cell {number}: {lines} lines of code, above {LONGEST}; split it"


def opening_problems(notebook):
    """Problems of what stands before the first heading, and of the take-aways that answer it."""
    text = opening(notebook)
    for part in (OBJECTIVES, NEEDS, TIME):
        if part not in text:
            yield f"its first cells do not say {part}"
    if TIME in text and not re.search(r"\d minutes?", time(notebook)):
        yield f"{TIME} names no minutes"
    verbs = len(ITEM.findall(text.partition(OBJECTIVES)[2]))
    if OBJECTIVES in text and not 3 <= verbs <= 5:
        yield f"it has {verbs} objectives; write three to five"
    kept = len(ITEM.findall(prose(dict(sections(notebook)).get("Take-aways", []))))
    if kept != verbs:
        yield f"it has {kept} take-aways for {verbs} objectives; write one for each"


def folded_problems(text):
    """Problems of the folded parts of a text."""
    opened, closed, whole = text.count("<details"), text.count("</details>"), len(FOLDED.findall(text))
    if opened != closed:
        yield f"{opened} <details> are opened and {closed} closed"
    elif whole != opened:
        yield (
            f"{opened - whole} of {opened} folded parts are not "
            "'<details><summary>Answer</summary>', an empty line, Markdown, an empty line, '</details>'"
        )
    notes = [match for match in FOLDED.finditer(text) if 'class="instructor"' in match["options"]]
    if len(notes) != 1 or notes[0]["summary"] != "For the teacher":
        yield 'not exactly one <details class="instructor"><summary>For the teacher</summary>'


def exercise_problems(notebook, chapter):
    """Problems of the exercises and their solutions."""
    found = exercises(notebook)
    expected = [f"### Exercise {chapter}.{place} ({kind}, ... minutes)" for place, kind in enumerate(KINDS, 1)]
    given = [re.sub(r"\d+ minutes", "... minutes", f"### {exercise.heading}") for exercise in found]
    if given != expected:
        yield f"its exercises are {', '.join(given) or 'missing'}; write {', '.join(expected)}"
    inside = sum(len(exercise.solutions) for exercise in found)
    if inside != sum(is_solution(cell) for cell in notebook.cells):
        yield "a cell tagged solution stands outside the exercises"
    for exercise in found:
        if not FOLDED.search(prose(exercise.prose)):
            yield f"{exercise.heading}: no folded Why"
        if len(exercise.solutions) != 1:
            yield f"{exercise.heading}: {len(exercise.solutions)} cells tagged solution; write one"
            continue
        (cell,) = exercise.solutions
        try:
            name = function(cell.source).name
        except ValueError as error:
            yield f"{exercise.heading}: {error}"
            continue
        following = exercise.code[exercise.code.index(cell) + 1 :]
        if not following or name not in calls(following[0].source):
            yield f"{exercise.heading}: the next code cell does not call {name}"
