"""Fuzzing of every reader: small valid files, changed by chance, each read in a process of its own with limits.

    python -m tests.fuzz --count 5000 --seed 1        # prints a table: reader, outcomes
    python -m tests.fuzz --list                       # every reader and the function that is called
    python -m tests.fuzz.coverage pickle --seconds 60 # guided by coverage (needs the package atheris)

`seeds` makes the valid files, `targets` says what reads them, `mutate*` change them, `runner` reads them and tells
what became of each. The same seed gives the same files; none of them is committed.
"""

import sys
from pathlib import Path

if (_TESTS := str(Path(__file__).parents[1])) not in sys.path:
    sys.path.insert(0, _TESTS)  # what the tests share (raw_sets, scenes) stands beside this folder
