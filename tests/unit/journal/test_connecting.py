"""A connection string that cannot be read is told as that, with no piece of it, and is nobody's clash."""

from __future__ import annotations

import traceback

import pytest

from gateway.journal.errands import scratch_database
from gateway.journal.session import CLASHES, DatabaseOptions, DatabaseUnopenable, Unreachable, connected
from tests.postgres import apart

SECRET = "made-up-word"


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://gateway:{SECRET}@127.0.0.1/tthc",
        f"{SECRET}-without-any-scheme",
        f"postgresql://gateway:{SECRET}@127.0.0.1/tthc?sslmode={SECRET}",
        f"postgresql://gateway@127.0.0.1:{SECRET}/tthc",
        f"postgresql://gateway:{SECRET}@127.0.0.1,127.0.0.2/tthc?sslmode={SECRET}",
        f"postgresql://gateway:pa[{SECRET}@127.0.0.1/tthc",
    ],
)
def test_a_connection_string_that_cannot_be_read_is_told_without_a_piece_of_it(dsn: str) -> None:
    """Neither the sentence nor its trace has the password, and nothing is tried again as if another node were in the way."""

    def told() -> tuple[str, BaseException | None]:
        options = DatabaseOptions("one", dsn, bytes(32), connect_s=1)
        with pytest.raises(DatabaseUnopenable) as caught, connected(options):
            pass
        return "".join(traceback.format_exception(caught.value)) + str(caught.value), caught.value.__cause__

    said, cause = apart(told)
    assert "chuỗi kết nối" in said and SECRET not in said
    assert isinstance(cause, Unreachable) and not isinstance(cause, CLASHES)


def test_a_server_that_is_not_there_is_no_want_of_a_right_to_make_databases() -> None:
    """Who tries a machine is told what to look at, and why."""

    def told() -> str:
        nobody = "postgresql://gateway@127.0.0.1:1/none"
        with pytest.raises(DatabaseUnopenable) as caught, scratch_database(nobody, "scratch"):
            pass
        return str(caught.value)

    said = apart(told)
    assert "hãy kiểm tra máy chủ" in said and "ConnectionRefusedError" in said and "CREATEDB" not in said
