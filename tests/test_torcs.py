"""A hand-made car of TORCS: what is read, what is drawn, what damaged files say; and the script around it."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import cars

sys.path.append(str(Path(__file__).resolve().parents[1] / "data_scripts"))
import make_cars3d
import torcs

# a sheet across the car, 1.6 m wide and high, in two parts: left a polygon, right a strip that turns back on itself;
# below it a floor, 3 m long
MESH = """AC3Db
MATERIAL "white" rgb 1.00 1.00 1.00 amb 1 1 1 emis 0 0 0 spec 0 0 0 shi 50 trans 0
OBJECT world
kids 3
OBJECT poly
name "LEFT"
texture "sheet.rgb" base
texture "empty_texture_no_mapping" tiled
numvert 4
1.0 0.2 -0.8 0 0 1
1.0 0.2 0.0 0 0 1
1.0 1.8 0.0 0 0 1
1.0 1.8 -0.8 0 0 1
numsurf 1
SURF 0x10
mat 0
refs 4
0 1 0
1 0.5 0
2 0.5 1
3 1 1
kids 0
OBJECT poly
texture "sheet.rgb" base
numvert 4
1.0 0.2 0.0
1.0 0.2 0.8
1.0 1.8 0.0
1.0 1.8 0.8
numsurf 1
SURF 0x14
mat 0
refs 5
0 0.5 0 0 0
1 0.0 0 0 0
2 0.5 1 0 0
3 0.0 1 0 0
3 0.0 1 0 0
kids 0
OBJECT poly
texture "sheet.rgb" base
numvert 4
2.5 0.2 -0.8
2.5 0.2 0.8
-0.5 0.2 0.8
-0.5 0.2 -0.8
numsurf 1
SURF 0x30
mat 0
refs 4
0 0 0
1 0 0
2 0 0
3 0 0
kids 0
"""
AXLE = '<section name="{0} Axle"><attnum name="xpos" val="{1}"/></section>'
WHEEL = """<section name="{} {} Wheel"><attnum name="ypos" unit="m" val="{}"/>
<attnum name="rim diameter" unit="in" val="10"/><attnum name="tire width" unit="mm" val="200"/>
<attnum name="tire height-width ratio" val=".50"/><attnum name="ride height" unit="mm" val="100"/></section>"""
SETTINGS = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE params SYSTEM "../params.dtd">
<params>{AXLE.format("Front", 2.0)}{AXLE.format("Rear", 0.0)}
{"".join(WHEEL.format(e, s, y) for e in ("Front", "Rear") for s, y in (("Right", -0.7), ("Left", 0.7)))}</params>
"""
RED, GREEN, BLUE, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (200, 100, 50, 0)
PIXELS = np.array([[RED, GREEN], [BLUE, CLEAR]], dtype=np.uint8)  # rows from below


def sgi(packed):
    """Four channels of 2 x 2 pixels, rows from below; packed: one run each where a row is even, literal where not."""
    header = struct.pack(">hBBHHHHii4x80si404x", 474, packed, 1, 3, 2, 2, 4, 0, 255, b"sheet", 0)
    rows = [PIXELS[y, :, z].tolist() for z in range(4) for y in range(2)]
    if not packed:
        return header + b"".join(map(bytes, rows))
    coded = [bytes([2, a, 0] if a == b else [0x82, a, b, 0]) for a, b in rows]
    lengths = [len(row) for row in coded]
    starts = 512 + 64 + np.cumsum([0, *lengths[:-1]])
    return header + struct.pack(">16i", *starts, *lengths) + b"".join(coded)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "games/cars/sheet"
    folder.mkdir(parents=True)
    (folder / "sheet.acc").write_text(MESH, encoding="utf-8")
    (folder / "sheet.rgb").write_bytes(sgi(packed=True))
    (folder / "sheet.xml").write_text(SETTINGS, encoding="utf-8")
    return folder / "sheet.acc"


@pytest.mark.parametrize("packed", [True, False])
def test_textures_are_read_from_below_and_glass_shows_through(tmp_path, packed):
    (tmp_path / "a.rgb").write_bytes(sgi(packed))
    assert np.allclose(torcs.read_texture(tmp_path / "a.rgb"), [[(1, 0, 0), (0, 1, 0)], [(0, 0, 1), cars.GLASS]])


def test_polygons_and_strips_become_triangles_in_the_cars_axes(model):
    corners, uv, texture, names = torcs.read_mesh(model)
    assert names == ["sheet.rgb"]
    assert texture.tolist() == [0] * 6  # the strip's fifth corner repeats the fourth
    assert corners[0].tolist() == [[1, 0.8, 0.2], [1, 0, 0.2], [1, 0, 1.8]]
    assert corners[3].tolist() == [[1, -0.8, 0.2], [1, 0, 1.8], [1, -0.8, 1.8]]
    assert uv[3].tolist() == [[0, 0], [0.5, 1], [0, 1]]


def test_settings_are_in_metres(model):
    wheels, ride = torcs.read_settings(model.with_suffix(".xml"))
    assert np.allclose(wheels, [[x, y, 0.127 + 0.1, 0.2] for x in (2, 0) for y in (-0.7, 0.7)])
    assert ride == pytest.approx(0.1)


