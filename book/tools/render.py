"""Execute chapters: the only writer of the .ipynb twins.

    python book/tools/render.py                                 every chapter, with its own defaults, beside its .py
    python book/tools/render.py --chapter 06_training           one chapter
    python book/tools/render.py --text                          text and metadata alone, where no code has changed
    python book/tools/render.py --out build/fast --params book/params/fast.yaml
    python book/tools/render.py --out build/try --chapter 06_training -p epochs 2

What is written beside the .py is what the book shows, so parameters other than the defaults need `--out`.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import papermill
import yaml

from auxvae_lite.files import check_writable, write_text

BOOK = Path(__file__).resolve().parents[1]
LARGEST = 1_000_000  # bytes; a larger notebook does not show on GitHub and makes every diff a burden

# The kernels inherit this: CI=1 keeps chapters quiet, and one thread gives the same sums on every machine.
os.environ |= {"CI": "1"} | {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}


def chapters(folder=BOOK):
    """The chapters' text twins, in the order of their numbers."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def read_twin(path):
    """The notebook that a text twin describes.

    Raises:
        ValueError: if the file has no header that names a kernel.
    """
    notebook = jupytext.read(path)
    if "kernelspec" not in notebook.metadata:
        raise ValueError(f"{path.name} names no kernel: begin it with the header (kernelspec) of another chapter")
    notebook.nbformat, notebook.nbformat_minor = 4, 5  # the first format whose cells have ids
    identify(notebook)
    return notebook


def identify(notebook):
    """Give each cell an id that follows its content, so that it stays when other cells change."""
    seen = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def seal(notebook):
    """The sha256 over every code cell's source and outputs: it breaks when either is changed by hand."""
    parts = [[cell.source, cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([parts, notebook.metadata.get("widgets")], sort_keys=True).encode()).hexdigest()


def check_parameters(path, given):
    """Raise if a chapter has no parameter of a given name: papermill alone accepts a misspelt one.

    Arguments:
        path: The notebook to execute.
        given: Mapping of names to values.

    Raises:
        ValueError: naming the unknown parameters and the known ones.
    """
    known = papermill.inspect_notebook(str(path))
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"{path.stem} has no parameter {', '.join(unknown)}; its parameters are {', '.join(known) or 'none'}"
        )


def execute(chapter, out, parameters=None, cwd=BOOK):
    """Execute one chapter and write its notebook.

    Arguments:
        chapter: Path of the text twin.
        out: Folder for the notebook, which is called as the chapter is.
        parameters: Values that replace the chapter's defaults.
        cwd: Folder that the kernel runs in.

    Returns:
        Path of the notebook.

    Raises:
        ValueError: for an unknown parameter, or a notebook above the allowed size.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, f"{chapter.stem}.ipynb")
        nbformat.write(read_twin(chapter), raw)
        check_parameters(raw, parameters or {})
        papermill.execute_notebook(
            str(raw), str(raw), parameters or {}, cwd=str(cwd), kernel_name="python3", progress_bar=False
        )
        notebook = nbformat.read(raw, as_version=4)
    return write(notebook, Path(out, f"{chapter.stem}.ipynb"))


def retell(chapter):
    """Bring text and metadata of a notebook up to date with its chapter, and keep the outputs that it has.

    Arguments:
        chapter: Path of the text twin; the notebook lies beside it.

    Returns:
        Path of the notebook.

    Raises:
        ValueError: if a line of code has changed, so that the outputs no longer belong to it.
    """
    path, twin = chapter.with_suffix(".ipynb"), read_twin(chapter)
    old = nbformat.read(path, as_version=4)
    before, after = ([cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (old, twin))
    if [cell.source for cell in before] != [cell.source for cell in after]:
        raise ValueError(f"{chapter.stem} has other code than its notebook: render it without --text")
    for executed, cell in zip(before, after, strict=True):
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    twin.metadata |= {name: old.metadata[name] for name in ("widgets",) if name in old.metadata}
    return write(twin, path)


def write(notebook, path):
    """Clean, seal and write a notebook; its path.

    Raises:
        ValueError: if it is above the allowed size.
    """
    text = nbformat.writes(clean(notebook)) + "\n"
    if len(text.encode()) > LARGEST:
        size = f"{len(text.encode()):,} bytes, above {LARGEST:,}"
        raise ValueError(f"{path.stem} makes a notebook of {size}; lower its figures' dpi")
    write_text(path, text)
    return path


def clean(notebook):
    """Keep what the book needs, drop what one run alone explains (times, versions, run ids), and seal the rest."""
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill's empty list
    kept = {name: notebook.metadata[name] for name in ("kernelspec", "widgets") if name in notebook.metadata}
    notebook.metadata = nbformat.from_dict(kept | {"language_info": {"name": "python"}})
    notebook.metadata["auxvae_lite"] = {"outputs_sha256": seal(notebook)}
    return notebook


def main(arguments=None):
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapter", metavar="NAME", help="one chapter, as 06_training; every chapter without it")
    parser.add_argument("--text", action="store_true", help="execute nothing; refused where code has changed")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the notebooks; beside the .py without it")
    parser.add_argument("--params", type=Path, metavar="FILE", help="YAML with parameters keyed by chapter")
    parser.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter, its value in YAML"
    )
    options = parser.parse_args(arguments)

    known = {path.stem: path for path in chapters()}
    if options.chapter and options.chapter not in known:
        parser.error(f"no chapter {options.chapter!r}; the chapters are {', '.join(known)}")
    if options.text and (options.params or options.p or options.out):
        parser.error("--text keeps the outputs that the book shows: it takes no --out, --params or -p")
    if (options.params or options.p) and not options.out:
        parser.error("the book shows the defaults: give --out DIR for a run with other parameters")
    try:
        table = yaml.safe_load(options.params.read_text(encoding="utf-8")) if options.params else {}
        single = {name: yaml.safe_load(value) for name, value in options.p}
        if not isinstance(table, dict):
            parser.error(f"{options.params} must hold parameters keyed by chapter")
        if options.out:
            check_writable(options.out / "any.ipynb")
    except (OSError, yaml.YAMLError) as error:
        parser.error(" ".join(str(error).split()))
    for name in [options.chapter] if options.chapter else known:
        try:
            if options.text:
                path = retell(known[name])
            else:
                path = execute(known[name], options.out or BOOK, table.get(name, {}) | single)
        except ValueError as error:
            sys.exit(f"render: {error}")
        print(path)


if __name__ == "__main__":
    main()
