// MClimate Flood Sensor. First byte: reason in the upper three bits, bit 3 box opened, bit 2 water; second byte: battery
// in steps of 16 mV (maker's uplink description).
var REASONS = ["keepalive", "testButtonPressed", "floodDetected", "controlButtonPressed", "fraudDetected"];

function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes.length < 2) return { errors: ["frame cut short"] };
  var reason = REASONS[bytes[0] >> 5];
  if (reason === undefined) return { errors: ["unknown reason " + (bytes[0] >> 5)] };
  return {
    data: {
      reason: reason,
      boxTamper: (bytes[0] & 8) !== 0,
      flood: (bytes[0] & 4) !== 0,
      battery: (bytes[1] * 16) / 1000,
    },
  };
}
