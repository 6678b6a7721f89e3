"""Image references: the parts that they are made of, and texts that are none."""

from hypothesis import strategies as st

DIGEST = "sha256:" + "0123456789abcdef" * 4
component = st.from_regex(r"[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}", fullmatch=True)
label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
port = st.integers(1, 65535).map(lambda number: f":{number}")

host = st.one_of(
    st.tuples(st.lists(label, min_size=2, max_size=4).map(".".join), st.just("") | port).map("".join),
    st.tuples(label, port).map("".join),
    st.tuples(st.just("localhost"), st.just("") | port).map("".join),
)
path = st.lists(component, min_size=1, max_size=5).map("/".join)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
# The pieces that references are made of: nearly one, and so more telling than random text.
pieces = st.sampled_from([*"aZ9._-/:@é\n\x00\u202e", "--", "__", "//", ":443", "localhost", "docker.io", "sha256:"])
nearly = st.lists(pieces | st.just(DIGEST), max_size=12).map("".join)

NO_REFERENCES = [
    "",
    " ",
    "/",
    ":dev",
    "/shop",
    "shop/",
    "ghcr.io/",
    "ghcr.io//shop",
    "ghcr.io/acme/shop/",
    "ghcr.io/org/../evil/app",
    "ghcr.io/./app",
    "ghcr.io/acme/.app",
    "ghcr.io/acme/app.",
    "ghcr.io/acme/-app",
    "ghcr.io/acme/app-",
    "ghcr.io/acme/app_",
    "ghcr.io/acme/a..b",
    "ghcr.io/acme/a___b",
    "ghcr.io/acme/a._b",
    "ghcr.io/acme/Shop",
    "Shop",
    "ghcr.io./acme/shop",
    ".ghcr.io/acme/shop",
    "-ghcr.io/acme/shop",
    "ghcr-.io/acme/shop",
    "ghcr..io/acme/shop",
    "ghcr.io:/acme/shop",
    "ghcr.io:https/acme/shop",
    "ghcr.io:443:443/acme/shop",
    ":443/acme/shop",
    "::1/shop",
    "https://ghcr.io/acme/shop",
    "user@ghcr.io/acme/shop",
    "user:password@ghcr.io/acme/shop",
    "ghcr.io/acme/shop?x",
    "ghcr.io/acme/shop#x",
    "ghcr.io/acme/%2e%2e",
    "ghcr.io\\acme\\shop",
    "ghcr.io/acme/shop ",
    " ghcr.io/acme/shop",
    "ghcr.io/acme/shop\n",
    "ghcr.io\n/acme/shop",
    "ghcr.io/acme/shop\x00",
    "ghcr.io/аcme/shop",  # noqa: RUF001 - the Cyrillic letter is the point
    "ghcr.io/acme/s\u200bhop",
    "ghcr.io/acme/shop\uff11",
    "ghcr.io/acme/shop\ud800",
    "ghcr.io/acme/shop:dev:dev",
    "ghcr.io/acme/shop:",
    "ghcr.io/acme/shop:-dev",
    "ghcr.io/acme/shop:.dev",
    "ghcr.io/acme/shop:de/v",
    "ghcr.io/acme/shop:dev\n",
    "ghcr.io/acme/shop:\u0661",
    "ghcr.io/acme/shop:" + "t" * 129,
    "ghcr.io/acme/shop@",
    "ghcr.io/acme/shop@sha256",
    "ghcr.io/acme/shop@sha256:",
    "ghcr.io/acme/shop@sha256:abc",
    "ghcr.io/acme/shop@dev",
    f"ghcr.io/acme/shop@{DIGEST}@{DIGEST}",
    f"ghcr.io/acme/shop@{DIGEST}:dev",
    f"ghcr.io/acme/shop@{DIGEST}\n",
    f"@{DIGEST}",
    "a" * 256,
    "ghcr.io/" + "a" * 256,
    f"{'a.' * 128}io/shop",
    "[::1/shop",
    "::1]/shop",
    "[]/shop",
    "[:::]:5000/shop",
    "[1:2:3:4:5:6:7:8:9]/shop",
    "[fe80::1%eth0]/shop",
    "[::ffff:10.1.2.3]/shop",
    "[::1]x/shop",
    "[::1]:/shop",
    "[ghcr.io]/shop",
]
