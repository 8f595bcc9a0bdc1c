"""A command of the same manners as ours: claims its folder, tells that it ran, may fail or take its time."""

import sys
import time
from pathlib import Path

from coldstart import lineage
from coldstart.study.steps import Step


def steps(folder: Path, *chain: str, sleep: float = 0) -> list[Step]:
    """Steps written as `name` or `name<need`, that leave a line each in `folder`/log."""
    listed: list[Step] = []
    for text in chain:
        name, _, needs = text.partition("<")
        out = folder / "cells" / "fake" / name
        words = (f"out={out}", f"log={folder / 'log'}", f"sleep={sleep}")
        listed.append(
            Step(name, name, "tests.coldstart.study.fake", words, out, tuple(needs.split("<")) if needs else ())
        )
    return listed


def ran(folder: Path) -> list[str]:
    """The names of the steps that were called, in order."""
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


if __name__ == "__main__":
    keys = dict(argument.split("=", 1) for argument in sys.argv[1:])
    out, log = Path(keys["out"]), Path(keys["log"])
    if lineage.claim(out, "fake", {}):
        sys.exit()
    with log.open("a") as file:
        file.write(f"{out.name}\n")
    how = log.with_name(f"{out.name}.fails")
    if how.exists():
        print("error: " + how.read_text(), file=sys.stderr)
        sys.exit(2)
    print("at work", flush=True)
    time.sleep(float(keys["sleep"]))
    lineage.complete(out)
