"""Python's collector of cycles, which stops the process while it walks over every object."""

import gc


def set_aside() -> None:
    """Let the collector walk only over what is made from now on.

    What a process loads at its start (170,000 objects) lives as long as the process; each full
    collection walked over it again: 70 ms in which no packet was forwarded and no event sent.
    """
    gc.collect()
    gc.freeze()
