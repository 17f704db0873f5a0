"""What went wrong inside vLLM, in words that name the cure."""

from __future__ import annotations

_MEMORY_SIGNS = (
    "out of memory",
    "kv cache",  # vLLM's own start-up errors: no room for one prompt, or for any block
    "cache blocks",
    "auto-fit max_model_len",
    "can't allocate memory",
    "cannot allocate memory",
)
_PROCESS_SIGNS = ("engine core initialization failed", "enginedeaderror", "enginecore")
MEMORY_CURE = (
    "Set max_model_len lower, kv_cache_dtype to fp8 (on a GPU), gpu_memory_utilization higher if "
    "nothing else uses the GPU, or lower if something does. `footnote doctor` shows what fits."
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is about memory: torch's error, the system's, or vLLM's at the start."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error).lower()
    is_named = bool(names & {"OutOfMemoryError", "MemoryError"})
    return is_named or any(sign in text for sign in _MEMORY_SIGNS)


def explain_failure(error: BaseException) -> str:
    """What failed, and the settings that cure it; ends with a full stop."""
    told = f"{type(error).__name__}: {str(error).strip()[:300]}".rstrip(". ")
    if is_out_of_memory(error):
        return f"the memory is too small ({told}). {MEMORY_CURE}"
    if any(sign in told.lower() for sign in _PROCESS_SIGNS):  # its own process knows the cause
        return f"its process ended ({told}). If that is for memory: {MEMORY_CURE}"
    return f"{told}. `footnote doctor` shows whether the model fits this machine."
