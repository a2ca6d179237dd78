"""F19 and F20: a reload that is never half done, and secrets that are references wherever one is taken."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from connectors.kit import registry
from connectors.kit.contract import Kit
from connectors.kit.describing import Key, holds, keys
from connectors.kit.secrets import SecretRef
from connectors.kit.settings import typed
from connectors.payment.client import dialect_of as intermediary
from connectors.payment.settings import ProfileName
from connectors.postal.client import dialect_of as carrier
from gateway import bootstrap
from gateway.bootstrap.checking import checked
from gateway.cli.installation import Ports, lay_out
from gateway.config import Settings, load
from gateway.intake.signature import SigningKey, sign_request
from tests.line.words import event
from tests.planted import secret

SPEAKING = re.compile(
    r"(?:^|_)(?:secrets?|passwords?|passwd|passphrase|tokens?|pin|dsn|redis|keys?|access|credentials?|bearer|auth|proxy)(?:_|$)"
)
"""Names that speak of a secret: each such key takes a reference, or stands below with what it is instead."""

NO_SECRETS = {
    "key_file": "the path of a file",
    "client_key_file": "the path of a file",
    "token_url": "an address",
    "token_label": "what a token is called",
    "token_serial": "what a token is called",
    "key_label": "what a key is called",
    "key_id": "what a key is called",
    "signing_key": "postal papers: the name of a key of [signing.keys]",
    "public_keys": "public",
    "keys": "a table of keys; their secrets are looked at one by one",
    "auth": "a path",
    "proxy": "an address; one with a password is refused by the look over the whole file",
}

PLAIN = (
    *("{}", "env:A {}", "env:", "ENV:{}", "file:", "file:a\n{}", "credential:", "credential:../{}", "credential:.."),
    *("credential:a/{}", "vault:{}", " env:{}", "env:{} "),
)
"""Written with an invented secret, none of these is a reference."""


def settings_types() -> Iterator[type[msgspec.Struct]]:
    """The settings of the house, of every connector, and the options of every dialect that has its own."""
    yield Settings
    yield from (registry.settings_type(name) for name in registry.folders())
    yield from (intermediary(name).options_type for name in typing.get_args(ProfileName))
    profiles = Path(registry.folders()["postal"][1]) / "profiles"
    yield from (carrier(one.name).options_type for one in profiles.iterdir() if re.fullmatch(r"[a-z]\d", one.name))


def every_key() -> list[Key]:
    """Every key that anybody can set."""
    return [key for kind in settings_types() for key in keys(kind)]


def test_f20_every_setting_that_is_a_secret_takes_a_reference() -> None:
    """By its type, wherever it stands; what only sounds like a secret is listed here with what it is."""
    known = every_key()
    assert len(known) > 500
    plain = {key.name for key in known if SPEAKING.search(key.name) and _free_text(key) and not _is_paper_key(key)}
    assert plain == set(NO_SECRETS) - {"signing_key"}
    references = [key for key in known if holds(key.kind, SecretRef)]
    assert {"dsn", "redis", "password", "secret", "token", "client_secret", "secrets"} <= {
        one.name for one in references
    }
    assert all(isinstance(one.value, SecretRef) and not one.value for one in references if isinstance(one.value, str))


def _free_text(key: Key) -> bool:
    return holds(key.kind, str) and not holds(key.kind, SecretRef)


def _is_paper_key(key: Key) -> bool:
    """The one `signing_key` that is a name: that of the resolution system's connector is a secret."""
    return key.dotted == "papers.signing_key"


def test_f20_nothing_but_a_reference_can_be_followed() -> None:
    """The function that connectors get takes references: a connector that hands it a plain text does not pass the type check."""
    assert typing.get_type_hints(Kit)["secret"] == Callable[[SecretRef], str]


def test_f20_a_plain_value_is_refused_everywhere_and_never_repeated() -> None:
    """Every key of every settings type that takes a secret, with every way of not being a reference."""
    invented = secret("f20")
    taking = [key for key in every_key() if holds(key.kind, SecretRef)]
    assert len(taking) > 20
    for key, form in itertools.product(taking, PLAIN):
        written = form.format(invented)
        table = typing.get_origin(key.kind) is dict
        ready, faults = typed({key.name: {"ten": written} if table else written}, key.owner)
        assert ready is None
        (fault,) = (one for one in faults if one.partition(":")[0] == (f"{key.name}.ten" if table else key.name))
        assert "không viết thẳng giá trị" in fault
        assert invented not in "".join(faults)


_STORAGE = """key = "SECRET"
[storage.postgres]
dsn = "postgres://a:SECRET@b/c"
[coordination]
redis_password = "SECRET"
proxy = "http://nguoi:SECRET@proxy:8080"
[files]
pull_ca_file = '''-----BEGIN PRIVATE KEY-----
SECRET'''
"""
_OPTIONS = 'options = { deep = [{ api_key = "SECRET" }] }\n'


