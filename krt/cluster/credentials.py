"""Keeps the credentials for the API server, and decides when they are read again."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from krt.cluster import plugin as plugins
from krt.cluster.kubeconfig import Unusable
from krt.cluster.plugin import Given
from krt.cluster.secured import Material, Secured, context_of, ended
from krt.cluster.source import Access, Header, Plugin, read_access
from krt.errors import ClusterUnavailable
from krt.logs import Log

log = Log("cluster")

_READ_AGAIN_SECONDS = 60.0  # the kubelet replaces a service account's token long before the token ends
_TRY_AGAIN_SECONDS = 5.0  # after a refusal or a failure, so that an exec plugin does not run in a loop
_READ_SECONDS = 30.0  # files may be on a network file system
# A plugin runs again before its credentials end, because clocks differ: a fifth of their life earlier, 300 s at most.
_EARLIER_SECONDS = 300.0
_EARLIER_PART = 0.2


class Credentials:
    """krt's present credentials. A request reads them again after a minute, before they end, and after a refusal.

    If a certificate or an authority has changed, `secured` gets a new TLS context. If reading fails, the last
    credentials stay in use until the API server refuses them.
    """

    def __init__(self, kubeconfig: Path | None, access: Access, secured: Secured, *, context: str = "") -> None:
        self._read_access = partial(read_access, kubeconfig, context)
        self._secured = secured
        self._material = access.material
        self._headers: tuple[Header, ...] = ()
        self._given: Given | None = None
        self._given_by: Plugin | None = None
        self._given_until = math.inf  # on Trio's clock
        self._usable = False
        self._is_refused = False
        self._problem = ""
        self._refusal = ""
        self._read_at = -math.inf  # when to read again, on Trio's clock
        self._tried_at = -math.inf
        self._lock = trio.Lock()

    async def headers(self) -> tuple[Header, ...]:
        """The headers for a request. Raises ClusterUnavailable if there are no credentials that can be used.

        None were read yet, or the API server has refused the last ones, and reading has failed.
        """
        async with self._lock:
            pause_over = trio.current_time() - self._tried_at >= _TRY_AGAIN_SECONDS
            if pause_over and (not self._usable or trio.current_time() >= self._read_at):
                await self._read()
        if not self._usable and self._problem:
            raise ClusterUnavailable(f"the credentials cannot be read: {self._problem}")
        return self._headers

    def refuse(self) -> None:
        """Note that the API server refused the credentials (401). A request reads all of them anew, once in 5 s."""
        self._usable, self._is_refused = False, True
        self._refusal = f"the API server refuses krt's credentials (401){ended(self._material)}"

    def doubt(self) -> None:
        """Note that krt could not connect. A changed certificate may be the cause, so a request reads them again soon.

        It does so at the earliest 5 s after the last reading.
        """
        self._read_at = min(self._read_at, self._tried_at + _TRY_AGAIN_SECONDS)

    def accept(self) -> None:
        """Note that the API server did not answer 401."""
        self._refusal = ""

    @property
    def problem(self) -> str | None:
        """Why the credentials cannot be used at present; None if they can."""
        unread = f"the credentials cannot be read: {self._problem}" if self._problem and not self._usable else None
        return unread or self._refusal or None

    async def _read(self) -> None:
        try:
            with trio.fail_after(_READ_SECONDS + plugins.SECONDS):
                await self._take(await trio.to_thread.run_sync(self._read_access, abandon_on_cancel=True))
            self._usable, self._is_refused, self._problem = True, False, ""
        except Unusable as error:
            self._fail(str(error))
        except trio.TooSlowError:
            self._fail(f"not within {_READ_SECONDS + plugins.SECONDS:g} s")
        self._tried_at = trio.current_time()
        self._read_at = min(self._tried_at + _READ_AGAIN_SECONDS, self._given_until)

    async def _take(self, access: Access) -> None:
        given = await self._given_now(access.plugin) if access.plugin else None
        headers = access.headers(access.token if given is None else given.token or None)
        material = access.material
        if given and given.client_certificate_data:
            own = given.client_certificate_data.encode(), given.client_key_data.encode()
            material = replace(material, certificate=own[0], key=own[1])
        if material != self._material:
            await self._renew(material)
        self._headers = headers

    async def _given_now(self, plugin: Plugin) -> Given:
        is_over = self._is_refused or trio.current_time() >= self._given_until
        if self._given is None or self._given_by != plugin or is_over:
            self._given = await plugins.run(plugin.exec, plugin.folder, plugin.cluster)
            self._given_by, left = plugin, self._given.left_seconds()
            holds = math.inf if left is None else left - min(_EARLIER_SECONDS, left * _EARLIER_PART)
            self._given_until = trio.current_time() + holds
        return self._given

    async def _renew(self, material: Material) -> None:
        context = await trio.to_thread.run_sync(partial(context_of, material), abandon_on_cancel=True)
        self._secured.context, self._material = context, material
        log.info("certificates_renewed")

    def _fail(self, problem: str) -> None:
        self._problem = problem
        log.warning("credentials_not_read", problem=problem, kept=self._usable)
