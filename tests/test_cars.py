"""Cars3D-lite: what a picture shows, the order of the set, repetition, and bad input."""

import math
import time

import numpy as np
import pytest

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import cars

CAR = np.array([4.2, 1.55, 0.4, 0.5, 0.6])
PAPER = round(255 * cars.BACKGROUND)


def picture(elevation=18, azimuth=90, **changes):
    row = CAR.copy()
    for name, value in changes.items():
        row[list(cars.PARAMETERS).index(name)] = value
    return cars.render([row], elevation, azimuth)[0].astype(int)


def covered(image):
    """Columns and rows in which something is drawn."""
    return ((image != PAPER).any(0).any(axis).sum() for axis in (0, 1))


def test_a_full_turn_changes_nothing_and_a_small_one_something():
    assert np.array_equal(picture(azimuth=30), picture(azimuth=390))
    assert np.array_equal(picture(azimuth=-330), picture(azimuth=390))
    assert (picture(azimuth=30) != picture(azimuth=33)).mean() > 0.01


@pytest.mark.parametrize("elevation", cars.ELEVATIONS)
def test_a_car_is_symmetric(elevation):
    """Turned the other way, it is its mirror image, but for the rounding of samples that edges pass through."""
    for azimuth in (0, 40, 90, 155):
        one, other = picture(elevation, azimuth), picture(elevation, -azimuth)[:, :, ::-1]
        assert np.abs(one - other).mean() < 0.3


@pytest.mark.parametrize("elevation", cars.ELEVATIONS)
def test_front_and_back_differ_at_every_angle(elevation):
    """From the front, more pale lamps than red ones, and from behind the reverse; no two azimuths look alike."""

    def lamps(image):
        red, green, blue = image
        return int((red - green > 60).sum()), int((np.minimum(red, green) - blue > 15).sum())

    for azimuth in (-30, 0, 30):
        front, back = (lamps(picture(elevation, azimuth + turn, warmth=-1)) for turn in (0, 180))
        assert front[1] > front[0]
        assert back[0] > back[1]
    around = cars.render(np.tile(CAR, (24, 1)), elevation, cars.AZIMUTHS).astype(float)
    distance = np.abs(around[:, None] - around[None]).mean((2, 3, 4)) + 99 * np.eye(24)
    assert distance.min() > 2


def test_front_points_right_at_90_degrees_and_to_the_viewer_at_0():
    red, green, blue = picture(azimuth=90, warmth=-1)
    pale, tail = (green > 180) & (red - blue > 30), (red > 150) & (green < 90)
    assert np.argwhere(pale)[:, 1].min() > 40 > 24 > np.argwhere(tail)[:, 1].max()
    wide, _ = covered(picture(azimuth=90))
    narrow, _ = covered(picture(azimuth=0))
    assert wide > 1.8 * narrow


def test_each_parameter_moves_what_it_names():
    wide, _ = covered(picture(length=4.8))
    narrow, _ = covered(picture(length=3.6))
    assert wide - narrow == pytest.approx(1.2 * cars.SCALE, abs=2)
    _, tall = covered(picture(elevation=0, height=1.9))
    _, low = covered(picture(elevation=0, height=1.4))
    assert tall - low == pytest.approx(0.5 * cars.SCALE, abs=1)
    van, saloon = ((picture(elevation=8, cabin=c)[2, :30, 9:26] != PAPER).sum() for c in (1, 0))
    assert van > saloon + 50  # above the boot
    bright, dark = (picture(lightness=value, warmth=0).mean() for value in (0.7, 0.35))
    assert bright > dark + 5
    for warmth, sign in ((1, 1), (-1, -1)):
        red, _, blue = picture(warmth=warmth, elevation=38).mean((1, 2))
        assert sign * (red - blue) > 10


def test_elevation_shows_more_of_the_roof():
    heights = [list(covered(picture(elevation, azimuth=0)))[1] for elevation in cars.ELEVATIONS]
    assert (np.diff(heights) > 3).all()


