"""A Bumble controller that hears beacons.

In: a path for a unix socket, a number of beacons, `extended` or `legacy`. Out: H4 on that socket, with the adverts of
so many beacons every 100 ms; the line `ready` once a host may come. Ends with standard input.
"""

import asyncio
import sys

from bumble.controller import Controller
from bumble.device import AdvertisingEventProperties, AdvertisingParameters, Device
from bumble.hci import Address, LeFeatureMask
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport

# Flags and a manufacturer structure of company 0xffff, which is nobody's, that ends with the beacon's number.
AD = bytes.fromhex("020106" + "07ffffffbeac00")
INTERVAL_MS = 100


async def beacons(link, count):
    controller = Controller("beacons", link=link)
    device = Device(host=Host(), address=Address("C0:00:00:00:00:00"))
    device.host.controller = controller
    await device.power_on()
    silent = AdvertisingEventProperties(is_connectable=False, is_scannable=False)
    for number in range(count):
        parameters = AdvertisingParameters(
            advertising_event_properties=silent,
            primary_advertising_interval_min=INTERVAL_MS,
            primary_advertising_interval_max=INTERVAL_MS,
            own_address_type=1,
        )
        await device.create_advertising_set(
            advertising_parameters=parameters,
            random_address=Address(f"C0:00:00:00:01:{number:02X}"),
            advertising_data=AD + bytes([number]),
        )
    return device


async def main(path, count, mode):
    link = LocalLink()
    transport = await open_transport(f"unix-server:{path}")
    gateway = Controller("gateway", host_source=transport.source, host_sink=transport.sink, link=link)
    if mode == "legacy":
        gateway.le_features &= ~LeFeatureMask.LE_EXTENDED_ADVERTISING
    device = await beacons(link, count)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    del device


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
