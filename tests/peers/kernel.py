"""The Linux kernel's side of Bluetooth management, for an unmodified bluetoothd.

In: a path for a socket of packets, a number of devices, adverts per second. Out: one adapter that can be switched on
and scans, and while it scans a Device Found event for each advert; the line `ready`. Orders on standard input:
`quiet` and `loud`. Ends with standard input. Packets are code, index, length (u16, little endian), parameters.

Source: doc/mgmt-api.txt of BlueZ.
"""

import asyncio
import os
import socket
import struct
import sys

COMMAND_COMPLETE, COMMAND_STATUS, NEW_SETTINGS, DEVICE_FOUND, DISCOVERING = 0x01, 0x02, 0x06, 0x12, 0x13
UNKNOWN_COMMAND = 0x01
LE_RANDOM = 2
NOT_CONNECTABLE = 0x4

# Current settings: bit 0 powered, 9 low energy; 1, 3, 4, 10, 11 are supported besides.
POWERED, LOW_ENERGY = 1 << 0, 1 << 9
SUPPORTED = POWERED | LOW_ENERGY | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 10 | 1 << 11
# Commands that switch one setting: Set Powered, Discoverable, Connectable, Bondable, Low Energy, Secure Connections.
SWITCHES = {0x05: POWERED, 0x06: 1 << 3, 0x07: 1 << 1, 0x09: 1 << 4, 0x0D: LOW_ENERGY, 0x2D: 1 << 11}
# Answered with the device class, with nothing, and with the address they name.
CLASS, NOTHING, ADDRESS = {0x0E, 0x10, 0x11}, {0x12, 0x13, 0x28, 0x30, 0x35}, {0x25, 0x33, 0x34}

ADDRESS_OF_ADAPTER = bytes.fromhex("554433221100")
BLUETOOTH_5 = 9
# A manufacturer structure of company 0xffff, 23 bytes: BlueZ 5.66 drops those longer than 27.
AD = bytes.fromhex("020106" + "17ffffffbeac")


class Kernel:
    def __init__(self, devices, adverts_per_s):
        self.devices, self.adverts_per_s = devices, adverts_per_s
        self.settings, self.host, self.scanning, self.quiet = LOW_ENERGY, None, False, False

    def send(self, code, index, parameters):
        if self.host:
            try:
                self.host.send(struct.pack("<HHH", code, index, len(parameters)) + parameters)
            except BlockingIOError:
                pass  # bluetoothd does not read: the kernel drops as well

    def information(self):
        settings = struct.pack("<II", SUPPORTED, self.settings)
        return ADDRESS_OF_ADAPTER + struct.pack("<BH", BLUETOOTH_5, 0xFFFF) + settings + bytes(3) + b"gw".ljust(260, b"\0")

    def scan(self, kinds, on):
        self.scanning = on
        self.send(DISCOVERING, 0, kinds + bytes([on]))

    def command(self, packet):
        opcode, index, length = struct.unpack_from("<HHH", packet)
        parameters = packet[6 : 6 + length]

        def done(returned=b""):
            self.send(COMMAND_COMPLETE, index, struct.pack("<HB", opcode, 0) + returned)

        match opcode:
            case 0x01:
                done(struct.pack("<BH", 1, 22))
            case 0x02:
                done(struct.pack("<HH", 0, 0))
            case 0x03:
                done(struct.pack("<HH", 1, 0))
            case 0x04:
                done(self.information())
            case _ if bit := SWITCHES.get(opcode, 0):
                self.settings = self.settings | bit if parameters[0] else self.settings & ~bit
                done(struct.pack("<I", self.settings))
            case _ if opcode in CLASS:
                done(bytes(3))
            case _ if opcode in NOTHING:
                done()
            case _ if opcode in ADDRESS:
                done(parameters[:7])
            case 0x0F:
                done(parameters)
            case 0x23 | 0x3A:
                done(parameters[:1])
                self.scan(parameters[:1], True)
            case 0x24:
                done(parameters[:1])
                self.scan(parameters[:1], False)
            case 0x3D:
                done(struct.pack("<IBBBB", 0, 31, 31, 1, 0))
            case _:
                self.send(COMMAND_STATUS, index, struct.pack("<HB", opcode, UNKNOWN_COMMAND))

    def found(self, sent):
        number, count = sent % self.devices, sent // self.devices
        data = AD + struct.pack(">HI", number, count) + bytes(12)
        address = struct.pack("<H", number) + bytes.fromhex("000000c0")
        rssi = -40 - number % 50
        self.send(DEVICE_FOUND, 0, address + struct.pack("<BbIH", LE_RANDOM, rssi, NOT_CONNECTABLE, len(data)) + data)

    async def advertise(self):
        sent = 0
        while True:
            await asyncio.sleep(0.01)
            if self.scanning and not self.quiet:
                for _ in range(max(1, self.adverts_per_s // 100)):
                    self.found(sent)
                    sent += 1

    async def listen(self, path):
        loop = asyncio.get_running_loop()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(path):
            os.unlink(path)
        door.bind(path)
        door.listen(4)
        door.setblocking(False)
        print("ready", flush=True)
        while True:
            host, _ = await loop.sock_accept(door)
            host.setblocking(False)
            host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self.host, self.scanning, self.settings = host, False, LOW_ENERGY
            asyncio.create_task(self.talk(host))

    async def talk(self, host):
        loop = asyncio.get_running_loop()
        try:
            while packet := await loop.sock_recv(host, 65_536):
                self.command(packet)
        except ConnectionError:
            pass  # bluetoothd was killed
        if self.host is host:
            self.host, self.scanning = None, False
        host.close()


async def main(path, devices, adverts_per_s):
    kernel = Kernel(devices, adverts_per_s)
    tasks = [asyncio.create_task(kernel.listen(path)), asyncio.create_task(kernel.advertise())]
    while line := await asyncio.to_thread(sys.stdin.readline):
        kernel.quiet = line.strip() == "quiet"
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
