"""Make what a teacher hands out, from the chapters: student copies, the quiz bank, the tables of the teaching pages.

    python book/tools/make_teach.py

The slides are made when the book is built (make_slides.py), since they show the chapters' figures.
"""

import argparse
import re

import set_repository
import template
from make_quizzes import quizzes
from make_student import student
from render import BOOK, chapters, read_twin

from auxvae_lite.files import write_text

BLOCK = re.compile(r"(<!-- make teach -->\n).*?(<!-- end -->)", re.DOTALL)


def teach(folder=BOOK):
    """What is made: a mapping of paths to texts."""
    known, pages = chapters(folder), folder / "teach"
    made = {pages / "student" / f"{path.stem}.ipynb": student(path) for path in known}
    made[pages / "quizzes.md"] = quizzes(known)
    for name, table in (("guide", guide_table(known)), ("slides", slides_table(known))):
        path = pages / f"{name}.md"
        made[path] = BLOCK.sub(
            lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", path.read_text(encoding="utf-8")
        )
    return made


def stale(folder=BOOK):
    """The files that are not what the chapters give, those of chapters that are gone included."""
    made = teach(folder)
    wrong = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return wrong + [path for path in sorted(folder.glob("teach/student/*.ipynb")) if path not in made]


def guide_table(known):
    """Chapters with their minutes and their student copies."""
    colab = "https://colab.research.google.com/github/{}/{}/blob/main/book/teach/student".format(
        *set_repository.current()
    )
    rows = ["| chapter | time, as the chapter says it | student copy |", "|---|---|---|"]
    for path in known:
        notebook = read_twin(path)
        chapter = f"{int(path.stem[:2])}. [{template.title(notebook)}](../{path.stem}.ipynb)"
        rows.append(f"| {chapter} | {template.time(notebook)} | [Colab]({colab}/{path.stem}.ipynb) |")
    return "\n".join(rows)


def slides_table(known):
    """Chapters with their slides; raw links, for the pages are made after Sphinx has looked for them."""
    rows = ["| chapter | slides |", "|---|---|"]
    for path in known:
        name = template.title(read_twin(path))
        link = f'<a href="../../slides/{path.stem}.html">open the slides of chapter {int(path.stem[:2])}</a>'
        rows.append(f"| {int(path.stem[:2])}. [{name}](../{path.stem}.ipynb) | {link} |")
    return "\n".join(rows)


def main():
    """Write what has changed, and remove the copies of chapters that are gone."""
    made = teach()
    for path in stale():
        if path in made:
            path.parent.mkdir(exist_ok=True)
            write_text(path, made[path])
        else:
            path.unlink()
        print(path.relative_to(BOOK.parent))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # none but --help
    main()
