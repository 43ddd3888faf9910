"""The book builds without a warning, and its pages hold together."""

import functools
import shutil
from urllib.parse import unquote, urlsplit

import build_book
import check_notebooks
import nbformat
import pytest
import render
import set_repository
import yaml
from bs4 import BeautifulSoup

ROOT = build_book.ROOT
CHAPTERS = [path.stem for path in render.chapters()]


def pages():
    """Names of the book's pages, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


@functools.cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def soup(html, page):
    return parsed(html / f"{page}.html")


def test_every_page_is_built(html):
    assert (html / "index.html").exists()
    assert set(f"book/{name}" for name in CHAPTERS) <= set(pages()), "a chapter is missing in _toc.yml"
    for page in pages():
        assert soup(html, page).article.h1


@pytest.mark.parametrize("page", pages())
def test_images_are_there_and_described(html, page):
    for image in soup(html, page).article.find_all("img"):
        assert not check_notebooks.alt_problem(image["alt"]), image
        if not urlsplit(image["src"]).scheme:
            assert (html / page).parent.joinpath(unquote(image["src"])).exists(), image


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_shows_its_figures_and_equations(html, chapter):
    article = soup(html, f"book/{chapter}").article
    notebook = nbformat.read(ROOT / f"book/{chapter}.ipynb", as_version=4)
    shown = [image["alt"] for image in article.find_all("img")]
    for cell in notebook.cells:
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            assert cell.metadata.mystnb.image.alt in shown
    tags = sum(cell.source.count(r"\tag{") for cell in notebook.cells if cell.cell_type == "markdown")
    assert tags and sum(math.text.count(r"\tag{") for math in article.select("div.math")) == tags


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_buttons_open_the_notebook_itself(html, chapter):
    slug = "{}/{}".format(*set_repository.current())
    links = {link["href"] for link in soup(html, f"book/{chapter}").select(".dropdown-launch-buttons a")}
    colab = f"https://colab.research.google.com/github/{slug}/blob/main/book/{chapter}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{slug}/main?urlpath=lab/tree/book/{chapter}.ipynb"
    assert links == {colab, binder}


def test_links_inside_the_book_resolve(html):
    every = [path for path in html.rglob("*.html") if "_static" not in path.parts]  # the theme's templates
    shown = {path.resolve(): parsed(path) for path in every}
    anchors = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in shown.items()}
    dead = []
    for path, page in shown.items():
        for name in ("href", "src"):
            for tag in page.find_all(attrs={name: True}):
                link = urlsplit(tag[name])
                if link.scheme or link.netloc or tag[name] == "#":
                    continue
                target = (path.parent / unquote(link.path)).resolve() if link.path else path
                if not target.exists() or (link.fragment and unquote(link.fragment) not in anchors.get(target, ())):
                    dead.append(f"{path.relative_to(html)}: {tag[name]}")
    assert len(every) > len(pages()) and not dead


def test_what_is_broken_fails_the_build(tmp_path, capfd, monkeypatch):
    small, broken = tmp_path / "small", tmp_path / "pages"  # a book of two pages, with our configuration
    broken.mkdir()
    (small / "book").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", small)
    shutil.copy(ROOT / "book/references.bib", small / "book")
    shutil.copytree(ROOT / "book/_static", small / "book/_static")
    toc = "format: jb-book\nroot: book/intro\nchapters:\n- file: book/notation\n"
    (small / "_toc.yml").write_text(toc, encoding="utf-8")
    (small / "book/intro.md").write_text("# A book\n", encoding="utf-8")
    monkeypatch.setattr(build_book, "ROOT", small)
    (broken / "notation.md").write_text("# N\n", encoding="utf-8")
    assert build_book.build(tmp_path / "whole", broken).is_file()
    (broken / "notation.md").write_text(
        "# N\n\n{cite:t}`nobody1900` [gone](gone.md) {eq}`none` ![a b](gone.png)", encoding="utf-8"
    )
    with pytest.raises(RuntimeError, match="does not build"):
        build_book.build(tmp_path, broken)
    said = capfd.readouterr().err
    for complaint in ("nobody1900", "gone.md", "equation not found: none", "gone.png"):
        assert complaint in said
