"""What a match must satisfy beyond its pattern: check digits, structures, and what stands around it.

In: the value that matched, the text before it and after it. Out: yes or no.

    CHECKS["card"]("4111111111111111", "", "")      # True: Luhn, and a length and a beginning that an issuer has

Sources: ISO/IEC 7812 (cards), ISO 13616 (IBAN), SSA (social security numbers), RFC 7519 (JWT), RFC 4291 (IPv6),
ITU-T E.164 (telephone numbers), GS1 (EAN and UPC).
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from typing import Final

from runback_gate.redact.randomness import mixed, opaque

Check = Callable[[str, str, str], bool]

_NOT_DIGITS: Final = re.compile(r"\D")
_CARD_WORDS: Final = re.compile(
    r"card|visa|master|maestro|amex|express|jcb|diners|discover|credit|debit|payment|\bcc\b|\bpan\b", re.I
)
_ID_WORDS: Final = re.compile(
    r"(?:order|invoice|track\w*|ticket|ref\w*|isbn|ean|upc|gtin|sku|imei|imsi|iccid|barcode|serial|transaction|shipment|parcel"
    r"|confirmation|booking|case|product|item|asin|epoch|timestamp|time|build|version|\bv|id)"
    r"[\s_-]*(?:number|num|no|nr|code|id)?s?[\"'\s:=#.-]*(?:is|was|of)?[\"'\s:=#.-]*$",
    re.I,
)
_IBAN_SIZES: Final = dict(
    pair.split(":")
    for pair in (
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 "
        "DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 "
        "IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 "
        "MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 "
        "SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
    ).split()
)
_BRANDS: Final = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 15, 16, 17, 18, 19)),
    (re.compile(r"6011|64[4-9]|65"), (16, 17, 18, 19)),
    (re.compile(r"35"), (16, 17, 18, 19)),
    (re.compile(r"2131|1800"), (15,)),
    (re.compile(r"62"), (16, 17, 18, 19)),
    (re.compile(r"5018|5020|5038|5[6-8]|6304|6390|67|0604"), (12, 13, 14, 15, 16, 17, 18, 19)),
    (re.compile(r"60|220[0-4]|9792|50"), (16, 17, 18, 19)),
)
"""How the numbers of each brand begin, and their lengths: Visa, Mastercard, American Express, Diners, Discover, JCB
(twice), UnionPay, Maestro; RuPay, Mir, Troy and Verve."""


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _gs1(digits: str) -> bool:
    """Whether the last digit is that of an EAN or UPC."""
    return sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(reversed(digits))) % 10 == 0


def card(value: str, before: str, _after: str) -> bool:
    """A payment card; what may be an EAN, or stands beside the word for something else, only beside a card's word."""
    digits = _NOT_DIGITS.sub("", value)
    if not any(len(digits) in sizes and start.match(digits) for start, sizes in _BRANDS):
        return False
    if any(len(part) > 6 for part in re.split("[ -]", value)[1:]):
        return False
    if not luhn(digits) or len(set(digits)) < 2:
        return False
    if _CARD_WORDS.search(before[-48:]):
        return True
    return not (len(digits) < 14 and _gs1(digits)) and not _ID_WORDS.search(before[-32:])


def iban(value: str, _before: str, _after: str) -> bool:
    """An IBAN of a country that has them, of its length, with its two check digits (ISO 7064, MOD 97-10)."""
    if "-" in value and any(len(part) != 4 for part in value.split("-")[:-1]):
        return False
    text = "".join(re.split(r"[\s-]+", value)).upper()
    if str(len(text)) != _IBAN_SIZES.get(text[:2]):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def ssn(value: str, before: str, _after: str) -> bool:
    """A social security number that may be issued; without separators only beside its name."""
    digits = _NOT_DIGITS.sub("", value)
    named = re.search(r"\bssn\b|social[ _-]?security", before[-40:], re.I)
    if value.isdigit() and not named:
        return False
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


_GLOBAL: Final = re.compile(r"[23][0-9a-f]{3}:|f[cde][0-9a-f]{2}:|::ffff|64:", re.I)


def ip(value: str, before: str, _after: str) -> bool:
    """An address of the internet that may be a person's: no loopback, no mask, no version number."""
    try:
        address = ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or value.startswith(("255.", "0.")):
        return False
    if address.version == 6:
        return (
            value.count(":") >= 3
            or re.match(r"[23][0-9a-f]{3}:|f[cde][0-9a-f]{2}:|::ffff|64:", value, re.I) is not None
        )
    return not re.search(r"(?:\bv|version|release|build|chapter|section)[\s:=]*$", before[-16:], re.I)


