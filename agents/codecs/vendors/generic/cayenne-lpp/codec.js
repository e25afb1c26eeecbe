// Cayenne Low Power Payload: records of channel, type and big-endian value. Two styles of names circulate: flat
// (`temperature_3`, The Things Network and FIWARE) and nested (`temperatureSensor: {"3": …}`, ChirpStack), the latter
// where the variable `naming` is `nested`.
var TYPES = {
  0: { flat: "digital_in", nested: "digitalInput", read: unsigned(1, 1) },
  1: { flat: "digital_out", nested: "digitalOutput", read: unsigned(1, 1) },
  2: { flat: "analog_in", nested: "analogInput", read: signed(2, 100) },
  3: { flat: "analog_out", nested: "analogOutput", read: signed(2, 100) },
  100: { flat: "generic", nested: "genericSensor", read: unsigned(4, 1) },
  101: { flat: "luminosity", nested: "illuminanceSensor", read: unsigned(2, 1) },
  102: { flat: "presence", nested: "presenceSensor", read: unsigned(1, 1) },
  103: { flat: "temperature", nested: "temperatureSensor", read: signed(2, 10) },
  104: { flat: "relative_humidity", nested: "humiditySensor", read: unsigned(1, 2) },
  113: { flat: "accelerometer", nested: "accelerometer", read: members(["x", "y", "z"], signed(2, 1000)) },
  115: { flat: "barometric_pressure", nested: "barometer", read: unsigned(2, 10) },
  116: { flat: "voltage", nested: "voltage", read: unsigned(2, 100) },
  117: { flat: "current", nested: "current", read: unsigned(2, 1000) },
  118: { flat: "frequency", nested: "frequency", read: unsigned(4, 1) },
  120: { flat: "percentage", nested: "percentage", read: unsigned(1, 1) },
  121: { flat: "altitude", nested: "altitude", read: signed(2, 1) },
  125: { flat: "concentration", nested: "concentration", read: unsigned(2, 1) },
  128: { flat: "power", nested: "power", read: unsigned(2, 1) },
  130: { flat: "distance", nested: "distance", read: unsigned(4, 1000) },
  131: { flat: "energy", nested: "energy", read: unsigned(4, 1000) },
  132: { flat: "direction", nested: "direction", read: unsigned(2, 1) },
  133: { flat: "unix_time", nested: "unixTime", read: unsigned(4, 1) },
  134: { flat: "gyrometer", nested: "gyrometer", read: members(["x", "y", "z"], signed(2, 100)) },
  135: { flat: "colour", nested: "colour", read: members(["red", "green", "blue"], unsigned(1, 1)) },
  136: { flat: "gps", nested: "gpsLocation", read: position() },
  142: { flat: "switch", nested: "switch", read: unsigned(1, 1) },
};

function decodeUplink(input) {
  var bytes = input.bytes;
  var nested = input.variables && input.variables.naming === "nested";
  var data = {};
  var at = 0;
  while (at < bytes.length) {
    if (at + 2 > bytes.length) return { errors: ["frame cut short"] };
    var channel = bytes[at];
    var type = TYPES[bytes[at + 1]];
    if (!type) return { errors: ["unknown type " + bytes[at + 1] + " on channel " + channel] };
    at += 2;
    if (at + type.read.size > bytes.length) return { errors: ["frame cut short"] };
    var value = type.read.value(bytes, at);
    at += type.read.size;
    if (!nested) data[type.flat + "_" + channel] = value;
    else (data[type.nested] = data[type.nested] || {})[channel] = value;
  }
  return { data: data };
}

function whole(bytes, at, size) {
  var value = 0;
  for (var i = 0; i < size; i++) value = value * 256 + bytes[at + i];
  return value;
}

function signedWhole(bytes, at, size) {
  var value = whole(bytes, at, size);
  return bytes[at] > 127 ? value - Math.pow(256, size) : value;
}

function unsigned(size, divisor) {
  return { size: size, value: (bytes, at) => whole(bytes, at, size) / divisor };
}

function signed(size, divisor) {
  return { size: size, value: (bytes, at) => signedWhole(bytes, at, size) / divisor };
}

function members(names, each) {
  return {
    size: names.length * each.size,
    value: function (bytes, at) {
      var result = {};
      names.forEach((name, i) => (result[name] = each.value(bytes, at + i * each.size)));
      return result;
    },
  };
}

function position() {
  return {
    size: 9,
    value: (bytes, at) => ({
      latitude: signedWhole(bytes, at, 3) / 10000,
      longitude: signedWhole(bytes, at + 3, 3) / 10000,
      altitude: signedWhole(bytes, at + 6, 3) / 100,
    }),
  };
}
