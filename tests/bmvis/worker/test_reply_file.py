"""The reply file is untrusted: invalid content is an error that names the model, and never blocks the build."""

import os

import msgspec
import pytest

from bmvis.errors import WorkerError
from bmvis.model.tree import Model, Module, Parameter
from bmvis.worker.protocol import Answer, Built, Failed, Request
from bmvis.worker.reply_file import read_answer, reply_path, write_answer

REQUEST = Request(7, "zoo:build", "auto", (), secret="5ecret")
MODEL = Model((Module("", 0, "Net"),))


def encoded(reply, secret=REQUEST.secret):
    return msgspec.msgpack.encode(Answer(reply, secret=secret))


def write(content):
    return lambda place: place.write_bytes(content)


def create_sparse_file(place):
    place.touch()
    os.truncate(place, 10**12)


WRONG = {
    "missing": (lambda place: None, "No such file"),
    "pipe": (os.mkfifo, "not a regular file"),
    "folder": (lambda place: place.mkdir(), "not a regular file|directory"),
    "device": (lambda place: place.symlink_to("/dev/zero"), "not a regular file"),
    "huge file": (create_sparse_file, "larger than"),
    "junk": (write(b"\xff" * 99), "MessagePack|Expected"),
    "empty": (write(b""), "truncated"),
    "invalid UTF-8": (write(encoded(Failed("a", "bbb")).replace(b"bbb", b"\xff\xfe\xfd")), "utf-8|Invalid"),
    "answer to another request": (write(encoded(Built(MODEL, ()), "other")), "another request"),
    "model without modules": (write(encoded(Built(Model(()), ()))), "no module"),
    "module without a parent": (write(encoded(Built(Model((*MODEL.modules, Module("a", 2, "A"))), ()))), "at depth 2"),
    "two roots": (write(encoded(Built(Model(MODEL.modules * 2), ()))), "at depth 0"),
    "shared with a missing module": (
        write(encoded(Built(Model((*MODEL.modules, Module("a", 1, "A", shared_with="b"))), ()))),
        "does not precede it",
    ),
    "same name twice": (write(encoded(Built(Model((*MODEL.modules, *[Module("a", 1, "A")] * 2)), ()))), "'a' twice"),
    "negative count": (
        write(encoded(Built(Model((Module("", 0, "N", parameters=(Parameter("w", (1,), "a", -1, 4),)),)), ()))),
        "-1 elements",
    ),
}


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG)
def test_invalid_answer_is_an_error(make, reason, tmp_path):
    make(reply_path(tmp_path, REQUEST))
    with pytest.raises(WorkerError, match=reason) as caught:
        read_answer(tmp_path, REQUEST)
    assert "the reply of the process that built 'zoo:build' is not valid" in caught.value.message


def test_answer_is_read_as_it_was_written(tmp_path):
    write_answer(Answer(Built(MODEL, ("a.py",))), tmp_path, REQUEST)
    assert read_answer(tmp_path, REQUEST).reply == Built(MODEL, ("a.py",))
    assert [file.name for file in tmp_path.iterdir()] == [reply_path(tmp_path, REQUEST).name]


@pytest.mark.parametrize(
    "model",
    [
        Model((Module("\ud800", 0, "Net"),)),
        Model((Module("", 0, "Net", parameters=(Parameter("w", (10**30,), "float32", 10**30, 4),)),)),
    ],
    ids=["surrogate", "big number"],
)
def test_model_that_cannot_be_encoded_is_a_failure(model, tmp_path):
    write_answer(Answer(Built(model, ())), tmp_path, REQUEST)
    reply = read_answer(tmp_path, REQUEST).reply
    assert isinstance(reply, Failed)
    assert "cannot be serialized" in reply.message
