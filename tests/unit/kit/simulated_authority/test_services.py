"""The services of the simulated authority, asked over real sockets and judged by software that did not make the answers."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp as x509_ocsp
from yarl import URL

from connectors.kit.simulated_authority import keys, ocsp, stamps
from connectors.kit.simulated_authority.conduct import Conduct, CrlConduct, OcspConduct, StampConduct, WireConduct
from connectors.kit.simulated_authority.server import DESK, create_app
from connectors.kit.simulation import opened
from gateway.cli.demonstration.servers import free_ports
from tests import pki


class Services:
    """A running authority and a client's few calls."""

    def __init__(self, app: web.Application, base: str, session: aiohttp.ClientSession) -> None:
        self.app, self.base, self.session = app, base, session
        self.now = pki.NOW

    def behave(self, **conduct: object) -> None:
        self.app[DESK].conduct = Conduct(**conduct)  # type: ignore[arg-type]  # one of four switches, by name

    async def ask(self, name: str, nonce: bytes = b"") -> bytes:
        asked = ocsp.request((pki.authority().cert_id(name)[0],), nonce)
        issuer = pki.declaration().certificates[name].issuer
        return await self.post(f"/ocsp/{issuer}", asked)

    async def post(self, path: str, body: bytes) -> bytes:
        async with self.session.post(self.base + path, data=body) as answer:
            assert answer.status == 200
            return await answer.read()

    async def get(self, path: str) -> aiohttp.ClientResponse:
        return await self.session.get(URL(self.base + path, encoded=True), allow_redirects=False)


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    app = create_app(pki.authority(), lambda: made.now)
    async with opened(app) as door, aiohttp.ClientSession() as session:
        made = Services(app, f"http://127.0.0.1:{door.port}", session)
        yield made


