"""Edits of the state of files and folders: links, times, permissions, sizes and kinds."""

from stale_pages.edits import (
    Row,
    all_of,
    files_of_times,
    link,
    link_from_outside,
    move,
    point_elsewhere,
    remove,
    replace_by_folder,
    set_mode,
    set_time,
    write,
    write_at_the_same_time,
    write_older,
)

STALE = {
    "size of a file": Row(
        "width = os.path.getsize(ROOT / 'data/sized')", write("data/sized", "aaaa"), {"data/sized": "aaa"}
    ),
    "size of a listed file": Row(
        "width = sum(entry.stat().st_size for entry in os.scandir(ROOT / 'entries'))",
        write("entries/a", "aaaa"),
        {"entries/a": "aaa"},
    ),
    "kind of a listed file": Row(
        "width = 3 + sum(entry.is_dir() for entry in os.scandir(ROOT / 'kinds'))",
        replace_by_folder("kinds/a"),
        {"kinds/a": ""},
    ),
    "folder that a link leads to": Row(
        "width = int((ROOT / 'current/w.txt').read_text())",
        link("current", "v4"),
        {"v3/w.txt": "3", "v4/w.txt": "4"},
        before=link("current", "v3"),
    ),
    "name of the folder that a link leads to": Row(
        "width = int((ROOT / 'latest').resolve().name[1:])",
        link("latest", "v4"),
        {"v3/any": "", "v4/any": ""},
        before=link("latest", "v3"),
    ),
    "target of a broken link": Row(
        "width = 4 if (ROOT / 'data/dangling').exists() else 3",
        write("data/no_target", ""),
        before=link("data/dangling", "no_target"),
    ),
    "target of a broken link that is opened": Row(
        """
        try: width = int(open(ROOT / "data/dangling2").read())
        except OSError: width = 3
        """,
        write("data/no_target2", "4"),
        before=link("data/dangling2", "no_target2"),
    ),
    "folder that becomes a link": Row(
        "width = int((ROOT / 'becomes/w.txt').read_text())",
        lambda root: (move("becomes", "before")(root), link("becomes", "v4")(root)),
        {"becomes/w.txt": "3", "v4/w.txt": "4"},
    ),
    "folder that is renamed": Row(
        "width = 3 if (ROOT / 'named').is_dir() else 4", move("named", "renamed"), {"named/any": ""}
    ),
    "kind of a path": Row(
        "width = 4 if os.path.islink(ROOT / 'data/islink') else 3",
        all_of(remove("data/islink"), link("data/islink", "islink_target")),
        {"data/islink": "equal", "data/islink_target": "equal"},
    ),
    "file that becomes a link to an equal one": Row(
        "width = int((ROOT / 'data/equal_3').resolve().name[-1])",
        all_of(remove("data/equal_3"), link("data/equal_3", "equal_4")),
        {"data/equal_3": "", "data/equal_4": ""},
    ),
    "path through a link outside the project": Row(
        "width = int((ROOT.parent / 'home/data/outside.txt').read_text())",
        write("data/outside.txt", "4"),
        {"data/outside.txt": "3"},
        before=link_from_outside,
    ),
    "listing through a link outside the project": Row(
        "width = len(os.listdir(ROOT.parent / 'home/from_outside'))",
        write("from_outside/d", ""),
        {f"from_outside/{name}": "" for name in "abc"},
    ),
    "permission to execute": Row(
        "width = 4 if os.access(ROOT / 'data/access.sh', os.X_OK) else 3",
        set_mode("data/access.sh", 0o755),
        {"data/access.sh": ""},
    ),
    "permissions": Row(
        "width = 4 if (ROOT / 'data/mode.sh').stat().st_mode & 0o111 else 3",
        set_mode("data/mode.sh", 0o755),
        {"data/mode.sh": ""},
    ),
    "newest file": Row(
        "width = int(max((ROOT / 'newest').iterdir(), key=os.path.getmtime).name)",
        set_time("newest/4", 3e9),
        before=files_of_times("newest"),
    ),
    "newest path": Row(
        "width = int(max((ROOT / 'latest_path').iterdir(), key=lambda path: path.stat().st_mtime).name)",
        set_time("latest_path/4", 3e9),
        before=files_of_times("latest_path"),
    ),
    "newest listed file": Row(
        "width = int(max(os.scandir(ROOT / 'latest_entry'), key=lambda entry: entry.stat().st_mtime_ns).name)",
        set_time("latest_entry/4", 3e9),
        before=files_of_times("latest_entry"),
    ),
    "listed file that becomes a link": Row(
        "width = 3 + sum(entry.is_symlink() for entry in os.scandir(ROOT / 'linked_entries'))",
        all_of(remove("linked_entries/a"), link("linked_entries/a", "../pyproject.toml")),
        {"linked_entries/a": ""},
    ),
    "time that a helper reads": Row(
        "age = os.path.getmtime; state = os.stat\n"
        "width = max(int(p.name) for p in (ROOT / 'aged').iterdir() if age(p) > 1.5e9)\n"
        "width = width if getattr(state(ROOT / 'aged/4'), 'st_mtime') > 1.5e9 else 3",
        set_time("aged/4", 1.9e9),
        before=files_of_times("aged"),
    ),
    "time of an open file": Row(
        "file = open(ROOT / 'aged_open/4'); width = 4 if os.fstat(file.fileno()).st_mtime > 1.5e9 else 3",
        set_time("aged_open/4", 1.9e9),
        before=files_of_times("aged_open"),
    ),
    "time by its index": Row(
        "width = 4 if os.stat(ROOT / 'aged_index/4')[8] > 1.5e9 else 3",
        set_time("aged_index/4", 1.9e9),
        before=files_of_times("aged_index"),
    ),
    "time among the fields of a listed file": Row(
        "times = [tuple(entry.stat())[-2] for entry in os.scandir(ROOT / 'aged_fields') if entry.name == '4']\n"
        "width = 4 if times[0] > 1.5e9 else 3",
        set_time("aged_fields/4", 1.9e9),
        before=files_of_times("aged_fields"),
    ),
    "permissions among the fields": Row(
        "mode, *_ = (ROOT / 'data/fields.sh').stat(); width = 4 if mode & 0o111 else 3",
        set_mode("data/fields.sh", 0o755),
        {"data/fields.sh": ""},
    ),
    "data of the same time": Row(
        "width = int((ROOT / 'data/same.txt').read_text())",
        write_at_the_same_time("data/same.txt", "4"),
        {"data/same.txt": "3"},
    ),
    "older data": Row(
        "width = int((ROOT / 'data/older.txt').read_text())",
        write_older("data/older.txt", "4"),
        {"data/older.txt": "3"},
    ),
    "link that leads elsewhere": Row(
        "width = json.load(open(ROOT / 'data/link.json'))",
        point_elsewhere,
        {"data/three.json": "3", "data/four.json": "4"},
    ),
    "resolved link that leads elsewhere": Row(
        "width = json.loads((ROOT / 'data/link.json').resolve().read_text())", lambda root: None
    ),
    "size below an open folder": Row(
        "width = os.stat('size.txt', dir_fd=os.open(ROOT / 'data', os.O_RDONLY)).st_size",
        write("data/size.txt", "aaaa"),
        {"data/size.txt": "aaa"},
    ),
}

FRESH = {
    "file that is replaced": Row(
        """
        import time
        (ROOT / "data/new.tmp").write_text(str(time.time())); os.replace(ROOT / "data/new.tmp", ROOT / "data/new")
        width = 3
        """,
        lambda root: None,
    ),
    "permissions of a file": Row(
        "width = int((ROOT / 'data/private.txt').read_text())",
        set_mode("data/private.txt", 0o600),
        {"data/private.txt": "3"},
    ),
    "time of a file whose state is not used": Row(
        "os.stat(ROOT / 'unread_state/4'); width = 3",
        set_time("unread_state/4", 1.9e9),
        before=files_of_times("unread_state"),
    ),
    "time of a file of which another field is used": Row(
        "width = 3 + os.stat(ROOT / 'unread_time/4').st_size",
        set_time("unread_time/4", 1.9e9),
        before=files_of_times("unread_time"),
    ),
    "time of a file": Row(
        "width = int((ROOT / 'data/touched.txt').read_text())",
        set_time("data/touched.txt"),
        {"data/touched.txt": "3"},
    ),
}
