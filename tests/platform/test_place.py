"""Directories, sockets and ports: what cannot be used is said so, with what to do."""

import os
import socket
from pathlib import Path

import pytest

from broker.platform.child import StartError, describe_exit
from broker.platform.place import (
    lock_data_directory,
    prepare_data_directory,
    require_free_port,
    socket_directory,
)
from broker.platform.plan import without_secrets

_NAME = "mongodb-27017.sock"


def test_a_new_data_directory_is_private_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory = prepare_data_directory(Path("some/where"))
    assert directory == tmp_path / "some" / "where"
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="Name another directory with --data-dir"):
        prepare_data_directory(tmp_path / "file")


def test_a_data_directory_has_one_holder_and_names_it(tmp_path: Path) -> None:
    held = lock_data_directory(tmp_path)
    with pytest.raises(StartError, match=rf"process {os.getpid()}\)"):
        lock_data_directory(tmp_path)
    os.close(held)
    os.close(lock_data_directory(tmp_path))


def test_a_lock_file_left_behind_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4711\n")
    os.close(lock_data_directory(tmp_path))


def test_the_socket_lies_in_the_data_directory_where_its_path_fits(tmp_path: Path) -> None:
    directory = socket_directory(tmp_path, _NAME)
    assert directory == tmp_path / "run"
    assert directory.is_dir()


@pytest.mark.parametrize("part", ["long" * 30, "a,b"], ids=["long", "comma"])
def test_the_socket_lies_elsewhere_privately_where_its_path_would_not_do(tmp_path: Path, part: str) -> None:
    data = tmp_path / part
    data.mkdir()
    directory = socket_directory(data, _NAME)
    try:
        assert len(os.fsencode(directory / _NAME)) <= 103
        assert directory == socket_directory(data, _NAME), "a restart finds it again"
        assert directory.stat().st_mode & 0o777 == 0o700
        directory.chmod(0o755)
        with pytest.raises(StartError, match="not a private directory"):
            socket_directory(data, _NAME)
    finally:
        directory.rmdir()


def test_two_data_directories_never_share_a_socket(tmp_path: Path) -> None:
    directories = []
    for letter in "ab":
        data = tmp_path / (letter * 120)
        data.mkdir()
        directories.append(socket_directory(data, _NAME))
    assert directories[0] != directories[1]
    for directory in directories:
        directory.rmdir()


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"127.0.0.1:{port}: Address already in use. Choose another."):
            require_free_port("127.0.0.1", port, "The broker", "Choose another.")
    require_free_port("127.0.0.1", port, "The broker", "Choose another.")


def test_addresses_are_shown_without_user_and_password() -> None:
    shown = without_secrets(
        "mongodb://jane:s3cret@db.example.org:27017/x?authSource=admin&tlsCertificateKeyFilePassword=z"
    )
    assert shown == "mongodb://db.example.org:27017/x"
    assert without_secrets("mqtt://127.0.0.1:1883") == "mqtt://127.0.0.1:1883"


@pytest.mark.parametrize(
    ("code", "words"), [(3, "exit code 3"), (-9, "killed by SIGKILL"), (-64, "killed by SIGRTMAX")]
)
def test_the_end_of_a_child_reads_as_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
