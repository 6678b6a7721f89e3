"""Mutations of krt.cluster: lists, kubeconfigs, and the connection to the API server."""

from tests.mutations.mutation import of

_UNPACK = "cluster/unpack.py"

_OF_UNPACK = of(
    "cluster/test_unpack.py",
    (
        "test_what_was_packed_comes_out_whatever_the_chunks",
        _UNPACK,
        "self._member.unconsumed_tail or self._member.unused_data",
        "self._member.unconsumed_tail",
    ),
    (
        "test_what_was_packed_comes_out_whatever_the_chunks",
        _UNPACK,
        "self._member.unconsumed_tail or self._member.unused_data",
        "self._member.unused_data",
    ),
    (
        "test_a_chunk_that_unpacks_to_a_thousand_times_its_size_comes_in_bounded_pieces",
        _UNPACK,
        "self._member.decompress(chunk, PIECE_BYTES)",
        "self._member.decompress(chunk)",
    ),
    (
        "test_what_is_not_what_it_says_is_an_answer_that_cannot_be_used",
        _UNPACK,
        "        if self._is_inside:",
        "        if False:",
    ),
    (
        "test_what_is_not_what_it_says_is_an_answer_that_cannot_be_used",
        "cluster/transport.py",
        "    except UnpackError as error:\n        raise ClusterUnavailable(str(error)) from error\n",
        "",
    ),
)

_OF_READS = of(
    "contract/test_reads.py",
    (
        "test_a_long_list_comes_as_gzip_and_is_read_alike",
        "dev/cluster/app.py",
        'packed(whole, _header(scope, b"accept-encoding"))',
        "packed(whole, '')",
    ),
)

_OF_FIELDS = of(
    "cluster/test_fields.py",
    (
        "test_a_field_that_is_null_is_not_set",
        "cluster/kubeconfig.py",
        'without_nulls(entry.fields, but="token"), kind)',
        "entry.fields, kind)",
    ),
    (
        "test_what_a_plugin_gives_as_null_it_does_not_give",
        "cluster/plugin.py",
        "without_nulls(msgspec.json.decode(printed))",
        "msgspec.json.decode(printed)",
    ),
)

_OF_PROXIES = of(
    "test_proxies.py",
    (
        "test_a_network_of_ipv4_within_ipv6_is_that_of_ipv4",
        "proxies.py",
        "(address := _plain(start))",
        "(address := _address(start))",
    ),
)

_OF_ANY_RESOURCE = of(
    "cluster/test_reflect.py",
    (
        "test_what_cannot_be_read_is_left_out_and_taken_out",
        "cluster/reflect.py",
        "    if deleted or isinstance(changed, Unreadable):",
        "    if isinstance(changed, Unreadable):\n        return\n    if deleted:",
    ),
    (
        "test_only_what_is_listed_stays_after_an_expired_version",
        "cluster/reflect.py",
        "    store.retain(scope.resource, scope.namespace, listed)\n",
        "",
    ),
)

_OF_KEYS = of(
    "core/test_object_key.py",
    (
        "test_a_workload_is_spelled_as_the_versions_before_spelled_it_and_others_by_their_group",
        "core/kube/object_key.py",
        'key.kind if key.group == _WORKLOADS_GROUP else f"{key.kind}.{key.group}"',
        'f"{key.kind}.{key.group}"',
    ),
    (
        "test_a_kind_is_known_by_its_group_whatever_its_version",
        "core/kube/resource.py",
        "return key.kind == self.kind and key.group == self.group",
        "return key.kind == self.kind",
    ),
)

MUTATIONS = (*_OF_ANY_RESOURCE, *_OF_KEYS, *_OF_FIELDS, *_OF_PROXIES, *_OF_READS, *_OF_UNPACK)
