"""The files of the tree are the same bytes, and read the same, on every machine."""

import ast
import re
import subprocess

import conftest
import pytest
import set_repository

ROOT = set_repository.ROOT


def attributes(names):
    """What .gitattributes says of each file: {name: {attribute: value}}."""
    command = ["git", "check-attr", "-z", "--stdin", "text", "eol"]
    asked = subprocess.run(command, input="\0".join(names), cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    found, told = {}, iter(asked.stdout.split("\0"))
    for name, attribute, value in zip(told, told, told, strict=False):
        found.setdefault(name, {})[attribute] = value
    return found


def test_git_knows_of_each_file_whether_it_is_text():
    names = set_repository.files()
    told = attributes(names)
    assert len(told) == len(names) > 100
    for name, found in told.items():
        binary = b"\0" in (ROOT / name).read_bytes()
        wanted = {"text": "unset"} if binary else {"text": "set", "eol": "lf"}
        assert found.items() >= wanted.items(), f"{name}: add its kind to .gitattributes"
        assert binary or b"\r" not in (ROOT / name).read_bytes(), f"{name}: write line ends as \\n"


def without_encoding(source):
    """Lines that read or write text in whatever encoding the machine has."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            text = is_text([*modes, *node.args[1:2]])
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "open":
            text = is_text([*modes, *node.args[:1]])  # an archive's or a picture's takes a name first, which is no mode
        else:
            text = ast.unparse(node.func).endswith((".read_text", ".write_text")) and "files." not in ast.unparse(
                node.func
            )
        if text:
            yield node.lineno


def is_text(modes):
    """Whether a file opened in one of these modes, given as nodes of syntax, gives text; without a mode it does."""
    return not modes or all(re.fullmatch("[rwxat+]+", str(getattr(mode, "value", mode))) for mode in modes)


def test_text_is_read_and_written_as_utf_8():
    """Windows takes another encoding by itself."""
    found = []
    for name in set_repository.files():
        if name.endswith(".py"):
            found += [f"{name}:{line}" for line in without_encoding((ROOT / name).read_text(encoding="utf-8"))]
    assert not found, 'say encoding="utf-8" here: ' + ", ".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.read_text()", True),
        ("path.write_text(text)", True),
        ("Path(name).open()", True),
        ("path.open('w')", True),
        ("open(name)", True),
        ("open(name, mode='a')", True),
        ("open(name, 'rb')", False),
        ("path.open('wb')", False),
        ("path.read_text(encoding='utf-8')", False),
        ("open(name, encoding='utf-8')", False),
        ("files.write_text(path, text)", False),
        ("archive.open(name)", False),
        ("archive.open(name, 'w')", False),
    ],
)
def test_an_encoding_left_out_is_seen(source, found):
    assert list(without_encoding(source)) == [1] * found


def test_what_the_quick_tests_name_is_there():
    """A renamed test would come back into `make test-quick`, or fall out of it."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    named = set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
    assert named >= conftest.QUICK | conftest.SLOW
    files = {path.stem for folder in ("tests", "book") for path in (ROOT / folder).glob("*.py")}
    assert {*conftest.CHEAP, *conftest.DEAR} - files == {"units and doctests", "nbval"}


def test_tests_stay_together_where_they_share_something():
    same = [
        ["book/06_training.ipynb::Cell 1", "book/06_training.ipynb::Cell 2"],
        ["tests/test_book.py::test_every_page_is_built", "tests/test_book.py::test_images_are_there[book/01_data]"],
        ["tests/test_pretrained.py::test_again[cars-auxvae]", "tests/test_pretrained.py::test_again[cars-betavae]"],
        ["tests/test_pretrained.py::test_again[dsprites-auxvae]"],
        ["tests/test_browser.py::test_page[phone-book/intro]", "tests/test_browser.py::test_page[phone-book/api]"],
        ["tests/test_browser.py::test_page[desktop-book/intro]", "tests/test_browser.py::test_slides[01_data]"],
        ["tests/test_papermill.py::test_chapter_runs_alone[01_data]"],
        ["tests/test_papermill.py::test_chapter_runs_alone[02_prior]"],
    ]
    names = [set(map(conftest.together, tests)) for tests in same]
    assert {len(found) for found in names} == {1}
    assert len(set.union(*names)) == len(same)
