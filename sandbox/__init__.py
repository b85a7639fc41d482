"""A simulated Ayra API, in memory or over real HTTP, whose clock a test can set."""

from sandbox.api import SandboxApi
from sandbox.call import Call
from sandbox.clock import SandboxClock
from sandbox.records import ApiResponse, RequestRecord
from sandbox.server import RunningSandbox, serve
from sandbox.transport import SandboxAdapter
from sandbox.world import World

__all__ = [
    "ApiResponse",
    "Call",
    "RequestRecord",
    "RunningSandbox",
    "SandboxAdapter",
    "SandboxApi",
    "SandboxClock",
    "World",
    "serve",
]
