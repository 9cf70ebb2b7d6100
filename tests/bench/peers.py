#!/usr/bin/env python3
"""Decoding and tracking beside the peers, in one run.

In: a folder of payload files (made here when it is empty, seeded), a built example `rates` of venue-engine, a
folder where advlib of npm is installed; in this Python bluetooth-data-tools, TheengsDecoder and habluetooth of
PyPI. Out: a table of rates per processor second and ratios, as Markdown, with the machine it was measured on.

Usage: peers.py RATES NODE_FOLDER PAYLOAD_FOLDER
"""

import asyncio
import json
import logging
import os
import pathlib
import platform
import random
import statistics
import struct
import subprocess
import sys
import time

logging.disable(logging.CRITICAL)
COUNT = 10_000
ROUNDS = 7
R = random.Random(20_240_601)


def noise(count):
    return bytes(R.getrandbits(8) for _ in range(count))


def part(kind, data):
    return bytes([len(data) + 1, kind]) + data


FLAGS = part(0x01, b"\x06")
LISTED = part(0x03, b"\xaa\xfe")
VENUE = noise(16)


def phone():
    draw = R.random()
    if draw < 0.45:
        return part(0x01, b"\x1a") + part(0x0A, b"\x0c") + part(0xFF, b"\x4c\x00\x10\x05" + noise(5))
    if draw < 0.60:
        return part(0x01, b"\x1a") + part(0xFF, b"\x4c\x00\x0c\x0e" + noise(14) + b"\x10\x05" + noise(5))
    if draw < 0.70:
        return part(0xFF, b"\x4c\x00\x12\x19" + noise(25))
    if draw < 0.80:
        return part(0x02, b"\x2c\xfe") + part(0x16, b"\x2c\xfe" + noise(R.randrange(3, 18)))
    if draw < 0.88:
        return part(0xFF, b"\x06\x00\x01\x09\x20\x02" + noise(23))
    if draw < 0.94:
        return part(0x01, b"\x1a") + part(0xFF, b"\x75\x00\x42\x09\x81\x02" + noise(18))
    if draw < 0.97:
        return FLAGS + part(0x09, b"Phone-" + noise(2).hex().encode()) + part(0x03, noise(2))
    return noise(R.randrange(1, 31))


def ibeacon():
    return FLAGS + part(0xFF, b"\x4c\x00\x02\x15" + VENUE + struct.pack(">HHb", R.randrange(64), R.randrange(65536), -59))


def uid():
    return FLAGS + LISTED + part(0x16, b"\xaa\xfe\x00\xee" + VENUE[:10] + noise(6) + b"\0\0")


def tlm():
    readings = struct.pack(">HHII", R.randrange(2000, 3300), R.randrange(10 << 8, 35 << 8), R.getrandbits(30), R.getrandbits(30))
    return FLAGS + LISTED + part(0x16, b"\xaa\xfe\x20\x00" + readings)


def ruuvi():
    return FLAGS + part(0xFF, b"\x99\x04\x05" + noise(23))


def mixed():
    draw = R.random()
    return (phone if draw < 0.55 else ibeacon if draw < 0.80 else uid if draw < 0.88 else tlm if draw < 0.92 else ruuvi)()


def payload_file(folder):
    path = pathlib.Path(folder) / "mixed.txt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{noise(6).hex()} {mixed().hex()} {R.randrange(-95, -45)}\n" for _ in range(COUNT)))
    return path


def rates(one, items, least_s=0.3):
    def round_():
        done, began_wall, began = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began_wall < least_s:
            for item in items:
                one(item)
            done += len(items)
        return done / (time.process_time() - began)
    round_()
    return statistics.median(round_() for _ in range(ROUNDS))


