"""Bodies that touch: how far one can slide until it meets another, and how one comes to rest on a plane.

Both are exact for the triangles of the meshes, so that what leans or is stacked neither floats nor penetrates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contact", "about", "centre_of_mass", "first_contact", "resting"]

Floats = NDArray[np.float64]

FRONT = 48  # vertices looked at first, for a bound that spares most of the others
CHUNK = 1 << 20  # pairs of features tested at once
FLAT = 5e-5  # metres: vertices this near to the lowest one count as standing on the plane


@dataclass(frozen=True)
class Contact:
    """Sliding by `distance` metres brings two bodies into touch at `point`, a place on the fixed one."""

    distance: float
    point: Floats


def first_contact(moving: Floats, fixed: Floats, direction: Floats) -> Contact | None:
    """The first contact of triangles T×3×3 that slide along unit vector `direction` with triangles U×3×3; metres.

    None if they never meet. The two must not interpenetrate at the start. Seen along the direction, two meshes first
    touch where a vertex of one lies in a triangle of the other or where two edges cross: the least of all these
    distances is exact.
    """
    frame = _frame(direction)
    a, b = moving @ frame.T, fixed @ frame.T
    a, b = _facing(a, b), _facing(b, a)
    ahead = b[..., 2].max(axis=1) >= (a[..., 2].min() if len(a) else np.inf)
    b = b[ahead]
    if not len(a) or not len(b):
        return None
    tips = a.reshape(-1, 3)[np.argsort(-a[..., 2].ravel(), kind="stable")[:FRONT]]
    tops = b.reshape(-1, 3)[np.argsort(b[..., 2].ravel(), kind="stable")[:FRONT]]
    found = min(_points_on(tips, b, 1.0), _points_on(tops, a, -1.0), key=lambda hit: hit[0])
    # Only what is near enough to the other's front to meet it sooner than this needs to be looked at.
    a = a[a[..., 2].max(axis=1) >= b[..., 2].min() - found[0]]
    b = b[b[..., 2].min(axis=1) <= a[..., 2].max() + found[0]]
    for hit in (
        _points_on(_corners(a), b, 1.0),
        _points_on(_corners(b), a, -1.0),
        _edges_across(_edges(a), _edges(b)),
    ):
        found = min(found, hit, key=lambda h: h[0])
    if not np.isfinite(found[0]):
        return None
    return Contact(float(found[0]), found[1] @ frame)


def _frame(direction: Floats) -> Floats:
    """Rows: two axes across `direction`, and itself."""
    across = np.cross(direction, [0, 0, 1] if abs(direction[2]) < 0.9 else [1, 0, 0])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(direction, across), direction])


def _facing(triangles: Floats, others: Floats) -> Floats:
    """Those whose box across the direction meets that of the others as a whole."""
    if not len(triangles) or not len(others):
        return triangles[:0]
    low, high = others[..., :2].min(axis=(0, 1)), others[..., :2].max(axis=(0, 1))
    meets = (triangles[..., :2].max(axis=1) >= low) & (triangles[..., :2].min(axis=1) <= high)
    kept: Floats = triangles[meets.all(axis=1)]
    return kept


def _corners(triangles: Floats) -> Floats:
    corners: Floats = np.unique(triangles.reshape(-1, 3), axis=0)
    return corners


def _edges(triangles: Floats) -> Floats:
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    swap = (ends[:, 0] > ends[:, 1]) & (ends[:, 0] != ends[:, 1])
    order = swap[np.arange(len(ends)), np.argmax(ends[:, 0] != ends[:, 1], axis=1)]
    ends[order] = ends[order][:, ::-1]
    edges: Floats = np.unique(ends.reshape(-1, 6), axis=0).reshape(-1, 2, 3)
    return edges


def _points_on(points: Floats, triangles: Floats, sign: float) -> tuple[float, Floats]:
    """Least distance along the third axis from N points to T triangles over or (sign −1) under them, and where."""
    best: tuple[float, Floats] = (np.inf, np.zeros(3))
    origin, u, v = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    solid = np.abs(area) > 1e-14
    origin, u, v, area = origin[solid], u[solid], v[solid], area[solid]
    for start in range(0, len(points), max(1, CHUNK // max(1, len(origin)))):
        p = points[start : start + max(1, CHUNK // max(1, len(origin)))]
        d = p[:, None, :2] - origin[None, :, :2]
        s = (d[..., 0] * v[:, 1] - d[..., 1] * v[:, 0]) / area
        t = (d[..., 1] * u[:, 0] - d[..., 0] * u[:, 1]) / area
        inside = (s >= -1e-9) & (t >= -1e-9) & (s + t <= 1 + 1e-9)
        n, k = np.nonzero(inside)
        if not len(n):
            continue
        height = origin[k, 2] + s[n, k] * u[k, 2] + t[n, k] * v[k, 2]
        distance = sign * (height - p[n, 2])
        distance[distance < -1e-9] = np.inf  # behind
        first = int(distance.argmin())
        if distance[first] < best[0]:
            where = height[first] if sign > 0 else p[n[first], 2]
            best = (float(distance[first]), np.array([*p[n[first], :2], where]))
    return best


def _edges_across(moving: Floats, fixed: Floats) -> tuple[float, Floats]:
    """Least distance along the third axis between N edges and M edges that cross as seen along it, and where."""
    best: tuple[float, Floats] = (np.inf, np.zeros(3))
    c, f = fixed[:, 0], fixed[:, 1] - fixed[:, 0]
    step = max(1, CHUNK // max(1, len(fixed)))
    for start in range(0, len(moving), step):
        a = moving[start : start + step, 0]
        e = moving[start : start + step, 1] - a
        cross = e[:, None, 0] * f[:, 1] - e[:, None, 1] * f[:, 0]
        d = c[None, :, :2] - a[:, None, :2]
        with np.errstate(divide="ignore", invalid="ignore"):
            s = (d[..., 0] * f[:, 1] - d[..., 1] * f[:, 0]) / cross
            t = (d[..., 0] * e[:, None, 1] - d[..., 1] * e[:, None, 0]) / cross
        n, k = np.nonzero((np.abs(cross) > 1e-16) & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1))
        if not len(n):
            continue
        there = c[k] + t[n, k, None] * f[k]
        distance = there[:, 2] - (a[n, 2] + s[n, k] * e[n, 2])
        distance[distance < -1e-9] = np.inf
        first = int(distance.argmin())
        if distance[first] < best[0]:
            best = (float(distance[first]), there[first])
    return best


def centre_of_mass(vertices: Floats, triangles: NDArray[np.int64]) -> Floats:
    """Centre of the volume inside a closed mesh of N×3 vertices; of an open one, of the cones to its middle."""
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    a, b, c = (vertices[triangles[:, k]] - middle for k in range(3))
    volume = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)))
    centre: Floats = middle + (volume[:, None] * (a + b + c) / 4).sum(axis=0) / max(volume.sum(), 1e-30)
    return centre


def resting(vertices: Floats, centre: Floats, steps: int = 100) -> Floats:
    """3×3 rotation that brings a body of N×3 vertices to rest on a plane below it; identity if it stands already.

    It tips over the point or edge of its support that is nearest to below its `centre` of mass, until the next vertex
    comes down, as often as it takes for the centre to be above the support.
    """
    turn = np.eye(3)
    for _ in range(steps):
        points, mass = vertices @ turn.T, turn @ centre
        height = points[:, 2] - points[:, 2].min()
        pivot = _nearest(points[height <= FLAT, :2], mass[:2])
        lean = mass[:2] - pivot
        reach = float(np.hypot(*lean))
        if reach < 1e-5:
            break
        ahead = (points[:, :2] - pivot) @ (lean / reach)
        angle = np.arctan2(height, ahead)
        down = float(angle[(height > FLAT) & (ahead > 0)].min())
        axis = np.array([-lean[1], lean[0], 0.0]) / reach
        turn = about(axis, down) @ turn
    return turn


def about(axis: Floats, angle: float) -> Floats:
    """Rotation by `angle` radians about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def _nearest(points: Floats, target: Floats) -> Floats:
    """The point of the convex hull of N×2 points that is nearest to `target`: on an edge between two, or itself."""
    points = np.unique(points, axis=0)
    if len(points) == 1:
        nearest: Floats = points[0]
        return nearest
    angle = np.sort(np.arctan2(points[:, 1] - target[1], points[:, 0] - target[0]))
    if np.diff(np.append(angle, angle[0] + 2 * np.pi)).max() < np.pi:
        return target
    i, j = np.triu_indices(len(points), 1)
    start, along = points[i], points[j] - points[i]
    t = np.clip(np.einsum("ij,ij->i", target - start, along) / np.einsum("ij,ij->i", along, along), 0, 1)
    feet = start + t[:, None] * along
    best: Floats = feet[np.linalg.norm(feet - target, axis=1).argmin()]
    return best
