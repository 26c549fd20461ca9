"""A model that exceeds the memory limit fails, and the message names the limit."""

import sys

import pytest
from misbehavior import write

from bmvis import humanize
from bmvis.child import memory_limit
from bmvis.errors import BmvisError
from bmvis.source.source import Source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory limits need Linux")

THREE_QUARTERS = """\
if not torch.empty(1, device=torch.get_default_device()).is_meta:
    size = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 4 * 3
    buffer = torch.empty(size, dtype=torch.int8, device='cpu')
    return nn.Linear(1, 1)
raise NotImplementedError('no weights to read')
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    write(folder, "large", THREE_QUARTERS)
    write(folder, "modest", "return [bytearray(10**8) for _ in range(40)]")
    with Source(folder, path=["."]) as source:
        yield source


def test_default_limit_is_half_of_the_memory(models):
    with pytest.raises(BmvisError) as caught:
        models.resolve("large:build")
    assert (
        f"'large:build' takes more than {humanize.size(memory_limit.default_limit())}, half of this machine's"
        in str(caught.value)
    )
    assert "set memory" in caught.value.hint
    assert "device: cpu" in caught.value.hint
    detail = caught.value.detail.splitlines()
    assert detail[0].startswith("'large:build' raised RuntimeError")
    assert "on the meta device, 'large:build' raised NotImplementedError: no weights to read" in caught.value.detail
    assert "buffer = torch.empty" in caught.value.detail


def test_cpu_device_has_no_memory_limit(models):
    assert models.resolve("large:build", "cpu").model.root.type == "Linear"


def test_error_names_the_setting_memory(models):
    with (
        Source(models._cwd, path=["."], memory=10**9) as limited,
        pytest.raises(BmvisError, match="takes more than 1 GB, the setting memory"),
    ):
        limited.resolve("modest:build")


@pytest.mark.parametrize(
    ("groups", "files", "found"),
    [
        ("0::/\n", {"memory.max": "max\n"}, []),
        ("0::/\n", {"memory.max": "7000\n"}, [7000]),
        ("0::/a/b\n", {"a/memory.max": "5000\n", "a/b/memory.max": "max\n", "memory.max": "9000\n"}, [5000, 9000]),
        (
            "4:cpu,memory:/docker/1\n3:pids:/other\n0::/\n",
            {
                "memory/docker/1/memory.limit_in_bytes": "4000\n",
                "memory/memory.limit_in_bytes": "5000\n",
                "memory/other/memory.limit_in_bytes": "6000\n",
            },
            [4000, 5000],
        ),
        ("", {}, []),
    ],
    ids=["unlimited", "container", "nested", "older kernel", "none"],
)
def test_cgroup_limits_are_read(tmp_path, groups, files, found):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert [limit for limit in memory_limit._of_groups(tmp_path) if limit] == found


def test_missing_cgroup_file_means_no_limit(tmp_path):
    assert list(memory_limit._of_groups(tmp_path)) == []
