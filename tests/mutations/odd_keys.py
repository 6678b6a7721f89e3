"""Mutations of the rule C5 (docs/correctness.md) for foreign values in krt's keys, and of the check for stalls."""

from collections.abc import Sequence

from tests.mutations.mutation import Mutation, of

_ONE = "test_C5_what_stands_in_a_key_of_krts_holds_up_no_event"
_REPORT = "test_C5_what_stands_in_a_report_holds_up_no_other_event"
_NAME = "test_C1_an_odd_record_of_the_clusters_name_is_told_and_may_be_replaced"
_PART = "test_a_part_that_does_not_get_on_is_named_until_it_does"

_SCRIPTS = "broker/scripts.py"
_NO_TEXT = "  if string.find(found.err, 'WRONGTYPE', 1, true) then return '' end\n"
_IS_NEW = "if #name ~= #ARGV[1] or not string.find(name, '^[0-9a-f]+$') then"
_SANE = "return time > now + ABSENT and instead or time"

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
        _SCRIPTS,
        "local is_held = holder and is_ending and #holder == #ARGV[1] and string.find(holder, '^%x+$')",
        "local is_held = holder",
    ),
    (f"{_ONE}[journal-name-a_large_text]", _SCRIPTS, _IS_NEW, "if #name == 0 then"),
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
    ("test_C5_an_odd_record_of_a_token_refuses_that_token_and_no_other[a_list]", _SCRIPTS, _NO_TEXT, ""),
    ("test_C5_an_odd_record_of_an_idempotency_key_refuses_that_key_and_no_other[a_set]", _SCRIPTS, _NO_TEXT, ""),
    ("test_C5_an_odd_record_of_an_adopted_message_is_overwritten[a_stream]", _SCRIPTS, _NO_TEXT, ""),
    (f"{_NAME}[a_list]", "broker/clusters.py", "then return 'no text' end", "then return found end"),
    (
        f"{_NAME}[a_large_text]",
        "broker/clusters.py",
        "return string.sub(found or '', 1, 65536)",
        "return found or ''",
    ),
)
_CONTENTS = of(
    "worker/test_odd_contents.py",
    (
        "test_C5_marks_spell_the_journals_name_whatever_stood_in_its_place[two words]",
        _SCRIPTS,
        _IS_NEW,
        "if #name == 0 then",
    ),
    (
        "test_J3_all_workers_agree_upon_the_new_name_and_web_keeps_it",
        _SCRIPTS,
        _IS_NEW,
        "if #name == 0 then",
    ),
    ("test_J3_a_name_that_krt_made_stays", _SCRIPTS, _IS_NEW, "if true then"),
    (
        "test_C5_a_lease_that_lasts_longer_than_any_is_nobodys[no end]",
        _SCRIPTS,
        "local is_ending = left >= 0 and left <= tonumber(ARGV[2])",
        "local is_ending = true",
    ),
    (
        "test_C5_what_krt_remembers_of_a_call_is_an_id_or_nothing[letters]",
        _SCRIPTS,
        "return time and #time < 20",
        "return true or time and #time < 20",
    ),
    (
        "test_C2_a_group_whose_time_cannot_be_true_counts_as_older_than_any_event[2096]",
        _SCRIPTS,
        "or tonumber(made) > now + ARGV[1] then",
        "then",
    ),
    ("test_C2_a_group_may_be_made_a_little_in_the_future", _SCRIPTS, "> now + ARGV[1] then", "> now then"),
    (
        "test_T4_an_event_waits_for_a_cluster_that_was_seen_in_the_future[first and last]",
        "broker/bounded.py",
        "sane(first, 0)",
        "tonumber(first)",
    ),
    (
        "test_T4_what_was_seen_in_the_future_is_put_right_by_any_worker[last]",
        "broker/report_scripts.py",
        "    else put_right(alive, said[i], said[i + 1], now) end",
        "    end",
    ),
    (
        "test_T4_a_cluster_that_was_seen_in_the_future_is_silent_and_may_be_forgotten",
        "broker/bounded.py",
        _SANE,
        "return time",
    ),
    (
        "test_T4_a_living_cluster_puts_its_own_times_right[first and last]",
        "broker/bounded.py",
        _SANE,
        "return time",
    ),
    (
        "test_T4_a_worker_that_was_seen_in_the_future_keeps_no_group_from_leaving",
        "broker/report_scripts.py",
        "math.abs(now - (tonumber(said[i + 1]) or 0))",
        "now - (tonumber(said[i + 1]) or 0)",
    ),
    (
        "test_C2_a_group_that_is_ahead_of_the_journal_is_begun_anew[9999999999999-0]",
        _SCRIPTS,
        "if #found == 0 and after == '>' and is_ahead(KEYS[1], ARGV[1]) then",
        "if false then",
    ),
    (
        "test_C2_what_a_group_had_settled_is_over_when_it_is_begun_anew",
        _SCRIPTS,
        "KEYS[1], ARGV[1], '0')\nmade_now(KEYS[2])",
        "KEYS[1], ARGV[1], '0')",
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

MUTATIONS: Sequence[Mutation] = (*_KEYS, *_CONTENTS, *_STALLS)
