"""The users of deploy/valkey/users.acl, with passwords in place of the placeholders."""

from hashlib import sha256
from pathlib import Path

ACL_FILE = Path(__file__).parents[2] / "deploy" / "valkey" / "users.acl"
PLACEHOLDER = "#<sha256>"
ADMIN = "user admin on nopass ~* &* +@all"  # for the tests; the file has no such user


def password_of(user: str) -> str:
    return f"the password of {user}"


def deployed_users() -> list[str]:
    """The file's lines, with digests of `password_of` in place of the placeholders. The operator is enabled."""
    return [_with_password(line) for line in ACL_FILE.read_text().splitlines()]


def _with_password(line: str) -> str:
    user = line.split()[1]
    line = line.replace("krt-operator off", f"krt-operator on {PLACEHOLDER}")
    return line.replace(PLACEHOLDER, f"#{sha256(password_of(user).encode()).hexdigest()}")
