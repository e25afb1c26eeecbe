// Milesight VS121: camera that counts people and tells which regions of its view are occupied.
// Records of channel and type follow one another (Milesight payload definition).
function decodeUplink(input) {
  var bytes = input.bytes;
  var data = {};
  var at = 0;
  while (at + 2 < bytes.length) {
    var kind = (bytes[at] << 8) | bytes[at + 1];
    at += 2;
    if (kind === 0x04c9 && at + 4 <= bytes.length) {
      count(bytes, at, data); // people, regions, mask of regions
      at += 4;
    } else if (kind === 0x05cc && at + 4 <= bytes.length) {
      data.people_in = bytes[at] | (bytes[at + 1] << 8);
      data.people_out = bytes[at + 2] | (bytes[at + 3] << 8);
      at += 4;
    } else {
      return { data: data, warnings: ["unknown record 0x" + kind.toString(16) + ", rest ignored"] };
    }
  }
  return { data: data };
}

// The maker's published example takes the mask from the first two bytes, its guide from the last two; the example is
// followed here, and the mapping to the entity uses the count alone.
function count(bytes, at, data) {
  var mask = (bytes[at] << 8) | bytes[at + 1];
  data.people_counter_all = bytes[at];
  data.region_count = bytes[at + 1];
  data.regions = [];
  for (var i = 0; i < Math.min(data.region_count, 16); i++) data.regions.push({ index: i, count: (mask >> i) & 1 });
}
