"""Keyless signatures: the one module that knows the package `sigstore`.

In: payloads and a token of an identity provider, or a bundle; in both cases what to trust. Out: bundles, or `Proof`.

    trust = read_trust(data, "trust.json")                  # or public_trust()
    [bundle] = sign_keyless([statement_bytes(statement)], ambient_token(), trust, pause=time.sleep)
    verify_keyless(bundle, trust, "bundle.json").identity

Signing asks a certificate authority, a timestamp authority and a transparency log (Rekor v1 or v2), all three named by
the trust configuration; a bundle that lacks one of them is not given out. Verifying asks nobody.
"""

from __future__ import annotations

import datetime
import json
import logging
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import Certificate
from sigstore.dsse import Statement
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import ExpiredIdentity, IdentityError, IdentityToken, detect_credential
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore_models.common.v1 import TimeRange
from sigstore_models.trustroot.v1 import TrustedRoot as TrustedRootModel

from runback_gate.attest.bundle import bundle_bytes
from runback_gate.attest.certificate import identity_of, issue_times
from runback_gate.attest.proof import LogEntry, Proof
from runback_gate.attest.timestamp import Authority, stamped_times, within
from runback_gate.canonical import parse_json
from runback_gate.dsse import IN_TOTO, Json, decoded, envelope_of, mapping
from runback_gate.errors import InputError, IntegrityError, Location, SigningError
from runback_gate.frozen import dataclass
from runback_gate.masking import masked

MAX_TRUST_BYTES: Final = 4 << 20
ATTEMPTS: Final = 3
"""How often a whole signing is tried: a bundle without timestamp cannot be completed afterwards."""
TIMEOUT = 120.0
"""Seconds to wait for one whole signing. The package itself waits for some services without end."""

_CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_ROOT: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_MOST: Final = 400
"""Characters of a reason that a service gave."""
_READ: Final = 64 << 10
"""Characters of it that are looked at."""
_PUBLIC: Final = ("sigstore.dev", "sigstage.dev")
_COUNTED: Final = {
    "certificate_authorities": "certificate authority",
    "ctlogs": "certificate log",
    "tlogs": "transparency log",
}
"""Lists of a trusted root, and what one of their members is."""

