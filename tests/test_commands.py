"""Every command says what it takes, and in one line what is wrong with what it was given: at once, and writes nothing.

Each runs as its file's or module's `__main__`, in this process: importing torch in forty others would take minutes.
"""

import os
import re
import runpy
import sys
import time
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {  # its folders: on the path for what it imports
    "auxvae_lite.pages.explorer": (),
    "auxvae_lite.study.results": (),
    **{f"data_scripts/{name}.py": ("data_scripts",) for name in ("make_cars3d", "make_dsprites", "make_evidence",
                                                                 "make_galaxies", "make_pretrained")},
    **{f"tests/{name}.py": ("tests",) for name in ("kills", "mutations")},
    **{f"tests/benchmarks/{name}.py": ("tests/benchmarks",) for name in ("bench", "sweep")},
    **{f"book/tools/{name}.py": ("book/tools",) for name in ("build_book", "check_notebooks", "make_authors",
                                                             "make_teach", "render", "set_repository",
                                                             "update_readme")},
}  # fmt: skip
BAD = [  # command, arguments, and what the line says
    ("auxvae_lite.pages.explorer", "", "the following arguments are required: FOLDER"),
    ("auxvae_lite.pages.explorer", "FILE/folder", r"its folder takes no new file.*FILE/folder/galaxies-auxvae\.js"),
    ("auxvae_lite.study.results", "nonsense", "no result nonsense; there are cars, cars-few"),
    ("auxvae_lite.study.results", "FILE.json", r"FILE\.json is no result file, or a damaged one"),
    ("data_scripts/make_cars3d.py", "--n 0", "argument --n: must be a whole number, at least 1; got '0'"),
    ("data_scripts/make_cars3d.py", "--engine torcs --models nowhere", "nowhere holds no car"),
    ("data_scripts/make_cars3d.py", "--n 3 --out FILE/cars", "its folder takes no new file.*FILE/cars"),
    ("data_scripts/make_dsprites.py", "--n 1.5", "argument --n: must be a whole number, at least 1; got '1.5'"),
    ("data_scripts/make_dsprites.py", "--n 737281", "n must be"),
    ("data_scripts/make_dsprites.py", "--official nowhere.npz", r"no file nowhere\.npz.*Get dsprites_ndarray"),
    ("data_scripts/make_dsprites.py", "--official nowhere.txt", r"must end in \.npz or \.hdf5"),
    ("data_scripts/make_dsprites.py", "--out FILE/sprites", "argument --out: .*its folder takes no new file"),
    ("data_scripts/make_evidence.py", "nonsense", "no experiment nonsense; choose of galaxies-headline"),
    (
        "data_scripts/make_evidence.py",
        "cars --scheduler nonsense",
        "a scheduler's address is tcp://HOST:PORT.*nonsense",
    ),
    ("data_scripts/make_evidence.py", "cars --device nonsense", "device.*nonsense"),
    ("data_scripts/make_evidence.py", "cars --workers 0", "argument --workers: must be a whole number, at least 1"),
    ("data_scripts/make_evidence.py", "cars --seeds -1 --out x.json", "argument --seeds"),
    ("data_scripts/make_evidence.py", "cars --out x.txt", r"--out must end in \.json, got x\.txt"),
    ("data_scripts/make_evidence.py", "cars --out FILE/x.json", r"its folder takes no new file.*FILE/x\.json"),
    ("data_scripts/make_evidence.py", "cars --out FILE.json", r"FILE\.json is no result file, or a damaged one"),
    ("data_scripts/make_galaxies.py", "--n 0", "argument --n: must be a whole number, at least 1; got '0'"),
    ("data_scripts/make_galaxies.py", "--seed -1", "argument --seed"),
    ("data_scripts/make_galaxies.py", "--n 1000000000000000", "need more memory than there is"),
    ("data_scripts/make_galaxies.py", "--out FILE/galaxies", "argument --out: .*its folder takes no new file"),
    ("data_scripts/make_galaxies.py", "--out .", "argument --out: .*it is a folder"),
    ("data_scripts/make_pretrained.py", "nonsense", "no model nonsense; choose of galaxies-auxvae"),
    ("data_scripts/make_pretrained.py", "--out FILE", "its folder takes no new file.*FILE/galaxies-auxvae"),
    ("tests/kills.py", "many", "argument N: invalid int value: 'many'"),
    ("tests/kills.py", "-1", "N must be 0 or more"),
    ("tests/mutations.py", "--only nonsense", "no formula has 'nonsense' in its name"),
    ("tests/mutations.py", "--workers 0", "--workers must be at least 1"),
    ("tests/benchmarks/bench.py", "--section nonsense", "argument --section: invalid choice: 'nonsense'"),
    ("tests/benchmarks/bench.py", "--out FILE/bench.json", "its folder takes no new file"),
    ("tests/benchmarks/sweep.py", "--tasks 0", "--tasks, --epochs and --repeats must be at least 1"),
    ("book/tools/build_book.py", "--notebooks nowhere", "no folder nowhere"),
    ("book/tools/build_book.py", "--out FILE", "its folder takes no new file"),
    ("book/tools/check_notebooks.py", "nowhere", r"nowhere is no folder of pages: it has no params/fast\.yaml"),
    ("book/tools/make_authors.py", "nonsense", "unrecognized arguments: nonsense"),
    ("book/tools/make_teach.py", "nonsense", "unrecognized arguments: nonsense"),
    ("book/tools/render.py", "--chapter nonsense", "no chapter 'nonsense'; the chapters are 01_data"),
    ("book/tools/render.py", "--out x --params nowhere.yaml", r"No such file or directory: 'nowhere\.yaml'"),
    ("book/tools/render.py", "--out x --params FILE", "must hold parameters keyed by chapter"),
    ("book/tools/render.py", "--out x -p epochs [", "while parsing"),
    ("book/tools/render.py", "--out FILE", "its folder takes no new file"),
    ("book/tools/set_repository.py", "", "the following arguments are required: URL"),
    ("book/tools/set_repository.py", "https://example.org", "write URL=https://github.com/OWNER/NAME"),
]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder, and return its exit status, output and complaint; it writes nothing."""
    (tmp_path / "FILE").write_text("no folder", encoding="utf-8")
    (tmp_path / "FILE.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def call(command, *arguments):
        for folder in COMMANDS[command]:
            monkeypatch.syspath_prepend(str(ROOT / folder))
        monkeypatch.setattr(sys, "argv", [str(ROOT / command), *arguments])
        before, start = dict(os.environ), time.monotonic()
        with pytest.raises(SystemExit) as caught, warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*found in sys.modules after import of package", RuntimeWarning)
            if command.endswith(".py"):
                runpy.run_path(str(ROOT / command), run_name="__main__")
            else:
                runpy.run_module(command, run_name="__main__")
        seconds = time.monotonic() - start
        for name in os.environ.keys() - before.keys():
            monkeypatch.delenv(name)
        assert sorted(os.listdir()) == ["FILE", "FILE.json"]
        assert seconds < 20, f"{seconds:.0f} s"
        return caught.value.code, *capsys.readouterr()

    return call


def test_every_command_is_here():
    """What reads its arguments, or does something when it is run, is in the list."""
    found = [
        path.relative_to(ROOT)
        for folder in ("auxvae_lite", "data_scripts", "tests", "book/tools")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r'^if __name__ == "__main__":|^parser = ', path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    names = {str(path) if path.parts[0] != "auxvae_lite" else ".".join(path.with_suffix("").parts) for path in found}
    names = {name.removesuffix(".__main__") for name in names}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown_and_nothing_done(command, call):
    status, output, complaint = call(command, "--help")
    assert (status, complaint) == (0, "")
    assert output.startswith("usage: ") and len(output) > 200


@pytest.mark.parametrize(("command", "arguments", "line"), BAD)
def test_a_wrong_argument_is_one_line_and_status_2(command, arguments, line, call):
    status, output, complaint = call(command, *arguments.split())
    print(f"\n{complaint}")
    assert (status, output) == (2, "")
    *usage, last = complaint.splitlines()
    assert "".join(usage).startswith("usage: ") and "error: " not in "".join(usage)
    assert re.search(f": error: .*{line}", last)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_refused(command, call):
    status, output, complaint = call(command, "--nonsense")
    assert (status, output) == (2, "") and ": error: " in complaint.splitlines()[-1]
