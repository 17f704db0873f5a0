"""Who may come in, who may read what, and whether conversations are kept, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rag.access import ANONYMOUS, LOCAL, Access, Rule
from rag.accounts import Accounts
from rag.api_keys import ApiKeys
from rag.bearer import ByBearer
from rag.chat.store import Store
from rag.config import Settings
from rag.config_tables import AccessSettings
from rag.disk import may_write
from rag.errors import FootnoteError, SettingError
from rag.identity import ByHeader, ByPassword, Fixed, Identity, Nobody, Proxies
from rag.json_web_tokens import TokenCheck
from rag.serve import is_loopback
from rag.where import Where

HISTORY_FILE = "conversations.sqlite"


@dataclass(frozen=True, slots=True)
class People:
    """`store` is None where conversations are not kept. `close` it once nobody comes any more."""

    identity: Identity
    access: Access
    proxies: Proxies
    store: Store | None
    origins: tuple[str, ...] = ()
    is_anonymous: bool = False  # anyone may come in, and nobody has a name
    keys: ApiKeys | None = None

    def close(self) -> None:
        if self.identity.signs_in is not None:
            self.identity.signs_in.close()
        if self.keys is not None:
            self.keys.close()
        if self.store is not None:
            self.store.close()


def open_people(settings: Settings, say: Callable[[str], None]) -> People:
    """Raises SettingError where strangers could come in, and for what cannot be."""
    origins = tuple(map(clean_origin, settings.allowed_origins))
    hosts = [settings.host, *(urlsplit(origin).hostname or "" for origin in origins)]
    check_exposure(settings, next((host for host in hosts if not is_loopback(host)), ""))
    access = open_access(settings)
    proxies = Proxies(settings.trusted_proxies)
    keys, tokens = ApiKeys(settings.api_keys), _token_check(settings)
    identity = ByBearer(_identity(settings, proxies), keys, tokens)
    store = _open_store(settings, say)
    say(_told(settings, store))
    return People(identity, access, proxies, store, origins, _lets_anyone_in(settings), keys)


def _token_check(settings: Settings) -> TokenCheck | None:
    if not settings.jwt_keys and not settings.jwt_issuer:
        return None
    return TokenCheck(
        settings.jwt_keys,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        name_claim=settings.jwt_name_claim,
        groups_claim=settings.jwt_groups_claim,
        admin_group=settings.admin_group,
    )


def _open_store(settings: Settings, say: Callable[[str], None]) -> Store | None:
    """None where conversations are not kept, or cannot be beside an index that is only read."""
    if settings.history == "none" or _lets_anyone_in(settings):
        return None
    is_auto = settings.history == "auto"
    folder = settings.index if is_auto else Path(settings.history).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)  # others may read an index
        return Store(folder / HISTORY_FILE, keep_days=settings.history_days)
    except (FootnoteError, OSError) as error:
        if is_auto and not may_write(folder):
            say(f"{folder} cannot be written. To keep conversations, set history to a folder.")
            return None
        if isinstance(error, FootnoteError):
            raise
        raise SettingError(f"history: {folder} cannot be made ({error}).") from error


def check_exposure(settings: Settings, host: str) -> None:
    """Raises SettingError if others reach the page by `host`, and nobody has to sign in."""
    if host and settings.sign_in == "none" and not settings.allow_anonymous:
        raise SettingError(
            f"Others could reach the page at {host}, and nobody would have to sign in. Set "
            'sign_in = "password" and add people with `footnote users add NAME`, or leave out '
            "--host and allowed_origins so that only this machine reaches it. To let anyone read "
            "everything that no access rule covers: --allow-anonymous."
        )


def open_access(settings: Settings) -> Access:
    """The rules of the settings. Raises SettingError that names the table."""
    rules: list[Rule] = []
    for name, given in settings.access.items():
        try:
            rules += [Rule(w, frozenset(given.groups)) for w in _covered(settings, given)]
        except SettingError as error:
            raise SettingError(f"[access.{name}]: {error}") from None
    return Access(rules)


def _covered(settings: Settings, given: AccessSettings) -> list[Where]:
    """What a table covers: its folders and names, and each collection that it names."""
    folders = tuple(str(folder.resolve()) for folder in given.folders)
    found = [Where(folders=folders, globs=given.globs)]
    if given.collections and not found[0]:
        found = []
    return found + [_files_of(settings, name) for name in given.collections]


def _files_of(settings: Settings, name: str) -> Where:
    if name not in settings.collections:
        known = ", ".join(sorted(settings.collections)) or "none"
        raise SettingError(f"there is no collection {name!r}. There are: {known}.")
    given = settings.collections[name]
    return Where(
        folders=tuple(str(folder.resolve()) for folder in given.folders),
        globs=given.globs,
        types=given.types,
        languages=given.languages,
    )


def _identity(settings: Settings, proxies: Proxies) -> Identity:
    if settings.sign_in == "password":
        accounts = Accounts(settings.accounts)
        if not accounts.all():
            accounts.close()
            raise SettingError(
                f"Nobody can sign in: {settings.accounts} holds no users. Add one: "
                "footnote users add NAME"
            )
        return ByPassword(accounts)
    if settings.sign_in == "header":
        if not settings.trusted_proxies:
            raise SettingError(
                'sign_in = "header" needs trusted_proxies: the addresses of the proxies that may '
                f"say in {settings.sign_in_header} who somebody is."
            )
        return ByHeader(
            proxies, settings.sign_in_header, settings.groups_header, settings.admin_group
        )
    if settings.sign_in == "key":
        return Nobody()
    return Fixed(ANONYMOUS if _lets_anyone_in(settings) else LOCAL)


def _lets_anyone_in(settings: Settings) -> bool:
    return settings.sign_in == "none" and settings.allow_anonymous


def _told(settings: Settings, store: Store | None) -> str:
    """One line on who comes in, and what is kept."""
    who = {
        "password": "People sign in with a password.",
        "header": f"A proxy names people in {settings.sign_in_header}.",
        "key": "Programs show an API key; nobody signs in.",
        "none": "Only this machine reaches the page; nobody has to sign in.",
    }[settings.sign_in]
    if _lets_anyone_in(settings):
        who = "Anyone who reaches the page may use it (allow_anonymous)."
    kept = "not kept" if store is None else f"kept in {settings.history}"
    if store is not None and settings.history == "auto":
        kept = "kept beside the index"
    return f"{who} Conversations are {kept}."


def clean_origin(origin: str) -> str:
    """As browsers send it: https://docs.example.com. Raises SettingError."""
    parts = urlsplit(origin.strip().rstrip("/").lower())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise SettingError(
            f"allowed_origins: {origin!r} is no origin. Write it as https://docs.example.com."
        )
    return f"{parts.scheme}://{parts.netloc}"
