"""RootCanal, the controller model of Android, that hears beacons.

In: a path for a unix socket. Out: H4 on that socket; two beacons advertise every 100 ms, one as before Bluetooth 5
and one with extended advertising and more data than that had room for; the line `ready` once a host may come. Ends
with standard input. RootCanal listens on every address of the machine, so this refuses to run outside a network
namespace of its own (`unshare --net`).
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys

import rootcanal.binaries

HCI_PORT = 6402
# 100 ms in units of 0.625 ms.
INTERVAL = 160
NONCONNECTABLE = 3
RANDOM = 1

LEGACY_AD = bytes.fromhex("020106" + "07ffffffbeac0001")
# A manufacturer structure of 60 bytes: too long for a legacy advertisement.
LONG_AD = bytes.fromhex("3dffffffbeac0002") + bytes(range(54))


def raise_loopback():
    """Switches `lo` on, as `ip link set lo up` does (netdevice(7): SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, 0x8913, struct.pack("16sH14x", b"lo", 0))
        (flags,) = struct.unpack_from("H", request, 16)
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))


async def connect():
    for _ in range(100):
        try:
            return await asyncio.open_connection("127.0.0.1", HCI_PORT)
        except OSError:
            await asyncio.sleep(0.1)
    raise SystemExit("RootCanal does not listen")


async def send(stream, opcode, parameters=b""):
    reader, writer = stream
    writer.write(struct.pack("<BHB", 1, opcode, len(parameters)) + parameters)
    while True:
        kind, code, length = struct.unpack("BBB", await reader.readexactly(3))
        event = await reader.readexactly(length)
        if kind == 4 and code == 0x0E and struct.unpack_from("<H", event, 1)[0] == opcode:
            if event[3] != 0:
                raise SystemExit(f"command {opcode:#06x}: status {event[3]:#04x}")
            return


async def legacy_beacon():
    stream = await connect()
    await send(stream, 0x0C03)
    await send(stream, 0x2005, bytes.fromhex("0100000000c0"))
    await send(stream, 0x2006, struct.pack("<HHBBB6xBB", INTERVAL, INTERVAL, NONCONNECTABLE, RANDOM, 0, 7, 0))
    await send(stream, 0x2008, bytes([len(LEGACY_AD)]) + LEGACY_AD.ljust(31, b"\0"))
    await send(stream, 0x200A, b"\1")
    return stream


async def extended_beacon():
    stream = await connect()
    await send(stream, 0x0C03)
    interval = struct.pack("<I", INTERVAL)[:3]
    # One set: no properties, all channels, random address, 1M PHY first and second, advertising set 5.
    await send(stream, 0x2036, b"\0\0\0" + interval * 2 + bytes([7, RANDOM, 0]) + bytes(6) + bytes([0, 127, 1, 0, 1, 5, 0]))
    await send(stream, 0x2035, b"\0" + bytes.fromhex("0200000000c0"))
    await send(stream, 0x2037, bytes([0, 3, 0, len(LONG_AD)]) + LONG_AD)
    await send(stream, 0x2039, bytes([1, 1, 0, 0, 0, 0]))
    return stream


async def pump(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def bridge(host_reader, host_writer):
    reader, writer = await connect()
    await asyncio.gather(pump(host_reader, writer), pump(reader, host_writer), return_exceptions=True)


async def main(path):
    if len(socket.if_nameindex()) != 1:
        raise SystemExit("run this in a network namespace of its own: unshare --net")
    raise_loopback()
    binary = rootcanal.binaries.get_package_binary_resource_path("rootcanal")
    quiet = asyncio.subprocess.DEVNULL
    controller = await asyncio.create_subprocess_exec(str(binary), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        streams = [await legacy_beacon(), await extended_beacon()]
        if os.path.exists(path):
            os.unlink(path)
        server = await asyncio.start_unix_server(bridge, path)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()
        del streams
    finally:
        controller.kill()
        await controller.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
