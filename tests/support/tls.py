"""A certificate for a server of a test, made by openssl."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(folder: Path, host: str) -> Path:
    """A certificate for a host and, beside it, its key; both in a folder."""
    path = folder / "cert.pem"
    name = f"IP:{host}" if host[0].isdigit() else f"DNS:{host}"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", str(folder / "key.pem"), "-out", str(path), "-days", "2",
        "-subj", f"/CN={host}", "-addext", f"subjectAltName={name}",
        "-addext", "basicConstraints=critical,CA:TRUE",
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl, which makes the certificate of this test, is not installed")
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    """What a server with that certificate uses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context
