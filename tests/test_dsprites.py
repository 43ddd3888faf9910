"""dSprites: every known frame of the original, the order of the set, its symmetries, and bad input."""

import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import dsprites

FRAMES = json.loads(Path(__file__).with_name("dsprites_fingerprints.json").read_text(encoding="utf-8"))["frames"]
CLASSES = np.array([frame[:5] for frame in FRAMES])
SPRITES = dsprites.Sprites()
HEART = [2, 0.8, 1.0, 0.4, 0.6]


def test_all_258_known_frames_of_the_original_are_drawn_bit_for_bit():
    rows = np.ravel_multi_index(tuple(CLASSES.T), dsprites.COUNTS)
    images = SPRITES[rows]
    assert images.shape == (258, 1, 64, 64)
    assert images.dtype == np.uint8
    assert [int(image.sum()) for image in images] == [frame[5] for frame in FRAMES]
    assert [hashlib.sha256(np.packbits(image).tobytes()).hexdigest() for image in images] == [f[6] for f in FRAMES]


def inside(outline, point):
    """Even-odd rule for one point, the slow way: crossings of the ray to its left."""
    x, y = point
    ends = zip(outline, np.roll(outline, -1, axis=0), strict=True)
    return sum((y0 > y) != (y1 > y) and x > x0 + (y - y0) * (x1 - x0) / (y1 - y0) for (x0, y0), (x1, y1) in ends) % 2


@pytest.mark.parametrize("shape", range(3))
def test_a_pixel_is_white_where_its_centre_lies_inside_the_outline(shape):
    scale, t, pos_x, pos_y = 0.83, 0.7, 0.31, 0.77  # off the grid
    (image,) = dsprites.render([[shape, scale, t, pos_x, pos_y]])[:, 0]
    outline = list(dsprites.OUTLINES.values())[shape]
    expected = np.zeros_like(image)
    for row in range(64):
        for column in range(64):
            dx, dy = column + 0.5 - 16 - 32 * pos_x, row + 0.5 - 16 - 32 * pos_y
            u, v = math.cos(t) * dx - math.sin(t) * dy, math.sin(t) * dx + math.cos(t) * dy
            expected[row, column] = inside(outline, (u / scale, v / scale))
    assert np.array_equal(image, expected)
    assert 50 < image.sum() < 500


def test_order_is_the_official_one_and_a_set_can_be_indexed_like_an_array():
    assert len(SPRITES) == 737_280
    assert (
        SPRITES.classes([1, 32, 32 * 32, 40 * 32 * 32, 6 * 40 * 32 * 32]).tolist()
        == np.eye(5, dtype=int)[::-1].tolist()
    )
    assert np.allclose(SPRITES.factors(-1), [[2, 1, 2 * math.pi, 1, 1]])
    assert SPRITES[7].shape == (1, 64, 64)
    assert np.array_equal(SPRITES[7], SPRITES[7 - len(SPRITES)])
    assert np.array_equal(SPRITES[4:10:2], SPRITES[[4, 6, 8]])
    assert np.array_equal(SPRITES[[8, 4, 8]], SPRITES[np.array([8, 4, 8])])
    for dtype in (np.uint8, np.int8, np.uint16, np.int32, np.uint64):
        assert np.array_equal(SPRITES[np.array([5, 7], dtype=dtype)], SPRITES[[5, 7]])
    assert SPRITES[[]].shape == (0, 1, 64, 64)
    for beyond in (737_280, -737_281, [0, 737_280]):
        with pytest.raises(IndexError, match="there are 737280"):
            SPRITES[beyond]
    for wrong in (1.5, [True, False], [[0]]):
        with pytest.raises(IndexError, match="integer"):
            SPRITES[wrong]


def test_an_official_array_is_read_instead_of_drawn():
    class Array:
        """As an h5py data set: it takes rising integers without repetition."""

        shape = (737_280, 64, 64)

        def __getitem__(self, rows):
            assert (np.diff(rows) > 0).all()
            return np.broadcast_to((rows % 251).astype(np.uint8)[:, None, None], (len(rows), 64, 64))

    official = dsprites.Sprites(Array())
    assert official[[9, 3, 9]][:, 0, 0, 0].tolist() == [9, 3, 9]
    assert official[300].shape == (1, 64, 64)
    assert official.sample(50, seed=1).factors.tolist() == SPRITES.sample(50, seed=1).factors.tolist()
    assert official.sample(50, seed=1).provenance["engine"] == "official file"
    with pytest.raises(ValueError, match=r"737280, 64, 64\), got \(3, 64, 64\)"):
        dsprites.Sprites(np.zeros((3, 64, 64)))


