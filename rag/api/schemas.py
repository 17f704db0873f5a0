"""What the API takes and gives, as models: they check requests and write the OpenAPI schema."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from rag.api.examples import ASK_ANSWER, CHAT_ANSWER, SEARCH_ANSWER
from rag.scopes import Scope
from rag.where import Mode, Where

MAX_QUESTION_CHARACTERS = 4000
MAX_TURN_CHARACTERS = 100_000
MAX_TURNS = 200
MAX_TOP_K = 100
MAX_FILTERS = 100
MAX_INPUTS = 256
MAX_INPUT_CHARACTERS = 20_000
KEPT_CONTROLS = "\n\t"


def without_controls(text: str) -> str:
    """Without what no keyboard writes: control characters but new lines and tabs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(s for s in lines if s in KEPT_CONTROLS or unicodedata.category(s) != "Cc")


def _asked(text: str) -> str:
    text = without_controls(text).strip()
    if not text:
        raise ValueError("the text is empty")
    return text


Question = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_QUESTION_CHARACTERS),
    AfterValidator(_asked),
]
Turn = Annotated[
    str, StringConstraints(max_length=MAX_TURN_CHARACTERS), AfterValidator(without_controls)
]
Short = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Texts = Annotated[list[Short], Field(max_length=MAX_FILTERS)]
DocumentNames = Annotated[
    list[Annotated[int, Field(ge=1, le=2**62)] | Short], Field(max_length=MAX_FILTERS)
]