# What a service answers can fail in any way inside the package, which warns and goes on where this module does not.
logging.getLogger("sigstore").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust, and where to sign."""

    root: TrustedRoot
    config: ClientTrustConfig | None
    """None for a root that can only verify."""
    public: bool
    """Whether signing writes to a log that everybody can read."""


def read_trust(data: bytes, path: str) -> Trust:
    """The trust of a file: a client trust configuration, or a trusted root, which can only verify.

    Raises:
        InputError: it is neither.
    """
    value = parse_json(data, path=path, max_bytes=MAX_TRUST_BYTES)
    kind = value.get("mediaType") if isinstance(value, dict) else None
    try:
        if kind == _ROOT:
            return Trust(TrustedRoot(TrustedRootModel.from_json(data)), None, public=False)
        if kind == _CONFIG:
            config = ClientTrustConfig.from_json(data.decode())
            return Trust(config.trusted_root, config, public=_is_public(value))
    except (ValueError, SigstoreError) as error:
        raise InputError(_line(error), hint="check that the file is complete", location=Location(path)) from error
    hint = "give a Sigstore trusted root or client trust config, in JSON"
    raise InputError("not a trust configuration", hint=hint, location=Location(path))


def public_trust(*, offline: bool = False) -> Trust:
    """The trust of the public Sigstore instance, kept up to date by TUF; `offline` takes what was fetched before.

    Raises:
        SigningError: it could not be fetched.
    """
    try:
        config = ClientTrustConfig.production(offline=offline)
    except Exception as error:
        hint = "name a file with --trust-config, or check the network"
        raise SigningError(f"the public trust root could not be fetched: {_line(error)}", hint=hint) from error
    return Trust(config.trusted_root, config, public=True)


def ambient_token(secrets: Sequence[str] = ()) -> str:
    """The identity token that the CI job offers for Sigstore (GitHub Actions, GitLab and others).

    `secrets` are what the job asks with; an error does not name them.

    Raises:
        InputError: there is no such job, or it may not have one.
    """
    try:
        token = detect_credential()
    except IdentityError as error:
        hint = "give the job `permissions: id-token: write`; jobs of forks get none"
        raise InputError(f"no identity token: {_line(error, *secrets)}", hint=hint) from error
    if token is None:
        hint = "run it in a CI job, give --identity-token, or sign with --key"
        raise InputError("no identity token: this is not a CI job that offers one", hint=hint)
    return token


def sign_keyless(
    payloads: Sequence[bytes], token: str, trust: Trust, *, pause: Callable[[float], None]
) -> tuple[Json, ...]:
    """Bundles over in-toto statements, in the order of the payloads, with one certificate.

    Each is verified before it is given out. `pause` waits some seconds before everything is tried again.

    Raises:
        InputError: the trust cannot sign, or the token is no token for Sigstore.
        SigningError: a service did not answer as it must; the message holds no token.
    """
    if trust.config is None:
        raise InputError("a trusted root can verify, but not sign", hint="sign with a client trust configuration")
    try:
        stamped = bool(trust.config.signing_config.get_tsas())
    except (SigstoreError, ValueError) as error:
        raise InputError(f"the trust configuration cannot sign: {_line(error)}", hint="use the current one") from error
    if not stamped:
        hint = "without a timestamp, nothing proves when a signature was made"
        raise InputError("the trust configuration names no timestamp authority", hint=hint)
    reason, failed = "", Exception()
    for number in range(ATTEMPTS):
        try:
            return _in_time(partial(_signed, payloads, IdentityToken(token), trust))
        except (IdentityError, ExpiredIdentity) as error:
            hint = "it must be current, and made for the audience `sigstore`"
            raise InputError(f"the identity token cannot be used: {_line(error, token)}", hint=hint) from error
        except Exception as error:  # noqa: BLE001  see the logger above
            reason, failed = _line(error, token), error
            if _is_refusal(error):
                break
        if number + 1 < ATTEMPTS:
            pause(2.0**number)
    raise SigningError(f"nothing was signed: {reason}", hint="try again, or sign with --key") from failed


def verify_keyless(bundle: Json, trust: Trust, path: str) -> Proof:
    """What the signature of a bundle proves: certificate, its log, transparency log, inclusion, and every timestamp.

    Whose signature it must be is for the caller to compare. `path` names the bundle in errors.

    Raises:
        IntegrityError: something does not verify by this trust.
        DocumentError: the bundle is not in its one form.
        InputError: the bundle was signed with a key.
    """
    envelope = envelope_of(bundle, path)
    # Read by the package's strict models below before anything in it is used.
    material: Any = mapping(bundle["verificationMaterial"], "verificationMaterial", path)
    if "certificate" in material and material.get("tlogEntries") in (None, []):
        hint = "GitHub signs for private repositories without a log: `gh attestation verify` reads such a bundle"
        raise InputError("the bundle names no transparency log", hint=hint, location=Location(path))
    if "publicKey" in material:
        hint = "verify it with --key"
        raise InputError("the bundle was signed with a key, not a certificate", hint=hint, location=Location(path))
    if envelope.payload_type != IN_TOTO:
        raise _broken(f"the payload is {envelope.payload_type[:80]!r}, not {IN_TOTO}", path)
    try:
        with warnings.catch_warnings():
            # What cryptography will refuse one day is refused here already.
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            parsed = Bundle.from_json(bundle_bytes(bundle))
            if json.loads(parsed.to_json()) != bundle:
                raise _broken("a field of the bundle is not in its one form", path)
            stamps = material.get("timestampVerificationData", {}).get("rfc3161Timestamps", [])
            responses = [decoded(item["signedTimestamp"], "signedTimestamp", path) for item in stamps]
            stamped = stamped_times(responses, envelope.signature, _authorities(trust.root), path)
            root = _root_at(trust.root, [*stamped, *_integrated(material)], parsed.signing_certificate, path)
            Verifier(trusted_root=root).verify_dsse(parsed, _AnyHolder())
    except IntegrityError:
        raise
    except Exception as error:
        # The package raises what its parts raise; whatever it is, the bundle did not verify.
        raise _broken(_line(error), path) from error
    return Proof(
        payload=envelope.payload,
        identity=identity_of(decoded(material["certificate"]["rawBytes"], "rawBytes", path), path),
        log=_log_entry(material["tlogEntries"][0], root, path),
        time=_rfc3339(max(stamped)),
    )


class _AnyHolder:
    """A policy that takes every holder: who it must be is compared where every difference gets its reason."""

    def verify(self, cert: Certificate) -> None:
        """Take it."""


def _in_time(work: Callable[[], tuple[Json, ...]]) -> tuple[Json, ...]:
    """What `work` gives, if it does so in time; a thread that still waits then ends with the program."""
    done: list[tuple[Json, ...] | BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  raised again below, where somebody waits for it
            done.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not done:
        raise TimeoutError(f"no answer within {TIMEOUT:g} s")
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def _signed(payloads: Sequence[bytes], token: IdentityToken, trust: Trust) -> tuple[Json, ...]:
    assert trust.config is not None  # noqa: S101  for the type checker
    bundles = []
    with SigningContext.from_trust_config(trust.config).signer(token) as signer:
        for payload in payloads:
            text = signer.sign_dsse(Statement(payload)).to_json()
            bundle = mapping(parse_json(text, path="bundle"), "the bundle", "bundle")
            verify_keyless(bundle, trust, "bundle")
            bundles.append(bundle)
    return tuple(bundles)


def _integrated(material: Any) -> list[datetime.datetime]:
    """The time at which a log of version 1 says that it took the entry."""
    times = [entry.get("integratedTime") for entry in material["tlogEntries"]]
    return [datetime.datetime.fromtimestamp(int(time), datetime.UTC) for time in times if time is not None]


def _root_at(root: TrustedRoot, times: Sequence[datetime.datetime], certificate: Certificate, path: str) -> TrustedRoot:
    """The part of a trusted root that counts for a signature.

    Authorities and logs count within their stated validity at every time at which the signature was seen, certificate
    logs at the time of their own word. The package looks at none of these but that of the timestamp authorities.
    """
    inner, logged = root._inner, issue_times(certificate)
    valid: dict[str, Any] = {
        "certificate_authorities": [it for it in inner.certificate_authorities if _valid_at(it.valid_for, times)],
        "ctlogs": [it for it in inner.ctlogs if _valid_at(it.public_key.valid_for, logged)],
        "tlogs": [it for it in inner.tlogs if _valid_at(it.public_key.valid_for, times)],
    }
    for field, what in _COUNTED.items():
        if not valid[field]:
            moments = ", ".join(map(_rfc3339, logged if field == "ctlogs" else times))
            raise _broken(f"no {what} of the trust root was valid at the signed time ({moments})", path)
    return TrustedRoot(inner.model_copy(update=valid))


def _valid_at(period: TimeRange | None, times: Sequence[datetime.datetime]) -> bool:
    """Whether every time lies in the period, both ends included; one that is not stated has no ends."""
    return period is None or within(period.start, period.end, times)


def _authorities(root: TrustedRoot) -> list[Authority]:
    return [
        Authority(tuple(item.certificates(allow_expired=True)), item.validity_period_start, item.validity_period_end)
        for item in root.get_timestamp_authorities()
    ]


def _log_entry(entry: Any, root: TrustedRoot, path: str) -> LogEntry:
    """Where the entry stands. What the package leaves open about it is held against what it verified."""
    proof, integrated = entry["inclusionProof"], entry.get("integratedTime")
    if (integrated is None) != ("inclusionPromise" not in entry):
        raise _broken("the log's time has no signature of its own", path)
    if integrated is None and entry["logIndex"] != proof["logIndex"]:
        raise _broken("the place in the log is not the one that was proven", path)
    name = decoded(entry["logId"]["keyId"], "keyId", path)
    urls = [log.base_url for log in root._inner.tlogs if log.log_id.key_id == name]
    if not urls or not _signed_by(proof["checkpoint"]["envelope"], name, path):
        raise _broken("the log that is named did not sign the checkpoint", path)
    when = None
    if integrated is not None:
        when = _rfc3339(datetime.datetime.fromtimestamp(int(integrated), datetime.UTC))
    return LogEntry(int(entry["logIndex"]), urls[0], when)


def _signed_by(checkpoint: str, name: bytes, path: str) -> bool:
    """Whether a line of the checkpoint's signatures is that of the log: by its origin, and by the id of its key.

    A log of version 1 adds its tree to the origin. Lines of others (witnesses) are not looked at.
    """
    note, *lines = checkpoint.splitlines()
    origin = note.partition(" - ")[0]
    parts = [line.split(" ") for line in lines if line.startswith(f"\u2014 {origin} ")]
    return any(decoded(part[-1], "checkpoint", path)[:4] == name[:4] for part in parts)


def _is_public(config: Any) -> bool:
    services = config["signingConfig"]
    urls = [item["url"] for kind in ("rekorTlogUrls", "caUrls") for item in services.get(kind) or []]
    hosts = [urlsplit(url).hostname or "" for url in urls]
    return any(host == name or host.endswith(f".{name}") for host in hosts for name in _PUBLIC)


def _is_refusal(error: BaseException) -> bool:
    """Whether a service understood the request and said no: asking again changes nothing."""
    response = _response(error)
    return response is not None and 400 <= response.status_code < 500 and response.status_code not in (408, 429)


def _response(error: BaseException | None) -> requests.Response | None:
    """What a service answered that led to the error."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, requests.Response):
            return response
        error = error.__cause__
    return None


def _rfc3339(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _broken(message: str, path: str) -> IntegrityError:
    return IntegrityError(message, location=Location(path))


def _line(error: BaseException, *secrets: str) -> str:
    """A reason in one line, without the secrets; where the error has no words, what the service answered."""
    response = _response(error)
    answer = f"HTTP {response.status_code} {response.text}" if response is not None else type(error).__name__
    text = str(error) or answer
    return " ".join(masked(text[:_READ], secrets).split())[:_MOST]