def test_orientation_0_is_39_and_symmetric_shapes_repeat():
    first, last = (SPRITES[np.flatnonzero(SPRITES.classes(slice(None))[:, 2] == o)[::997]] for o in (0, 39))
    assert np.array_equal(first, last)
    for shape, times in enumerate(dsprites.SYMMETRY):
        turned = [[shape, 1, 0.3 + 2 * math.pi * turn / times, 0.5, 0.5] for turn in range(times)]
        assert len(np.unique(dsprites.render(turned), axis=0)) == 1
        between = dsprites.render([[shape, 1, 0.3 + math.pi / times, 0.5, 0.5], turned[0]])
        assert (between[0] != between[1]).sum() > 20


def test_orientation_codes_are_equal_for_equal_pictures():
    factors = np.array(
        [[shape, 1, 0.3 + 2 * math.pi * k / s, 0.5, 0.5] for shape, s in enumerate((4, 2, 1)) for k in (0, 1)]
    )
    codes = dsprites.orientation_codes(factors)
    assert np.allclose(codes[::2], codes[1::2])
    assert np.allclose(codes[4], [math.cos(0.3), math.sin(0.3)])
    assert np.allclose(codes[0], [math.cos(1.2), math.sin(1.2)])
    assert np.allclose((codes**2).sum(1), 1)


def test_factors_move_what_they_name():
    rows = np.tile(HEART, (3, 1))
    rows[:, 3] = 0.2, 0.5, 0.8
    columns = dsprites.render(rows)[:, 0].sum(1) @ np.arange(64) / dsprites.render(rows).sum((1, 2, 3))
    assert np.allclose(np.diff(columns), 32 * 0.3, atol=0.2)
    rows = np.tile(HEART, (2, 1))
    rows[:, 1] = 0.5, 1
    small, large = dsprites.render(rows).sum((1, 2, 3))
    assert large / small == pytest.approx(4, rel=0.05)


def test_batch_size_changes_nothing_and_the_frame_cuts_off(monkeypatch):
    factors = SPRITES.factors(np.random.default_rng(0).integers(737_280, size=200))
    images = dsprites.render(factors)
    assert np.array_equal(images[::-1], dsprites.render(factors[::-1]))
    monkeypatch.setattr(dsprites, "CHUNK", 7)
    assert np.array_equal(images, dsprites.render(factors))
    assert dsprites.render([[0, 1, 0, 1.5, 0.5]]).sum() == 10 * 20  # its centre on the frame's right edge
    assert dsprites.render([[0, 1, 0, 5, 0.5]]).sum() == 0
    assert dsprites.render(np.empty((0, 5))).shape == (0, 1, 64, 64)


def test_simulate_gives_different_rows_ready_for_a_data_set():
    made = dsprites.simulate(3000, seed=3)
    assert len(np.unique(made.factors, axis=0)) == 3000
    data = FactorDataset(*made)
    assert data.names == ("shape", "scale", "orientation", "posX", "posY")
    assert set(np.unique(data.images)) == {0, 1}
    assert np.array_equal(made.images, dsprites.render(made.factors))
    assert data.checksum() == FactorDataset(*dsprites.simulate(3000, seed=3)).checksum()
    assert data.checksum() != FactorDataset(*dsprites.simulate(3000, seed=4)).checksum()
    for n in (0, 737_281):
        with pytest.raises(ValueError, match=f"from 1 to 737280, got {n}"):
            dsprites.simulate(n, seed=0)


@pytest.mark.parametrize(
    ("column", "value"), [(0, 3), (0, 0.5), (1, 0), (1, -1), (2, math.nan), (3, math.inf), (4, -math.inf)]
)
def test_what_is_no_sprite_is_refused_by_row_and_value(column, value):
    factors = np.tile(HEART, (3, 1))
    factors[1, column] = value
    for function in (dsprites.render, dsprites.orientation_codes):
        with pytest.raises(ValueError, match=f"row 1 is no sprite: .*{dsprites.NAMES[column]}={value:g}"):
            function(factors)
        with pytest.raises(ValueError, match=r"shape \(n, 5\): shape, scale.*got \(5,\)"):
            function(HEART)


def test_speed_a_tenth_of_the_set_in_6_seconds_and_an_image_in_a_millisecond():
    rows = np.arange(0, 737_280, 10)
    start = time.process_time()
    for part in np.array_split(rows, 40):
        SPRITES[part]
    seconds = time.process_time() - start
    assert seconds < 6
    rows = np.random.default_rng(0).integers(737_280, size=200)
    start = time.process_time()
    for row in rows:
        SPRITES[int(row)]
    each = (time.process_time() - start) / 200
    assert each < 1e-3
    print(f"all 737,280 would take {10 * seconds:.0f} s; one by one, {1e3 * each:.2f} ms an image")
