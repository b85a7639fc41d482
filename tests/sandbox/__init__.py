"""A simulated Ayra API, in memory or over real HTTP, whose clock a test can set."""

from tests.sandbox.api import Answer, RequestRecord, SandboxApi
from tests.sandbox.call import Call
from tests.sandbox.clock import SandboxClock
from tests.sandbox.server import RunningSandbox, serve
from tests.sandbox.transport import SandboxAdapter
from tests.sandbox.world import World

__all__ = [
    "Answer",
    "Call",
    "RequestRecord",
    "RunningSandbox",
    "SandboxAdapter",
    "SandboxApi",
    "SandboxClock",
    "World",
    "serve",
]
