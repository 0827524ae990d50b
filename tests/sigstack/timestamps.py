"""The timestamp authority of the local Sigstore (RFC 3161).

In: a timestamp request in DER. Out: the response, signed.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from typing import Any

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.sigstack.certificates import authority, name, new_key, now, sign

POLICY = "1.3.6.1.4.1.57264.2"


class TimestampAuthority:
    """Says that something existed at a time; `ahead` makes its clock wrong."""

    def __init__(self, organisation: str) -> None:
        self.ahead = datetime.timedelta()
        self.key, root_key = new_key(), new_key()
        """`key` signs; another one than the certificate's makes responses that nobody trusts."""
        root, leaf = name(organisation, "tsa-root"), name(organisation, "tsa")
        stamping = ExtendedKeyUsageOID.TIME_STAMPING
        self.root = authority(root, root, root_key.public_key(), root_key, below=0)
        self.certificate = authority(leaf, root, self.key.public_key(), root_key, purpose=stamping)

    def stamp(self, request: bytes) -> bytes:
        """The response to a request."""
        query = tsp.TimeStampReq.load(request)
        when = now() + self.ahead
        info: dict[str, Any] = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": query["message_imprint"],
            "serial_number": int.from_bytes(os.urandom(8), "big"),
            "gen_time": when,
            "accuracy": {"seconds": 1},
            "nonce": query["nonce"],
        }
        token = {"content_type": "signed_data", "content": self._signed(tsp.TSTInfo(info).dump(), when)}
        response: bytes = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
        return response

    def _signed(self, content: bytes, when: datetime.datetime) -> cms.SignedData:
        leaf = asn1.Certificate.load(self.certificate.public_bytes(serialization.Encoding.DER))
        issuer = {
            "issuer": [asn1.GeneralName("directory_name", leaf.issuer)],
            "serial_number": leaf.serial_number,
        }
        digest = hashlib.sha256(leaf.dump()).digest()
        named = tsp.SigningCertificateV2({"certs": [{"cert_hash": digest, "issuer_serial": issuer}]})
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": when})]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [named]}),
            ]
        )
        who = {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier("issuer_and_serial_number", who),
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": sign(self.key, attributes.dump()),
            }
        )
        return cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(content),
                },
                "certificates": [leaf],
                "signer_infos": [signer],
            }
        )
