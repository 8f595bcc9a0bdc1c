"""Meshes as numpy arrays: what products and furniture are made of before Blender sees them. Metres, z up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mesh", "box", "carton", "euler", "join", "lathe", "rounded_box", "sphere"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """`vertices` N×3 in metres, `faces` as vertex indices, `uvs` N×2, one material name per face.

    `normals` N×3, for shading, are those of a file that brings its own.
    """

    vertices: Floats
    faces: list[tuple[int, ...]]
    uvs: Floats
    materials: list[str]
    smooth: bool = True
    normals: Floats | None = None

    def triangles(self) -> NDArray[np.int64]:
        """T×3 vertex indices; quads are split along one diagonal."""
        return self._triangles

    @cached_property
    def _triangles(self) -> NDArray[np.int64]:
        fans = [(f[0], f[i], f[i + 1]) for f in self.faces for i in range(1, len(f) - 1)]
        return np.array(fans, dtype=np.int64)

    def scaled(self, factor: float | Sequence[float]) -> "Mesh":
        """The same mesh, larger or smaller."""
        normals = self.normals
        if normals is not None:
            normals = normals / np.asarray(factor)
            normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
        return replace(self, vertices=self.vertices * np.asarray(factor), normals=normals)

    def moved(self, offset: Sequence[float]) -> "Mesh":
        """The same mesh somewhere else."""
        return replace(self, vertices=self.vertices + np.asarray(offset))


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh out of several; smooth if the first one is."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        [tuple([i + k for i in f]) for m, k in zip(meshes, starts.tolist(), strict=False) for f in m.faces],
        np.concatenate([m.uvs for m in meshes]),
        [name for m in meshes for name in m.materials],
        meshes[0].smooth,
    )


def euler(degrees: Sequence[float]) -> Floats:
    """3×3 rotation matrix: about x, then y, then z, in degrees (Blender's XYZ order)."""
    x, y, z = np.radians(degrees)
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    rotation: Floats = rz @ ry @ rx
    return rotation


def lathe(
    profile: Any,
    material: str,
    *,
    segments: int = 40,
    exponent: float | Sequence[float] = 2.0,
    ribs: int = 0,
    rib_depth: float = 0.0,
    uv: str = "around",
) -> Mesh:
    """A surface around the z axis through the rows `[radius, z]` or `[radius_x, radius_y, z]` of `profile`, in metres.

    Cross-sections are superellipses |x/a|^p + |y/b|^p = 1: `exponent` p = 2 gives ellipses, 4 and more rounded boxes;
    one for all rows, or one per row. `ribs` grooves of relative depth `rib_depth` run along the surface. `uv` is
    `around` (u along the circumference with the front, −y, at 0.75; v along z) or `top`
    (u, v = x, y of the bounding square, seen from above).
    """
    rows = np.array([[r[0], r[-2], r[-1]] for r in profile], dtype=float)
    powers = np.broadcast_to(np.asarray(exponent, dtype=float), (len(rows),))
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    radial = (np.abs(cosine)[None] ** powers[:, None] + np.abs(sine)[None] ** powers[:, None]) ** (-1 / powers[:, None])
    if ribs:
        radial = radial * (1 - rib_depth * np.abs(np.cos(angle * ribs / 2))[None] ** 6)
    x, y = rows[:, :1] * radial * cosine, rows[:, 1:2] * radial * sine
    z = np.repeat(rows[:, 2:], segments + 1, axis=1)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    if uv == "top":
        extent = np.abs(vertices[:, :2]).max(axis=0)
        uvs = vertices[:, :2] / (2 * extent) + 0.5
    else:
        u = np.broadcast_to(angle / (2 * np.pi), x.shape)
        v = (z - z.min()) / np.ptp(z)
        uvs = np.stack([u, v], axis=-1).reshape(-1, 2)
    ring = segments + 1
    faces: list[tuple[int, ...]] = [
        (j * ring + i, j * ring + i + 1, (j + 1) * ring + i + 1, (j + 1) * ring + i)
        for j in range(len(rows) - 1)
        for i in range(segments)
    ]
    return Mesh(vertices, faces, uvs, [material] * len(faces))


def sphere(radius: Sequence[float], material: str, *, segments: int = 32) -> Mesh:
    """An ellipsoid that stands on z = 0; `radius` is its x, y, z half axes in metres."""
    t = np.linspace(0, np.pi, segments // 2 + 1)
    rx, ry, rz = radius
    return lathe(np.stack([rx * np.sin(t), ry * np.sin(t), rz * (1 - np.cos(t))], axis=1), material, segments=segments)


def box(size: Sequence[float], centre: Sequence[float], material: str) -> Mesh:
    """A box with flat sides; every side carries the whole picture (u to the right, v up)."""
    vertices, uvs = _unit_box()
    faces: list[tuple[int, ...]] = [(4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3) for k in range(6)]
    return Mesh(vertices * np.asarray(size) + np.asarray(centre), faces, uvs.copy(), [material] * 6, smooth=False)


@cache
def _unit_box() -> tuple[Floats, Floats]:
    """Vertices of a cube's six sides, and their uvs."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float) / 2
    vertices, uvs = [], []
    for axis in range(3):
        for side in (-0.5, 0.5):
            a, b = [k for k in range(3) if k != axis]
            quad = np.zeros((4, 3))
            quad[:, a], quad[:, b], quad[:, axis] = corners[:, 0], corners[:, 1], side
            # Outward normals: flip where the corner order turns the wrong way.
            normal = np.cross(quad[1] - quad[0], quad[2] - quad[1])[axis]
            if normal * side < 0:
                quad = quad[::-1]
            vertices.append(quad)
            uvs.append(quad[:, [a, b]] + 0.5)
    return np.concatenate(vertices), np.concatenate(uvs)


def rounded_box(
    size: Sequence[float], centre: Sequence[float], material: str, radius: float = 0.004, segments: int = 32
) -> Mesh:
    """A box with soft edges; `radius` in metres is how far the top and bottom edges are rounded."""
    half_x, half_y, half_z = (s / 2 for s in size)
    r = min(radius, half_x, half_y, half_z)
    profile = [
        [0, 0, -half_z],
        [half_x - r, half_y - r, -half_z],
        [half_x - 0.3 * r, half_y - 0.3 * r, -half_z + 0.3 * r],
    ]
    profile += [[half_x, half_y, -half_z + r], [half_x, half_y, half_z - r]]
    profile += [
        [half_x - 0.3 * r, half_y - 0.3 * r, half_z - 0.3 * r],
        [half_x - r, half_y - r, half_z],
        [0, 0, half_z],
    ]
    return lathe(profile, material, segments=segments, exponent=12.0).moved(centre)


def carton(size: Sequence[float], material: str, *, radius: float = 1.0, steps: int = 3) -> Mesh:
    """A box with straight sides and edges rounded by `radius`, standing on z = 0 (in the unit of `size`).

    Unlike on `rounded_box`, nothing printed is stretched: each side takes a quarter of u (front 0.625..0.875, right
    from there on, back around 0.25), v is its height. Base and top take the colour of the art's edge.
    """
    half_x, half_y = size[0] / 2, size[1] / 2
    r = min(radius, half_x, half_y, size[2] / 2)
    bevel = np.linspace(0, np.pi / 2, steps + 1)
    inset, rise = r * (1 - np.sin(bevel)), r * (1 - np.cos(bevel))
    rows = [*zip(inset, rise, strict=True), *zip(inset[::-1], size[2] - rise[::-1], strict=True)]
    rings, marks = [], np.zeros(0)
    for shrink, z in rows:
        x, y = half_x - shrink, half_y - shrink
        round_ = max(r - shrink, 1e-6)
        points, marks = _rounded_rectangle(x, y, round_, steps)
        rings.append(np.column_stack([points, np.full(len(points), z)]))
    middle = np.zeros((len(marks), 3))
    rings = [middle, *rings, middle + [0, 0, size[2]]]
    heights = [0.0, *(z / size[2] for _, z in rows), 1.0]
    ring = len(marks)
    uvs = np.concatenate([np.column_stack([marks, np.full(ring, v)]) for v in heights])
    faces: list[tuple[int, ...]] = [
        (j * ring + i, j * ring + i + 1, (j + 1) * ring + i + 1, (j + 1) * ring + i)
        for j in range(len(rings) - 1)
        for i in range(ring - 1)
    ]
    return Mesh(np.concatenate(rings), faces, uvs, [material] * len(faces))


def _rounded_rectangle(x: float, y: float, r: float, steps: int) -> tuple[Floats, Floats]:
    """Points around a rectangle of half sizes x, y with corners of radius r, counter-clockwise from the middle of the
    right side, and their u."""
    angle = np.linspace(0, np.pi / 2, steps + 1)
    points, marks = [np.array([[x, 0.0]])], [np.array([0.0])]
    for corner, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        turn = angle + corner * np.pi / 2
        points.append(np.column_stack([sx * (x - r) + r * np.cos(turn), sy * (y - r) + r * np.sin(turn)]))
        share = r / (2 * (y if corner % 2 == 0 else x)), r / (2 * (x if corner % 2 == 0 else y))
        edge = 0.125 + 0.25 * corner
        marks.append(np.interp(angle, [0, np.pi / 4, np.pi / 2], [edge - share[0] / 4, edge, edge + share[1] / 4]))
    points.append(np.array([[x, 0.0]]))
    marks.append(np.array([1.0]))
    return np.concatenate(points), np.concatenate(marks)
