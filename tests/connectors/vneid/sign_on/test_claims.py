"""Claims in every JSON type that was seen become one account; what was missing is said."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from connectors.vneid.profiles._claims.accounts import Login, Rules
from connectors.vneid.profiles._claims.names import ClaimNames
from connectors.vneid.profiles._claims.reading import Claims, ClaimsRefused
from connectors.vneid.profiles.cdvcqg import mapping as cdvcqg
from connectors.vneid.profiles.cdvcqg import messages as cdvcqg_messages
from connectors.vneid.profiles.vneid import mapping as vneid
from connectors.vneid.profiles.vneid import messages as vneid_messages
from mappings.codes import IdentityType
from mappings.identity import Account, AccountKind
from mappings.partial_date import PartialDate

NUMBER, CMND, TAX = "001090000000", "010000000", "0100109106"
PORTAL = Rules("cdvcqg", cdvcqg_messages.CLAIM_SET, {"LoA1": 1, "LoA2": 2})
DIRECT = Rules("vneid", vneid_messages.CLAIM_SET)


def portal(**claims: Any) -> Account:
    """An account of the portal; the claims that every test needs are there."""
    tree = {"TechID": "T-000000", "LoaiTaiKhoan": "1", **claims}
    return cdvcqg.to_account(Claims(tree), Login(), PORTAL)


@pytest.mark.parametrize(
    ("said", "kind"),
    [("1", "person"), (1, "person"), (1.0, "person"), (["1"], "person"), (" 2 ", "organisation"), (2, "organisation")],
)
def test_the_kind_of_account_comes_as_text_or_as_number(said: object, kind: str) -> None:
    """One client saw text, another numbers (identity facts 1.4)."""
    assert portal(LoaiTaiKhoan=said).kind == kind


def test_a_kind_that_nobody_knows_is_refused_and_none_is_inferred_from_the_numbers() -> None:
    """A guess would let an organisation act as a person."""
    for said in ("3", "cá nhân", 0):
        with pytest.raises(ClaimsRefused, match="account_kind_unknown"):
            portal(LoaiTaiKhoan=said)
    assert portal(LoaiTaiKhoan=None, MaSoThue=TAX).kind is AccountKind.ORGANISATION
    assert portal(LoaiTaiKhoan=None, SoDinhDanh=NUMBER, MaSoThue=TAX).kind is AccountKind.PERSON
    assert "LoaiTaiKhoan" in portal(LoaiTaiKhoan="").missing


@pytest.mark.parametrize(
    ("claims", "id_type", "number"),
    [
        ({"SoDinhDanh": NUMBER, "SoCMND": CMND}, IdentityType.CCCD, NUMBER),
        ({"SoDinhDanh": "", "SoCMND": CMND}, IdentityType.CMND, CMND),
        ({"SoDinhDanh": None, "SoCMND": NUMBER}, IdentityType.CCCD, NUMBER),
        ({"SoDinhDanh": 1090000000}, IdentityType.CCCD, NUMBER),
        ({"SoDinhDanh": [1090000000]}, IdentityType.CCCD, NUMBER),
        ({"SoCMND": 10000000}, IdentityType.CMND, CMND),
        ({"SoDinhDanh": "001 090 000 000"}, IdentityType.CCCD, NUMBER),
        ({"SoDinhDanh": f"{NUMBER},{NUMBER}"}, IdentityType.CCCD, NUMBER),
        ({"SoDinhDanh": "12345"}, IdentityType.NONE, ""),
        ({"SoDinhDanh": "٠٠١٠٩٠٠٠٠٠٠٠"}, IdentityType.NONE, ""),
        ({"HoChieu": "c0000000"}, IdentityType.PASSPORT, "C0000000"),
        ({"SoDinhDanh": True, "SoCMND": {}}, IdentityType.NONE, ""),
    ],
)
def test_the_persons_own_number_comes_first_and_keeps_its_zeros(
    claims: dict[str, Any], id_type: IdentityType, number: str
) -> None:
    """Seen clients prefer the old card; we do not (facts 1.4). A number typed as one gets its zeros back (facts 3.2)."""
    account = portal(**claims)
    assert (account.id_type, account.id_number) == (id_type, number)


def test_two_different_numbers_or_keys_are_refused() -> None:
    """Choosing one would be guessing whom."""
    for claims in (
        {"SoDinhDanh": f"{NUMBER},002090000000"},
        {"TechID": ["T-000000", "T-000001"]},
        {"HoVaTen": ["Nguyễn Một", "Nguyễn Hai"]},
        {"LoaiTaiKhoan": "1,2"},
    ):
        with pytest.raises(ClaimsRefused, match="claims_ambiguous"):
            portal(**claims)


@pytest.mark.parametrize(
    ("said", "birth"),
    [
        ("19900203", PartialDate(1990, 2, 3)),
        (19900203, PartialDate(1990, 2, 3)),
        ("1990-02-03", PartialDate(1990, 2, 3)),
        ("1990-02-03T00:00:00.000+07:00", PartialDate(1990, 2, 3)),
        ("1990", PartialDate(1990)),
        (1990, PartialDate(1990)),
        ("1990-02", PartialDate(1990, 2)),
        ("19900000", PartialDate(1990)),
        ("1990-02-00", PartialDate(1990, 2)),
        ("19900231", None),
        ("03/02/1990", None),
        ("0000-02-03", None),
        ("không rõ", None),
        ("", None),
    ],
)
def test_a_birth_is_read_as_far_as_it_is_known_and_never_filled_up(said: object, birth: PartialDate | None) -> None:
    """Forms of identity facts 3.3; what cannot be read is missing, not invented."""
    account = portal(NgayThangNamSinh=said)
    assert account.birth == birth
    assert ("NgayThangNamSinh" in account.missing) is (birth is None)


def test_joined_values_and_json_in_texts_are_taken_apart() -> None:
    """WSO2 joins several values by a separator that is configured (identity facts 1.5)."""
    assert portal(ThuDienTu="a@example.vn,b@example.vn").email == "a@example.vn"
    assert portal(SoDienThoai=["0900000000", "0900000001"]).phone == "0900000000"
    other = Claims({"TechID": "T-000000", "ThuDienTu": "a@example.vn,,,b@example.vn"}, ",,,")
    assert cdvcqg.to_account(other, Login(), PORTAL).email == "a@example.vn"
    organisation = portal(LoaiTaiKhoan=2, MaSoThue=TAX, DiaChi='{"ChiTiet": "Số 1", "MaTinh": ["Hà Nội"]}').organisation
    assert organisation is not None
    assert organisation.address == "Số 1, Hà Nội"


def test_an_organisation_is_known_by_its_tax_code_first() -> None:
    """Identity facts 1.4 and 4; what is written between the digits means nothing."""
    account = portal(LoaiTaiKhoan="2", MaSoThue="0100109106-001", MaSoDoanhNghiep=TAX, TenDoanhNghiep="Công ty Ví Dụ")
    assert (account.kind, account.id_type) == (AccountKind.ORGANISATION, IdentityType.TAX_CODE)
    assert account.id_number == "0100109106001"
    assert account.organisation is not None
    assert (account.organisation.name, account.organisation.enterprise_code) == ("Công ty Ví Dụ", TAX)
    by_enterprise = portal(LoaiTaiKhoan="2", MaSoThue="", MaSoDoanhNghiep=TAX)
    assert (by_enterprise.id_type, by_enterprise.id_number) == (IdentityType.ORG_CODE, TAX)
    assert "MaSoThue" in by_enterprise.missing
    assert portal(LoaiTaiKhoan="2").id_type is IdentityType.NONE


def test_the_account_level_is_ial_as_text_or_number_and_the_lowest_where_nobody_said_it() -> None:
    """VNeID says `IAL`; of `loAs` only the configuration knows what it means (facts 1.8, 7 row 4)."""
    for said, ial in ((2, 2), ("2", 2), (2.0, 2), ("hai", 0), (None, 0), (-1, 0), (True, 0)):
        account = vneid.to_account(Claims({"TechID": "T-000000", "LoaiTaiKhoan": 1, "IAL": said}), Login(), DIRECT)
        assert account.assurance.ial == ial
        assert ("IAL" in account.missing) is (said not in (2, "2", 2.0))
    assert portal(loAs="LoA2").assurance.ial == 2
    assert portal(loAs="LoA2,LoA1").assurance.ial == 2
    assert portal(loAs='{"level": 2}').assurance.ial == 0


def test_what_was_missing_is_named_as_the_provider_spells_it() -> None:
    """A missing claim means "not configured" there: it is reported, and nothing breaks (facts 1.5)."""
    account = portal(SoDinhDanh=NUMBER, HoVaTen="Nguyễn Thử", ThuDienTu="null")
    assert account.missing == ("NgayThangNamSinh", "ThuDienTu", "SoDienThoai", "loAs")
    assert account.claim_names == ("HoVaTen", "LoaiTaiKhoan", "SoDinhDanh", "TechID", "ThuDienTu")


def test_an_account_without_its_key_is_none() -> None:
    """Never the user name, never the e-mail: mapping accounts by those is unsafe (facts 1.7)."""
    keys: tuple[object, ...] = ("", None, "null", {}, "x" * 256)
    for key in keys:
        with pytest.raises(ClaimsRefused, match="claims_incomplete"):
            portal(TechID=key, sub="nguyen.thu", ThuDienTu="a@example.vn")


def test_texts_are_nfc() -> None:
    """A name in decomposed letters is the same name."""
    assert portal(HoVaTen="Nguye\u0302\u0303n Thu\u031b\u0309").full_name == "Nguy\u1ec5n Th\u1eed"


def test_a_claim_name_that_is_none_is_not_shown() -> None:
    """Names are shown in the trail; a provider cannot write there."""
    assert portal(**{"<script>": "x", "tên\nhai dòng": "y", "http://wso2.org/claims/x": "z"}).claim_names == (
        "LoaiTaiKhoan",
        "TechID",
        "http://wso2.org/claims/x",
    )


def test_every_name_of_the_dialect_is_one_that_was_seen() -> None:
    """A typing mistake in a name would look like a claim that nobody gives."""
    for module in (cdvcqg_messages, vneid_messages):
        names = module.CLAIM_SET.person
        used = {getattr(names, place) for place in ClaimNames.__dataclass_fields__} - {""}
        assert used <= set(module.CLAIMS)
    assert set(vneid_messages.CLAIMS) == {
        "sub", "LoaiTaiKhoan", "SoDinhDanh", "HoVaTen", "NgayThangNamSinh", "TechID", "loAs", "userProfileUri",
        "logoutUri", "IAL",
    }  # fmt: skip
    assert len(cdvcqg_messages.CLAIMS) == 33


@pytest.mark.parametrize("profile", ["cdvcqg", "vneid"])
def test_every_example_becomes_an_account(profile: str) -> None:
    """The examples of a dialect are claims as they come."""
    mapping, rules = (cdvcqg, PORTAL) if profile == "cdvcqg" else (vneid, DIRECT)
    examples = list((files("connectors.vneid.profiles") / profile / "examples").iterdir())
    assert examples
    for example in examples:
        tree = json.loads(example.read_text(encoding="utf-8"))
        account = mapping.to_account(Claims(tree["message"]), Login(), rules)
        assert account.subject_key
        assert account.id_type is not IdentityType.NONE
