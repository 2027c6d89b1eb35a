# SPDX-License-Identifier: GPL-2.0-only
"""QMP, QEMU's own protocol: lines of JSON over a socket."""

import json
import socket
import time


class QmpError(Exception):
    """QEMU answered with an error; its text is for people and says why."""

    def __init__(self, command, error):
        super().__init__(f'{command}: {error["desc"]}')
        self.description = error['desc']


class Closed(Exception):
    """QEMU is gone."""


class Qmp:
    """One connection.  What is said goes to the log, as it came."""

    def __init__(self, path, log, timeout=60):
        self._log = log
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self._rest = b''
        self._number = 0
        self._receive()                 # the greeting
        self.execute('qmp_capabilities', {'enable': ['oob']})

    def close(self):
        self._socket.close()

    def _receive(self):
        """The next message."""
        while b'\n' not in self._rest:
            try:
                data = self._socket.recv(65536)
            except ConnectionResetError:
                data = b''
            if not data:
                raise Closed('QEMU has closed its QMP socket')
            self._rest += data
        line, self._rest = self._rest.split(b'\n', 1)
        self._log.write(f'{time.monotonic():.3f} < {line.decode().strip()}\n')
        return json.loads(line)

    def send(self, command, arguments=None, how='execute'):
        """Say it, and wait for nothing.  Returns the number that its answer will have."""
        self._number += 1
        message = {how: command, 'id': self._number}
        if arguments:
            message['arguments'] = arguments
        line = json.dumps(message)
        self._log.write(f'{time.monotonic():.3f} > {line}\n')
        self._log.flush()
        try:
            self._socket.sendall(line.encode() + b'\n')
        except (BrokenPipeError, ConnectionResetError):
            raise Closed('QEMU has closed its QMP socket') from None
        return self._number

    def execute(self, command, arguments=None, how='execute'):
        """Its return value.  Raises QmpError, Closed, or TimeoutError.

        how: 'exec-oob' for the few commands that are served while QEMU is busy.
        """
        number = self.send(command, arguments, how)
        while True:
            # Events come between, and answers that nobody waited for
            message = self._receive()
            if message.get('id') == number:
                if 'error' in message:
                    raise QmpError(command, message['error'])
                return message['return']
