"""Check the book's pages without running them: twins in step, outputs untouched, figures described, no part missing.

    python book/tools/check_notebooks.py [FOLDER]

Prints each problem with what to do about it, and exits 1 if there is one.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
import template
import yaml
from render import BOOK, LARGEST, chapters, check_parameters, read_twin, seal

RENDER = "run `make render CHAPTER={}`"
MACHINE_PATH = re.compile(r"(/home/|/root/|/tmp/|/Users/|site-packages)")
FILE_NAME = re.compile(r"\S+\.(png|jpe?g|svg|gif|webp)", re.IGNORECASE)
WIDEST = 90  # characters of code that a page shows without scrolling
SHORTEST_ALT = 20  # characters: below it, nothing is said about what a figure shows


def problems(folder=BOOK):
    """Every problem of the pages in a folder, as sentences."""
    found = []
    texts = chapters(folder)
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        if path.with_suffix(".py") not in texts:
            found.append(f"{path.name}: no text twin; write {path.stem}.py and render it")
    for path in texts:
        lacking = template.problems(read_twin(path), int(path.stem[:2]))
        found += [f"{path.name}: {problem}" for problem in lacking]
        twin = path.with_suffix(".ipynb")
        if not twin.exists():
            found.append(f"{path.name}: no executed twin; {RENDER.format(path.stem)}")
            continue
        found += [f"{twin.name}: {problem}" for problem in chapter_problems(path, twin)]
    for path in sorted(folder.rglob("*.md")):
        found += [f"{path.name}: {problem}" for problem in markdown_problems(path.read_text(encoding="utf-8"))]
    return [*found, *parameter_problems(folder)]


def chapter_problems(path, twin):
    """Problems of one chapter's pair of files."""
    text, notebook = read_twin(path), nbformat.read(twin, as_version=4)
    render = RENDER.format(path.stem)
    if len(text.cells) != len(notebook.cells):
        yield f"{len(notebook.cells)} cells, but {path.name} has {len(text.cells)}; {render}"
    for number, (source, executed) in enumerate(zip(text.cells, notebook.cells, strict=False), 1):
        for name in ("cell_type", "source", "metadata", "id"):
            if source[name] != executed[name]:
                yield f"cell {number}: its {name} differs from {path.name}; {render}"
    if text.metadata.get("kernelspec") != notebook.metadata.get("kernelspec"):
        yield f"its kernelspec differs from {path.name}; {render}"
    if set(notebook.metadata) - {"widgets"} != {"kernelspec", "language_info", "auxvae_lite"}:
        yield f"metadata {sorted(notebook.metadata)} is not what render.py leaves; {render}"
    if notebook.metadata.get("auxvae_lite", {}).get("outputs_sha256") != seal(notebook):
        yield f"a code cell or an output was changed after the run: its sha256 differs; {render}"
    if twin.stat().st_size > LARGEST:
        yield f"{twin.stat().st_size:,} bytes, above {LARGEST:,}; lower its figures' dpi"

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in code]
    if not tags or "remove-cell" not in tags[0]:
        yield "the first code cell is not the Colab set-up tagged remove-cell; copy it from another chapter"
    if sum("parameters" in names for names in tags) != 1:
        yield "not exactly one cell is tagged parameters; tag the cell with the chapter's defaults"
    for number, cell in enumerate(notebook.cells, 1):
        is_code = cell.cell_type == "code"
        found = [*width_problems(cell), *output_problems(cell)] if is_code else markdown_problems(cell.source)
        yield from (f"cell {number}: {problem}" for problem in found)


def width_problems(cell):
    """Lines of code, the cell's own or those that `show_source` shows, that a page would cut off."""
    shown = [output.data.get("text/markdown", "") for output in cell.outputs if "data" in output]
    if "remove-cell" not in cell.metadata.get("tags", []):
        shown.append(cell.source)
    for line in "\n".join(shown).splitlines():
        if len(line) > WIDEST:
            yield f"a line of {len(line)} characters ({line.strip()[:40]}...), above {WIDEST}; break it"


def output_problems(cell):
    """Problems of one code cell's outputs."""
    for output in cell.outputs:
        data = output.get("data", {})
        text = str(output.get("text", "")) + "".join(str(data[kind]) for kind in data if kind.startswith("text/"))
        if output.output_type == "error":
            yield f"it ends in {output.ename}; catch it in the cell and print it"
        if output.get("name") == "stderr":
            yield f"it writes to stderr ({output.text.strip()[:60]!r}); silence it in the cell"
        if found := MACHINE_PATH.search(text):
            yield f"its output names a path of this machine ({found[0]}); print the name alone"
        if any(kind.startswith("image/") for kind in data):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            if problem := alt_problem(alt):
                yield f'{problem}; say what it shows in the cell\'s mystnb={{"image": {{"alt": "..."}}}}'


def markdown_problems(source):
    """Problems of the images in Markdown text."""
    for alt in markdown_alts(source):
        if problem := alt_problem(alt):
            yield f"{problem}; write what it shows"


def markdown_alts(source):
    """The alt texts in Markdown text: one for each image, however it is written, empty where there is none."""
    yield from re.findall(r"!\[([^\]]*)\]\(", source)
    for tag in re.findall(r"<img\b[^>]*>", source):
        yield "".join(re.findall(r"""\balt=["']([^"']*)""", tag))
    for options in re.findall(r"[`:]{3,}\{(?:figure|image)\}.*\n((?::[\w-]+:.*\n)*)", source):
        yield "".join(re.findall(r":alt:(.*)", options))


def alt_problem(alt):
    """What is wrong with an alt text, or None."""
    alt = alt.strip()
    if FILE_NAME.fullmatch(alt):
        return f"an image has a file name as alt text ({alt})"
    if len(alt) < SHORTEST_ALT:
        return f"an image has an alt text of {len(alt)} characters ({alt!r}), below {SHORTEST_ALT}"
    return None


def parameter_problems(folder):
    """Problems of params/fast.yaml: it has to have a set for every chapter, and only names that chapters know."""
    table = yaml.safe_load((folder / "params/fast.yaml").read_text(encoding="utf-8"))
    names = {path.stem: path for path in chapters(folder)}
    for name in sorted(names.keys() ^ table.keys()):
        yield f"params/fast.yaml: {name} is {'missing' if name in names else 'no chapter'}"
    for name in names.keys() & table.keys():
        if names[name].with_suffix(".ipynb").exists():
            try:
                check_parameters(names[name].with_suffix(".ipynb"), table[name])
            except ValueError as error:
                yield f"params/fast.yaml: {error}"


def main(arguments=None):
    """Print the problems of a folder of pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=BOOK, help="of the pages; the book's own without it")
    folder = parser.parse_args(arguments).folder
    if not (folder / "params/fast.yaml").is_file():
        parser.error(f"{folder} is no folder of pages: it has no params/fast.yaml")
    found = problems(folder)
    print("\n".join(found) or "the notebooks are as they should be")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
