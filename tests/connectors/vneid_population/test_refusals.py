"""What comes instead of an answer, and in which family it ends; hostile answers end in an error and say nothing."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

import pytest

from connectors.kit.contract import Budget
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CannotMap,
    ConsentMissing,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from tests.connectors.vneid_population.conftest import (
    HEADER_SIGNED,
    NAME,
    NUMBER,
    Asking,
    Reply,
    ScriptedDatabase,
    example,
    fault,
    question,
    soap,
    xml,
)

FOUND = example("tracuu-response.xml").decode()
REST = {"kind": "xroad_rest", "client": {"instance": "VN", "member_class": "GOV", "member_code": "G00.01"}}
JSON = {"Content-Type": "application/json"}


async def refused(asking: Asking, route: dict[str, Any] | None = None, **more: Any) -> DeliveryError:
    """The error of a question; nothing of the person may be in it, whoever looks at it."""
    population = asking(HEADER_SIGNED if route is None else route, **more)
    with pytest.raises(DeliveryError) as caught:
        await population.ask(question())
    error = caught.value
    told = "".join(traceback.format_exception(error)) + repr(error) + error.message_vi + repr(error.exchange)
    assert not any(text in told for text in (NUMBER, NAME, "NGUYỄN VĂN THỬ", "NGUYENVANTHU", "s3cr3t"))
    return error


def detail(code: str, words: str = "") -> str:
    """A fault detail as the database writes it."""
    return f'<d:Loi xmlns:d="http://dancuquocgia.bca"><d:MaLoi>{code}</d:MaLoi><d:MoTa>{words}</d:MoTa></d:Loi>'


@pytest.mark.parametrize(
    ("answer", "family", "code"),
    [
        (xml(example("fault-business.xml"), 500), ConsentMissing, "004"),
        (fault("s:Client", "x", detail("005")), Rejected, "005"),
        (fault("s:Client", "x", detail("099", "chưa ai mô tả")), Rejected, "099"),
        (fault("s:Server", "x", detail("099", "chưa ai mô tả")), UpstreamFault, "099"),
        (fault("s:Server", "x", detail("010", "Vượt quá số lượt tra cứu")), Busy, "010"),
        (xml(example("fault-xroad.xml"), 500), NotSent, "Server.ClientProxy.NetworkError"),
        (fault("Server.ClientProxy.IoError"), UpstreamFault, "Server.ClientProxy.IoError"),
        (fault("Server.ServerProxy.AccessDenied"), ConsentMissing, "Server.ServerProxy.AccessDenied"),
        (fault("Server.ServerProxy.ServiceFailed"), UpstreamFault, "Server.ServerProxy.ServiceFailed"),
        (fault("Client"), Rejected, "Client"),
        (fault("Khac"), UpstreamFault, "Khac"),
        (fault("Server", status=200), UpstreamFault, "Server"),
        (fault("Client", status=401), CredentialsRefused, "401"),
        ((401, b"", {}), CredentialsRefused, "401"),
        ((403, b"<html>", {}), CredentialsRefused, "403"),
        ((404, b"", {}), ContractChanged, "404"),
        ((302, b"", {"Location": "/login"}), ContractChanged, "302"),
        ((502, b"<html>Bad Gateway</html>", {}), UpstreamFault, "502"),
        ((500, b"", {}), UpstreamFault, "500"),
        ((415, b"", {}), Rejected, "415"),
        (xml(FOUND.encode(), 500), UpstreamFault, "500"),
        (
            soap(
                "<r:TraCuuThongTinCongDanResponse xmlns:r='x'><fault><faultCode>004</faultCode>"
                "<faultString>x</faultString></fault></r:TraCuuThongTinCongDanResponse>"
            ),
            ConsentMissing,
            "004",
        ),
    ],
)
async def test_each_refusal_ends_in_its_family_under_its_code(
    database: ScriptedDatabase, asking: Asking, answer: Reply, family: type[DeliveryError], code: str
) -> None:
    """Facts 2.7, row by row; the code that the upstream named first is kept for the trail."""
    database.script = lambda _: answer
    error = await refused(asking)
    assert type(error) is family and error.exchange.upstream_code == code


async def test_a_quota_says_when_to_ask_again(database: ScriptedDatabase, asking: Asking) -> None:
    """HTTP 429 with Retry-After: busy, and for how long."""
    database.script = lambda _: (429, b"", {"Retry-After": "30"})
    error = await refused(asking)
    assert type(error) is Busy and error.retry_after_s == 30.0


@pytest.mark.parametrize(
    ("status", "kind", "family"),
    [
        (500, "Server.ClientProxy.NetworkError", NotSent),
        (400, "Client.BadRequest", Rejected),
        (500, "Khac", UpstreamFault),
    ],
)
async def test_a_security_server_over_rest_speaks_json(
    database: ScriptedDatabase, asking: Asking, status: int, kind: str, family: type[DeliveryError]
) -> None:
    """X-Road-Error and a JSON of its type (facts 2.7, 2.9); its words speak of machines and may be shown."""
    body = f'{{"type":"{kind}","message":"Could not connect to any target host","detail":"0"}}'.encode()
    database.script = lambda _: (status, body, {"X-Road-Error": kind, **JSON})
    error = await refused(asking, REST)
    assert type(error) is family
    assert ("Could not connect" in error.message_vi) == ("Proxy" in kind)


async def test_a_code_of_the_configuration_goes_before_the_table(database: ScriptedDatabase, asking: Asking) -> None:
    """Facts 7, item 15: no official list exists, so what is learnt is written down."""
    database.script = lambda _: fault("s:Client", "x", detail("010"))
    assert type(await refused(asking, error_map={"010": "busy"})) is Busy


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ('{"error_code":"004","message":"Chưa cấp phép"}', ConsentMissing),
        ('{"error_code":"005","message":""}', Rejected),
        ('{"error_code":"77","message":"Lỗi không rõ"}', UpstreamFault),
        ('{"error_code":"0","message":"Hệ thống bận"}', UpstreamFault),
        ('{"error_code":"0"}', AnswerUnreadable),
        ('{"error_code":"0","message":"<a/>"}', AnswerUnreadable),
        ('["x"]', AnswerUnreadable),
        ("<html>", AnswerUnreadable),
        ('{"error_code":"0","mess', AnswerUnreadable),
    ],
)
async def test_what_a_facade_says_for_itself(
    database: ScriptedDatabase, asking: Asking, body: str, family: type[DeliveryError]
) -> None:
    """Route D: error_code other than zero, or a message that is no XML, is the LGSP's own word."""
    database.script = lambda _: (200, body.encode(), JSON)
    route = {"kind": "lgsp_json"}
    error = await refused(asking, route, operations=["look_up"], paths={"look_up": "/api"})
    assert type(error) is family


