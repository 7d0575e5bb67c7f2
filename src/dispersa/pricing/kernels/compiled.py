"""Compiled: how does a Python function become machine code once, and stay so between runs?

Machine code is cached on disk under a name made of every kernel's source, so a change in one
kernel renews all (numba alone looks only at the file that holds the outer function). The folder is
the first that can be written: ``NUMBA_CACHE_DIR``, the user's cache folder, a private temporary
folder. A read-only installation therefore works.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import llvmlite
import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_FLAGS: Final = {"contract", "nsz"}
"""Fused multiply-add and unsigned zeros; NaN, infinity and the order of sums keep their meaning."""


def _sources_digest() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _cache_roots() -> list[Path]:
    configured = os.environ.get("NUMBA_CACHE_DIR")
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    temporary = Path(tempfile.gettempdir()) / f"dispersa-{os.getuid()}"
    roots = [Path(configured)] if configured else []
    return [*roots, Path(user).expanduser() / "dispersa", temporary]


def _is_private_folder(folder: Path) -> bool:
    """Make the folder; true if only we can write it (cached code is executed when loaded)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        about = folder.stat()
    except OSError:
        return False
    return about.st_uid == os.getuid() and not about.st_mode & 0o022


def cache_folder() -> str:
    """First private folder that can be written; a fresh one if there is none."""
    name = f"kernels-{_sources_digest()}"
    for root in _cache_roots():
        if _is_private_folder(root / name):
            return str(root / name)
    return tempfile.mkdtemp(prefix=f"dispersa-{name}-")


CACHE_FOLDER: Final = cache_folder()


def kernel(function: Function) -> Function:
    """Compile a loop over columns: cached, without the GIL."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = CACHE_FOLDER  # read when the decorator runs, not when code runs
    try:
        compile_it: Any = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS)
        return cast("Function", compile_it(function))
    finally:
        config.CACHE_DIR = before


def inlined(function: Function) -> Function:
    """Compile a formula that kernels call; it becomes part of each of them."""
    compile_it: Any = numba.njit(forceinline=True, error_model="numpy", fastmath=_FLAGS)
    return cast("Function", compile_it(function))
