"""What `make docs` adds to MkDocs: the README as the first page, so that there is one of it to keep true."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: Any) -> Files:
    """Add the README as index.md; its links count from docs/."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "index.md", content=re.sub(r"\]\(docs/", "](", text)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files of the repository that are no pages become plain text; those to nowhere stay, and are reported."""
    return re.sub(r"\[([^\]]+)\]\(\.\./([^)#]+)\)", lambda m: m[1] if (ROOT / m[2]).exists() else m[0], markdown)
