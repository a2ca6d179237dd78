"""One signature worker: a process without keys that reads tasks from its parent, does them within limits, and answers.

Started by `gateway.signatures.pool`, never by a person. It dies with its parent, whatever that died of.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import BinaryIO

from gateway.signatures import tasks
from gateway.signatures.naming import named
from gateway.signatures.tasks import Answer, Commission, Failed, Task
from signing import crafting
from signing.chain import judge_certificate
from signing.confinement import Confinement, confine_task
from signing.errors import KeyUnavailable, SigningError, SigningRefused, Unusable
from signing.grounds import Grounds
from signing.judge import judge
from signing.model import Facts
from signing.storing import decode_facts, encode_facts, encode_report
from signing.verifying import examine

HEAD = struct.Struct(">I")
_PR_SET_PDEATHSIG = 1


def main(parent: int) -> None:
    """Serve until the parent closes the pipe. Answers go to what was standard output; prints go to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = fell
    _die_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with os.fdopen(0, "rb", closefd=False) as orders:
        _say(answers, Answer())
        while (raw := _next(orders)) is not None:
            _say(answers, _done(raw))


def fell(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """As what a worker fell, and where: never the message, which may quote the document."""
    places = " ".join(f"{Path(one.filename).name}:{one.lineno}" for one in extract_tb(trace))
    sys.stderr.write(f"signature worker fell: {kind.__name__} at {places}\n")


def _die_with(parent: int) -> None:
    """The kernel kills us when the parent ends; should it have ended already, there is nobody to work for."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def _next(orders: BinaryIO) -> bytes | None:
    head = orders.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    raw = orders.read(size)
    return raw if len(raw) == size else None


def _say(answers: BinaryIO, answer: Answer) -> None:
    raw = tasks.encode(answer)
    answers.write(HEAD.pack(len(raw)))
    answers.write(raw)
    answers.flush()


def _done(raw: bytes) -> Answer:
    """One task, done; whatever the work raises becomes a word. Our own mistakes end the process, with a trace."""
    try:
        commission = tasks.decode(raw, Commission)
        confine_task(Confinement(commission.seconds, commission.memory_bytes))
        return Answer(body=_work(commission.task))
    except MemoryError:
        return Answer(failed=Failed("memory"))
    except SigningRefused as error:
        return Answer(failed=Failed("refused", error.code, error.message_vi))
    except KeyUnavailable as error:
        return Answer(failed=Failed("unavailable", error.code, error.message_vi))
    except SigningError as error:
        return Answer(failed=Failed("unusable", error.code, error.message_vi))


def _work(task: Task) -> bytes:
    match task:
        case tasks.ReadDocument():
            return encode_facts(_read(task))
        case tasks.JudgeDocument():
            ground = task.ground
            grounds = Grounds(ground.trust, task.at, ground.evidence, ground.policy, task.expected)
            return encode_report(judge(decode_facts(task.facts), grounds))
        case tasks.JudgeCertificate():
            ground = task.ground
            return tasks.encode(judge_certificate(task.question, ground.trust, ground.evidence, ground.policy))
        case tasks.NameDossiers():
            return tasks.encode(named(_content(task.path), task.policy, task.places))
        case tasks.PrepareSignature():
            return tasks.encode(crafting.prepare(task.order))
        case tasks.StampImprint():
            return crafting.imprint(task.prepared, task.signature, task.digest)
        case tasks.CompleteSignature():
            crafting.complete(task.prepared, task.signature, task.token)
            return b""
        case tasks.Rest():
            return b""


def _read(task: tasks.ReadDocument) -> Facts:
    beside = {"": _content(task.detached)} if task.detached is not None else {}
    return examine(_content(task.path), task.policy, beside)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Unusable("khong_doc_duoc_tep", f"Không đọc được tệp ({fault.strerror}).") from None