def wrapped(inner: str) -> bytes:
    """The found person behind something else."""
    return FOUND.replace("<ns1:CongdanCollection", inner + "<ns1:CongdanCollection", 1).encode()


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
XXE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
HOSTILE = {
    "external entity": FOUND.replace('<?xml version="1.0" encoding="UTF-8"?>', XXE).replace("THỬ", "&a;").encode(),
    "entity bomb": FOUND.replace('<?xml version="1.0" encoding="UTF-8"?>', BOMB).replace("THỬ", "&b;").encode(),
    "two children of the body": wrapped('<x:Truoc xmlns:x="y"/>'),
    "body in a body": FOUND.replace("<soapenv:Body", "<soapenv:Body><soapenv:Body", 1)
    .replace("</soapenv:Body>", "</soapenv:Body></soapenv:Body>", 1)
    .encode(),
    "answer in the header": FOUND.replace("<soapenv:Header", "<soapenv:Body/><soapenv:Header", 1).encode(),
    "truncated": FOUND.encode()[: len(FOUND) // 2],
    "html page": b"<!DOCTYPE html><html><body>Bad Gateway</body></html>",
    "empty": b"",
    "no xml": b"OK",
    "another answer": soap('<KetQuaXacThuc xmlns="http://dancuquocgia.bca"><TonTai>true</TonTai></KetQuaXacThuc>')[1],
    "no soap": b"<CongdanCollection/>",
    "somebody else": FOUND.replace(NUMBER, "001192000000").encode(),
    "two of the same": FOUND.replace("<ns1:GioiTinh>1</ns1:GioiTinh>", "<ns1:GioiTinh>1</ns1:GioiTinh>" * 2).encode(),
    "ten megabytes of text": FOUND.replace("THỬ", "A" * 10_000_000).encode(),
    "utf-16": FOUND.encode("utf-16"),
    "deep": soap("<a>" * 5_000 + "</a>" * 5_000)[1],
}


ERRORS_IN_PLACE_OF_NOBODY = {
    "an error of a stub": "<MaLoi>500</MaLoi><MoTa>Lỗi hệ thống</MoTa>",
    "a fault without X-Road's words": "<fault><faultcode>Server</faultcode><faultstring>x</faultstring></fault>",
    "an error as a record": "<CongDan><MaLoi>500</MaLoi></CongDan>",
    "an error beside an empty record": "<CongDan/><error>timeout</error>",
    "another spelling of records": "<congDan><SoDinhDanh>001090000000</SoDinhDanh></congDan>",
}
ATTRIBUTES_IN_PLACE_OF_NOBODY = {
    "a count of people who are not there": 'SoCongDan="1"></C>',
    "words beside an attribute": 'id="1">Lỗi hệ thống</C>',
}


@pytest.mark.parametrize("defect", [*ERRORS_IN_PLACE_OF_NOBODY, *ATTRIBUTES_IN_PLACE_OF_NOBODY])
async def test_an_error_in_a_collection_never_means_that_nobody_was_found(
    database: ScriptedDatabase, asking: Asking, defect: str
) -> None:
    """ "Not found" is said to a citizen's face; only an empty collection says it."""
    if defect in ERRORS_IN_PLACE_OF_NOBODY:
        inner = f"<C>{ERRORS_IN_PLACE_OF_NOBODY[defect]}</C>"
    else:
        inner = f"<C {ATTRIBUTES_IN_PLACE_OF_NOBODY[defect]}"
    named = inner.replace("<C>", '<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0">')
    named = named.replace("<C ", '<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0" ')
    database.script = lambda _: soap(named.replace("</C>", "</CongdanCollection>"))
    assert type(await refused(asking)) is AnswerUnreadable


@pytest.mark.parametrize("verdict", ["true", "false"])
@pytest.mark.parametrize(
    ("beside", "readable"),
    [
        ("<MaLoi>500</MaLoi>", False),
        ("<error><code>7</code></error>", False),
        ("<Loi>Hết giờ</Loi>", False),
        ("<MaLoi>0</MaLoi>", True),
        ("<Loi/>", True),
        ("<MaYeuCau>019b7a10</MaYeuCau>", True),
    ],
)
async def test_a_yes_or_no_beside_an_error_is_neither(
    database: ScriptedDatabase, asking: Asking, verdict: str, beside: str, readable: bool
) -> None:
    """A failed verification must not come out as "the data do not agree", nor as a proof."""
    inner = f"<TonTai>{verdict}</TonTai>{beside}"
    database.script = lambda _: soap(f'<KetQuaXacThuc xmlns="http://dancuquocgia.bca">{inner}</KetQuaXacThuc>')
    if readable:
        assert (await asking().ask(question("verify"))).found is (verdict == "true")
        return
    with pytest.raises(AnswerUnreadable):
        await asking().ask(question("verify"))


@pytest.mark.parametrize("said", ["", "<CongDan/>", "<CongDan><HoVaTen><Ten> </Ten></HoVaTen></CongDan>"])
@pytest.mark.parametrize("count", ["", ' SoCongDan="0"'])
async def test_an_empty_collection_means_that_nobody_was_found(
    database: ScriptedDatabase, asking: Asking, said: str, count: str
) -> None:
    """Facts 2.6, "Not found": nothing in it, or a record without a name."""
    ours = f'<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0"{count}>{said}</CongdanCollection>'
    database.script = lambda _: soap(ours)
    assert (await asking().ask(question())).found is False


@pytest.mark.parametrize("defect", HOSTILE)
async def test_a_hostile_answer_is_unreadable_and_nothing_of_it_is_told(
    database: ScriptedDatabase, asking: Asking, caplog: pytest.LogCaptureFixture, defect: str
) -> None:
    """Each defect by its name: an error in bounded time, no data, no word of it in error, evidence or log."""
    caplog.set_level(logging.DEBUG)
    database.script = lambda _: xml(HOSTILE[defect])
    began = time.monotonic()
    error = await refused(asking)
    assert type(error) is AnswerUnreadable
    assert time.monotonic() - began < 10.0
    assert NUMBER not in caplog.text and "NGUYỄN" not in caplog.text and "root:" not in caplog.text
    assert len(error.exchange.response) < 200


async def test_evidence_is_length_and_digest_alone(database: ScriptedDatabase, asking: Asking) -> None:
    """Facts 5: SOAP bodies are never kept, neither the question nor the answer."""
    answer = await asking().ask(question())
    kept = answer.exchange.request + answer.exchange.response
    assert b"sha256:" in answer.exchange.request and b"sha256:" in answer.exchange.response
    assert NUMBER.encode() not in kept and b"NGUYEN" not in kept
    assert NUMBER not in repr(answer) and "NGUYỄN" not in repr(answer)


async def test_what_a_database_says_in_words_is_never_shown(database: ScriptedDatabase, asking: Asking) -> None:
    """A faultstring may name somebody whom no question named, so the words of the database stay unsaid."""
    database.script = lambda _: fault("s:Client", "Không khớp với Lê Thị Lạ", detail("077", "Lê Thị Lạ"))
    error = await refused(asking)
    assert "Lê Thị Lạ" not in error.message_vi and "077" in error.message_vi


@pytest.mark.parametrize(
    "said",
    [
        fault("Server.ServerProxy.ServiceFailed", "Service failed", detail("077", "Không khớp với Lê Thị Lạ")),
        fault("Server.ServerProxy.ServiceFailed", "Service failed", "<MoTa>Không khớp với Lê Thị Lạ</MoTa>"),
        fault("Server.ClientProxy.NetworkError", f"Could not send {NAME}, NGUYENVANTHU"),
        fault("Không khớp với Lê Thị Lạ", "x"),
        fault("s:Client", "x", detail("Lê Thị Lạ")),
    ],
    ids=["behind a proxy", "behind a proxy, without a code", "by a proxy", "as a fault code", "as a code of its own"],
)
async def test_what_a_proxy_or_a_code_says_of_people_is_never_shown(
    database: ScriptedDatabase, asking: Asking, said: Reply
) -> None:
    """A security server hands on what a database says; only its own words may be quoted, without the person asked about."""
    database.script = lambda _: said
    error = await refused(asking)
    assert "Lạ" not in error.message_vi + error.exchange.upstream_code
    assert error.exchange.upstream_code


@pytest.mark.parametrize("schema", ["tolerant", "strict"])
async def test_an_answer_that_fits_no_published_schema(
    database: ScriptedDatabase, asking: Asking, caplog: pytest.LogCaptureFixture, schema: str
) -> None:
    """Members that stand in no schema: read and told once, or refused; their names are a stranger's text and stay unsaid."""
    strange = FOUND.replace("</ns1:CongDan>", "<ns1:Le_Thi_La>1</ns1:Le_Thi_La></ns1:CongDan>")
    database.script = lambda _: xml(strange.encode())
    if schema == "strict":
        error = await refused(asking, answer_schema="strict")
        assert type(error) is AnswerUnreadable and "Le_Thi_La" not in str(error) and "CongDan" in str(error)
        return
    population = asking()
    for _ in range(2):
        assert (await population.ask(question())).found
    told = [record for record in caplog.records if record.name == "connectors.vneid.population"]
    assert len(told) == 1 and "Le_Thi_La" not in told[0].getMessage()


@pytest.mark.parametrize("document", ["tracuu-response.xml", "tracuu-response-empty.xml"])
async def test_published_shapes_pass_the_strict_check(
    database: ScriptedDatabase, asking: Asking, document: str
) -> None:
    """Observed answers, in strict mode."""
    database.script = lambda _: xml(example(document))
    answer = await asking(answer_schema="strict").ask(question())
    assert answer.found == (document == "tracuu-response.xml")


async def test_the_shape_of_qcvn_109_passes_the_strict_check(database: ScriptedDatabase, asking: Asking) -> None:
    """The WSDL knows one shape only; the other one has a schema of its own."""
    raw = example("qcvn109-document.xml").decode()
    database.script = lambda _: soap(raw[raw.index("<dc:") :])
    answer = await asking(answer_schema="strict").ask(question())
    assert answer.fields["full_name"] == "Nguyễn Văn Thử" and answer.fields["birth"] == "1990"
    assert answer.as_of == "2026-01-01T00:00:00"


async def test_an_operation_that_is_off_is_not_asked(database: ScriptedDatabase, asking: Asking) -> None:
    """Two operations are on by default (facts 2.3, rule)."""
    with pytest.raises(CannotMap) as caught:
        await asking().ask(question("relatives"))
    assert [finding.code for finding in caught.value.findings] == ["operation_off"]
    assert database.calls == []


async def test_a_question_without_a_purpose_is_not_asked(database: ScriptedDatabase, asking: Asking) -> None:
    """The wire has no field for it; the law wants one all the same."""
    with pytest.raises(CannotMap) as caught:
        await asking().ask(question(purpose=" "))
    assert [finding.pointer for finding in caught.value.findings] == ["/purpose"]
    assert database.calls == []


async def test_a_question_that_is_too_late_is_not_sent(database: ScriptedDatabase, asking: Asking) -> None:
    """Past its instant not one byte leaves."""
    with pytest.raises(NotSent):
        await asking().ask(question(budget=Budget(time.monotonic() - 1.0, 5.0)))
    assert database.calls == []


async def test_a_dead_connection_leaves_no_body_as_evidence(asking: Asking, database: ScriptedDatabase) -> None:
    """The request of a call that got no answer is kept as its digest, too."""
    database.script = lambda _: (200, b"x", {"Content-Encoding": "gzip"})
    error = await refused(asking)
    assert NUMBER.encode() not in error.exchange.request and b"sha256:" in error.exchange.request
    assert not isinstance(error, NoAnswer)


@pytest.mark.parametrize(("status", "ready"), [(405, True), (500, True), (401, True), (502, False), (504, False)])
async def test_a_probe_looks_whether_somebody_answers_and_asks_about_nobody(
    database: ScriptedDatabase, asking: Asking, status: int, ready: bool
) -> None:
    """A SOAP endpoint refuses a GET in its own way; a proxy without one behind it says 502 to 504."""
    database.script = lambda _: (status, b"", {})
    health = await asking().check()
    assert health.ready is ready
    (call,) = database.calls
    assert (call.method, call.body) == ("GET", b"")
