"""Starting programs, and ending them, with what they start, however this one ends."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something that the benchmark cannot go on without; its text is for people."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Processes:
    """The programs that run, ended in the reverse order of their start."""

    def __init__(self):
        self.running = []

    def start(self, command, log=None, **options):
        with open(log or os.devnull, "ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=die_with_parent, start_new_session=True,
                **options)
        process.log = log
        self.running.append(process)
        return process

    def run(self, command, seconds, **options):
        """Runs a program to its end: its standard output."""
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent, start_new_session=True,
            **options)
        self.running.append(process)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{command[0]} did not end within {seconds} seconds") from error
        finally:
            self.stop(process)
        if process.returncode != 0:
            words = " ".join(str(word) for word in command)
            raise Failure(f"status {process.returncode} of: {words}\n{output}{errors}")
        return output

    def stop(self, process, seconds=30):
        """Asks a program to end; one that does not in time is killed."""
        if process not in self.running:
            return
        self.running.remove(process)
        if process.poll() is None and seconds:
            self.signal(process, signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.signal(process, signal.SIGKILL)
        process.wait()

    @staticmethod
    def signal(process, number):
        """To the program and to those that it started, which share its process group."""
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    def stop_all(self):
        for process in reversed(self.running[:]):
            self.stop(process, 5)


def wait_until(what, condition, process=None, seconds=60):
    """Waits for something that another process does without a sign."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failure(f"{what}: {process.args[0]} ended with {process.returncode}\n"
                          + tail(process.log))
        if time.monotonic() > deadline:
            raise Failure(f"waited in vain for {what}\n" + (tail(process.log) if process else ""))
        time.sleep(0.01)


def tail(log):
    if not log or not os.path.exists(log):
        return ""
    with open(log, "rb") as file:
        return file.read()[-3000:].decode(errors="replace")


def memory(process, key):
    """A line of /proc/PID/status in megabytes, such as VmHWM."""
    with open(f"/proc/{process.pid}/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    raise Failure(f"no {key} of process {process.pid}")
