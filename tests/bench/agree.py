#!/usr/bin/env python3
"""Compares `venue-gateway decode` with others' decoders on seeded random frames of each format.

In: a venue-gateway binary; beside it bthome-ble, ruuvitag-sensor, ibeacon-ble and TheengsDecoder from PyPI,
and a folder where advlib of npm is installed. Out: one line a peer and format, and every disagreement.
It judges values both sides give; what only one side gives is listed by name.

Usage: agree.py VENUE_GATEWAY NODE_FOLDER [COUNT]
"""

import json
import logging
import random
import struct
import subprocess
import sys

logging.disable(logging.CRITICAL)
SEED = 20261121
R = random.Random(SEED)


def structure(kind, data):
    return bytes([len(data) + 1, kind]) + data


def service(uuid, data):
    return structure(0x16, struct.pack("<H", uuid) + data)


def company(number, data):
    return structure(0xFF, struct.pack("<H", number) + data)


def noise(count):
    return bytes(R.getrandbits(8) for _ in range(count))


def ibeacon():
    return company(0x004C, b"\x02\x15" + noise(21))


def eddystone_uid():
    return service(0xFEAA, b"\x00" + noise(17) + b"\0\0")


def eddystone_url():
    text = bytes(R.choice(list(range(14)) + list(range(33, 127))) for _ in range(R.randrange(1, 18)))
    return service(0xFEAA, b"\x10" + noise(1) + bytes([R.randrange(4)]) + text)


def eddystone_tlm():
    return service(0xFEAA, b"\x20\x00" + noise(12))


def ruuvi():
    return company(0x0499, R.choice([lambda: b"\x05" + noise(23), lambda: b"\x03" + noise(2) + bytes([R.randrange(100)]) + noise(10)])())


SERVICE_MINEW = {0x01: 10, 0x02: 7, 0x03: 12, 0x05: 8, 0x11: 8, 0x12: 8, 0x13: 8, 0x17: 10, 0x18: 11, 0x20: 7, 0x21: 7}


def minew_service():
    model = R.choice(list(SERVICE_MINEW))
    return service(0xFFE1, bytes([0xA1, model]) + noise(1 + SERVICE_MINEW[model]))


def minew_company():
    body = R.choice([
        lambda: b"\xca\x00" + noise(22),
        lambda: b"\xca\x03\x03" + noise(6) + b"\x21" + noise(1) + noise(4),
        lambda: b"\xca\x05\x00" + bytes([R.choice([0, 2])]) + noise(5) + b"name\0\0\0\0" + noise(7),
        lambda: b"\xca\x18" + bytes([R.randrange(2)]) + noise(21),
        lambda: b"\xca\x1b\x01" + noise(21),
        lambda: b"\xca\x1e\x00" + noise(21),
        lambda: b"\xa3\x01" + noise(18),
        lambda: b"\xa3\x03" + noise(14),
        lambda: b"\xa4\x00" + noise(16),
        lambda: b"\xa4\x01" + noise(13),
        lambda: b"\x51" + bytes([R.choice([1, 2])]) + noise(21),
    ])()
    return company(0x0639, body)


def bthome():
    from bthome_ble.const import MEAS_TYPES
    plain = [(i, t) for i, t in MEAS_TYPES.items() if str(t.data_format) in ("unsigned_integer", "signed_integer") and i < 0xF0 and i]
    # bthome-ble rounds 35 hundredths of a degree to tenths, and keeps one of two volumes or distances of different units.
    plain = [(i, t) for i, t in plain if i not in (0x58, 0x47, 0x48, 0x40)]
    chosen = sorted(R.sample(plain, R.randrange(1, 4)), key=lambda pair: pair[0])
    body = b""
    for identifier, meaning in chosen:
        flag = 0x0F <= identifier <= 0x11 or 0x15 <= identifier <= 0x2D
        value = bytes([R.randrange(2)]) if flag else noise(meaning.data_length)
        if identifier == 0x3A:
            value = bytes([R.choice([1, 2, 3, 4, 5, 6, 0x80])])
        if identifier == 0x3C:
            value = bytes([R.choice([1, 2])]) + noise(1)
        body += bytes([identifier]) + value
    return service(0xFCD2, b"\x40" + body)