async def test_f20_a_whole_configuration_with_plain_secrets_is_refused_with_every_place_and_not_a_letter(
    tmp_path: Path,
) -> None:
    """Where types cannot see (free tables, addresses, unknown keys, pasted keys) the look over the file does."""
    folder = tmp_path / "house"
    lay_out(folder, Ports(), ("SEC-DEMO",))
    config, invented = folder / "gateway.toml", secret("f20 file")
    good = config.read_text(encoding="utf-8")
    assert (await checked(config)).faults == ()
    changes = (
        ('password = "file:keys/portal.password"', f'password = "{invented}"'),
        ('data_dir = "data"\nkey_file = "keys/kek"\n', _STORAGE),
        ("[upstreams.resolution.settings]\n", "[upstreams.resolution.settings]\n" + _OPTIONS),
    )
    bent = good
    for old, new in changes:
        assert old in bent
        bent = bent.replace(old, new.replace("SECRET", invented))
    config.write_text(bent, encoding="utf-8")
    told = (await checked(config)).faults
    assert {fault.partition(":")[0] for fault in told} >= {
        "storage.key",
        "storage.postgres.dsn",
        "coordination.redis_password",
        "coordination.proxy",
        "files.pull_ca_file",
        "upstreams.national_dvc.settings.password",
        "upstreams.resolution.settings.options.deep[0].api_key",
    }
    assert invented not in "\n".join(told)


_FIRST = "[intake]\nunknown_dossier = 'park'\ndossier_code_patterns = ['^(?P<unit>A)-(?P<date>[0-9]{6})-(?P<seq>[0-9]{7})$']\n"
_SECOND = _FIRST.replace("park", "refuse").replace(">A)", ">B)")
"""The door reads the pattern, the decision inside the transaction reads the policy: each answer shows both."""

_WHOLE = {("A", 202): "first", ("B", 422): "first", ("A", 422): "second", ("B", 404): "second"}
"""What an event for an unknown dossier of that form is answered by each of them; anything else is a mixture."""


@pytest.mark.parametrize("refused", [False, True])
async def test_f19_a_reload_under_load_is_whole_in_every_answer(tmp_path: Path, refused: bool) -> None:
    """No answer is half of one configuration and half of another, none is lost, and the generation turns with the behaviour.

    With one wrong key in each new file nothing turns at all.
    """
    folder = tmp_path / "house"
    lay_out(folder, Ports(gateway=0), ("SEC-DEMO",))
    config = folder / "gateway.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text + _FIRST, encoding="utf-8")
    key = SigningKey.load((folder / "keys/SEC-DEMO.pem").read_bytes(), "SEC-DEMO-1", "ed25519")
    numbers, answers, done = itertools.count(), list[tuple[str, int, str, str]](), asyncio.Event()
    async with bootstrap.running(load(config)) as running, aiohttp.ClientSession() as session:
        assert running.residence is not None
        base = f"http://{running.host}:{running.port}"

        async def generation() -> str:
            async with session.get(f"{base}/healthz") as answer:
                return str((await answer.json())["config_generation"])

        async def push(form: str) -> None:
            body = msgspec.json.encode(event("SEC-DEMO", f"{form}-261120-{next(numbers):07d}", 1, "received"))
            signed = sign_request("POST", "/v1/events", body, key, int(time.time()))
            before = await generation()
            async with session.post(f"{base}/v1/events", data=body, headers=signed) as answer:
                await answer.read()
            answers.append((form, answer.status, before, await generation()))

        async def caller(form: str) -> None:
            while not done.is_set():
                await push(form)

        callers = [asyncio.create_task(caller(form)) for form in "ABABABAB"]
        generations = [await generation()]
        for number in range(6):
            written = text + (_SECOND if number % 2 == 0 else _FIRST)
            config.write_text(written + ("max_body_byte = 1\n" if refused else ""), encoding="utf-8")
            outcome = await running.residence.desk.by_signal("SIGHUP")
            assert bool(outcome.faults) is refused
            generations.append(await generation())
            seen = len(answers)
            while len(answers) < seen + 40:
                await asyncio.sleep(0)
        done.set()
        await asyncio.gather(*callers)
        journal = running.residence.house.ground.journal
        stored = [row for row in await journal.feed(0, 100_000, feed_only=False) if row.kind.startswith("event.")]
    first, second = generations[0], generations[0] if refused else generations[1]
    assert generations == [first, second, first, second, first, second, first]
    of = {first: "first"} if refused else {first: "first", second: "second"}
    for form, status, before, after in answers:
        behaved = _WHOLE.get((form, status))
        assert behaved is not None, f"{form} was answered {status}: a mixture"
        assert behaved in {of[before], of[after]}, "what is shown and what is done turn together"
    assert {_WHOLE[form, status] for form, status, _, _ in answers} == set(of.values())
    assert len(stored) == sum(status == 202 for _, status, _, _ in answers), (
        "what was accepted stands, and nothing else"
    )
