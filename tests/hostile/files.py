"""Factories that misuse files: the reply, the folder of the worker, temporary files, and files of the project."""

from hostile.kinds import GOOD, Draws, Fails, Kind, draws

WORKER = "from pathlib import Path\nfolder = Path(os.environ['BMVIS_WORKER'])\n"
REQUEST = (
    f"{WORKER}from bmvis.worker.protocol import Request\n"
    "from bmvis.worker.reply_file import reply_path\n"
    "frame = sys._getframe()\n"
    "while not isinstance(request := frame.f_locals.get('request'), Request): frame = frame.f_back\n"
    "place = reply_path(folder, request)\npartial = Path(f'{place}.partial')\n"
)
"""Code that finds the secret name of the answer: it is in the process."""

LISTED = "open(f'{__file__}.shared', 'w').write"
"""Code that lists the shared memory of a case for its test: other processes of the machine have some, too."""

SHARED = (
    "from multiprocessing import shared_memory as s; global kept; kept = s.SharedMemory(create=True, size=9)\n"
    f"{LISTED}(kept.name)\n"
)
TENSORS = (
    "import torch.multiprocessing as m; m.set_sharing_strategy('file_system')\n"
    "global kept; kept = nn.Linear(3, 2, device='cpu').share_memory()\n"
    "shared = [p.untyped_storage()._share_filename_cpu_()[1].decode() for p in kept.parameters()]\n"
    f"{LISTED}(' '.join(shared).replace('/', ''))\n"
)
SEMAPHORE = (
    "import multiprocessing as m; global kept; kept = m.get_context('spawn').Semaphore()\n"
    f"{LISTED}(kept._semlock.name.replace('/', 'sem.'))"
)

KINDS = [
    Kind(
        "the worker's folder",
        "https://cwe.mitre.org/data/definitions/377.html",
        {
            "deleted": Fails(f"{WORKER}import shutil; shutil.rmtree(folder)\n{GOOD}", "No such file"),
            "replaced by a file": Fails(
                f"{WORKER}import shutil; shutil.rmtree(folder); folder.touch()\n{GOOD}", "Not a directory"
            ),
            "filled": draws(f"{WORKER}for n in range(1000): (folder / f'{{n}}.reply').touch()"),
        },
    ),
    Kind(
        "the answer's file",
        "https://cwe.mitre.org/data/definitions/59.html",
        {
            "pipe in its place": draws(f"{REQUEST}os.mkfifo(place)"),
            "pipe where it is written first": draws(f"{REQUEST}os.mkfifo(partial)"),
            "link where it is written first": draws(f"{REQUEST}partial.symlink_to(__file__)"),
            "link to a device": draws(f"{REQUEST}place.symlink_to('/dev/zero')"),
            "folder in its place": Fails(f"{REQUEST}place.mkdir(); {GOOD}", "directory|regular"),
            "folder where it is written first": Fails(f"{REQUEST}partial.mkdir(); {GOOD}", "directory"),
            "answer of its own": Fails(f"{REQUEST}place.write_bytes(b'\\xff' * 99); os._exit(0)", "is not valid"),
            "pipe as the answer": Fails(f"{REQUEST}os.mkfifo(place); os._exit(0)", "not a regular file"),
        },
    ),
    Kind(
        "temporary files",
        "https://docs.python.org/3/library/tempfile.html#tempfile.tempdir",
        {
            "the folder is none": draws("import tempfile; tempfile.tempdir = os.environ['TMPDIR'] = '/nowhere'"),
            "a thousand that are gone": draws(
                "import tempfile\nfor _ in range(1000): tempfile.TemporaryFile().close()"
            ),
        },
    ),
    Kind(
        "shared memory",
        "https://docs.python.org/3/library/multiprocessing.shared_memory.html",
        {
            "left": draws(f"{SHARED}"),
            "left by a crash": Fails(f"{SHARED}os._exit(3)", "exit code 3"),
            "left by a loop": Fails(f"{SHARED}time.sleep(600)", "timed out after"),
            "left by a fork": draws(f"{SHARED}if not os.fork(): time.sleep(600)"),
            "tensors": draws(TENSORS),
            "tensors left by a crash": Fails(f"{TENSORS}os._exit(3)", "exit code 3"),
            "semaphore": draws(SEMAPHORE),
            "its cleaner never ends": draws(
                f"{SHARED}subprocess.Popen([sys.executable, '-c',\n"
                "    'if 1: import time; time.sleep(600)\\nfrom multiprocessing.resource_tracker import main'])"
            ),
        },
    ),
    Kind(
        "files that block",
        "https://man7.org/linux/man-pages/man7/fifo.7.html",
        {
            "pipe in the project": draws("name = __file__ + '.pipe'; os.mkfifo(name); os.path.exists(name)"),
            "pipe in the project that it reads": draws(
                "name = __file__ + '.pipe2'; os.mkfifo(name); os.close(os.open(name, os.O_RDONLY | os.O_NONBLOCK))"
            ),
            "device": draws("open('/dev/zero', 'rb').read(9)"),
            "link to itself": draws("name = __file__ + '.loop'; os.symlink(name, name); os.path.exists(name)"),
        },
    ),
    Kind(
        "its own file",
        "https://docs.python.org/3/library/linecache.html",
        {
            "deleted": draws("os.remove(__file__)"),
            "deleted, then it raises": Fails("os.remove(__file__); raise ValueError('gone')", "ValueError: gone"),
            "another content": draws("open(__file__, 'wb').write(b'\\xff\\x00')"),
            "another content, then it raises": Fails(
                "open(__file__, 'wb').write(b'\\xff\\x00'); raise ValueError('junk')", "ValueError: junk"
            ),
            "another name": Draws(f"global __file__; __file__ = 5\n{GOOD}"),
        },
    ),
]
