"""A bluetoothd that fails when it is told to.

In: a bus in DBUS_SYSTEM_BUS_ADDRESS, orders on standard input, one a line. Out: org.bluez on that bus with one adapter
and a number of devices that advertise while somebody scans; the line `ready`. Orders: `quiet` (scanning goes on,
nothing is heard until it is switched off and on), `deaf` (nothing is heard until the adapter is switched off and on),
`off` (the adapter is switched off), `ended` (scanning ends by itself), `hang` (no call is answered any more), `die`.
Usage: bluetoothd.py DEVICES ADVERTS_PER_S. Ends with standard input.
"""

import asyncio
import os
import sys

from dbus_fast import BusType, Message, MessageType, Variant as V
from dbus_fast.aio import MessageBus

ADAPTER = "/org/bluez/hci0"
PROPERTIES = "org.freedesktop.DBus.Properties"
MANAGER = "org.freedesktop.DBus.ObjectManager"


def address(number):
    return f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}"


def path(number):
    return f"{ADAPTER}/dev_{address(number).replace(':', '_')}"


class Bluez:
    def __init__(self, bus, devices, adverts_per_s):
        self.bus, self.devices, self.adverts_per_s = bus, devices, adverts_per_s
        self.powered, self.discovering, self.mute, self.hanging = False, False, None, False
        self.known = set()
        bus.add_message_handler(self.handle)

    def adapter(self):
        text = {"Address": "00:11:22:33:44:55", "AddressType": "public", "Name": "gw", "Alias": "gw",
                "Modalias": "usb:v1D6Bp0246d0542"}
        on = {"Powered": self.powered, "Discovering": self.discovering}
        return {**{k: V("s", v) for k, v in text.items()}, **{k: V("b", v) for k, v in on.items()}}

    def device(self, number, count):
        # Every eighth device is one with a public address.
        kind = "public" if number % 8 == 0 else "random"
        flags = ["Paired", "Trusted", "Blocked", "LegacyPairing", "Connected", "ServicesResolved"]
        return {"Address": V("s", address(number)), "AddressType": V("s", kind), "Alias": V("s", "d"),
                **{flag: V("b", False) for flag in flags}, **self.heard(number, count)}

    @staticmethod
    def heard(number, count):
        data = bytes([0xBE, 0xAC]) + number.to_bytes(2, "big") + count.to_bytes(4, "big")
        return {"RSSI": V("n", -40 - number % 50), "ManufacturerData": V("a{qv}", {0xFFFF: V("ay", data)})}

    def signal(self, where, interface, member, signature, body):
        self.bus.send(Message(path=where, interface=interface, member=member, signature=signature, body=body,
                              message_type=MessageType.SIGNAL))

    def change(self, **changed):
        for name, value in changed.items():
            setattr(self, name, value)
        told = {name.capitalize(): V("b", value) for name, value in changed.items()}
        self.signal(ADAPTER, PROPERTIES, "PropertiesChanged", "sa{sv}as", ["org.bluez.Adapter1", told, []])

    def handle(self, message):
        if message.message_type != MessageType.METHOD_CALL or message.interface == "org.freedesktop.DBus.Peer":
            return None
        if self.hanging:
            return True
        return self.answer(message)

    def answer(self, message):
        done = Message.new_method_return(message)
        match message.member:
            case "GetManagedObjects":
                objects = {ADAPTER: {"org.bluez.Adapter1": self.adapter()}}
                objects |= {path(n): {"org.bluez.Device1": self.device(n, 0)} for n in self.known}
                return Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])
            case "GetAll":
                one = self.adapter() if message.path == ADAPTER else self.device(self.number(message.path), 0)
                return Message.new_method_return(message, "a{sv}", [one])
            case "Set" if message.body[1] == "Powered":
                on = message.body[2].value
                if not on:
                    self.mute = None if self.mute == "deaf" else self.mute
                    self.change(powered=False, discovering=False)
                elif not self.powered:
                    self.change(powered=True)
                return done
            case "SetDiscoveryFilter":
                return done
            case "StartDiscovery" if not self.powered:
                return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
            case "StartDiscovery":
                self.change(discovering=True)
                return done
            case "StopDiscovery":
                self.mute = None if self.mute == "quiet" else self.mute
                self.change(discovering=False)
                return done
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", message.member or "")

    @staticmethod
    def number(where):
        return int(where[-5:].replace("_", ""), 16)

    def order(self, word):
        match word:
            case "quiet" | "deaf":
                self.mute = word
            case "off":
                self.change(powered=False, discovering=False)
            case "ended":
                self.change(discovering=False)
            case "hang":
                self.hanging = True
            case "die":
                os._exit(0)

    async def advertise(self):
        sent = 0
        while True:
            await asyncio.sleep(0.01)
            if not self.discovering or self.mute or self.hanging:
                continue
            for _ in range(max(1, self.adverts_per_s // 100)):
                number, count = sent % self.devices, sent // self.devices
                if number in self.known:
                    changed = ["org.bluez.Device1", self.heard(number, count), []]
                    self.signal(path(number), PROPERTIES, "PropertiesChanged", "sa{sv}as", changed)
                else:
                    self.known.add(number)
                    added = [path(number), {"org.bluez.Device1": self.device(number, count)}]
                    self.signal("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", added)
                sent += 1


async def main(devices, adverts_per_s):
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    await bus.request_name("org.bluez")
    bluez = Bluez(bus, devices, adverts_per_s)
    advertising = asyncio.create_task(bluez.advertise())
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        bluez.order(line.strip())
    advertising.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
