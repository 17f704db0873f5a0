from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from rag.log_context import log_context, logging_about
from rag.logs import LogFormat, make_formatter

REPOSITORY = Path(__file__).resolve().parent.parent


def log_to(log_format: LogFormat) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(make_formatter(log_format))
    logger = logging.Logger(f"rag.test.{log_format}", logging.DEBUG)
    logger.addHandler(handler)
    return logger, stream


def test_a_line_for_programs() -> None:
    logger, stream = log_to("json")
    with logging_about(question_id="abc", nothing=""):
        logger.warning("The %s is %d°", "泵", 7, extra={"client": "api"})
    told = json.loads(stream.getvalue())
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "The 泵 is 7°", "level": "warning", "logger": "rag.test.json", "client": "api",
        "question_id": "abc",
    }  # fmt: skip


def test_an_error_is_one_line_with_its_traceback() -> None:
    logger, stream = log_to("json")
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        logger.exception("it failed")
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told["event"] == "it failed" and "ValueError: broken" in told["exception"]


def test_a_line_for_people() -> None:
    logger, stream = log_to("console")
    with logging_about(question_id="abc"):
        logger.info("hello")
    line = stream.getvalue()
    assert "hello" in line and "question_id=abc" in line and "\x1b" not in line


def test_what_is_bound_ends_where_it_was_bound() -> None:
    with logging_about(a="1"):
        with logging_about(b="2"):
            assert log_context() == {"a": "1", "b": "2"}
        assert log_context() == {"a": "1"}
    assert log_context() == {}


PROGRAM = """
import logging, sys
from rag.logs import configure_logs
configure_logs("info", "json")
configure_logs("info", "json")
logging.getLogger("some.library").info("told")
logging.getLogger("some.library").debug("not told")
"""


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stderr


def test_libraries_log_there_too_and_each_line_once() -> None:
    (line,) = run(PROGRAM).splitlines()
    assert json.loads(line)["event"] == "told"


def test_a_program_that_logs_already_keeps_what_it_has() -> None:
    theirs = "import logging, sys; logging.basicConfig(format='theirs %(message)s', level='INFO')"
    assert run(theirs + PROGRAM).splitlines() == ["theirs told"]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_what_looks_like_markup_is_left_alone(log_format: LogFormat) -> None:
    logger, stream = log_to(log_format)
    logger.warning("[bold]x[/bold] %s", "[red]")
    assert "[bold]x[/bold] [red]" in stream.getvalue()
