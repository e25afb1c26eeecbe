// Milesight WS558: eight-channel light controller with metering.
// Records of channel, type and little-endian value follow one another (Milesight payload definition).
function decodeUplink(input) {
  var bytes = input.bytes;
  var data = {};
  var at = 0;
  while (at + 2 < bytes.length) {
    var kind = (bytes[at] << 8) | bytes[at + 1];
    at += 2;
    switch (kind) {
      case 0x0374: // voltage, 0.1 V
        data.voltage = unsigned(bytes, at, 2) / 10;
        at += 2;
        break;
      case 0x0480: // active power, W
        data.power = unsigned(bytes, at, 4);
        at += 4;
        break;
      case 0x0581: // power factor, %
        data.power_factor = bytes[at];
        at += 1;
        break;
      case 0x0683: // energy since installation, Wh
        data.power_consumption = unsigned(bytes, at, 4);
        at += 4;
        break;
      case 0x07c9: // current, mA
        data.current = unsigned(bytes, at, 2);
        at += 2;
        break;
      case 0x0831: // a mask of changed switches, then the state of the eight
        switches(unsigned(bytes, at, 2) >> 8, data);
        at += 2;
        break;
      default: // the length of an unknown record is unknown too
        return { data: data, warnings: ["unknown record 0x" + kind.toString(16) + ", rest ignored"] };
    }
  }
  return { data: data };
}

// Downlink 0x08: a mask of the switches to set, then their states; the others stay as they are.
function encodeDownlink(input) {
  var mask = 0;
  var state = 0;
  for (var i = 0; i < 8; i++) {
    var wanted = input.data["switch_" + (i + 1)];
    if (wanted === undefined) continue;
    if (wanted !== "on" && wanted !== "off") return { errors: ["switch_" + (i + 1) + ' is "on" or "off"'] };
    mask |= 1 << i;
    if (wanted === "on") state |= 1 << i;
  }
  if (mask === 0) return { errors: ["none of switch_1 to switch_8 is there"] };
  return { bytes: [0x08, mask, state], fPort: 85 };
}

function unsigned(bytes, at, length) {
  if (at + length > bytes.length) throw new Error("frame cut short");
  var value = 0;
  for (var i = length - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
  return value;
}

function switches(state, data) {
  for (var i = 0; i < 8; i++) data["switch_" + (i + 1)] = (state >> i) & 1 ? "on" : "off";
}
