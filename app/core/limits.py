"""What the system lets this process have."""

import resource

import structlog

log = structlog.get_logger(__name__)


def allow_more_files() -> int:
    """Let this process have as many files open as the system permits; return how many.

    A connection is a file, and the usual default is 1,024. The hard limit is the operator's.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as fault:  # a hard limit above the kernel's own
        log.warning("the limit of open files stays", files=soft, reason=str(fault))
        return soft
    return hard
