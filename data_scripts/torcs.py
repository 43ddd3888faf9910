"""Cars of the game TORCS, from Debian's torcs-data: AC3D models, SGI textures, and the wheels of their settings.

Debian names two licences: the Free Art License for 14 of the 17 cars, GPL-2 or later for 155-DTM, buggy and p406.
Neither the models nor pictures of them are part of this repository.
"""

import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image  # scikit-image and matplotlib bring it

from auxvae_lite.simulators import cars

FREE_ART = ("acura-nsx-sz", "baja-bug", "car1-ow1", "car1-stock1", "car1-stock2", "car1-trb1", "car1-trb3", "car2-trb1",
            "car3-trb1", "car4-trb1", "car5-trb1", "car6-trb1", "car7-trb1", "car8-trb1")  # fmt: skip
GPL = ("155-DTM", "buggy", "p406")
METRES = {"m": 1.0, "mm": 1e-3, "in": 0.0254}
POLYGON, STRIP = 0, 4  # kinds of surface, the low four bits after SURF
PLAIN = [np.full((1, 1, 3), colour) for colour in (cars.SHADOW, cars.RUBBER, cars.STEEL)]
SHADOW, RUBBER, STEEL = range(len(PLAIN))  # their numbers among a car's textures


class Car(NamedTuple):
    """A car's triangles and what lies on them.

    Attributes:
        corners: Shape (T, 3, 3), metres: x forward from the middle, y left, z up from the ground.
        uv: Places on the texture, 0 to 1 from below, (T, 3, 2).
        texture: Its number, (T,).
        textures: Arrays (rows from below, columns, 3) from 0 to 1.
        length, height: Metres.
    """

    corners: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    textures: list
    length: float
    height: float


def models(folder):
    """Each car's finest model below a folder, cars/NAME/NAME.acc or .ac, by name.

    Raises:
        ValueError: if there is none.
    """
    paths = [path for path in sorted(Path(folder).resolve().rglob("*.ac*")) if path.suffix in (".ac", ".acc")]
    found = {path.stem: path for path in paths if path.parts[-3:-1] == ("cars", path.stem)}
    if not found:
        raise ValueError(f"{folder} holds no car. Do: apt-get download torcs-data && dpkg -x torcs-data_*.deb {folder}")
    return found


def licence(name):
    """A car's licence as Debian states it, or "unknown"."""
    return "Free Art License" if name in FREE_ART else "GPL-2+" if name in GPL else "unknown"


def load(path):
    """A car: its model, with the textures and the settings, NAME.xml, beside it.

    Raises:
        ValueError: naming the file that is cut off, of another kind, or too large for the picture.
    """
    path = Path(path)
    corners, uv, texture, names = read_mesh(path)
    wheels, ride = read_settings(path.with_suffix(".xml"))
    low, high = corners.min((0, 1)), corners.max((0, 1))
    length, width, height = high - [low[0], low[1], -ride]
    reach, frame = math.hypot(length, width), cars.SIZE / cars.SCALE
    if not reach < frame:
        raise ValueError(f"{path}: {reach:.1f} m from corner to corner, and a picture shows {frame:.1f} m")
    middle = (low[0] + high[0]) / 2
    parts = [(_fan([(1.05 * length / 2 * c, 1.1 * width / 2 * s, 0) for c, s in _circle(16)]), SHADOW)]
    for x, *wheel in wheels:
        parts += _wheel(x - middle, *wheel)
    plain, number = np.concatenate([part for part, _ in parts]), [[n] * len(part) for part, n in parts]
    return Car(
        np.concatenate([plain, corners + [-middle, 0, ride]]),
        np.concatenate([np.zeros((len(plain), 3, 2)), uv]),
        np.concatenate([*number, texture + len(PLAIN)]),
        PLAIN + [read_texture(path.with_name(name)) for name in names],
        length,
        height,
    )


def read_mesh(path):
    """Textured triangles of an AC3D file's polygons and strips. Materials are left aside: TORCS's are white.

    Returns:
        Corners (T, 3, 3) in metres, x forward, y left, z up; places on the texture (T, 3, 2); its number (T,); the
        textures' names.

    Raises:
        ValueError: naming the file and the line.
    """
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or not lines[0].startswith("AC3D"):
        raise ValueError(f"{path} is no AC3D model: it does not begin with AC3D")
    at, names, corners, uv, number = 1, [], [], [], []
    missing = {"OBJECT": 1, "SURF": 0, "kids": 0}  # promised and not yet seen

    def rows(count):
        nonlocal at
        at += int(count)
        if at > len(lines):
            raise ValueError(f"the file ends after {len(lines)} lines")
        return [line.split() for line in lines[at - int(count) : at]]

    try:
        while at < len(lines):
            (words,) = rows(1)
            tag, value = (*words, "", "")[:2]
            if tag in missing:
                missing[tag] -= 1
            if tag == "OBJECT":
                points, name = [], None
                missing["kids"] += 1
            elif tag == "texture" and words[-1] not in ("tiled", "skids", "shad"):  # those are laid over the first
                name = value.strip('"')
                names += [name] * (name not in names)
            elif tag == "numvert":
                points = [[float(x), -float(z), float(y)] for x, y, z, *_ in rows(value)]
            elif tag in ("kids", "numsurf"):
                missing["OBJECT" if tag == "kids" else "SURF"] += int(value)
            elif tag == "SURF":
                kind = int(value, 0) & 15
            elif tag == "refs":
                face = [(points[int(i)], (float(u), float(v))) for i, u, v, *_ in rows(value)]
                for k in range(2, len(face) if kind in (POLYGON, STRIP) else 0):
                    three = zip(face[k - 2 if kind == STRIP else 0], face[k - 1], face[k], strict=True)
                    for column, entry in zip((corners, uv), three, strict=True):
                        column.append(entry)
                    number.append(names.index(name))  # a surface without a texture has none
            elif tag not in ("MATERIAL", "OBJECT", "SURF", "texture", "name", "mat", "crease", ""):
                raise ValueError(f"{tag} is not for TORCS's cars")
        if any(missing.values()) or not corners:
            raise ValueError(f"the file ends with {missing['OBJECT']} objects, {missing['SURF']} surfaces missing")
    except (ValueError, IndexError, UnboundLocalError) as error:
        raise ValueError(f"{path}, line {at}: cut off, or not a car of TORCS ({error})") from error
    corners, uv, number = np.array(corners), np.array(uv), np.array(number)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    solid = area > 1e-9  # m^2; strips turn their corners with triangles of none
    return corners[solid], uv[solid], number[solid], names


