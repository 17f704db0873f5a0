"""Every error that Footnote raises on purpose.

FootnoteError
├── SettingError      a setting has a value that cannot work
├── ModelError        weights are missing, damaged, or cannot be fetched
├── ReadError         one document cannot be read (carries a reason code)
├── IndexStateError   the index is missing, damaged, locked, or of another version
├── SearchError       a search asks for what cannot be: a filter, a mode, a collection
├── SchemaError       a JSON schema that an answer shall have cannot be used
├── LibraryError      a file is not taken into the library, or out of it (carries a reason code)
└── GenerationError   the language model failed
    └── UnanswerableError   it would fail again: the question or the settings must change
"""

from __future__ import annotations


class FootnoteError(Exception):
    """The root of the tree. The message names the file or setting and the cure."""


class SettingError(FootnoteError):
    """A setting has a value that cannot work."""


class ModelError(FootnoteError):
    """Weights are missing, damaged, or cannot be fetched."""


class ReadError(FootnoteError):
    """One document cannot be read.

    `reason` is a stable word for reports: unsupported, empty, notext, password, damaged,
    too_large, unreadable, timeout, crashed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ReadError], tuple[str, str]]:
        """Both parts travel between processes; the cause stays behind."""
        return type(self), (self.reason, str(self))


class IndexStateError(FootnoteError):
    """The index is missing, damaged, locked, or of another version."""


class SearchError(FootnoteError):
    """A search asks for what cannot be: a filter, a mode, a collection."""


class SchemaError(FootnoteError):
    """A JSON schema that an answer shall have cannot be used."""


class LibraryError(FootnoteError):
    """A file is not taken into the library, or out of it.

    `reason` is a stable word: off, name, type, too_large, empty, full, disk, missing, forbidden,
    unavailable.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class GenerationError(FootnoteError):
    """The language model failed."""


class UnanswerableError(GenerationError):
    """What is asked cannot be answered so: asking it again would fail again."""