def test_projection_by_hand():
    """Forward, left and up, seen from the front, from the right side, and from above at 30 degrees."""
    axes = np.array([[1.0, 0, cars.MIDDLE], [0, 1, cars.MIDDLE], [0, 0, cars.MIDDLE + 1]])[..., None]
    elevation, azimuth = np.radians([0, 0, 30]), np.radians([0, 90, 0])
    right, up, near = cars.project(axes, elevation, azimuth)
    half, root = 0.5, math.sqrt(0.75)
    assert np.allclose(right, [[0, 1, 0], [1, 0, 1], [0, 0, 0]])
    assert np.allclose(up, [[0, 0, -half], [0, 0, 0], [1, 1, root]])
    middle = cars.MIDDLE * half  # z shows in the distance, too, at 30 degrees
    assert np.allclose(near - [0, 0, middle], [[1, 0, root], [0, -1, 0], [0, 0, half]])


def square(x, y, half, z=cars.MIDDLE):
    """Upright and across the car, seen whole from the front; centre (x, y, z)."""
    return [(x, y + a * half, z + b * half) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def test_the_nearer_face_hides_the_other_whatever_their_order_and_winding():
    near, far = square(1, 0.5, 1), square(-1, -0.5, 1)  # each 2 m wide, half a metre off the middle to either side
    inside = np.abs(cars.GRID) < 1
    both = [inside[:, None] & (np.abs(cars.GRID - middle) < 1) for middle in (0.5, -0.5)]
    expected = np.select(both, [0, 1], 2)
    for corners, order in (((near, far), [0, 1, 2]), ((far, near), [1, 0, 2]), ((near[::-1], far), [0, 1, 2])):
        owners, _ = cars.rasterise(np.concatenate(corners)[..., None], np.array([0, 4]), np.zeros(1), np.zeros(1))
        assert np.array_equal(owners[0], np.take(order, expected))


def test_faces_turned_away_are_hidden_if_they_have_a_hidden_side():
    corners, hidden = np.array(square(0, 0, 1))[..., None], np.array([-1.0, 0, 0]).reshape(1, 3, 1)
    for behind, shown in ((hidden, True), (-hidden, False), (None, True)):
        (owner,), _ = cars.rasterise(corners, np.array([0]), np.zeros(1), np.zeros(1), behind)
        assert (owner == 0).any() == shown


@pytest.mark.parametrize("elevation", cars.ELEVATIONS)
def test_light_comes_from_above_the_camera(elevation):
    """A roof and a front by hand: half of the light is everywhere, half goes with the cosine to (0, 0.8, 0.6)."""
    roof = [(1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, 1)]
    e = math.radians(elevation)
    corners = np.array([*roof, *square(1, 0, 1)])[..., None]
    _, light = cars.rasterise(corners, np.array([0, 4]), np.array([e]), np.zeros(1))
    cosines = 0.8 * math.cos(e) + 0.6 * math.sin(e), 0.6 * math.cos(e) - 0.8 * math.sin(e)
    assert light[:, 0] == pytest.approx([0.5 + 0.5 * max(0, c) for c in cosines])


def test_a_pixel_is_the_mean_of_its_nine_samples():
    index = np.zeros((192, 192), dtype=int)
    index[:2, :3] = 1  # two thirds of the pixel at the bottom left
    image = cars.picture(np.array([[0, 0, 1.0], [1, 0.6, 0]]), index)
    assert image[:, -1, 0].tolist() == [170, 102, 85]
    assert (image.sum((1, 2)) == [170, 102, 85 + 255 * 4095]).all()


def test_a_car_lies_within_the_frame_from_every_side():
    low, high, _ = zip(*cars.PARAMETERS.values(), strict=True)
    for extreme in (low, high):
        for elevation in cars.ELEVATIONS:
            images = cars.render(np.tile(extreme, (24, 1)), elevation, cars.AZIMUTHS)
            for edge in (images[:, :, 0], images[:, :, -1], images[..., 0], images[..., -1]):
                assert (edge == PAPER).all()


def test_pictures_repeat_whatever_the_batch(monkeypatch):
    fleet = cars.Cars(20, seed=3)
    rows = np.random.default_rng(0).integers(len(fleet), size=50)
    images = fleet[rows]
    assert np.array_equal(images, fleet[rows])
    assert np.array_equal(images[::-1], fleet[rows[::-1]])
    monkeypatch.setattr(cars, "CHUNK", 7)
    assert np.array_equal(images, fleet[rows])
    assert cars.render(np.empty((0, 5)), 20, 0).shape == (0, 3, 64, 64)


KNOWN = np.array([[219.0264, 212.6089, 210.6123], [221.2498, 212.7996, 210.3728]])


def test_known_pictures():
    """Means over the picture, to a hundredth of a grey level; a face that moved, or a new shade, is seen."""
    images = cars.render(np.stack([CAR, CAR]), [18, 38], [40, 200]).astype(float)
    assert images.mean((2, 3)) == pytest.approx(KNOWN, abs=0.01)


def test_order_is_elevation_azimuth_object():
    fleet = cars.Cars(5, seed=1)
    assert len(fleet) == 4 * 24 * 5
    assert fleet.classes([1, 5, 24 * 5, -1]).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [3, 23, 4]]
    row = fleet.factors(5)[0]
    assert row[:3] == pytest.approx([cars.ELEVATIONS[0], math.cos(math.pi / 12), math.sin(math.pi / 12)])
    assert row[3:].tolist() == cars.identities(5, seed=1)[0].tolist()
    assert fleet[7].shape == (3, 64, 64)
    assert np.array_equal(fleet[2:6], fleet[[2, 3, 4, 5]])
    for beyond in (480, -481, [0, 480]):
        with pytest.raises(IndexError, match="there are 480"):
            fleet[beyond]
    with pytest.raises(IndexError, match="integer"):
        fleet[0.5]


