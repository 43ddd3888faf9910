"""The quiz bank: every chapter's prediction and quiz on one page, each answer folded below its question."""

import template
from render import read_twin

HEAD = """# Quiz bank

<!-- made by `make teach` from the chapters -->

Every chapter's opening prediction and its three questions, with answers. A prediction is worth asking twice: before the
chapter, when it is a guess, and after, when it is an explanation.
"""


def quizzes(chapters):
    """The page's text.

    Arguments:
        chapters: Paths of the text twins.
    """
    parts = [HEAD]
    for path in chapters:
        notebook = read_twin(path)
        parts.append(f"## {int(path.stem[:2])}. {template.title(notebook)}\n")
        parts.append(f"From the chapter: [{template.title(notebook)}](../{path.stem}.ipynb)\n")
        asked = [("Predict", *template.prediction(notebook))]
        asked += [(f"{n}.", *pair) for n, pair in enumerate(template.questions(notebook), 1)]
        for label, question, answer in asked:
            text = f"**{label}** {question}\n\n<details><summary>Answer</summary>\n\n{answer}\n\n</details>\n"
            parts.append(template.LINK.sub(r"](../\g<page>.\g<kind>\g<anchor>)", text))
    return "\n".join(parts)
