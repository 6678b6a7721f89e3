"""The least environment that each role starts with."""

WEB = {
    "VALKEY_ADDR": "valkey:6379",
    "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/",
    "GITHUB_OIDC_AUDIENCE": "https://krt.example.com",
    "GITHUB_ALLOWED_ORG": "acme@65",
}
WORKER = {"VALKEY_ADDR": "valkey:6379", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
OF_ROLE = {"web": WEB, "worker": WORKER, "controller": {}, "all": WEB}
