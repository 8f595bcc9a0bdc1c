"""Where a folder's content comes from: its card, and the rule that one folder holds one config's data."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from coldstart import __version__
from coldstart.dataset import write_json
from coldstart.errors import UserError

__all__ = ["claim", "complete", "differences", "fingerprint", "is_complete", "named_files"]
__all__ += ["read_card", "withdraw"]

# How something is computed or watched, not what is computed: these may differ between two calls that fill one folder.
INCIDENTAL = frozenset(
    {"out", "logger", "accelerator", "sample_every", "save_every", "checkpoint_every", "mirror"}
    | {"workers", "threads", "device", "retries", "scene_timeout", "shard", "shards", "held_out", "leak_check"}
)


@cache
def git_revision() -> str | None:
    """Revision of the checkout this code runs from, with `+` when it has uncommitted changes; None outside one."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def fingerprint(path: str | Path) -> str:
    """sha256 that stands for a parent, wherever it lies: a file, a dataset folder, or a photo folder's files.

    A dataset folder is its annotations.json, with those pictures whose own hash is not in it.
    """
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_file():
        files = {path: path.name}
    elif (path / "annotations.json").is_file():
        files = {file: file.name for file in (path / "annotations.json", *_unhashed(path))}
    else:
        # Not what a command wrote into it: `images=photos out=photos/found` must find its own folder unchanged.
        results = {card.parent for card in path.rglob("*/card.json")}
        found = sorted(p for p in path.rglob("*") if results.isdisjoint(p.parents) and p.is_file())
        files = {file: file.relative_to(path).as_posix() for file in found}  # a subfolder may be a class
    for file, name in files.items():
        digest.update(os.fsencode(name))
        digest.update(file.read_bytes())
    return digest.hexdigest()


def named_files(config: Mapping[Any, Any]) -> dict[str, Path]:
    """The files that a config names, such as a product's mesh, by the dotted key: parents of what is made by it.

    With a mesh come the files that it names in turn (`key/jar.mtl`), if it is an .obj or a .gltf; of other formats only
    those that are in one file are known.
    """
    found: dict[str, Path] = {}
    for key, value in config.items():
        entries = value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list) else {}
        found |= {f"{key}.{name}": path for name, path in named_files(entries).items()}
        if isinstance(value, str):
            with suppress(
                OSError, ValueError, TypeError
            ):  # too long a name for one, or with a null byte; a broken mesh
                if Path(value).is_file():
                    found[str(key)] = Path(value)
                    found |= {f"{key}/{name}": path for name, path in _named_by(Path(value)).items()}
    return found


def _named_by(mesh: Path) -> dict[str, Path]:
    """The files that an .obj, its .mtl files or a .gltf name, by their names: materials, buffers, textures."""
    suffix = mesh.suffix.lower()
    if suffix == ".gltf":
        content = json.loads(mesh.read_text(encoding="utf-8"))
        parts = (
            [part for key in ("buffers", "images") for part in (content.get(key) or ())]
            if type(content) is dict
            else []
        )
        return _there(mesh.parent, [unquote(str(part["uri"])) for part in parts if "uri" in part])
    if suffix != ".obj":
        return {}
    materials = _there(mesh.parent, _values(mesh, ("mtllib",)))
    keys = ("map_", "bump", "disp", "decal", "refl", "norm")
    return materials | _there(mesh.parent, [name for path in materials.values() for name in _values(path, keys)])


def _values(file: Path, keys: tuple[str, ...]) -> list[str]:
    """What may be a name in the lines of a file that begin with one of `keys`: all behind it, and each word of that."""
    lines = (line.split(maxsplit=1) for line in file.read_text(errors="replace").splitlines())
    values = [line[1].strip() for line in lines if len(line) == 2 and line[0].lower().startswith(keys)]
    return [name for value in values for name in (value, *value.split())]


