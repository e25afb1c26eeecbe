// Yobiiq DSMR P1 bridge: what an electricity meter says on its customer port. Channel, type, big-endian value.
// The port tells the group: 3 measurements, 11 alarms, 20 history, 50 answers and registers, 100 parameters.
var ABOUT = { codecVersion: "1.0.0", genericModel: "DSMR", productCode: "P1002005", manufacturer: "YOBIIQ B.V." };

// type: name, where the maker gives one a second name, and by what the raw value is divided
var MEASUREMENTS = {
  0x13: { name: "electricityDeliveredToClient", alias: "totalImportedActiveEnergy", divisor: 1 }, // Wh
  0x1a: { name: "electricityPowerDelivered", alias: "totalImportedActivePower", divisor: 1 }, // W
  0x25: { name: "voltageL1", divisor: 10 }, // V
  0x28: { name: "currentL1", divisor: 1 }, // A
};

function decodeUplink(input) {
  var bytes = input.bytes;
  switch (input.fPort) {
    case 0:
      return done({ mac: "MAC COMMAND RECEIVED", fPort: 0 });
    case 3:
      return records(bytes, measurement);
    case 11:
      return records(bytes, alarm);
    case 20:
      return done(history(bytes));
    case 50:
      return bytes.length === 1 ? done(answer(bytes[0])) : records(bytes, register);
    case 100:
      return records(bytes, parameter);
    default:
      return { errors: ["unknown FPort"], warnings: [] };
  }
}

function done(data) {
  for (var name in ABOUT) data[name] = ABOUT[name];
  return { data: data, errors: [], warnings: [] };
}

// Reads records until the end; `read(kind, bytes, at, data)` returns the length of the value.
function records(bytes, read) {
  var data = {};
  var at = 0;
  while (at < bytes.length) {
    if (at + 2 > bytes.length) throw new Error("frame cut short");
    at += 2 + read((bytes[at] << 8) | bytes[at + 1], bytes, at + 2, data);
  }
  return done(data);
}

function unsigned(bytes, at, length) {
  if (at + length > bytes.length) throw new Error("frame cut short");
  var value = 0;
  for (var i = 0; i < length; i++) value = value * 256 + bytes[at + i];
  return value;
}

function unknown(kind) {
  throw new Error("unknown record 0x" + kind.toString(16));
}

function measurement(kind, bytes, at, data) {
  var known = kind >> 8 === 1 ? MEASUREMENTS[kind & 255] : undefined;
  if (!known) unknown(kind);
  data[known.name] = unsigned(bytes, at, 4) / known.divisor;
  if (known.alias) data[known.alias] = data[known.name];
  return 4;
}

function alarm(kind, bytes, at, data) {
  switch (kind) {
    case 0xa07a: // 0.01 °C, signed
      data.internalCircuitTemperature = ((unsigned(bytes, at, 2) << 16) >> 16) / 100;
      return 2;
    case 0xa1a7:
      data.lorawanWatchdogAlarm = unsigned(bytes, at, 1) ? "ALARM" : "NORMAL";
      return 1;
    default:
      return unknown(kind);
  }
}

function answer(code) {
  return { info: code === 0 ? "DOWNLINK COMMAND SUCCEEDED" : "DOWNLINK COMMAND FAILED" };
}

function register(kind, bytes, at, data) {
  switch (kind) {
    case 0xff64:
      data.deviceStatus = unsigned(bytes, at, 1) === 1 ? "NORMAL MODE" : "UNKNOWN";
      return 1;
    case 0xff6d: // mV
      data.batteryVoltage = unsigned(bytes, at, 2) / 1000;
      return 2;
    case 0xff9f:
      data.deviceClass = "CLASS " + ("ABC"[unsigned(bytes, at, 1)] || "UNKNOWN");
      return 1;
    case 0xffa0:
      data.adr = unsigned(bytes, at, 1) ? "ENABLED" : "DISABLED";
      return 1;
    default:
      return unknown(kind);
  }
}

function parameter(kind, bytes, at, data) {
  switch (kind) {
    case 0xffb4:
      data.dsmrProfile = unsigned(bytes, at, 1) === 1 ? "LUX" : "UNKNOWN";
      return 1;
    case 0xffdd:
      data.decryptionKey = hex(bytes, at, 16);
      return 16;
    default:
      return unknown(kind);
  }
}

function hex(bytes, at, length) {
  if (at + length > bytes.length) throw new Error("frame cut short");
  var text = "";
  for (var i = 0; i < length; i++) text += (bytes[at + i] < 16 ? "0" : "") + bytes[at + i].toString(16);
  return text.toUpperCase();
}

// The time of the package, then measurements with their age in seconds before it.
function history(bytes) {
  if (unsigned(bytes, 0, 2) !== 0x01fe) unknown(unsigned(bytes, 0, 2));
  var packaged = unsigned(bytes, 2, 4);
  var list = [];
  for (var at = 6; at < bytes.length; at += 8) {
    if (bytes[at] !== 0xa0) unknown((bytes[at] << 8) | bytes[at + 1]);
    var known = MEASUREMENTS[bytes[at + 1]];
    if (!known) unknown((bytes[at] << 8) | bytes[at + 1]);
    var entry = { name: known.name, data: unsigned(bytes, at + 4, 4) / known.divisor };
    if (known.alias) entry.alias = known.alias;
    entry.ts = packaged - unsigned(bytes, at + 2, 2);
    list.push(entry);
  }
  return { packageTimestamp: packaged, listOfMeasurements: list };
}
