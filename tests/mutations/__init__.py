"""What a test says it was "Seen to fail with" is tried: a copy of krt loses the rule, and the test has to fail.

The data modules here (`rules_restart`, `broker`, …) hold a `Mutation` each: a test, a file, a text in it and what
takes the text's place. `test_mutations.py` holds them to it:

- **quickly, with every run of the tests**: that the text stands exactly once in the file, that the test is there and
  that its docstring says `Seen to fail`. Who changes the code is told at once.
- **in the slow job** (`pytest -m slow tests/mutations`, on several cores with `-n 2`): that the test is green in an
  unchanged copy of the repository and red in one with the mutation. A mutation that survives fails the job.

To add one
    1. Write the test, and take the rule out by hand until the test fails: by its own assertion, not by a crash on the
       way to it. Say in its docstring `Seen to fail with …`: what was taken out, in words.
    2. Add `Mutation(test, file, text, replacement)` to the module named after the test's file or package. The text is
       as short as it can be and stand once; whole lines are indented as in the file.
    3. `pytest -m slow tests/mutations -k WORD_OF_THE_TEST`.
To change code that a mutation names
    Change the mutation with it, so that it takes out the same rule. If there is no such rule any more, the test and its
    sentence have to go as well.

A mutant that hangs is cut after `SECONDS` and is *not* red: it would hang everybody's run of the tests, so the test
needs a deadline of its own (Trio's clock, `trio.fail_after`). Nor is a mutant red that cannot be collected, that is,
krt without the rule cannot be imported, or whose test fails before it begins, in a fixture.

How it runs: one process (`server.py`) imports what is heavy, but neither krt nor a test. For each mutation it forks; in
the fork krt and one test file are imported from the copy. That takes a third of a second instead of two.
"""