def read_texture(path):
    """An SGI picture, shape (rows from below, columns, 3), from 0 to 1; dark glass shows where it is transparent.

    Raises:
        ValueError: naming the file.
    """
    try:
        with Image.open(path, formats=["SGI"]) as image:
            pixels = np.asarray(image.convert("RGBA"), dtype=np.float64)[::-1] / 255
    except (OSError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: cut off, or no SGI picture ({error})") from error
    return pixels[..., 3:] * pixels[..., :3] + (1 - pixels[..., 3:]) * cars.GLASS


def read_settings(path):
    """A car's four wheels, (x, y, radius, width) in metres from the model's origin, and the height that they raise it.

    Raises:
        ValueError: naming the file.
    """
    try:
        sections = {section.get("name"): section for section in ElementTree.parse(path).iter("section")}

        def metres(section, name, unit):
            (entry,) = (entry for entry in sections[section] if entry.get("name") == name)
            return float(entry.get("val")) * METRES[entry.get("unit", unit)]

        wheels, rides = [], []
        for end in ("Front", "Rear"):
            for side in ("Right", "Left"):
                wheel = f"{end} {side} Wheel"
                width = metres(wheel, "tire width", "mm")
                ratio = metres(wheel, "tire height-width ratio", "m")
                radius = metres(wheel, "rim diameter", "in") / 2 + ratio * width
                wheels.append((metres(f"{end} Axle", "xpos", "m"), metres(wheel, "ypos", "m"), radius, width))
                rides.append(metres(wheel, "ride height", "mm"))
    except (OSError, ElementTree.ParseError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: cut off, or not the settings of a car of TORCS ({error!r})") from error
    return wheels, float(np.mean(rides))


def _circle(corners):
    return [(math.cos(t), math.sin(t)) for t in 2 * math.pi * np.arange(corners) / corners]


def _fan(corners):
    return np.array([[corners[0], b, c] for b, c in zip(corners[1:], corners[2:], strict=False)])


def _wheel(x, y, radius, width):
    """Tread, outer side and rim, with the numbers of their textures."""
    out = math.copysign(width / 2, y)

    def ring(share, side):
        return [(x + share * radius * c, y + side * out, radius * (1 + share * s)) for c, s in _circle(16)]

    outer, inner = ring(1, 1), ring(1, -1)
    pairs = zip(outer, outer[1:] + outer[:1], inner, inner[1:] + inner[:1], strict=True)
    tread = np.array([three for a, b, c, d in pairs for three in ((a, b, c), (b, c, d))])
    return [(tread, RUBBER), (_fan(outer), RUBBER), (_fan(inner), RUBBER), (_fan(ring(0.62, 1.04)), STEEL)]


def render(car, elevation, azimuth):
    """Pictures of a car, uint8 (n, 3, 64, 64); elevation and azimuth in degrees, (n,), as in `cars.render`."""
    flat = car.corners.reshape(-1, 3)[..., None]
    images = np.empty((len(elevation), 3, cars.SIZE, cars.SIZE), dtype=np.uint8)
    for i, angles in enumerate(np.radians([elevation, azimuth]).T[..., None]):
        (owner,), light = cars.rasterise(flat, np.arange(0, len(flat), 3), *angles)
        colours = np.full((owner.size, 3), cars.BACKGROUND)
        seen = np.flatnonzero(owner.ravel() < len(car.corners))
        face = owner.ravel()[seen]
        light = np.where(car.texture == SHADOW, 1, light[:, 0])[face, None]
        colours[seen] = _texels(car, face, cars.project(flat, *angles)[:2, :, 0], np.unravel_index(seen, owner.shape))
        colours[seen] *= light
        images[i] = cars.picture(colours, np.arange(owner.size).reshape(owner.shape))
    return images


def _texels(car, face, points, places):
    """The texture's colour where samples meet their faces, (s, 3)."""
    a, b, c = points.reshape(2, -1, 3)[:, face].transpose(2, 0, 1)  # corners in the picture, (2, s) each
    sample = cars.GRID[np.stack(places[::-1])]
    cross = lambda p, q: p[0] * q[1] - p[1] * q[0]  # noqa: E731
    area = cross(b - a, c - a)
    weights = np.stack([cross(b - sample, c - sample), cross(c - sample, a - sample), cross(a - sample, b - sample)])
    u, v = np.einsum("ks,skx->xs", weights / area, car.uv[face])
    colours = np.empty((len(face), 3))
    for number, texture in enumerate(car.textures):
        here = car.texture[face] == number
        row, column = ((x[here] % 1 * size).astype(int) for x, size in ((v, len(texture)), (u, texture.shape[1])))
        colours[here] = texture[row.clip(0, len(texture) - 1), column.clip(0, texture.shape[1] - 1)]
    return colours
