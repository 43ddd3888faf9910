"""Slides made from executed chapters, with reveal.js; nothing in a chapter is written for them.

What slides take from a section: its first sentence, its numbered equations, each with the sentence that leads to it,
the italic sentences that begin a paragraph, its tables, lists and figures, short functions and printed tables. Answers
and the teacher's note go into the speaker's notes (press S).
"""

import ast
import re
import textwrap
from itertools import pairwise

import nbformat
import template
from nbconvert import SlidesExporter

from auxvae_lite.files import write_text

REVEAL = "reveal.js@5.2.1"  # the Makefile's `cdn` fetches the same
TEMPLATE = __file__.replace("make_slides.py", "slides.html.j2")
ROOM = 610  # pixels of a slide below its heading
HEADING = 75  # pixels of a second heading
SMALLEST = 380  # pixels of height that a figure gets; it takes what is left
LINES, COLUMNS = 13, 100  # of printed text or code that a slide can show
SENTENCE = re.compile(r"(?:(?<=[.?!])|(?<=[.?!][*)\"]))\s+(?=[A-Z*$\[`\"])")
BREAK = re.compile(r"\\\\|\\cr\b")  # of a line in an equation
PLAIN = ("$$", "|", "- ")  # beginnings of blocks that are no prose
CHECK = r"(.*: inside .* \+- .*\n?)+"  # what `check` prints
LEAD = re.compile(r"\*(?!\*)[^*]+?[.?!]\*")


def write(notebooks, folder):
    """Write the slides of some chapters.

    Arguments:
        notebooks: Paths of executed chapters.
        folder: Where the pages go, beside the folder `book` of the pages that they link to.
    """
    for path in notebooks:
        write_text(folder / f"{path.stem}.html", page(nbformat.read(path, as_version=4)))


def page(notebook):
    """The HTML of one chapter's slides."""
    shown = nbformat.v4.new_notebook(metadata={"title": template.title(notebook)})
    for text, notes in slides(notebook):
        for kind, source in (("slide", text), ("notes", notes)):
            if source:
                linked = template.LINK.sub(r"](../book/\g<page>.html\g<anchor>)", source)
                shown.cells.append(nbformat.v4.new_markdown_cell(linked, metadata={"slideshow": {"slide_type": kind}}))
    with open(TEMPLATE, encoding="utf-8") as file:
        exporter = SlidesExporter(raw_template=file.read(), exclude_input=False)
    exporter.reveal_url_prefix = f"https://cdn.jsdelivr.net/npm/{REVEAL}"
    return exporter.from_notebook_node(shown)[0]


def slides(notebook):
    """Pairs of a slide's Markdown and its notes."""
    parts = template.sections(notebook)
    before, _, after = template.opening(notebook).partition(template.OBJECTIVES)
    sentence, goals = before.strip().split("\n\n")[-1], after.strip().split("\n\n")[0]
    yield f"# {template.title(notebook)}\n\n{sentence}\n\n{template.OBJECTIVES}\n\n{goals}", teacher(notebook)
    waiting = None  # a slide, and the room that it has for another short section
    for title, pieces in parts[1:]:
        if title == "Predict first":
            question, answer = template.prediction(notebook)
            yield f"## {title}\n\n{question}", answer
            pieces = pieces[1:]  # what follows the question's cell
        if title == "Exercises":
            found = template.exercises(notebook)
            texts = [f"**{e.heading.removeprefix('Exercise ')}** {one_line(e.prose[0])}" for e in found]
            found, notes = spaced(texts), "\n\n".join(folded(template.prose(e.prose)) for e in found)
        elif title == "Quiz":
            asked = [(f"**{n}.** {q}", f"**{n}.** {a}") for n, (q, a) in enumerate(template.questions(notebook), 1)]
            found, notes = spaced(one_line(question) for question, _ in asked), "\n\n".join(a for _, a in asked)
        elif title == "Further reading":
            continue
        else:
            found, notes = items(pieces, checks=title.startswith("Check it")), ""
        small = title not in template.HEADINGS
        bodies, left = packed(found)
        if small and waiting and len(bodies) == 1 and HEADING + ROOM - left <= waiting[1]:
            waiting = f"{waiting[0]}\n\n## {title}\n\n{bodies[0]}", waiting[1] - HEADING - ROOM + left
            continue
        if waiting:
            yield waiting[0], ""
            waiting = None
        for body in bodies[:-1] if small else bodies:
            yield f"## {title}\n\n{body}", notes
        if small and bodies:
            waiting = f"## {title}\n\n{bodies[-1]}", left
    if waiting:
        yield waiting[0], ""


def teacher(notebook):
    """The teacher's note."""
    notes = template.FOLDED.finditer("\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"))
    return next((match["body"] for match in notes if match["summary"] == "For the teacher"), "")


def folded(text):
    """What the first folded part of a text says."""
    match = template.FOLDED.search(text)
    return match["body"] if match else ""


def one_line(text):
    """A text without line breaks."""
    return re.sub(r"\s+", " ", text).strip()


def sentences(text):
    """The sentences of a paragraph."""
    return SENTENCE.split(one_line(text))


def spaced(texts):
    """Paragraphs as items."""
    return [(text, height(text)) for text in texts]


