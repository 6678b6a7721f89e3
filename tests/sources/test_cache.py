"""The cache of bundles: its bound, and which bundle goes first."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle.tree import FileTree
from krt.sources.cache import BundleCache, size_of
from krt.sources.fetched import FetchedBundle


def bundle(name: str, size: int) -> FetchedBundle:
    return FetchedBundle(name, name, FileTree({"": b"x" * (size - 128)}))


def kept(cache: BundleCache, names: str) -> str:
    """Those of the names that the cache has, without using any."""
    return "".join(name for name in names if name in cache._bundles)


def test_the_bundle_that_was_used_longest_ago_goes_first() -> None:
    """Seen to fail with `get` that leaves the order as it is."""
    cache = BundleCache(3000)
    for name in "abc":
        cache.put(bundle(name, 1000))
    assert cache.get("a") == bundle("a", 1000)
    cache.put(bundle("d", 1000))
    assert kept(cache, "abcd") == "acd"
    cache.put(bundle("a", 1000))
    cache.put(bundle("e", 2000))
    assert kept(cache, "abcde") == "ae"


def test_a_bundle_larger_than_the_cache_pushes_nothing_out() -> None:
    cache = BundleCache(3000)
    cache.put(bundle("a", 3000))
    cache.put(bundle("b", 3001))
    assert kept(cache, "ab") == "a"
    assert cache.get("b") is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(128, 1500)), max_size=50))
def test_the_bound_holds_whatever_is_put(puts: list[tuple[int, int]]) -> None:
    cache = BundleCache(3000)
    for name, size in puts:
        cache.put(bundle(str(name), size))
        held = sum(size_of(each.files) for each in cache._bundles.values())
        assert held == cache._bytes <= 3000


def test_the_size_counts_what_small_files_cost() -> None:
    """Ten thousand files of one byte are more than ten thousand bytes."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    files = FileTree({f"manifests/{number}.yaml": b"%d" % number for number in range(10_000)})
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken * 0.7 < size_of(files) < taken * 2
