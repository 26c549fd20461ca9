import msgspec
import pytest

from bmvis.errors import OptionError
from mkdocs_bmvis.settings import DESCRIPTIONS, Settings, read_settings


def test_every_setting_is_described():
    assert list(DESCRIPTIONS) == [field.name for field in msgspec.structs.fields(Settings)]


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ({"mode": "lve"}, "setting 'mode'", "valid values: auto, check, live, snapshot"),
        ({"timeout": "soon"}, "setting 'timeout'", ""),
        ({"timeout": 0}, "setting 'timeout'", "it is 0"),
        ({"path": 3}, "setting 'path'", ""),
    ],
    ids=["choice", "type", "zero", "list"],
)
def test_wrong_setting_is_reported_with_what_it_takes(written, message, hint):
    with pytest.raises(OptionError) as raised:
        read_settings(written)
    assert message in raised.value.message
    assert hint in raised.value.hint
    assert bool(raised.value.hint) is bool(hint)


def test_path_setting_accepts_a_string():
    assert tuple(read_settings({"path": "src", "allow": "zoo:*"}).path) == ("src",)