def packed(found):
    """Items, in order, on as few slides as hold them; the slides, and the room left on the last."""
    bodies, room = [], 0
    for text, height in found:
        if height > room or not bodies:
            bodies.append([])
            room = ROOM
        bodies[-1].append(text)
        room -= height
    return ["\n\n".join(body) for body in bodies], room


def items(pieces, checks):
    """What slides show of a section: pairs of Markdown and its height in pixels; what `check` prints only if asked."""
    first, said = True, ""
    for piece, following in pairwise([*pieces, ""]):
        if not isinstance(piece, str):
            yield from outputs(piece, following, checks)
            continue
        for before, block in pairwise(["", *blocks_of(piece)]):
            text, tall = "", 0
            if block.startswith("$$"):
                lead = "" if before.startswith(PLAIN) else sentences(before)[-1]
                lead = "" if lead == said else lead[:1].upper() + lead[1:]
                if r"\tag{" in block:
                    equation = narrow(block)
                    text, tall = f"{lead}\n\n{equation}".strip(), 100 + 70 * len(BREAK.findall(equation)) + height(lead)
            elif block.startswith("|"):
                if not block.startswith("| symbol"):
                    text, tall = block, sum(46 * (1 + len(plain(row)) // 90) for row in block.splitlines()[1:])
            elif template.ITEM.match(block):
                short = [f"- {sentences(item)[0]}" for item in template.ITEM.split(block)[1:]]
                text, tall = "\n".join(short), sum(height(item) for item in short)
            elif first or LEAD.match(block):
                lead = LEAD.match(block)
                text = said = lead[0] if lead else sentences(block)[0]
                tall = height(text)
            if text:
                yield text, tall
            first = False


def narrow(equation):
    """An equation with the number alone as its tag, broken where it is long and has wide gaps."""
    equation = re.sub(r"\\tag\{([\w.]+)[^}]*\}", r"\\tag{\1}", equation)
    body, tag = re.fullmatch(r"\$\$(.*?)(\\tag\{.*?\})?\s*\$\$", equation, re.DOTALL).groups("")
    parts = [""]
    for part in re.split(r"\\qquad\s", body):
        if parts[-1].count("{") == parts[-1].count("}") and parts[-1]:
            parts.append(part)
        else:
            parts[-1] += (r"\qquad " if parts[-1] else "") + part
    if len(parts) == 1 or len(body) < 100 or "&" in body or BREAK.search(body):
        return equation
    return "$$\n\\begin{gathered}" + r" \\[0.4em] ".join(part.strip() for part in parts) + f"\\end{{gathered}}{tag}\n$$"


def blocks_of(text):
    """The paragraphs, equations, lists and tables of a Markdown text, without what is folded."""
    text = template.FOLDED.sub("", text)
    text = re.sub(r"\s*^(\$\$.*?\$\$)\s*", r"\n\n\1\n\n", text, flags=re.DOTALL | re.MULTILINE)
    return [block.strip() for block in text.split("\n\n") if block.strip()]


def height(text):
    """Pixels that a paragraph takes."""
    return 14 + 41 * (1 + len(plain(text)) // 76) if text else 0


def plain(text):
    """A text without addresses and LaTeX's commands."""
    return re.sub(r"\]\(.*?\)|\\[a-zA-Z]+|[\\{}$]", "", text)


def outputs(cell, following, checks):
    """What slides show of a code cell: figures with the sentence that follows, short functions, short printed text."""
    for output in cell.outputs:
        data = output.get("data", {})
        printed = re.sub(r"\n{2,}", "\n", output.get("text", "").strip("\n"))
        if "image/png" in data:
            alt = cell.metadata.mystnb.image.alt.replace('"', "&quot;")
            picture = data["image/png"].replace("\n", "")
            notice = (
                sentences(blocks_of(following)[0])[0] if isinstance(following, str) and blocks_of(following) else ""
            )
            notice = notice if len(notice) > 40 and not notice.startswith(PLAIN) else ""
            figure = f'<div class="figure r-stretch"><img alt="{alt}" src="data:image/png;base64,{picture}"></div>'
            yield f"{figure}\n\n{notice}", SMALLEST + height(notice)
        elif "```python" in data.get("text/markdown", ""):
            code = without_docstring(data["text/markdown"].strip().removeprefix("```python").removesuffix("```"))
            if fits(code):
                yield f"```python\n{code}\n```", 40 + 30 * code.count("\n")
        elif printed and fits(printed) and (checks or not re.fullmatch(CHECK, printed)):
            yield f"```\n{printed}\n```", 70 + 30 * printed.count("\n")


def fits(text):
    """Whether printed text is small enough for a slide."""
    lines = text.splitlines()
    return len(lines) <= LINES and max(map(len, lines)) <= COLUMNS


def without_docstring(source):
    """A function's source without its docstring."""
    source = textwrap.dedent(source).strip()
    try:
        node = ast.parse(source).body[0]
    except SyntaxError:
        return source
    lines = source.splitlines()
    if ast.get_docstring(node):
        del lines[node.body[0].lineno - 1 : node.body[0].end_lineno]
    return "\n".join(lines)
