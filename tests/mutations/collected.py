"""Mutations of krt.daemon.memory: which objects the garbage collector no longer scans."""

from tests.mutations.mutation import of

MUTATIONS = of(
    "daemon/test_memory.py",
    (
        "test_what_is_garbage_is_collected_and_not_frozen",
        "daemon/memory.py",
        "    gc.collect()\n",
        "",
    ),
    (
        "test_an_index_keeps_the_object_of_a_workload_that_has_not_changed",
        "cluster/workloads/index.py",
        "        workload = before if before and before == workload else workload\n",
        "",
    ),
    (
        "test_a_list_says_that_the_index_grows_only_where_it_does",
        "cluster/reflect.py",
        "            if len(new) > known:\n",
        "            if True:\n",
    ),
)
