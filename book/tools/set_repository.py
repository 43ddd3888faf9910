"""Change the repository's address everywhere: pyproject, badges, launch buttons, Colab cells, citation.

    python book/tools/set_repository.py https://github.com/OWNER/NAME

The old address is read from pyproject.toml; its repository and its GitHub Pages address are replaced in every file of
the tree that git does not ignore.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
from render import identify, seal

from auxvae_lite.files import write_text

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


def parse(url):
    """Owner and name in a repository's address.

    Raises:
        ValueError: if it is not on GitHub, where Colab and Binder look.
    """
    match = ADDRESS.fullmatch(url)
    if not match:
        raise ValueError(f"got {url!r}; write URL=https://github.com/OWNER/NAME")
    return match.groups()


def current():
    """Owner and name in pyproject.toml."""
    return parse(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"])


def files(root=ROOT):
    """Names of the files that git has or would take, without those deleted since."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def replace_everywhere(new):
    """Replace the current owner and name by `new`, and return the changed files' names."""
    old, changed = current(), {}
    for name in files():
        try:
            before = text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # binary
            continue
        for form in ("{}/{}", "{}.github.io/{}"):
            text = re.sub(rf"(?<![\w.-]){re.escape(form.format(*old))}(?![\w-])", form.format(*new), text)
        if text != before:
            changed[name] = sealed(ROOT / name, text) if name.endswith(".ipynb") else text
    for name, text in changed.items():  # only now: an error above leaves the tree as it was
        write_text(ROOT / name, text)
    return list(changed)


def sealed(path, text):
    """The changed text of a notebook with new ids and a new seal, if the old one was whole.

    Raises:
        ValueError: if the notebook was changed by hand before: a new seal would hide it.
    """
    before, after = nbformat.read(path, as_version=4), nbformat.reads(text, as_version=4)
    if before.metadata.auxvae_lite.outputs_sha256 != seal(before):
        raise ValueError(f"{path.name} was changed after its run; run `make render CHAPTER={path.stem}` first")
    identify(after)
    after.metadata.auxvae_lite.outputs_sha256 = seal(after)
    return nbformat.writes(after) + "\n"


def main(arguments=None):
    """Change the address and list the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", metavar="URL", help="https://github.com/OWNER/NAME")
    try:
        address = parse(parser.parse_args(arguments).url)
    except ValueError as error:
        parser.error(str(error))
    try:
        changed = replace_everywhere(address)
    except ValueError as error:
        sys.exit(f"set-repository: {error}")
    print("\n".join(changed) or "nothing to change: that is the address already")


if __name__ == "__main__":
    main()
