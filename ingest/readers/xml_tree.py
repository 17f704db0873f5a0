"""XML that may be hostile, parsed safely."""

from __future__ import annotations

from typing import Any


def parse_xml(data: bytes) -> Any:
    """Parse XML that may be hostile: no entities, no network, libxml2's limits kept."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def local_name(element: Any) -> str:
    """The element's name without its namespace; "" for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
