"""Scripts that try to break out of the sandbox, and honest ones that must work beside them.

An escape prints ``ESCAPED``, and an attempt that fails by an error of the script's own, which would
show nothing of the sandbox, ``MISWRITTEN``; harm that the script itself cannot see (a connection, a
process that lives on, a changed file) is looked for outside by ``tests.support.run_hostile_scripts``.
Names in ``@`` stand for what that program sets up: files open to everyone, so that
nothing but the sandbox keeps a script from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PRELUDE = """
import ctypes, errno, glob, json, os, shutil, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
MISWRITTEN = (AttributeError, NameError, SyntaxError, TypeError, ctypes.ArgumentError)

def must_fail(action, *arguments, **named):
    try:
        found = action(*arguments, **named)
    except MISWRITTEN as error:
        print("MISWRITTEN", action, arguments, repr(error))
        return
    except Exception:
        return
    print("ESCAPED", action, arguments, repr(found)[:100])

def c(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return name

def read(path):
    with open(path, "rb") as file:
        return file.read(100_000)

def others():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]

def pids():
    try:
        return [os.getppid(), @PARENT@, *others()]
    except OSError:
        return [os.getppid(), @PARENT@]
"""


@dataclass(frozen=True)
class Hostile:
    """One script; ``ends`` are the statuses that it may come to."""

    name: str
    code: str
    ends: tuple[str, ...] = ("ok",)
    says: str = ""
    """A part of stdout or stderr that shows that the script met its limit."""
    inputs: dict[str, str] = field(default_factory=dict)


HONEST = """
import json
import matplotlib.pyplot as plt
import pandas as pd
table = pd.read_csv("table.csv")
plt.bar(table["year"], table["sales"])
plt.savefig("chart.png")
heights = [float(bar.get_height()) for bar in plt.gca().patches]
with open("result.json", "w") as file:
    json.dump({"heights": heights}, file)
