"""Reads what Weights & Biases keeps of a run on disk, so that nothing need be uploaded to see its curves."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["records", "rows"]

HEADER, BLOCK, FULL, LAST = 7, 32768, 1, 4


def records(file: Path) -> Iterator[Any]:
    """The protobuf records of a .wandb file: a 7-byte header, then LevelDB's log format (fragments in 32 KiB blocks).

    Ends where the file ends, be it in the middle of a record: runs that were killed can be read.
    """
    from wandb.proto import wandb_internal_pb2

    content, place, whole = file.read_bytes(), HEADER, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:  # a block's end too short for a fragment's header is padding
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        fragment = content[place + HEADER : place + HEADER + length]
        if len(fragment) < length:
            return
        whole += fragment
        place += HEADER + length
        if kind in (FULL, LAST):
            yield wandb_internal_pb2.Record.FromString(whole)  # type: ignore[attr-defined]
            whole = b""


def rows(file: Path) -> list[dict[str, Any]]:
    """What was logged at each step."""
    history = (record.history for record in records(file) if record.HasField("history"))
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in h.item} for h in history]
