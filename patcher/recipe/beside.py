"""Files that a recipe names beside itself: below its own folder, by no absolute path, and through no link."""

from __future__ import annotations

from pathlib import Path

from patcher.recipe.nodes import Mark, Node, Reader

__all__ = ["check_beside"]


def check_beside(node: Node | None, file: str, reader: Reader) -> None:
    """Tell if a file that a recipe names leads out of the recipe's folder."""
    if node is not None and file and (wrong := _wrong(node.mark, file)):
        reader.tell(node.mark, wrong)


def _wrong(mark: Mark, file: str) -> str:
    if file.startswith(("/", "~")) or "\\" in file or ".." in file.split("/"):
        return f"`{file}` leads out of the recipe's folder; keep the file beside the recipe, and name it from there."
    place = Path(mark.file).parent
    for part in Path(file).parts:
        place = place / part
        if place.is_symlink():
            return f"`{file}` leads through the link {part}; put the file itself beside the recipe."
    return ""