async def _openssl(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "openssl", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


def _pem(folder: Path, *names: str) -> str:
    file = folder / f"{names[0]}.pem"
    encoded = [base64.encodebytes(pki.certificate(name)).decode() for name in names]
    file.write_text("".join(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n" for text in encoded))
    return str(file)


@pytest.mark.parametrize("name", ["official", "revoked-before", "duty-ca", "company"])
async def test_openssl_accepts_the_status_that_is_given_by_delegates_and_by_roots(
    services: Services, tmp_path: Path, name: str
) -> None:
    """openssl asks, checks signature, delegation and nonce, and reads what the declaration says."""
    issuer = pki.declaration().certificates[name].issuer
    domain = "public" if issuer.startswith("public") else "duty"
    code, said = await _openssl(
        "ocsp", "-issuer", _pem(tmp_path, issuer), "-cert", _pem(tmp_path, name), "-url", f"{services.base}/ocsp/{issuer}",
        "-CAfile", _pem(tmp_path, f"{domain}-root", f"{domain}-ca"), "-attime", str(int(pki.NOW.timestamp())),
        "-validity_period", "1000000000",
    )  # fmt: skip
    assert code == 0 and "Response verify OK" in said, said
    assert f"{name}.pem: {'revoked' if name == 'revoked-before' else 'good'}" in said


async def test_status_is_given_by_get_as_well(services: Services) -> None:
    """RFC 6960 A.1: the request in base64, escaped, is part of the path."""
    asked = base64.b64encode(ocsp.request((pki.authority().cert_id("citizen")[0],))).decode()
    escaped = asked.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    answer = await services.get(f"/ocsp/public-ca/{escaped}")
    read = x509_ocsp.load_der_ocsp_response(await answer.read())
    assert read.certificate_status is x509_ocsp.OCSPCertStatus.GOOD
    assert answer.content_type == "application/ocsp-response"


async def test_what_is_no_request_is_told_so(services: Services) -> None:
    """Random bytes do not end the service."""
    read = x509_ocsp.load_der_ocsp_response(await services.post("/ocsp/duty-ca", b"\x30\x84\xff\xff"))
    assert read.response_status is x509_ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert await services.post("/tsa/tsa-duty", b"\x30\x00") == stamps.refuse("badDataFormat")
    assert (await services.get("/ocsp/nobody/AAAA")).status == 404


async def test_time_that_passes_changes_what_is_said(services: Services) -> None:
    """Before its revocation a certificate is good; the day after it is not, by OCSP and by list."""
    for days, expected in ((0, x509_ocsp.OCSPCertStatus.GOOD), (6, x509_ocsp.OCSPCertStatus.REVOKED)):
        services.now = pki.NOW + timedelta(days=days)
        read = x509_ocsp.load_der_ocsp_response(await services.ask("revoked-after"))
        assert read.certificate_status is expected
        listed = x509.load_der_x509_crl(await (await services.get("/crl/duty-ca.crl")).read())
        serial = int(pki.declaration().certificates["revoked-after"].serial, 0)
        assert (listed.get_revoked_certificate_by_serial_number(serial) is not None) == (days > 0)


@pytest.mark.parametrize("issuer", ["duty-root", "duty-ca", "duty-ca-2", "public-ca"])
async def test_lists_carry_the_issuers_own_signature(services: Services, issuer: str) -> None:
    """Judged by `cryptography`; a forged one is not accepted."""
    read = x509.load_der_x509_crl(await (await services.get(f"/crl/{issuer}.crl")).read())
    assert read.is_signature_valid(pki.key(issuer).public_key())
    services.behave(crl=CrlConduct(forge=True))
    read = x509.load_der_x509_crl(await (await services.get(f"/crl/{issuer}.crl")).read())
    assert not read.is_signature_valid(pki.key(issuer).public_key())


@pytest.mark.parametrize("stamper", ["tsa-duty", "tsa-public"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
async def test_openssl_accepts_the_stamps(services: Services, tmp_path: Path, stamper: str, digest: str) -> None:
    """openssl makes the request, and verifies imprint, nonce, ESSCertIDv2, usage and chain of the answer."""
    request, answer, content = tmp_path / "q", tmp_path / "a", tmp_path / "content"
    content.write_bytes("Quyết định".encode())
    await _openssl("ts", "-query", "-data", str(content), f"-{digest}", "-cert", "-out", str(request))
    answer.write_bytes(await services.post(f"/tsa/{stamper}", request.read_bytes()))
    domain = stamper.removeprefix("tsa-")
    words = (
        "ts",
        "-verify",
        "-queryfile",
        str(request),
        "-in",
        str(answer),
        "-CAfile",
        _pem(tmp_path, f"{domain}-root"),
    )
    moment = ("-attime", str(int(pki.NOW.timestamp())))
    code, said = await _openssl(*words, *moment)
    assert code == 0 and "Verification: OK" in said, said
    content.write_bytes("Quyết định khác".encode())
    await _openssl("ts", "-query", "-data", str(content), f"-{digest}", "-cert", "-out", str(request))
    code, said = await _openssl(*words, *moment)
    assert code != 0 and "Verification: FAILED" in said


@pytest.mark.parametrize(
    ("conduct", "complaint"),
    [
        (StampConduct(other_imprint=True), "message imprint mismatch"),
        (StampConduct(nonce="other"), "nonce mismatch"),
        (StampConduct(nonce="ignore"), "nonce not returned"),
        (StampConduct(forge=True), "signature"),
        (StampConduct(signer="official"), "certificate verify error"),
        (StampConduct(signer="tsa-public"), "certificate verify error"),
        (StampConduct(bound_to="official"), "ess cert id not found"),
        (StampConduct(refusal="timeNotAvailable"), "failure codes: timenotavailable"),
    ],
    ids=lambda value: "" if isinstance(value, StampConduct) else value,
)
async def test_openssl_refuses_a_stamp_for_exactly_the_defect_that_was_ordered(
    services: Services, tmp_path: Path, conduct: StampConduct, complaint: str
) -> None:
    """A misbehaviour that nobody notices would test nothing."""
    services.behave(stamp=conduct)
    request, answer, content = tmp_path / "q", tmp_path / "a", tmp_path / "content"
    content.write_bytes(b"x")
    await _openssl("ts", "-query", "-data", str(content), "-sha256", "-cert", "-out", str(request))
    answer.write_bytes(await services.post("/tsa/tsa-duty", request.read_bytes()))
    code, said = await _openssl(
        "ts", "-verify", "-queryfile", str(request), "-in", str(answer), "-CAfile", _pem(tmp_path, "duty-root"),
        "-attime", str(int(pki.NOW.timestamp())),
    )  # fmt: skip
    assert code != 0 and complaint in said.lower(), said


async def test_stamps_are_refused_in_words_of_the_protocol(services: Services) -> None:
    """MD5, an imprint of the wrong length and a policy of somebody else's (RFC 3161 2.4.2)."""
    imprint = keys.digest("md5", b"x")
    assert await services.post("/tsa/tsa-duty", stamps.request(imprint, "md5")) == stamps.refuse("badAlg")
    assert await services.post("/tsa/tsa-duty", stamps.request(imprint)) == stamps.refuse("badDataFormat")


async def test_each_misconduct_of_status_shows_in_the_answer(services: Services) -> None:
    """Refusals, another certificate, no nonce, another signer, an old answer."""
    services.behave(ocsp=OcspConduct(refusal="tryLater"))
    read = x509_ocsp.load_der_ocsp_response(await services.ask("official"))
    assert read.response_status is x509_ocsp.OCSPResponseStatus.TRY_LATER
    services.behave(ocsp=OcspConduct(status="unknown"))
    read = x509_ocsp.load_der_ocsp_response(await services.ask("official"))
    assert read.certificate_status is x509_ocsp.OCSPCertStatus.UNKNOWN
    services.behave(ocsp=OcspConduct(about="agency", nonce="ignore", age_s=172_800))
    read = x509_ocsp.load_der_ocsp_response(await services.ask("official", nonce=b"0123456789abcdef"))
    assert read.serial_number == int(pki.declaration().certificates["agency"].serial, 0)
    assert not list(read.extensions) and read.this_update_utc == pki.NOW - timedelta(days=2)
    services.behave(ocsp=OcspConduct(signer="official", by_key=True))
    read = x509_ocsp.load_der_ocsp_response(await services.ask("agency", nonce=b"0123456789abcdef"))
    assert [one.subject for one in read.certificates] == [
        x509.load_der_x509_certificate(pki.certificate("official")).subject
    ]
    nonce = read.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    assert nonce == b"0123456789abcdef"


async def test_lists_can_be_limited_or_built_upon(services: Services) -> None:
    """IDP and delta are critical extensions; what they say is read back by `cryptography`."""
    services.behave(crl=CrlConduct(only=("users", "keyCompromise", "aACompromise"), base=7, life_s=None))
    read = x509.load_der_x509_crl(await (await services.get("/crl/duty-ca.crl")).read())
    scope = read.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert scope.critical and scope.value.only_contains_user_certs
    assert scope.value.only_some_reasons == frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise})
    assert read.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == 7
    assert read.next_update_utc is None
    services.behave(crl=CrlConduct(indirect=True, signer="duty-root"))
    read = x509.load_der_x509_crl(await (await services.get("/crl/duty-ca.crl")).read())
    assert read.issuer == x509.load_der_x509_certificate(pki.certificate("duty-root")).subject
    entry = next(iter(read))
    assert entry.extensions.get_extension_for_class(x509.CertificateIssuer).critical


async def test_the_wire_misbehaves_on_demand(services: Services) -> None:
    """A redirect, a flood, an answer that drips: what a fetcher of ours has to survive."""
    services.behave(wire=WireConduct(redirect="http://169.254.169.254/latest"))
    answer = await services.get("/crl/duty-ca.crl")
    assert (answer.status, answer.headers["Location"]) == (302, "http://169.254.169.254/latest")
    services.behave(wire=WireConduct(flood_bytes=3_000_000))
    answer = await services.get("/crl/duty-ca.crl")
    assert len(await answer.read()) == 3_000_000 and answer.content_length is None
    services.behave(wire=WireConduct(drip_s=3600.0))
    answer = await services.get("/crl/duty-ca.crl")
    assert await answer.content.read(1) == b"\x30"
    answer.close()


async def test_conduct_and_faults_are_ordered_over_the_control_plane(services: Services) -> None:
    """A demonstration runs the authority in another process."""
    put = services.session.put
    assert (await put(f"{services.base}/_simulator/conduct", json={"ocsp": {"refusal": "tryLater"}})).status == 200
    assert await services.ask("official") == ocsp.refuse("tryLater")
    assert (await put(f"{services.base}/_simulator/conduct", json={"oscp": {}})).status == 422
    plan = {"script": [{"match": "crl", "fault": "http_503"}]}
    assert (await put(f"{services.base}/_simulator/faults", json=plan)).status == 200
    assert (await services.get("/crl/duty-ca.crl")).status == 503
    assert (await services.get("/crl/duty-ca.crl")).status == 200
    calls = await (await services.get("/_simulator/calls")).json()
    assert [call["operation"] for call in calls["calls"]] == ["ocsp", "crl", "crl"]


def test_addresses_move_to_where_the_services_really_are() -> None:
    """A demonstration listens on a port that nobody knew when the declaration was written."""
    moved = pki.declaration().at("http://127.0.0.1:9")
    assert moved.certificates["official"].ocsp == "http://127.0.0.1:9/ocsp/duty-ca"
    assert moved.certificates["duty-root"].crl == ""
    read = x509.load_der_x509_crl(pki.crl("duty-ca"))
    assert isinstance(read.signature_hash_algorithm, hashes.SHA256)


async def test_the_services_run_as_a_process_of_their_own(tmp_path: Path) -> None:
    """As a demonstration starts them: keys made where missing, certificates written with the real addresses, ended by SIGTERM."""
    declaration = tmp_path / "declaration.toml"
    declaration.write_text(
        "now = 2026-11-20T03:00:00Z\n[keys]\nroot = 'p256'\nperson = 'p256'\n"
        "[certificates.root]\nsubject = [['CN', 'Gốc']]\nserial = '1'\nissuer = 'root'\nca = true\n"
        "from = 2026-01-01T00:00:00Z\nuntil = 2056-01-01T00:00:00Z\n"
        "[certificates.person]\nlike = 'root'\nsubject = [['CN', 'Người ký']]\nserial = '2'\nca = false\n"
        "crl = 'http://nowhere.example/crl/root.crl'\n",
        encoding="utf-8",
    )
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.kit.simulated_authority", str(declaration), str(tmp_path / "pki"), str(port)
    )
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            answer = await _patiently(session, f"http://127.0.0.1:{port}/crl/root.crl")
        listed = x509.load_der_x509_crl(answer)
        root = keys.from_pem((tmp_path / "pki" / "root.key.pem").read_bytes())
        assert listed.is_signature_valid(root.public_key())
        person = x509.load_der_x509_certificate((tmp_path / "pki" / "person.cer").read_bytes())
        [point] = person.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert point.full_name is not None
        assert point.full_name[0].value == f"http://127.0.0.1:{port}/crl/root.crl"
        assert (tmp_path / "pki" / "root.key.pem").stat().st_mode & 0o77 == 0
    finally:
        process.terminate()
        assert await process.wait() == 0


async def _patiently(session: aiohttp.ClientSession, address: str) -> bytes:
    while True:
        try:
            async with session.get(address) as answer:
                return await answer.read()
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
