"""`python -m krt`."""

import sys

from krt.cli.main import main

sys.exit(main())
