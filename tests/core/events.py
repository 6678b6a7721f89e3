"""Events of any kind, and bodies, images and tags that make none."""

from hypothesis import strategies as st

from krt.core.announce.event import MOST_BYTES, build
from tests.core.images import host, nearly, path, tag

tags = st.lists(tag, min_size=1, max_size=16, unique=True)
events = st.builds(lambda host, path, tags: build(f"{host}/{path}", tags), host, path, tags)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | nearly,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

NO_BODIES = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"1",
    b'"ghcr.io/acme/shop:dev"',
    b'[{"image":"ghcr.io/acme/shop:dev"}]',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]}}',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]}]',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]} x',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]}{"image":"ghcr.io/acme/evil","tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop","image":"ghcr.io/acme/evil","tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop","\\u0069mage":"ghcr.io/acme/evil","tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop","IMAGE":"ghcr.io/acme/evil","tags":["dev"]}',
    b'{"Image":"ghcr.io/acme/shop","Tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"],"digest":"sha256:0"}',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"],}',
    b"{'image':'ghcr.io/acme/shop','tags':['dev']}",
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]} // why',
    b'{"image":NaN}',
    b'{"image":' + b"9" * 5000 + b"}",
    b'{"image":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'\xef\xbb\xbf{"image":"ghcr.io/acme/shop","tags":["dev"]}',
    '{"image":"ghcr.io/acme/shop","tags":["dev"]}'.encode("utf-16"),
    b'{"image":"ghcr.io/acme/sh\xffop","tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop\\ud800","tags":["dev"]}',
    b'{"image":"ghcr.io/acme/shop","tags":["dev"]}' + b" " * MOST_BYTES,
]

NO_IMAGES = [
    None,
    "",
    0,
    1.5,
    True,
    [],
    ["ghcr.io/acme/shop"],
    {"name": "ghcr.io/acme/shop"},
    "ghcr.io/acme/shop@sha256:" + "0" * 64,
    "ghcr.io/acme/shop:dev",
    "ghcr.io/acme/shop:dev:dev",
    "GHCR.IO/acme/shop",
    "ghcr.io/org/../evil/app",
    "https://ghcr.io/acme/shop",
    "ghcr.io/acme/shop ",
    "ghcr.io/acme/shop\n",
    "ghcr.io/acme/shop\u0000",
    "ghcr.io/\u0430cme/shop",
    "x" * 256,
    " ",
    "/",
]

NO_TAGS = [
    None,
    [],
    "dev",
    "d",
    {"dev": 1},
    1,
    True,
    [None],
    [1],
    [["dev"]],
    ["dev", 1],
    ["dev", "dev"],
    ["dev", ""],
    [""],
    ["-dev"],
    [".dev"],
    ["de v"],
    ["dev\n"],
    ["de/v"],
    ["de:v"],
    ["de@v"],
    ["\u0661"],
    ["*"],
    ["t" * 129],
    [f"v{number}" for number in range(17)],
]
