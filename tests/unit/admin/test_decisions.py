"""Nothing is decided without a valid signature; what is decided is proven in the same transaction, and happens once."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from gateway.admin.statement import Envelope, Statement, canonical, sign
from gateway.errors import IntakeError
from gateway.journal import once
from gateway.records.operators import DECISIONS, NEEDS, holds


async def _refused(carrying: Any) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        await carrying
    assert len(caught.value.message_vi) > 20, "a person is told what to do"
    return caught.value


def _bent(envelope: Envelope, key: Any = None, **changes: Any) -> Envelope:
    """The statement with something changed: signed again with `key`, or left with its old signature."""
    said = msgspec.structs.replace(msgspec.json.decode(envelope.statement, type=Statement), **changes)
    return sign(said, key) if key is not None else Envelope(canonical(said), envelope.signature)


async def test_the_first_operator_is_founded_by_whoever_holds_the_socket_and_nobody_after_that(building: Any) -> None:
    """An empty register takes one entry without a signature, audited as founding with the OS user; then admins sign."""
    async with building.open() as hall:
        assert await hall.desk.decisions.identity() == {"installation": "gateway-1/", "founded": False}
        await hall.found()
        ((_, actor, fields),) = await hall.trail("operator.founded")
        assert (actor, fields["operator"], fields["peer"]) == ("os:truc", "chi", "os:truc")
        refused = await _refused(hall.found("ke-la"))
        assert (refused.code, refused.status) == ("operator_unknown", 401)
        assert (await hall.desk.decisions.identity())["founded"] is True
    async with building.open() as hall:
        assert (await _refused(hall.found("ke-la"))).code == "operator_unknown"
        assert list(await hall.desk.decisions.register()) == ["chi"]


async def test_the_first_operator_must_be_able_to_add_the_next(building: Any) -> None:
    """A register without an admin could never grow."""
    async with building.open() as hall:
        assert (await _refused(hall.found(roles=("operator",)))).code == "founder_not_admin"
        assert await hall.trail() == []


async def test_a_decision_is_in_the_trail_with_the_bytes_that_were_signed(hall: Any) -> None:
    """Statement and signature stand in the row, letter by letter; the public key of the register checks them."""
    envelope = await hall.envelope("chi", "resume", upstream="national")
    assert (await hall.carry("resume", envelope))["done"] is True
    ((_, actor, fields),) = await hall.trail("decision.taken")
    assert actor == fields["operator"] == "chi" and fields["peer"] == "os:truc" and fields["command"] == "resume"
    assert (fields["statement"], fields["signature"]) == (envelope.statement, envelope.signature)
    key = (await hall.desk.decisions.register())["chi"].key(fields["key_id"])
    assert holds(key.public_key, fields["statement"].encode(), base64.b64decode(fields["signature"]))
    assert not holds(key.public_key, fields["statement"].encode() + b" ", base64.b64decode(fields["signature"]))


async def test_proof_and_decision_stand_in_one_leaf(hall: Any) -> None:
    """One leaf more, and on disk it names the proof, the record of the decision, and the rows of both upstreams."""
    (before,) = [leaf for leaf in await hall.journal.leaves() if leaf.writer == hall.journal.writer]
    await hall.say("chi", "resume", details={"all": True})
    (after,) = [leaf for leaf in await hall.journal.leaves() if leaf.writer == hall.journal.writer]
    assert after.n == before.n + 1
    if after.about:
        names = [row[0] for row in msgspec.json.decode(after.about)[3]]
        assert sorted(names) == ["audit", "audit", "audit", "record", "upstream", "upstream"]
    assert [kind for kind, *_ in await hall.trail()][-3:] == ["decision.taken", "upstream.resumed", "upstream.resumed"]


async def test_ecdsa_keys_sign_as_well(hall: Any) -> None:
    """The second person of these tests has a P-256 key."""
    await hall.add("binh", "operator")
    assert (await hall.say("binh", "resume", upstream="national"))["done"] is True


async def test_an_unsigned_command_is_refused(hall: Any) -> None:
    """No statement, no signature, a rubbish signature: nothing happens."""
    envelope = await hall.envelope("chi", "resume", upstream="national")
    for bare, code in (
        (Envelope(), "signature_missing"),
        (Envelope(envelope.statement), "signature_wrong"),
        (Envelope(envelope.statement, "@@@"), "signature_wrong"),
        (Envelope(envelope.statement, base64.b64encode(bytes(64)).decode()), "signature_wrong"),
    ):
        refused = await _refused(hall.carry("resume", bare))
        assert (refused.code, refused.status) == (code, 401)
    assert await hall.trail("decision.taken") == []


async def test_strangers_and_wrong_keys_are_refused(hall: Any) -> None:
    """An unknown name; a known name with a key that is not its own; a known key id with another key's signature."""
    stranger = hall.person("ke-la")
    assert (await _refused(hall.say("ke-la", "resume", upstream="national"))).code == "operator_unknown"
    envelope = await hall.envelope("ke-la", "resume", upstream="national")
    assert (await _refused(hall.carry("resume", _bent(envelope, stranger.key, operator="chi")))).code == "key_unknown"
    own = await hall.envelope("chi", "resume", upstream="national")
    assert (await _refused(hall.carry("resume", _bent(own, stranger.key)))).code == "signature_wrong"
    refusals = [fields["code"] for _, actor, fields in await hall.trail("decision.refused") if actor == "unknown"]
    assert refusals == ["operator_unknown", "key_unknown", "signature_wrong"]


