"""The explorer page draws what torch draws, from its own files alone, for eye, keyboard and screen reader."""

import copy
import json
import os
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import test_browser
import torch
from torch import nn

from auxvae_lite.models import AuxVAE, Constant
from auxvae_lite.pages import explorer, pretrained
from auxvae_lite.scalings import Scaling
from auxvae_lite.simulators import cars, dsprites, galaxies

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "book/_static/explorer"
TEXT = (ROOT / "book/explorer.md").read_text(encoding="utf-8")
GALAXIES = [name for name in explorer.NAMES if name.startswith("galaxies")]
browser = test_browser.browser  # its fixture, with its skip


def decoder(name):
    """What a decoder's file holds."""
    text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(re.search(r"AuxVAE\.decoders\[.*?\] = (.*);\n$", text)[1])


def reachable(name, n=200):
    """Random latents anywhere on the nameless sliders' ranges, and wider than any named slider."""
    content = decoder(name)
    low, high = (np.array(content[key]) for key in ("low", "high"))
    return np.random.default_rng(0).uniform(np.minimum(low, 0) - 1, np.maximum(high, 0) + 1, (n, len(low)))


def worst(images, truth):
    """Largest error, as a part of each image's own range (largest pixel minus smallest)."""
    images, truth = (np.asarray(x, dtype=np.float64).reshape(len(truth), -1) for x in (images, truth))
    return (np.abs(images - truth).max(1) / np.ptp(truth, axis=1)).max()


def untrained(**options):
    """A small model whose BatchNorms and constants are not trivial."""
    torch.manual_seed(0)
    scaling = Scaling("log10", -10.0, 13.0)
    model = AuxVAE((1, 33, 33), widths=(8, 16, 32), latent_dim=6, image_scaling=scaling, **options).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
        if isinstance(layer, Constant):
            nn.init.normal_(layer.bias)
    return model


# Counts what the page has put off: it draws and tells what it shows a little after each change.
PUT_OFF = """
    const waiting = new Set(), [set, clear] = [window.setTimeout, window.clearTimeout];
    window.setTimeout = (f, ms, ...rest) => {
        const id = set((...given) => { waiting.delete(id); f(...given); }, ms, ...rest);
        waiting.add(id);
        return id;
    };
    window.clearTimeout = (id) => { waiting.delete(id); clear(id); };
    window.putOff = () => waiting.size;
"""


