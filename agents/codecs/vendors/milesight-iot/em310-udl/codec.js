// Milesight EM310-UDL: ultrasonic distance with a tilt switch.
// Records of channel, type and little-endian value follow one another (Milesight payload definition).
function decodeUplink(input) {
  var bytes = input.bytes;
  var data = {};
  var at = 0;
  while (at + 2 < bytes.length) {
    var kind = (bytes[at] << 8) | bytes[at + 1];
    at += 2;
    if (kind === 0x0175) {
      data.battery = bytes[at]; // %
      at += 1;
    } else if (kind === 0x0382 && at + 2 <= bytes.length) {
      data.distance = bytes[at] | (bytes[at + 1] << 8); // mm
      at += 2;
    } else if (kind === 0x0400) {
      data.tilt = bytes[at] === 0 ? "normal" : "tilt";
      at += 1;
    } else {
      return { data: data, warnings: ["unknown record 0x" + kind.toString(16) + ", rest ignored"] };
    }
  }
  return { data: data };
}
