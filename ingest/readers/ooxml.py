"""The parts of an Office Open XML file and how they are related."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import Any

from ingest.readers.xml_tree import local_name, parse_xml

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")  # ISO's names for the same
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"


class Package:
    """Parts by name, without a leading slash. KeyError and ValueError: a needed part is missing."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}

    def tree(self, name: str) -> Any:
        """A part's parsed XML, with the usual namespaces even if it has the strict ones."""
        data = self._archive.read(self._names[name.lower()])
        return parse_xml(_STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data))

    def targets(self, source: str, kind: str) -> list[str]:
        """The parts that `source` ("" for the package) is related to in this way."""
        return [target for _, found, target in self._relations(source) if found == kind]

    def target(self, source: str, relation_id: str) -> str:
        """The part that a relation of `source` leads to, or ""."""
        return next((to for name, _, to in self._relations(source) if name == relation_id), "")

    def related_tree(self, source: str, kind: str) -> Any:
        """The first such part's XML, or None where there is none."""
        for name in self.targets(source, kind):
            if name.lower() in self._names:
                return self.tree(name)
        return None

    def main_part(self) -> str:
        """The name of the document, workbook or presentation."""
        targets = self.targets("", "officeDocument")
        if not targets:
            raise ValueError("it names no main part")
        return targets[0]

    def title(self) -> str:
        """The title in the file's properties, or ""."""
        properties = self.related_tree("", "core-properties")
        return "" if properties is None else (properties.findtext(_DC_TITLE) or "").strip()

    def _relations(self, source: str) -> list[tuple[str, str, str]]:
        """(id, the last word of the kind, target part) of each relation within the file."""
        folder, name = posixpath.split(source)
        part = posixpath.join(folder, "_rels", f"{name}.rels").lstrip("/")
        if part.lower() not in self._names:
            return []
        return [
            (relation.get("Id", ""), relation.get("Type", "").rpartition("/")[2], _join(folder, to))
            for relation in self.tree(part)
            if local_name(relation) == "Relationship"
            and relation.get("TargetMode") != "External"
            and (to := relation.get("Target", ""))
        ]


def _join(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
