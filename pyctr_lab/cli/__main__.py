"""`python -m pyctr_lab.cli`: the same as the command pyctr-lab."""

import sys

from .main import main

sys.exit(main())
