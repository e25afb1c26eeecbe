// Bosch TPS110 parking lot sensor: the port says which of three messages it is (Bosch communication interface).
var RESET_CAUSES = { 1: "watchdog", 2: "power on", 3: "system request" };

function decodeUplink(input) {
  var bytes = input.bytes;
  switch (input.fPort) {
    case 1:
      return sized(bytes, 1) || { data: { type: "parking status", occupied: occupied(bytes[0]) } };
    case 2:
      return (
        sized(bytes, 2) || {
          data: { type: "heartbeat", occupied: occupied(bytes[0]), temperature: (bytes[1] << 24) >> 24 },
        }
      );
    case 3:
      return sized(bytes, 17) || { data: startup(bytes) };
    default:
      return { errors: ["unknown FPort"] };
  }
}

function sized(bytes, length) {
  return bytes.length === length ? null : { errors: ["expected " + length + " bytes, got " + bytes.length] };
}

function occupied(byte) {
  return (byte & 1) === 1;
}

// Three debug codes of four bytes, one byte unused, firmware, cause of the reset, state of the spot.
function startup(bytes) {
  var codes = [];
  for (var i = 0; i < 12; i += 4) {
    var code = bytes[i] | (bytes[i + 1] << 8);
    if (code !== 0) codes.push(code);
  }
  return {
    type: "startup",
    debugCodes: codes,
    firmwareVersion: bytes[12] + "." + bytes[13] + "." + bytes[14],
    resetCause: RESET_CAUSES[bytes[15]] || "other",
    occupied: occupied(bytes[16]),
  };
}
