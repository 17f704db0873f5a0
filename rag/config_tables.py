"""The tables that settings hold, and the kinds of values in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _auto_is_none(value: Any) -> Any:
    return None if value == "auto" else value


def _expand_home(value: Any) -> Any:
    return Path(value).expanduser() if isinstance(value, str | Path) and str(value) else value


Folder = Annotated[Path, BeforeValidator(_expand_home)]
AutoInt = Annotated[int | None, BeforeValidator(_auto_is_none)]


class CollectionSettings(BaseModel):
    """A table `[collections.NAME]`: folders with an index of their own, or a part of the usual one.

    `globs`, `types` and `languages` narrow it as they narrow a search.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folders: tuple[Folder, ...] = ()
    index: Folder | None = None
    globs: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


class AccessSettings(BaseModel):
    """A table `[access.NAME]`: files, and the groups that may read them; nobody else but admins.

    The files are those of folders, names and collections. A group `user:NAME` is one person.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    globs: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
