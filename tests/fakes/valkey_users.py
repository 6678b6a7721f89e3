"""The users of deploy/valkey/users.acl, with passwords in the places that the file leaves for them."""

from hashlib import sha256
from pathlib import Path

ACL_FILE = Path(__file__).parents[2] / "deploy" / "valkey" / "users.acl"
PLACEHOLDER = "#<sha256>"
ADMIN = "user admin on nopass ~* &* +@all"  # the test's own; the file has nobody like that


def password_of(user: str) -> str:
    return f"the password of {user}"


def deployed_users() -> list[str]:
    """The file's lines, each user's placeholder replaced by the digest of `password_of` it; the operator's is on."""
    return [_with_password(line) for line in ACL_FILE.read_text().splitlines()]


def _with_password(line: str) -> str:
    user = line.split()[1]
    line = line.replace("krt-operator off", f"krt-operator on {PLACEHOLDER}")
    return line.replace(PLACEHOLDER, f"#{sha256(password_of(user).encode()).hexdigest()}")
