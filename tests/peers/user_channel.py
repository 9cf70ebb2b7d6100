"""The Linux kernel's user channel of an adapter, in front of a controller that speaks H4.

In: a path for a socket of packets, and the unix socket of a controller. Out: the same HCI, one packet a read and a
write, as the kernel hands it out; the line `ready`. One host. Ends with standard input.
"""

import asyncio
import os
import socket
import sys

# Bytes between a packet's type and its length, and bytes of the length, by type (Core 5.4, Vol 4 Part E, 5.4).
HEADERS = {2: (2, 2), 3: (2, 1), 4: (1, 1), 5: (2, 2)}


async def upwards(controller, host):
    loop = asyncio.get_running_loop()
    while kind := await controller.read(1):
        before, width = HEADERS[kind[0]]
        head = await controller.readexactly(before + width)
        body = await controller.readexactly(int.from_bytes(head[-width:], "little"))
        await loop.sock_sendall(host, kind + head + body)


async def main(path, place):
    loop = asyncio.get_running_loop()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.path.exists(path):
        os.unlink(path)
    door.bind(path)
    door.listen(1)
    door.setblocking(False)
    print("ready", flush=True)
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    host, _ = await loop.sock_accept(door)
    host.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(place)
    tasks = [asyncio.create_task(upwards(reader, host))]

    async def downwards():
        while packet := await loop.sock_recv(host, 4096):
            writer.write(packet)

    tasks.append(asyncio.create_task(downwards()))
    await ending
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