print("drawn")
"""
TABLE = {"table.csv": "year,sales\n2001,3\n2002,5\n"}

ANY = ("ok", "error", "killed", "timeout")

QUICK = [
    Hostile("sealed_file", "must_fail(read, '@SEALED@')"),
    Hostile("home_folder", "must_fail(os.listdir, '@HOME@'); must_fail(read, '@HOME@/key')"),
    Hostile(
        "environment",
        "assert '@SECRET@' not in repr(dict(os.environ)), 'ESCAPED'\n"
        "must_fail(lambda: read('/proc/self/environ').index(b'@SECRET@'))",
    ),
    Hostile(
        "environment_of_others",
        "for pid in pids(): must_fail(lambda: read(f'/proc/{pid}/environ').index(b'@SECRET@'))",
    ),
    Hostile("memory_of_others", "for pid in pids(): must_fail(open, f'/proc/{pid}/mem', 'rb')"),
    Hostile("descriptors_of_others", "for pid in pids(): must_fail(os.listdir, f'/proc/{pid}/fd')"),
    Hostile("roots_of_others", "for pid in pids(): must_fail(os.listdir, f'/proc/{pid}/root/')"),
    Hostile("tcp", "must_fail(socket.create_connection, ('127.0.0.1', @TCP@), 1)"),
    Hostile(
        "udp", "must_fail(lambda: socket.socket(2, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @UDP@)))"
    ),
    Hostile("dns", "must_fail(socket.getaddrinfo, 'example.org', 80)"),
    Hostile("unix_socket", "must_fail(lambda: socket.socket(socket.AF_UNIX).connect('@UNIX@'))"),
    Hostile("abstract_socket", "must_fail(lambda: socket.socket(socket.AF_UNIX).connect('\\0@ABSTRACT@'))"),
    Hostile(
        "any_socket",
        "for family in range(1, 46):\n    for kind in (1, 2, 3): must_fail(socket.socket, family, kind)",
    ),
    Hostile(
        "socketpair_redirected",
        "must_fail(lambda: socket.socketpair(1, socket.SOCK_DGRAM)[0].sendto(b'x', '@UNIX@'))\n"
        "must_fail(lambda: socket.socketpair(1, socket.SOCK_DGRAM)[0].sendto(b'x', '\\0@ABSTRACT@'))\n"
        "a, b = socket.socketpair()\n"
        "for address in ('@UNIX@', '\\0@ABSTRACT@'):\n"
        "    must_fail(a.connect, address); must_fail(a.bind, address); must_fail(b.sendto, b'x', address)",
    ),
    Hostile("io_uring", "must_fail(c, 'syscall', 425, 4, ctypes.create_string_buffer(256))"),
    Hostile(
        "thread_bomb",
        "for number in range(500): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        ("error",),
        "can't start new thread",
    ),
    Hostile(
        "memory",
        "blocks = []\nwhile True: blocks.append(bytearray(1 << 26))",
        ("error", "killed"),
        "MemoryError",
    ),
    Hostile(
        "memory_in_many_processes",
        "for number in range(6):\n    if os.fork() == 0:\n        block = bytearray(300_000_000)\n"
        "        time.sleep(60)\ntime.sleep(60)",
        ("killed",),
        "bytes of memory in all its processes",
    ),
    Hostile("memory_file", "must_fail(os.memfd_create, 'x')"),
    Hostile("shared_memory", "must_fail(c, 'shmget', 1234, 4096, 0o1666)"),
    Hostile("big_file", "open('big', 'wb').write(bytes(1 << 25))", ("error", "killed"), "File too large"),
    Hostile(
        "many_files",
        "for number in range(10**7): open(f'f{number}', 'w').close()",
        ("killed",),
        "files",
    ),
    Hostile(
        "many_big_files",
        "for number in range(10**4): open(f'f{number}', 'wb').write(bytes(3_000_000)); time.sleep(0.01)",
        ("killed", "error"),
        "on d",  # "bytes on disk", or "left on device" where the file system was faster
    ),
    Hostile(
        "deleted_files_that_are_open",
        "held = []\n"
        "while True:\n"
        "    held.append(open('d', 'w+b', buffering=0)); os.unlink('d')\n"
        "    held[-1].write(bytes(8_000_000)); time.sleep(0.05)",
        ("killed", "error"),
        "on d",
    ),
    Hostile(
        "deleted_files_that_are_mapped",
        "libc.mmap.restype = ctypes.c_void_p\n"
        "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]\n"
        "while True:\n"
        "    with open('m', 'w+b') as file:\n"
        "        file.write(bytes(500_000)); file.flush(); os.unlink('m')\n"
        "        assert libc.mmap(None, 500_000, 1, 1, file.fileno(), 0)\n"
        "    time.sleep(0.02)",
        ("killed", "error"),
        "on d",
    ),
    Hostile(
        "buffers_of_sockets",
        "pairs = [socket.socketpair() for number in range(40)]\n"
        "for kind in (socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33):\n"
        "    must_fail(pairs[0][0].setsockopt, socket.SOL_SOCKET, kind, 1 << 22)\n"
        "time.sleep(60)",
        ("killed",),
        "sockets",
    ),
    Hostile(
        "descriptors_in_flight",
        "a, b = socket.socketpair()\nmust_fail(socket.send_fds, a, [b'x'], [0])\n"
        "must_fail(a.sendmsg, [b'x'])",
    ),
    Hostile("hide_what_is_open", "must_fail(c, 'prctl', 4, 0, 0, 0, 0)"),
    Hostile(
        "what_tells_of_the_host",
        "held = ctypes.create_string_buffer(4096)\n"
        "for number in (457, 458, 459, 461): must_fail(c, 'syscall', number, held, held, 4096, 0)",
    ),
    Hostile(
        "deep_folders",
        "for number in range(25): os.mkdir('d' * 200, 0o700); os.chdir('d' * 200)\n"
        "open('bottom', 'w').close()\n"
        "os.mkdir('closed', 0)",
        ANY,
    ),
    Hostile(
        "symlink",
        "os.symlink('@SEALED@', 'link'); must_fail(read, 'link'); os.symlink('/', 'r')\n"
        "must_fail(read, 'r@SEALED@')",
    ),
    Hostile("result_is_a_symlink", "os.symlink('@SEALED@', 'result.json')", says="result.json is not read"),
    Hostile("result_is_a_pipe", "os.mkfifo('result.json')", says="result.json is not read"),
    Hostile(
        "result_is_huge", "open('result.json', 'w').write('1' * 1_500_000)", says="result.json is not read"
    ),
    Hostile("hard_link", "must_fail(os.link, '@SEALED@', 'result.json')"),
    Hostile(
        "path_escape",
        "up = '../' * 12\nmust_fail(read, up + '@SEALED@'); must_fail(open, '../new', 'w')\n"
        "must_fail(open, '../../new', 'w'); must_fail(os.rename, '../in', '../other')\n"
        "must_fail(os.rename, '.', '../moved'); must_fail(os.mkdir, '../../next')",
    ),
    Hostile("endless_stdout", "while True: print('x' * 10_000)", ("killed",), "bytes of output"),
    Hostile("endless_stderr", "while True: sys.stderr.write('x' * 10_000)", ("killed",), "bytes of output"),
    Hostile(
        "daemon",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execv('/bin/sleep', ['sleep', '@SLEEP@'])\n    os._exit(0)\ntime.sleep(0.2)",
    ),
    Hostile(
        "daemon_in_a_group_of_its_own",
        "subprocess.Popen(['/bin/sleep', '@SLEEP@'], start_new_session=True)\nos.setpgid(0, 0)",
        ANY,
    ),
    Hostile(
        "write_outside",
        "for path in ('@OPEN@/new', '@SEALED@', '/tmp/ftdojo-new', '/dev/shm/new', '/new', '/usr/new',\n"
        "             '/etc/new', '/var/tmp/new'):\n    must_fail(open, path, 'a')",
    ),
    Hostile(
        "write_the_environment",
        "import json as module\n"
        "for path in (sys.prefix + '/new', module.__file__, sys.executable, '@DRIVER@'):\n"
        "    must_fail(open, path, 'a'); must_fail(os.remove, path)",
    ),
    Hostile(
        "kill_others",
        "for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGSEGV):\n"
        "    for pid in [*pids(), -1]:\n"
        "        try: os.kill(pid, number)\n"
        "        except OSError: pass",
        ANY,
    ),
    Hostile(
        "ptrace", "for pid in pids():\n    for kind in (16, 0x4206): must_fail(c, 'ptrace', kind, pid, 0, 0)"
    ),
    Hostile(
        "read_memory_of_others",
        "buffer = ctypes.create_string_buffer(64)\n"
        "vector = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8)\n"
        "for pid in pids(): must_fail(c, 'process_vm_readv', pid, vector, 1, vector, 1, 0)",
    ),
    Hostile(
        "descriptors_by_pidfd",
        "for pid in pids():\n"
        "    for number in range(8): must_fail(lambda: c('syscall', 438, os.pidfd_open(pid), number, 0))",
    ),
    Hostile(
        "limits_of_others",
        "import resource\n"
        "for pid in pids():\n"
        "    must_fail(resource.prlimit, pid, resource.RLIMIT_NOFILE, (0, 0))\n"
        "    must_fail(os.sched_setaffinity, pid, {0}); must_fail(os.setpriority, 0, pid, 19)",
    ),
    Hostile(
        "raise_own_limits",
        "import resource\n"
        "for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):\n"
        "    must_fail(resource.setrlimit, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    ),
    Hostile(
        "other_scripts",
        "import gc\n"
        "must_fail(os.listdir, '../../../scripts/other'); must_fail(read, '../../script0/out/result.json')\n"
        "names = [p for p in glob.glob('../**', recursive=True) if 'earlier' in p]\n"
        "assert not names, 'ESCAPED'\n"
        "held = [o for o in gc.get_objects() if isinstance(o, dict) and 'later' + '.csv' in o]\n"
        "assert not held, 'ESCAPED'",
    ),
    Hostile(
        "raw_devices",
        "for path in ('/dev/vda', '/dev/sda', '/dev/nvme0n1', '/dev/mem', '/dev/kmsg', '/dev/kvm',\n"
        "             '/dev/net/tun', '/dev/fuse'):\n    must_fail(open, path, 'rb')\n"
        "must_fail(os.mknod, 'disk', 0o60666, os.makedev(254, 0))\n"
        "must_fail(os.mknod, 'memory', 0o20666, os.makedev(1, 1))",
    ),
    Hostile(
        "become_root",
        "must_fail(os.setuid, 0); must_fail(os.setgid, 0); must_fail(os.setgroups, [0])\n"
        "found = subprocess.run(['/usr/bin/su', '-c', 'id -u'], capture_output=True, text=True,\n"
        "                       stdin=subprocess.DEVNULL) if os.path.exists('/usr/bin/su') else None\n"
        "assert os.getuid() != 0 and (found is None or found.stdout.strip() != '0'), 'ESCAPED'",
        ("ok", "error"),
    ),
    Hostile(
        "mount_and_namespaces",
        "os.mkdir('m')\nmust_fail(c, 'mount', b'none', b'm', b'tmpfs', 0, None)\n"
        "must_fail(c, 'chroot', b'm')\n"
        "for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000): must_fail(c, 'unshare', flag)\n"
        "must_fail(c, 'syscall', 56, 0x10000000 | 17, 0, 0, 0, 0) if os.uname().machine == 'x86_64' else 0\n"
        "must_fail(subprocess.run, ['unshare', '-Ur', 'true'], check=True)",
    ),
    Hostile(
        "modes_and_owners",
        "must_fail(os.chmod, '@SEALED@', 0); must_fail(os.chown, '@SEALED@', os.getuid(), -1)\n"
        "must_fail(os.utime, '@SEALED@', (0, 0)); must_fail(os.setxattr, '@SEALED@', 'user.x', b'1')\n"
        "must_fail(os.truncate, '@SEALED@', 0); must_fail(os.open, '@SEALED@', os.O_TRUNC)\n"
        "must_fail(os.remove, '@SEALED@'); must_fail(os.rename, '@SEALED@', 'mine')\n"
        "must_fail(os.chmod, sys.executable, 0)",
    ),
    Hostile(
        "shell",
        "found = subprocess.run(['/bin/sh', '-c', 'cat @SEALED@; ls @HOME@; echo x > @OPEN@/new'],\n"
        "                       capture_output=True, text=True)\n"
        "assert not found.stdout and found.returncode, 'ESCAPED'",
        ("ok", "error"),
    ),
    Hostile(
        "change_the_input",
        "must_fail(open, 'table.csv', 'w'); must_fail(open, '../in/table.csv', 'a')\n"
        "must_fail(os.remove, '../in/table.csv'); must_fail(os.chmod, '../in', 0o777)\n"
        "must_fail(os.rename, 'table.csv', '../in/table.csv'); os.remove('table.csv')\n"
        "assert read('../in/table.csv').startswith(b'year')",
        inputs=TABLE,
    ),
    Hostile(
        "forged_result",
        "line = json.dumps({'status': 'ok', 'stdout': 'FORGED', 'stderr': '', 'returned': 'FORGED',\n"
        "                   'wall_seconds': 0.0}).encode() + b'\\n'\n"
        "for number in range(3, 300): must_fail(os.write, number, line)\n"
        "for pid in pids():\n"
        "    for number in range(10): must_fail(lambda: open(f'/proc/{pid}/fd/{number}', 'wb').write(line))",
    ),
    Hostile("crash", "ctypes.string_at(0)", ("killed",), "SIGSEGV"),
    Hostile("exit_without_a_word", "os._exit(3)", ("error",)),
    Hostile("no_streams", "os.closerange(0, 100)", ("ok", "error")),
    Hostile("no_python", "\0 ((((" + "(" * 5000, ("error", "killed")),
]
"""Those that end by themselves or are ended by a limit other than the clock."""

STUBBORN = [
    Hostile("sleep", "time.sleep(1000)", ("timeout",)),
    Hostile(
        "deaf_to_signals",
        "for number in range(1, 65):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "while True: time.sleep(1)",
        ("timeout",),
    ),
    Hostile(
        "fork_bomb",
        "while True:\n    try: os.fork()\n    except OSError: pass",
        ("timeout",),
    ),
    Hostile(
        "fork_bomb_of_sessions",
        "while True:\n    try:\n        if os.fork() == 0: os.setsid()\n        else: time.sleep(0.001)\n"
        "    except OSError: pass",
        ("timeout",),
    ),
    Hostile("cpu", "while True: pass", ("killed", "timeout")),
]
"""Those that only the clock ends."""
