"""The filters that are measured, and the DNS server that they all ask."""

import pathlib
import shutil
import socket

from .processes import memory, wait_until

AUTHSERV_ID = "mx.receiver.example"
PUBLIC_SUFFIXES = "/usr/share/publicsuffix/public_suffix_list.dat"


def accepts(path):
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


class Contender:
    """Filters that together do the work, called one after the other. Each run has new ones."""

    name = ""
    # Filters made with libmilter take five seconds to end; nothing of theirs is kept.
    stop_seconds = 0
    # What their results must contain besides what the mix asks for.
    expected = {}

    def __init__(self, processes, directory):
        self.processes = processes
        self.directory = pathlib.Path(directory)
        self.started = []
        self.sockets = []

    def __enter__(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        try:
            self.start()
            for process, path in zip(self.started, self.sockets):
                wait_until(f"{path.name} to be listened on", lambda: accepts(path), process,
                           300)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            self.processes.stop(process, self.stop_seconds)
        shutil.rmtree(self.directory, ignore_errors=True)

    def launch(self, name, command, configuration):
        path = self.directory / f"{name}.conf"
        path.write_text(configuration)
        self.sockets.append(self.directory / f"{name}.sock")
        self.started.append(
            self.processes.start([*command, path], log=self.directory / f"{name}.log"))

    def peak(self):
        """The largest resident memory of each, in megabytes."""
        return [memory(process, "VmHWM") for process in self.started]


class Classic(Contender):
    """opendkim and, behind it, opendmarc, as Debian has them."""

    name = "opendkim+opendmarc"

    def start(self):
        self.launch("opendkim", ["/usr/sbin/opendkim", "-f", "-x"], f"""
Mode v
Socket local:{self.directory}/opendkim.sock
AuthservID {AUTHSERV_ID}
AlwaysAddARHeader yes
Nameservers {self.nameserver()}
Syslog no
""")
        suffixes = f"PublicSuffixList {PUBLIC_SUFFIXES}" * pathlib.Path(PUBLIC_SUFFIXES).exists()
        self.launch("opendmarc", ["/usr/sbin/opendmarc", "-f", "-c"], f"""
Socket local:{self.directory}/opendmarc.sock
AuthservID {AUTHSERV_ID}
TrustedAuthservIDs {AUTHSERV_ID}
HistoryFile {self.directory}/opendmarc.dat
SPFSelfValidate true
Syslog false
{suffixes}
""")

    @staticmethod
    def nameserver():
        with open("/etc/resolv.conf") as file:
            return file.read().split()[1]


class Plumbline(Contender):
    """plumbline milter as it comes: all checks, and its ledger with its normal durability."""

    name = "plumbline"
    expected = {"arc3": ["arc=pass"]}
    program = None
    # What stands in front of the program, such as valgrind.
    prefix = []

    def start(self):
        self.launch("plumbline", [*self.prefix, self.program, "milter", "--config"], f"""
[milter]
socket = "unix:{self.directory}/plumbline.sock"
authserv_id = "{AUTHSERV_ID}"
[ledger]
database = "{self.directory}/ledger.sqlite"
""")


CONTENDERS = [Classic, Plumbline]


class Names:
    """unbound with the zone, and in front of it, if wanted, a relay that keeps answers back."""

    SERVER = "127.0.0.1"
    RELAY = "127.0.0.2"

    def __init__(self, processes, directory, generator, resolv_conf):
        self.processes = processes
        self.directory = pathlib.Path(directory)
        self.generator = generator
        self.resolv_conf = pathlib.Path(resolv_conf)

    def start(self, zone):
        configuration = self.directory / "unbound.conf"
        configuration.write_text(f"""
server:
  interface: {self.SERVER}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{self.directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  include: "{zone}"
remote-control:
  control-enable: no
""")
        process = self.processes.start(
            ["/usr/sbin/unbound", "-d", "-p", "-c", configuration], log=self.directory / "unbound.log")
        wait_until("unbound", lambda: answers(self.SERVER), process)
        self.use(self.SERVER)

    def use(self, address):
        """Sends whoever starts from now on to this server; the file is a mount of ours."""
        self.resolv_conf.write_text(f"nameserver {address}\n")

    def delayed(self, milliseconds, suffix=None):
        """Everybody who starts asks a relay that keeps answers back, until `direct`."""
        command = [self.generator, "delay-dns", "--listen", f"{self.RELAY}:53",
                   "--to", f"{self.SERVER}:53", "--milliseconds", milliseconds]
        if suffix:
            command += ["--suffix", suffix]
        self.relay = self.processes.start(command, log=self.directory / "relay.log")
        wait_until("the relay", lambda: answers(self.RELAY), self.relay)
        self.use(self.RELAY)

    def direct(self):
        self.processes.stop(self.relay)
        self.use(self.SERVER)


def answers(address):
    """Whether a DNS server answers: a question for the SOA of the root."""
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\6\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        try:
            client.connect((address, 53))
            client.send(question)
            return len(client.recv(512)) >= 12
        except OSError:
            return False
