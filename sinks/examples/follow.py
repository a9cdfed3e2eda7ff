#!/usr/bin/env python3
"""Prints the alerts that stand and follows what changes: follow.py HOST:PORT|SOCKET [AUDIENCE [DEPLOYMENT]]"""
import os
import socket
import sys
import time

FIELDS = ["revision", "level", "last", "rule"]
LOT = 200  # hashes a trip


class Redis:
    """A connection that speaks just enough RESP: commands in a pipeline, answers in order."""

    def __init__(self, address):
        if address.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(30)
            self.socket.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.file = self.socket.makefile("rb")
        password = os.environ.get("REDISCLI_AUTH")
        if password:
            user = os.environ.get("REDIS_USER")
            self.ask("AUTH", *([user] if user else []), password)

    def send(self, *commands):
        out = []
        for command in commands:
            words = [str(word).encode() for word in command]
            out.append(b"*%d\r\n" % len(words))
            out += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(out))

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the server went away")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            if rest.startswith(b"LOADING"):
                raise OSError(rest.decode())
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2].decode()
        if kind == b"*":
            return None if int(rest) < 0 else [self.answer() for _ in range(int(rest))]
        return rest.decode()

    def ask(self, *command):
        self.send(command)
        return self.answer()

    def multi(self, *commands):
        """All at one moment."""
        self.send(["MULTI"], *commands, ["EXEC"])
        for _ in range(len(commands) + 1):
            self.answer()
        return self.answer()


class BeginAgain(Exception):
    pass


class Reader:
    def __init__(self, redis, prefix):
        self.redis = redis
        self.prefix = prefix
        self.generation = None
        self.last = (0, 0)

    def key(self, name):
        return f"{self.prefix}{self.generation}:{name}"

    def hashes(self, ids):
        """The hashes, read with what says whether they count: BeginAgain if they do not."""
        commands = [["HMGET", self.prefix + "meta", "generation", "feed_floor"]]
        commands += [["HMGET", self.key("alert:" + alert), *FIELDS] for alert in ids]
        (generation, floor), *rows = self.redis.multi(*commands)
        if generation != self.generation or (floor and self.last < number(floor)):
            raise BeginAgain
        return rows

    def begin(self):
        """All that stands, at one moment; its hashes may be newer."""
        meta = self.prefix + "meta"
        contract, self.generation = self.redis.ask("HMGET", meta, "contract", "generation")
        if contract is None:
            time.sleep(0.2)  # nothing was written yet, or it is being filled
            raise BeginAgain
        if contract != "2":
            sys.exit(f"expected contract 2, found {contract}")
        (generation, tick, row), ids = self.redis.multi(
            ["HMGET", meta, "generation", "tick", "row"], ["ZRANGE", self.key("open"), 0, -1, "REV"])
        if generation != self.generation:
            raise BeginAgain
        self.last = (int(tick), int(row))
        lines = [f"view {generation}"]
        for at in range(0, len(ids), LOT):
            lot = ids[at:at + LOT]
            lines += [line("open", alert, fields) for alert, fields in zip(lot, self.hashes(lot)) if fields[0]]
        print(*lines, f"at {tick}-{row}", sep="\n", flush=True)

    def follow(self):
        last = "%d-%d" % self.last
        streams = self.redis.ask("XREAD", "BLOCK", 5000, "COUNT", LOT, "STREAMS", self.key("feed"), last)
        entries = [(entry, dict(zip(fields[::2], fields[1::2]))) for entry, fields in (streams[0][1] if streams else [])]
        rows = self.hashes([fields.get("id", "") for _, fields in entries])
        for (_, fields), row in zip(entries, rows):
            if fields["op"] == "gone":
                print("gone", fields["id"], fields.get("next", "-"))
            elif row[0]:  # else gone already: that entry follows
                print(line("set", fields["id"], row))
        if entries:
            self.last = number(entries[-1][0])
            print("at", entries[-1][0], flush=True)


def number(entry):
    tick, row = entry.split("-")
    return int(tick), int(row)


def line(word, alert, fields):
    revision, level, last, rule = fields
    return f"{word} {alert} {revision} {level} {last} {rule}"


def main():
    address = sys.argv[1]
    audience = sys.argv[2] if len(sys.argv) > 2 else "all"
    deployment = sys.argv[3] if len(sys.argv) > 3 else "crosswatch"
    while True:
        try:
            reader = Reader(Redis(address), "cw:{%s}:a:%s:" % (deployment, audience))
            while True:
                try:
                    reader.begin()
                    while True:
                        reader.follow()
                except BeginAgain:
                    pass
        except OSError as error:  # away: what was told is told again when it is back
            print(error, file=sys.stderr)
            time.sleep(0.5)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