class Closed(BaseModel):
    """A mistyped field is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class Narrowing(Closed):
    """Where is searched; all that is given must be met."""

    collection: str | None = Field(None, max_length=200, description="one of /api/collections")
    folders: Texts = Field([], description="only in these folders", examples=[["contracts"]])
    globs: Texts = Field([], description="only files so named", examples=[["*.pdf"]])
    types: Texts = Field([], description="only these kinds", examples=[["pdf", "word"]])
    languages: Texts = Field([], description="only passages in these", examples=[["en"]])
    documents: DocumentNames = Field([], description="only these, by number or path")
    after: date | None = Field(None, description="changed on this day or later")
    before: date | None = Field(None, description="changed before this day")

    def where(self) -> Where:
        """Without the collection. Raises SearchError for what cannot be."""
        return Where(
            folders=tuple(self.folders), globs=tuple(self.globs), types=tuple(self.types),
            languages=tuple(self.languages), documents=tuple(self.documents),
            after=self.after, before=self.before,
        )  # fmt: skip


class SearchRequest(Narrowing):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"query": "fault code E12", "top_k": 5}]}
    )

    query: Question
    top_k: int = Field(10, ge=1, le=MAX_TOP_K)
    mode: Mode = "hybrid"


class AskOptionsBody(Narrowing):
    """How to answer."""

    mode: Mode = "hybrid"
    scope: Scope = Field("auto", description="how much of its document each hit brings along")
    top_k: int | None = Field(None, ge=1, le=MAX_TOP_K)
    general: bool = Field(False, description="add what the model knows, marked so, to refusals")
    language: str = Field("", max_length=20, description="of the answer; else the question's")


class HistoryTurn(Closed):
    role: Literal["user", "assistant"]
    content: Turn


class AskRequest(AskOptionsBody):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": "What does fault code E12 mean?"}]},
    )

    question: Question
    history: list[HistoryTurn] = Field([], max_length=MAX_TURNS)
    temperature: float | None = Field(None, ge=0, le=2)
    json_schema: dict[str, Any] | None = Field(None, description="the answer is JSON of this form")
    stream: bool = Field(False, description="server-sent events in place of one JSON")


# OpenAI's. What these do not know is passed over: clients send many fields.


class TextPart(BaseModel):
    type: str = Field(max_length=50)
    text: Turn = ""


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Turn | Annotated[list[TextPart], Field(max_length=50)] | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "footnote",
                    "messages": [{"role": "user", "content": "What does fault code E12 mean?"}],
                }
            ]
        }
    )

    model: str = Field("footnote", max_length=300)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_TURNS)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    n: int | None = Field(1, ge=1, le=128, description="1 alone is answered")
    tools: list[Any] | None = Field(None, max_length=128, description="none are called: leave out")
    response_format: dict[str, Any] | None = Field(None, description="text, or json_schema")
    footnote: AskOptionsBody | None = Field(None, description="Footnote's own options")


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "footnote-embedding", "input": ["The pump is blue."]}]
        }
    )

    model: str = Field("footnote-embedding", max_length=300)
    input: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_INPUT_CHARACTERS)]
        | Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=MAX_INPUT_CHARACTERS)]],
            Field(min_length=1, max_length=MAX_INPUTS),
        ]
    ) = Field(description="texts; no token numbers")
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(None, ge=1, le=65_536)
    input_type: Literal["query", "document"] = Field(
        "document", description="questions are encoded another way than passages"
    )


# What is given


class Open(BaseModel):
    """What is given may have more fields in a later version."""

    model_config = ConfigDict(extra="allow")


class Failure(Open):
    detail: str = Field(description="what is wrong, and the cure")
    reason: str = ""


class OpenAIFailureDetail(Open):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIFailure(Open):
    error: OpenAIFailureDetail


CACHED = "whether it was found, or written, for the same question before"
Cached = Annotated[bool, Field(description=CACHED)]


def _shown(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="allow", json_schema_extra={"examples": [example]})


class FoundHit(Open):
    rank: int
    score: float
    document: int
    path: str
    title: str
    heading: str
    page: int | None
    start: int
    end: int
    text: str
    url: str = Field(description="of the viewer, at this place")


class SearchAnswer(Open):
    model_config = _shown(SEARCH_ANSWER)

    query: str
    mode: Mode
    notes: list[str]
    took_ms: float
    cached: Cached
    hits: list[FoundHit]


class CitationJson(Open):
    marker: int = Field(description="the number in the text")
    label: str = Field(description="as it stands in the text: [2], or [2?] where in doubt")
    document: int
    title: str
    path: str
    page: int | None
    heading: str
    start: int
    end: int
    quote: str = Field(description="the document's text from start to end, to the letter")
    supported: bool
    verdict: str
    reason: str = Field(description="why it is doubted")
    url: str = Field(description="of the viewer, with the quote marked")


class AskAnswer(Open):
    model_config = _shown(ASK_ANSWER)

    question: str
    answer: str
    abstained: bool
    citations: list[CitationJson]
    model: str
    cached: Cached
    cut_off: bool = Field(description="whether it ends at max_answer_tokens, in the middle")
    usage: dict[str, int] = Field(description="what writing it took, if it is cached: then")


class ModelCard(Open):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "footnote"


class ModelList(Open):
    object: Literal["list"] = "list"
    data: list[ModelCard]


class Usage(Open):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatAnswerMessage(Open):
    role: Literal["assistant"] = "assistant"
    content: str
    annotations: list[dict[str, Any]] = Field(description="url_citation for each marker")


class ChatChoice(Open):
    index: int
    message: ChatAnswerMessage
    finish_reason: Literal["stop", "length"]


class ChatAnswer(Open):
    model_config = _shown(CHAT_ANSWER)

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    citations: list[CitationJson] = Field(description="Footnote's own: quotes and verdicts")
    abstained: bool
    cached: Cached


class Embedding(Open):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(Open):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: dict[str, int]


class CollectionCard(Open):
    name: str
    model: str = Field(description="to be asked below /v1")


class CollectionList(Open):
    collections: list[CollectionCard]


def _failing(told: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Statuses as a route documents them."""
    return {status: {"model": Failure, "description": text} for status, text in told.items()}


FAILURES = _failing(
    {
        400: "The request is broken.",
        401: "No key, or one that does not count.",
        403: "Only who looks after the library may do that.",
        404: "There is no such thing for you.",
        408: "The body came too slowly.",
        413: "Too large.",
        422: "What is asked for cannot be.",
        429: "Over a limit; Retry-After tells how long.",
        503: "Not ready yet, or the model failed.",
        504: "The answer took too long.",
    }
)
UPLOAD_FAILURES = _failing(
    {
        411: "Content-Length is missing.",
        415: "Files of this type are not read.",
        507: "No room is left.",
    }
)
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
OPENAI_FAILURES = {
    status: {**told, "model": OpenAIFailure} for status, told in FAILURES.items()
}  # fmt: skip
