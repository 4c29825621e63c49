"""Speak to callgrind from within the process that it counts: begin, set to zero, tell the count."""

import ctypes
import mmap
import os
from pathlib import Path
from typing import Final

# valgrind.h: a sequence of rotations that does nothing on a processor is a request to valgrind. The function takes
# the address of six words, the first of which says what is wanted, and what to return where there is no valgrind.
_MACHINE_CODE: Final = bytes.fromhex(
    "4889f8"  # mov rax, rdi
    "4889f2"  # mov rdx, rsi
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi, 3; 13; 61; 51
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)
_CALLGRIND: Final = (ord("C") << 24) + (ord("T") << 16)
_ZERO, _START, _DUMP = 1, 4, 0
_PROCESSOR: Final = "x86_64"


class Callgrind:
    """Callgrind around this process, which writes its dumps to `files` with the number of the process and its own."""

    def __init__(self, files: Path) -> None:
        if os.uname().machine != _PROCESSOR:
            raise OSError(f"requests to valgrind are written for {_PROCESSOR}, and this is {os.uname().machine}")
        self._code = mmap.mmap(-1, len(_MACHINE_CODE), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(_MACHINE_CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
        self._ask = prototype(address)
        self._files = files
        self._dumps = 0

    def start(self) -> None:
        """Count from here on; all code is translated anew, so what runs next is slow."""
        self._request(_START)

    def zero(self) -> None:
        """Forget what was counted."""
        self._request(_ZERO)

    def count(self) -> int:
        """Return the instructions since `zero`."""
        self._request(_DUMP)
        self._dumps += 1
        dump = Path(f"{self._files}.{os.getpid()}.{self._dumps}").read_text()
        return int(dump.rpartition("\ntotals: ")[2].split(maxsplit=1)[0])

    def _request(self, number: int) -> None:
        words = (ctypes.c_uint64 * 6)(_CALLGRIND + number)
        self._ask(ctypes.addressof(words), 0)
