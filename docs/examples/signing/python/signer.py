#!/usr/bin/env python3
"""Ký một yêu cầu bằng chữ ký thông điệp HTTP (RFC 9421), gửi đi và in câu trả lời.

    python3 signer.py --key khoa.pem --keyid SEC-DEMO-1 POST http://127.0.0.1:8080/v1/events event.json
    python3 signer.py --key khoa.pem --keyid SEC-DEMO-1 GET  http://127.0.0.1:8080/v1/events/019a0f5e-...

Cần Python 3.9 trở lên và thư viện `cryptography`; không cần gì khác. Khóa riêng dạng PEM (PKCS#8): Ed25519, EC P-256
hoặc RSA; thuật toán được chọn theo loại khóa. Kết thúc bằng 0 khi được nhận, 2 khi bị từ chối, 3 khi không kết nối được.
"""

import argparse
import base64
import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def sign(key, base: bytes) -> bytes:
    """Chữ ký theo RFC 9421 mục 3.3."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(base)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        # RFC 9421 mục 3.3.4: r và s nối liền, mỗi số 32 byte; không phải dạng DER mà thư viện trả về.
        r, s = decode_dss_signature(key.sign(base, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
    return key.sign(base, pss, hashes.SHA512())


def algorithm_of(key) -> str:
    """Tên thuật toán như đã đăng ký với cổng."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256-sha256"
    if isinstance(key, rsa.RSAPrivateKey):
        return "rsa-pss-sha512"
    raise SystemExit("Khóa phải là Ed25519, EC P-256 hoặc RSA.")


def signed_headers(method: str, url: str, body, content_type: str, key, keyid: str) -> dict:
    """Các tiêu đề phải gửi kèm yêu cầu."""
    parts = urlsplit(url)
    components = {"@method": method, "@path": parts.path or "/"}
    if parts.query:
        components["@query"] = "?" + parts.query
    headers = {}
    if body is not None:
        headers["Content-Type"] = content_type
        headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        components["content-digest"] = headers["Content-Digest"]
        components["content-type"] = content_type
    names = " ".join(f'"{name}"' for name in components)
    params = f'({names});created={int(time.time())};keyid="{keyid}";alg="{algorithm_of(key)}"'
    lines = [f'"{name}": {value}' for name, value in components.items()]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    headers["Signature-Input"] = f"sig1={params}"
    headers["Signature"] = f"sig1=:{base64.b64encode(sign(key, base.encode())).decode()}:"
    return headers


def main() -> int:
    """Đọc tham số, ký, gửi, in."""
    parser = argparse.ArgumentParser(description="Ký và gửi một yêu cầu tới cổng kết nối hồ sơ TTHC")
    parser.add_argument("--key", required=True, type=Path, help="khóa riêng, dạng PEM")
    parser.add_argument("--keyid", required=True, help="tên khóa đã đăng ký")
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("method")
    parser.add_argument("url")
    parser.add_argument("file", nargs="?", type=Path, help="tệp nội dung")
    arguments = parser.parse_args()
    key = load_pem_private_key(arguments.key.read_bytes(), password=None)
    body = arguments.file.read_bytes() if arguments.file else None
    headers = signed_headers(arguments.method, arguments.url, body, arguments.content_type, key, arguments.keyid)
    request = urllib.request.Request(arguments.url, data=body, method=arguments.method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()  # a stored file has to stay as it is, byte for byte: only JSON gets a line end
            sys.stdout.buffer.write(content + b"\n" if content.startswith(b"{") else content)
            return 0
    except urllib.error.HTTPError as refused:
        problem = json.loads(refused.read())
        print(f"Bị từ chối ({refused.code} {problem['code']}): {problem['detail']}", file=sys.stderr)
        print(problem.get("action", ""), file=sys.stderr)
        for fault in problem["errors"]:
            print(f"  {fault['pointer']}: {fault['message_vi']}", file=sys.stderr)
        return 2
    except urllib.error.URLError as error:
        print(f"Không kết nối được: {error.reason}. Hãy gửi lại đúng yêu cầu này.", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
