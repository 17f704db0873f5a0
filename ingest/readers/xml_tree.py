"""XML that may be hostile, parsed safely."""

from __future__ import annotations

from typing import Any

MAX_TREE_BYTES = 200 * 1024**2  # a tree takes about ten times as much


def parse_xml(data: bytes) -> Any:
    """Parse XML that may be hostile: no entities, no network, libxml2's limits kept.

    Raises MemoryError for more than MAX_TREE_BYTES, and ValueError or SyntaxError for what is no
    XML.
    """
    from lxml import etree

    check_size(data)

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def check_size(data: bytes | str) -> None:
    """Raise MemoryError where a tree of the data would take several GiB of memory."""
    if len(data) > MAX_TREE_BYTES:
        raise MemoryError(f"over {MAX_TREE_BYTES // 1024**2} MiB in one piece")


def local_name(element: Any) -> str:
    """The element's name without its namespace; "" for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