async def test_refused_decisions_cannot_fill_the_disk(hall: Any) -> None:
    """A burst, then one every two seconds; the next row says how many were not written, and each is refused all the same."""
    hall.person("ke-la")
    for _ in range(75):
        assert (await _refused(hall.say("ke-la", "resume", upstream="national"))).code == "operator_unknown"
    assert len(await hall.trail("decision.refused")) == 60
    hall.turned.turn(seconds=4)
    assert (await _refused(hall.say("ke-la", "resume", upstream="national"))).code == "operator_unknown"
    told = [fields.get("suppressed") for _, _, fields in await hall.trail("decision.refused")]
    assert told == [None] * 60 + [15]


async def test_altered_words_are_refused(hall: Any) -> None:
    """Every word is under the signature, and the statement can be written in one way only."""
    envelope = await hall.envelope("chi", "resume", upstream="national")
    said = msgspec.json.decode(envelope.statement, type=Statement)
    for changes in (
        {"words": msgspec.structs.replace(said.words, upstream="resolution")},
        {"words": msgspec.structs.replace(said.words, details={"all": True})},
        {"installation": "gateway-2/x"},
        {"decision_id": "00000000-0000-7000-8000-000000000000"},
    ):
        assert (await _refused(hall.carry("resume", _bent(envelope, **changes)))).code == "signature_wrong"
    assert (await _refused(hall.carry("pause", envelope))).code == "statement_malformed"
    for text in (envelope.statement + " ", envelope.statement.replace('"sequence":0,', ""), "{}", "[", "\ud800"):
        assert (await _refused(hall.carry("resume", replace_text(envelope, text)))).code == "statement_malformed"
    assert await hall.trail("decision.taken") == []


def replace_text(envelope: Envelope, text: str) -> Envelope:
    """Another statement under the same signature."""
    return Envelope(text, envelope.signature)


async def test_a_statement_for_another_installation_means_nothing_here(hall: Any) -> None:
    """The same operator may have the same key at two gateways."""
    envelope = await hall.envelope("chi", "resume", upstream="national")
    moved = _bent(envelope, hall.people["chi"].key, installation="gateway-2/other")
    assert (await _refused(hall.carry("resume", moved))).code == "wrong_installation"