def test_identities_fill_their_ranges_evenly():
    drawn = cars.identities(400, seed=0)
    for column, (low, high, _) in zip(drawn.T, cars.PARAMETERS.values(), strict=True):
        assert np.bincount(((column - low) / (high - low) * 40).astype(int)).tolist() == [10] * 40
    assert np.array_equal(drawn, cars.identities(400, seed=0))
    with pytest.raises(ValueError, match="at least 1 car, got 0"):
        cars.identities(0, seed=0)


def test_simulate_gives_different_rows_ready_for_a_data_set():
    data = FactorDataset(*cars.simulate(300, seed=0, number=9))
    assert data.names == cars.NAMES
    assert data.images.shape == (300, 3, 64, 64)
    assert len(np.unique(data.factors, axis=0)) == 300
    assert np.allclose(data.columns(["azimuth_cos", "azimuth_sin"]) ** 2 @ [1, 1], 1)
    assert data.checksum() == FactorDataset(*cars.simulate(300, seed=0, number=9)).checksum()
    for n in (0, 865):
        with pytest.raises(ValueError, match=f"from 1 to 864, got {n}"):
            cars.simulate(n, seed=0, number=9)


@pytest.mark.parametrize(
    ("elevation", "azimuth", "message"),
    [
        ([8, 18], 0, r"elevation must be one number or one for each of 3 cars, got shape \(2,\)"),
        (8, np.zeros((3, 1)), r"azimuth must be .* got shape \(3, 1\)"),
    ],
)
def test_angles_that_do_not_match_the_cars_are_refused(elevation, azimuth, message):
    with pytest.raises(ValueError, match=message):
        cars.render(np.tile(CAR, (3, 1)), elevation, azimuth)
    with pytest.raises(ValueError, match=r"parameters must have shape \(n, 5\): length, .*; got \(\)"):
        cars.render(4.0, 20, 0)


@pytest.mark.parametrize(
    ("column", "value", "elevation", "azimuth"),
    [(0, 9, 20, 0), (3, -0.1, 20, 0), (1, math.nan, 20, 0), (0, 4, 91, 0), (0, 4, -1, 0), (0, 4, 20, math.inf)],
)
def test_what_is_no_car_is_refused_by_row_and_value(column, value, elevation, azimuth):
    rows = np.tile(CAR, (3, 1))
    rows[1, column] = value
    with pytest.raises(ValueError, match=r"row 1 cannot be drawn: length=.*Allowed are length 3.4 to 5"):
        cars.render(rows, [20, elevation, 20], [0, azimuth, 0])
    with pytest.raises(ValueError, match=r"shape \(n, 5\): length, height.*got \(5,\)"):
        cars.render(CAR, 20, 0)


def test_speed():
    parameters = np.repeat(cars.identities(8, seed=0), 24, axis=0)
    seconds = math.inf
    for _ in range(3):
        start = time.process_time()
        cars.render(parameters, 18, np.tile(cars.AZIMUTHS, 8))
        seconds = min(seconds, time.process_time() - start)
    print(f"{len(parameters) / seconds:.0f} images/s on one core")
    assert len(parameters) / seconds > 100


def test_a_car_has_as_many_faces_as_the_pages_say():
    assert 55 <= len(cars._car(*CAR[:, None]).starts) <= 65  # "some sixty"
