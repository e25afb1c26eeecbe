// ELSYS ERS CO2: room sensor. Records of a type byte and a big-endian value follow one another (ELSYS payload format).
function decodeUplink(input) {
  var bytes = input.bytes;
  var data = {};
  var at = 0;
  while (at < bytes.length) {
    var kind = bytes[at++];
    switch (kind) {
      case 0x01: // 0.1 °C
        data.temperature = signed16(bytes, at) / 10;
        at += 2;
        break;
      case 0x02: // %
        data.humidity = byteAt(bytes, at++);
        break;
      case 0x04: // lx
        data.light = word16(bytes, at);
        at += 2;
        break;
      case 0x05: // movements since the last frame
        data.motion = byteAt(bytes, at++);
        break;
      case 0x06: // ppm
        data.co2 = word16(bytes, at);
        at += 2;
        break;
      case 0x07: // battery, mV
        data.vdd = word16(bytes, at);
        at += 2;
        break;
      default: // the length of an unknown record is unknown too
        return { data: data, warnings: ["unknown record 0x" + kind.toString(16) + ", rest ignored"] };
    }
  }
  return { data: data };
}

function byteAt(bytes, at) {
  if (at >= bytes.length) throw new Error("frame cut short");
  return bytes[at];
}

function word16(bytes, at) {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

function signed16(bytes, at) {
  var word = word16(bytes, at);
  return word > 32767 ? word - 65536 : word;
}
