"""The machine: its facts, and a network and mounts of our own."""

import ctypes
import fcntl
import os
import pathlib
import platform
import re
import socket
import struct
import subprocess
import sys
import time

from .processes import Failure

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
MS_BIND = 4096


def start_loopback():
    """In a new network namespace the loopback interface is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", request)[1] | IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags))


def own_resolv_conf(directory):
    """Puts a file of ours over /etc/resolv.conf, for this mount namespace only."""
    own = pathlib.Path(directory) / "resolv.conf"
    own.write_text("nameserver 127.0.0.1\n")
    target = os.path.realpath("/etc/resolv.conf")
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(os.fsencode(own), os.fsencode(target), None, MS_BIND, None) != 0:
        raise Failure(f"{target} cannot be covered by a file of ours: "
                      + os.strerror(ctypes.get_errno()))
    return own


def facts(root, program, work):
    """What a reader has to know about the machine and the programs."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    with open("/proc/meminfo") as file:
        total = int(re.search(r"^MemTotal:\s*(\d+)", file.read(), re.M)[1])
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memoryMegabytes": total // 1024,
        "kernel": platform.release(),
        "system": system_name(),
        "load": os.getloadavg()[0],
        "ledger": dict(file_system(work), syncMilliseconds=sync_time(work)),
        "versions": {
            "opendkim": package("opendkim"), "opendmarc": package("opendmarc"),
            "unbound": package("unbound"), "libopendkim": package("libopendkim11"),
            "openssl": package("libssl3"), "libmilter": package("libmilter1.0.1"),
            "swift": first_line(["swift", "--version"], r"Swift version (\S+)"),
            "plumbline": first_line([program, "--version"], r"(\S+)"),
            "commit": first_line(["git", "-C", root, "rev-parse", "--short", "HEAD"], r"(\S+)"),
        },
    }


class Stolen:
    """The processor time that the host of a virtual machine gave to others, between two moments."""

    def __init__(self):
        self.begin = self.now()

    @staticmethod
    def now():
        with open("/proc/stat") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return sum(ticks), ticks[7]

    def percent(self):
        """Since this was made, of all processors; 0 on a machine that does not tell."""
        every, stolen = (now - then for now, then in zip(self.now(), self.begin))
        return round(100 * stolen / every, 2) if every else 0.0


def stolen_while_spinning(seconds=0.5):
    """The percentage of the processors that the host takes while all of them only count.

    What it takes during a measurement is no measure of the host: a filter that writes to the disk
    lets a virtual processor sleep and wake, and brings a part of that about itself.
    """
    stolen = Stolen()
    spin = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in os.sched_getaffinity(0)]
    for process in spinning:
        process.wait()
    return stolen.percent()


def system_name():
    with open("/etc/os-release") as file:
        name = re.search(r'^PRETTY_NAME="(.*)"$', file.read(), re.M)
    return name[1] if name else platform.system()


def package(name):
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
    return result.stdout or None


def first_line(command, pattern):
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    match = re.search(pattern, result.stdout + result.stderr)
    return match[1] if match else None


def file_system(path):
    """The file system that holds a path, from the longest mount point above it."""
    best = ("", "?", "?")
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.split(" - ")
            point, kind, device = left.split()[4], *right.split()[:2]
            inside = f"{path}/".startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind, device)
    return {"path": str(path), "fileSystem": best[1], "device": best[2]}


def sync_time(directory):
    """How long a small write takes until it is on the disk: the median of some."""
    times = []
    path = pathlib.Path(directory) / "sync"
    with open(path, "wb") as file:
        for _ in range(50):
            begin = time.monotonic()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - begin)
    path.unlink()
    return round(sorted(times)[25] * 1000, 3)