_PHONE_WORDS: Final = re.compile(
    r"phone|\btel|mobil|\bcell|\bfax|\bcall|\bdial|\bsms\b|whatsapp|\btext (?:me|him|her|us)|\bring "
    r"|contact|reach|hotline|telefon|handy|answering|message",
    re.IGNORECASE,
)
_PHONE_USE: Final = re.compile(r"[\s-]{0,2}(?:\(?(?:office|fax|mobile|cell|home|work|phone|tel)\b)", re.IGNORECASE)
_PHONE_NAME: Final = re.compile(r"(?:phone|mobile|cell|fax|tel)\W*(?:number|no|nr)?\W*(?:is|:)?\W*$", re.IGNORECASE)
_DATE: Final = re.compile(r"(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)?\d\d")
_NATIONAL: Final = re.compile(
    r"\(\d{2,5}\)[ -]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}"  # (020) 7946 0000
    r"|0\d{1,4}(?:[ .-]\d{2,7}){1,4}"  # 07700 900 966, 01.84.17.61.18
    r"|(?:1[ .-])?[2-9]\d{2}[ .-][2-9]\d{2}[ .-]\d{4}"  # 541-714-1388
    r"|00\d{1,3}[ .-]\(?\d{1,5}\)?(?:[ .-]?\(?\d{1,5}\)?){1,4}"  # 001-518-640-0854
)


def phone(value: str, before: str, after: str) -> bool:
    """A telephone number: international with `+`, in a national form that nothing else has, or beside its name."""
    number = re.split(r"\s?(?:x|ext\.?)", value, flags=re.I)[0].strip()
    digits = _NOT_DIGITS.sub("", number)
    if not 7 <= len(digits) <= 15 or _DATE.fullmatch(number) or len(set(digits)) == 1:
        return False
    if number.startswith("+"):
        return len(digits) >= 8
    if _PHONE_USE.match(after):
        return True
    if _PHONE_WORDS.search(before[-60:]):
        return not _ID_WORDS.search(before[-20:]) or _PHONE_NAME.search(before[-30:]) is not None
    if _ID_WORDS.search(before[-32:]) or re.search(r"[$€£¥]\s*$", before[-3:]):
        return False
    return len(digits) >= 8 and _NATIONAL.fullmatch(number) is not None


def jwt(value: str, _before: str, _after: str) -> bool:
    """A JSON Web Token or a part of one: its header is an object that names an algorithm or a type."""
    head = value.split(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False
    return isinstance(found, dict) and not found.keys().isdisjoint(("alg", "enc", "typ", "kid"))


def drawn(value: str, _before: str, _after: str) -> bool:
    """Text that a machine drew, not a placeholder or a word."""
    return opaque(value)


def email(value: str, _before: str, _after: str) -> bool:
    """An address of a mailbox: not that of a repository, not the name of an image of double size."""
    return not value.startswith("git@") and re.search(r"@\d+x\.\w+$", value) is None


_NO_PASSWORD: Final = re.compile(r"x+|\*+|\.+|\[?(?:your|my)?[-_ ]?(?:password|pass|pw|secret|token)\]?", re.IGNORECASE)


def password(value: str, _before: str, _after: str) -> bool:
    """A password in a URL that is no variable."""
    return len(value) >= 3 and not _NO_PASSWORD.fullmatch(value)


def key(value: str, _before: str, _after: str) -> bool:
    """A value behind the name of a secret: a machine drew it, or letters and digits are mixed in it."""
    return opaque(value) or mixed(value, 8)


def word(value: str, before: str, _after: str) -> bool:
    """A password in a connection string: anything but the variable that is named as the field is."""
    return not before.lower().rstrip("= ").endswith(value.lower()) and not value.startswith(("self.", "os.", "env."))


def numbered(value: str, _before: str, _after: str) -> bool:
    """A password behind a word that prose has as well: it holds a digit."""
    return any(map(str.isdigit, value))


def varied(value: str, _before: str, _after: str) -> bool:
    """At least seven different characters: `xxxxxxxx` and `your-…` hide nothing."""
    return len(set(value)) >= 7


CHECKS: Final[dict[str, Check]] = {
    "email": email,
    "password": password,
    "card": card,
    "iban": iban,
    "ssn": ssn,
    "ip": ip,
    "phone": phone,
    "jwt": jwt,
    "drawn": drawn,
    "varied": varied,
    "key": key,
    "numbered": numbered,
    "word": word,
}
"""The checks that a rule may name."""
