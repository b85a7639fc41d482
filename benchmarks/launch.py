"""Run one command, or several as a pipe, and write down what they cost.

A script of its own: the kernel counts a new process's peak memory from its parent's, so the
parent must be smaller than anything measured.
Usage: launch.py RESULT STDOUT STDERR SECONDS COMMAND... [--pipe-- COMMAND...]
"""

import os
import signal
import sys
import time

PIPE = "--pipe--"


def main(result: str, stdout: str, stderr: str, seconds: str, *words: str) -> None:
    """Run the commands in a process group of their own, and end it when its time is up."""
    commands = _split(words)
    files = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    errors = os.open(stderr, files, 0o644)
    source = os.open(os.devnull, os.O_RDONLY)
    began = time.perf_counter()
    children: list[int] = []
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        following, sink = (-1, os.open(stdout, files, 0o644)) if last else os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, sink, 1)]
        actions.append((os.POSIX_SPAWN_DUP2, errors, 2))
        group = children[0] if children else 0
        child = os.posix_spawn(
            command[0], command, os.environ, file_actions=actions, setpgroup=group
        )
        children.append(child)
        os.close(source)
        os.close(sink)
        source = following
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(children[0], signal.SIGKILL))
    signal.alarm(int(seconds))
    code, cpu, memory = 0, 0.0, 0
    for child in children:
        _, status, usage = os.wait4(child, 0)
        code = code or os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss)
    wall = time.perf_counter() - began
    signal.alarm(0)
    cost = f"{code} {wall} {time.time()} {cpu} {memory}"
    with open(result, "w") as file:  # noqa: PTH123 (pathlib would make this process bigger)
        file.write(cost)


def _split(words: tuple[str, ...]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == PIPE:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


if __name__ == "__main__":
    main(*sys.argv[1:])
