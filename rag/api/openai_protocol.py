"""OpenAI's protocol below /v1: chat completions, models, embeddings."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from rag.api.asking import ask_options
from rag.api.failure import ApiError, ApiRoute
from rag.api.openai_answers import respond
from rag.api.schemas import (
    EVENTS,
    MAX_QUESTION_CHARACTERS,
    OPENAI_FAILURES,
    AskOptionsBody,
    ChatAnswer,
    ChatMessage,
    ChatRequest,
    EmbeddingList,
    EmbeddingRequest,
    ModelCard,
    ModelList,
    without_controls,
)
from rag.api.serving import AnswerStream, Api
from rag.types import Message

CHAT_MODEL = "footnote"
EMBEDDING_MODEL = "footnote-embedding"
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def openai_router(api: Api) -> APIRouter:
    router = APIRouter(
        prefix="/v1", route_class=ApiRoute, tags=["OpenAI's protocol"], responses=OPENAI_FAILURES
    )

    @router.post(
        "/chat/completions",
        response_model=ChatAnswer,
        summary="Ask the documents",
        responses=EVENTS,
    )
    async def chat_completions(request: Request, given: ChatRequest) -> Response:
        """The last message is the question, those before it the conversation; `system` messages
        do not count. `model` is footnote, or footnote/NAME of a collection."""
        api.check_ready()
        question, history = conversation(given.messages)
        schema = answer_schema(given)
        own = (given.footnote or AskOptionsBody.model_validate({})).model_copy()
        if (name := collection_of(given.model)) is not None:
            own.collection = name
        where = await run_in_threadpool(api.where, request, own)
        options = ask_options(own, where, given.temperature, schema)
        stream = await AnswerStream.begin(api, request, question, history, options)
        return await respond(api, request, stream, given)

    @router.get("/models", response_model=ModelList, summary="What can be asked")
    def models(request: Request) -> Any:
        return JSONResponse({"object": "list", "data": [_card(n) for n in names(request)]})

    @router.get("/models/{name:path}", response_model=ModelCard, summary="One of them")
    def model(request: Request, name: str) -> Any:
        if name not in names(request):
            raise no_model(name)
        return JSONResponse(_card(name))

    def names(request: Request) -> list[str]:
        seen = api.readable_collections(request)
        return [CHAT_MODEL, *(f"{CHAT_MODEL}/{name}" for name in seen), EMBEDDING_MODEL]

    @router.post("/embeddings", response_model=EmbeddingList, summary="Embeddings of texts")
    async def embeddings(request: Request, given: EmbeddingRequest) -> Any:
        """Made by the encoder of the index; unit vectors."""
        if given.model != EMBEDDING_MODEL:
            raise no_model(given.model)
        api.check_ready()
        return JSONResponse(await run_in_threadpool(_embed, api, given))

    @router.api_route("/{path:path}", methods=METHODS, include_in_schema=False)
    def no_such_route(request: Request, path: str) -> Response:
        message = f"There is no {request.method} /v1/{path} here; /docs lists what there is."
        raise ApiError(404, message, "not_found")

    return router


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "footnote"}


def no_model(name: str) -> ApiError:
    message = f"There is no model {name!r}. /v1/models lists those there are."
    return ApiError(404, message, "model_not_found", parameter="model")


def collection_of(model: str) -> str | None:
    """The collection that a model's name stands for; None is all."""
    chat, slash, name = model.partition("/")
    if chat != CHAT_MODEL or (slash and not name):
        raise no_model(model)
    return name if slash else None


def conversation(messages: list[ChatMessage]) -> tuple[str, list[Message]]:
    """The question, and what was said before it by the two."""
    *earlier, last = messages
    question = _text(last).strip()
    if last.role != "user" or not question:
        raise _bad("The last message must be the user's question.", "messages")
    if len(question) > MAX_QUESTION_CHARACTERS:
        most = f"{MAX_QUESTION_CHARACTERS} characters"
        raise _bad(f"The question is longer than {most}. Shorten it.", "messages")
    history = []
    for message in earlier:
        if message.role == "user":
            history.append(Message("user", _text(message)))
        elif message.role == "assistant":
            history.append(Message("assistant", _text(message)))
    return question, history


def _text(message: ChatMessage) -> str:
    if message.content is None or isinstance(message.content, str):
        return without_controls(message.content or "")
    if other := [part.type for part in message.content if part.type != "text"]:
        raise _bad(f"Only text is read, not {other[0]}. Leave it out.", "messages")
    return without_controls("\n".join(part.text for part in message.content))


def answer_schema(given: ChatRequest) -> dict[str, Any] | None:
    """The JSON schema asked for, if any. Raises ApiError for what is not done here."""
    if given.tools:
        raise _bad("No tools are called here. Leave out `tools`.", "tools")
    if given.n not in (None, 1):
        raise _bad("One answer is given. Leave out `n`.", "n")
    form = given.response_format or {"type": "text"}
    if form.get("type") == "text":
        return None
    held = form.get("json_schema")
    schema = held.get("schema") if isinstance(held, dict) else None
    if form.get("type") != "json_schema" or not isinstance(schema, dict):
        raise _bad("Give the form as json_schema, with a schema.", "response_format")
    return schema


def _bad(message: str, parameter: str) -> ApiError:
    return ApiError(400, message, "invalid", parameter=parameter)


def _embed(api: Api, given: EmbeddingRequest) -> dict[str, Any]:
    encoder = api.service.encoder
    if given.dimensions not in (None, encoder.dimension):
        message = f"The vectors have {encoder.dimension} numbers. Leave out `dimensions`."
        raise _bad(message, "dimensions")
    texts = [given.input] if isinstance(given.input, str) else given.input
    is_query = given.input_type == "query"
    encode = encoder.encode_queries if is_query else encoder.encode_documents
    vectors = encode(texts).astype("<f4")
    num_tokens = sum(min(len(encoder.token_starts(one)), encoder.max_tokens) for one in texts)
    is_packed = given.encoding_format == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(row.tobytes()).decode() if is_packed else row.tolist(),
        }
        for index, row in enumerate(vectors)
    ]
    usage = {"prompt_tokens": num_tokens, "total_tokens": num_tokens}
    return {"object": "list", "data": data, "model": EMBEDDING_MODEL, "usage": usage}
