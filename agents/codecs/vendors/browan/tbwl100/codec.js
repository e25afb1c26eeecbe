// Browan TBWL100: water leak. Port 106: status (bit 0 leak, 5 temperature changed, 6 humidity changed), battery
// ((25 + low nibble) / 10 V), board temperature, humidity, temperature (7 bits, °C + 32) (maker's data sheet).
function decodeUplink(input) {
  var bytes = input.bytes;
  if (input.fPort !== 106) return { errors: ["unknown FPort"] };
  if (bytes.length < 5) return { errors: ["frame cut short"] };
  return {
    data: {
      status: bytes[0] & 1,
      temperatureChanged: (bytes[0] >> 5) & 1,
      humidityChanged: (bytes[0] >> 6) & 1,
      battery: (25 + (bytes[1] & 0x0f)) / 10,
      temperatureBoard: (bytes[2] & 0x7f) - 32,
      humidity: bytes[3] & 0x7f,
      temperature: (bytes[4] & 0x7f) - 32,
    },
  };
}
