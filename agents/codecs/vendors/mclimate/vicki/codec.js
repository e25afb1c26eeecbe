// MClimate Vicki: radiator thermostat. Periodic uplink (first byte 1): target, sensor and humidity, motor, flags
// (maker's uplink description). Downlink 0x0e sets the target in whole degrees.
function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes[0] !== 1) return { errors: ["no periodic uplink: first byte " + bytes[0]] };
  if (bytes.length < 9) return { errors: ["frame cut short"] };
  var position = bytes[4] | ((bytes[6] >> 4) << 8);
  var range = bytes[5] | ((bytes[6] & 0x0f) << 8);
  return {
    data: {
      reason: bytes[0],
      targetTemperature: bytes[1],
      targetTemperatureFloat: bytes[1],
      sensorTemperature: hundredths((bytes[2] * 165) / 256 - 40),
      relativeHumidity: hundredths((bytes[3] * 100) / 256),
      motorRange: range,
      motorPosition: position,
      valveOpenness: range === 0 ? 0 : Math.round((1 - position / range) * 100),
      batteryVoltage: 2 + (bytes[7] >> 4) / 10,
      openWindow: bit(bytes[7], 3),
      highMotorConsumption: bit(bytes[7], 2),
      lowMotorConsumption: bit(bytes[7], 1),
      brokenSensor: bit(bytes[7], 0),
      childLock: bit(bytes[8], 7),
      calibrationFailed: bit(bytes[8], 6),
      attachedBackplate: bit(bytes[8], 5),
      perceiveAsOnline: bit(bytes[8], 4),
      antiFreezeProtection: bit(bytes[8], 3),
    },
  };
}

function encodeDownlink(input) {
  var target = input.data.targetTemperature;
  if (typeof target !== "number" || !(target >= 5 && target <= 30)) {
    return { errors: ["targetTemperature is a number from 5 to 30, degrees Celsius"] };
  }
  return { bytes: [0x0e, Math.round(target)], fPort: 1 };
}

function bit(byte, number) {
  return ((byte >> number) & 1) === 1;
}

function hundredths(value) {
  return Math.round(value * 100) / 100;
}
