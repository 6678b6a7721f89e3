"""Tokens and headers that nobody is to be believed with: the tables of tests/oidc and of tests/door."""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.oidc.tokens import AUDIENCE, HEADER, ISSUER, KID, NOW, claims, encoded, jwk, private_key, segment


def header(**changes: object) -> dict[str, object]:
    return {name: value for name, value in {**HEADER, **changes}.items() if value is not ...}


def by_hmac(secret: bytes, alg: str = "HS256") -> str:
    signed = f"{segment(header(alg=alg))}.{segment(claims())}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


MALFORMED_AUTHORIZATIONS = [
    b"",
    b"Bearer",
    b"Bearer ",
    b"Basic a.b.c",
    b"a.b.c",
    b"Bearer  a.b.c",
    b"Bearer\ta.b.c",
    b"Bearer a b",
    b"Bearer a.b.c ",
    b"Bearer a.b.c, Bearer a.b.c",
    b"Bearer a.b.\xe9",
    b"Bearer a.b.c\n",
    b"Bearer: a.b.c",
    b"BearerX a.b.c",
    b"Bearer a.b.\x00",
]
OTHER_HEADERS = [b"cookie", b"x-authorization", b"proxy-authorization", b"x-forwarded-authorization"]

BENT = [
    lambda t: "",
    lambda t: ".",
    lambda t: "..",
    lambda t: "a.b",
    lambda t: t + ".x",
    lambda t: t + ".x.y",
    lambda t: t + "=",
    lambda t: t + "==",
    lambda t: t + "\n",
    lambda t: " " + t,
    lambda t: t.replace(".", "..", 1),
    lambda t: t.replace("_", "/").replace("-", "+") + "/",
    lambda t: t[:-1] + "\x00",
    lambda t: t[:-1] + "é",
    lambda t: t[:-1] + "\uff21",
    lambda t: t[:-1] + "\ud800",
    lambda t: t.partition(".")[0],
    lambda t: t.rpartition(".")[0] + ".",
    lambda t: "." + t.partition(".")[2],
    lambda t: "AAAAA." + t.partition(".")[2],  # 4n + 1 characters are no base64
]
NO_OBJECTS = [b"", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"{} {}", b"{", b'{"iss":']
PUBLIC = private_key().public_key()

OTHER_ALGORITHMS = [
    "none",
    "None",
    "NONE",
    "",
    "rs256",
    "RS256 ",
    "RS384",
    "RS512",
    "PS256",
    "ES256",
    "HS256",
    "EdDSA",
    None,
    ...,
    256,
    ["RS256"],
    {"RS256": 1},
    True,
]

PUBLIC_SECRETS = [
    PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    json.dumps(jwk()).encode(),
    str(jwk()["n"]).encode(),
    b"",
]
NAMED_TWICE = ["alg", "kid", "typ", "x5t"]

CHANGING_PARAMETERS = [
    {"crit": ["b64"], "b64": True},
    {"crit": ["b64"], "b64": False},
    {"crit": []},
    {"crit": None},
    {"crit": ["exp"]},
    {"crit": "b64"},
    {"b64": True},
    {"b64": False},
    {"zip": "DEF"},
]
KEYS_OF_ONES_OWN = ["jku", "jwk", "x5u", "x5c"]
OTHER_TYPES = ["at+jwt", "krt+jws", "jwt", "", None, 1, ["JWT"]]
NO_KEY_IDS = [..., None, 1, 1.5, True, [KID], {"kid": KID}, "", "x" * 129, "a b", "a\n", "a\x00", "é", "٣", "\u2028"]
UNKNOWN_KEY_IDS = ["../../dev/null", "' OR 1=1 --", "x" * 128, KID.upper(), KID + "x", "__class__"]

NO_HEADERS = [
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"\xff",
    b"{",
    b"\xef\xbb\xbf{}",
    b"{}x",
    b"NaN",
    b'{"a":1e999}',
    b"[" * 5000,
    b'{"alg":' + b"[" * 2500 + b"]" * 2500 + b"}",
    b'{"alg":' + b"9" * 5000 + b"}",
    json.dumps(HEADER).encode("utf-16"),
    b'{"kid":"\\ud800"}',
]


def with_two_readings(genuine: str) -> list[bytes]:
    """Payloads that one reader may take for the genuine one, and another not."""
    return [
        (genuine[:-1] + ', "iss": "https://evil.example"}').encode(),
        (genuine[:-1] + ', "repository": "acme/shop"}').encode(),
        (genuine[:-1] + ', "x": NaN}').encode(),
        (genuine[:-1] + ', "x": 1e999}').encode(),
        (genuine[:-1] + ', "x": ' + "9" * 2500 + "}").encode(),
        (genuine[:-1] + ', "x": ' + "[" * 1200 + "]" * 1200 + "}").encode(),
        (genuine[:-1] + ', "x": "\\ud800"}').encode(),
        (genuine[:-1] + ', "x": "\udc80"}').encode("utf-8", "surrogateescape"),
        genuine.encode("utf-16"),
        genuine.encode("utf-8-sig"),
        (genuine + "{}").encode(),
        f"[{genuine}]".encode(),
    ]


MADE_UP_SIGNATURES = ["AA", encoded(bytes(256)), encoded(b"\xff" * 256), encoded(bytes(257))]

OTHER_ISSUERS = [
    "https://evil.example",
    f"{ISSUER}/acme",
    f"{ISSUER}/",
    ISSUER.upper(),
    ISSUER.replace("https", "http"),
    "",
    [ISSUER],
    {"iss": ISSUER},
    1,
]

OTHER_AUDIENCES = [
    "https://other.example",
    AUDIENCE + "/",
    AUDIENCE[:-1],
    AUDIENCE.upper(),
    "https://github.com/acme",
    [AUDIENCE],
    [AUDIENCE, "https://other.example"],
    {"aud": AUDIENCE},
    1,
]
REGISTERED_CLAIMS = ["iss", "aud", "exp", "iat", "nbf", "jti"]
NO_TIMES = [str(NOW + 300), "9_999_999_999", 1e308, float(NOW), NOW + 0.5, True, False, [NOW], {}, ""]
NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999"]

TIMES = [
    ({"iat": 0, "exp": 300}, None),
    ({"iat": 0, "exp": 900}, None),
    ({"iat": 0, "exp": 901}, "bad_times"),
    ({"iat": 0, "exp": 10 * 365 * 86400}, "bad_times"),
    ({"iat": 0, "exp": 10**18}, "bad_times"),
    ({"iat": 0, "exp": 0}, "bad_times"),
    ({"iat": 0, "exp": -1}, "bad_times"),
    ({"iat": -300, "exp": -9}, None),
    ({"iat": -300, "exp": -10}, "expired"),
    ({"iat": -3600, "exp": -3300}, "expired"),
    ({"iat": -900, "exp": 0}, None),
    ({"iat": -901, "exp": -5}, "expired"),
    ({"iat": 10, "exp": 310}, None),
    ({"iat": 11, "exp": 311}, "not_yet_valid"),
    ({"iat": 3600, "exp": 3900}, "not_yet_valid"),
    ({"nbf": 10}, None),
    ({"nbf": 11}, "not_yet_valid"),
    ({"nbf": 10**18}, "not_yet_valid"),
    ({"nbf": -NOW - 1}, None),
]
NO_TOKEN_IDS = ["", 7, "x" * 129, "a b", ["x"]]
NO_IDS = [..., 65, "065", "65 ", "٦٥", ""]