@pytest.mark.parametrize("by", [-301, 301])
async def test_a_statement_is_good_for_five_minutes(hall: Any, by: int) -> None:
    """Signed too long ago, or by a clock that is ahead: sign again."""
    hall.turned.turn(hours=1)
    envelope = await hall.envelope("chi", "resume", upstream="national")
    hall.turned.turn(seconds=by)
    refused = await _refused(hall.carry("resume", envelope))
    assert (refused.code, refused.status) == ("decision_stale", 403)
    ((_, actor, fields),) = await hall.trail("decision.refused")
    assert (actor, fields["code"]) == ("chi", "decision_stale"), "the signature was true, so the name is"


async def test_the_same_decision_again_changes_nothing_and_is_answered_the_same_over_restarts(building: Any) -> None:
    """A lost answer is asked for with the same bytes, whenever; its id can never carry other words."""
    async with building.open() as hall:
        await hall.found()
        envelope = await hall.envelope("chi", "resume", upstream="national")
        first = await hall.carry("resume", envelope)
        trail = await hall.trail()
        assert await hall.carry("resume", envelope) == first
        said = msgspec.json.decode(envelope.statement, type=Statement)
        other = _bent(
            envelope, hall.people["chi"].key, words=msgspec.structs.replace(said.words, upstream="resolution")
        )
    building.turned.turn(hours=7)
    async with building.open() as hall:
        assert await hall.carry("resume", envelope) == first
        refused = await _refused(hall.carry("resume", other))
        assert (refused.code, refused.status) == ("decision_id_used", 409)
        assert await hall.trail() == trail
        assert len(await hall.journal.records(once.KIND)) == 1


async def test_a_reason_of_less_than_ten_letters_is_refused_before_anything_else(hall: Any) -> None:
    """Also for what would only become a proposal."""
    for command in ("resume", "skip", "operator-revoke"):
        refused = await _refused(hall.say("chi", command, "vì   thế   ", upstream="national", dossier="D"))
        assert refused.code == "order_incomplete"
    assert await hall.trail("decision.proposed") == []


@pytest.mark.parametrize("role", ["viewer", "operator", "supervisor", "auditor", "admin"])
async def test_each_role_may_say_what_the_table_says_and_nothing_else(hall: Any, role: str) -> None:
    """Walk every command: it is refused for want of a role exactly when the table does not name one."""
    await hall.add("binh", role)
    for command in sorted({*hall.commands, "approve", "refuse"}):
        code = ""
        try:
            await hall.say("binh", command, upstream="nowhere", dossier="D", source="S", event_id="E")
        except IntakeError as error:
            code = error.code
        assert (code == "role_missing") == (role not in NEEDS[command]), (role, command, code)


async def test_revoked_keys_and_people_decide_nothing(hall: Any) -> None:
    """From the very moment; what they signed before stays in the trail, and the register keeps them with their history."""
    await hall.add("binh", "operator", "admin")
    await hall.say("binh", "resume", upstream="national")
    key_id = (await hall.desk.decisions.register())["binh"].keys[0].key_id
    await hall.say("chi", "operator-revoke", details={"name": "binh", "key_id": key_id})
    assert (await _refused(hall.say("binh", "resume", upstream="national"))).code == "key_revoked"
    spare = hall.person("khoa-moi")
    await hall.say("chi", "operator-add", details={"name": "binh", "keys": [spare.public_key]})
    hall.people["binh"] = replace(spare, name="binh")
    assert (await hall.say("binh", "resume", upstream="national"))["done"]
    await hall.say("chi", "operator-revoke", details={"name": "binh"})
    assert (await _refused(hall.say("binh", "resume", upstream="national"))).code == "operator_not_in_force"
    entry = (await hall.desk.decisions.register())["binh"]
    assert [change.what.split()[0] for change in entry.history] == ["added", "revoked", "added", "revoked"]
    assert all(key.revoked_at for key in entry.keys) and entry.revoked_at == hall.turned.moment
    assert (await _refused(hall.add("binh", "operator"))).code in ("already_revoked", "key_registered")


