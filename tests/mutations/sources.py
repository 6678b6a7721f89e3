"""Mutations of the rules about the sources of bundles: pins, logins, bounds."""

from tests.mutations.mutation import of

_GIT, _HTTP, _SSH = "sources/git_source.py", "sources/http_source.py", "sources/git_ssh.py"

MUTATIONS = (
    *of(
        "sources/test_fetch_image.py",
        (
            "test_a_pinned_digest_is_fetched_and_never_the_tag",
            "sources/image_source.py",
            'digest = pinned.rpartition("@")[2] or named.digest',
            "digest = named.digest",
        ),
        (
            "test_a_digest_that_was_fetched_asks_the_registry_nothing",
            "sources/image_source.py",
            "if digest and (found := cache.get(_url(named, digest))):",
            "if digest and (found := cache.get(digest)):",
        ),
        (
            "test_two_sources_are_asked_at_a_time_and_what_was_fetched_waits_for_none",
            "sources/way.py",
            "AT_ONCE = 2",
            "AT_ONCE = 3",
        ),
    ),
    *of(
        "sources/test_cache.py",
        (
            "test_the_bundle_that_was_used_longest_ago_goes_first",
            "sources/cache.py",
            "found = self._bundles.pop(content_url, None)",
            "found = self._bundles.get(content_url, None)",
        ),
    ),
    *of(
        "sources/test_fetch_git.py",
        (
            "test_a_pinned_commit_is_fetched_and_never_the_branch",
            _GIT,
            "commit = pinned or source.commit",
            "commit = source.commit",
        ),
        (
            "test_a_renamed_repository_is_followed_and_another_host_gets_no_login",
            "sources/git_http.py",
            "if self._authorization and same_origin(url, self._address.url):",
            "if self._authorization:",
        ),
    ),
    *of(
        "sources/test_fetch_git_ssh.py",
        (
            "test_a_fetch_that_is_cut_leaves_no_process",
            _SSH,
            "os.killpg(process.pid, signal.SIGKILL)",
            "os.killpg(process.pid, signal.SIGCONT)",
        ),
        (
            "test_no_host_key_counts_but_the_secrets",
            _SSH,
            "StrictHostKeyChecking={'yes' if is_strict else 'no'}",
            "StrictHostKeyChecking=no",
        ),
    ),
    *of(
        "sources/test_git_hostile.py",
        (
            "test_a_bomb_takes_little_memory",
            "sources/git_pack.py",
            "        if self._left < 0:",
            "        if False:",
        ),
        (
            "test_a_server_cannot_fill_the_log",
            "sources/git_client.py",
            'logging.getLogger("dulwich").setLevel(logging.CRITICAL)',
            'logging.getLogger("dulwich").setLevel(logging.WARNING)',
        ),
        (
            "test_a_pack_that_lies_elsewhere_is_not_fetched",
            "sources/git_http.py",
            'elif url == f"{self._base}{_SERVICE}":',
            "elif content or True:",
        ),
    ),
    *of(
        "sources/test_fetch_http.py",
        (
            "test_a_pinned_content_is_fetched_or_none",
            _HTTP,
            "if wanted and digest != wanted:",
            "if wanted and not digest:",
        ),
        (
            "test_a_login_is_sent_to_the_server_alone",
            _HTTP,
            "own = authorization if same_origin(url, start) else None",
            "own = authorization",
        ),
    ),
    *of(
        "core/bundle/test_registry.py",
        (
            "test_rights_in_one_namespace_become_rights_in_each_and_to_see_each",
            "core/bundle/operator_objects.py",
            '("permissions", (_SEE_NAMESPACES,))',
            '("permissions", ())',
        ),
    ),
)
