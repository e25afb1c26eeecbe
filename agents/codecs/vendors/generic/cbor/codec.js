// CBOR (RFC 8949): one map whose members are the measures.
var DEPTH = 16; // of maps and lists in each other; a frame has 242 bytes

function decodeUplink(input) {
  var reader = { bytes: input.bytes, at: 0 };
  var value = item(reader, 0);
  if (reader.at !== input.bytes.length) return { errors: ["bytes are left after the first item"] };
  if (value === null || typeof value !== "object" || Array.isArray(value)) return { errors: ["the frame is no map"] };
  return { data: value };
}

function item(reader, depth) {
  if (depth > DEPTH) throw new Error("nested too deeply");
  var first = next(reader);
  var major = first >> 5;
  var low = first & 31;
  if (major === 7) return simple(reader, low);
  var size = low === 31 ? null : argument(reader, low);
  if (size === null && (major < 2 || major === 6)) throw new Error("no item has an indefinite number");
  if (major === 0) return size;
  if (major === 1) return -1 - size;
  if (major === 2) return string(reader, size, major).map((each) => (each + 256).toString(16).slice(1)).join("");
  if (major === 3) return Buffer.from(string(reader, size, major)).toString("utf8");
  if (major === 4) return list(reader, size, depth);
  if (major === 5) return map(reader, size, depth);
  return item(reader, depth + 1); // a tag says how to see the item that follows it
}

function next(reader) {
  if (reader.at >= reader.bytes.length) throw new Error("frame cut short");
  return reader.bytes[reader.at++];
}

function argument(reader, low) {
  if (low < 24) return low;
  if (low > 27) throw new Error("malformed head");
  for (var value = 0, i = 0; i < 1 << (low - 24); i++) value = value * 256 + next(reader);
  return value;
}

function string(reader, size, major) {
  var bytes = [];
  if (size !== null) {
    for (var i = 0; i < size; i++) bytes.push(next(reader));
    return bytes;
  }
  for (var first = next(reader); first !== 0xff; first = next(reader)) {
    if (first >> 5 !== major || (first & 31) === 31) throw new Error("malformed pieces");
    bytes = bytes.concat(string(reader, argument(reader, first & 31), major));
  }
  return bytes;
}

function ended(reader, size, read) {
  if (size !== null) return read >= size;
  if (reader.bytes[reader.at] !== 0xff) return false;
  reader.at++;
  return true;
}

function list(reader, size, depth) {
  var items = [];
  while (!ended(reader, size, items.length)) items.push(item(reader, depth + 1));
  return items;
}

function map(reader, size, depth) {
  var result = {};
  for (var read = 0; !ended(reader, size, read); read++) {
    var name = String(item(reader, depth + 1));
    result[name] = item(reader, depth + 1);
  }
  return result;
}

function simple(reader, low) {
  if (low === 20 || low === 21) return low === 21;
  if (low === 22 || low === 23) return null;
  if (low === 25) return half(next(reader) * 256 + next(reader));
  if (low !== 26 && low !== 27) throw new Error("unknown simple value");
  var size = low === 26 ? 4 : 8;
  var buffer = Buffer.alloc(size);
  for (var i = 0; i < size; i++) buffer[i] = next(reader);
  return size === 4 ? single(buffer.readFloatBE(0)) : buffer.readDoubleBE(0);
}

function half(bits) {
  var exponent = (bits >> 10) & 31;
  var fraction = bits & 1023;
  var value = exponent === 0 ? fraction * Math.pow(2, -24) : (fraction + 1024) * Math.pow(2, exponent - 25);
  if (exponent === 31) value = fraction ? NaN : Infinity;
  return bits & 0x8000 ? -value : value;
}

// 21.4 as a single is 21.399999618…: seven digits say all that a single holds.
function single(value) {
  return Number(value.toPrecision(7));
}
