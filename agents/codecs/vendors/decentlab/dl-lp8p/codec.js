// Decentlab DL-LP8P: CO2, temperature, humidity and pressure. Protocol 2: version, device, a bit per sensor present,
// then 16-bit big-endian words of the sensors in the order of their bits (Decentlab data sheet).
function word(displayName, unit, convert) {
  return { displayName: displayName, unit: unit, convert: convert };
}

// Words that can be negative travel with an offset.
function centred(x) {
  return x - 32768;
}

function centredHundredth(x) {
  return centred(x) / 100;
}

function thousandth(x) {
  return x / 1000;
}

function same(x) {
  return x;
}

var SENSORS = [
  {
    air_temperature: word("Air temperature", "°C", function (x) { return (175.72 * x) / 65536 - 46.85; }),
    air_humidity: word("Air humidity", "%", function (x) { return (125 * x) / 65536 - 6; }),
  },
  {
    barometer_temperature: word("Barometer temperature", "°C", function (x) { return (x - 5000) / 100; }),
    barometric_pressure: word("Barometric pressure", "Pa", function (x) { return x * 2; }),
  },
  {
    co2_concentration: word("CO2 concentration", "ppm", centred),
    co2_concentration_lpf: word("CO2 concentration LPF", "ppm", centred),
    co2_sensor_temperature: word("CO2 sensor temperature", "°C", centredHundredth),
    capacitor_voltage_1: word("Capacitor voltage 1", "V", thousandth),
    capacitor_voltage_2: word("Capacitor voltage 2", "V", thousandth),
    co2_sensor_status: word("CO2 sensor status", null, same),
    raw_ir_reading: word("Raw IR reading", null, same),
    raw_ir_reading_lpf: word("Raw IR reading LPF", null, same),
  },
  { battery_voltage: word("Battery voltage", "V", thousandth) },
];

function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes[0] !== 2) return { errors: ["protocol version " + bytes[0] + " is not 2"] };
  var data = { protocol_version: 2, device_id: word16(bytes, 1) };
  var flags = word16(bytes, 3);
  var at = 5;
  for (var i = 0; i < SENSORS.length; i++) {
    if (!((flags >> i) & 1)) continue;
    for (var name in SENSORS[i]) {
      data[name] = reading(SENSORS[i][name], word16(bytes, at));
      at += 2;
    }
  }
  return { data: data };
}

function word16(bytes, at) {
  if (at + 2 > bytes.length) throw new Error("frame cut short");
  return bytes[at] * 256 + bytes[at + 1];
}

function reading(sensor, raw) {
  var result = { displayName: sensor.displayName, value: sensor.convert(raw) };
  if (sensor.unit !== null) result.unit = sensor.unit;
  return result;
}
