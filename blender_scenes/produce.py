"""Shapes that no lathe turns: grown things and what bends. Numpy meshes in the units of their input, z up.

A fruit starts as a turned body and is then pressed into lobes, made uneven and bent; a tube follows a path (stems,
vines, roots, gherkins, wire); a prism is an outline drawn out to a bar (slanted cartons, sleeves, wedges); a wrap is a
label that goes part of the way around a jar.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes.geometry import Mesh, lathe

__all__ = ["fruit", "prism", "smooth_curve", "tube", "wrap"]

Floats = NDArray[np.float64]


def smooth_curve(points: Any, per_span: int) -> Floats:
    """A Catmull-Rom curve through N×D `points`, `per_span` steps from each to the next: (N−1)·per_span+1 × D.

    Centripetal parameters (Yuksel et al. 2011) keep it from overshooting where points are unevenly spaced.
    """
    p = np.asarray(points, dtype=float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    knots = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)) + 1e-12)])
    rows = []
    for i in range(1, len(p) - 2):
        k0, k1, k2, k3 = knots[i - 1 : i + 3]
        t = np.linspace(k1, k2, per_span, endpoint=False)[:, None]
        a1 = ((k1 - t) * p[i - 1] + (t - k0) * p[i]) / (k1 - k0)
        a2 = ((k2 - t) * p[i] + (t - k1) * p[i + 1]) / (k2 - k1)
        a3 = ((k3 - t) * p[i + 1] + (t - k2) * p[i + 2]) / (k3 - k2)
        b1 = ((k2 - t) * a1 + (t - k0) * a2) / (k2 - k0)
        b2 = ((k3 - t) * a2 + (t - k1) * a3) / (k3 - k1)
        rows.append(((k2 - t) * b1 + (t - k1) * b2) / (k2 - k1))
    return np.concatenate([*rows, p[-2:-1]])


def fruit(
    profile: Any,
    material: str,
    *,
    segments: int = 40,
    lobes: int = 0,
    lobe_depth: float = 0.0,
    wobble: float = 0.0,
    bend: float = 0.0,
    seed: int = 0,
) -> Mesh:
    """A turned body with a smooth outline through the rows `[radius, z]` of `profile`, made to look grown.

    `lobes` creases of relative depth `lobe_depth` run from pole to pole and press the shoulders down with them, so that
    lobes stand up around the stem; each lobe has a size of its own. `wobble` is the relative height of slow bumps,
    `bend` how far the ends lean towards +x, in the unit of the profile. `seed` picks one such fruit. The mesh is closed
    and stands on z = 0; u runs around it, v along z.
    """
    outline = smooth_curve(profile, 3)
    outline[:, 0] = np.maximum(outline[:, 0], 0)
    turned = lathe(outline, material, segments=segments)
    v = turned.vertices
    rng = np.random.default_rng(seed)
    radius = np.hypot(v[:, 0], v[:, 1])
    angle, widest = np.arctan2(v[:, 1], v[:, 0]), radius.max()
    centre = np.array([0, 0, (v[:, 2].min() + v[:, 2].max()) / 2])
    factor = np.ones(len(v))
    if lobes:
        # The whole body shrinks towards its middle along a crease; its poles, where stem and blossom sit, stay.
        phase, uneven = rng.uniform(0, 2 * np.pi, 2)
        wave = lobes * (angle + phase) / 2 + 0.35 * np.sin(angle + uneven)
        reach = np.clip(radius / (0.45 * widest), 0, 1)
        crease = (1 - np.abs(np.sin(wave))) ** 1.6
        unlike = 0.5 * lobe_depth * np.cos(angle + 2 * uneven)
        factor -= reach**2 * (3 - 2 * reach) * (lobe_depth * crease + np.maximum(unlike, 0))
    if wobble:
        direction = (v - centre) / widest
        waves = rng.normal(0, 1.6, (5, 3))
        factor += wobble * np.cos(direction @ waves.T + rng.uniform(0, 2 * np.pi, 5)).mean(axis=1)
    shaped = centre + (v - centre) * factor[:, None]
    if bend:
        half = np.ptp(v[:, 2]) / 2
        shaped[:, 0] += bend * ((v[:, 2] - centre[2]) / half) ** 2
    shaped[:, 2] -= shaped[:, 2].min()
    return Mesh(shaped, turned.faces, turned.uvs, turned.materials)


def tube(path: Any, material: str, *, segments: int = 8, per_span: int = 3) -> Mesh:
    """A round bar along a smooth curve through the rows `[x, y, z, radius]` of `path`, with rounded ends.

    The mesh is closed; u runs around it, v along it.
    """
    curve = smooth_curve(path, per_span)
    centre, radius = curve[:, :3], np.maximum(curve[:, 3], 0)
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # Each end closes in two steps, half a radius beyond the path.
    first, last = radius[0] * along[0], radius[-1] * along[-1]
    ends = [centre[0] - 0.55 * first, centre[0] - 0.4 * first], [centre[-1] + 0.4 * last, centre[-1] + 0.55 * last]
    centre = np.concatenate([ends[0], centre, ends[1]])
    radius = np.concatenate([[0, 0.75 * radius[0]], radius, [0.75 * radius[-1], 0]])
    along = np.concatenate([along[:1], along[:1], along, along[-1:], along[-1:]])
    sides = [np.cross(along[0], np.eye(3)[np.argmin(np.abs(along[0]))])]
    for direction in along[1:]:  # carried along without twist
        sides.append(sides[-1] - (sides[-1] @ direction) * direction)
    side = np.array(sides) / np.linalg.norm(sides, axis=1, keepdims=True)
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[None, :, None]
    rings = np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None]
    vertices = (centre[:, None] + radius[:, None, None] * rings).reshape(-1, 3)
    count, ring = len(centre), segments + 1
    u, v = np.meshgrid(np.linspace(0, 1, ring), np.linspace(0, 1, count))
    faces: list[tuple[int, ...]] = [
        (j * ring + i, j * ring + i + 1, (j + 1) * ring + i + 1, (j + 1) * ring + i)
        for j in range(count - 1)
        for i in range(segments)
    ]
    return Mesh(vertices, faces, np.stack([u, v], axis=-1).reshape(-1, 2), [material] * len(faces))


def prism(outline: Any, width: float, material: str) -> Mesh:
    """A bar of `width` along x whose cross-section is the convex polygon `outline`, rows [y, z], counter-clockwise as
    seen from +x. Flat faces; u runs along x from −x to +x, v around the outline from its first point; both ends take
    the colour at the middle of u and v.
    """
    points = np.asarray(outline, dtype=float)
    length = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    marks = np.concatenate([[0], np.cumsum(length)]) / length.sum()
    closed = np.concatenate([points, points[:1]])
    left, right = (np.column_stack([np.full(len(closed), x), closed]) for x in (-width / 2, width / 2))
    n = len(points)
    vertices = np.concatenate([left, right, left[:-1], right[:-1]])
    uvs = np.concatenate(
        [np.column_stack([np.zeros(n + 1), marks]), np.column_stack([np.ones(n + 1), marks]), np.full((2 * n, 2), 0.5)]
    )
    faces: list[tuple[int, ...]] = [(i, i + 1, i + n + 2, i + n + 1) for i in range(n)]
    start = 2 * (n + 1)
    faces += [tuple(range(start, start + n))[::-1], tuple(range(start + n, start + 2 * n))]
    return Mesh(vertices, faces, uvs, [material] * len(faces), smooth=False)


def wrap(profile: Any, arc: Any, thickness: float, material: str, *, segments: int = 24) -> Mesh:
    """A sheet of `thickness` around the z axis, its outside through the rows `[radius, z]` of `profile`.

    `arc` = [from, to] in degrees, counter-clockwise as seen from above; the front, −y, is 270. The mesh is closed;
    u runs along the arc, v along z.
    """
    rows = np.asarray(profile, dtype=float)
    loop = np.concatenate([rows, rows[::-1] - [thickness, 0], rows[:1]])
    angle = np.radians(np.linspace(arc[0], arc[1], segments + 1))
    rings = np.stack(
        [loop[:, :1] * np.cos(angle), loop[:, :1] * np.sin(angle), np.repeat(loop[:, 1:], segments + 1, axis=1)],
        axis=-1,
    )
    u, v = np.meshgrid(np.linspace(0, 1, segments + 1), (loop[:, 1] - rows[:, 1].min()) / np.ptp(rows[:, 1]))
    ring, count = segments + 1, len(rows)
    faces: list[tuple[int, ...]] = [
        (j * ring + i, j * ring + i + 1, (j + 1) * ring + i + 1, (j + 1) * ring + i)
        for j in range(2 * count)
        for i in range(segments)
    ]
    for j in range(count - 1):  # the two cut edges
        out, back = j * ring, (2 * count - 1 - j) * ring
        faces.append((out, out + ring, back - ring, back))
        faces.append((out + segments, back + segments, back - ring + segments, out + ring + segments))
    uvs = np.stack([u, v], axis=-1).reshape(-1, 2)
    return Mesh(rings.reshape(-1, 3), faces, uvs, [material] * len(faces))