async def test_an_operator_acts_only_within_the_validity_of_the_entry(hall: Any) -> None:
    """Not before it begins, not after it ends."""
    start, end = "2026-11-24T00:00:00+07:00", "2026-11-25T00:00:00+07:00"
    await hall.add("binh", "operator", valid_from=start, valid_to=end)
    assert (await _refused(hall.say("binh", "resume", upstream="national"))).code == "operator_not_in_force"
    hall.turned.turn(hours=12)
    assert (await hall.say("binh", "resume", upstream="national"))["done"]
    hall.turned.turn(hours=24)
    assert (await _refused(hall.say("binh", "resume", upstream="national"))).code == "operator_not_in_force"


async def test_a_key_belongs_to_one_person_for_ever(hall: Any) -> None:
    """Registered once, revoked or not, it cannot become somebody else's."""
    key = hall.people["chi"].public_key
    for details in ({"name": "binh", "roles": ["operator"], "keys": [key]}, {"name": "chi", "keys": [key]}):
        assert (await _refused(hall.say("chi", "operator-add", details=details))).code == "key_registered"


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"name": "có dấu", "roles": ["operator"], "keys": []}, "order_incomplete"),
        ({"name": "binh", "roles": ["king"], "keys": []}, "order_incomplete"),
        ({"name": "binh", "roles": ["operator"], "keys": ["-----BEGIN"]}, "key_unusable"),
        ({"name": "chi", "person": "another"}, "operator_exists"),
        ({"nick": "binh"}, "order_incomplete"),
        ({"name": "chi", "valid_to": "2027-01-01T00:00:00"}, "order_incomplete"),
        ({"name": "chi", "roles": ["viewer"]}, "last_admin"),
        ({"name": "chi", "valid_to": "2026-01-01T00:00:00Z"}, "last_admin"),
    ],
)
async def test_an_entry_that_is_not_whole_is_refused(hall: Any, details: dict[str, Any], code: str) -> None:
    """Each with its code; the register stays as it was."""
    assert (await _refused(hall.say("chi", "operator-add", details=details))).code == code
    assert len(await hall.desk.decisions.register()) == 1
    assert [row["in_force"] for row in (await hall.desk.register.shown())["operators"]] == [True]


async def test_a_moment_without_a_time_zone_is_refused(hall: Any) -> None:
    """It could be compared with no clock: one such entry would end every look at the register, for ever."""
    for field in ("valid_from", "valid_to"):
        stated = {field: "2027-01-01T00:00:00"}
        assert (await _refused(hall.add("binh", "operator", **stated))).code == "order_incomplete"
    assert list(await hall.desk.decisions.register()) == ["chi"]


async def test_the_last_admin_stays(hall: Any) -> None:
    """Otherwise nobody could ever add an operator again; with a second admin the first may go."""
    assert (await _refused(hall.say("chi", "operator-revoke", details={"name": "chi"}))).code == "last_admin"
    await hall.add("binh", "admin")
    assert (await hall.say("binh", "operator-add", details={"name": "chi", "roles": ["operator"]}))["done"]
    assert (await hall.say("binh", "operator-revoke", details={"name": "chi"}))["done"]
    assert (await _refused(hall.say("binh", "operator-revoke", details={"name": "binh"}))).code == "last_admin"
    assert (await _refused(hall.say("binh", "operator-revoke", details={"name": "ai"}))).code == "operator_unknown"


def test_the_table_of_roles_covers_every_command_that_decides() -> None:
    """What may be marked for a second key is what decides, and the configuration knows the same words."""
    from typing import get_args

    from gateway.config.model import DecisionWord

    assert set(get_args(DecisionWord)) == DECISIONS
