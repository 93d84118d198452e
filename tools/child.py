"""Becomes another program that does not outlive its parent: `python child.py <parent pid> <program>
<arguments...>`.

Where the system can do it (Linux), the program gets SIGTERM when the process that started it dies, also by
SIGKILL.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """From now on this process, also as the program it becomes, gets SIGTERM when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):  # it died before the line above
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])
