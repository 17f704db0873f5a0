from __future__ import annotations

import pytest

from rag.tasks import find_task, has_document_noun, is_pointing


@pytest.mark.parametrize(
    ("question", "kind", "subjects"),
    [
        ("Summarize this document.", "summarize", ("this document",)),
        ("Please summarise the X200 manual", "summarize", ("the X200 manual",)),
        ("Give me a short summary of the handbook", "summarize", ("the handbook",)),
        ("What are the main points of the IT guide?", "summarize", ("the IT guide",)),
        ("What is this document about?", "summarize", ("this document",)),
        ("总结这份文件", "summarize", ("这份文件",)),
        ("请概括一下差旅报销制度的主要内容。", "summarize", ("差旅报销制度",)),
        ("差旅报销制度的主要内容是什么？", "summarize", ("差旅报销制度",)),
        ("这份文档讲了什么？", "summarize", ("这份文档",)),
        ("Compare A and B.", "compare", ("A", "B")),
        ("Can you compare the guide with the rules?", "compare", ("the guide", "the rules")),
        ("What is the difference between X and Y?", "compare", ("X", "Y")),
        ("How does A differ from B?", "compare", ("A", "B")),
        ("比较《甲制度》和《乙制度》", "compare", ("甲制度", "乙制度")),
        ("对比一下甲与乙的区别", "compare", ("甲", "乙")),
        ("甲和乙有什么区别？", "compare", ("甲", "乙")),
        ("List all suppliers", "list", ("suppliers",)),
        ("Please list every fault code in the manual.", "list", ("fault code in the manual",)),
        ("Give me a complete list of the lasers", "list", ("lasers",)),
        ("列出所有供应商", "list", ("供应商",)),
        ("请列出全部的故障代码。", "list", ("故障代码",)),
        ("把所有供应商都列出来", "list", ("供应商",)),
        ("所有供应商有哪些？", "list", ("供应商",)),
    ],
)
def test_tasks_are_recognised(question: str, kind: str, subjects: tuple[str, ...]) -> None:
    task = find_task(question)
    assert task is not None and (task.kind, task.subjects) == (kind, subjects)


@pytest.mark.parametrize(
    "question",
    [
        "How long is the warranty?",
        "Who lists the suppliers?",
        "Are all suppliers listed?",
        "What does the summary say on page 3?",
        "Which lamp compares best?",
        "差旅报销多久之内提交？",
        "水泵的保修期多长？",
        "所有员工都可以报销吗？",
        "这个故障怎么处理？",
        "",
    ],
)
def test_other_questions_are_none(question: str) -> None:
    assert find_task(question) is None


def test_pointing() -> None:
    for subject in ("this document", "the file", "this", "it", "这份文件", "该制度", "全文"):
        assert is_pointing(subject), subject
    for subject in ("this trend", "the X200 manual", "差旅报销制度", "这个趋势"):
        assert not is_pointing(subject), subject
    assert has_document_noun("the X200 manual") and not has_document_noun("the trend")
