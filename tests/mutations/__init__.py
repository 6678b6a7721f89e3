"""Repeats what a docstring says with "Seen to fail with …": a copy of krt without the rule must make the test fail.

Not every such sentence has a row here: some speak of several rules, of the docs, or of a krt in a process of its own.

Each data module here (`rules_restart`, `reports`, …) holds rows of `Mutation`: a test, a file of krt, a text in that
file, and the text's replacement. `test_mutations.py` checks them twice:

- **quickly, in every run of the tests**: the text occurs exactly once in the file, the test exists, and its docstring
  says `Seen to fail`. So a change of the code shows at once which rows no longer fit.
- **in the slow job** (`pytest -m slow tests/mutations`, on several cores with `-n 2`): the test passes in an unchanged
  copy of the repository, and fails in a copy with the mutation. A mutation that survives fails the job.

To add a mutation
    1. Write the test. Remove the rule by hand, and see the test fail by its own assertion, not by a crash before it.
       Write `Seen to fail with …` into the test's docstring, and name the removed rule.
    2. Add `Mutation(test, file, text, replacement)` to the module named after the test's file or package. Keep the text
       as short as it can be while it occurs only once. Indent whole lines as in the file. The replacement must be code
       that works: a name that does not exist fails the test, too, and says nothing about the rule.
    3. Run `pytest -m slow tests/mutations -k WORD_OF_THE_TEST`.
To change code that a mutation names
    Change the mutation too, so that it removes the same rule. If the rule is gone, remove the test and its sentence.

A mutant that hangs is cut after `SECONDS` and does *not* count as failed, because it would hang every run of the tests:
give the test a deadline (Trio's clock, `trio.fail_after`). Two other mutants do not count as failed either: one with
which krt cannot be imported, and one whose test fails in a fixture, before it begins.

How it runs: one process (`server.py`) imports the heavy libraries, but neither krt nor a test. For each mutation it
forks; the fork imports krt and one test file from the copy, with bytecode that is bound to the hash of its source. That
takes a sixth of a second of processor time instead of two.
"""
