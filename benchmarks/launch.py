"""Run one command and write down what it cost. A script of its own, so as to stay small itself.

The kernel counts a new process's peak memory from its parent's, so the parent must be smaller
than anything measured. Usage: launch.py RESULT STDOUT STDERR SECONDS COMMAND...
"""

import os
import signal
import sys
import time


def main(result: str, stdout: str, stderr: str, seconds: str, *command: str) -> None:
    """Run the command in a process group of its own, and end it when its time is up."""
    began = time.perf_counter()
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_OPEN, 2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        ],
        setpgroup=0,
    )
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(int(seconds))
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    signal.alarm(0)
    cpu = usage.ru_utime + usage.ru_stime
    cost = f"{os.waitstatus_to_exitcode(status)} {wall} {cpu} {usage.ru_maxrss}"
    with open(result, "w") as file:  # noqa: PTH123 (pathlib would make this process bigger)
        file.write(cost)


if __name__ == "__main__":
    main(*sys.argv[1:])
