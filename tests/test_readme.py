"""The README says what is so: its numbers, its picture, its five lines, its map, its address."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import set_repository
import update_readme

import auxvae_lite
from auxvae_lite.study import results

PACKAGE = Path(auxvae_lite.__file__).parent
README = update_readme.README.read_text(encoding="utf-8")
BLOCKS = list(update_readme.blocks())
COLUMN = 40  # of the map, where a line's description begins


@pytest.mark.parametrize(("path", "name", "text"), BLOCKS, ids=[name for _, name, _ in BLOCKS])
def test_every_number_is_of_the_committed_results(path, name, text):
    assert update_readme.held(path, name) == text, "run `make readme`"


def test_the_picture_is_the_chapters():
    assert update_readme.PICTURE.read_bytes() == update_readme.picture() or not "run `make readme`"  # no diff of bytes


def test_make_readme_writes_what_is_missing_and_changes_nothing_else(tmp_path, monkeypatch):
    page, picture = tmp_path / "page.md", tmp_path / "picture.png"
    before = "# A\n<!-- make readme: one -->\n{}<!-- end -->\n<!-- make readme: two -->\n{}<!-- end -->\nb\\1\n"
    page.write_text(before.format("", "old\n"), encoding="utf-8")
    monkeypatch.setattr(update_readme, "blocks", lambda: [(page, "one", "1 ± 2"), (page, "two", "\\1\n3")])
    monkeypatch.setattr(update_readme, "PICTURE", picture)
    for _ in range(2):
        update_readme.main()
        assert page.read_text(encoding="utf-8") == before.format("1 ± 2\n", "\\1\n3\n")
    assert picture.read_bytes() == update_readme.picture()
    with pytest.raises(ValueError, match="page.md holds the lines .*three.* 0 times, not once"):
        update_readme.held(page, "three")


def test_a_number_that_a_chapter_no_longer_prints_is_named():
    with pytest.raises(ValueError, match="06_training.ipynb prints 'no such text' 0 times"):
        update_readme.printed("06_training", "no such text")


def test_the_findings_bound_what_they_say_of_every_run():
    """Bounds are rounded outwards, and the same runs give the least and the most as the pool."""
    said = " ".join(update_readme.held(update_readme.README, "findings").split())
    runs = update_readme.pool()
    least, most = (float(re.search(rf"at (?:{word}) ([\d.]+?\d)\b", said)[1]) for word in ("least", "most"))
    names = [name for name in results.FACTORS if name != "psf"]
    own = [run["scores"].get(f"corr_{name}", run["scores"].get(f"best_{name}")) for run in runs for name in names]
    read = [run["scores"].get(f"others_linear_{name}", 0) for run in runs for name in results.FACTORS]
    assert least <= min(own) < least + 1e-4 and most - 0.01 < max(read) <= most
    lds = [run["scores"]["lds"] for run in runs]
    assert f"{np.mean(lds):.3f} ± {np.std(lds, ddof=1):.3f} ({min(lds):.3f} to {max(lds):.3f})" in said
    assert f"of {len(runs)} runs" in said


def test_the_five_lines_run_and_so_does_what_follows_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train, use = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(train.strip().splitlines()) == 5
    rng = np.random.default_rng(0)
    table = {"size": rng.uniform(1, 5, 60), "angle": rng.uniform(0, 360, 60), "shape": rng.choice(["bar", "disk"], 60)}
    names = {"images": rng.random((60, 1, 28, 28)), "table": table}
    exec(train.replace("epochs=10", "epochs=1"), names)
    exec(use, names)
    assert (tmp_path / "model.safetensors").is_file() and names["image"].shape == (1, 1, 28, 28)
    assert names["model"].guided_dim == 5 and {"circular_angle", "accuracy_shape"} <= names["scores"].keys()


def test_the_readme_is_short_and_its_map_has_every_module():
    assert len(README.splitlines()) <= 110
    first, *rest = update_readme.held(update_readme.README, "map").splitlines()[1:-1]
    assert first.split()[0] == "auxvae_lite/"
    folder, named = PACKAGE, set()
    for line in rest:
        left = line[:COLUMN]
        assert left.endswith(" ") and line[COLUMN:].strip(), f"the description does not begin at {COLUMN}: {line}"
        if left.startswith("  ") and not left.startswith("   "):
            folder = PACKAGE
        for name in left.split():
            path = folder / name
            assert path.is_dir() if name.endswith("/") else path.with_suffix(".py").is_file(), f"no {name}: {line}"
            named.add(path.relative_to(PACKAGE).as_posix())
        if left.strip() in ("study/", "pages/"):
            folder = PACKAGE / left.strip()
    there = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in [*PACKAGE.glob("*"), *PACKAGE.glob("study/*"), *PACKAGE.glob("pages/*")]
        if (path.suffix == ".py" or path.is_dir()) and not path.name.startswith("__")
    }
    assert named == there, "the map lacks or has too much: change it in README.md, then run `make readme`"


def test_the_address_is_the_one_that_set_repository_changes():
    assert "\ngit clone https://github.com/{}/{}\n".format(*set_repository.current()) in README
    assert f"\ncd {set_repository.current()[1]}\n" in README


@pytest.mark.parametrize(
    ("every", "wanted", "unwanted"),
    [("", ["--seeds 0", "--chapter 06_training", "cp book/"], ["make_galaxies"]),
     ("ALL=1", ["make_galaxies"], ["--seeds", "--chapter", "cp book/"])],
)  # fmt: skip
def test_reproduce_makes_one_model_or_with_all_every_seed_and_chapter(every, wanted, unwanted):
    command = ["make", "-n", "reproduce", *every.split()]
    told = subprocess.run(command, cwd=update_readme.ROOT, capture_output=True, text=True, check=True).stdout
    for name in [*wanted, "make_evidence.py galaxies-headline", "render.py", "build_book.py", "study.results --pool"]:
        assert name in told
    assert not [name for name in unwanted if name in told]
    assert "\nmake reproduce " in README and "`make reproduce ALL=1`" in README


def test_links_lead_to_files():
    found = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(found) > 8
    assert not [name for name in found if not (update_readme.ROOT / name).is_file()]


def test_the_api_page_documents_every_module():
    page = update_readme.API.read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. automodule:: auxvae_lite\.(\S+)$", page, re.MULTILINE)
    there = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
        if path.name != "__main__.py" and re.search(r"^def |^class ", path.read_text(encoding="utf-8"), re.M)
    }
    assert len(shown) == len(set(shown)) and set(shown) == there - {"__init__"}, "api.md lacks or has too much"
    groups = re.findall(r"^## (.*)", page, re.MULTILINE)
    assert groups == ["The method", "The study", "The pages"]
