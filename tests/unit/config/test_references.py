"""References to secrets: where each leads, who may read what is there, and what is said when there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.secrets import SecretRef, is_reference
from gateway.bootstrap.checking import checked
from gateway.bootstrap.kek import kek_of
from gateway.cli.installation import Ports, lay_out
from gateway.config import load, secret, standing
from gateway.config.plain_secrets import plain_secrets
from gateway.config.references import references
from gateway.errors import ConfigError
from tests import planted


def test_each_scheme_leads_where_it_says(tmp_path: Path) -> None:
    """The environment, a file beside the configuration, a credential of the unit; white space around is dropped."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "unit").mkdir()
    (tmp_path / "conf/word").write_text(" in a file\n", encoding="utf-8")
    (tmp_path / "unit/word").write_text("from systemd\n", encoding="utf-8")
    env = {"WORD": "in the environment\n", "CREDENTIALS_DIRECTORY": str(tmp_path / "unit")}
    told = [secret(one, tmp_path / "conf", env) for one in ("env:WORD", "file:word", "credential:word")]
    assert told == ["in the environment", "in a file", "from systemd"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:NOBODY", "không có biến môi trường"),
        ("file:nobody", "không đọc được tệp"),
        ("file:raw", "không phải văn bản UTF-8"),
        ("credential:kek", "LoadCredential"),
        ("", "không viết thẳng giá trị"),
    ],
)
def test_a_reference_to_nothing_is_told_by_its_name(tmp_path: Path, reference: str, said: str) -> None:
    """The reference is no secret; what was read is."""
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        secret(reference, tmp_path, {})
    assert said in str(caught.value)
    assert reference in str(caught.value)


@pytest.mark.parametrize(("mode", "who"), [(0o600, ""), (0o640, ""), (0o644, "mọi người"), (0o660, "nhóm")])
def test_who_may_read_a_secret_is_looked_at(tmp_path: Path, mode: int, who: str) -> None:
    """A group that only reads is how many a service gets its secrets; everybody is too many."""
    path = tmp_path / "word"
    path.write_text("x", encoding="utf-8")
    path.chmod(mode)
    told = standing(SecretRef("file:word"), tmp_path, {})
    assert told.fault == ""
    assert who in told.warning
    assert bool(told.warning) is bool(who)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    """A file that was made and never filled."""
    (tmp_path / "word").write_text("\n", encoding="utf-8")
    assert "rỗng" in standing(SecretRef("file:word"), tmp_path, {}).fault


@given(st.text(max_size=40))
def test_what_is_a_reference_is_one_and_nothing_else_becomes_one(text: str) -> None:
    """The type takes exactly what the grammar takes, and what it takes leads to one place: no path out, no second line."""
    if not is_reference(text) and text:
        with pytest.raises(ValueError, match="không viết thẳng giá trị"):
            SecretRef(text)
        return
    made = SecretRef(text)
    assert made == text
    if made:
        assert f"{made.scheme}:{made.place}" == text
        assert made.scheme in ("env", "file", "credential")
        assert made.scheme != "credential" or ("/" not in made.place and made.place not in (".", ".."))


@given(
    st.recursive(
        st.text(max_size=5) | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(max_size=5), one)
    )
)
def test_the_look_over_a_file_never_fails_and_never_takes_a_reference_for_a_secret(value: object) -> None:
    """Whatever a file holds; the same under the name of a secret is found exactly when it is a text and no reference."""
    list(plain_secrets({"anything": value}))
    assert list(plain_secrets({"password": "env:X", "secrets": {"password": "credential:x"}})) == []
    found = list(plain_secrets({"password": value}))
    assert bool(found) >= (isinstance(value, str) and bool(value))


async def test_the_key_of_the_store_may_be_a_credential_of_the_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`storage.key` goes before the file, which need not be there then; the check says what is missing, serving the same."""
    folder = tmp_path / "house"
    lay_out(folder, Ports(), ("SEC-DEMO",))
    config = folder / "gateway.toml"
    written = kek_of(load(config))
    text = config.read_text(encoding="utf-8").replace('key_file = "keys/kek"', 'key = "credential:kek"')
    config.write_text(text, encoding="utf-8")
    (folder / "keys/kek").rename(tmp_path / "kek")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    found = await checked(config)
    assert [fault.partition(":")[0] for fault in found.faults] == ["storage.key"]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert (await checked(config)).faults == ()
    assert kek_of(load(config)) == written
    (tmp_path / "kek").write_text(planted.secret("kek"), encoding="utf-8")
    assert [fault.partition(":")[0] for fault in (await checked(config)).faults] == ["storage.key"]


async def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Keys of the house and of a connector, a type, references and files: one look, every place; a shared secret is a warning."""
    folder = tmp_path / "house"
    lay_out(folder, Ports(), ("SEC-DEMO",))
    config = folder / "gateway.toml"
    text = config.read_text(encoding="utf-8")
    for old, new in (
        ("[operators]\n", "[operators]\nproposal_hours = -1.0\nfour_eyes = true\n"),
        ('signing_key = "file:keys/webhook.pem"', 'signing_key = "file:keys/nobody.pem"\nca_file = "keys/nobody.ca"'),
        ('madonvi = "000.00.00.G16"\n', "madonvy = 1\n"),
        ('to = ["resolution"]', 'to = ["nobody"]'),
    ):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    (folder / "keys/portal.password").chmod(0o644)
    found = await checked(config)
    assert {fault.partition(":")[0] for fault in found.faults} == {
        "operators.four_eyes",
        "operators.proposal_hours",
        "routes[1].to",
        "upstreams.national_dvc.settings.madonvi",
        "upstreams.national_dvc.settings.madonvy",
        "upstreams.resolution.settings.signing_key",
        "upstreams.resolution.settings.ca_file",
    }
    assert found.loaded is None


async def test_secrets_that_everybody_may_read_are_a_warning(tmp_path: Path) -> None:
    """It works, and it should not stay so."""
    folder = tmp_path / "house"
    lay_out(folder, Ports(), ("SEC-DEMO",))
    (folder / "keys/portal.password").chmod(0o644)
    found = await checked(folder / "gateway.toml")
    assert found.faults == ()
    (warning,) = found.warnings
    assert warning.startswith("upstreams.national_dvc.settings.password: file:keys/portal.password")
    assert found.loaded is not None
    assert len(list(references(found.loaded.settings))) == 0, "the house itself needs none here"
