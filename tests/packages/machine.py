# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Two machines with a link between them, and a service in each that runs scripts for
the test: see hand."""

import base64
import collections
import os
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../lib")
from limit import Limit	# noqa: E402 pylint: disable=wrong-import-position

START = 7200	# seconds for a boot, and for a script; long, since an emulator is slow
CMDLINE = ("root=/dev/vda rw console=ttyS0 panic=-1 net.ifnames=0 mitigations=off "
           "tsc=nowatchdog no_timer_check rcupdate.rcu_cpu_stall_timeout=60 "
           "systemd.show_status=0 systemd.hostname={host} address={address}/24")

Answer = collections.namedtuple("Answer", "status output")


class Refused(Exception):
    """A script failed."""


class Machine:
    """A machine that runs one of the hosts."""

    def __init__(self, boot, folder, host, number):
        self.host, self.log = host, f"{boot.results}/{host}.kernel.log"
        self.rest, self.is_busy = b"", True	# until the first line arrives
        disk, port = f"{folder}/{host}.disk", f"{folder}/{host}.port"
        peer = {"alice": "bob", "bob": "alice"}[host]
        subprocess.run([f"{boot.emulator}/qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
                        "-b", boot.disk, disk], check=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(port)
        listener.listen(1)
        listener.settimeout(START)
        cmdline = CMDLINE.format(host=f"{host}.example", address=f"192.0.2.{number}")
        command = [
            f"{boot.emulator}/qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-display", "none", "-machine", "q35", "-m", "1024", "-smp", "1", *boot.accelerator,
            "-kernel", boot.kernel, "-initrd", boot.initrd, "-append", cmdline,
            "-chardev", f"file,id=log,path={self.log},append=on", "-serial", "chardev:log",
            "-chardev", f"socket,id=hand,path={port}", "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=hand,name=hand",
            "-drive", f"if=none,id=disk,cache=unsafe,file={disk},format=qcow2",
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci",
            "-netdev", (f"dgram,id=wire,local.type=unix,local.path={folder}/{host}.wire,"
                        f"remote.type=unix,remote.path={folder}/{peer}.wire"),
            "-device", f"virtio-net-pci,netdev=wire,mac=52:54:00:77:00:0{number},romfile="]
        with open(f"{boot.results}/{host}.qemu.log", "wb") as log:
            self.process = subprocess.Popen(	# pylint: disable=consider-using-with
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port = listener.accept()[0]
        self.boot_id = None

    def line(self):
        """Wait for the next answer of the machine."""
        limit = Limit(START)
        while b"\n" not in self.rest:
            if not limit.turn():
                raise TimeoutError(f"{self.host} says nothing")
            if select.select([self.port], [], [], limit.wait())[0]:
                data = self.port.recv(65536)
                if not data:
                    raise EOFError(f"{self.host} has ended")
                self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        self.is_busy = False
        status, output = line.decode("ascii").split(" ")
        return Answer(int(status), base64.b64decode(output).decode("utf-8").rstrip("\n"))

    def started(self):
        """Wait until the machine has booted."""
        self.boot_id = self.line().output

    def reboot(self):
        """Reboot the machine, as its administrator would."""
        before = self.boot_id
        self.send("systemctl reboot")
        self.line()
        self.started()
        assert self.boot_id != before, f"{self.host} did not start again"

    def send(self, script):
        """Send a script to the machine; line() reads the answer."""
        self.is_busy = True
        self.port.sendall(base64.b64encode(script.encode("utf-8")) + b"\n")

    def ask(self, script):
        """Run a script. Return its exit status and output."""
        self.send(script)
        return self.line()

    def do(self, script):
        """Run a script, which has to succeed. Return its output."""
        answer = self.ask("set -eo pipefail\n" + script)
        if answer.status:
            raise Refused(f"{self.host}, status {answer.status}:\n{script}\n{answer.output}")
        return answer.output

    def until(self, script, what, seconds=120):
        """Wait until a script succeeds. Return its output."""
        limit = Limit(seconds)
        while True:
            answer = self.ask(script)
            if not answer.status:
                return answer.output
            if not limit.turn():
                raise TimeoutError(f"{self.host}: {what} within {seconds} s: {answer.output}")
            time.sleep(0.2)

    def copy(self, path, target):
        """Copy a file of this host into the machine."""
        with open(path, "rb") as file:
            data = base64.b64encode(file.read()).decode("ascii")
        self.do(f"mkdir -p {os.path.dirname(target)}\nbase64 -d >{target} <<'END'\n{data}\nEND")

    def end(self):
        """Kill the machine."""
        self.process.kill()
        self.process.wait()
