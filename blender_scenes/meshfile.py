"""A product's mesh from the user's own file: what its YAML says of it, and how it is checked and normalised."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_scenes.geometry import Mesh
from coldstart.errors import UserError

__all__ = ["MOST_FACES", "MeshFile", "checked", "load", "name_of"]

SUFFIXES = (".glb", ".gltf", ".obj", ".blend", ".usd", ".usda", ".usdc", ".usdz")
MOST_BYTES = 2 * 1024**3
MOST_FACES = 2_000_000  # triangles
SIZES = (0.005, 3.0)  # metres, largest dimension of what may be a product

AXES = {sign + "xyz"[k]: (1 - 2 * len(sign)) * np.eye(3)[k] for k in range(3) for sign in ("", "-")}

# How files begin; what begins otherwise is not given to Blender, whose importers may crash on it.
MAGIC = {
    ".glb": (b"glTF\x02\0\0\0",),
    ".blend": (b"BLENDER", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"),  # plain, Zstandard, gzip
    ".usd": (b"PXR-USDC", b"#usda"),
    ".usda": (b"#usda",),
    ".usdc": (b"PXR-USDC",),
    ".usdz": (b"PK\x03\x04",),
}


@dataclass
class MeshFile:
    """`mesh:` of a product: its file, read by Blender's own importers and joined into one mesh.

    `up` and `front` are axes of the mesh as Blender shows it. `material` is one of the product's, null keeps the file's
    own. What has more triangles than `faces` is reduced to about so many.
    """

    file: str = "???"
    up: str = "z"
    front: str = "-y"
    material: str | None = None
    faces: int = 20_000

    def __post_init__(self) -> None:
        for key, axis in (("up", self.up), ("front", self.front)):
            if axis not in AXES:
                raise UserError(f"mesh.{key}: {axis!r} is none of {', '.join(AXES)}")
        if self.up[-1] == self.front[-1]:
            raise UserError(f"mesh.front: {self.front!r} does not stand at right angles to up: {self.up!r}")
        if not 100 <= self.faces <= MOST_FACES:
            raise UserError(f"mesh.faces: {self.faces} is not in 100..{MOST_FACES}")
        try:
            checked(self.file)
        except UserError as error:
            raise UserError(f"mesh.file: {error}") from None


def checked(file: str) -> Path:
    """The absolute path of a mesh; relative ones count from the working directory.

    Raises:
        UserError: it is missing, empty, too large, or does not begin as its name says.
    """
    path = Path(file).expanduser().absolute()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{file}: its name must end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"{file}: no such file (looked in {Path.cwd()}); give an absolute path")
    size = path.stat().st_size
    if not size:
        raise UserError(f"{file}: is empty")
    if size > MOST_BYTES:
        raise UserError(f"{file}: has {size / 1024**3:.1f} GB, more than {MOST_BYTES // 1024**3}; reduce it first")
    with path.open("rb") as content:
        head = content.read(12)
    if suffix in MAGIC and not head.startswith(MAGIC[suffix]):
        raise UserError(f"{file}: is no {suffix} file, or damaged")
    if suffix == ".glb" and int.from_bytes(head[8:12], "little") != size:
        raise UserError(f"{file}: is cut short: {size} bytes of {int.from_bytes(head[8:12], 'little')}")
    if suffix == ".gltf":
        _check_json(path, file)
    return path


def _check_json(path: Path, file: str) -> None:
    try:
        if "asset" not in json.loads(path.read_text(encoding="utf-8")):
            raise ValueError
    except (ValueError, TypeError):
        raise UserError(f"{file}: is no .gltf file, or damaged") from None


def name_of(slot: int) -> str:
    """What faces call the file's own material number `slot`."""
    return f"mesh {slot}"


def load(source: MeshFile, *, sized: bool) -> Mesh:
    """The file's mesh in metres, standing on z = 0, its bounding box around the z axis. Needs Blender.

    `sized`: the product gives its dimensions, so that the file's own unit does not matter.

    Raises:
        UserError: the file cannot be read, holds no faces or too many, or has impossible dimensions.
    """
    path = checked(source.file)
    try:
        mesh = _loaded(path, path.stat().st_mtime_ns, source.up, source.front, source.faces)
        largest = float(np.ptp(mesh.vertices, axis=0).max())
        if not sized and not SIZES[0] <= largest <= SIZES[1]:
            raise UserError(
                f"is {largest:.4g} m large; give the product's dimensions, for example size_mm: {{height: [190, 210]}}"
            )
    except UserError as error:
        raise UserError(f"{source.file}: {error}") from None
    if source.material is None:
        return mesh
    return replace(mesh, materials=[source.material] * len(mesh.faces))


@lru_cache(maxsize=64)
def _loaded(path: Path, changed: int, up: str, front: str, faces: int) -> Mesh:
    """Read once for all variants; `changed` is when the file was."""
    from blender_scenes import importer

    found = importer.load(path, faces)
    turn = _axes(up, front)
    vertices = found.vertices @ turn.T
    if not np.isfinite(vertices).all():
        raise UserError("has vertices at infinity")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    extent = high - low
    if extent.max() <= 0 or extent.min() < 1e-4 * extent.max():
        raise UserError(f"is flat: {' × '.join(f'{e:.4g}' for e in extent)} m")
    vertices = vertices - [*((low + high)[:2] / 2), low[2]]
    return Mesh(
        vertices,
        [tuple(face) for face in found.triangles.tolist()],
        found.uvs,
        [name_of(slot) for slot in found.slots.tolist()],
        normals=found.normals @ turn.T,
    )


def _axes(up: str, front: str) -> NDArray[np.float64]:
    """The rotation that brings axis `up` to +z and `front` to −y."""
    z, y = AXES[up], -AXES[front]
    return np.stack([np.cross(y, z), y, z])
