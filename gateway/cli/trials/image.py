"""An ext4 image on a loop device: a disk whose power can be cut, by copying what reached the device and nothing else.

The file system's dirty pages are memory of the kernel, not of the device: they are not in the image file. What a program
fsynced went through a barrier to the device, so it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotMount(Exception):
    """This machine cannot mount an image, or nothing stands still to cut its power; the reason is its text."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted image: the file that is the device, and where its file system is mounted."""

    image: Path
    mounted: Path

    def cut(self, to: Path) -> None:
        """Copy the device as it is at this moment. Whoever writes to it must be stopped; nothing is flushed before."""
        # The loop driver wrote into the image file's page cache; a copy reads it from there. No sync: a sync of this
        # file system would push the dirty pages down that a power cut loses.
        shutil.copyfile(self.image, to)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Disk]:
    """Mount an image until the end of the block, whatever happens in it; raises `CannotMount`."""
    at.mkdir(exist_ok=True)
    # A short commit interval would hide what fsync does not promise; ext4's own journal must not help the program.
    # data=ordered and barriers are what a server has; commit=600 keeps the kernel from syncing by itself meanwhile.
    _run("mount", "-o", "loop,noatime,data=ordered,barrier=1,commit=600", str(image), str(at))
    try:
        yield Disk(image, at)
    finally:
        unmounted = subprocess.run([_found("umount"), str(at)], capture_output=True, check=False)
        if unmounted.returncode != 0:
            # Somebody still holds a file there: detach it now, the kernel frees the loop device with the last of them.
            subprocess.run([_found("umount"), "-l", str(at)], capture_output=True, check=False)


def made(image: Path, megabytes: int) -> Path:
    """A fresh image with an empty ext4 file system; raises `CannotMount`."""
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    # No lazy initialisation: the kernel would write into the image in the background.
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    return image


def possible(folder: Path) -> str:
    """Empty when an image can be made and mounted here, otherwise why not, for people."""
    if os.geteuid() != 0:
        return "cần quyền root"
    for name in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(name, path=_PATHS) is None:
            return f"thiếu {name}; trên Debian: gói e2fsprogs, mount"
    try:
        with mounted(made(folder / "trial.img", 16), folder / "trial"):
            pass
    except CannotMount as error:
        return str(error)
    finally:
        (folder / "trial.img").unlink(missing_ok=True)
    return ""


def _run(*command: str) -> None:
    try:
        done = subprocess.run([_found(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotMount(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise CannotMount(f"{command[0]}: {done.stderr.strip() or done.returncode}")


def _found(name: str) -> str:
    """Where a program of the system stands; its bare name where it does not, so that running it says so."""
    return shutil.which(name, path=_PATHS) or name
