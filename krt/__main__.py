"""`python -m krt` runs the same command line as the `krt` script."""

import sys

from krt.cli.main import main

sys.exit(main())