def test_a_texture_lies_on_its_model_the_right_way_round(model):
    """The sheet seen from the front: its picture's left, as of any picture that hangs there, is on our left."""
    car = torcs.load(model)
    assert (car.length, car.height) == pytest.approx((3, 1.9))
    front, back = torcs.render(car, np.zeros(2), np.array([0.0, 180.0])).astype(int)
    middle = cars.SIZE / 2
    for sign, image in ((1, front), (-1, back)):
        for x, z, colour in ((-0.4, 0.8, 0), (0.4, 0.8, 1), (-0.4, 1.5, 2)):
            column, row = middle + sign * x * cars.SCALE, middle - (z - cars.MIDDLE) * cars.SCALE
            pixel = image[:, int(row), int(column)]
            assert pixel.argmax() == colour and np.sort(pixel)[:2].tolist() == [0, 0]
    paper = round(255 * cars.BACKGROUND)
    top = middle - (1.9 - cars.MIDDLE) * cars.SCALE  # 1.8 m and the ride height
    assert np.flatnonzero((front != paper).any((0, 2)))[0] == int(top)


def test_wheels_stand_on_the_ground_at_their_axles(model):
    (image,) = torcs.render(torcs.load(model), np.array([0.0]), np.array([90.0])).astype(int)
    dark = image.max(0) < 120
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    ground = cars.SIZE / 2 + cars.MIDDLE * cars.SCALE
    assert abs(rows[-1] + 1 - ground) < 1
    reach = 1.0 + 0.227  # the car's middle is a metre ahead of the model's
    assert np.abs(columns[[0, -1]] + 0.5 - cars.SIZE / 2 - np.array([-reach, reach]) * cars.SCALE).max() < 1


def test_a_model_that_ends_early_is_named_whatever_its_last_line(model):
    lines = MESH.splitlines(keepends=True)
    for end in range(len(lines)):
        model.write_text("".join(lines[:end]), encoding="utf-8")
        with pytest.raises(ValueError, match="sheet.acc"):
            torcs.load(model)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("SURF 0x10", "loc 0 0 1", 15),
        ("refs 4\n0 1 0", "refs 4\n9 1 0", 21),
        ("1.0 0.2 0.0 0 0 1", "1.0 zero 0.0", 13),
        ('texture "sheet.rgb" base\nnumvert', "numvert", 37),
    ],
)
def test_foreign_models_are_refused_by_file_and_line(model, old, new, line):
    assert old in MESH
    model.write_text(MESH.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"sheet.acc, line {line}: cut off, or not a car of TORCS"):
        torcs.load(model)


def test_textures_cut_off_or_of_another_kind_are_named(model):
    path, whole = model.with_suffix(".rgb"), sgi(packed=True)
    for content in (b"", whole[:4], whole[:300], whole[:540], whole[:-9], b"\x89PNG\r\n\x1a\n" + whole[8:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="sheet.rgb: cut off, or no SGI picture"):
            torcs.load(model)
    path.unlink()
    with pytest.raises(ValueError, match="sheet.rgb"):
        torcs.load(model)


@pytest.mark.parametrize(
    "settings", ["", SETTINGS[:-20], SETTINGS.replace("Rear Axle", "Axle"), SETTINGS.replace('"in"', '"ft"')]
)
def test_settings_cut_off_or_without_wheels_are_named(model, settings):
    model.with_suffix(".xml").write_text(settings, encoding="utf-8")
    with pytest.raises(ValueError, match="sheet.xml: cut off, or not the settings"):
        torcs.load(model)


def test_a_lorry_does_not_fit(model):
    model.write_text(MESH.replace("1.0 1.8 0.8", "9.0 1.8 0.8"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"9.6 m from corner to corner, and a picture shows 5.7 m"):
        torcs.load(model)


def test_the_script_writes_torcs_cars(model, tmp_path, capsys):
    other = tmp_path / "games/tracks/hill"
    other.mkdir(parents=True)
    (other / "hill.acc").write_text("no car", encoding="utf-8")
    out = tmp_path / "torcs.safetensors"
    make_cars3d.main(["--engine", "torcs", "--models", str(tmp_path), "--out", str(out)])
    data = FactorDataset.load(out)
    assert data.images.shape == (96, 3, 64, 64)
    assert len(np.unique(data.columns(["elevation", "azimuth_cos", "azimuth_sin"]).round(9), axis=0)) == 96
    assert data.provenance["cars"] == ["sheet"]
    assert "96 images" in capsys.readouterr().out
    row = 7
    elevation, cos, sin = data.columns(["elevation", "azimuth_cos", "azimuth_sin"])[row]
    azimuth = np.degrees(np.arctan2(sin, cos))
    again = torcs.render(torcs.load(model), np.array([elevation]), np.array([azimuth]))
    assert np.abs(again - data.images[row]).mean() < 0.1  # the angle comes back to a rounding


def test_the_script_writes_cars3d_lite(tmp_path):
    out = tmp_path / "cars.safetensors"
    make_cars3d.main(["--identities", "3", "--n", "11", "--seed", "5", "--out", str(out)])
    assert FactorDataset.load(out).checksum() == FactorDataset(*cars.simulate(11, seed=5, number=3)).checksum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "torcs"], "--engine torcs and --models FOLDER go together"),
        (["--models", "x"], "--engine torcs and --models FOLDER go together"),
        (["--engine", "torcs", "--models", "nowhere"], "apt-get download torcs-data"),
        (["--n", "0"], "argument --n: must be a whole number, at least 1; got '0'"),
        (["--n", "17569"], "n must be from 1 to 17568, got 17569"),
    ],
)
def test_the_script_says_what_it_needs(options, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        make_cars3d.main(options)
    assert message in capsys.readouterr().err


def test_licences_are_debians():
    names = [*torcs.FREE_ART, *torcs.GPL]
    assert [sum(torcs.licence(name) == of for name in names) for of in ("Free Art License", "GPL-2+")] == [14, 3]
    assert torcs.licence("sheet") == "unknown"
