"""Edits of environment variables."""

from stale_pages.edits import Row, set_variable

STALE = {
    "environment variable": Row("width = int(os.environ.get('W_GET', 3))", set_variable("W_GET", "4")),
    "environment variable that a module reads": Row(
        "from reads_variable import W as width",
        set_variable("W_MODULE", "4"),
        {"src/reads_variable.py": "import os\nW = int(os.getenv('W_MODULE', '3'))"},
    ),
    "environment variable that a library reads": Row(
        "import torch; width = 4 if torch.hub.get_dir().startswith('/elsewhere') else 3",
        set_variable("TORCH_HOME", "/elsewhere"),
    ),
    "environment variable that is not set": Row(
        "width = 4 if 'W_FLAG' in os.environ else 3", set_variable("W_FLAG", "")
    ),
    "environment variable in a path": Row(
        "width = int(os.path.expandvars('$W_EXPANDED'))",
        set_variable("W_EXPANDED", "4"),
        before=set_variable("W_EXPANDED", "3"),
    ),
    "environment variables with a prefix": Row(
        "width = 3 + sum(int(value) for name, value in os.environ.items() if name.startswith('W_PREFIX_'))",
        set_variable("W_PREFIX_A", "1"),
    ),
    "environment variable in a copy of all": Row(
        "width = int(dict(os.environ).get('W_IN_COPY', 3))", set_variable("W_IN_COPY", "4")
    ),
    "environment variable with its value": Row(
        "width = 3 + ('W_WITH_VALUE=4' in [f'{name}={value}' for name, value in os.environ.items()])",
        set_variable("W_WITH_VALUE", "4"),
    ),
    "environment variables with a prefix outside a comprehension": Row(
        """
        prefix = "W_OUTSIDE_"
        width = 3 + sum(int(value) for name, value in os.environ.items() if name.startswith(prefix))
        """,
        set_variable("W_OUTSIDE_A", "1"),
    ),
    "environment variable in any case": Row(
        """
        width = 3
        for name, value in os.environ.items():
            if name.lower().startswith("w_case_"): width = int(value)
        """,
        set_variable("W_CASE_A", "4"),
    ),
    "environment variable in a chain": Row(
        "import collections; width = int(collections.ChainMap(os.environ, {'W_CHAIN': 3})['W_CHAIN'])",
        set_variable("W_CHAIN", "4"),
    ),
    "environment variable in a template": Row(
        "import string\n"
        "width = int(string.Template('$W_TEMPLATE').safe_substitute(os.environ).replace('$W_TEMPLATE', '3'))",
        set_variable("W_TEMPLATE", "4"),
    ),
    "environment variable that executed code reads": Row(
        "ns = {}; exec((ROOT / 'data/executed.py').read_text(), ns); width = ns['W']",
        set_variable("W_EXECUTED", "4"),
        {"data/executed.py": "import os\nW = int(os.environ.get('W_EXECUTED', 3))"},
    ),
    "environment variables as keyword arguments": Row(
        "settings = lambda W_KEYWORD=3, **others: int(W_KEYWORD)\nwidth = settings(**os.environ)",
        set_variable("W_KEYWORD", "4"),
    ),
    "environment variable that a command reads": Row(
        "import subprocess; width = int(subprocess.check_output('echo ${W_OF_COMMAND:-3}', shell=True))",
        set_variable("W_OF_COMMAND", "4"),
    ),
    "environment variable that a script reads": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, ROOT / 'scripts/variable.py']))",
        set_variable("W_SCRIPT", "4"),
        {"scripts/variable.py": "import os; print(os.environ.get('W_SCRIPT', 3))"},
    ),
    "environment variables that a library reads all": Row(
        "import configparser; c = configparser.ConfigParser(os.environ); c.read_string('[a]')\n"
        "width = c.getint('a', 'W_ALL', fallback=3)",
        set_variable("W_ALL", "4"),
    ),
    "environment variable with a default": Row(
        "os.environ.setdefault('W_DEFAULT', '3'); width = int(os.environb[b'W_DEFAULT'])",
        set_variable("W_DEFAULT", "4"),
    ),
}

FRESH = {
    "another environment variable": Row("width = 3", set_variable("UNREAD", "1")),
    "whole environment": Row(
        """
        import subprocess
        subprocess.run(["true"], env={**os.environ, "A": "1"})
        width = 3 + 0 * len(dict(os.environ) | os.environ.copy() | dict(os.environ.items()))
        """,
        set_variable("UNREAD_TOO", "1"),
    ),
    "environment variables of the worker and the terminal": Row(
        "width = 3 + 0 * len([os.environ.get(name) for name in ('TMPDIR', 'BMVIS_WORKER', 'COLUMNS', 'PYTHONUTF8')])",
        set_variable("COLUMNS", "77"),
    ),
    "home folder that a library reads": Row(
        "width = 3 + 0 * len(os.path.expanduser('~') + str(Path.home()))",
        set_variable("HOME", "/nowhere"),
    ),
}
