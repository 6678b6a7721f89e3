"""What krt reads at its start: `parts` is the table, `table` reads it, `values` its values; `guide` documents it."""
