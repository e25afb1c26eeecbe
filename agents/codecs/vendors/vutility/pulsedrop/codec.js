// Vutility PulseDrop: pulse counter of a water, gas or electricity meter.
// 0 kind of packet, 1 capacitor (255 = 5 V), 2 temperature (-40..80 °C), 3-6 pulses since start, big-endian.
var STANDARD = 0x1c;
var LOW_VOLTAGE = 3.4; // below it the device measures less often

function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes[0] !== STANDARD) return { errors: ["unknown packet 0x" + Number(bytes[0]).toString(16)] };
  if (bytes.length !== 11) return { errors: ["expected 11 bytes, got " + bytes.length] };
  var volts = (bytes[1] / 255) * 5;
  return {
    data: {
      pulseCount: ((bytes[3] * 256 + bytes[4]) * 256 + bytes[5]) * 256 + bytes[6],
      capacitorVoltage: volts,
      temperatureCelsius: (bytes[2] / 255) * 120 - 40,
    },
    errors: [],
    warnings: volts < LOW_VOLTAGE ? ["Low capacitor voltage may reduce transmit interval."] : [],
  };
}
