// Milesight EM400-MUD: ultrasonic distance for waste containers.
// Records of channel, type and little-endian value follow one another (Milesight payload definition).
function decodeUplink(input) {
  var bytes = input.bytes;
  var data = {};
  var at = 0;
  while (at + 2 < bytes.length) {
    var kind = (bytes[at] << 8) | bytes[at + 1];
    at += 2;
    switch (kind) {
      case 0x0175: // battery, %
        data.battery = bytes[at];
        at += 1;
        break;
      case 0x0367: // temperature, 0.1 °C, signed
        data.temperature = signed16(bytes, at) / 10;
        at += 2;
        break;
      case 0x0482: // distance, mm
        data.distance = unsigned16(bytes, at);
        at += 2;
        break;
      case 0x0500: // position of the case
        data.position = bytes[at] === 0 ? "normal" : "tilt";
        at += 1;
        break;
      default: // the length of an unknown record is unknown too
        return { data: data, warnings: ["unknown record 0x" + kind.toString(16) + ", rest ignored"] };
    }
  }
  return { data: data };
}

function unsigned16(bytes, at) {
  if (at + 2 > bytes.length) throw new Error("frame cut short");
  return bytes[at] | (bytes[at + 1] << 8);
}

function signed16(bytes, at) {
  return (unsigned16(bytes, at) << 16) >> 16;
}