@pytest.fixture(scope="module")
def page(browser, html):
    """The page from the disk, without a network. It logs no error of ours, and asks for no file but the book's."""
    context = browser.new_context(viewport=test_browser.SIZES["desktop"], offline=True)
    context.add_init_script(PUT_OFF)
    page, errors, asked = context.new_page(), [], []
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.on("pageerror", lambda error: test_browser.KNOWN not in str(error) and errors.append(str(error)))
    # The theme's icon fonts, which no browser loads from a disk, and its addresses outside, are not ours.
    theirs = re.compile("_static/vendor|net::ERR_")
    page.on("console", lambda m: m.type == "error" and not theirs.search(m.text) and errors.append(m.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((html / "book/explorer.html").as_uri(), wait_until="load")
    page.wait_for_function("window.AuxVAE && AuxVAE.explorer")
    yield page
    assert not errors
    ours = [url for url in asked if "explorer" in url]
    assert len(ours) >= 5 and all(url.startswith(html.as_uri()) for url in ours)
    context.close()


@pytest.fixture
def fresh(page):
    """The page with the Aux-VAE's first galaxy."""
    page.evaluate("AuxVAE.explorer.load('galaxies-auxvae', 0)")
    settle(page)
    return page


def settle(page):
    """Wait until the words and the table are up to date: they follow a little later than the pictures."""
    page.evaluate("new Promise(requestAnimationFrame)")
    page.wait_for_function("() => !putOff()")


def several(page, function, argument):
    """What a function of the page returns for many rows, as one text: value by value takes seconds."""
    return json.loads(page.evaluate(f"argument => JSON.stringify(({function})(argument))", argument))


def pixels(page, canvas):
    return page.evaluate(f"[...document.querySelector('{canvas}').getContext('2d').getImageData(0, 0, 33, 33).data]")


def rows(page):
    """The table's cells, by row and column."""
    table = page.locator(".ax-table")
    head = table.locator("thead th").all_inner_texts()[1:]
    result = {}
    for row in table.locator("tbody tr").all():
        result[row.locator("th").inner_text()] = dict(zip(head, row.locator("td").all_inner_texts(), strict=True))
    return result


# ---------------------------------------------------------------- the files


@pytest.mark.parametrize("name", explorer.NAMES)
def test_the_committed_decoder_is_what_the_package_makes(name, tmp_path):
    path = explorer.export(pretrained.load(name), tmp_path, name)
    assert path.read_bytes() == (FOLDER / path.name).read_bytes(), "run `make explorer`"


@pytest.mark.parametrize("name", explorer.NAMES)
def test_a_decoder_is_small(name):
    assert (FOLDER / f"{name}.js").stat().st_size <= 200_000
    assert (FOLDER / f"{name}.onnx").stat().st_size <= 200_000


@pytest.mark.parametrize("name", explorer.NAMES)
def test_the_committed_onnx_is_torch(name):
    model, latents = pretrained.load(name), reachable(name).astype(np.float32)
    path = FOLDER / f"{name}.onnx"
    (images,) = onnxruntime.InferenceSession(path).run(["images"], {"latents": latents})
    assert images.shape == (200, *model.image_shape)
    assert worst(images, model.decode(latents)) <= 1e-4
    facts = {entry.key: json.loads(entry.value) for entry in onnx.load(path).metadata_props}
    assert facts["factors"] == list(model.factors)
    if model.factors:
        assert facts["factor_scaling"]["scale"] == model.factor_scaling.scale.tolist()


@pytest.mark.parametrize("constant", [False, True])
def test_onnx_of_another_model(tmp_path, capfd, constant):
    model = untrained(factors=("radius", "g1"), decoder_bias=constant)
    path = explorer.to_onnx(model, tmp_path / "new/decoder.onnx")
    assert path.read_bytes() == explorer.to_onnx(model, tmp_path / "again.onnx").read_bytes()
    assert "".join(capfd.readouterr()) == ""
    assert str(ROOT).encode() not in path.read_bytes() and b"site-packages" not in path.read_bytes()
    latents = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    (images,) = onnxruntime.InferenceSession(path).run(None, {"latents": latents})
    assert worst(images, model.decode(latents)) <= 1e-4


def test_a_full_disk_leaves_the_old_onnx_file(tmp_path, monkeypatch):
    path, model = tmp_path / "decoder.onnx", untrained()
    path.write_bytes(b"the old one")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device, so it was left as it was: '.*/decoder\.onnx'"):
        explorer.to_onnx(model, path)
    assert path.read_bytes() == b"the old one" and os.listdir(tmp_path) == ["decoder.onnx"]


@pytest.mark.parametrize("place", [None, 1, 2])
def test_folding_changes_no_picture(place):
    model = untrained(decoder_bias=False).double()
    parts = list(model.decoder)
    if place:  # a constant before the BatchNorm, where models have it, or after it
        parts.insert(place, constant := Constant(8, 8, 8).double())
        nn.init.normal_(constant.bias)
    decoder = nn.Sequential(*parts).eval()
    z = torch.randn(5, 6, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        x, truth = z, decoder(z)
        for layer in explorer.layers(decoder):
            shape = {key: layer[key] for key in ("stride", "padding", "output_padding")}
            bias = layer["bias"].reshape(len(layer["bias"]), *(layer["bias"].shape[1:] or (1, 1)))
            x = nn.functional.conv_transpose2d(x, layer["weight"], **shape) + bias
            x = nn.functional.silu(x) if layer["activation"] == "silu" else x
    assert torch.allclose(x, truth, rtol=0, atol=1e-12)


def test_what_the_script_cannot_draw_is_refused(tmp_path):
    model = untrained()
    model.decoder = nn.Sequential(*copy.deepcopy(model.decoder), nn.Sigmoid())
    with pytest.raises(ValueError, match=r"cannot draw Sigmoid\(\) after none"):
        explorer.layers(model.decoder)
    with pytest.raises(ValueError, match=r"cannot draw SiLU\(\) after nothing before it"):
        explorer.layers(nn.Sequential(nn.SiLU()))
    with pytest.raises(ValueError, match=r"cannot draw Constant\(\) after silu"):
        explorer.layers(nn.Sequential(nn.ConvTranspose2d(6, 4, 3), nn.SiLU(), Constant(4, 3, 3)))
    with pytest.raises(ValueError, match=r"shows galaxies, images of shape \(1, 33, 33\); got \(1, 32, 32\)"):
        explorer.export(AuxVAE((1, 32, 32)), tmp_path, "galaxies-other")
    with pytest.raises(ValueError, match="no page 'other'; a decoder's name begins with galaxies, dsprites, cars"):
        explorer.export(AuxVAE((1, 33, 33)), tmp_path, "other")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- what the page computes


@pytest.mark.parametrize("name", GALAXIES)
def test_the_pages_pictures_are_torchs(page, name):
    latents = reachable(name)
    images = several(page, "([name, rows]) => rows.map(z => [...AuxVAE.decode(name, z)])", [name, latents.tolist()])
    error = worst(images, pretrained.load(name).decode(latents))
    print(f"{name}: {error:.1e} of each picture's range")
    assert error <= 1e-3


@pytest.mark.parametrize("constant", [False, True])
def test_so_are_another_models(page, tmp_path, constant):
    model = untrained(factors=("radius", "g1"), decoder_bias=constant)
    page.add_script_tag(path=explorer.export(model, tmp_path, "galaxies-other"))
    latents = np.random.default_rng(0).normal(size=(20, 6))
    images = several(page, "rows => rows.map(z => [...AuxVAE.decode('galaxies-other', z)])", latents.tolist())
    assert worst(images, model.decode(latents)) <= 1e-4


def test_the_pages_simulator_is_the_packages(page):
    factors = np.concatenate(
        [galaxies.sample(200, seed=3), [[2000, 0.05, 0.6, -0.6, 0.15], [1e5, 1.15, -0.6, 0.6, 0.45]]]
    )
    images = several(page, "rows => rows.map(u => [...AuxVAE.render(u)])", factors.tolist())
    truth = galaxies.render(factors)
    error = np.abs(np.array(images).reshape(truth.shape) - truth.numpy()).max((1, 2, 3)) / truth.numpy().max((1, 2, 3))
    print(f"simulator: {error.max():.1e} of the peak")
    assert error.max() <= 2e-4


def test_the_pages_measures(page):
    ys, xs = np.mgrid[-16:17, -16:17] * galaxies.PIXEL
    for row in explorer.STARTS.values():
        image = galaxies.render([row], dtype=torch.float64)[0, 0].numpy()
        found = page.evaluate("image => AuxVAE.measure(image)", image.ravel().tolist())
        weight = image * np.exp(-0.5 * (xs**2 + ys**2) / 0.8**2)
        xx, yy, xy = (float((weight * moment).sum()) for moment in (xs * xs, ys * ys, xs * ys))
        wanted = {"flux": image.sum(), "peak": image.max(), "e1": (xx - yy) / (xx + yy), "e2": 2 * xy / (xx + yy)}
        assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        assert np.sign(np.round([found["e1"], found["e2"]], 6)).tolist() == np.sign(row[2:4]).tolist()
    for sigma in (0.4, 0.7):  # a Gaussian's half-light radius is sigma sqrt(2 log 2)
        image = np.exp(-0.5 * (xs**2 + ys**2) / sigma**2)
        radius = page.evaluate("image => AuxVAE.measure(image).radius", image.ravel().tolist())
        assert radius == pytest.approx(sigma * np.sqrt(2 * np.log(2)), rel=0.01)


def test_a_frame_takes_at_most_16_ms(page):
    times = page.evaluate("""() => {
        const { state, draw, load } = AuxVAE.explorer, times = [];
        load("galaxies-auxvae", 0);
        for (let i = 0; i < 120; i++) {
            state.factors.radius = 0.2 + 0.005 * i;
            state.latents[1] = i / 60 - 1;
            const start = performance.now();
            draw();
            document.querySelector("#ax-difference").getContext("2d").getImageData(0, 0, 1, 1);
            times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b);
    }""")
    print(f"decode, simulate and draw: median {times[60]:.1f} ms, worst {times[-1]:.1f} ms")
    assert times[60] <= 16


# ---------------------------------------------------------------- how it is used


def test_sliders_answer_to_the_keyboard(fresh):
    page, before = fresh, pixels(fresh, "#ax-decoded")
    page.focus("#ax-slider-0")
    page.keyboard.press("ArrowRight")
    settle(page)
    assert page.inner_text("#ax-slider-0-value") == "55,500 counts"
    assert page.get_attribute("#ax-slider-0", "aria-valuetext") == "55,500 counts"
    page.keyboard.press("Home")
    settle(page)
    assert "outside the training range" in page.get_attribute("#ax-slider-0", "aria-valuetext")
    assert "Outside the training range: flux" in page.inner_text("#ax-status")
    assert pixels(page, "#ax-decoded") != before
    page.focus("#ax-reset")
    page.keyboard.press("Enter")
    settle(page)
    assert page.inner_text("#ax-slider-0-value") == "55,000 counts"
    assert pixels(page, "#ax-decoded") == before


def test_all_models_start_from_the_same_galaxy(fresh):
    page, truth = fresh, pixels(fresh, "#ax-true")
    labels = page.locator(".ax-choice label")
    assert labels.all_inner_texts() == ["As in the paper", "Mended", "β-VAE"]
    page.focus("#ax-galaxies-auxvae")
    for name, kind in (("galaxies-mended", "mended Aux-VAE"), ("galaxies-betavae", "β-VAE")):
        before = pixels(page, "#ax-decoded")
        page.keyboard.press("ArrowRight")
        settle(page)
        assert page.locator(f"#ax-{name}").is_checked()
        assert pixels(page, "#ax-decoded") != before
        assert page.get_attribute("#ax-decoded", "aria-label").startswith(f"Decoded by the {kind}: flux")
        assert pixels(page, "#ax-true") == truth
    assert page.locator(".ax-slider label").all_inner_texts() == [f"z[{j}]" for j in range(10)]
    assert page.locator("#ax-zero").is_hidden() and "told no factors" in page.inner_text("#ax-note")
    page.focus("#ax-slider-4")
    page.keyboard.press("PageUp")
    settle(page)
    assert pixels(page, "#ax-true") == truth, "the start stays while a latent without a name moves"
    assert page.locator("h2", has_text="Along z[4]").count() == 1
    page.select_option("#ax-galaxy", label="large and bright")
    settle(page)
    assert pixels(page, "#ax-true") != truth


def state(page):
    """What the page shows: the decoded picture's sum in counts, its latents, and the fluxes in the note."""
    page.evaluate("AuxVAE.explorer.draw()")
    settle(page)
    total, latents = page.evaluate(
        "(({image, latents}) => [image.reduce((a, b) => a + b), latents])(AuxVAE.explorer.state)"
    )
    note = [
        float(text.replace(",", "").replace("−", "-"))
        for text in re.findall(r"−?\d[\d,]*(?= with)", page.inner_text("#ax-note"))
    ]
    return total, latents, note


@pytest.mark.parametrize("start", range(len(explorer.STARTS)))
@pytest.mark.parametrize("name", ["galaxies-auxvae", "galaxies-mended"])
def test_one_click_puts_the_free_latents_at_0(page, name, start):
    page.evaluate("x => AuxVAE.explorer.load(...x)", [name, start])
    before, latents, note = state(page)
    page.click("#ax-zero")
    after, moved, again = state(page)
    print(f"{name}, start {start}: {before:.0f} counts, at 0 {after:.0f}")
    assert moved == latents[:5] + [0] * 5
    assert again == note == [round(float(f"{flux:.3g}")) for flux in (before, after)]
    assert after < 0.6 * before if name == "galaxies-auxvae" else 0.8 < after / before < 1.2
    page.focus("#ax-zero")
    page.keyboard.press("Enter")
    assert state(page) == (before, latents, note)


def test_at_0_the_free_latents_stay_while_models_and_galaxies_change(fresh):
    page = fresh
    page.click("#ax-zero")
    page.check("#ax-galaxies-mended", force=True)
    page.select_option("#ax-galaxy", label="stretched")
    assert state(page)[1][5:] == [0] * 5
    page.click("#ax-reset")
    encoded = decoder("galaxies-mended")["starts"][3]["latents"][5:]
    assert state(page)[1][5:] == encoded and any(encoded)


@pytest.mark.parametrize("name", GALAXIES)
@pytest.mark.parametrize("start", range(len(explorer.STARTS)))
def test_each_start_is_drawn_well(page, name, start):
    page.evaluate("([name, start]) => AuxVAE.explorer.load(name, start)", [name, start])
    page.evaluate("AuxVAE.explorer.draw()")
    images = page.evaluate("[AuxVAE.explorer.state.image, AuxVAE.explorer.state.clean].map(x => [...x])")
    assert worst(images[:1], np.array(images[1:])) <= 0.1


def test_everything_has_a_name(fresh):
    page = fresh
    for slider in page.locator("#explorer input[type=range]").all():
        name = slider.get_attribute("id")
        assert page.locator(f"label[for={name}]").inner_text()
        assert page.locator(f"output[for={name}]").inner_text() == slider.get_attribute("aria-valuetext")
    for control in page.locator("#explorer :is(select, input[type=radio])").all():
        assert page.locator(f"label[for={control.get_attribute('id')}]").inner_text()
    assert page.locator("#explorer legend").all_inner_texts() == ["Model", "Known factors", "Free latents"]
    for picture in page.locator("#explorer canvas").all():
        assert picture.get_attribute("role") == "img" and len(picture.get_attribute("aria-label")) >= 20
    status = page.locator("#ax-status")
    assert status.get_attribute("aria-live") == "polite"
    for words in ("Decoded: flux", "half-light radius", "ellipticity", "True: flux", "Largest difference"):
        assert words in status.inner_text()


def test_focus_is_visible(fresh):
    fresh.focus("#ax-reset")
    fresh.keyboard.press("Shift+Tab")
    fresh.keyboard.press("Tab")
    assert fresh.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2


def test_dark_mode_repaints_the_difference(fresh):
    page, corner = fresh, {}
    for theme in ("dark", "light"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        settle(page)
        corner[theme] = sum(pixels(page, "#ax-difference")[:3])
    assert corner["dark"] < 150 < 600 < corner["light"]


# ---------------------------------------------------------------- what the page says


def quoted(part):
    """What the prose quotes of the table: {(row, column): cell} from "`psf` ... peak −4 %, size +1 %"."""
    found, row = {}, None
    for name, column, value in re.findall(r"`([a-z0-9\[\]]+)`|\b(flux|size|peak) ([+−]\d+ %)", part):
        row = name or row
        if column:
            found[row, column] = value
    return found


def test_the_numbers_in_the_answers_are_the_pages(page):
    first, second, third, fourth = re.findall(r"<details>.*?</details>", TEXT, flags=re.DOTALL)
    limits = TEXT[TEXT.index("## What this does not tell you") :]
    cases = {
        ("galaxies-auxvae", "small and faint"): quoted(first) | quoted(limits),
        ("galaxies-betavae", "round, of middling size"): quoted(second),
        ("galaxies-auxvae", "round, of middling size"): {("z[7]", "flux"): re.search(r"\+\d+ %", third)[0]},
    }
    for (name, start), cells in cases.items():
        page.evaluate("x => AuxVAE.explorer.load(...x)", [name, list(explorer.STARTS).index(start)])
        settle(page)
        table = rows(page)
        assert cells and {(row, column): table[row][column] for row, column in cells} == cells
    assert len(quoted(first)) == 4 and len(quoted(second)) == 3 and len(quoted(limits)) == 1
    page.click("#ax-zero")
    settle(page)
    assert "Largest difference: 837 counts, 98 % of the true peak. Outside the training range: z[8]" in page.inner_text(
        "#ax-status"
    )
    assert "98 % of the peak" in fourth
    assert decoder("galaxies-auxvae")["low"][8] == 1 and "The bar under `z[8]` begins at 1" in fourth


@pytest.mark.parametrize("free", ["mean", "sample"])
def test_galaxies_from_factors_alone_are_as_the_page_says(free):
    factors = galaxies.sample(200, seed=9)
    truth = galaxies.render(factors)
    median = {}
    for name in ("galaxies-auxvae", "galaxies-mended"):
        images = pretrained.load(name).generate(factors, torch.Generator().manual_seed(0), free=free)
        median[name] = float(((images - truth).abs().amax((1, 2, 3)) / truth.amax((1, 2, 3))).median())
    print(f"{free}: largest difference in parts of the peak, median {median}")
    assert median["galaxies-auxvae"] >= 0.9 and median["galaxies-mended"] <= 0.3


def test_the_mended_model_is_what_the_page_says():
    paper, mended = (pretrained.load(f"galaxies-{name}") for name in ("auxvae", "mended"))
    assert paper.factors == mended.factors and len(mended.factors) == 5
    assert not paper.decoder_bias and mended.decoder_bias
    assert paper.provenance["config"]["beta_free"] == 1 < mended.provenance["config"]["beta_free"]
    content = decoder("galaxies-mended")
    for low, high in zip(content["low"][5:], content["high"][5:], strict=True):
        assert low <= 0 <= high


def test_the_lines_about_onnx_run(monkeypatch, capsys):
    monkeypatch.chdir(FOLDER)
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    exec(code, {})
    shape, flux = re.fullmatch(r"(\(.*\)) (\S+)\n", capsys.readouterr().out).groups()
    assert shape == "(1, 1, 33, 33)" and float(flux) == pytest.approx(54_000, abs=1000)


def test_without_a_script_the_page_says_so(browser, html):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto((html / "book/explorer.html").as_uri())
    assert "They need JavaScript" in page.inner_text("#explorer")
    context.close()


# ---------------------------------------------------------------- sprites and cars


@pytest.fixture(scope="module", params=["dsprites", "cars"])
def shapes(request, browser, html):
    """A page of the other two sets, from the disk and without a network, and its kind. It logs no error of ours."""
    context = browser.new_context(viewport=test_browser.SIZES["desktop"], offline=True)
    context.add_init_script(PUT_OFF)
    page, errors = context.new_page(), []
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.on("pageerror", lambda error: test_browser.KNOWN not in str(error) and errors.append(str(error)))
    page.goto((html / f"book/explorer_{request.param}.html").as_uri(), wait_until="load")
    page.wait_for_function("window.AuxVAE && AuxVAE.shapes")
    yield page, request.param
    assert not errors
    context.close()


@pytest.fixture
def anew(shapes):
    page, kind = shapes
    page.evaluate(f"AuxVAE.shapes.load('{kind}-auxvae', 0)")
    settle(page)
    return page, kind


def big(page):
    """The decoded picture's pixels, as the page paints them."""
    return page.evaluate("[...document.querySelector('#ax-decoded').getContext('2d').getImageData(0, 0, 64, 64).data]")


@pytest.mark.parametrize("method", ["auxvae", "betavae"])
def test_pictures_of_sprites_and_cars_are_torchs(shapes, method):
    page, kind = shapes
    name = f"{kind}-{method}"
    latents = reachable(name, 50)
    images = several(page, "([name, rows]) => rows.map(z => [...AuxVAE.decode(name, z)])", [name, latents.tolist()])
    truth = pretrained.load(name).decode(latents)
    images = np.array(images).reshape(50, 64, 64, -1).transpose(0, 3, 1, 2)
    assert np.abs(images - truth.numpy()).max() <= 1e-3 * float(truth.max())


def test_the_pages_sprites_are_the_packages(shapes):
    page, kind = shapes
    factors = dsprites.simulate(200, seed=8).factors
    images = several(page, "rows => rows.map(u => [...AuxVAE.sprite(u)])", factors.tolist())
    assert np.array_equal(np.reshape(images, (200, 1, 64, 64)), dsprites.render(factors))


def test_factors_of_sprites_and_cars_move_their_latents(anew):
    page, kind = anew
    model, latents = pretrained.load(f"{kind}-auxvae"), page.evaluate("AuxVAE.shapes.state.latents")
    start = np.array(list(explorer.PAGES[kind].starts.values())[0])
    told = dict(zip(("shape", "scale", "orientation", "posX", "posY") if kind == "dsprites" else
                    ("elevation", "azimuth", *cars.PARAMETERS), start, strict=True))  # fmt: skip
    if kind == "dsprites":
        codes = dsprites.orientation_codes([start])[0]
        told |= {"orientation_cos": codes[0], "orientation_sin": codes[1]}
    else:
        turn = np.radians(told["azimuth"])
        told |= {"azimuth_cos": np.cos(turn), "azimuth_sin": np.sin(turn)}
    u = torch.tensor([[told[name] for name in model.factors]])
    assert latents[: len(model.factors)] == pytest.approx(model.factor_scaling(u)[0].tolist(), abs=1e-6)
    slider = "orientation" if kind == "dsprites" else "azimuth"
    before = big(page)
    page.focus(f"#ax-slider-{slider}")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    settle(page)
    assert big(page) != before
    moved = np.flatnonzero(~np.isclose(latents, page.evaluate("AuxVAE.shapes.state.latents")))
    assert [model.factors[j] for j in moved] == [f"{slider}_cos", f"{slider}_sin"]
    page.click("#ax-reset")
    settle(page)
    assert big(page) == before


def test_a_square_comes_back_after_a_quarter_and_a_car_after_a_turn(anew):
    page, kind = anew
    slider, turns = ("orientation", (0, 90, 45)) if kind == "dsprites" else ("azimuth", (0, 360, 180))
    pictures = []
    for turn in turns:
        page.evaluate(
            "([id, value]) => { const s = document.querySelector(id); s.value = value; "
            "s.dispatchEvent(new Event('input')); AuxVAE.shapes.draw(); }",
            [f"#ax-slider-{slider}", turn],
        )
        pictures.append(np.array(big(page)))
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    assert np.abs(pictures[0] - pictures[2]).max() > 100


def test_the_picture_can_be_dragged(anew):
    page, kind = anew
    before = page.evaluate("({...AuxVAE.shapes.state.factors})")
    box = page.locator("#ax-decoded").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 8, y)
    page.mouse.up()
    settle(page)
    after = page.evaluate("({...AuxVAE.shapes.state.factors})")
    if kind == "dsprites":
        assert after["posX"] - before["posX"] == pytest.approx(0.25, abs=0.02)
    else:
        assert after["azimuth"] - before["azimuth"] == pytest.approx(25, abs=2)
    page.mouse.move(x, y)
    settle(page)
    assert page.evaluate("({...AuxVAE.shapes.state.factors})") == after


def test_a_shape_or_a_start_is_chosen_and_the_beta_vae_has_no_names(anew):
    page, kind = anew
    before = big(page)
    page.locator("#ax-start-0").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert big(page) != before
    name = list(explorer.PAGES[kind].starts)[1]
    if kind == "dsprites":
        assert name in page.inner_text("#ax-status")
    page.locator(f"#ax-decoder-{kind}-auxvae").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert page.locator(".ax-slider label").all_inner_texts() == [f"z[{j}]" for j in range(10)]
    assert page.inner_text("#ax-status") == f"β-VAE: started from: {name}."


def test_everything_of_sprites_and_cars_has_a_name(anew):
    page, _ = anew
    for control in page.locator("#shapes :is(input)").all():
        assert page.locator(f"label[for={control.get_attribute('id')}]").inner_text()
    for picture in page.locator("#shapes canvas").all():
        assert picture.get_attribute("role") == "img" and len(picture.get_attribute("aria-label")) >= 20
    assert page.locator("#ax-status").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("kind", ["dsprites", "cars"])
def test_without_a_script_the_other_pages_say_so(browser, html, kind):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto((html / f"book/explorer_{kind}.html").as_uri())
    assert "They need JavaScript" in page.inner_text("#shapes")
    context.close()


KINDS = {"periods": {"azimuth": 360.0}, "classes": {"shape": ("square", "ellipse", "heart")}}


def test_an_onnx_file_says_what_its_guided_latents_stand_for(tmp_path):
    model = untrained(factors=("azimuth", "radius", "shape"), **KINDS)
    path = explorer.to_onnx(model, tmp_path / "kinds.onnx")
    facts = {entry.key: json.loads(entry.value) for entry in onnx.load(path).metadata_props}
    assert facts["factors"] == ["azimuth", "radius", "shape"]
    shapes = ["shape_square", "shape_ellipse", "shape_heart"]
    assert facts["columns"] == ["azimuth_cos", "azimuth_sin", "radius", *shapes]
    assert facts["periods"] == KINDS["periods"] and facts["classes"] == {"shape": list(KINDS["classes"]["shape"])}


@pytest.mark.parametrize(
    ("page", "shape", "kinds", "columns"),
    [
        ("cars", (3, 64, 64), {"periods": {"azimuth": 360.0}}, ["azimuth_cos", "azimuth_sin"]),
        ("dsprites", (1, 64, 64), {"classes": KINDS["classes"]}, ["shape_square", "shape_ellipse", "shape_heart"]),
    ],
)
def test_a_page_moves_every_latent_of_an_angle_or_a_class(page, shape, kinds, columns, tmp_path):
    (factor,) = next(iter(kinds.values()))
    model = AuxVAE(shape, (factor,), 4, (4, 4, 8, 8), **kinds).eval()
    text = explorer.export(model, tmp_path, f"{page}-kinds").read_text(encoding="utf-8")
    content = json.loads(text.split(" = ")[-1].rstrip(";\n"))
    assert [entry["name"] for entry in content["factors"]] == columns
    script = (FOLDER / "shapes.js").read_text(encoding="utf-8")
    assert all(f"{column}:" in script for column in columns)
