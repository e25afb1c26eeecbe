// Browan TBSL100: sound level. Port 105: status, battery ((25 + low nibble) / 10 V), board temperature (7 bits, °C + 32),
// level in dB (maker's data sheet).
function decodeUplink(input) {
  var bytes = input.bytes;
  if (input.fPort !== 105) return { errors: ["unknown FPort"] };
  if (bytes.length < 4) return { errors: ["frame cut short"] };
  return {
    data: {
      status: bytes[0],
      battery: (25 + (bytes[1] & 0x0f)) / 10,
      temperatureBoard: (bytes[2] & 0x7f) - 32,
      decibel: bytes[3],
    },
  };
}