def _there(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    return {name: folder / name for name in names if len(name) < 256 and (folder / name).is_file()}


def _unhashed(folder: Path) -> list[Path]:
    """The pictures of which annotations.json states no sha256, as in folders that no command of ours wrote.

    What is malformed or missing in it is for the folder's reader to say.
    """
    try:
        images = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["images"]
        names = [str(image["file_name"]) for image in images if not image.get("sha256")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    found = []
    for name in names:
        with suppress(OSError, StopIteration):  # such as a name that is too long
            # COCO from elsewhere, which `detect.doctor` reads, may have its pictures beside the JSON.
            found.append(next(p for p in (folder / "images" / name, folder / name) if p.is_file()))
    return found


def claim(
    out: str | Path,
    stage: str,
    config: Mapping[str, Any],
    parents: Mapping[str, str | Path] | None = None,
    *,
    extends: Iterable[str] = (),
) -> bool:
    """Take `out` for this config, or go on in it; True if it is already complete.

    `parents` names the folders and files the content is made from. Keys in `extends` (such as `count`) may grow from
    one call to the next.

    Raises:
        UserError: `out` holds another config's data, or something that is not ours, or cannot be written.
    """
    out = Path(out)
    card: dict[str, Any] = {
        "stage": stage,
        "coldstart": __version__,
        "git": git_revision(),
        "config": dict(config),
        "parents": {name: {"path": str(path), "sha256": fingerprint(path)} for name, path in (parents or {}).items()},
        "complete": False,
    }
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file, not a folder; choose another out=")
    if (out / "card.json").is_file():
        old = read_card(out)
        differing = differences(old, card, extends)
        if differing:
            raise UserError(
                f"{out}: holds data of another config (differs in {', '.join(differing[:5])}); "
                "choose another out= or remove that folder"
            )
        grown = any(old["config"].get(key) != card["config"].get(key) for key in extends)
        if old.get("complete") and not grown:
            return True
    elif out.is_dir() and any(
        not p.name.startswith(".card.json.") for p in out.iterdir()
    ):  # a killed call's half a card
        raise UserError(f"{out}: is not empty and has no card.json of ours; choose another out=")
    write_json(out / "card.json", card)
    return False


def withdraw(out: str | Path) -> None:
    """Give up the claim on a folder in which nothing came about: with files in it besides the card, it stays."""
    out = Path(out)
    if [p for p in out.rglob("*") if not p.is_dir()] == [out / "card.json"]:
        shutil.rmtree(out)


def complete(out: str | Path, **results: Any) -> None:
    """Mark the folder complete; `results` go into its card."""
    card = read_card(out)
    card.update(results, complete=True)
    write_json(Path(out) / "card.json", card)


def is_complete(out: str | Path) -> bool:
    """Whether an earlier call finished this folder."""
    return (Path(out) / "card.json").is_file() and bool(read_card(out).get("complete"))


def read_card(out: str | Path) -> dict[str, Any]:
    """The folder's card.

    Raises:
        UserError: it has none, or one that is not JSON.
    """
    file = Path(out) / "card.json"
    try:
        card: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{out}: has no card.json") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error})") from None
    if not (
        isinstance(card, dict) and isinstance(card.get("config"), dict) and "stage" in card and _names_parents(card)
    ):
        raise UserError(f"{file}: is not a card of ours")
    return card


def _names_parents(card: Mapping[str, Any]) -> bool:
    """Whether its parents, if it has any, say where they are."""
    parents = card.get("parents", {})
    return isinstance(parents, dict) and all(isinstance(p, dict) and "path" in p for p in parents.values())


def differences(old: Mapping[str, Any], new: Mapping[str, Any], extends: Iterable[str] = ()) -> list[str]:
    """Dotted keys in which two cards differ that should stand for the same content; those in `extends` may."""
    loose = INCIDENTAL | set(extends)
    return _differences(_identity(old, loose), _identity(new, loose))


def _identity(card: Mapping[str, Any], loose: Iterable[str]) -> dict[str, Any]:
    parents = {k: v["sha256"] for k, v in card.get("parents", {}).items()}
    # A parent counts by its content, not by the path that leads to it.
    parts = [name.rpartition("_") for name in parents]  # such as real_0, real_1 of real=[DIR,DIR]
    listed = {name for name, _, number in parts if number.isdigit()}
    config = {k: v for k, v in card["config"].items() if k not in set(loose) | parents.keys() | listed}
    identity: dict[str, Any] = json.loads(json.dumps({"stage": card["stage"], "parents": parents, **config}))
    return identity


def _differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Dotted keys under which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            found
            for key in sorted(old.keys() | new.keys())
            for found in _differences(old.get(key), new.get(key), f"{prefix}{key}.")
        ]
    return [] if old == new else [prefix.rstrip(".")]
