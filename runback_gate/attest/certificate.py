"""What a Fulcio certificate says about its holder.

In: a certificate in DER. Out: `Identity`. Whether to believe it is for the chain, the log and the time to say.

    identity_of(der, "bundle.json").repository          # https://github.com/acme/agent

Source: the object identifiers below 1.3.6.1.4.1.57264.1 that Fulcio documents. 1 to 6 hold bytes, those from 8 on a DER
UTF8String.
"""

from __future__ import annotations

import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1

from runback_gate.attest.proof import Identity
from runback_gate.errors import DocumentError, Location

_ARC: Final = "1.3.6.1.4.1.57264.1."
_OTHER_NAME: Final = x509.ObjectIdentifier(f"{_ARC}7")
_OLD_ISSUER: Final = x509.ObjectIdentifier(f"{_ARC}1")
_FIELDS: Final = {
    "issuer": "8",
    "runner": "11",
    "repository": "12",
    "commit": "13",
    "ref": "14",
    "trigger": "20",
    "run": "21",
}


def identity_of(der: bytes, path: str) -> Identity:
    """The holder of a certificate. `path` names its bundle in errors.

    Raises:
        DocumentError: no certificate, not exactly one name, no issuer or two that differ, or a field in another form.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
        found = {
            field: _text(extensions, f"{_ARC}{arc}")
            for field, arc in _FIELDS.items()
            if _has(extensions, x509.ObjectIdentifier(f"{_ARC}{arc}"))
        }
        names = _names(extensions)
        old = _raw(extensions, _OLD_ISSUER).decode() if _has(extensions, _OLD_ISSUER) else None
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _fault("the certificate cannot be read", path) from error
    if len(names) != 1:
        raise _fault(f"the certificate has {len(names)} names, not one", path)
    issuer = found.pop("issuer", old)
    if issuer is None or old not in (None, issuer):
        raise _fault("the certificate does not name one issuer", path)
    return Identity(name=names[0], issuer=issuer, **found)


def issue_times(certificate: x509.Certificate) -> list[datetime.datetime]:
    """When certificate logs took note of a certificate, as its embedded SCTs say (RFC 6962, 3.2)."""
    stamps = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    return [stamp.timestamp.replace(tzinfo=datetime.UTC) for stamp in stamps]


def _has(extensions: x509.Extensions, oid: x509.ObjectIdentifier) -> bool:
    return any(item.oid == oid for item in extensions)


def _raw(extensions: x509.Extensions, oid: x509.ObjectIdentifier) -> bytes:
    value = extensions.get_extension_for_oid(oid).value
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _text(extensions: x509.Extensions, oid: str) -> str:
    return asn1.decode_der(str, _raw(extensions, x509.ObjectIdentifier(oid)))


def _names(extensions: x509.Extensions) -> list[str]:
    found: list[str] = []
    for name in extensions.get_extension_for_class(x509.SubjectAlternativeName).value:
        if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME:
            found.append(asn1.decode_der(str, name.value))
        elif isinstance(name, (x509.RFC822Name, x509.UniformResourceIdentifier)):
            found.append(name.value)
        else:
            raise ValueError("a name of another kind")
    return found


def _fault(message: str, path: str) -> DocumentError:
    return DocumentError(message, location=Location(path))
