// Decentlab DL-TRS12: soil moisture, temperature and conductivity. Protocol 2: version, device, a bit per sensor
// present, then 16-bit big-endian words of the sensors in the order of their bits (Decentlab data sheet).
function permittivity(x) {
  var raw = x / 10;
  return Math.pow(0.000000002887 * Math.pow(raw, 3) - 0.0000208 * Math.pow(raw, 2) + 0.05276 * raw - 43.39, 2);
}

function waterContent(x) {
  return (x / 10) * 0.0003879 - 0.6956; // mineral soil
}

function centredTenth(x) {
  return (x - 32768) / 10;
}

function same(x) {
  return x;
}

function thousandth(x) {
  return x / 1000;
}

var SENSORS = [
  {
    words: 3,
    values: [
      { name: "dielectric_permittivity", word: 0, displayName: "Dielectric permittivity", unit: null, convert: permittivity },
      { name: "volumetric_water_content", word: 0, displayName: "Volumetric water content", unit: "m³⋅m⁻³", convert: waterContent },
      { name: "soil_temperature", word: 1, displayName: "Soil temperature", unit: "°C", convert: centredTenth },
      { name: "electrical_conductivity", word: 2, displayName: "Electrical conductivity", unit: "µS⋅cm⁻¹", convert: same },
    ],
  },
  { words: 1, values: [{ name: "battery_voltage", displayName: "Battery voltage", unit: "V", convert: thousandth }] },
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
