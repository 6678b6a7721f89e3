"""Mutations of the rule C7 (docs/correctness.md)."""

from tests.mutations.mutation import of

_LISTEN = "worker/listen.py"
_SCRIPTS = "broker/scripts.py"

MUTATIONS = of(
    "worker/test_rules_foreign.py",
    (
        "test_C7_two_workers_take_one_foreign_message_in_once",
        _LISTEN,
        "        if await self._journal.hold_lease():",
        "        if True:",
    ),
    (
        "test_C7_only_what_ends_as_krts_own_messages_do_is_in_the_journal_already",
        "core/announce/event.py",
        "message.endswith(JOURNALED)",
        'message.endswith(b"\\n")',
    ),
    (
        "test_C7_two_pushes_of_equal_bytes_are_two_events",
        _LISTEN,
        "Envelope(event, None, token_hex(8))",
        "Envelope(event, None, str(hash(payload)))",
    ),
    (
        "test_C7_messages_between_the_death_of_one_and_the_turn_of_the_other_are_taken_in",
        _LISTEN,
        "            self._forget(_KEPT_SECONDS)\n",
        "            self._forget(0.0)\n",
    ),
    (
        "test_C7_what_another_has_had_the_time_for_is_forgotten",
        _LISTEN,
        "            self._forget(_KEPT_SECONDS)\n",
        "            pass\n",
    ),
    (
        "test_C7_a_message_heard_while_valkey_is_away_is_taken_in_later",
        _LISTEN,
        '                log.warning("foreign_messages_waiting"',
        '                self._forget(_KEPT_SECONDS)\n                log.warning("foreign_messages_waiting"',
    ),
    (
        "test_C7_a_message_that_nobody_could_take_in_is_said_to_be_lost",
        _LISTEN,
        '                log.error("messages_lost", messages=lost)\n',
        "",
    ),
    (
        "test_C7_what_is_no_event_is_refused_and_the_next_is_heard",
        _LISTEN,
        "        except EventInvalid as error:",
        "        except ZeroDivisionError as error:",
    ),
    (
        "test_C7_a_foreign_image_that_the_policy_admits_not_restarts_nothing",
        "worker/take.py",
        "        if refusal := self._matching.refusal(envelope.event):",
        "        if refusal := None:",
    ),
    (
        "test_C7_a_real_lease_has_one_holder_until_it_ends",
        _SCRIPTS,
        "if is_held and holder ~= ARGV[1] then return 0 end",
        "",
    ),
    (
        "test_C7_a_real_lease_has_one_holder_until_it_ends",
        _SCRIPTS,
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])",
        "redis.call('SET', KEYS[1], ARGV[1])",
    ),
    (
        "test_C7_who_has_lost_the_lease_takes_nothing_in",
        _SCRIPTS,
        "if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'lost'} end",
        "",
    ),
    (
        "test_C7_krts_own_messages_are_taken_in_by_nobody",
        _LISTEN,
        "                case ChannelMessage(payload) if is_journaled(payload):",
        "                case ChannelMessage(payload) if False:",
    ),
)
