"""What a search is narrowed to: folders, names, types, languages, dates, documents.

A file in an archive or mail has an address, `/docs/a.zip!/b.pdf`; it counts as itself and as each
file around it: the type archive lets all of a.zip through, the type pdf only such members.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, Self, get_args

from rag.errors import SearchError
from rag.file_kinds import suffixes_of
from rag.globs import glob_pattern
from rag.language import find_language

Mode = Literal["hybrid", "dense", "lexical"]
MODES: tuple[Mode, ...] = get_args(Mode)

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")


def check_mode(mode: str) -> Mode:
    """The mode of that name. Raises SearchError if there is none."""
    for known in MODES:
        if mode == known:
            return known
    raise SearchError(f"{mode!r} is no way to search. Choose one of: {', '.join(MODES)}.")


@dataclass(frozen=True, slots=True)
class Where:
    """What may be found: all that meets every criterion given; an empty one lets all through.

    folders    an absolute folder (or archive) and all below it; a relative one such as "contracts"
               or "2024/contracts" stands for every folder whose path ends so
    globs      a name such as "*.pdf" or "offer-??.*"; with a slash, the end of a path, such as
               "contracts/**/*.pdf". `*` and `?` stop at a slash, `**` does not; case never counts
    types      suffixes (".docx") or kinds: those of rag/file_kinds.py
    languages  ISO 639-1 codes, of chunks and not of whole documents
    documents  ids; or paths, which may be relative, as with folders
    after      last changed on this day or later
    before     last changed earlier than this day
    outside    folders, as above, of which nothing may be found
    any_of     at least one of these lets it through as well; this is how collections are named
    none_of    no document of which one of these lets anything through; so access is kept. It is
               not told: `str` and `as_json` leave it out

    Within one criterion one match is enough. Raises SearchError that names what cannot be.
    """

    folders: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    documents: tuple[int | str, ...] = ()
    after: date | None = None
    before: date | None = None
    outside: tuple[str, ...] = ()
    any_of: tuple[Where, ...] = ()
    none_of: tuple[Where, ...] = ()

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "folders": _texts("folder", self.folders, _clean_path),
            "globs": _texts("glob", self.globs, _clean_glob),
            "types": _texts("type", self.types, _clean_type),
            "languages": _texts("language", self.languages, _clean_language),
            "documents": tuple(dict.fromkeys(_clean_document(d) for d in self.documents)),
            "after": _clean_date("after", self.after),
            "before": _clean_date("before", self.before),
            "outside": _texts("folder", self.outside, _clean_path),
            "any_of": tuple(dict.fromkeys(self.any_of)),
            "none_of": tuple(dict.fromkeys(self.none_of)),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.after and self.before and self.after >= self.before:
            raise SearchError(
                f"Nothing was changed both after {self.after} and before {self.before}. "
                "Exchange the two dates, or leave one out."
            )

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return any(getattr(self, field.name) for field in fields(self))

    def also(self, other: Where) -> Where:
        """What meets both."""
        if other.none_of and self.none_of:
            none_of = (*self.none_of, *other.none_of)
            return replace(self, none_of=none_of).also(replace(other, none_of=()))
        theirs = {f.name: value for f in fields(other) if (value := getattr(other, f.name))}
        if not any(getattr(self, name) for name in theirs):
            return replace(self, **theirs)
        if not self.any_of:
            return replace(self, any_of=(other,))
        return replace(self, any_of=tuple(one.also(other) for one in self.any_of))

    def as_json(self) -> dict[str, Any]:
        """What was asked for, for a program: `from_json` gives it back."""
        shown: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "none_of":
                continue
            if field.name == "any_of":
                value = [where.as_json() for where in value]
            elif isinstance(value, date):
                value = value.isoformat()
            if value:
                shown[field.name] = list(value) if isinstance(value, tuple) else value
        return shown

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Raises SearchError if something is unknown or cannot be."""
        known = [field.name for field in fields(cls) if field.name != "none_of"]
        if unknown := sorted(given.keys() - set(known)):
            raise SearchError(
                f"{unknown[0]!r} is nothing to filter by. There are: {', '.join(known)}."
            )
        values = dict(given)
        values["any_of"] = tuple(cls.from_json(one) for one in values.get("any_of", ()))
        return cls(**values)

    def __str__(self) -> str:
        """One line for people, such as `folder contracts; type pdf; changed from 2024-01-01 on`."""
        named = {
            "folder": self.folders,
            "name": self.globs,
            "type": self.types,
            "language": self.languages,
            "document": self.documents,
        }
        parts = [f"{name} {' or '.join(map(str, v))}" for name, v in named.items() if v]
        parts += [f"changed from {self.after} on"] if self.after else []
        parts += [f"changed before {self.before}"] if self.before else []
        parts += [f"not in {' or '.join(self.outside)}"] if self.outside else []
        parts += [" or ".join(f"({where})" for where in self.any_of)] if self.any_of else []
        return "; ".join(parts)


def _texts(name: str, given: object, clean: Any) -> tuple[str, ...]:
    """Cleaned, each once. One text in place of several is a mistake that would match letters."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SearchError(f"The filter by {name} is {given!r}. Give a list: [{given!r}].")
    found = []
    for text in given:
        if not isinstance(text, str | os.PathLike) or not str(text).strip():
            raise SearchError(f"The filter by {name} holds {text!r}. Give a text, or leave it out.")
        found.append(clean(str(text).strip()))
    return tuple(dict.fromkeys(found))


def _clean_path(path: str) -> str:
    """Without `~`, `.`, `..` and a slash at the end."""
    if path.startswith(("./", "../")) or path in (".", ".."):
        return os.path.abspath(path)
    clean = os.path.normpath(os.path.expanduser(path))
    return "/" + clean.lstrip("/") if clean.startswith("//") else clean


def _clean_glob(pattern: str) -> str:
    try:
        re.compile(glob_pattern(pattern))
    except ValueError as error:
        raise SearchError(f"The glob {pattern!r} cannot be: {error}. Correct it.") from None
    return os.path.expanduser(pattern)


def _clean_type(name: str) -> str:
    try:
        suffixes_of(name)
    except ValueError as error:
        raise SearchError(f"The filter by type: {error}.") from None
    return name.casefold()


def _clean_language(name: str) -> str:
    code = find_language(name)
    if code is None:
        raise SearchError(
            f"The filter by language: {name!r} is no language that is told apart. "
            "Give its code or English name, such as en, zh or German."
        )
    return code


def _clean_document(named: int | str) -> int | str:
    if isinstance(named, int) and not isinstance(named, bool) and named > 0:
        return named
    if isinstance(named, str | os.PathLike) and str(named).strip():
        return _clean_path(str(named).strip())
    raise SearchError(f"The filter by document: {named!r} is neither the id nor the path of one.")


def _clean_date(name: str, given: object) -> date | None:
    """A year or month stands for its first day."""
    if given is None or given == "":
        return None
    if isinstance(given, date):
        return date(given.year, given.month, given.day)  # of a moment, its day
    if isinstance(given, str) and (parts := _DATE.fullmatch(given.strip())):
        try:
            return date(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1))
        except ValueError:
            pass
    raise SearchError(f"{name} is {given!r}, which is no date. Write it as 2024-12-31.")
