"""What krt is told at its start: `parts` is the table, `table` reads it, `values` reads single values, `guide` documents it."""
