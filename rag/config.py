"""Settings: defaults, then a TOML file, then FOOTNOTE_* variables. Only roots read them.

The file is `footnote.toml` in the working directory, or what FOOTNOTE_CONFIG names.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rag.config_tables import AccessSettings, AutoInt, CollectionSettings, Folder
from rag.errors import SettingError

PREFIX = "FOOTNOTE_"
CONFIG_VARIABLE = "FOOTNOTE_CONFIG"
DEFAULT_FILE = "footnote.toml"
DEFAULT_INDEX = Path(".footnote")
SECRETS = {"api_key", "cache_url", "limits_url", "passwords"}  # no message shows them


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "footnote"


def _default_accounts() -> Path:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return folder / "footnote" / "accounts.sqlite"


def _default_api_keys() -> Path:
    return _default_accounts().with_name("api-keys.sqlite")


class Settings(BaseSettings):
    """Everything that can be set. `None` stands for "auto" where a number is meant."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    index: Folder = Field(DEFAULT_INDEX, description="the folder that holds the index")
    cache: Folder = Field(default_factory=_default_cache, description="where models are kept")
    log_level: Literal["error", "warning", "info", "debug"] = Field(
        "warning", description="how much the libraries say on stderr"
    )

    log_format: Literal["console", "json"] = Field(
        "console", description="lines for people, or an object a line for programs"
    )
    traces_url: str = Field(
        "", description="an OTLP collector, such as http://127.0.0.1:4318/v1/traces; empty: none"
    )
    audit: str = Field(
        "auto",
        description="the folder that keeps who asked what and when; auto: audit in the index; none",
    )
    audit_days: int = Field(30, ge=1, le=36_500, description="how long the audit log is kept")
    audit_file_mb: float = Field(50.0, gt=0, description="then it goes on in another file")
    audit_questions: Literal["full", "hashed", "none"] = Field(
        "full", description="what the audit log holds of a question"
    )
    cache_url: SecretStr = Field(
        SecretStr("auto"),
        description="where answers are kept for the same question asked again: auto (a file in the "
        "index), none, or redis://HOST:PORT/0, which several machines can share",
    )
    cache_mb: float = Field(256.0, gt=0, description="of the file; what is not used goes first")
    cache_days: float = Field(30.0, gt=0, description="how long an answer is kept")
    cache_similarity: float = Field(
        1.0,
        ge=0.8,
        le=1.0,
        description="below 1, an answer also serves another question whose embedding is so near; "
        "such questions may ask for different things",
    )

    encoder: str = Field("auto", description="auto, a folder, a hub id, or package:NAME")
    encoder_kernel: Literal["auto", "torch", "onnx"] = Field(
        "auto", description="auto: int8 with ONNX Runtime where the processor is made for it"
    )
    encoder_dimensions: AutoInt = Field(
        None,
        ge=8,
        le=65_536,
        description="the first so many of a vector's numbers are kept; for models trained for it "
        "(Matryoshka), others lose much. Changing it encodes all documents anew",
    )
    query_prompt: str = Field(
        "auto",
        description="what is put before a question when it is encoded; auto: as the model says; "
        "none: nothing",
    )
    document_prompt: str = Field(
        "auto",
        description="what is put before a passage when it is encoded; auto: as the model says; "
        "none: nothing. Changing it encodes all documents anew",
    )
    vector_precision: Literal["auto", "float32", "float16", "int8"] = Field(
        "auto",
        description="of the vectors that are searched; auto: float32 while all are compared, "
        "float16 in a large index. int8 takes a quarter of float32's memory and finds a little "
        "less. The exact vectors stay on disk",
    )
    reranker: str = Field(
        "none",
        description="a cross-encoder that puts the passages found in a better order: none, a "
        "folder, or a hub id such as BAAI/bge-reranker-v2-m3 or Qwen/Qwen3-Reranker-0.6B. "
        "For a GPU",
    )
    reranker_candidates: int = Field(
        30, ge=1, le=1000, description="passages that the reranker reads, or top_k if that is more"
    )
    reranker_ms: int = Field(
        1000,
        ge=1,
        le=600_000,
        description="milliseconds that the reranker may take; what takes longer is left in the "
        "order of the search, and the answer says so",
    )
    generator: str = Field(
        "auto", description="auto, none, openai:URL[,URL...], a folder, a hub id, or package:NAME"
    )
    generator_model: str = Field("", description="the model's name at an openai: server")
    api_key: SecretStr = Field(SecretStr(""), description="the key of an openai: server")
    connect_seconds: float = Field(
        10.0, gt=0, le=3600, description="how long an openai: server may take to connect"
    )
    first_token_seconds: float = Field(
        300.0, gt=0, le=86_400, description="how long its first token may take: it reads a prompt"
    )
    next_token_seconds: float = Field(
        60.0, gt=0, le=86_400, description="how long each further token may take"
    )
    answer_seconds: float = Field(
        900.0, gt=0, le=86_400, description="how long a whole answer of such a server may take"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the models run")
    num_threads: AutoInt = Field(None, ge=1, le=1024, description="CPU threads of the encoder")

    max_model_len: AutoInt = Field(None, ge=1024, description="tokens of prompt and answer")
    max_answer_tokens: int = Field(512, ge=16, le=32_768, description="tokens of an answer")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 is repeatable")
    tensor_parallel_size: int = Field(1, ge=1, le=64, description="GPUs that share the model")
    gpu_memory_utilization: float = Field(
        0.85, gt=0.0, le=0.98, description="the share of the GPU for the language model"
    )
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = Field(
        "auto", description="fp8 doubles the context that fits a GPU"
    )

    top_k: int = Field(10, ge=1, le=1000, description="passages that a question looks for")
    context_tokens: AutoInt = Field(
        None,
        ge=128,
        description="at most so many tokens of passages in a prompt; auto: few on a CPU",
    )
    general_knowledge: bool = Field(
        False, description="whether the model adds what it knows where the documents do not answer"
    )
    rewriting: Literal["auto", "model", "rules"] = Field(
        "auto", description="who makes follow-up questions stand alone; auto: rules on a CPU"
    )
    chunk_tokens: int = Field(256, ge=32, le=8192, description="the longest chunk, in tokens")
    sentence_vectors: bool = Field(
        True, description="also encode single sentences, after the passages: finds better"
    )
    max_file_mb: float = Field(200.0, gt=0, description="larger files are reported, not read")
    follow_links: bool = Field(False, description="also read what links out of a folder lead to")
    passwords: tuple[SecretStr, ...] = Field((), description="tried in turn on locked files")
    ocr: bool = Field(True, description="read pictures and scanned pages, with the OCR extra")
    readers: AutoInt = Field(None, ge=1, le=64, description="processes that read files")
    read_seconds: float = Field(300.0, gt=0, description="a file that takes longer is reported")
    read_memory_mb: int = Field(
        2048, ge=256, description="a file that takes more memory to read is reported"
    )
    debounce_ms: int = Field(1000, ge=50, le=60_000, description="rest before changes are read")
    poll_seconds: float = Field(
        10.0, ge=0.1, le=3600, description="between looks at drives that announce no changes"
    )
    lock_seconds: float = Field(
        30.0, ge=0.0, le=86_400, description="how long to wait for another process that writes"
    )

    uploads: bool = Field(True, description="whether people may add files on the page")
    max_upload_mb: float = Field(50.0, gt=0, description="larger files are not taken")
    max_uploads_mb: float = Field(
        2000.0, gt=0, description="all files that one person has added take no more"
    )
    upload_types: tuple[str, ...] = Field(
        (), description="suffixes or kinds that may be added, such as pdf, word, .md; none: all"
    )
    temporary_hours: float = Field(
        24.0, gt=0, description="files added to one conversation are deleted so long after its end"
    )

    collections: dict[str, CollectionSettings] = Field(
        {}, description="folders by name, as tables [collections.NAME] with folders and index"
    )

    sign_in: Literal["none", "password", "header", "key"] = Field(
        "none",
        description="none: whoever reaches the page, which only this machine does; password: the "
        "people of `footnote users`; header: whom a proxy in front names; key: programs alone, "
        "with an API key or a JWT, which also count beside the others",
    )
    accounts: Folder = Field(
        default_factory=_default_accounts, description="the file of names and password hashes"
    )
    sign_in_header: str = Field(
        "X-Forwarded-User", description="in which the proxy names the person"
    )
    groups_header: str = Field(
        "", description="in which the proxy names the person's groups, set apart by commas"
    )
    admin_group: str = Field(
        "", description="the group of groups_header whose people may read everything"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks of proxies whose headers are believed"
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="how browsers reach the page behind a proxy: https://docs.example.com"
    )
    api_keys: Folder = Field(
        default_factory=_default_api_keys, description="the file of the keys' digests"
    )
    jwt_keys: str = Field(
        "", description="the JWKS of who signs tokens: a file or https address; empty: they tell"
    )
    jwt_issuer: str = Field("", description="who signs tokens, as they say in `iss`")
    jwt_audience: str = Field("", description="what tokens for Footnote say in `aud`")
    jwt_name_claim: str = Field("sub", min_length=1, description="what names the caller")
    jwt_groups_claim: str = Field(
        "groups", min_length=1, description="what names their groups; admin_group is of these, too"
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="pages of other sites whose scripts may use the API with a key; none: none"
    )
    requests_per_minute: int = Field(
        300, ge=0, description="of each API caller; 0: as many as they like"
    )
    address_requests_per_minute: int = Field(
        600, ge=0, description="of API callers at one address, before it is known who; 0: no limit"
    )
    limits_url: SecretStr = Field(
        SecretStr("auto"),
        description="where these and tokens_per_day are counted: auto (in cache_url, if that is "
        "Redis, else in this process), none (in this process), or redis://HOST:PORT/0",
    )
    tokens_per_day: int = Field(
        0, ge=0, description="of the model, for each API caller; 0: no limit"
    )
    metrics_group: str = Field("metrics", description="whose keys read /metrics, as admins' do")
    max_answers: int = Field(
        64, ge=0, description="API answers under way at once; more get 429; 0: no limit"
    )
    max_request_kb: int = Field(2000, ge=16, description="of an API request, uploads aside")
    allow_anonymous: bool = Field(
        False, description="let anyone in who reaches the page, without sign-in and history"
    )
    access: dict[str, AccessSettings] = Field(
        {}, description="who may read what, as tables [access.NAME] with groups and folders"
    )
    history: str = Field(
        "auto", description="the folder of the conversations; auto: the index; none: not kept"
    )
    history_days: AutoInt = Field(
        None, ge=1, le=36_500, description="conversations that rest so long are deleted; auto: none"
    )

    host: str = Field("127.0.0.1", min_length=1, description="where `chat` listens")
    port: int = Field(8000, ge=0, le=65_535, description="0 takes any free port")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line over the environment over the file."""
        return init_settings, env_settings, _FileSource(settings_cls)

    @property
    def max_file_bytes(self) -> int:
        return int(self.max_file_mb * 1_000_000)


class _FileSource(PydanticBaseSettingsSource):
    """What the TOML file says; unknown keys stay in, to be refused."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # __call__ gives all values at once

    def __call__(self) -> dict[str, Any]:
        path = settings_file()
        return {} if path is None else _read_toml(path)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings once. Overrides that are None count as not given.

    Raises SettingError that names the setting, where it stands, and the cure.
    """
    _refuse_unknown_variables(os.environ)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingError("\n".join(_explain(e, given) for e in error.errors())) from None


def settings_file() -> Path | None:
    """The file that is read, if any. Raises SettingError if FOOTNOTE_CONFIG names none."""
    named = os.environ.get(CONFIG_VARIABLE, "")
    path = Path(named or DEFAULT_FILE).expanduser()
    if path.is_file():
        return path
    if named:
        raise SettingError(
            f"{CONFIG_VARIABLE} names {named}, which is not a file. Correct it, or unset it."
        )
    return None


def is_set(name: str) -> bool:
    """Whether the file or the environment gives the setting."""
    if os.environ.get(PREFIX + name.upper(), ""):
        return True
    path = settings_file()
    return path is not None and name in _read_toml(path)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read as TOML ({error}). Correct it.") from error


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for variable in sorted(environment):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            hint = _did_you_mean(variable.upper(), known)
            raise SettingError(
                f"{variable} in the environment is not a setting of Footnote. {hint}Unset it."
            )


def _did_you_mean(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}? If not: " if close else ""


def _explain(error: Any, given: Mapping[str, Any]) -> str:
    name = str(error["loc"][0])
    source = _source(name, given)
    if error["type"] == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {
            "collections": CollectionSettings,
            "access": AccessSettings,
        }
        model: type[BaseModel] = Settings if len(error["loc"]) == 1 else tables[name]
        hint = _did_you_mean(str(error["loc"][-1]), set(model.model_fields))
        full_name = ".".join(map(str, error["loc"]))
        return f"{source}: {full_name!r} is not a setting of Footnote. {hint}Remove it."
    shown = "" if name in SECRETS else f" is {error['input']!r}, but"
    reason = str(error["msg"])
    about = Settings.model_fields[name].description
    return (
        f"{source}: {name}{shown} {reason[:1].lower()}{reason[1:]}. "
        f"Correct it ({about}), or leave it out."
    )


def _source(name: str, given: Mapping[str, Any]) -> str:
    if name in given:
        return "On the command line"
    variable = PREFIX + name.upper()
    if os.environ.get(variable, ""):
        return f"{variable} in the environment"
    return f"In {settings_file() or DEFAULT_FILE}"
