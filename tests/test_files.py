"""Files: what is read is what was written, or an error names the file; nothing is left half-written."""

import errno
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save

import auxvae_lite
from auxvae_lite import files
from auxvae_lite.cautions import AuxVAEWarning

TENSORS = {"a": np.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "half": torch.ones(2, dtype=torch.bfloat16)}


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "file.safetensors"
    checksum = files.write(path, TENSORS, {"seed": 1, "units": ["counts"]})
    tensors, header = files.read(path)
    assert header == {"seed": 1, "units": ["counts"], "version": auxvae_lite.__version__}
    assert len(checksum) == 64
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], torch.as_tensor(value))
    assert os.listdir(path.parent) == ["file.safetensors"]


def test_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {"seed": 1})
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert files.read(path) == ({}, {}), f"byte {position} changed unnoticed"
        except ValueError as error:
            assert str(path) in str(error)


def test_truncated_foreign_and_missing_files_are_named(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {})
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"file\.safetensors is truncated"):
            files.read(path)
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, path)
    with pytest.raises(ValueError, match="not written by auxvae_lite"):
        files.read(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        files.read(tmp_path / "absent.safetensors")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {"draft": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, TENSORS, {"draft": 2})
    assert files.read(path)[1]["draft"] == 1
    assert os.listdir(tmp_path) == ["file.safetensors"]


def test_write_text(tmp_path):
    files.write_text(tmp_path / "t.json", "µ")
    assert (tmp_path / "t.json").read_text(encoding="utf-8") == "µ"


def test_a_file_that_is_being_replaced_lands_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file"
    with files.replacing(path) as file:
        file.write(b"first ")
        file.write(b"whole")
        assert not path.exists()
    with pytest.raises(KeyError), files.replacing(path) as file:
        file.write(b"second")
        raise KeyError
    assert path.read_bytes() == b"first whole"
    assert os.listdir(path.parent) == ["file"]


def test_what_was_read_is_no_window_on_its_file(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, {"a": torch.zeros(1000)}, {})
    tensors, _ = files.read(path)
    with open(path, "r+b") as file:  # in place: the same file, other bytes
        file.write(b"\x7f" * path.stat().st_size)
    assert torch.equal(tensors["a"], torch.zeros(1000))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux tells which files are open")
def test_a_file_that_was_read_is_closed(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {})
    tensors, _ = files.read(path)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        assert str(path) not in maps.read()
    assert str(path) not in [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                             if os.path.lexists(f"/proc/self/fd/{fd}")]  # fmt: skip
    assert tensors.keys() == TENSORS.keys()


def test_reading_takes_twice_the_file_and_no_more(tmp_path):
    """The file's bytes and the tensors; a 1 GB data set does not need 3 GB."""
    path = tmp_path / "file.safetensors"
    files.write(path, {f"{i}": torch.ones(2**20) for i in range(25)}, {})  # 105 MB
    code = (
        "import resource, sys; from auxvae_lite import files; import safetensors.torch\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); files.read(sys.argv[1]); print((peak() - before) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 2.3 * 105


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_gets_the_mode_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write(tmp_path / "new", TENSORS, {})
        files.write_text(tmp_path / "text", "")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    for name in ("new", "text", "plain"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


def test_a_file_system_without_modes_loses_nothing(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod", "chown", "fchown"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    files.write(tmp_path / "file", TENSORS, {})
    assert files.read(tmp_path / "file")[0].keys() == TENSORS.keys()


def test_a_links_target_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    target, link, second = tmp_path / "disk/target", tmp_path / "link", tmp_path / "second"
    target.write_text("old", encoding="utf-8")
    link.symlink_to("disk/target")
    second.symlink_to(link)
    for name in (link, second):
        files.write_text(name, f"new, by {name.name}")
        assert target.read_text(encoding="utf-8") == f"new, by {name.name}"
        assert link.is_symlink() and second.is_symlink() and not target.is_symlink()
    assert sorted(os.listdir(tmp_path / "disk")) == ["target"]


def dangling(path):
    path.symlink_to("gone")


def into_a_missing_folder(path):
    path.symlink_to("gone/gone")


def loop(path):
    path.symlink_to(path.name)


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (dangling, "it is a link to gone, where nothing is: make that file, or remove the link"),
        (into_a_missing_folder, "it is a link to gone/gone, where nothing is"),
        (loop, "it is a link to file, where nothing is"),
        (folder, "it is a folder: add a file's name"),
        (pipe, "it is a device or another special file"),
    ],
)
def test_what_cannot_be_replaced_is_named(tmp_path, make, reason):
    path = tmp_path / "file"
    make(path)
    for write in (files.check_writable, lambda path: files.write_text(path, "")):
        with pytest.raises(OSError, match=f"{reason}.*/file'") as caught:
            write(path)
        assert caught.value.filename == str(path)
        assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_takes_no_file_is_told_with_the_files_name_not_the_temporary_ones(tmp_path, monkeypatch):
    path, original = tmp_path / "file", os.open

    def read_only(name, flags, *arguments, **options):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system", name)
        return original(name, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", read_only)
    for write in (files.check_writable, lambda path: files.write_text(path, "")):
        with pytest.raises(OSError, match=r"its folder takes no new file \(Read-only file system\): '") as caught:
            write(path)
        assert str(caught.value).endswith(f"'{path}'") and caught.value.filename == str(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="its folder cannot be made") as caught:
        files.write_text(tmp_path / "file/inner", "")
    assert caught.value.filename == str(tmp_path / "file/inner")
    with pytest.raises(OSError, match="its folder takes no new file"):
        files.check_writable(tmp_path / "file/inner")


def test_a_failed_rename_names_the_file_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Access is denied", source, None, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match="Access is denied, so it was left as it was") as caught:
        files.write_text(tmp_path / "file", "")
    assert str(caught.value).endswith(f"'{tmp_path / 'file'}'")
    assert not os.listdir(tmp_path)


def test_another_files_error_keeps_its_own_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent'$"), files.replacing(tmp_path / "file"):
        (tmp_path / "absent").read_bytes()


def test_a_check_leaves_nothing_behind(tmp_path):
    for name in ("file", "new/folders/file"):
        files.check_writable(tmp_path / name)
    assert not os.listdir(tmp_path)
    files.write_text(tmp_path / "file", "kept")
    files.check_writable(tmp_path / "file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("theirs", "ours", "newer"),
    [
        ("99.0", "0.1.0", True), ("0.1.1", "0.1.0", True), ("0.10", "0.9.9", True), ("0.1.0", "0.1.0", False),
        ("0.1", "0.1.0", False), ("0.0.9", "0.1.0", False), ("0.2.0rc1", "0.1.0", True), ("unknown", "0.1.0", False),
        ("99.0", "unknown", False), (None, "0.1.0", False), ([1], "0.1.0", False),
    ],
)  # fmt: skip
def test_a_newer_versions_file_is_read_with_a_warning(tmp_path, monkeypatch, recwarn, theirs, ours, newer):
    path = tmp_path / "file.safetensors"
    monkeypatch.setattr(files, "__version__", ours)
    files.write(path, TENSORS, {"version": theirs})
    assert files.read(path)[1] == {"version": theirs}
    assert [warning.category for warning in recwarn] == [AuxVAEWarning] * newer
    if newer:
        message = str(recwarn[0].message)
        assert f"{path} was written by auxvae_lite {theirs}, and this is {ours}" in message
        assert recwarn[0].filename == __file__  # the line outside the package


def test_unknown_fields_are_told(tmp_path, recwarn):
    files.expect({"seed": 1, "version": "1"}, ["seed", "units"], "a.safetensors")
    assert not recwarn
    with pytest.warns(
        AuxVAEWarning, match=r"a\.safetensors has fields that .* does not know and ignores: colour, mood"
    ):
        files.expect({"seed": 1, "mood": 1, "colour": 2}, ["seed"], "a.safetensors")


@pytest.mark.parametrize(("header", "reason"), [("[1]", r"\[1\], no mapping"), ("{", "no JSON")])
def test_a_header_that_is_no_mapping_is_refused_by_name(tmp_path, header, reason):
    path = tmp_path / "file.safetensors"
    path.write_bytes(save({}, {"header": header, "sha256": files.checksum({}, header)}))  # sealed as if it were ours
    with pytest.raises(ValueError, match=rf"file\.safetensors was not written by auxvae_lite: its header is {reason}"):
        files.read(path)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F8_E8M0", "C128"])
def test_a_type_that_torch_lacks_is_refused_by_name(tmp_path, dtype):
    path = tmp_path / "file.safetensors"
    header = json.dumps({"a": {"dtype": dtype, "shape": [8], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ValueError, match=r"file\.safetensors (is truncated|was not written)"):
        files.read(path)
