"""C5 where something stands in a key of krt's that krt never wrote, and what tells a worker that does not get on."""

from collections.abc import Sequence

from tests.mutations.mutation import Mutation, of

_ONE = "test_C5_what_stands_in_a_key_of_krts_holds_up_no_event"
_REPORT = "test_C5_what_stands_in_a_report_holds_up_no_other_event"
_NAME = "test_C1_an_odd_record_of_the_clusters_name_is_told_and_may_be_replaced"
_PART = "test_a_part_that_does_not_get_on_is_named_until_it_does"

_KEYS = of(
    "worker/test_odd_keys.py",
    (
        f"{_ONE}[followed-a_text]",
        "broker/mend.py",
        "    except BrokerRefused as error:",
        "    except ZeroDivisionError as error:",
    ),
    (
        f"{_ONE}[adopter-a_text]",
        "broker/scripts.py",
        "local is_held = holder and #holder == #ARGV[1] and string.find(holder, '^%x+$')",
        "local is_held = holder",
    ),
    (f"{_ONE}[journal-name-a_large_text]", "broker/scripts.py", "if #name > 64 then", "if false then"),
    (
        f"{_REPORT}[too old-a_list]",
        "broker/report_scripts.py",
        "local value, said = value_of(KEYS[1], ARGV[1]), {}",
        "local value, said = redis.call('HGET', KEYS[1], ARGV[1]), {}",
    ),
    (
        "test_C5_a_workload_is_followed_for_as_many_events_as_there_are",
        "broker/rollouts.py",
        "self._keys.followed(self._group), FOLLOWED)",
        "self._keys.followed(self._group))",
    ),
    (
        "test_C5_of_too_many_events_of_one_workload_the_oldest_is_given_up",
        "broker/report_scripts.py",
        "if #ids > MOST_IDS then ids =",
        "if false then ids =",
    ),
    (
        f"{_REPORT}[in time-many_large_values]",
        "broker/bounded.py",
        "    if bytes > ENOUGH then return nil end\n",
        "",
    ),
    (f"{_NAME}[a_list]", "broker/clusters.py", "then return 'no text' end", "then return found end"),
    (
        f"{_NAME}[a_large_text]",
        "broker/clusters.py",
        "return string.sub(found or '', 1, 65536)",
        "return found or ''",
    ),
)
_STALLS = of(
    "worker/test_stalls.py",
    (f"{_PART}[read_new-journal-fails]", "worker/consume.py", 'with self._stalls.step("journal"):', "if True:"),
    (f"{_PART}[renew-claims-hangs]", "worker/claims.py", 'with stalls.step("claims"):', "if True:"),
    (f"{_PART}[settle-reports-fails]", "worker/settle.py", 'with stalls.step("reports"):', "if True:"),
    (f"{_PART}[say_alive-presence-hangs]", "worker/chores.py", 'with stalls.step("presence"):', "if True:"),
    (f"{_PART}[followed-rollouts-fails]", "worker/follow.py", 'with self._stalls.step("rollouts"):', "if True:"),
    (
        "test_a_message_that_is_never_taken_in_is_named",
        "worker/listen.py",
        'with self._stalls.step("foreign messages"):',
        "if True:",
    ),
    ("test_a_hand_that_stays_full_is_named", "worker/consume.py", 'with self._stalls.step("hand"):', "if True:"),
)

MUTATIONS: Sequence[Mutation] = (*_KEYS, *_STALLS)
