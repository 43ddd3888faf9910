"""The pages in a real browser: equations drawn, images loaded, nothing wider than a phone, no error of ours."""

import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path

import pytest
import render
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "build/cdn/node_modules"  # `make cdn`: what pages load from content networks, for machines without one
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
REQUIRED = os.environ.get("AUXVAE_REQUIRE_BROWSER") == "1"
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PAGES = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
# Every Jupyter Book 1 page has sphinx-thebe's inline script twice, which no setting changes; nothing of ours uses it.
KNOWN = "Identifier 'THEBE_JS_URL' has already been declared"

# Where content networks keep a package's files; both lead into PARTS.
CDN = (
    re.compile(r"https://cdn\.jsdelivr\.net/npm/(?P<package>@[^/]+/[^/@]+|[^/@]+)@[^/]+/(?P<file>[^?]+)"),
    re.compile(r"https://cdnjs\.cloudflare\.com/ajax/libs/(?P<package>require)\.js/[^/]+/(?P<file>require)\.min\.js"),
)
WIDER_THAN_PAGE = """() => {
    const scrolls = e => ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX);
    const inside = e => e && e !== document.body && (scrolls(e) || inside(e.parentElement));
    return [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !inside(e.parentElement) && !scrolls(e))
        .map(e => `${e.tagName} ${e.className} ${(e.textContent || "").trim().slice(0, 40)}`);
}"""

# What sticks out of the current slide; inside an equation boxes have odd sizes, so the equation is taken as a whole.
OUTSIDE_SLIDE = """() => [...Reveal.getCurrentSlide().querySelectorAll("*:not(aside, aside *, mjx-container *)")]
    .map(e => [e, e.getBoundingClientRect()])
    .filter(([e, box]) => box.width && (box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || box.left < -1))
    .map(([e]) => `${e.tagName} ${e.className} ${(e.textContent || "").trim().slice(0, 40)}`)"""
SMALLEST = {"h1, h2, p, li, td": 20, "pre": 16, "mjx-container[display]": 14}  # pixels of type, of 720
SMALLEST_TYPE = """selector => {
    const seen = [...Reveal.getCurrentSlide().querySelectorAll(selector)].filter(e => !e.closest("aside"));
    return Reveal.getScale() * Math.min(...seen.map(e => parseFloat(getComputedStyle(e).fontSize)));
}"""


def local_copy(url):
    """The file in PARTS that an outside address stands for, or None."""
    for pattern in CDN:
        if match := pattern.match(url):
            package, file = match["package"], match["file"]
            path = PARTS / ("requirejs/require.js" if package == "require" else f"{package}/{file}")
            return next((p for p in (path, path.with_name(f"{path.name}.js")) if p.is_file()), None)
    return None


def serve_outside(route):
    """Answer an outside address from PARTS, or not at all: the tests never need a network."""
    copy = local_copy(route.request.url)
    if copy:
        route.fulfill(path=copy, headers={"Access-Control-Allow-Origin": "*"})
    else:
        route.abort()


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip that says how to get it; with AUXVAE_REQUIRE_BROWSER=1 a failure."""
    program = next(filter(None, map(shutil.which, NAMES)), None) or next(filter(os.path.exists, MAC), None)
    if not program:
        (pytest.fail if REQUIRED else pytest.skip)(f"no browser: install one of {', '.join(NAMES)}")
    arguments = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(html):
    """Address of a server that shows the built book."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=html)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", SIZES)
def test_page(browser, site, size, name):
    errors = []
    page = browser.new_page(viewport=SIZES[size])
    page.route(lambda url: not url.startswith(site), serve_outside)
    page.on("pageerror", lambda error: KNOWN not in str(error) and errors.append(str(error)))
    # An aborted outside address is reported with that address as its place: not ours.
    page.on("console", lambda m: m.type == "error" and m.location["url"].startswith(site) and errors.append(m.text))
    page.on("response", lambda r: r.status >= 400 and errors.append(f"{r.status} {r.url}"))
    page.goto(f"{site}/{name}.html", wait_until="load")

    if page.locator(".math").count():
        if PARTS.is_dir():
            page.wait_for_function("() => !document.querySelector('.math:not(:has(mjx-container))')")
            assert page.locator("mjx-merror").count() == 0, "MathJax could not read an equation"
        else:
            assert not REQUIRED, "run `make cdn`: without MathJax's files no equation is drawn"
    for image in page.locator("article img").all():
        assert len(image.get_attribute("alt")) >= 20
        if not image.get_attribute("src").startswith("http"):
            image.scroll_into_view_if_needed()
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    assert not page.evaluate(WIDER_THAN_PAGE)
    assert not errors
    page.close()


@pytest.mark.parametrize("name", [path.stem for path in render.chapters()])
def test_slides(browser, site, name):
    if not (PARTS / "reveal.js").is_dir():
        (pytest.fail if REQUIRED else pytest.skip)("run `make cdn`: without reveal.js no slide is drawn")
    errors = []
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.route(lambda url: not url.startswith(site), serve_outside)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and m.location["url"].startswith(site) and errors.append(m.text))
    page.goto(f"{site}/slides/{name}.html", wait_until="load")
    page.wait_for_function("() => window.Reveal && Reveal.isReady()")
    assert page.locator("section > section mjx-container").count() and not page.locator("mjx-merror").count()
    count = page.evaluate("Reveal.getTotalSlides()")
    assert count > 5
    for number in range(count):
        page.evaluate(f"Reveal.slide({number})")
        assert not page.evaluate(OUTSIDE_SLIDE), f"slide {number + 1}"
        for selector, smallest in SMALLEST.items():
            assert page.evaluate(SMALLEST_TYPE, selector) >= smallest, f"slide {number + 1}: {selector} is too small"
    assert not errors
    page.close()


def test_the_tests_see_what_is_wrong(browser, tmp_path):
    wide = tmp_path / "wide.html"
    fits = "<div style='overflow-x: auto'><p style='width: 2000px'>scrolls</p></div>"
    wide.write_text(f"<article><p style='width: 2000px'>wide</p>{fits}</article>", encoding="utf-8")
    page = browser.new_page(viewport=SIZES["phone"])
    page.goto(wide.as_uri())
    assert page.evaluate(WIDER_THAN_PAGE) == ["P  wide"]
    page.close()
