// Decentlab DL-ATM41: weather station. Protocol 2: version, device, a bit per sensor present, then 16-bit big-endian
// words of the sensors in the order of their bits; words that can be negative travel with an offset (data sheet).
function value(name, displayName, unit, divisor) {
  return {
    name: name,
    displayName: displayName,
    unit: unit,
    convert: function (x) {
      return (x - 32768) / divisor;
    },
  };
}

var SENSORS = [
  {
    words: 17,
    values: [
      value("solar_radiation", "Solar radiation", "W⋅m⁻²", 1),
      value("precipitation", "Precipitation", "mm", 1000),
      value("lightning_strike_count", "Lightning strike count", null, 1),
      value("lightning_average_distance", "Lightning average distance", "km", 1),
      value("wind_speed", "Wind speed", "m⋅s⁻¹", 100),
      value("wind_direction", "Wind direction", "°", 10),
      value("maximum_wind_speed", "Maximum wind speed", "m⋅s⁻¹", 100),
      value("air_temperature", "Air temperature", "°C", 10),
      value("vapor_pressure", "Vapor pressure", "kPa", 100),
      value("atmospheric_pressure", "Atmospheric pressure", "kPa", 100),
      value("relative_humidity", "Relative humidity", "%", 10),
      value("sensor_temperature_internal", "Sensor temperature (internal)", "°C", 10),
      value("x_orientation_angle", "X orientation angle", "°", 10),
      value("y_orientation_angle", "Y orientation angle", "°", 10),
      value("compass_heading", "Compass heading", "°", 1),
      value("north_wind_speed", "North wind speed", "m⋅s⁻¹", 100),
      value("east_wind_speed", "East wind speed", "m⋅s⁻¹", 100),
    ],
  },
  {
    words: 1,
    values: [
      {
        name: "battery_voltage",
        displayName: "Battery voltage",
        unit: "V",
        convert: function (x) {
          return x / 1000;
        },
      },
    ],
  },
];

function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes[0] !== 2) return { errors: ["protocol version " + bytes[0] + " is not 2"] };
  var data = { protocol_version: 2, device_id: word16(bytes, 1) };
  var flags = word16(bytes, 3);
  var at = 5;
  for (var i = 0; i < SENSORS.length; i++) {
    if (!((flags >> i) & 1)) continue;
    var words = [];
    for (var k = 0; k < SENSORS[i].words; k++, at += 2) words.push(word16(bytes, at));
    SENSORS[i].values.forEach(function (each, k) {
      data[each.name] = reading(each, each.convert(words[each.word === undefined ? k : each.word]));
    });
  }
  return { data: data };
}

function word16(bytes, at) {
  if (at + 2 > bytes.length) throw new Error("frame cut short");
  return bytes[at] * 256 + bytes[at + 1];
}

function reading(sensor, value) {
  var result = { displayName: sensor.displayName, value: value };
  if (sensor.unit !== null) result.unit = sensor.unit;
  return result;
}
