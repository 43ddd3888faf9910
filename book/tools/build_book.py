"""Build the HTML from notebooks that are already executed.

    python book/tools/build_book.py                          the committed notebooks, into _build/html
    python book/tools/build_book.py --notebooks build/x --out build    others in their place, into build/_build/html

A broken reference, equation or link, or a stray page fails the build. The chapters' slides go into _build/html/slides.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import make_slides

from auxvae_lite.files import check_writable

ROOT = Path(__file__).resolve().parents[2]


def build(out=ROOT, notebooks=None):
    """Build the book.

    Arguments:
        out: Folder in which `_build` is made.
        notebooks: Folder with executed notebooks to show instead of the committed ones, or None.

    Returns:
        Path of the book's first page.

    Raises:
        RuntimeError: if the build warns about anything, or makes no page.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT
        if notebooks is not None:
            source = Path(folder)
            shutil.copytree(ROOT / "book", source / "book", ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
            shutil.copytree(notebooks, source / "book", dirs_exist_ok=True)
            for name in ("_config.yml", "_toc.yml"):
                shutil.copy(ROOT / name, source)
        program = Path(sys.executable).with_name("jupyter-book")  # the package has no `python -m`
        command = [program, "build", source, "--path-output", out, "--all", "-W", "-n", "--keep-going"]
        status = subprocess.run(command).returncode
        index = Path(out, "_build/html/index.html")
        if status or not index.exists():  # Jupyter Book 2 would exit 0 and write no page
            raise RuntimeError(f"the book does not build (exit {status}): mend the warnings above")
        make_slides.write(sorted(source.glob("book/[0-9][0-9]_*.ipynb")), index.parent / "slides")
    return index


def main():
    """Read the command line, build, and say which page to open."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebooks", type=Path, metavar="DIR", help="notebooks to show instead of the committed ones")
    parser.add_argument("--out", type=Path, default=ROOT, metavar="DIR", help="folder in which _build is made")
    options = parser.parse_args()
    if options.notebooks and not options.notebooks.is_dir():
        parser.error(f"no folder {options.notebooks}")
    try:
        check_writable(options.out / "_build/any")
    except OSError as error:
        parser.error(str(error))
    try:
        print(f"open {build(options.out, options.notebooks)}")
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