def bthome_sealed():
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
    plain = bthome()[5:]
    key, address, counter = noise(16), noise(6), noise(4)
    sealed = AESCCM(key, tag_length=4).encrypt(address + b"\xd2\xfc\x41" + counter, plain, None)
    return service(0xFCD2, b"\x41" + sealed[:-4] + counter + sealed[-4:]), key, address, plain


def decode(binary, lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([binary, "decode"], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(ours, theirs):
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return abs(ours - theirs) <= 1e-6 * max(1.0, abs(theirs))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


class Tally:
    def __init__(self, peer, name):
        self.peer, self.name, self.values, self.frames, self.wrong, self.missing = peer, name, 0, 0, [], {}

    def check(self, ad, what, ours, theirs):
        if theirs is None:
            return
        self.values += 1
        if ours is None:
            self.missing[what] = self.missing.get(what, 0) + 1
        elif not same(ours, theirs):
            self.wrong.append(f"  {ad} {what}: ours {ours}, theirs {theirs}")

    def tell(self):
        print(f"{self.peer} {self.name}: {self.frames} frames, {self.values} values, {len(self.wrong)} disagree, ours lack {self.missing or 'none'}")
        print("\n".join(self.wrong[:10]), end="\n" if self.wrong else "")
        return len(self.wrong)


def first(line, name):
    return next((frame for frame in line["frames"] if frame["format"] == name), {})


NODE = """
const {createRequire}=require('module');const req=createRequire(process.cwd()+'/x.js');
const s=req('advlib-ble-services'),m=req('advlib-ble-manufacturers');
const lines=require('fs').readFileSync(0,'utf8').trim().split('\\n');
for(const l of lines){const a=Buffer.from(l,'hex');const n=a.readUInt16LE(2).toString(16).padStart(4,'0');const d=a.subarray(4);
const lib=require('path').join(process.cwd(),'node_modules',a[1]===0x16?'advlib-ble-services':'advlib-ble-manufacturers','lib');
const f={'feaa':'eddystone','ffe1':'minew','004c':'apple','0499':'ruuvi','0639':'minew'}[n];
let r=null;try{r=req(lib+'/'+f+'.js').process(d)}catch(e){r={error:String(e)}}console.log(JSON.stringify(r))}
"""


def advlib(folder, ads):
    text = "\n".join(ad.hex() for ad in ads)
    done = subprocess.run(["node", "-e", NODE], input=text, capture_output=True, text=True, check=True, cwd=folder)
    return [json.loads(line) for line in done.stdout.splitlines()]


def flag(value):
    return value[0] if isinstance(value, list) else value


def mac(ids):
    return ":".join(ids[0][i:i + 2] for i in range(0, 12, 2)) if ids and "/2" in ids[0] else None


def agree_advlib(binary, folder, count):
    wrong = 0
    for name, make, form in [("ibeacon", ibeacon, "ibeacon"), ("eddystone-uid", eddystone_uid, "eddystone-uid"),
                             ("eddystone-url", eddystone_url, "eddystone-url"), ("eddystone-tlm", eddystone_tlm, "eddystone-tlm"),
                             ("ruuvi", ruuvi, "ruuvi"), ("minew", minew_service, "minew"), ("minew", minew_company, "minew")]:
        ads = [make() for _ in range(count)]
        if name == "ruuvi":
            ads = [ad for ad in ads if ad[4] == 5]
        tally = Tally("advlib", f"{name} {make.__name__}")
        for ad, line, theirs in zip(ads, decode(binary, [{"ad": ad.hex()} for ad in ads]), advlib(folder, ads)):
            ours = first(line, form)
            if theirs is None or "error" in theirs:
                if ours and theirs is None:
                    tally.wrong.append(f"  {ad.hex()}: ours {ours}, theirs nothing")
                continue
            if not ours:
                tally.wrong.append(f"  {ad.hex()}: ours {line['refused']}, theirs {theirs}")
                continue
            tally.frames += 1
            check = lambda what, mine, yours: tally.check(ad.hex(), what, mine, yours)
            get = theirs.get
            if name == "ibeacon":
                check("uuid", ours["uuid"].replace("-", ""), get("deviceIds")[0].split("/")[0])
                check("major", f"{ours['major']:04x}", get("deviceIds")[0].split("/")[1])
                check("minor", f"{ours['minor']:04x}", get("deviceIds")[0].split("/")[2])
                check("power", ours["measured_power_dbm"], get("txPower"))
            elif name.startswith("eddystone"):
                if get("deviceIds"):
                    check("id", f"{ours['namespace']}/{ours['instance']}", get("deviceIds")[0])
                check("power", ours.get("measured_power_dbm"), max(get("txPower") - 41, -128) if "txPower" in theirs else None)
                check("url", ours.get("url"), get("uri") if name.endswith("url") else None)
                check("battery", (ours.get("battery_mv") or 0) / 1000, get("batteryVoltage"))
                check("temperature", ours.get("temperature_c"), get("temperature"))
                check("count", ours.get("advertisement_count"), get("txCount"))
                check("uptime", ours.get("uptime_s", 0) * 1000, get("uptime"))
            else:
                check("temperature", ours.get("temperature_c"), get("temperature"))
                check("humidity", ours.get("humidity_percent"), get("relativeHumidity"))
                check("pressure", ours.get("pressure_pa"), get("pressure"))
                check("acceleration", ours.get("acceleration_g"), get("acceleration"))
                check("battery", ours.get("battery_percent"), get("batteryPercentage"))
                check("voltage", ours["battery_mv"] / 1000 if ours.get("battery_mv") is not None else None, get("batteryVoltage"))
                check("power", ours.get("tx_power_dbm"), get("txPower"))
                check("mac", ours.get("mac"), mac(get("deviceIds")))
                check("version", ours.get("firmware"), get("version"))
                check("name", ours.get("name"), get("name"))
                check("illuminance", ours.get("illuminance_lux"), get("illuminance"))
                check("tvoc", (ours.get("tvoc_ppb") or 0) / 1000, get("volatileOrganicCompoundsConcentration"))
                check("passages", [ours.get("entered"), ours.get("left")], get("passageCounts"))
                check("occupants", ours.get("occupants"), get("numberOfOccupants"))
                check("occupied", ours.get("occupied"), flag(get("isOccupancyDetected")))
                check("distance", (ours.get("distance_mm") or 0) / 1000, get("distance"))
                check("buttons", ours.get("buttons"), get("isButtonPressed"))
                check("liquid", ours.get("detected"), flag(get("isLiquidDetected")))
                motion = ours.get("moving", ours.get("detected"))
                check("motion", motion, flag(get("isMotionDetected")))
                closed = ours.get("opened", ours.get("detected"))
                check("contact", None if closed is None else not closed, flag(get("isContactDetected")))
        wrong += tally.tell()
    return wrong


def bthome_of(line):
    return [(o["value"], o.get("steps")) for o in first(line, "bthome").get("objects", [])]


def theirs_bthome(ad, address="A4:C1:38:8D:18:B2", key=None):
    import time
    from bleak.backends.device import BLEDevice
    from bthome_ble.parser import BTHomeBluetoothDeviceData
    from habluetooth import BluetoothServiceInfoBleak
    info = BluetoothServiceInfoBleak(name="x", address=address, rssi=-60, manufacturer_data={}, service_uuids=[], source="x",
                                     service_data={"0000fcd2-0000-1000-8000-00805f9b34fb": ad[4:]}, device=BLEDevice(address, "x", {}),
                                     advertisement=None, connectable=False, time=time.monotonic(), tx_power=None)
    update = BTHomeBluetoothDeviceData(bindkey=key).update(info)
    values = [v.native_value for k, v in update.entity_values.items() if k.key != "signal_strength"]
    values += [v.native_value for v in update.binary_entity_values.values()]
    return values + [v.event_type for v in update.events.values()]


def agree_bthome(binary, count):
    tally = Tally("bthome-ble", "bthome v2")
    ads = [bthome() for _ in range(count)]
    sealed = [bthome_sealed() for _ in range(count // 5)]
    lines = [{"ad": ad.hex()} for ad in ads]
    lines += [{"ad": ad.hex(), "key": key.hex(), "address": address.hex(":")} for ad, key, address, _ in sealed]
    peers = [theirs_bthome(ad) for ad in ads] + [theirs_bthome(ad, a.hex(":").upper(), k) for ad, k, a, _ in sealed]
    for line, theirs in zip(decode(binary, lines), peers):
        ours = [value for value, _ in bthome_of(line)]
        tally.frames += 1
        key = lambda value: (str(type(value) is str), float(value) if not isinstance(value, str) else value)
        for mine, yours in zip(sorted(ours, key=key), sorted(theirs, key=key)):
            tally.check(line["ad"], "value", mine, yours)
        if len(ours) != len(theirs):
            tally.wrong.append(f"  {line['ad']}: ours {ours}, theirs {theirs}")
    return tally.tell()


def agree_ruuvi(binary, count):
    from ruuvitag_sensor.data_formats import DataFormats
    from ruuvitag_sensor.decoder import get_decoder
    tally = Tally("ruuvitag-sensor", "ruuvi 3 and 5")
    ads = [ruuvi() for _ in range(count)]
    for ad, line in zip(ads, decode(binary, [{"ad": ad.hex()} for ad in ads])):
        form, data = DataFormats.convert_data((bytes([len(ad)]) + ad).hex().upper())
        theirs, ours = get_decoder(form).decode_data(data), first(line, "ruuvi")
        tally.frames += 1
        gravity = ours["acceleration_g"] or [None] * 3
        for what, mine, yours, digits in [
            ("temperature", ours["temperature_c"], theirs["temperature"], 0.0051), ("humidity", ours["humidity_percent"], theirs["humidity"], 0.0051),
            ("pressure", (ours["pressure_pa"] or 0) / 100, theirs["pressure"], 0.0051), ("battery", ours["battery_mv"], theirs["battery"], 0),
            ("x", gravity[0] and gravity[0] * 1000, theirs["acceleration_x"], 1e-6), ("movement", ours["movement_count"], theirs.get("movement_counter"), 0),
            ("sequence", ours["sequence"], theirs.get("measurement_sequence_number"), 0), ("power", ours["tx_power_dbm"], theirs.get("tx_power"), 0),
            ("mac", (ours["mac"] or "").replace(":", "") or None, theirs.get("mac"), 0),
        ]:
            close = isinstance(mine, (int, float)) and isinstance(yours, (int, float)) and abs(mine - yours) <= digits
            tally.check(ad.hex(), what, yours if close else mine, yours)
    return tally.tell()


def agree_theengs(binary, count):
    from TheengsDecoder import decodeBLE
    tally = Tally("TheengsDecoder", "ibeacon, ruuvi, microsoft, exposure")
    makers = [ibeacon, ruuvi, lambda: company(6, b"\x01\x09\x20\x02" + noise(23)), lambda: service(0xFD6F, noise(20))]
    ads = [R.choice(makers)() for _ in range(count)]
    for ad, line in zip(ads, decode(binary, [{"ad": ad.hex()} for ad in ads])):
        asked = {"id": "AA:BB:CC:DD:EE:FF"}
        if ad[1] == 0xFF:
            asked["manufacturerdata"] = ad[2:].hex()
        else:
            asked |= {"servicedatauuid": ad[3:1:-1].hex(), "servicedata": ad[4:].hex()}
        theirs = json.loads(decodeBLE(json.dumps(asked)) or "{}")
        check = lambda what, mine, yours: tally.check(ad.hex(), what, mine, yours)
        tally.frames += 1
        model = theirs.get("model_id")
        if model == "IBEACON":
            ours = first(line, "ibeacon")
            check("uuid", ours["uuid"].replace("-", ""), theirs.get("uuid"))
            # TheengsDecoder reads both as signed; Apple's specification says unsigned.
            check("major", ours["major"], theirs["major"] % 65536)
            check("minor", ours["minor"], theirs["minor"] % 65536)
            check("power", ours["measured_power_dbm"], theirs.get("txpower"))
        elif model and model.startswith("RuuviTag"):
            ours = first(line, "ruuvi")
            check("temperature", ours["temperature_c"], theirs.get("tempc"))
            check("humidity", ours["humidity_percent"], theirs.get("hum"))
            check("pressure", (ours["pressure_pa"] or 0) / 100, theirs.get("pres"))
            check("voltage", (ours["battery_mv"] or 0) / 1000, theirs.get("volt"))
        elif model == "MS-CDP":
            check("microsoft", bool(first(line, "microsoft-cdp")), True)
        elif model == "GAEN":
            check("exposure", bool(first(line, "exposure-notification")), True)
    return tally.tell()


def main():
    binary, folder = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    print(f"seed {SEED}, {count} frames a format")
    wrong = agree_advlib(binary, folder, count) + agree_bthome(binary, count) + agree_ruuvi(binary, count)
    wrong += agree_theengs(binary, min(count, 500))
    sys.exit(1 if wrong else 0)


main()
