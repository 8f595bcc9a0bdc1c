"""The commands that the docs tell people to type, as bash takes them apart.

Every `sh` block of a page goes through bash, which expands its variables, loops, braces and quotes, but in the place of
every program finds a function that notes its arguments. So do commands in running text and tables.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHORT = re.compile(r"`((?:blender_scenes|coldstart|detect|gan)\.\w+ [^`]*=[^`]*)`")  # a command by its module alone
PROGRAMS = "short . python .venv/bin/python make blender pip ray chromium convert montage wandb mkdir cp"
INLINE = re.compile(r"`((?:python|\.venv/bin/python|make|blender -b|pip|wandb) [^`]*)`")
ELLIPSIS = "…"  # in running text: the rest is left to the reader
PREAMBLE = f"""
PATH=/nowhere
note() {{ printf '%s\\x1f' "${{BASH_LINENO[1]}}" "$@" >>"$NOTES"; printf '\\x1e' >>"$NOTES"; }}
for program in {PROGRAMS}; do eval "$program() {{ note $program \\"\\$@\\"; }}"; done
tr() {{ /usr/bin/tr "$@"; }}
"""


PRODUCT = re.compile(r"^```yaml\n(# @package products\.(\w+)\n.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A program and its arguments, and where it is written."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {' '.join(self.words)}"


def commands(page: Path, scratch: Path) -> list[Command]:
    """All commands of a page; `scratch` is an empty folder.

    Raises:
        AssertionError: bash cannot read a block, or it uses a variable or a program that nobody knows.
    """
    name = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name
    script, preamble, notes = (scratch / part for part in ("page.sh", "preamble.sh", "notes"))
    script.write_text("\n".join(_as_script(page.read_text(encoding="utf-8").splitlines())) + "\n")
    preamble.write_text(PREAMBLE)
    notes.write_text("")
    (scratch / "empty").mkdir()
    ran = subprocess.run(
        ["/bin/bash", "-u", str(script)],
        cwd=scratch / "empty",
        env={"BASH_ENV": str(preamble), "NOTES": str(notes)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not ran.stderr, ran.stderr.replace(f"{script}: line ", f"{name}:")
    noted = [record.split("\x1f")[:-1] for record in notes.read_text().split("\x1e")[:-1]]
    return [Command(name, int(line), tuple(words)) for line, *words in noted]


def _as_script(lines: list[str]) -> Iterator[str]:
    """The page as a bash script of as many lines: all that is no command becomes an empty line."""
    fence: str | None = None
    for line in lines:
        if opened := re.match(r"\s*```(.*)", line):
            fence = opened[1].strip() if fence is None else None
            yield ""
        elif fence is None:
            found = [*INLINE.findall(line), *(f"short {command}" for command in SHORT.findall(line))]
            yield "; ".join(command for command in found if ELLIPSIS not in command)
        else:
            yield line if fence == "sh" else ""


def write_readers_conf(folder: Path) -> None:
    """What readers have in my_conf by then: the docs' own products, a fridge that was matched."""
    for group in ("product", "scene", "look"):
        (folder / group).mkdir(parents=True)
    for page in PAGES:
        for text, name in PRODUCT.findall(page.read_text(encoding="utf-8")):
            (folder / "product" / f"{name}.yaml").write_text(text)
    for group in ("scene", "look"):
        shutil.copy(ROOT / "conf" / group / "fridge_a.yaml", folder / group / "my_fridge.yaml")