def ours(binary, *arguments):
    text = subprocess.run([binary, *arguments], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


ADVLIB = """
const {createRequire}=require('module');const req=createRequire(process.cwd()+'/x.js');
const advlib=req('advlib'),ble=req('advlib-ble');
const processors=[{processor:ble,libraries:[req('advlib-ble-services'),req('advlib-ble-manufacturers')],options:{ignoreProtocolOverhead:true}}];
const others=[req('advlib-interoperable')];
const packets=require('fs').readFileSync(process.argv[1],'utf8').trim().split('\\n').map(l=>{const [a,p]=l.split(' ');
return Buffer.from('42'+(p.length/2+6).toString(16).padStart(2,'0')+a.match(/../g).reverse().join('')+p,'hex')});
const one=p=>{try{advlib.process(p,processors,others)}catch(e){}};
const found=[];for(let r=-2;r<7;r++){let n=0;const c=process.cpuUsage(),t=process.hrtime.bigint();
do{packets.forEach(one);n+=packets.length}while(process.hrtime.bigint()-t<300000000n);
const u=process.cpuUsage(c);if(r>=0)found.push(n*1e6/(u.user+u.system))}
found.sort((a,b)=>a-b);console.log(found[found.length>>1]);
"""


def advlib(folder, path):
    done = subprocess.run(["node", "-e", ADVLIB, str(path.resolve())], capture_output=True, text=True, check=True, cwd=folder)
    return float(done.stdout)


def theengs(lines):
    from TheengsDecoder import decodeBLE

    def asked(address, payload, rssi):
        told = {"id": ":".join(address[i:i + 2] for i in range(0, 12, 2)).upper(), "rssi": int(rssi)}
        data, at = bytes.fromhex(payload), 0
        while at + 1 < len(data) and data[at] and at + 1 + data[at] <= len(data):
            kind, value = data[at + 1], data[at + 2:at + 1 + data[at]]
            if kind == 0xFF:
                told.setdefault("manufacturerdata", value.hex())
            elif kind == 0x16:
                told |= {"servicedatauuid": value[1::-1].hex(), "servicedata": value[2:].hex()}
            at += 1 + data[at]
        return json.dumps(told)
    return rates(decodeBLE, [asked(*line.split()) for line in lines[:500]])


def bluetooth_data_tools(lines):
    from bluetooth_data_tools import parse_advertisement_data_tuple
    return rates(parse_advertisement_data_tuple, [(bytes.fromhex(line.split()[1]),) for line in lines])


async def habluetooth(lines, fresh, devices=100_000):
    from bleak_retry_connector import BleakSlotManager
    from bluetooth_adapters import BluetoothAdapters
    from habluetooth import BaseHaRemoteScanner, BluetoothManager, set_manager

    class NoAdapters(BluetoothAdapters):
        adapters = property(lambda self: {})
        default_adapter = property(lambda self: "hci0")

    class Manager(BluetoothManager):
        def _discover_service_info(self, info):
            pass

    manager = Manager(NoAdapters(), BleakSlotManager())
    set_manager(manager)
    await manager.async_setup()
    scanner = BaseHaRemoteScanner("r", "r", None, False)
    scanner.async_setup()
    manager.async_register_scanner(scanner)
    payloads = [bytes.fromhex(line.split()[1]) for line in lines]
    addresses = [":".join(f"{byte:02X}" for byte in number.to_bytes(6, "big")) for number in range(0x4 << 44, (0x4 << 44) + devices)]
    heard, details = scanner._async_on_raw_advertisement, {}

    def round_(number):
        began, now = time.process_time(), time.monotonic()
        for place, address in enumerate(addresses):
            payload = payloads[(place + (number if fresh else 0)) % len(payloads)]
            heard(address, -60 - (place + number) % 30, payload, details, now)
        return devices / (time.process_time() - began)
    round_(0)
    found = statistics.median(round_(number) for number in range(1, 2 * ROUNDS + 1))
    manager.async_stop()
    return found


def main():
    binary, node, folder = sys.argv[1:4]
    path = payload_file(folder)
    lines = path.read_text().splitlines()
    decode = ours(binary, "decode", str(path))[0]["median_per_s"]
    fresh = ours(binary, "track", str(path), "fresh")[0]["median_per_s"]
    repeat = ours(binary, "track", str(path), "repeat")[0]["median_per_s"]
    rows = [
        ("decode, venue mix", "advlib (Buffer)", decode, advlib(node, path), 20),
        ("decode, venue mix", "bluetooth-data-tools", decode, bluetooth_data_tools(lines), 5),
        ("decode, venue mix", "TheengsDecoder", decode, theengs(lines), 5_000),
        ("100 000 devices, fresh bytes", "habluetooth", fresh, asyncio.run(habluetooth(lines, True)), 8),
        ("100 000 devices, repeated bytes", "habluetooth", repeat, asyncio.run(habluetooth(lines, False)), 2.5),
    ]
    model = next((line.split(": ")[1] for line in open("/proc/cpuinfo") if line.startswith("model name")), "?").strip()
    print(f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n")
    print("| what | peer | ours, adverts per CPU-s | peer's | ratio | goal |\n|---|---|---|---|---|---|")
    for what, peer, mine, theirs, goal in rows:
        print(f"| {what} | {peer} | {mine:,.0f} | {theirs:,.0f} | {mine / theirs:,.1f} | {goal:,} |")
    sys.exit(0 if all(mine >= goal * theirs for _, _, mine, theirs, goal in rows) else 1)


main()
